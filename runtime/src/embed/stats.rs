//! What a model was spared.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::stats::Counters;

/// What a [`CachedModel`](super::CachedModel) and its clones did since it was built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmbedStats {
    /// Calls: `embed`, `embed_one` and `embed_each`.
    pub calls: u64,
    /// Texts in these calls.
    pub texts: u64,
    /// Of these, texts that stood in the same call before.
    pub repeated: u64,
    /// Texts whose vectors were in memory.
    pub near_hits: u64,
    /// Vectors that came from a tier, for all models of this id in the cache.
    pub tier_hits: u64,
    /// Texts that another call was just asking for, for all models of this id in the cache.
    pub joined: u64,
    /// Texts that the model was asked for.
    pub asked: u64,
    /// Times it was asked: one for each batch.
    pub batches: u64,
    /// Texts for which it failed.
    pub failed: u64,
    /// Texts whose vectors were refused.
    pub refused: u64,
}

/// What is counted here.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) calls: AtomicU64,
    pub(super) texts: AtomicU64,
    pub(super) repeated: AtomicU64,
    pub(super) near_hits: AtomicU64,
    pub(super) asked: AtomicU64,
    pub(super) batches: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) refused: AtomicU64,
}

/// So many more.
pub(super) fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Relaxed);
}

impl Counts {
    pub(super) fn snapshot(&self, of_all: &Counters) -> EmbedStats {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        EmbedStats {
            calls: of(&self.calls),
            texts: of(&self.texts),
            repeated: of(&self.repeated),
            near_hits: of(&self.near_hits),
            tier_hits: of(&of_all.tier_hits),
            joined: of(&of_all.joins),
            asked: of(&self.asked),
            batches: of(&self.batches),
            failed: of(&self.failed),
            refused: of(&self.refused),
        }
    }
}
