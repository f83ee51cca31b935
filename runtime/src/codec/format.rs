//! The serde formats a payload can be in.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::capped::Capped;
use super::cause;
use super::limits::{Guarded, Limits};
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

    /// The bytes of a value, at most `limit`.
    pub(super) fn encode<T: Serialize + ?Sized>(self, value: &T, limit: usize) -> Result<Vec<u8>> {
        let mut out = Capped::new(limit);
        let written = match self {
            Self::Postcard => postcard::serialize_with_flavor(value, &mut out).map_err(|e| cause::postcard(&e)),
            Self::Msgpack => rmp_serde::encode::write_named(&mut out, value).map_err(|e| cause::msgpack_encode(&e)),
            Self::Json => serde_json::to_writer(&mut out, value).map_err(|e| cause::json(&e)),
        };
        match written {
            Ok(()) => Ok(out.into_bytes()),
            Err(_) if out.is_over() => Err(too_large(limit)),
            Err(cause) => {
                let message = "the value could not be encoded: choose another format, or look at its Serialize";
                Err(Error::new(ErrorKind::Codec, message).with("format", self).with("cause", cause))
            }
        }
    }

    /// The value these bytes, and no more, stand for.
    pub(super) fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T> {
        let limits = Limits::for_payload(bytes.len());
        let (value, rest) = match self {
            Self::Postcard => {
                let mut from = postcard::Deserializer::from_bytes(bytes);
                let value = T::deserialize(Guarded::new(&mut from, &limits)).map_err(|e| cause::postcard(&e));
                (value, from.finalize().is_ok_and(|rest| !rest.is_empty()))
            }
            Self::Msgpack => {
                let mut from = rmp_serde::Deserializer::new(bytes);
                let value = T::deserialize(Guarded::new(&mut from, &limits)).map_err(|e| cause::msgpack(&e));
                (value, !from.get_ref().is_empty())
            }
            Self::Json => {
                let mut from = serde_json::Deserializer::from_slice(bytes);
                let value = T::deserialize(Guarded::new(&mut from, &limits)).map_err(|e| cause::json(&e));
                (value, from.end().is_err())
            }
        };
        let value = value.map_err(|cause| {
            let message = "the payload could not be decoded as this type";
            Error::new(ErrorKind::Codec, message).with("format", self).with("cause", cause)
        })?;
        if rest {
            return Err(Error::new(ErrorKind::Codec, "bytes are left over after the value").with("format", self));
        }
        Ok(value)
    }
}

pub(super) fn too_large(limit: usize) -> Error {
    let message = "the encoded value is over the limit: cache less of it, or raise `max_value`";
    Error::new(ErrorKind::TooLarge, message).with("max_value", limit)
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
