//! What became of what was loaded before anybody asked.

use std::sync::atomic::Ordering::Relaxed;

use super::snapshot::rate;
use crate::accesses;
use crate::ahead::AheadCounts;
use crate::plain::plain;
use crate::predict;

plain! {
    /// What became of entries that were loaded before anybody asked.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct AheadStats {
        /// Entries that came into near ahead, from the source or a tier.
        pub brought: u64,
        /// Those that were asked for later.
        pub used: u64,
        /// Those that were asked for while they were still on their way: who asked waited less, or not at all.
        pub late: u64,
        /// Those that were replaced, invalidated, dropped or past their life before anybody asked. What is neither used nor
        /// late nor wasted is still waiting in near.
        pub wasted: u64,
    }
}

impl AheadStats {
    pub(super) fn of(counts: &AheadCounts) -> Self {
        let [brought, used, late, wasted] =
            [&counts.brought, &counts.used, &counts.late, &counts.wasted].map(|counter| counter.load(Relaxed));
        Self { brought, used, late, wasted }
    }

    pub(super) const fn add(&mut self, other: &Self) {
        self.brought += other.brought;
        self.used += other.used;
        self.late += other.late;
        self.wasted += other.wasted;
    }
}

plain! {
    /// What predictions of a function were worth, where `predict` asks for them. Judged by sessions: what another session
    /// used counts as wasted here.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct PredictStats {
        /// Is it switched on, for what follows one key or two?
        pub on: bool,
        /// Keys that were given out to be loaded.
        pub issued: u64,
        /// Those that their session asked for while they were there.
        pub used: u64,
        /// Those that it asked for while they were on their way.
        pub late: u64,
        /// Those that it did not ask for in time.
        pub wasted: u64,
        /// Calls that were not answered by near, or would not have been without predictions.
        pub wanted: u64,
        /// Calls that were not looked at, because another of their session was.
        pub skipped: u64,
        /// How often it was switched off or on.
        pub switched: u64,
        /// Successors that are remembered.
        pub pairs: u64,
    }
}

impl PredictStats {
    pub(crate) fn of(figures: &predict::Figures) -> Self {
        let predict::Figures { issued, used, late, wasted, wants, skipped, on, switched, pairs, .. } = *figures;
        Self {
            on: on.contains(&true),
            issued,
            used,
            late,
            wasted,
            wanted: wants,
            skipped,
            switched,
            pairs: pairs as u64,
        }
    }

    /// Which part of what was given out was used or late.
    #[must_use]
    pub fn precision(&self) -> f64 {
        rate(self.used + self.late, self.used + self.late + self.wasted)
    }

    /// Which part of the misses was spared.
    #[must_use]
    pub fn gain(&self) -> f64 {
        rate(self.used, self.wanted)
    }

    /// By which part of what was wanted the source was asked more often.
    #[must_use]
    pub fn load_added(&self) -> f64 {
        rate(self.wasted, self.wanted)
    }

    pub(super) const fn add(&mut self, other: &Self) {
        self.on |= other.on;
        self.issued += other.issued;
        self.used += other.used;
        self.late += other.late;
        self.wasted += other.wasted;
        self.wanted += other.wanted;
        self.skipped += other.skipped;
        self.switched += other.switched;
        self.pairs += other.pairs;
    }
}

plain! {
    /// What is known of the keys that a function is asked for most, where `#[warmup(hot = ..)]` wants to know.
    #[derive(Debug, Clone, Copy, Default, PartialEq)]
    #[non_exhaustive]
    pub struct NotedStats {
        /// Keys of which it is known how often and how lately they were asked for.
        pub keys: u64,
        /// Is it warmed for what is asked at this time of day? Only where that has been worth more than what was asked lately.
        pub daily: bool,
        /// Which part of the calls was for keys that were asked for most before the hour began.
        pub foreseen_by_recency: f64,
        /// The same of keys that were asked for most at that hour on the days before.
        pub foreseen_by_hour: f64,
    }
}

impl NotedStats {
    pub(crate) const fn of(figures: &accesses::Figures) -> Self {
        let accesses::Figures { keys, daily, by_score, by_hour, .. } = *figures;
        Self { keys: keys as u64, daily, foreseen_by_recency: by_score, foreseen_by_hour: by_hour }
    }

    /// The instances of a generic function have one log.
    pub(super) const fn add(&mut self, other: &Self) {
        if other.keys > self.keys {
            *self = *other;
        }
    }
}
