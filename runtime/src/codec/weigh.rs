//! How much memory a value takes, estimated by walking it as if to serialize it.

use std::fmt;

use serde::ser::{self, Serialize, Serializer};

/// Deeper than this is not looked into: a walk must not use up the stack.
const MAX_DEPTH: usize = 400;
/// A `String`, `Vec` or box of bytes itself, without what it points to.
const OWNER: usize = 24;
const MAP_OWNER: usize = 48;
/// What a map spends on each entry beside the entry.
const PER_ENTRY: usize = 16;
/// A tag and its padding.
const TAG: usize = 8;

/// An estimate of the bytes a value occupies, inline and on the heap together.
///
/// Counted by the value's own `Serialize`: what it skips is not counted, spare capacity is not seen, and shared parts
/// count once for each time they are reached. An error in `Serialize` yields what was counted up to there. Cost: one
/// walk over the value and no allocation; where the weight of a large value is known, saying it is cheaper.
#[must_use]
pub fn weigh<T: Serialize + ?Sized>(value: &T) -> usize {
    let mut scale = Scale { bytes: 0, depth: 0 };
    // Whatever stopped the walk, what is on the scale by then is the answer.
    let _ = value.serialize(&mut scale);
    scale.bytes
}

struct Scale {
    bytes: usize,
    depth: usize,
}

/// Why a walk stopped early; nobody reads it.
#[derive(Debug)]
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value could not be weighed to its end")
    }
}

impl std::error::Error for Stopped {}

impl ser::Error for Stopped {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

type Walk = Result<(), Stopped>;

impl Scale {
    const fn add(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn inside<T: Serialize + ?Sized>(&mut self, value: &T) -> Walk {
        if self.depth == MAX_DEPTH {
            return Err(Stopped);
        }
        self.depth += 1;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }
}

/// Counts the text that `Display` writes, without keeping it.
struct Letters(usize);

impl fmt::Write for Letters {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.saturating_add(text.len());
        Ok(())
    }
}

macro_rules! plain {
    ($($name:ident: $ty:ty),*) => {$(
        fn $name(self, _: $ty) -> Walk {
            self.add(size_of::<$ty>());
            Ok(())
        }
    )*};
}

impl Serializer for &mut Scale {
    type Ok = ();
    type Error = Stopped;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    plain!(serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64);
    plain!(serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);
    plain!(serialize_u128: u128, serialize_f32: f32, serialize_f64: f64, serialize_char: char);

    fn serialize_str(self, text: &str) -> Walk {
        self.add(OWNER.saturating_add(text.len()));
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Walk {
        self.add(OWNER.saturating_add(bytes.len()));
        Ok(())
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Walk {
        let mut letters = Letters(OWNER);
        fmt::write(&mut letters, format_args!("{value}")).map_err(|_| Stopped)?;
        self.add(letters.0);
        Ok(())
    }

    fn serialize_none(self) -> Walk {
        self.add(TAG);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Walk {
        self.add(TAG);
        self.inside(value)
    }

    fn serialize_unit(self) -> Walk {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Walk {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Walk {
        self.add(TAG);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Walk {
        self.inside(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Walk {
        self.add(TAG);
        self.inside(value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Stopped> {
        self.add(OWNER);
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Stopped> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Stopped> {
        Ok(self)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Stopped> {
        self.add(TAG);
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Stopped> {
        self.add(MAP_OWNER);
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Stopped> {
        Ok(self)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Stopped> {
        self.add(TAG);
        Ok(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! elements {
    ($($role:ident: $name:ident($($key:ty)?)),*) => {$(
        impl ser::$role for &mut Scale {
            type Ok = ();
            type Error = Stopped;

            fn $name<T: Serialize + ?Sized>(&mut self, $(_: $key,)? value: &T) -> Walk {
                self.inside(value)
            }

            fn end(self) -> Walk {
                Ok(())
            }
        }
    )*};
}

elements!(
    SerializeSeq: serialize_element(),
    SerializeTuple: serialize_element(),
    SerializeTupleStruct: serialize_field(),
    SerializeTupleVariant: serialize_field(),
    SerializeStruct: serialize_field(&'static str),
    SerializeStructVariant: serialize_field(&'static str)
);

impl ser::SerializeMap for &mut Scale {
    type Ok = ();
    type Error = Stopped;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Walk {
        self.add(PER_ENTRY);
        self.inside(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Walk {
        self.inside(value)
    }

    fn end(self) -> Walk {
        Ok(())
    }
}
