//! One step of time: what was counted in it, and how long things took.

use std::time::Duration;

use crate::cache::Core;
use crate::clock::Millis;
use crate::histogram::Tally;
use crate::plain::plain;
use crate::stats::{LevelStats, SiteStats, Stats};

plain! {
    /// What happened in one step of time. Percentiles are of what ended in it, in seconds, exact to about an eighth of
    /// themselves; nothing where nothing did.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct Moment {
        /// When it ended, in milliseconds since the Unix epoch.
        pub at: u64,
        /// Calls answered with a fresh value from near.
        pub hits: u64,
        /// Calls answered with a value past its ttl.
        pub stale_hits: u64,
        /// Calls for which near had no fresh value.
        pub misses: u64,
        /// Those of them that a tier answered.
        pub tier_hits: u64,
        /// Loads that ran to their end.
        pub loads: u64,
        /// Loads that failed, panicked, or were given up.
        pub load_errors: u64,
        /// Seconds that loads took.
        pub load_seconds: f64,
        /// Half of the loads took at most this.
        pub load_p50: Option<f64>,
        /// 99 of a hundred loads.
        pub load_p99: Option<f64>,
        /// Half of the look-ups in near that were timed: of the hits, one in 128 at most.
        pub near_p50: Option<f64>,
        /// 99 of a hundred of them.
        pub near_p99: Option<f64>,
        /// Calls that waited for a load of another.
        pub joins: u64,
        /// Invalidations that were applied here.
        pub invalidations: u64,
        /// Entries near dropped for space.
        pub evictions: u64,
        /// Bytes in near at its end.
        pub near_bytes: u64,
        /// Invalidations that waited for a tier at its end.
        pub backlog: u64,
        /// Each tier, from the nearest to the deepest.
        pub tiers: Vec<TierMoment>,
    }
}

plain! {
    /// What one tier did in one step of time.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct TierMoment {
        /// The tier.
        pub tier: String,
        /// Reads it answered with a frame.
        pub hits: u64,
        /// Reads it answered with nothing.
        pub misses: u64,
        /// Calls that were answered with what it had: its hits that were fresh and readable.
        pub answered: u64,
        /// Half of its reads took at most this, in seconds, failed ones included; nothing where there were none.
        pub read_p50: Option<f64>,
        /// 99 of a hundred of them.
        pub read_p99: Option<f64>,
    }
}

/// How long things took since the cache was built.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    pub(super) near: Tally,
    pub(super) loads: Tally,
    /// Reads of each tier.
    pub(super) tiers: Vec<Tally>,
}

/// All that was counted since the cache was built: what differs between two of them is a step.
#[derive(Debug, Clone)]
pub(super) struct Sums {
    counted: Moment,
    times: Times,
}

impl Times {
    /// As they are now. Cost: about 270 additions for each site.
    pub(super) fn of(core: &Core) -> Self {
        let mut times = Self::default();
        for shelf in core.counted.lock().iter() {
            times.near.add(&shelf.counters().near_times);
            times.loads.add(&shelf.counters().load_times);
        }
        times.tiers = core.stack.levels().iter().map(|level| level.meter.times().0).map(Tally::of).collect();
        times
    }
}

impl Sums {
    pub(super) fn of(stats: &Stats, times: Times, at: Millis) -> Self {
        let SiteStats {
            hits,
            stale_hits,
            misses,
            tier_hits,
            loads,
            load_errors,
            panics,
            timeouts,
            load_seconds,
            joins,
            evictions,
            ..
        } = stats.total();
        let tier = |tier: &LevelStats| TierMoment {
            tier: tier.tier.clone(),
            hits: tier.hits,
            misses: tier.misses,
            answered: tier.answered,
            ..TierMoment::default()
        };
        let counted = Moment {
            at,
            hits,
            stale_hits,
            misses,
            tier_hits,
            loads,
            load_errors: load_errors + panics + timeouts,
            load_seconds,
            joins,
            invalidations: stats.invalidations + stats.shared.map_or(0, |shared| shared.heard),
            evictions,
            near_bytes: stats.near_bytes,
            backlog: stats.tiers.iter().map(|tier| tier.backlog).sum(),
            tiers: stats.tiers.iter().map(tier).collect(),
            ..Moment::default()
        };
        Self { counted, times }
    }

