//! Streams that stand for themselves: what other programs write and read, of which nobody says how long they will be.
//!
//! gzip, zstd and LZ4 streams may stand one behind the other (RFC 1952, section 2.2; RFC 8878, section 3.1; the LZ4 frame
//! format), and are one body then; behind a zlib stream nothing may follow.
//!
//! Output is made room for as it comes, so that a stream of little that stands for much costs no more than the limit allows,
//! or twice as much while it grows (zlib, gzip).

use std::cell::Cell;
#[cfg(feature = "zstd")]
use std::io::Read as _;

use flate2::{Decompress, FlushDecompress, Status};

use super::block::{self, Wrap};
use super::gzip;
use super::method::Compression;
#[cfg(feature = "zstd")]
use super::stream::Reader;
#[cfg(feature = "zstd")]
use super::zstandard;
use crate::error::{Error, ErrorKind, Result};

/// As much more room is made at a time, at least.
const STEP: usize = 4 << 10;
/// A stream that does not say how long it will be is thought to become so many sixteenths as long, until one was read.
const USUAL: usize = 8 * 16;
const MOST: usize = 64 * 16;

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
            Self::Zlib => inflate(bytes, limit),
            Self::Gzip => gunzip(bytes, limit),
            #[cfg(feature = "zstd")]
            Self::Zstd => unzstandard(bytes, limit),
            #[cfg(feature = "lz4")]
            Self::Lz4 => {
                let out = super::lz4::open(bytes, limit).map_err(|_| broken(self))?;
                if out.len() > limit { Err(over(limit)) } else { Ok(fitted(out)) }
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

/// Exactly one zlib stream.
fn inflate(bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    thread_local! {
        /// As many times as long became the last one that this thread read: the next is seldom much longer. Too much room
        /// would be given back, and each time anew be asked of the system where it is much.
        static LAST: Cell<usize> = const { Cell::new(USUAL) };
    }
    let guess = bytes.len().saturating_mul(LAST.get()) / 16;
    let mut out = room(guess.saturating_add(guess / 16), limit);
    let read = block::inflating(Wrap::Zlib, |context| {
        deflated(context, bytes, &mut out, limit).map_err(|fault| fault.told(Compression::Zlib, limit))
    })?;
    if read != bytes.len() {
        return Err(broken(Compression::Zlib));
    }
    LAST.set((out.len().saturating_mul(16) / bytes.len().max(1) + 1).min(MOST));
    Ok(fitted(out))
}

/// One gzip member, or several one behind the other.
fn gunzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    let broken = || broken(Compression::Gzip);
    // No deflated stream becomes longer than 1,032 times itself.
    let said = gzip::said_length(bytes).min(bytes.len().saturating_mul(1_032));
    let (mut out, mut rest) = (room(said, limit), bytes);
    block::inflating(Wrap::Gzip, |context| {
        loop {
            let (head, before) = (gzip::head(rest).ok_or_else(broken)?, out.len());
            let read = deflated(context, &rest[head..], &mut out, limit);
            let read = read.map_err(|fault| fault.told(Compression::Gzip, limit))?;
            rest = gzip::after_tail(&rest[head + read..], &out[before..]).ok_or_else(broken)?;
            if rest.is_empty() {
                return Ok::<(), Error>(());
            }
            context.reset(false);
        }
    })?;
    Ok(fitted(out))
}

/// One zstd frame, as it is nearly always, or several.
#[cfg(feature = "zstd")]
fn unzstandard(bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    let method = Compression::Zstd;
    let of = |len| block::unzstandard(bytes, len).filter(|out| out.len() == len);
    let first = zstandard::said_by_first(bytes);
    match first {
        Some(len) if len > limit => return Err(over(limit)),
        Some(len) => {
            if let Some(out) = of(len) {
                return Ok(out);
            }
        }
        None => {}
    }
    match zstandard::said_length(bytes) {
        Some(all) if all > limit => Err(over(limit)),
        all @ Some(_) if all == first => Err(broken(method)),
        Some(all) => of(all).ok_or_else(|| broken(method)),
        None => read_all(method, bytes, limit),
    }
}

enum Fault {
    Broken,
    Over,
}

impl Fault {
    fn told(self, method: Compression, limit: usize) -> Error {
        match self {
            Self::Broken => broken(method),
            Self::Over => over(limit),
        }
    }
}

/// Room for so much, but for a byte more than is allowed: a stream that has it to the byte still has to come to its end.
fn room(len: usize, limit: usize) -> Vec<u8> {
    Vec::with_capacity(len.max(STEP).min(limit.saturating_add(1)))
}

/// Reads one stream to its end, behind what there is, and says how many bytes it took.
fn deflated(
    context: &mut Decompress,
    bytes: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
) -> std::result::Result<usize, Fault> {
    loop {
        let read = usize::try_from(context.total_in()).map_err(|_| Fault::Broken)?;
        let (before, rest) = (out.len(), bytes.get(read..).unwrap_or_default());
        // As if all of it fitted: then the context keeps no copy of what it gave.
        let status = context.decompress_vec(rest, out, FlushDecompress::Finish).map_err(|_| Fault::Broken)?;
        if out.len() > limit {
            return Err(Fault::Over);
        }
        if status == Status::StreamEnd {
            return usize::try_from(context.total_in()).map_err(|_| Fault::Broken);
        }
        let stands = context.total_in() == read as u64 && out.len() == before;
        if out.len() < out.capacity() && (stands || context.total_in() == bytes.len() as u64) {
            return Err(Fault::Broken);
        }
        out.reserve_exact(out.len().max(STEP).min(limit.saturating_sub(out.len()) + 1));
    }
}

/// Without the room that was left, where that is more than an eighth: what comes out may be kept for long.
pub(super) fn fitted(mut out: Vec<u8>) -> Vec<u8> {
    if out.capacity() - out.len() > out.len() / 8 {
        out.shrink_to_fit();
    }
    out
}

/// All that such a stream stands for, and nothing may follow it.
#[cfg(feature = "zstd")]
fn read_all(method: Compression, bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    // One more, so that what is too long is told from what is broken.
    let reader = Reader::new(method, bytes, limit.saturating_add(1))?;
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(most).read_to_end(&mut out).map_err(|_| broken(method))?;
    if out.len() > limit { Err(over(limit)) } else { Ok(fitted(out)) }
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
