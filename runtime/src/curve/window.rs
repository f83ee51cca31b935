//! What is remembered of calls fades: half of it goes every ten minutes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::simulation::Missed;
use crate::clock::Millis;
use crate::stats::Counters;

/// After so long what was counted counts half.
const HALF_LIFE: Millis = 600_000;

/// What a site's counters say.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) load_nanos: u64,
}

impl Sums {
    pub(super) fn of(counters: &Counters) -> Self {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        Self { hits: counters.hits.sum(), misses: of(&counters.misses), load_nanos: of(&counters.load_nanos) }
    }
}

/// The calls of the window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) calls: f64,
    pub(super) misses: f64,
}

/// Counts calls as the miniatures count misses.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// When it was last halved; 0 before the first call.
    halved: Millis,
    before: Seen,
    /// What the counters said then.
    base: Sums,
}

impl Window {
    /// Halves what was counted, if it is time.
    pub(super) fn pass(&mut self, now: Millis, sums: Sums, missed: &mut Missed) {
        if self.halved == 0 {
            self.halved = now;
        }
        let halves = i32::try_from(now.saturating_sub(self.halved) / HALF_LIFE).unwrap_or(i32::MAX);
        if halves > 0 {
            let part = 0.5_f64.powi(halves);
            let Seen { calls, misses } = self.sums(sums);
            self.before = Seen { calls: calls * part, misses: misses * part };
            missed.fade(part);
            (self.base, self.halved) = (sums, now);
        }
    }

    /// The calls so far.
    pub(super) fn sums(&self, sums: Sums) -> Seen {
        let (hits, misses) = (sums.hits - self.base.hits, sums.misses - self.base.misses);
        Seen { calls: self.before.calls + (hits + misses) as f64, misses: self.before.misses + misses as f64 }
    }
}
