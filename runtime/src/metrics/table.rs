//! Every metric: its name, its kind, and where it is read.

use std::fmt::Write as _;

use crate::seen::{Latencies, SitePerformance, TierPerformance};
use crate::stats::{AheadStats, LagStats, LevelStats, ResponseStats, SharedStats, SiteStats, Stats};

/// One metric.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) about: &'static str,
    pub(super) read: Read,
}

/// Does it only grow?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
}

/// What is counted, where that is no number of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    Milliseconds,
    Seconds,
}

impl Unit {
    /// As UCUM writes it, and OpenTelemetry.
    #[cfg(feature = "opentelemetry")]
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Bytes => "By",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
        }
    }
}

impl Metric {
    /// Its unit, as its name says it.
    pub(super) fn unit(&self) -> Option<Unit> {
        match self.name.strip_suffix("_total").unwrap_or(self.name).rsplit('_').next() {
            Some("bytes") => Some(Unit::Bytes),
            Some("milliseconds") => Some(Unit::Milliseconds),
            Some("seconds") => Some(Unit::Seconds),
            _ => None,
        }
    }
}

/// Where it is read, and what it is labelled with.
pub(super) enum Read {
    /// Of the cache.
    Cache(fn(&Stats) -> u64),
    /// Of the log that nodes share; not there where there is none.
    Shared(fn(&SharedStats) -> u64),
    /// Of each site.
    Site(fn(&SiteStats) -> f64),
    /// Of each site and reason for which something was loaded ahead.
    Ahead(fn(&AheadStats) -> u64),
    /// Of each tier.
    Tier(fn(&LevelStats) -> u64),
    /// Of each tier and way: reads, writes.
    Breaker(fn(&str) -> u64),
    /// Quantiles of each site.
    SiteTimes(fn(&SitePerformance) -> Latencies),
    /// Quantiles of each tier.
    TierTimes(fn(&TierPerformance) -> Latencies),
    /// Quantiles of the log that nodes share.
    LogTimes(fn(&SharedStats) -> LagStats),
    /// Of that log, where it is known.
    Known(fn(&SharedStats) -> Option<f64>),
    /// Of the response caches of each namespace.
    Responses(fn(&ResponseStats) -> u64),
    /// The same by how requests were answered.
    Results(fn(&ResponseStats) -> Words),
    /// The same by why responses were not kept.
    Refusals(fn(&ResponseStats) -> Words),
}

/// A number for each of some words.
pub(super) type Words = Vec<(&'static str, u64)>;

impl Read {
    pub(super) const fn labels(&self) -> &'static [&'static str] {
        match self {
            Self::Cache(_) | Self::Shared(_) | Self::Known(_) => &[],
            Self::Site(_) => &["site"],
            Self::Ahead(_) => &["site", "why"],
            Self::Tier(_) => &["tier"],
            Self::Breaker(_) => &["tier", "way"],
            Self::SiteTimes(_) => &["site", "quantile"],
            Self::TierTimes(_) => &["tier", "quantile"],
            Self::LogTimes(_) => &["quantile"],
            Self::Responses(_) => &["namespace"],
            Self::Results(_) => &["namespace", "result"],
            Self::Refusals(_) => &["namespace", "reason"],
        }
    }
}

const fn counter(name: &'static str, about: &'static str, read: Read) -> Metric {
    Metric { name, kind: Kind::Counter, about, read }
}

const fn gauge(name: &'static str, about: &'static str, read: Read) -> Metric {
    Metric { name, kind: Kind::Gauge, about, read }
}

use Read::{
    Ahead, Breaker, Cache, Known, LogTimes, Refusals, Responses, Results, Shared, Site, SiteTimes, Tier, TierTimes,
};

