//! Parts from std, and from uuid, chrono and time behind their features.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8, NonZeroU16, NonZeroU32,
    NonZeroU64, NonZeroU128, NonZeroUsize,
};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{KeyPart, KeyWriter};

/// Small `Clone + Eq + Hash` types that are their own kept form; the closure writes their text.
macro_rules! itself {
    ($($ty:ty),* => $write:expr) => {$(
        impl KeyPart for $ty {
            type Owned = Self;

            #[inline]
            fn to_owned_part(&self) -> Self {
                self.clone()
            }

            #[inline]
            fn hash_part<H: Hasher>(&self, state: &mut H) {
                self.hash(state);
            }

            #[inline]
            fn same_part(&self, owned: &Self) -> bool {
                self == owned
            }

            fn write_part(&self, out: &mut KeyWriter) {
                let write: fn(&Self, &mut KeyWriter) = $write;
                write(self, out);
            }
        }
    )*};
}

#[cfg(any(feature = "chrono", feature = "time"))]
pub(super) use itself;

itself!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, bool => |n, out| out.plain(n));
itself!(NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize => |n, out| out.plain(n));
itself!(NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize => |n, out| out.plain(n));
itself!(char => |c, out| out.text(c.encode_utf8(&mut [0; 4])));
itself!(IpAddr, Ipv4Addr, Ipv6Addr => |a, out| out.text(&a.to_string()));
itself!(SocketAddr => |a, out| {
    out.text(&a.to_string());
    // Compared, and not part of the address's own text.
    if let SocketAddr::V6(a) = a
        && a.flowinfo() != 0
    {
        out.plain(format_args!("_{}", a.flowinfo()));
    }
});
itself!(Duration => |d, out| out.plain(format_args!("{}.{:09}", d.as_secs(), d.subsec_nanos())));
itself!(SystemTime => |t, out| match t.duration_since(UNIX_EPOCH) {
    Ok(d) => out.plain(format_args!("{}.{:09}", d.as_secs(), d.subsec_nanos())),
    Err(e) => out.plain(format_args!("-{}.{:09}", e.duration().as_secs(), e.duration().subsec_nanos())),
});

#[cfg(feature = "uuid")]
itself!(uuid::Uuid => |u, out| out.plain(u.as_hyphenated()));

/// Floats by their bits: `0.0` and `-0.0` are two keys, and a NaN is the same key as the same NaN.
macro_rules! float {
    ($($ty:ty as $bits:ty),*) => {$(
        impl KeyPart for $ty {
            type Owned = Bits<$ty>;

            fn to_owned_part(&self) -> Bits<$ty> {
                Bits(*self)
            }

            fn hash_part<H: Hasher>(&self, state: &mut H) {
                self.to_bits().hash(state);
            }

            fn same_part(&self, owned: &Bits<$ty>) -> bool {
                self.to_bits() == owned.0.to_bits()
            }

            fn write_part(&self, out: &mut KeyWriter) {
                if self.is_nan() {
                    out.plain(format_args!("NaN{:x}", self.to_bits()));
                } else {
                    out.plain(format_args!("{self:?}"));
                }
            }
        }

        impl PartialEq for Bits<$ty> {
            fn eq(&self, other: &Self) -> bool {
                self.0.to_bits() == other.0.to_bits()
            }
        }

        impl Eq for Bits<$ty> {}

        impl KeyPart for Bits<$ty> {
            type Owned = Self;

            fn to_owned_part(&self) -> Self {
                *self
            }

            fn hash_part<H: Hasher>(&self, state: &mut H) {
                self.0.hash_part(state);
            }

            fn same_part(&self, owned: &Self) -> bool {
                self == owned
            }

            fn write_part(&self, out: &mut KeyWriter) {
                self.0.write_part(out);
            }
        }
    )*};
}

/// The kept form of a float.
#[derive(Debug, Clone, Copy)]
pub struct Bits<F>(F);

float!(f32 as u32, f64 as u64);

impl KeyPart for str {
    type Owned = Box<str>;

    fn to_owned_part(&self) -> Box<str> {
        self.into()
    }

    #[inline]
    fn hash_part<H: Hasher>(&self, state: &mut H) {
        self.hash(state);
    }

