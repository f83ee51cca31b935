//! How quick it is: percentiles by tier and by site, and the loads that took longest.

use std::collections::HashMap;
use std::time::Duration;

use crate::cache::Cache;
use crate::histogram::Histogram;
use crate::plain::plain;
use crate::stack::Level;

plain! {
    /// How long something took, in seconds. Percentiles are exact to about an eighth of themselves.
    #[derive(Debug, Clone, Copy, Default, PartialEq)]
    #[non_exhaustive]
    pub struct Latencies {
        /// How many times it was measured.
        pub count: u64,
        /// Half of them took at most this.
        pub p50: f64,
        /// Nine of ten.
        pub p90: f64,
        /// 99 of a hundred.
        pub p99: f64,
        /// 999 of a thousand.
        pub p999: f64,
    }
}

plain! {
    /// How quick the calls of one site are.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct SitePerformance {
        /// The site.
        pub site: String,
        /// Look-ups in near: of the hits, one in 128 at most is looked up a second time, and that is measured. From when
        /// access patterns were first asked for.
        pub near: Latencies,
        /// Loads that ran to their end.
        pub loads: Latencies,
        /// Seconds that loads took, all together.
        pub load_seconds: f64,
        /// Seconds that callers were spared, as far as an average load tells: by hits of near and of tiers.
        pub saved_seconds: f64,
    }
}

plain! {
    /// How quick a tier is.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct TierPerformance {
        /// The tier.
        pub tier: String,
        /// Reads, failed ones included.
        pub reads: Latencies,
        /// Writes and invalidations, failed ones included.
        pub writes: Latencies,
        /// The longest read, in seconds.
        pub longest_read: f64,
        /// The longest write, in seconds.
        pub longest_write: f64,
    }
}

plain! {
    /// A load that took long.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct SlowLoad {
        /// The site.
        pub site: String,
        /// The key.
        pub key: String,
        /// How long it took, in seconds.
        pub took: f64,
        /// How many seconds ago it ended.
        pub ago: f64,
        /// Was it given up, because its `timeout` had passed?
        pub given_up: bool,
    }
}

plain! {
    /// How quick a cache is, since it was built.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct Performance {
        /// By site, the one that loaded longest first.
        pub sites: Vec<SitePerformance>,
        /// By tier, from the nearest to the deepest.
        pub tiers: Vec<TierPerformance>,
        /// The 64 loads of the last hour that took longest, the longest first.
        pub slow_loads: Vec<SlowLoad>,
        /// Bytes of live values in near.
        pub near_bytes: u64,
        /// Bytes near may hold.
        pub near_capacity: u64,
        /// Bytes of the whole process that are in memory, where the system tells (Linux).
        pub resident_bytes: Option<u64>,
    }
}

impl Latencies {
    pub(crate) fn of(all: &Histogram) -> Self {
        let at = |part| all.quantile(part).as_ref().map_or(0.0, Duration::as_secs_f64);
        Self { count: all.count(), p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999) }
    }
}

impl TierPerformance {
    fn of(level: &Level) -> Self {
        let (stats, (reads, writes)) = (level.meter.snapshot(), level.meter.times());
        let seconds = |micros: u64| micros as f64 / 1e6;
        Self {
            tier: level.name.clone(),
            reads: Latencies::of(reads),
            writes: Latencies::of(writes),
            longest_read: seconds(stats.reads.max_micros),
            longest_write: seconds(stats.writes.max_micros),
        }
    }
}

impl Cache {
    /// How quick this cache is: percentiles by site and by tier, and the loads that took longest. Needs feature `http`,
    /// `metrics` or `opentelemetry`.
    #[must_use]
    pub fn performance(&self) -> Performance {
        let core = &*self.0;
        let mut shelves = core.counted.lock().clone();
        shelves.retain(|shelf| self.sees(shelf.namespace()));
        let mut times: HashMap<&str, (Histogram, Histogram)> = HashMap::new();
        for shelf in &shelves {
            let (near, loads) = times.entry(shelf.name()).or_default();
            near.add(&shelf.counters().near_times);
            loads.add(&shelf.counters().load_times);
        }
        let measured = self.stats().sites.into_iter().filter_map(|stats| {
            let (near, loads) = times.get(stats.site.as_str())?;
            let each = if stats.loads == 0 { 0.0 } else { stats.load_seconds / stats.loads as f64 };
            Some(SitePerformance {
                near: Latencies::of(near),
                loads: Latencies::of(loads),
                load_seconds: stats.load_seconds,
                saved_seconds: (stats.hits + stats.tier_hits) as f64 * each,
                site: stats.site,
            })
        });
        let mut sites: Vec<SitePerformance> = measured.collect();
        sites.sort_by(|a, b| b.load_seconds.total_cmp(&a.load_seconds));
        let now = self.clock().now();
        let slow = core.settings.slow.worst(now).into_iter().filter(|slow| self.sees(slow.key.namespace()));
        let slow_loads = slow.map(|slow| SlowLoad {
            site: slow.site.to_string(),
            key: slow.key.as_str().to_owned(),
            took: slow.took.as_secs_f64(),
            ago: now.saturating_sub(slow.at) as f64 / 1e3,
            given_up: slow.given_up,
        });
        Performance {
            sites,
            tiers: core.stack.levels().iter().map(TierPerformance::of).collect(),
            slow_loads: slow_loads.collect(),
            near_bytes: core.balance.weight(),
            near_capacity: core.balance.budget(),
            resident_bytes: resident(),
        }
    }
}

/// The second number of `/proc/self/statm`, in pages of 4 KiB.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split_whitespace().nth(1)?.parse::<u64>().ok()?.checked_mul(4_096)
}
