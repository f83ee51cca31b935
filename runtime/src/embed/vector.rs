//! One vector: live in near, packed in tiers.

use std::fmt;
use std::sync::Arc;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::failure::Fault;
use super::precision::Precision;

/// Longer vectors are refused: 256 KiB of numbers for one text.
pub(super) const MOST_DIMENSIONS: usize = 65_536;

/// The numbers of a text, rounded as they are stored. Clones share them.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "Packed", try_from = "Packed")]
pub(crate) struct Vector {
    numbers: Arc<[f32]>,
    precision: Precision,
    step: f32,
}

/// A vector as tiers have it.
#[derive(Serialize, Deserialize)]
struct Packed {
    precision: u8,
    step: f32,
    numbers: Bytes,
}

/// Bytes that are written as such, and not one by one.
struct Bytes(Vec<u8>);

impl Vector {
    /// Rounds what a model gave.
    ///
    /// # Errors
    /// The first number that is not finite or does not fit; no numbers, or too many.
    pub(super) fn of(precision: Precision, mut numbers: Vec<f32>) -> Result<Self, Fault> {
        match numbers.len() {
            0 => return Err(Fault::Empty),
            given if given > MOST_DIMENSIONS => return Err(Fault::TooLong { given }),
            _ => {}
        }
        if let Some(component) = numbers.iter().position(|number| !number.is_finite()) {
            return Err(Fault::NotFinite { component });
        }
        let step = precision.step(&numbers);
        for (component, number) in numbers.iter_mut().enumerate() {
            *number = precision.round(*number, step, component)?;
        }
        Ok(Self { numbers: numbers.into(), precision, step })
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn numbers(self) -> Arc<[f32]> {
        self.numbers
    }

    /// Bytes in memory.
    pub(super) fn weight(&self) -> usize {
        // The two counts of an `Arc` stand before what it holds.
        size_of::<Self>() + 2 * size_of::<usize>() + size_of_val(&*self.numbers)
    }
}

impl From<Vector> for Packed {
    fn from(vector: Vector) -> Self {
        let Vector { numbers, precision, step } = vector;
        Self { precision: precision.number(), step, numbers: Bytes(precision.pack(&numbers, step)) }
    }
}

/// Bytes that are no vector of ours.
struct Foreign;

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("these bytes are no vector")
    }
}

impl TryFrom<Packed> for Vector {
    type Error = Foreign;

    fn try_from(packed: Packed) -> Result<Self, Foreign> {
        let Packed { precision, step, numbers: Bytes(bytes) } = packed;
        let precision = Precision::from_number(precision).ok_or(Foreign)?;
        let numbers = precision.unpack(&bytes, step).ok_or(Foreign)?;
        if numbers.len() > MOST_DIMENSIONS || !numbers.iter().all(|number| number.is_finite()) {
            return Err(Foreign);
        }
        Ok(Self { numbers: numbers.into(), precision, step })
    }
}

impl fmt::Debug for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vector").field("dimensions", &self.len()).field("precision", &self.precision).finish()
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(AsBytes)
    }
}

struct AsBytes;

impl<'de> Visitor<'de> for AsBytes {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a vector")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes(bytes.to_vec()))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(Bytes(bytes))
    }

    /// Formats for people have no bytes.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Bytes, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = items.next_element()? {
            if bytes.len() > MOST_DIMENSIONS * Precision::F32.bytes() {
                break;
            }
            bytes.push(byte);
        }
        Ok(Bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Codec, Format, Head, Schema};
    use crate::group::Position;
    use crate::key::Key;

    /// How many bytes it took before compression, and what came back.
    fn carried(format: Format, vector: &Vector) -> (u32, Vector) {
        let codec = Codec { format, ..Codec::default() };
        let encoded = codec.encode(vector, &Schema::of::<Vector>()).expect("it can be encoded");
        let head = Head {
            fingerprint: 0,
            birth: Position::NOWHERE,
            shared: Position::NOWHERE,
            born: 0,
            fresh_until: 0,
            stale_until: 0,
            key: Key::from_stored("embed.m:0:f32:0"),
            tags: Arc::default(),
            format: encoded.format,
            compression: encoded.compression,
            raw_len: encoded.raw_len,
        };
        (encoded.raw_len, codec.decode(&head, &encoded.payload).expect("it can be decoded"))
    }

    #[test]
    fn a_vector_comes_back_to_the_bit_in_every_format() {
        let numbers: Vec<f32> = (0..384_u16).map(|i| (f32::from(i) * 0.7).sin()).collect();
        for precision in [Precision::F32, Precision::F16, Precision::I8] {
            let vector = Vector::of(precision, numbers.clone()).expect("a vector");
            for format in [Format::Postcard, Format::Msgpack, Format::Json] {
                let (bytes, back) = carried(format, &vector);
                assert_eq!(back.numbers, vector.numbers, "{precision:?} {format:?}");
                if format == Format::Postcard {
                    assert!(bytes as usize <= 384 * precision.bytes() + 16, "{bytes} bytes for {precision:?}");
                }
            }
        }
    }

    #[test]
    fn its_type_can_be_traced() {
        assert!(Schema::of::<Vector>().traced);
    }

    #[test]
    fn what_is_not_a_vector_is_named() {
        let of = |numbers: Vec<f32>| Vector::of(Precision::F16, numbers).map(|vector| vector.len());
        assert_eq!(of(Vec::new()), Err(Fault::Empty));
        assert_eq!(of(vec![1.0, f32::NAN]), Err(Fault::NotFinite { component: 1 }));
        assert_eq!(of(vec![f32::NEG_INFINITY]), Err(Fault::NotFinite { component: 0 }));
        assert_eq!(of(vec![0.0, 0.0, 1e6]), Err(Fault::TooLarge { component: 2 }));
        assert_eq!(of(vec![0.0; MOST_DIMENSIONS]), Ok(MOST_DIMENSIONS));
        assert_eq!(of(vec![0.0; MOST_DIMENSIONS + 1]), Err(Fault::TooLong { given: MOST_DIMENSIONS + 1 }));
    }

    #[test]
    fn nothing_of_it_is_in_debug() {
        let vector = Vector::of(Precision::F32, vec![0.125, 7.5]).expect("a vector");
        assert_eq!(format!("{vector:?}"), "Vector { dimensions: 2, precision: F32 }");
    }
}
