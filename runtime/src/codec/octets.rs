//! Bytes, as serde takes them: as bytes, not one by one, and cloned by counting.

use std::fmt;

use bytes::Bytes;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that serde does not take one by one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Octets(pub(crate) Bytes);

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
