//! Entries that left an engine, to be dropped where no lock is held: dropping a value runs code of its own.

use std::fmt;

use super::entry::Entry;

/// Entries that left an engine. Drop it when no lock is held.
#[must_use]
pub(crate) struct Gone<V> {
    /// Most stores put out one entry at most: it needs no list.
    first: Option<Entry<V>>,
    more: Vec<Entry<V>>,
}

impl<V> Gone<V> {
    pub(super) fn push(&mut self, entry: Entry<V>) {
        match self.first {
            None => self.first = Some(entry),
            Some(_) => self.more.push(entry),
        }
    }
}

impl<V> Default for Gone<V> {
    fn default() -> Self {
        Self { first: None, more: Vec::new() }
    }
}

impl<V> fmt::Debug for Gone<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gone({})", usize::from(self.first.is_some()) + self.more.len())
    }
}
