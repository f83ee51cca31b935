//! Tuples of parts, and the types a generic function was called with.

use std::any::{TypeId, type_name};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use super::{KeyPart, KeyWriter, ReadPart, parts_of};

macro_rules! tuple {
    ($($t:ident $i:tt),*) => {
        impl<$($t: KeyPart),*> KeyPart for ($($t,)*) {
            type Owned = ($($t::Owned,)*);

            #[allow(clippy::unused_unit)]
            fn to_owned_part(&self) -> Self::Owned {
                ($(self.$i.to_owned_part(),)*)
            }

            #[inline(always)]
            fn hash_part<HASHER: Hasher>(&self, _state: &mut HASHER) {
                $(self.$i.hash_part(_state);)*
            }

            #[inline(always)]
            fn same_part(&self, _owned: &Self::Owned) -> bool {
                true $(&& self.$i.same_part(&_owned.$i))*
            }

            fn write_part(&self, out: &mut KeyWriter) {
                out.literal("(");
                $(out.comma($i); out.part(&self.$i);)*
                out.literal(")");
            }

            fn heap_bytes(&self) -> usize {
                0 $(+ self.$i.heap_bytes())*
            }
        }

        impl<$($t: ReadPart),*> ReadPart for ($($t,)*) {
            #[allow(clippy::let_unit_value, clippy::unused_unit)]
            fn read_part(text: &str) -> Option<Self> {
                let mut _parts = parts_of(text)?.into_iter();
                let read = ($($t::read_part(_parts.next()?)?,)*);
                _parts.next().is_none().then_some(read)
            }
        }
    };
}

tuple!();
tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

/// The type parameter of a generic function as a part of its key, so that two instances never share a result.
///
/// In memory it is the exact type; in text it is the type's name, which a new compiler may spell differently: then the
/// entries below near are not found again, and nothing worse.
pub struct Kind<T: ?Sized>(PhantomData<fn() -> T>);

impl<T: ?Sized> Kind<T> {
    /// The part for this type.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: ?Sized> Default for Kind<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The type of a value that cannot be named, such as an `impl Trait` argument.
#[must_use]
pub const fn kind_of<T: ?Sized>(_: &T) -> Kind<T> {
    Kind::new()
}

/// The kept form of a [`Kind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptKind {
    id: TypeId,
    name: &'static str,
}

impl<T: ?Sized> fmt::Debug for Kind<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({})", type_name::<T>())
    }
}

impl<T: ?Sized + 'static> KeyPart for Kind<T> {
    type Owned = KeptKind;

    fn to_owned_part(&self) -> KeptKind {
        KeptKind { id: TypeId::of::<T>(), name: type_name::<T>() }
    }

    fn hash_part<H: Hasher>(&self, state: &mut H) {
        TypeId::of::<T>().hash(state);
    }

    fn same_part(&self, owned: &KeptKind) -> bool {
        TypeId::of::<T>() == owned.id
    }

    fn write_part(&self, out: &mut KeyWriter) {
        out.text(type_name::<T>());
    }
}

impl KeyPart for KeptKind {
    type Owned = Self;

    fn to_owned_part(&self) -> Self {
        self.clone()
    }

    fn hash_part<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }

    fn same_part(&self, owned: &Self) -> bool {
        self.id == owned.id
    }

    fn write_part(&self, out: &mut KeyWriter) {
        out.text(self.name);
    }
}
