//! The serde formats a payload can be in.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Result};

/// The serde format of a payload.
///
/// Default: [`Format::Postcard`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Positional and smallest: no names are stored, so it is only used where a traced [`Schema`](super::Schema)
    /// guards it.
    #[default]
    Postcard,
    /// MessagePack with named fields: self-describing, about twice the size of postcard.
    Msgpack,
    /// JSON: for entries that other programs read. Numbers that JSON has no words for (NaN, infinities) are written as
    /// `Msgpack` instead, value by value.
    Json,
}

impl Format {
    const ALL: [Self; 3] = [Self::Postcard, Self::Msgpack, Self::Json];

    /// The number that stands for the format in a frame; it never changes.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Postcard => 1,
            Self::Msgpack => 2,
            Self::Json => 3,
        }
    }

    /// The format of this number.
    ///
    /// # Errors
    /// [`ErrorKind::Frame`] if no format has this number.
    pub fn from_number(number: u8) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|f| f.number() == number);
        found.ok_or_else(|| Error::new(ErrorKind::Frame, "the frame's format is unknown here").with("format", number))
    }

    /// The word for the format in settings.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Postcard => "postcard",
            Self::Msgpack => "msgpack",
            Self::Json => "json",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|f| f.word() == word);
        found.ok_or_else(|| Error::config("format", "must be one of `postcard`, `msgpack`, `json`").with("given", word))
    }
}
