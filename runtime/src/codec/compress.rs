//! Compression of payloads: never larger than the original, and never more output than was announced.
//!
//! A frame says how long its payload is once decompressed. The output buffer is made exactly that long, and only after
//! the length was checked against the limit, so a stream that yields more, or less, is an error and not an allocation.

use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

use crate::error::{Error, ErrorKind, Result};

const ZLIB_LEVEL: i32 = 6;
#[cfg(feature = "zstd")]
const ZSTD_LEVEL: i32 = 3;

/// How a payload is compressed.
///
/// Default: `Zstd` with feature `zstd` (about four times as fast as zlib at the same ratio), else `Zlib`. `Lz4` is
/// never a default: choose it where decompression speed counts for more than size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Stored as it is.
    None,
    /// zlib; always present. Levels 0 to 9, default: 6.
    #[cfg_attr(not(feature = "zstd"), default)]
    Zlib,
    /// Zstandard; feature `zstd`. Levels 1 to 22 and negative ones for speed, default: 3.
    #[cfg(feature = "zstd")]
    #[default]
    Zstd,
    /// LZ4 blocks; feature `lz4`. Has no levels.
    #[cfg(feature = "lz4")]
    Lz4,
}

/// All compressors there are, compiled in or not: number and word, which also is the feature's name.
const WORDS: [(u8, &str); 4] = [(0, "none"), (1, "zlib"), (2, "zstd"), (3, "lz4")];

impl Compression {
    const PRESENT: &[Self] = &[
        Self::None,
        Self::Zlib,
        #[cfg(feature = "zstd")]
        Self::Zstd,
        #[cfg(feature = "lz4")]
        Self::Lz4,
    ];

