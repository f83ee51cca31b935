//! Which keys of a shelf were stored lately, in a few numbers: how a copy of an entry learns that there is a newer one.
//!
//! Removals need no stamp: they are invalidations, which the log tells of.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::DefaultHashBuilder;

/// One key in so many shares a stamp with another: storing one makes a copy of the other look old too.
const STAMPS: usize = 256;

/// A count of stores for each of a few groups of keys.
pub(super) struct Stamps {
    hasher: DefaultHashBuilder,
    counts: Box<[AtomicU64]>,
}

impl Stamps {
    pub(super) fn new() -> Self {
        Self { hasher: DefaultHashBuilder::default(), counts: (0..STAMPS).map(|_| AtomicU64::new(0)).collect() }
    }

    #[inline]
    pub(super) fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The stamp of a key with this hash. Read it before the entry that is copied.
    #[inline]
    pub(super) fn of(&self, hash: u64) -> u64 {
        self.counts.get(group(hash)).map_or(0, |count| count.load(Ordering::Acquire))
    }

    /// Makes all copies look old.
    pub(super) fn change_all(&self) {
        for count in &self.counts {
            count.fetch_add(1, Ordering::Release);
        }
    }

    /// Notes that the key with this hash was stored. Afterwards: a copy made in between is old at once, not wrong.
    pub(super) fn change(&self, hash: u64) {
        if let Some(count) = self.counts.get(group(hash)) {
            count.fetch_add(1, Ordering::Release);
        }
    }
}

/// The upper bits: the lower ones choose the place in a copy's table.
#[inline]
fn group(hash: u64) -> usize {
    (hash >> 56) as usize % STAMPS
}

impl fmt::Debug for Stamps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stamps")
    }
}
