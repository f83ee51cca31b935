//! What near holds: a value and what a hit must know about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Millis;

/// One value in near.
#[derive(Debug)]
pub(crate) struct Entry<V> {
    pub(crate) value: V,
    pub(crate) fresh_until: Millis,
    pub(crate) stale_until: Millis,
    /// Until when a value past its ttl answers by itself, because its source just failed; else 0.
    pub(crate) held_until: Millis,
    /// Up to which local application of the log the entry is known to be valid; at first, its birth.
    checked: AtomicU64,
    /// Weight in bytes, all counted.
    pub(crate) weight: u32,
    /// What only few entries need.
    pub(crate) kept: Option<Arc<Kept>>,
}

/// What only few entries need: groups that cannot be computed from the arguments, and the time of the last hit.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) tags: Box<[Arc<str>]>,
    pub(crate) used: AtomicU64,
}

impl<V> Entry<V> {
    pub(crate) fn new(value: V, fresh_until: Millis, stale_until: Millis, birth: u64, weight: u32) -> Self {
        Self { value, fresh_until, stale_until, held_until: 0, checked: AtomicU64::new(birth), weight, kept: None }
    }

    /// What an entry costs beside its value and its key: the fields above, and the engine's own books.
    pub(crate) const OVERHEAD: usize = size_of::<Self>() - size_of::<V>() + 40;

    /// The same entry, answering by itself until then though it is past its ttl.
    pub(crate) fn held(mut self, until: Millis) -> Self {
        self.held_until = until;
        self
    }

    /// The same entry with tags that cannot be computed from its key.
    pub(crate) fn tagged(mut self, tags: Box<[Arc<str>]>) -> Self {
        if !tags.is_empty() {
            self.kept = Some(Arc::new(Kept { tags, used: AtomicU64::new(0) }));
        }
        self
    }

    /// The same entry, remembering when it was last asked for.
    pub(crate) fn used_at(mut self, now: Millis) -> Self {
        let tags = self.kept.take().map(|kept| kept.tags.clone()).unwrap_or_default();
        self.kept = Some(Arc::new(Kept { tags, used: AtomicU64::new(now) }));
        self
    }

    #[inline]
    pub(crate) fn checked(&self) -> u64 {
        self.checked.load(Ordering::Relaxed)
    }

    /// Remembers that nothing up to `seq` names this entry.
    pub(crate) fn recheck(&self, seq: u64) {
        self.checked.fetch_max(seq, Ordering::Relaxed);
    }

    /// Groups kept beside the value.
    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> + Clone {
        self.kept.iter().flat_map(|kept| kept.tags.iter().map(|t| &**t))
    }

    /// Was the entry not asked for in so long? Marks it as asked for now.
    #[inline]
    pub(crate) fn idle(&self, now: Millis, limit: Option<Millis>) -> bool {
        match (limit, &self.kept) {
            (Some(limit), Some(kept)) => now.saturating_sub(kept.used.swap(now, Ordering::Relaxed)) >= limit,
            _ => false,
        }
    }
}

impl<V: Clone> Clone for Entry<V> {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            fresh_until: self.fresh_until,
            stale_until: self.stale_until,
            held_until: self.held_until,
            checked: AtomicU64::new(self.checked()),
            weight: self.weight,
            kept: self.kept.clone(),
        }
    }
}