    /// The number that stands for the compressor in a frame; it never changes, whatever the features.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Zlib => 1,
            #[cfg(feature = "zstd")]
            Self::Zstd => 2,
            #[cfg(feature = "lz4")]
            Self::Lz4 => 3,
        }
    }

    /// The compressor of this number.
    ///
    /// # Errors
    /// [`ErrorKind::Frame`] if no compressor has this number, or if it is not compiled in: then `feature` is named.
    pub fn from_number(number: u8) -> Result<Self> {
        if let Some(found) = Self::PRESENT.iter().find(|c| c.number() == number) {
            return Ok(*found);
        }
        Err(match WORDS.iter().find(|(n, _)| *n == number) {
            Some((_, feature)) => {
                let message = "the frame's compression is not compiled in: switch on the feature";
                Error::new(ErrorKind::Frame, message).with("feature", feature)
            }
            None => Error::new(ErrorKind::Frame, "the frame's compression is unknown here").with("number", number),
        })
    }

    /// The word for the compressor in settings.
    #[must_use]
    pub const fn word(self) -> &'static str {
        WORDS[self.number() as usize].1
    }

    /// The levels there are; `None` if there are none to choose from.
    pub(crate) fn levels(self) -> Option<RangeInclusive<i32>> {
        match self {
            Self::None => None,
            Self::Zlib => Some(0..=9),
            #[cfg(feature = "zstd")]
            Self::Zstd => Some(zstd::compression_level_range()),
            #[cfg(feature = "lz4")]
            Self::Lz4 => None,
        }
    }

    /// The compressed bytes, or `None` if they would not be smaller than `raw`.
    ///
    /// A `level` out of the compressor's range means its nearest. Default: the compressor's own. Cost: contexts are
    /// kept per thread, so that a small payload does not pay for setting up a large one.
    #[must_use]
    pub fn compress(self, raw: &[u8], level: Option<i32>) -> Option<Vec<u8>> {
        let out = match self {
            Self::None => None,
            Self::Zlib => zlib(raw, level.unwrap_or(ZLIB_LEVEL)),
            #[cfg(feature = "zstd")]
            Self::Zstd => zstandard(raw, level.unwrap_or(ZSTD_LEVEL)),
            #[cfg(feature = "lz4")]
            Self::Lz4 => lz4(raw),
        };
        out.filter(|out| out.len() < raw.len())
    }

    /// The original bytes, exactly `raw_len` of them.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if `raw_len` is over `limit`, before anything is allocated; [`ErrorKind::Frame`] if the
    /// bytes are not exactly one intact stream of that length.
    pub fn decompress(self, bytes: &[u8], raw_len: usize, limit: usize) -> Result<Vec<u8>> {
        if raw_len > limit {
            return Err(super::payload::too_large(limit));
        }
        let out = match self {
            Self::None => Some(bytes).filter(|b| b.len() == raw_len).map(<[u8]>::to_vec),
            Self::Zlib => unzlib(bytes, raw_len),
            #[cfg(feature = "zstd")]
            Self::Zstd => unzstandard(bytes, raw_len),
            #[cfg(feature = "lz4")]
            Self::Lz4 => unlz4(bytes, raw_len),
        };
        out.filter(|out| out.len() == raw_len).ok_or_else(|| {
            let message = "the payload does not decompress to the length its frame announces";
            Error::new(ErrorKind::Frame, message).with("compression", self)
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Compression {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        if let Some(found) = Self::PRESENT.iter().find(|c| c.word() == word) {
            return Ok(*found);
        }
        let message = match WORDS.iter().find(|(_, w)| *w == word) {
            Some((_, feature)) => format!("`{feature}` is not compiled in: switch on the feature of that name"),
            None => "must be one of `none`, `zlib`, `zstd`, `lz4`".to_owned(),
        };
        Err(Error::config("compression", message).with("given", word))
    }
}

fn zlib(raw: &[u8], level: i32) -> Option<Vec<u8>> {
    thread_local! {
        static CONTEXT: RefCell<Option<(u32, Compress)>> = const { RefCell::new(None) };
    }
    let level = level.clamp(0, 9).unsigned_abs();
    CONTEXT.with_borrow_mut(|kept| {
        if kept.as_ref().is_none_or(|(of, _)| *of != level) {
            *kept = Some((level, Compress::new(flate2::Compression::new(level), true)));
        }
        let (_, context) = kept.as_mut()?;
        context.reset();
        // One byte less than the original: what does not fit is not wanted.
        let mut out = Vec::with_capacity(raw.len().checked_sub(1)?);
        let status = context.compress_vec(raw, &mut out, FlushCompress::Finish).ok()?;
        (status == Status::StreamEnd).then_some(out)
    })
}

fn unzlib(bytes: &[u8], raw_len: usize) -> Option<Vec<u8>> {
    thread_local! {
        static CONTEXT: RefCell<Decompress> = RefCell::new(Decompress::new(true));
    }
    CONTEXT.with_borrow_mut(|context| {
        context.reset(true);
        let mut out = Vec::with_capacity(raw_len);
        let status = context.decompress_vec(bytes, &mut out, FlushDecompress::Finish).ok()?;
        let whole = status == Status::StreamEnd && context.total_in() == bytes.len() as u64;
        whole.then_some(out)
    })
}

#[cfg(feature = "zstd")]
fn zstandard(raw: &[u8], level: i32) -> Option<Vec<u8>> {
    thread_local! {
        static CONTEXT: RefCell<Option<(i32, zstd::bulk::Compressor<'static>)>> = const { RefCell::new(None) };
    }
    let range = zstd::compression_level_range();
    let level = level.clamp(*range.start(), *range.end());
    CONTEXT.with_borrow_mut(|kept| {
        if kept.as_ref().is_none_or(|(of, _)| *of != level) {
            *kept = Some((level, zstd::bulk::Compressor::new(level).ok()?));
        }
        let (_, context) = kept.as_mut()?;
        let mut out = Vec::with_capacity(raw.len().checked_sub(1)?);
        context.compress_to_buffer(raw, &mut out).ok()?;
        Some(out)
    })
}

#[cfg(feature = "zstd")]
fn unzstandard(bytes: &[u8], raw_len: usize) -> Option<Vec<u8>> {
    thread_local! {
        static CONTEXT: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    }
    CONTEXT.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = Some(zstd::bulk::Decompressor::new().ok()?);
        }
        // In one call from slice to slice: the buffer is the window, so a stream cannot ask for a larger one.
        let mut out = Vec::with_capacity(raw_len);
        kept.as_mut()?.decompress_to_buffer(bytes, &mut out).ok()?;
        Some(out)
    })
}

#[cfg(feature = "lz4")]
fn lz4(raw: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![0; lz4_flex::block::get_maximum_output_size(raw.len())];
    let len = lz4_flex::block::compress_into(raw, &mut out).ok()?;
    out.truncate(len);
    Some(out)
}

#[cfg(feature = "lz4")]
fn unlz4(bytes: &[u8], raw_len: usize) -> Option<Vec<u8>> {
    // A buffer of fresh zeros: whatever a broken stream leaves unwritten shows nothing of other payloads.
    let mut out = vec![0; raw_len];
    let len = lz4_flex::block::decompress_into(bytes, &mut out).ok()?;
    (len == raw_len).then_some(out)
}
