//! The serializer without output.

use std::fmt;

use serde::ser::{self, Serialize, Serializer};

use super::part::Part;
use super::{Leaf, NodeId, Shape, Token};

/// Why a walk ended early.
#[derive(Debug)]
pub(super) enum Halt {
    Large,
    Deep,
    /// The value's own `Serialize` failed. Its message is not kept: it may quote the value.
    Own,
}

impl fmt::Display for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Large => "the value is over the limit",
            Self::Deep => "the value nests too deep",
            Self::Own => "the value's Serialize failed",
        })
    }
}

impl std::error::Error for Halt {}

impl ser::Error for Halt {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::Own
    }
}

/// One part of a value, and the node it will be read by.
pub(super) struct Walk<'s, 'g> {
    pub(super) shape: &'s mut Shape<'g>,
    pub(super) node: Option<NodeId>,
}

impl<'s, 'g> Walk<'s, 'g> {
    /// Walks the only part this one holds.
    fn only<T: Serialize + ?Sized>(self, node: Option<NodeId>, value: &T) -> Result<(), Halt> {
        self.shape.descend(1)?;
        value.serialize(Walk { shape: &mut *self.shape, node })?;
        self.shape.ascend(1);
        Ok(())
    }

    fn tuple(self, len: usize, levels: usize) -> Result<Part<'s, 'g>, Halt> {
        self.shape.in_some = false;
        let matches = matches!(self.shape.asked(self.node), Some(Token::Tuple(_, asked)) if asked == len);
        self.shape.expect(matches);
        Part::open(self.shape, self.node, Some(len), levels)
    }

    fn fields(self, len: usize, levels: usize) -> Result<Part<'s, 'g>, Halt> {
        self.shape.in_some = false;
        let matches = matches!(self.shape.asked(self.node), Some(Token::Struct(..)));
        self.shape.expect(matches);
        Part::open(self.shape, self.node, Some(len), levels)
    }
}

macro_rules! leaves {
    ($($name:ident: $ty:ty, $leaf:ident;)*) => {$(
        fn $name(self, _: $ty) -> Result<(), Halt> {
            self.shape.leaf(self.node, Leaf::$leaf, 1)
        }
    )*};
}

impl<'s, 'g> Serializer for Walk<'s, 'g> {
    type Ok = ();
    type Error = Halt;
    type SerializeSeq = Part<'s, 'g>;
    type SerializeTuple = Part<'s, 'g>;
    type SerializeTupleStruct = Part<'s, 'g>;
    type SerializeTupleVariant = Part<'s, 'g>;
    type SerializeMap = Part<'s, 'g>;
    type SerializeStruct = Part<'s, 'g>;
    type SerializeStructVariant = Part<'s, 'g>;

    leaves! {
        serialize_bool: bool, Bool;
        serialize_i8: i8, I8;
        serialize_i16: i16, I16;
        serialize_i32: i32, I32;
        serialize_i64: i64, I64;
        serialize_i128: i128, I128;
        serialize_u8: u8, U8;
        serialize_u16: u16, U16;
        serialize_u32: u32, U32;
        serialize_u64: u64, U64;
        serialize_u128: u128, U128;
        serialize_char: char, Char;
    }

    fn serialize_f32(self, number: f32) -> Result<(), Halt> {
        self.shape.wordless |= !number.is_finite();
        self.shape.leaf(self.node, Leaf::F32, 1)
    }

    fn serialize_f64(self, number: f64) -> Result<(), Halt> {
        self.shape.wordless |= !number.is_finite();
        self.shape.leaf(self.node, Leaf::F64, 1)
    }

    fn serialize_str(self, text: &str) -> Result<(), Halt> {
        self.shape.leaf(self.node, Leaf::Str, text.len())
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<(), Halt> {
        // How long the text is will show when it is written; here its kind is enough.
        self.shape.leaf(self.node, Leaf::Str, 0)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Halt> {
        self.shape.leaf(self.node, Leaf::Bytes, bytes.len())
    }

    fn serialize_none(self) -> Result<(), Halt> {
        let matches = self.shape.asked(self.node) == Some(Token::Option);
        self.shape.expect(matches);
        self.shape.hollow |= self.shape.in_some;
        self.shape.in_some = false;
        self.shape.spend(1)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Halt> {
        let matches = self.shape.asked(self.node) == Some(Token::Option);
        self.shape.expect(matches);
        self.shape.in_some = true;
        let child = self.shape.child(self.node, 0);
        self.only(child, value)
    }

    fn serialize_unit(self) -> Result<(), Halt> {
        self.shape.hollow |= self.shape.in_some;
        self.shape.leaf(self.node, Leaf::Unit, 0)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Halt> {
        let matches = matches!(self.shape.asked(self.node), Some(Token::UnitStruct(_)));
        self.shape.expect(matches);
        if self.shape.readable {
            // JSON writes it as null; MessagePack as an empty array.
            self.shape.hollow |= self.shape.in_some;
        }
        self.shape.in_some = false;
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, variant: &'static str) -> Result<(), Halt> {
        let body = self.shape.body(self.node, index, variant);
        let matches = self.shape.asked(body) == Some(Token::Leaf(Leaf::Unit));
        self.shape.expect(matches);
        self.shape.spend(1)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Halt> {
        let matches = matches!(self.shape.asked(self.node), Some(Token::Newtype(_)));
        self.shape.expect(matches);
        // Formats with names write a newtype as what it holds, so `in_some` stays what it is.
        let child = self.shape.child(self.node, 0);
        self.only(child, value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Halt> {
        let body = self.shape.body(self.node, index, variant);
        let matches = matches!(self.shape.asked(body), Some(Token::Newtype(_)));
        self.shape.expect(matches);
        self.shape.spend(1)?;
        let child = self.shape.child(body, 0);
        self.only(child, value)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Part<'s, 'g>, Halt> {
        self.shape.in_some = false;
        let matches = len.is_some() && self.shape.asked(self.node) == Some(Token::Seq);
        self.shape.expect(matches);
        self.shape.spend(1)?;
        Part::open(self.shape, self.node, len, 1)
    }

    fn serialize_tuple(self, len: usize) -> Result<Part<'s, 'g>, Halt> {
        self.tuple(len, 1)
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<Part<'s, 'g>, Halt> {
        self.tuple(len, 1)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Part<'s, 'g>, Halt> {
        let node = self.shape.body(self.node, index, variant);
        self.shape.spend(1)?;
        Walk { shape: self.shape, node }.tuple(len, 2)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Part<'s, 'g>, Halt> {
        self.shape.in_some = false;
        let matches = len.is_some() && self.shape.asked(self.node) == Some(Token::Map);
        self.shape.expect(matches);
        self.shape.spend(1)?;
        Part::open(self.shape, self.node, len, 1)
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Part<'s, 'g>, Halt> {
        self.fields(len, 1)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Part<'s, 'g>, Halt> {
        let node = self.shape.body(self.node, index, variant);
        self.shape.spend(1)?;
        Walk { shape: self.shape, node }.fields(len, 2)
    }

    fn is_human_readable(&self) -> bool {
        self.shape.readable
    }
}
