//! The deserializer that made-up values come from.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

use super::graph::{Leaf, Names, NodeId, Token};
use super::tracer::{Place, Stop, Tracer};

/// Texts that most types which parse text accept one of, the plainest first.
const TEXTS: [&str; 10] = [
    "",
    "1970-01-01T00:00:00Z",
    "1970-01-01",
    "00:00:00",
    "1970-01-01T00:00:00",
    "00000000-0000-4000-8000-000000000000",
    "127.0.0.1",
    "1",
    "1.0.0",
    "http://a.invalid/",
];
/// Lengths of bytes that most types which take raw bytes accept one of.
const LENGTHS: [usize; 8] = [0, 16, 32, 8, 4, 12, 20, 64];
const ZEROS: [u8; 64] = [0; 64];

/// How many made-up values there are for a kind of leaf.
pub(super) const fn samples(leaf: Leaf) -> usize {
    match leaf {
        Leaf::Str => TEXTS.len(),
        Leaf::Bytes => LENGTHS.len(),
        _ => 1,
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tracing stopped here")
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Refused
    }
}

/// One place in the type under trace, about to ask for its value.
pub(super) struct Probe<'t> {
    pub(super) tracer: &'t mut Tracer,
    pub(super) place: Place,
}

impl Probe<'_> {
    fn fixed<'de, V: Visitor<'de>>(self, token: Token, len: usize, visitor: V) -> Result<V::Value, Stop> {
        let node = self.tracer.enter::<V>(self.place, token)?;
        self.tracer.inside(node, |tracer| visitor.visit_seq(Parts { tracer, node, next: 0, len }))
    }

    fn untraceable<T>(self) -> Result<T, Stop> {
        Err(self.tracer.stop(Stop::Untraceable))
    }
}

macro_rules! leaves {
    ($($name:ident: $leaf:ident, $visit:ident($sample:expr);)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            self.tracer.enter::<V>(self.place, Token::Leaf(Leaf::$leaf))?;
            visitor.$visit($sample)
        }
    )*};
}

macro_rules! sampled {
    ($($name:ident: $leaf:ident, $visit:ident($sample:expr);)*) => {$(
        fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            let node = self.tracer.enter::<V>(self.place, Token::Leaf(Leaf::$leaf))?;
            let sample = self.tracer.sample(node);
            visitor.$visit($sample(sample))
        }
    )*};
}

