//! Writing a value in a format, and reading it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::capped::Capped;
use super::cause;
use super::format::Format;
use super::limits::{Guarded, Limits};
use crate::compress::too_large;
use crate::error::{Error, ErrorKind, Result};

impl Format {
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
