//! The names of results: injective, readable, bounded text, and the typed parts it is made of.

mod glob;
mod map;
mod part;
mod read;
mod std_parts;
mod std_reads;
#[cfg(any(feature = "chrono", feature = "time"))]
mod time_parts;
mod tuple;
mod writer;

use std::fmt;
use std::sync::Arc;

pub use glob::Pattern;
pub use map::Unordered;
pub use part::{Absent, Glance, KeyPart, Lookup, OwnedKey, Sum};
#[cfg(feature = "_seen")]
pub(crate) use read::unescape;
pub use read::{ReadPart, parts_of, variant_of};
pub use tuple::{Kind, kind_of};
pub use writer::{KeyWriter, MAX_KEY, Secret, SecretPart, escape, secret};
pub(crate) use writer::{check_namespace, written};

/// The readable name of one result, as tiers and the log know it: `video:intro:frames`.
///
/// At most [`MAX_KEY`] bytes; longer names keep a readable head and end in a 128-bit keyed hash of the whole.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Arc<str>);

impl Key {
    /// A key from text that already is a key, read back from a tier or given by an operator.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text before the first colon.
    #[must_use]
    pub fn namespace(&self) -> &str {
        namespace_of(&self.0)
    }
}

/// The text before the first colon of a key.
#[must_use]
pub fn namespace_of(key: &str) -> &str {
    key.split_once(':').map_or(key, |(namespace, _)| namespace)
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", &self.0)
    }
}