    #[inline]
    fn same_part(&self, owned: &Box<str>) -> bool {
        *self == **owned
    }

    fn write_part(&self, out: &mut KeyWriter) {
        out.text(self);
    }

    fn heap_bytes(&self) -> usize {
        self.len()
    }
}

impl KeyPart for OsStr {
    type Owned = Box<OsStr>;

    fn to_owned_part(&self) -> Box<OsStr> {
        self.into()
    }

    fn hash_part<H: Hasher>(&self, state: &mut H) {
        self.hash(state);
    }

    fn same_part(&self, owned: &Box<OsStr>) -> bool {
        *self == **owned
    }

    fn write_part(&self, out: &mut KeyWriter) {
        out.bytes(self.as_encoded_bytes());
    }

    fn heap_bytes(&self) -> usize {
        self.len()
    }
}

impl<T: KeyPart> KeyPart for [T] {
    type Owned = Box<[T::Owned]>;

    fn to_owned_part(&self) -> Self::Owned {
        self.iter().map(KeyPart::to_owned_part).collect()
    }

    fn hash_part<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.len());
        for part in self {
            part.hash_part(state);
        }
    }

    fn same_part(&self, owned: &Self::Owned) -> bool {
        self.len() == owned.len() && self.iter().zip(owned).all(|(a, b)| a.same_part(b))
    }

    fn write_part(&self, out: &mut KeyWriter) {
        out.list(self);
    }

    fn heap_bytes(&self) -> usize {
        self.iter().map(|part| size_of::<T::Owned>() + part.heap_bytes()).sum()
    }
}

impl<T: KeyPart> KeyPart for Option<T> {
    type Owned = Option<T::Owned>;

    fn to_owned_part(&self) -> Self::Owned {
        self.as_ref().map(KeyPart::to_owned_part)
    }

    #[inline]
    fn hash_part<H: Hasher>(&self, state: &mut H) {
        state.write_u8(u8::from(self.is_some()));
        if let Some(part) = self {
            part.hash_part(state);
        }
    }

    #[inline]
    fn same_part(&self, owned: &Self::Owned) -> bool {
        match (self, owned) {
            (Some(part), Some(owned)) => part.same_part(owned),
            (None, None) => true,
            _ => false,
        }
    }

    fn write_part(&self, out: &mut KeyWriter) {
        match self {
            Some(part) => out.something(part),
            None => out.nothing(),
        }
    }

    fn heap_bytes(&self) -> usize {
        self.as_ref().map_or(0, KeyPart::heap_bytes)
    }
}

/// Types that stand for another part: by reference, in a box, or as the owned twin of a slice.
macro_rules! stands_for {
    ($([$($g:tt)*] $ty:ty => $target:ty;)*) => {$(
        impl<$($g)*> KeyPart for $ty {
            type Owned = <$target as KeyPart>::Owned;

            fn to_owned_part(&self) -> Self::Owned {
                <$target as KeyPart>::to_owned_part(self)
            }

            #[inline]
            fn hash_part<HASHER: Hasher>(&self, state: &mut HASHER) {
                <$target as KeyPart>::hash_part(self, state);
            }

            #[inline]
            fn same_part(&self, owned: &Self::Owned) -> bool {
                <$target as KeyPart>::same_part(self, owned)
            }

            fn write_part(&self, out: &mut KeyWriter) {
                <$target as KeyPart>::write_part(self, out);
            }

            fn heap_bytes(&self) -> usize {
                <$target as KeyPart>::heap_bytes(self)
            }
        }
    )*};
}

stands_for! {
    [T: KeyPart + ?Sized] &T => T;
    [T: KeyPart + ?Sized] &mut T => T;
    [T: KeyPart + ?Sized] Box<T> => T;
    [T: KeyPart + ?Sized] Arc<T> => T;
    [T: KeyPart + ?Sized] Rc<T> => T;
    [T: KeyPart] Vec<T> => [T];
    [] String => str;
    [] OsString => OsStr;
}

impl<T: KeyPart, const N: usize> KeyPart for [T; N] {
    type Owned = Box<[T::Owned]>;

    fn to_owned_part(&self) -> Self::Owned {
        self.as_slice().to_owned_part()
    }