    /// What happened since.
    pub(super) fn since(&self, before: &Self) -> Moment {
        let (now, then) = (&self.counted, &before.counted);
        let since = |of: fn(&Moment) -> u64| of(now).saturating_sub(of(then));
        let [load_p50, load_p99] = percentiles(&self.times.loads, Some(&before.times.loads));
        let [near_p50, near_p99] = percentiles(&self.times.near, Some(&before.times.near));
        Moment {
            at: now.at,
            hits: since(|sums| sums.hits),
            stale_hits: since(|sums| sums.stale_hits),
            misses: since(|sums| sums.misses),
            tier_hits: since(|sums| sums.tier_hits),
            loads: since(|sums| sums.loads),
            load_errors: since(|sums| sums.load_errors),
            load_seconds: (now.load_seconds - then.load_seconds).max(0.0),
            load_p50,
            load_p99,
            near_p50,
            near_p99,
            joins: since(|sums| sums.joins),
            invalidations: since(|sums| sums.invalidations),
            evictions: since(|sums| sums.evictions),
            near_bytes: now.near_bytes,
            backlog: now.backlog,
            tiers: (0..now.tiers.len()).map(|at| self.tier_since(before, at)).collect(),
        }
    }

    /// The tiers of a cache are the same for as long as it lives, in the same order.
    fn tier_since(&self, before: &Self, at: usize) -> TierMoment {
        let (now, then) = (&self.counted.tiers[at], before.counted.tiers.get(at).cloned().unwrap_or_default());
        let times = self.times.tiers.get(at).map(|times| percentiles(times, before.times.tiers.get(at)));
        let [read_p50, read_p99] = times.unwrap_or_default();
        TierMoment {
            tier: now.tier.clone(),
            hits: now.hits.saturating_sub(then.hits),
            misses: now.misses.saturating_sub(then.misses),
            answered: now.answered.saturating_sub(then.answered),
            read_p50,
            read_p99,
        }
    }
}

/// The half, and 99 of a hundred, of what was measured in between.
fn percentiles(now: &Tally, before: Option<&Tally>) -> [Option<f64>; 2] {
    let since = before.map_or_else(|| now.clone(), |before| now.since(before));
    [0.5, 0.99].map(|part| since.quantile(part).as_ref().map(Duration::as_secs_f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::Histogram;

    fn sums(hits: u64, loads: &Histogram, reads: &Histogram) -> Sums {
        let site = SiteStats { hits, ..SiteStats::default() };
        let tier = LevelStats { tier: "disk".to_owned(), hits: 2 * hits, ..LevelStats::default() };
        let stats = Stats { sites: vec![site], tiers: vec![tier], ..Stats::default() };
        let times = Times { loads: Tally::of(loads), tiers: vec![Tally::of(reads)], ..Times::default() };
        Sums::of(&stats, times, 1)
    }

    #[test]
    fn a_step_tells_how_long_things_took_in_it_and_not_before() {
        let (loads, reads) = (Histogram::default(), Histogram::default());
        (0..1_000).for_each(|_| loads.record(9_000_000_000));
        let before = sums(5, &loads, &reads);
        (0..98).for_each(|_| loads.record(1_000_000));
        (0..2).for_each(|_| loads.record(50_000_000));
        reads.record(200_000);
        let moment = sums(8, &loads, &reads).since(&before);
        let near = |found: Option<f64>, seconds: f64| (found.expect("measured") - seconds).abs() < seconds * 0.13;
        assert!(near(moment.load_p50, 0.001) && near(moment.load_p99, 0.05), "{moment:?}");
        assert_eq!((moment.hits, moment.near_p50, moment.near_p99), (3, None, None));
        let tier = &moment.tiers[0];
        assert_eq!((tier.tier.as_str(), tier.hits), ("disk", 6));
        assert!(near(tier.read_p50, 0.0002) && near(tier.read_p99, 0.0002), "{tier:?}");
    }

    #[test]
    fn where_nothing_was_measured_nothing_is_told() {
        let (loads, reads) = (Histogram::default(), Histogram::default());
        loads.record(5);
        let (first, second) = (sums(1, &loads, &reads), sums(1, &loads, &reads));
        let moment = second.since(&first);
        assert_eq!((moment.load_p50, moment.load_p99, moment.tiers[0].read_p99), (None, None, None));
    }
}
