//! The names of invalidation: one key, a tag, a glob, a namespace, everything; and places in the log.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::key::{Key, Pattern};

/// What begins the text of a hidden name, behind its namespace. It is escaped in keys, so that no other name has it.
#[cfg(feature = "tiers")]
pub(crate) const HIDDEN: char = '\u{1}';

/// A place in the shared order of invalidations.
///
/// Positions compare only within one epoch; an epoch ends when the log that numbered it is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Position {
    /// A random number drawn when the log was created.
    pub epoch: u64,
    /// How many records the log held.
    pub number: u64,
}

/// What one invalidation names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Group {
    /// One key.
    Key(Key),
    /// All entries that carry this tag.
    Tag(Arc<str>),
    /// All entries that carry any tag: what many tags become when they can no longer be remembered one by one.
    Tagged,
    /// All keys that match this glob.
    Pattern(Pattern),
    /// All keys of this namespace.
    Namespace(Arc<str>),
    /// All keys.
    Everything,
}

/// One invalidation at its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What it names.
    pub group: Group,
    /// Where it stands.
    pub position: Position,
}

impl Group {
    /// Does this name an entry of this key with these tags?
    pub fn names<'a>(&self, key: &str, tags: impl IntoIterator<Item = &'a str>) -> bool {
        match self {
            Self::Key(k) => k.as_str() == key,
            Self::Tag(t) => tags.into_iter().any(|tag| tag == &**t),
            Self::Tagged => tags.into_iter().next().is_some(),
            Self::Pattern(p) => p.matches(key),
            Self::Namespace(n) => crate::key::namespace_of(key) == &**n,
            Self::Everything => true,
        }
    }

    /// Is its name hidden, so that only who knows the secret can tell what it names?
    #[cfg(feature = "tiers")]
    pub(crate) fn is_hidden(&self) -> bool {
        match self {
            Self::Key(key) => key.as_str().contains(HIDDEN),
            Self::Tag(tag) => tag.contains(HIDDEN),
            Self::Pattern(pattern) => pattern.as_str().contains(HIDDEN),
            Self::Tagged | Self::Namespace(_) | Self::Everything => false,
        }
    }

    /// The text under which tiers store a group: a letter for the kind, a colon, the name.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Key(k) => format!("k:{k}"),
            Self::Tag(t) => format!("t:{t}"),
            Self::Tagged => "T:".to_owned(),
            Self::Pattern(p) => format!("p:{p}"),
            Self::Namespace(n) => format!("n:{n}"),
            Self::Everything => "*:".to_owned(),
        }
    }

    /// Reads what [`Group::to_text`] wrote.
    ///
    /// # Errors
    /// [`ErrorKind::Frame`] if the text is none of ours.
    pub fn from_text(text: &str) -> Result<Self> {
        let foreign = || Error::new(ErrorKind::Frame, "a stored invalidation has an unknown form");
        Ok(match text.split_once(':').ok_or_else(foreign)? {
            // `K`: a key that the log remembers as it does groups, because it could not be closed where its frame is.
            ("k" | "K", k) => Self::Key(Key::from_stored(k)),
            ("t", t) => Self::Tag(t.into()),
            ("T", "") => Self::Tagged,
            ("p", p) => Self::Pattern(Pattern::new(p)?),
            ("n", n) => Self::Namespace(n.into()),
            ("*", "") => Self::Everything,
            _ => return Err(foreign()),
        })
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(k) => write!(f, "key {k}"),
            Self::Tag(t) => write!(f, "tag {t}"),
            Self::Tagged => f.write_str("everything with a tag"),
            Self::Pattern(p) => write!(f, "pattern {p}"),
            Self::Namespace(n) => write!(f, "namespace {n}"),
            Self::Everything => f.write_str("everything"),
        }
    }
}

/// How far a node has read the log that it shares with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Cursor {
    /// The place in the shared order; of an epoch of its own.
    pub position: Position,
    /// Tells the record at this place from another that took its place after a failover.
    pub nonce: u64,
}

impl Position {
    /// No place in any log: what is not an invalidation but concerns one tier alone.
    pub const NOWHERE: Self = Self { epoch: 0, number: 0 };
}

/// What a node's own tier keeps for the log that the node shares with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The shared log is still to be told of these. Kept, beside those before, until [`Note::Told`].
    Owed(Vec<Group>),
    /// The shared log has been told of everything.
    Told,
    /// The shared log has been read and applied up to here.
    Read(Cursor),
}

/// What a tier remembers of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recall {
    /// The highest position stored; its epoch names the store. `None` for a store that is new.
    pub position: Option<Position>,
    /// Records stored and not yet forgotten, oldest first.
    pub records: Vec<Record>,
    /// What the shared log is still to be told.
    pub owed: Vec<Group>,
    /// How far the shared log was read.
    pub read: Option<Cursor>,
}
