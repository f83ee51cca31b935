//! The parts of a collection, tuple or struct, walked one by one.

use serde::ser::{self, Serialize};

use super::walk::{Halt, Walk};
use super::{NodeId, Shape, Token};

pub(super) struct Part<'s, 'g> {
    shape: &'s mut Shape<'g>,
    node: Option<NodeId>,
    /// How many parts were announced.
    len: Option<usize>,
    /// How many parts there have been.
    seen: usize,
    /// Where in the list of field names the next one may stand.
    name: usize,
    levels: usize,
}

impl<'s, 'g> Part<'s, 'g> {
    pub(super) fn open(
        shape: &'s mut Shape<'g>,
        node: Option<NodeId>,
        len: Option<usize>,
        levels: usize,
    ) -> Result<Self, Halt> {
        shape.descend(levels)?;
        Ok(Self { shape, node, len, seen: 0, name: 0, levels })
    }

    fn walk<T: Serialize + ?Sized>(&mut self, edge: usize, value: &T) -> Result<(), Halt> {
        let node = self.shape.child(self.node, edge);
        value.serialize(Walk { shape: &mut *self.shape, node })
    }

    /// One of many alike.
    fn item<T: Serialize + ?Sized>(&mut self, edge: usize, value: &T) -> Result<(), Halt> {
        self.shape.items += 1;
        self.walk(edge, value)
    }

    /// One at its own position.
    fn placed<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Halt> {
        let edge = self.seen;
        self.seen += 1;
        self.walk(edge, value)
    }

    /// The name must come in the order in which it will be read; names between are aliases.
    fn name(&mut self, key: &str) {
        let Some(Token::Struct(_, names)) = self.shape.asked(self.node) else { return };
        match names.iter().skip(self.name).position(|name| *name == key) {
            Some(skipped) => self.name += skipped + 1,
            None => self.shape.expect(false),
        }
    }

    fn close(self) {
        self.shape.expect(self.len == Some(self.seen));
        self.shape.ascend(self.levels);
    }

    /// For parts at positions of their own: were there as many as will be asked for?
    fn close_placed(self) {
        let matches = self.shape.parts(self.node) == Some(self.seen);
        self.shape.expect(matches);
        self.close();
    }
}

impl ser::SerializeSeq for Part<'_, '_> {
    type Ok = ();
    type Error = Halt;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Halt> {
        self.seen += 1;
        self.item(0, value)
    }

    fn end(self) -> Result<(), Halt> {
        self.close();
        Ok(())
    }
}

impl ser::SerializeMap for Part<'_, '_> {
    type Ok = ();
    type Error = Halt;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Halt> {
        self.seen += 1;
        self.item(0, key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Halt> {
        self.walk(1, value)
    }

    fn end(self) -> Result<(), Halt> {
        self.close();
        Ok(())
    }
}

macro_rules! tuples {
    ($($role:ident: $name:ident;)*) => {$(
        impl ser::$role for Part<'_, '_> {
            type Ok = ();
            type Error = Halt;

            fn $name<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Halt> {
                self.placed(value)
            }

            fn end(self) -> Result<(), Halt> {
                self.close_placed();
                Ok(())
            }
        }
    )*};
}

tuples! {
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

macro_rules! structs {
    ($($role:ident)*) => {$(
        impl ser::$role for Part<'_, '_> {
            type Ok = ();
            type Error = Halt;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Halt> {
                self.name(key);
                self.placed(value)
            }

            fn skip_field(&mut self, _: &'static str) -> Result<(), Halt> {
                self.shape.expect(false);
                Ok(())
            }

            fn end(self) -> Result<(), Halt> {
                self.close_placed();
                Ok(())
            }
        }
    )*};
}

structs!(SerializeStruct SerializeStructVariant);
