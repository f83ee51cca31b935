//! What a cache keeps of a conversion.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::convert::{Converted, Turned};
use crate::clock::{Millis, millis};
use crate::picture::Format;

/// A conversion without the original: who asks has that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    webp: Option<Octets>,
    original: Format,
    width: u32,
    height: u32,
    life: Millis,
}

impl Stored {
    pub(super) fn new(turned: Turned, life: Duration) -> Self {
        let Turned { webp, original, width, height } = turned;
        Self { webp: webp.map(Octets), original, width, height, life: millis(life) }
    }

    pub(super) const fn life(&self) -> Duration {
        Duration::from_millis(self.life)
    }

    /// With the original that it was asked for with.
    pub(super) fn into_converted(self, picture: Bytes) -> Converted {
        let Self { webp, original, width, height, .. } = self;
        Turned { webp: webp.map(|webp| webp.0), original, width, height }.into_converted(picture.len(), || picture)
    }
}

/// Bytes that serde takes as bytes, not one by one, and that are cloned by counting.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Octets(Bytes);

impl Serialize for Octets {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Octets {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(Read)
    }
}

struct Read;

impl<'de> Visitor<'de> for Read {
    type Value = Octets;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Octets, E> {
        Ok(Octets(Bytes::copy_from_slice(bytes)))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Octets, E> {
        Ok(Octets(bytes.into()))
    }

    /// JSON has no bytes, and writes numbers.
    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Octets, A::Error> {
        let mut bytes = Vec::with_capacity(numbers.size_hint().unwrap_or(0).min(1 << 16));
        while let Some(byte) = numbers.next_element()? {
            bytes.push(byte);
        }
        Ok(Octets(bytes.into()))
    }
}
