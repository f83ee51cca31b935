//! Collections without an order of their own: kept and compared by their sorted text.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hash, Hasher};

use super::read::split;
use super::{KeyPart, KeyWriter, ReadPart, Secret, parts_of};

/// The kept form of a `HashMap` or `HashSet`: its canonical text.
///
/// The one kind of part whose lookup allocates, because its elements must be sorted first; prefer a `BTreeMap` where
/// hits must be cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unordered(Box<str>);

impl KeyPart for Unordered {
    type Owned = Self;

    fn to_owned_part(&self) -> Self {
        self.clone()
    }

    fn hash_part<H: Hasher>(&self, state: &mut H) {
        self.0.hash_part(state);
    }

    fn same_part(&self, owned: &Self) -> bool {
        self == owned
    }

    fn write_part(&self, out: &mut KeyWriter) {
        out.literal(&self.0);
    }

    fn heap_bytes(&self) -> usize {
        self.0.len()
    }
}

fn canonical(mut texts: Vec<String>) -> Box<str> {
    texts.sort_unstable();
    format!("({})", texts.join(",")).into()
}

fn text_of(write: impl FnOnce(&mut KeyWriter)) -> String {
    // The secret plays no part: nothing inside a map is hashed on its own.
    let mut out = KeyWriter::new(Secret::default());
    write(&mut out);
    out.as_str().to_owned()
}

fn map_text<K: KeyPart, V: KeyPart, S: BuildHasher>(map: &HashMap<K, V, S>) -> Box<str> {
    let pair = |(k, v): (&K, &V)| {
        text_of(|out| {
            out.part(k).literal("=").part(v);
        })
    };
    canonical(map.iter().map(pair).collect())
}

fn set_text<K: KeyPart, S: BuildHasher>(set: &HashSet<K, S>) -> Box<str> {
    canonical(set.iter().map(|k| text_of(|out| k.write_part(out))).collect())
}

macro_rules! by_text {
    ($ty:ty, $text:ident, $($g:ident: $b:ident),*) => {
        impl<$($g: $b),*> KeyPart for $ty {
            type Owned = Unordered;

            fn to_owned_part(&self) -> Unordered {
                Unordered($text(self))
            }

            fn hash_part<HASHER: Hasher>(&self, state: &mut HASHER) {
                $text(self).hash_part(state);
            }

            fn same_part(&self, owned: &Unordered) -> bool {
                $text(self) == owned.0
            }

            fn write_part(&self, out: &mut KeyWriter) {
                out.literal(&$text(self));
            }

            fn heap_bytes(&self) -> usize {
                $text(self).len()
            }
        }
    };
}

by_text!(HashMap<K, V, S>, map_text, K: KeyPart, V: KeyPart, S: BuildHasher);
by_text!(HashSet<K, S>, set_text, K: KeyPart, S: BuildHasher);

/// The sorted elements; their order is part of the text, though not of the collection.
fn sorted(text: &str) -> Option<Vec<&str>> {
    parts_of(text).filter(|parts| parts.is_sorted())
}

impl<K, V, S> ReadPart for HashMap<K, V, S>
where
    K: ReadPart + Eq + Hash,
    V: ReadPart,
    S: BuildHasher + Default,
{
    fn read_part(text: &str) -> Option<Self> {
        let mut map = Self::default();
        for pair in sorted(text)? {
            let [key, value] = <[&str; 2]>::try_from(split(pair, b'=')?).ok()?;
            if map.insert(K::read_part(key)?, V::read_part(value)?).is_some() {
                return None; // no map has a key twice
            }
        }
        Some(map)
    }
}

impl<K: ReadPart + Eq + Hash, S: BuildHasher + Default> ReadPart for HashSet<K, S> {
    fn read_part(text: &str) -> Option<Self> {
        let mut set = Self::default();
        for key in sorted(text)? {
            if !set.insert(K::read_part(key)?) {
                return None;
            }
        }
        Some(set)
    }
}
