//! Decoding that cannot run away: how deep a payload may nest, and how many items it may claim to hold.
//!
//! A recursive type can nest once per byte of payload in a positional format, and without any byte at all through
//! newtypes and options in a named one; a sequence of items of no size can claim any length. Both are refused here, in
//! the same way for all formats, by wrapping the format's own deserializer.

use std::cell::Cell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

/// How deep a value may nest, in bytes of stack a few hundred KiB even unoptimised. JSON's own limit is 127.
pub(super) const MAX_DEPTH: usize = 120;

/// How many items beyond its bytes a payload may claim to hold: only items of no size get this far.
pub(super) const SIZELESS_ITEMS: usize = 1 << 16;

/// What is left of the allowances while one payload is decoded.
pub(super) struct Limits {
    depth: Cell<usize>,
    items: Cell<usize>,
    /// For so many more items room may be made before they are there. All that have a size are in the payload's bytes,
    /// so lists that tell the truth get all they ask for; those that lie share it, however deep they nest.
    room: Cell<usize>,
}

impl Limits {
    pub(super) const fn for_payload(bytes: usize) -> Self {
        let items = Cell::new(bytes.saturating_add(SIZELESS_ITEMS));
        Self { depth: Cell::new(MAX_DEPTH), items, room: Cell::new(bytes) }
    }

    fn deeper<T, E: serde::de::Error>(&self, inside: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let left = self.depth.get();
        self.depth.set(left.checked_sub(1).ok_or_else(|| E::custom("nested too deep"))?);
        let out = inside();
        self.depth.set(left);
        out
    }

    fn item<E: serde::de::Error>(&self) -> Result<(), E> {
        self.items.set(self.items.get().checked_sub(1).ok_or_else(|| E::custom("more items than bytes"))?);
        Ok(())
    }

    /// How much room a list that announces so many items may make at once.
    fn room_for(&self, announced: usize) -> usize {
        let granted = announced.min(self.room.get());
        self.room.set(self.room.get() - granted);
        granted
    }
}

/// Any of serde's decoding roles, with the limits applied.
pub(super) struct Guarded<'l, T> {
    inner: T,
    limits: &'l Limits,
}

impl<'l, T> Guarded<'l, T> {
    pub(super) const fn new(inner: T, limits: &'l Limits) -> Self {
        Self { inner, limits }
    }
}

macro_rules! forward_deserialize {
    ($($name:ident($($arg:ident: $ty:ty),*))*) => {$(
        fn $name<V: Visitor<'de>>(self, $($arg: $ty,)* visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$name($($arg,)* Guarded::new(visitor, self.limits))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Guarded<'_, D> {
    type Error = D::Error;

    forward_deserialize! {
        deserialize_any() deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64()
        deserialize_i128() deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str() deserialize_string()
        deserialize_bytes() deserialize_byte_buf() deserialize_option() deserialize_unit()
        deserialize_unit_struct(name: &'static str) deserialize_newtype_struct(name: &'static str)
        deserialize_seq() deserialize_tuple(len: usize) deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_map() deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
        deserialize_identifier() deserialize_ignored_any()
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! forward_visit {
    ($($name:ident($ty:ty))*) => {$(
        fn $name<E: serde::de::Error>(self, given: $ty) -> Result<V::Value, E> {
            self.inner.$name(given)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Guarded<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    forward_visit! {
        visit_bool(bool) visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128) visit_f32(f32) visit_f64(f64)
        visit_char(char) visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<V::Value, D::Error> {
        self.limits.deeper(|| self.inner.visit_some(Guarded::new(from, self.limits)))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<V::Value, D::Error> {
        self.limits.deeper(|| self.inner.visit_newtype_struct(Guarded::new(from, self.limits)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.limits.deeper(|| self.inner.visit_seq(Guarded::new(seq, self.limits)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.limits.deeper(|| self.inner.visit_map(Guarded::new(map, self.limits)))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        self.limits.deeper(|| self.inner.visit_enum(Guarded::new(data, self.limits)))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Guarded<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Guarded::new(from, self.limits))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Guarded<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.limits.item()?;
        self.inner.next_element_seed(Guarded::new(seed, self.limits))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|hint| self.limits.room_for(hint))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Guarded<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.limits.item()?;
        self.inner.next_key_seed(Guarded::new(seed, self.limits))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(Guarded::new(seed, self.limits))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|hint| self.limits.room_for(hint))
    }
}

impl<'de, 'l, A: EnumAccess<'de>> EnumAccess<'de> for Guarded<'l, A> {
    type Error = A::Error;
    type Variant = Guarded<'l, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, variant) = self.inner.variant_seed(Guarded::new(seed, self.limits))?;
        Ok((value, Guarded::new(variant, self.limits)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Guarded<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.newtype_variant_seed(Guarded::new(seed, self.limits))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(len, Guarded::new(visitor, self.limits))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, Guarded::new(visitor, self.limits))
    }
}