pub(super) const METRICS: &[Metric] = &[
    counter("cached_hits_total", "Calls answered with a fresh value from near", Site(|s| s.hits as f64)),
    counter("cached_stale_hits_total", "Calls answered with a value past its ttl", Site(|s| s.stale_hits as f64)),
    counter("cached_misses_total", "Calls for which near had no fresh value", Site(|s| s.misses as f64)),
    counter("cached_tier_hits_total", "Misses of near that a tier answered", Site(|s| s.tier_hits as f64)),
    counter("cached_joins_total", "Calls that waited for a load of another", Site(|s| s.joins as f64)),
    counter("cached_loads_total", "Loads that ran to their end", Site(|s| s.loads as f64)),
    counter(
        "cached_load_errors_total",
        "Loads that ended in an error of the function's",
        Site(|s| s.load_errors as f64),
    ),
    counter("cached_load_panics_total", "Loads that panicked", Site(|s| s.panics as f64)),
    counter("cached_load_timeouts_total", "Loads that were given up", Site(|s| s.timeouts as f64)),
    counter(
        "cached_load_refused_total",
        "Loads not begun, because the rate was spent",
        Site(|s| s.rate_refused as f64),
    ),
    counter("cached_load_milliseconds_total", "Time spent loading", Site(|s| (s.load_seconds * 1e3).floor())),
    gauge("cached_load_seconds", "How long loads took", SiteTimes(|s| s.loads)),
    gauge("cached_near_seconds", "How long look-ups in near took, sampled", SiteTimes(|s| s.near)),
    gauge(
        "cached_oldest_load_seconds",
        "How long the oldest load under way has taken",
        Site(|s| s.oldest_load_seconds),
    ),
    counter("cached_refreshes_total", "Loads begun behind the caller's back", Site(|s| s.refreshes as f64)),
    counter("cached_promotions_total", "Entries copied upward", Site(|s| s.promotions as f64)),
    counter("cached_rechecks_total", "Hits that had to look at the log once", Site(|s| s.rechecks as f64)),
    counter("cached_invalidated_entries_total", "Entries found invalidated in near", Site(|s| s.invalidated as f64)),
    counter("cached_frames_refused_total", "Frames that were not believed", Site(|s| s.frames_refused as f64)),
    counter("cached_tier_errors_total", "Tier reads that failed; each became a miss", Site(|s| s.tier_errors as f64)),
    counter("cached_evictions_total", "Entries near dropped for space", Site(|s| s.evictions as f64)),
    counter("cached_not_stored_total", "Values not stored below near", Site(|s| s.not_stored as f64)),
    gauge("cached_entries", "Entries in near", Site(|s| s.entries as f64)),
    gauge("cached_bytes", "Bytes in near", Site(|s| s.bytes as f64)),
    gauge("cached_capacity_bytes", "Bytes near may hold for the site just now", Site(|s| s.capacity as f64)),
    counter(
        "cached_compression_in_bytes_total",
        "Bytes that were to be compressed",
        Site(|s| s.compression.bytes_in as f64),
    ),
    counter("cached_compression_out_bytes_total", "Bytes they became", Site(|s| s.compression.bytes_out as f64)),
    counter("cached_ahead_brought_total", "Entries that were loaded ahead", Ahead(|a| a.brought)),
    counter("cached_ahead_used_total", "Those of them that somebody asked for", Ahead(|a| a.used)),
    counter("cached_ahead_late_total", "Loads ahead that somebody came to wait for", Ahead(|a| a.late)),
    counter(
        "cached_ahead_wasted_total",
        "Entries loaded ahead that nobody asked for while they were there",
        Ahead(|a| a.wasted),
    ),
    counter("cached_invalidations_total", "Invalidations applied here", Cache(|s| s.invalidations)),
    counter("cached_denied_total", "What handles asked for that they may not", Cache(|s| s.denied)),
    gauge("cached_near_bytes", "Bytes in near, all sites together", Cache(|s| s.near_bytes)),
    gauge("cached_near_capacity_bytes", "Bytes near may hold", Cache(|s| s.near_capacity)),
    gauge(
        "cached_log_proven",
        "Is it certain that all invalidations of other nodes are known?",
        Shared(|s| s.proven as u64),
    ),
    gauge("cached_log_connected", "Is the tier that holds the log connected?", Shared(|s| s.connected as u64)),
    counter("cached_log_heard_total", "Invalidations of other nodes that were applied here", Shared(|s| s.heard)),
    counter("cached_log_adopted_total", "How often the log was begun anew", Shared(|s| s.adopted)),
    counter("cached_log_sessions_total", "How often connections were made", Shared(|s| s.sessions)),
    counter(
        "cached_log_suspicions_total",
        "How often it became uncertain whether all was seen",
        Shared(|s| s.suspicions),
    ),
    gauge(
        "cached_invalidation_lag_seconds",
        "How long invalidations of other nodes took to be applied here, in the last five minutes; quantile 1 is the longest",
        LogTimes(|s| s.lag),
    ),
    gauge(
        "cached_log_behind",
        "Entries of the log not applied here at the last look",
        Known(|s| s.behind.map(|behind| behind as f64)),
    ),
    gauge(
        "cached_log_proof_age_seconds",
        "How long ago it was certain that nothing was missing here",
        Known(|s| s.proof_age),
    ),
    counter("cached_tier_found_total", "Reads that the tier answered with a frame", Tier(|t| t.hits)),
    counter("cached_tier_absent_total", "Reads that it answered with nothing", Tier(|t| t.misses)),
    counter("cached_tier_failed_total", "Operations that failed", Tier(|t| t.errors)),
    counter("cached_tier_written_total", "Frames written", Tier(|t| t.written)),
    counter("cached_tier_dropped_total", "Frames that could not be written, or were left out", Tier(|t| t.dropped)),
    counter(
        "cached_tier_refused_total",
        "Frames not served or written because they were invalidated",
        Tier(|t| t.refused),
    ),
    counter(
        "cached_tier_unreadable_total",
        "Stored bytes that were no frame, or another key's",
        Tier(|t| t.unreadable),
    ),
    counter("cached_tier_read_bytes_total", "Bytes of frames read", Tier(|t| t.bytes_read)),
    counter("cached_tier_written_bytes_total", "Bytes of frames written", Tier(|t| t.bytes_written)),
    gauge("cached_tier_pending", "Frames that wait to be written", Tier(|t| t.pending)),
    gauge("cached_tier_backlog", "Invalidations that wait to be told", Tier(|t| t.backlog)),
    gauge("cached_tier_closed", "Is it closed until it has taken them?", Tier(|t| t.closed as u64)),
    gauge("cached_tier_entries", "Frames in the tier, as far as it counts them", Tier(|t| t.entries)),
    gauge("cached_tier_bytes", "Bytes in the tier, as far as it counts them", Tier(|t| t.bytes)),
    gauge("cached_tier_breaker_open", "Is its breaker open?", Breaker(|word| u64::from(word != "closed"))),
    gauge("cached_tier_read_seconds", "How long reads took", TierTimes(|t| t.reads)),
    gauge("cached_tier_write_seconds", "How long writes and invalidations took", TierTimes(|t| t.writes)),
    counter(
        "cached_response_requests_total",
        "Requests to response caches, by how they were answered",
        Results(|r| vec![("hit", r.hits), ("stale", r.stale), ("joined", r.joined), ("miss", r.misses)]),
    ),
    counter("cached_response_stored_total", "Responses that were stored", Responses(|r| r.stored)),
    counter(
        "cached_response_not_kept_total",
        "Responses that were not stored, by why",
        Refusals(|r| r.not_kept.all().to_vec()),
    ),
    counter(
        "cached_response_validations_total",
        "Questions whether a stored response still stands",
        Responses(|r| r.validations),
    ),
    counter("cached_response_validated_total", "Those of them whose answer was yes", Responses(|r| r.validated)),
    counter(
        "cached_response_not_modified_total",
        "Answers that said that nothing has changed",
        Responses(|r| r.not_modified),
    ),
    counter("cached_response_packed_total", "Answers in an encoding that was made here", Responses(|r| r.packed)),
    counter(
        "cached_response_changes_total",
        "Requests that took back what was stored for their addresses",
        Responses(|r| r.invalidating),
    ),
];

/// The table of all metrics, in Markdown: what the documentation of this module shows.
#[must_use]
pub fn table() -> String {
    let mut out = String::from("| metric | kind | labels | what it says |\n|---|---|---|---|\n");
    for Metric { name, kind, about, read } in METRICS {
        let kind = if *kind == Kind::Counter { "counter" } else { "gauge" };
        let labels = read.labels().iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        // Writing to a text does not fail.
        let _written = writeln!(out, "| `{name}` | {kind} | {labels} | {about} |");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_table_is_the_one_that_is_published() {
        assert_eq!(include_str!("METRICS.md").trim_end(), table().trim_end(), "`METRICS.md` is what `table()` says");
    }

    #[test]
    fn names_are_told_apart_and_say_their_kind() {
        let mut names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            assert_eq!(metric.kind == Kind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
            let words = ["bytes", "milliseconds", "seconds"];
            let says = metric.name.split('_').any(|word| words.contains(&word));
            assert_eq!(metric.unit().is_some(), says, "the unit of `{}` is the last word of its name", metric.name);
        }
    }
}
