//! `KeyPart`: what may stand in a key, how it is looked up without being copied, and what is kept of it.

use std::hash::{Hash, Hasher};

use hashbrown::Equivalent;

use super::KeyWriter;

/// A value that can be part of a key.
///
/// A part has two faces. The near tier compares it as it is, typed and borrowed; tiers and the log know it as text.
/// Both are injective: two parts of one type are the same part if and only if they hash and compare alike and write the
/// same text. Implemented for the types of std that have an obvious identity, for references, tuples and collections of
/// parts; `#[derive(KeyPart)]` makes it for your own types. There is deliberately no way in through `Debug` or
/// `Display`: a redacting `Debug` would let one user's result be given to another.
///
/// A part that owns what it is can be read back out of its text: see [`ReadPart`](super::ReadPart).
///
/// ```
/// use cached_runtime::KeyPart;
///
/// #[derive(KeyPart)]
/// struct Page<'a> {
///     video: &'a str,
///     number: u32,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a key",
    label = "not a key part",
    note = "leave the argument out with `skip(..)`, name what identifies it with `key = \"..{{arg.field}}..\"`, or `#[derive(KeyPart)]` on its type"
)]
pub trait KeyPart {
    /// What the near tier keeps of the part: itself a part, and the same one.
    type Owned: KeyPart<Owned = Self::Owned> + Clone + Eq + Send + Sync + 'static;

    /// Copies the part; called on a miss only.
    fn to_owned_part(&self) -> Self::Owned;

    /// Feeds the part to a hasher, the same bytes for the borrowed and the owned form.
    fn hash_part<H: Hasher>(&self, state: &mut H);

    /// Is this the part that was kept?
    fn same_part(&self, owned: &Self::Owned) -> bool;

    /// Writes the part as text, escaped.
    fn write_part(&self, out: &mut KeyWriter);

    /// Bytes the owned form holds on the heap, for the near tier's budget.
    fn heap_bytes(&self) -> usize {
        0
    }
}

/// A key as the near tier keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedKey<K>(pub K);

impl<K: KeyPart> Hash for OwnedKey<K> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash_part(state);
    }
}

impl<K> std::fmt::Debug for OwnedKey<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnedKey(..)") // an argument may be a secret
    }
}

/// A borrowed key, to look up a kept one.
pub struct Lookup<'a, K: ?Sized>(pub &'a K);

impl<K: ?Sized> std::fmt::Debug for Lookup<'_, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lookup(..)")
    }
}

impl<K: KeyPart + ?Sized> Hash for Lookup<'_, K> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash_part(state);
    }
}

impl<K: KeyPart + ?Sized> Equivalent<OwnedKey<K::Owned>> for Lookup<'_, K> {
    #[inline]
    fn equivalent(&self, key: &OwnedKey<K::Owned>) -> bool {
        self.0.same_part(&key.0)
    }
}

/// A borrowed key of a plain hit. `H` is a type that only one annotated function has: the engine's look-up is compiled
/// for it alone and becomes part of the hit, where a shared one is a call that hands its answer over through memory.
pub struct Glance<K, H> {
    /// The key.
    pub key: K,
    /// What makes it.
    pub of: H,
}

impl<K, H> std::fmt::Debug for Glance<K, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Glance(..)")
    }
}

impl<K: KeyPart, H> Hash for Glance<K, H> {
    #[inline]
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.key.hash_part(state);
    }
}

impl<K: KeyPart, H> Equivalent<OwnedKey<K::Owned>> for Glance<K, H> {
    #[inline]
    fn equivalent(&self, key: &OwnedKey<K::Owned>) -> bool {
        self.key.same_part(&key.0)
    }
}

/// The kept form of an enum: one of its variants, or one of the rest. Made by `#[derive(KeyPart)]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sum<A, Rest> {
    /// This variant, its name and its fields.
    Here(&'static str, A),
    /// A later variant.
    There(Rest),
}

/// No variant is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absent {}

impl<A, Rest> KeyPart for Sum<A, Rest>
where
    A: KeyPart<Owned = A> + Clone + Eq + Send + Sync + 'static,
    Rest: KeyPart<Owned = Rest> + Clone + Eq + Send + Sync + 'static,
{
    type Owned = Self;

    fn to_owned_part(&self) -> Self {
        self.clone()
    }

    fn hash_part<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Here(name, fields) => {
                name.hash_part(state);
                fields.hash_part(state);
            }
            Self::There(rest) => rest.hash_part(state),
        }
    }

    fn same_part(&self, owned: &Self) -> bool {
        self == owned
    }

    fn write_part(&self, out: &mut KeyWriter) {
        match self {
            Self::Here(name, fields) => out.variant(name, fields),
            Self::There(rest) => rest.write_part(out),
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Self::Here(_, fields) => fields.heap_bytes(),
            Self::There(rest) => rest.heap_bytes(),
        }
    }
}

impl KeyPart for Absent {
    type Owned = Self;

    fn to_owned_part(&self) -> Self {
        match *self {}
    }

    fn hash_part<H: Hasher>(&self, _: &mut H) {
        match *self {}
    }

    fn same_part(&self, _: &Self) -> bool {
        match *self {}
    }

    fn write_part(&self, _: &mut KeyWriter) {
        match *self {}
    }
}
