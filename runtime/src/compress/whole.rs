//! Streams that stand for themselves: what other programs write and read, of which nobody says how long they will be.
//!
//! Output is made room for as it comes, so that a stream of little that stands for much costs no more than the limit allows,
//! or twice as much while it grows (zlib, gzip).

#[cfg(feature = "zstd")]
use std::io::Read as _;

use flate2::{FlushDecompress, Status};

use super::block::{self, Wrap};
use super::method::Compression;
#[cfg(feature = "zstd")]
use super::stream::Reader;
use crate::error::{Error, ErrorKind, Result};

/// As much more room is made at a time, at least.
const STEP: usize = 4 << 10;

impl Compression {
    /// The compressed bytes as a stream of their own, as the compressor's own tools have it; `None` if they would not be
    /// smaller.
    pub(super) fn whole(self, raw: &[u8], level: Option<i32>) -> Option<Vec<u8>> {
        match self {
            #[cfg(feature = "lz4")]
            Self::Lz4 => super::lz4::whole(raw).filter(|out| out.len() < raw.len()),
            _ => self.compress(raw, level),
        }
    }

    /// The bytes that such a stream stands for.
    pub(super) fn open_whole(self, bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
        match self {
            Self::None if bytes.len() > limit => Err(over(limit)),
            Self::None => Ok(bytes.to_vec()),
            Self::Zlib => inflate(bytes, limit, Wrap::Zlib, self),
            Self::Gzip => inflate(bytes, limit, Wrap::Gzip, self),
            #[cfg(feature = "zstd")]
            Self::Zstd => match super::zstandard::said_length(bytes) {
                Some(len) if len > limit => Err(over(limit)),
                Some(len) => block::unzstandard(bytes, len).filter(|out| out.len() == len).ok_or_else(|| broken(self)),
                None => read_all(self, bytes, limit),
            },
            #[cfg(feature = "lz4")]
            Self::Lz4 => {
                let out = super::lz4::open(bytes, limit).map_err(|_| broken(self))?;
                if out.len() > limit { Err(over(limit)) } else { Ok(out) }
            }
        }
    }
}

/// The compressor whose stream begins so, among those whose beginning says it.
pub(super) fn kind_of(bytes: &[u8]) -> Option<Compression> {
    match bytes {
        // 32 KiB windows, as everybody writes them; the two bytes are a multiple of 31.
        [0x78, flags, ..] if (0x7800 + u16::from(*flags)).is_multiple_of(31) => Some(Compression::Zlib),
        [0x1F, 0x8B, 0x08, ..] => Some(Compression::Gzip),
        #[cfg(feature = "zstd")]
        [0x28, 0xB5, 0x2F, 0xFD, ..] => Some(Compression::Zstd),
        #[cfg(feature = "lz4")]
        [0x04, 0x22, 0x4D, 0x18, ..] => Some(Compression::Lz4),
        _ => None,
    }
}

fn inflate(bytes: &[u8], limit: usize, wrap: Wrap, method: Compression) -> Result<Vec<u8>> {
    block::inflating(wrap, |context| {
        let mut out = Vec::with_capacity(bytes.len().saturating_mul(6).clamp(STEP, STEP.max(limit)));
        loop {
            let read = usize::try_from(context.total_in()).map_err(|_| broken(method))?;
            let (before, rest) = (out.len(), bytes.get(read..).unwrap_or_default());
            let status = context.decompress_vec(rest, &mut out, FlushDecompress::None).map_err(|_| broken(method))?;
            if out.len() > limit {
                return Err(over(limit));
            }
            if status == Status::StreamEnd {
                let whole = context.total_in() == bytes.len() as u64;
                return if whole { Ok(out) } else { Err(broken(method)) };
            }
            if out.len() < out.capacity() && (rest.is_empty() || out.len() == before) {
                return Err(broken(method));
            }
            // One more than the limit, so that a stream that has it to the byte can still come to its end.
            let room = out.capacity().max(STEP).min(limit.saturating_sub(out.len()) + 1);
            out.reserve(room);
        }
    })
}

/// All that such a stream stands for, and nothing may follow it.
#[cfg(feature = "zstd")]
fn read_all(method: Compression, bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    // One more, so that what is too long is told from what is broken.
    let reader = Reader::new(method, bytes, limit.saturating_add(1))?;
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(most).read_to_end(&mut out).map_err(|_| broken(method))?;
    if out.len() > limit { Err(over(limit)) } else { Ok(out) }
}

pub(super) fn broken(method: Compression) -> Error {
    let message =
        "the bytes are not one whole stream of this compression: were they cut, or written by something else?";
    Error::new(ErrorKind::Codec, message).with("compression", method)
}

pub(super) fn over(limit: usize) -> Error {
    let message = "what the bytes stand for is over the limit: raise `max_output` if they are to be trusted";
    Error::new(ErrorKind::TooLarge, message).with("max_output", limit)
}