macro_rules! refused {
    ($($name:ident)*) => {$(
        fn $name<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
            self.untraceable()
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Stop;

    // Numbers are ones: zero is what types refuse.
    leaves! {
        deserialize_bool: Bool, visit_bool(true);
        deserialize_i8: I8, visit_i8(1);
        deserialize_i16: I16, visit_i16(1);
        deserialize_i32: I32, visit_i32(1);
        deserialize_i64: I64, visit_i64(1);
        deserialize_i128: I128, visit_i128(1);
        deserialize_u8: U8, visit_u8(1);
        deserialize_u16: U16, visit_u16(1);
        deserialize_u32: U32, visit_u32(1);
        deserialize_u64: U64, visit_u64(1);
        deserialize_u128: U128, visit_u128(1);
        deserialize_f32: F32, visit_f32(1.0);
        deserialize_f64: F64, visit_f64(1.0);
        deserialize_char: Char, visit_char('a');
    }

    sampled! {
        deserialize_str: Str, visit_borrowed_str(|i: usize| TEXTS[i]);
        deserialize_string: Str, visit_str(|i: usize| TEXTS[i]);
        deserialize_bytes: Bytes, visit_borrowed_bytes(|i: usize| &ZEROS[..LENGTHS[i]]);
        deserialize_byte_buf: Bytes, visit_bytes(|i: usize| &ZEROS[..LENGTHS[i]]);
    }

    refused!(deserialize_any deserialize_identifier deserialize_ignored_any);

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.tracer.enter::<V>(self.place, Token::Leaf(Leaf::Unit))?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Stop> {
        self.tracer.enter::<V>(self.place, Token::UnitStruct(name))?;
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Stop> {
        let node = self.tracer.enter::<V>(self.place, Token::Newtype(name))?;
        self.tracer.inside(node, |tracer| visitor.visit_newtype_struct(Probe { tracer, place: Some((node, 0)) }))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let node = self.tracer.enter::<V>(self.place, Token::Option)?;
        if !self.tracer.goes_in(node) {
            return visitor.visit_none();
        }
        self.tracer.along(node, 0, |tracer| visitor.visit_some(Probe { tracer, place: Some((node, 0)) }))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let node = self.tracer.enter::<V>(self.place, Token::Seq)?;
        if !self.tracer.goes_in(node) {
            return visitor.visit_seq(Parts { tracer: self.tracer, node, next: 0, len: 0 });
        }
        self.tracer.along(node, 0, |tracer| visitor.visit_seq(Parts { tracer, node, next: 0, len: 1 }))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let node = self.tracer.enter::<V>(self.place, Token::Map)?;
        if !self.tracer.goes_in(node) {
            return visitor.visit_map(Parts { tracer: self.tracer, node, next: 0, len: 0 });
        }
        self.tracer.along(node, 0, |tracer| visitor.visit_map(Parts { tracer, node, next: 0, len: 2 }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.fixed(Token::Tuple("", len), len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.fixed(Token::Tuple(name, len), len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: Names,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.fixed(Token::Struct(name, fields), fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: Names,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let node = self.tracer.enter::<V>(self.place, Token::Enum(name, variants))?;
        let variant = self.tracer.choose(node)?;
        self.tracer.along(node, variant, |tracer| visitor.visit_enum(Variant { tracer, node, variant }))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The parts of a node, handed out one after the other.
struct Parts<'t> {
    tracer: &'t mut Tracer,
    node: NodeId,
    next: usize,
    len: usize,
}

impl Parts<'_> {
    fn part<'de, S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        if self.next == self.len {
            return Ok(None);
        }
        let place = Some((self.node, self.next));
        self.next += 1;
        seed.deserialize(Probe { tracer: &mut *self.tracer, place }).map(Some)
    }
}

impl<'de> de::SeqAccess<'de> for Parts<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        self.part(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.len - self.next)
    }
}

impl<'de> de::MapAccess<'de> for Parts<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Stop> {
        self.part(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        let value = self.part(seed)?;
        value.ok_or(Stop::Refused)
    }

    fn size_hint(&self) -> Option<usize> {
        Some((self.len - self.next) / 2)
    }
}

struct Variant<'t> {
    tracer: &'t mut Tracer,
    node: NodeId,
    variant: usize,
}

impl Variant<'_> {
    fn fixed<'de, V: Visitor<'de>>(self, token: Token, len: usize, visitor: V) -> Result<V::Value, Stop> {
        let body = self.tracer.enter_body(self.node, self.variant, token)?;
        self.tracer.inside(body, |tracer| visitor.visit_seq(Parts { tracer, node: body, next: 0, len }))
    }
}

impl<'de> de::EnumAccess<'de> for Variant<'_> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Stop> {
        let number = u32::try_from(self.variant).map_err(|_| self.tracer.stop(Stop::Untraceable))?;
        let number: de::value::U32Deserializer<Stop> = number.into_deserializer();
        match seed.deserialize(number) {
            Ok(value) => Ok((value, self)),
            Err(_) => Err(self.tracer.is_absent(self.node, self.variant)),
        }
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        self.tracer.enter_body(self.node, self.variant, Token::Leaf(Leaf::Unit)).map(drop)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Stop> {
        let body = self.tracer.enter_body(self.node, self.variant, Token::Newtype(""))?;
        self.tracer.inside(body, |tracer| seed.deserialize(Probe { tracer, place: Some((body, 0)) }))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.fixed(Token::Tuple("", len), len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: Names, visitor: V) -> Result<V::Value, Stop> {
        self.fixed(Token::Struct("", fields), fields.len(), visitor)
    }
}