    fn hash_part<H: Hasher>(&self, state: &mut H) {
        self.as_slice().hash_part(state);
    }

    fn same_part(&self, owned: &Self::Owned) -> bool {
        self.as_slice().same_part(owned)
    }

    fn write_part(&self, out: &mut KeyWriter) {
        self.as_slice().write_part(out);
    }

    fn heap_bytes(&self) -> usize {
        self.as_slice().heap_bytes()
    }
}

impl<T: KeyPart + ToOwned + ?Sized> KeyPart for Cow<'_, T> {
    type Owned = <T as KeyPart>::Owned;

    fn to_owned_part(&self) -> <T as KeyPart>::Owned {
        (**self).to_owned_part()
    }

    fn hash_part<H: Hasher>(&self, state: &mut H) {
        (**self).hash_part(state);
    }

    fn same_part(&self, owned: &<T as KeyPart>::Owned) -> bool {
        (**self).same_part(owned)
    }

    fn write_part(&self, out: &mut KeyWriter) {
        (**self).write_part(out);
    }

    fn heap_bytes(&self) -> usize {
        (**self).heap_bytes()
    }
}

macro_rules! path {
    ($($ty:ty),*) => {$(
        impl KeyPart for $ty {
            type Owned = Box<OsStr>;

            fn to_owned_part(&self) -> Box<OsStr> {
                self.as_os_str().into()
            }

            fn hash_part<H: Hasher>(&self, state: &mut H) {
                self.as_os_str().hash(state);
            }

            fn same_part(&self, owned: &Box<OsStr>) -> bool {
                *self.as_os_str() == **owned
            }

            fn write_part(&self, out: &mut KeyWriter) {
                self.as_os_str().write_part(out);
            }

            fn heap_bytes(&self) -> usize {
                self.as_os_str().len()
            }
        }
    )*};
}

// Byte by byte: `a//b` and `a/b` are two keys.
path!(Path, PathBuf);

/// Ordered collections, kept as the slice of their elements.
macro_rules! ordered {
    ($($ty:ty, $item:ident;)*) => {$(
        impl<$item: KeyPart> KeyPart for $ty {
            type Owned = Box<[<$item as KeyPart>::Owned]>;

            fn to_owned_part(&self) -> Self::Owned {
                self.iter().map(|item| item.to_owned_part()).collect()
            }

            fn hash_part<HASHER: Hasher>(&self, state: &mut HASHER) {
                state.write_usize(self.len());
                for item in self {
                    item.hash_part(state);
                }
            }

            fn same_part(&self, owned: &Self::Owned) -> bool {
                self.len() == owned.len() && self.iter().zip(owned).all(|(a, b)| a.same_part(b))
            }

            fn write_part(&self, out: &mut KeyWriter) {
                out.list(self.iter());
            }

            fn heap_bytes(&self) -> usize {
                self.iter().map(|item| size_of::<<$item as KeyPart>::Owned>() + item.heap_bytes()).sum()
            }
        }
    )*};
}

ordered! {
    VecDeque<T>, T;
    BTreeSet<T>, T;
}

impl<K: KeyPart, V: KeyPart> KeyPart for BTreeMap<K, V> {
    type Owned = Box<[(K::Owned, V::Owned)]>;

    fn to_owned_part(&self) -> Self::Owned {
        self.iter().map(|(k, v)| (k.to_owned_part(), v.to_owned_part())).collect()
    }

    fn hash_part<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.len());
        for (k, v) in self {
            k.hash_part(state);
            v.hash_part(state);
        }
    }

    fn same_part(&self, owned: &Self::Owned) -> bool {
        self.len() == owned.len() && self.iter().zip(owned).all(|((k, v), (ok, ov))| k.same_part(ok) && v.same_part(ov))
    }

    fn write_part(&self, out: &mut KeyWriter) {
        // Written as the list of pairs that it is kept as, so that both faces write one text.
        out.list(self.iter());
    }

    fn heap_bytes(&self) -> usize {
        self.iter().map(|(k, v)| size_of::<(K::Owned, V::Owned)>() + k.heap_bytes() + v.heap_bytes()).sum()
    }
}
