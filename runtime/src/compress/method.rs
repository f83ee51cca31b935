//! The compressors there are: their words, their numbers in frames, and their levels.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::block;
use crate::error::{Error, ErrorKind, Result};

/// How bytes are compressed.
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
    /// LZ4; feature `lz4`. Has no levels.
    #[cfg(feature = "lz4")]
    Lz4,
    /// gzip: zlib in the wrapping that HTTP knows best; always present. Levels 0 to 9, default: 6.
    Gzip,
}

/// All compressors there are, compiled in or not: number and word, which also is the name of the feature if there is one.
const WORDS: [(u8, &str); 5] = [(0, "none"), (1, "zlib"), (2, "zstd"), (3, "lz4"), (4, "gzip")];

impl Compression {
    pub(super) const PRESENT: &[Self] = &[
        Self::None,
        Self::Zlib,
        #[cfg(feature = "zstd")]
        Self::Zstd,
        #[cfg(feature = "lz4")]
        Self::Lz4,
        Self::Gzip,
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
            Self::Gzip => 4,
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
            Self::Zlib | Self::Gzip => Some(0..=9),
            #[cfg(feature = "zstd")]
            Self::Zstd => Some(zstd::compression_level_range()),
            #[cfg(feature = "lz4")]
            Self::Lz4 => None,
        }
    }

    /// The level that is taken where none is asked for; 0 where there are none.
    pub(super) const fn usual(self) -> i32 {
        match self {
            Self::None => 0,
            Self::Zlib | Self::Gzip => 6,
            #[cfg(feature = "zstd")]
            Self::Zstd => 3,
            #[cfg(feature = "lz4")]
            Self::Lz4 => 0,
        }
    }

    /// Is this one of its levels?
    pub(crate) fn check_level(self, level: i32) -> Result<()> {
        let refuse = |message: &str| Error::config("compression_level", message).with("compression", self.word());
        match self.levels() {
            Some(levels) if levels.contains(&level) => Ok(()),
            Some(levels) => {
                let range = format!("{} to {}", levels.start(), levels.end());
                Err(refuse("is no level of this compressor").with("levels", range))
            }
            None => Err(refuse("this compressor has no levels")),
        }
    }

    /// The compressed bytes, or `None` if they would not be smaller than `raw`. LZ4 is a bare block here, which does not
    /// know how long it was.
    ///
    /// A `level` out of the compressor's range means its nearest. Default: the compressor's own. Cost: contexts are
    /// kept per thread, so that a small payload does not pay for setting up a large one.
    #[must_use]
    pub fn compress(self, raw: &[u8], level: Option<i32>) -> Option<Vec<u8>> {
        let level = level.unwrap_or_else(|| self.usual());
        let out = match self {
            Self::None => None,
            Self::Zlib => block::deflate(raw, level, block::Wrap::Zlib),
            Self::Gzip => block::deflate(raw, level, block::Wrap::Gzip),
            #[cfg(feature = "zstd")]
            Self::Zstd => block::zstandard(raw, level),
            #[cfg(feature = "lz4")]
            Self::Lz4 => block::lz4(raw),
        };
        out.filter(|out| out.len() < raw.len())
    }

    /// The original bytes, exactly `raw_len` of them.
    ///
    /// The buffer is made that long, and only after the length was checked against the limit: a stream that yields more, or
    /// less, is an error and not an allocation.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if `raw_len` is over `limit`, before anything is allocated; [`ErrorKind::Frame`] if the
    /// bytes are not exactly one intact stream of that length.
    pub fn decompress(self, bytes: &[u8], raw_len: usize, limit: usize) -> Result<Vec<u8>> {
        if raw_len > limit {
            return Err(too_large(limit));
        }
        let out = match self {
            Self::None => Some(bytes).filter(|b| b.len() == raw_len).map(<[u8]>::to_vec),
            Self::Zlib => block::inflate(bytes, raw_len, block::Wrap::Zlib),
            Self::Gzip => block::inflate(bytes, raw_len, block::Wrap::Gzip),
            #[cfg(feature = "zstd")]
            Self::Zstd => block::unzstandard(bytes, raw_len),
            #[cfg(feature = "lz4")]
            Self::Lz4 => block::unlz4(bytes, raw_len),
        };
        out.filter(|out| out.len() == raw_len).ok_or_else(|| announced(self))
    }
}

/// Over the limit of a cache's values.
pub(crate) fn too_large(limit: usize) -> Error {
    let message = "the encoded value is over the limit: cache less of it, or raise `max_value`";
    Error::new(ErrorKind::TooLarge, message).with("max_value", limit)
}

pub(super) fn announced(method: Compression) -> Error {
    let message = "the payload does not decompress to the length its frame announces";
    Error::new(ErrorKind::Frame, message).with("compression", method)
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
            None => "must be one of `none`, `zlib`, `gzip`, `zstd`, `lz4`".to_owned(),
        };
        Err(Error::config("compression", message).with("given", word))
    }
}
