//! How often a statement was prepared already.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Told by how many statements are prepared on a connection before and after: one more is a miss, as many is a hit; where
/// there is room for no more, as many may also mean that another one has gone.
#[derive(Debug)]
pub(in crate::database) struct Prepared {
    /// How many a connection keeps; nothing where nobody knows.
    room: Option<usize>,
    pub(in crate::database) hits: AtomicU64,
    pub(in crate::database) misses: AtomicU64,
    pub(in crate::database) unclear: AtomicU64,
}

impl Prepared {
    pub(super) fn new(room: Option<usize>) -> Self {
        Self { room, hits: AtomicU64::new(0), misses: AtomicU64::new(0), unclear: AtomicU64::new(0) }
    }

    pub(super) fn count(&self, before: usize, after: usize) {
        let counter = if after > before {
            &self.misses
        } else if after == before && after > 0 && self.room.is_some_and(|room| after < room) {
            &self.hits
        } else {
            &self.unclear
        };
        counter.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_is_told_only_where_nothing_can_have_gone() {
        let prepared = Prepared::new(Some(3));
        for (before, after) in [(0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 0)] {
            prepared.count(before, after);
        }
        let counts = [&prepared.hits, &prepared.misses, &prepared.unclear].map(|count| count.load(Relaxed));
        assert_eq!(counts, [2, 3, 2]);
        let unknown = Prepared::new(None);
        unknown.count(1, 1);
        assert_eq!(unknown.unclear.load(Relaxed), 1);
    }
}
