//! What the counters say at one moment, as data and as a table.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::ahead::{AheadStats, NotedStats, PredictStats};
use super::compression::CompressStats;
use super::lag::LagStats;
use super::responses::ResponseStats;
use crate::adaptive::Figures;
use crate::plain::plain;

plain! {
    /// What one site did in one cache.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct SiteStats {
        /// The site's name.
        pub site: String,
        /// Calls answered with a fresh value from near.
        pub hits: u64,
        /// Calls answered with a value past its ttl: the load failed or was too slow.
        pub stale_hits: u64,
        /// Calls for which near had no fresh value.
        pub misses: u64,
        /// Misses of near that a tier answered.
        pub tier_hits: u64,
        /// Misses of near that no tier could answer.
        pub tier_misses: u64,
        /// Tier reads that failed; each became a miss.
        pub tier_errors: u64,
        /// Entries copied upward.
        pub promotions: u64,
        /// Frames that were corrupt, foreign, of another schema, or invalidated; each became a miss.
        pub frames_refused: u64,
        /// Calls that waited for a load of another.
        pub joins: u64,
        /// Loads that ran to their end.
        pub loads: u64,
        /// Loads that ended in an error of the user's.
        pub load_errors: u64,
        /// Loads that panicked.
        pub panics: u64,
        /// Loads that did not finish within `timeout`.
        pub timeouts: u64,
        /// Loads that were not begun, because the `rate` was spent.
        pub rate_refused: u64,
        /// Loads started behind the caller's back: refresh-ahead, or a stale value served meanwhile.
        pub refreshes: u64,
        /// Seconds spent loading, all loads together.
        pub load_seconds: f64,
        /// Seconds that the oldest load under way has taken so far, from its first caller's miss on; 0 when there is
        /// none. While a load hangs it grows, also when nobody waits for that load any more. Not a sum: of several sites,
        /// the oldest.
        pub oldest_load_seconds: f64,
        /// Hits that had to look at the log once, because something was invalidated since.
        pub rechecks: u64,
        /// Entries found invalidated in near.
        pub invalidated: u64,
        /// Entries near dropped for space.
        pub evictions: u64,
        /// Values not stored below near: too large, not encodable, or the queue was full.
        pub not_stored: u64,
        /// How values change whose `ttl` follows that.
        pub adaptive: AdaptiveStats,
        /// Calls of `prefetch` and `predict` that were left out because as many ran as may.
        pub prefetch_refused: u64,
        /// Entries that jobs of a warm-up brought.
        pub warmed: AheadStats,
        /// Entries that were loaded because another call usually comes before theirs.
        pub prefetched: AheadStats,
        /// Entries that were loaded because they usually follow others, as far as it was found out.
        pub predicted: AheadStats,
        /// What predictions were worth.
        pub prediction: PredictStats,
        /// What is known of the keys that are asked for most.
        pub noted: NotedStats,
        /// What compressing its entries for the tiers was worth.
        pub compression: CompressStats,
        /// Entries in near.
        pub entries: u64,
        /// Bytes in near, as weighed.
        pub bytes: u64,
        /// Bytes near may hold for this site just now.
        pub capacity: u64,
        /// Bytes of copies that threads keep of the hottest entries, beside those in near; a sixteenth of `capacity` at most.
        pub fronted: u64,
    }
}

plain! {
    /// What loads have shown of how often values change, where `ttl = "adaptive(..)"` asks for it.
    #[derive(Debug, Clone, Copy, Default, PartialEq)]
    #[non_exhaustive]
    pub struct AdaptiveStats {
        /// Loads that found the value that was known: refreshes that were wasted.
        pub same: u64,
        /// Loads that found another one.
        pub changed: u64,
        /// Keys of which something is known now.
        pub keys: u64,
        /// How long values are fresh, on the average, in seconds. Of several sites, the longest.
        pub ttl_seconds: f64,
        /// Which part of the calls is thought to have been answered with a value that had changed. Of several sites, the
        /// largest.
        pub stale: f64,
    }
}

impl AdaptiveStats {
    pub(crate) fn of(figures: &Figures) -> Self {
        let Figures { same, changed, keys, life, stale } = *figures;
        Self { same, changed, keys: keys as u64, ttl_seconds: life as f64 / 1e3, stale }
    }

    const fn add(&mut self, other: &Self) {
        self.same += other.same;
        self.changed += other.changed;
        self.keys += other.keys;
        self.ttl_seconds = self.ttl_seconds.max(other.ttl_seconds);
        self.stale = self.stale.max(other.stale);
    }
}

impl SiteStats {
    /// Calls answered without a load, as a part of all calls; 0 when there were none.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        // At most all: a refresh behind a hit may be answered by a tier too.
        rate(self.hits + self.stale_hits + self.tier_hits, self.hits + self.misses).min(1.0)
    }
}

plain! {
    /// What one tier did.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct LevelStats {
        /// Its name, as it shows itself: `disk`, `sqlite`, or what a tier of your own says.
        pub tier: String,
        /// Reads it answered with a frame.
        pub hits: u64,
        /// Reads it answered with nothing.
        pub misses: u64,
        /// Calls that were answered with what it had. Fewer than its hits: some frames are past their ttl, or another site's.
        pub answered: u64,
        /// Reads and writes that failed.
        pub errors: u64,
        /// Frames waiting to be written.
        pub pending: u64,
        /// Invalidations waiting to be applied.
        pub backlog: u64,
        /// Is it closed until it has taken the waiting invalidations?
        pub closed: bool,
        /// Its breaker for reads: `closed` if all is well, `open`, or `half-open`.
        pub reads: String,
        /// Its breaker for writes and invalidations.
        pub writes: String,
        /// Frames written.
        pub written: u64,
        /// Frames that could not be written, and those that the tier left out: invalidated by another node while they were
        /// loaded, too large for it, or of a part of it that is away.
        pub dropped: u64,
        /// Frames not served or not written because they had been invalidated.
        pub refused: u64,
        /// Stored bytes that were no frame, or another key's.
        pub unreadable: u64,
        /// Reads that met an entry of a newer version of this crate, and left it in place.
        pub newer: u64,
        /// Bytes of frames written.
        pub bytes_written: u64,
        /// Bytes of frames read.
        pub bytes_read: u64,
        /// Frames in the tier, as far as it counts them.
        pub entries: u64,
        /// Bytes in the tier, as far as it counts them.
        pub bytes: u64,
    }
}

plain! {
    /// What a cache did since it was built.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct Stats {
        /// One line per site, busiest first.
        pub sites: Vec<SiteStats>,
        /// One line per tier below near.
        pub tiers: Vec<LevelStats>,
        /// Invalidations applied here.
        pub invalidations: u64,
        /// What handles asked for that they may not: reads, writes and invalidations.
        pub denied: u64,
        /// Bytes in near, all sites together.
        pub near_bytes: u64,
        /// Bytes near may hold.
        pub near_capacity: u64,
        /// What is known of the log that nodes share, if there is one.
        pub shared: Option<SharedStats>,
        /// What became of the requests of response caches, by the namespace that responses are kept in; a site of the
        /// same name has what near did for them.
        pub responses: BTreeMap<String, ResponseStats>,
    }
}

plain! {
    /// What a node knows of the log that it shares with others.
    #[derive(Debug, Clone, Copy, Default, PartialEq)]
    #[non_exhaustive]
    pub struct SharedStats {
        /// Is it certain that this node has seen every invalidation of the others, up to a moment ago? If not, near
        /// serves what it holds for a limited time, or nothing where that is asked for.
        pub proven: bool,
        /// Is the tier that holds the log connected?
        pub connected: bool,
        /// The highest place known in the log.
        pub number: u64,
        /// Invalidations of other nodes that were applied here.
        pub heard: u64,
        /// How often the log was begun anew, or could not be read on from where it was; near and the node's own tiers
        /// were emptied then.
        pub adopted: u64,
        /// How often connections were made.
        pub sessions: u64,
        /// How often it became uncertain whether all was seen.
        pub suspicions: u64,
        /// How long invalidations of other nodes took to be applied here.
        pub lag: LagStats,
        /// Entries of the log that were not applied here when it was looked at last; it is looked at every 0.4 s.
        /// Nothing before the first look.
        pub behind: Option<u64>,
        /// Seconds since the moment up to which it is certain that all is applied here: no invalidation that was told
        /// before is missing. Nothing before the first such moment.
        pub proof_age: Option<f64>,
    }
}

impl Stats {
    /// All sites together.
    #[must_use]
    pub fn total(&self) -> SiteStats {
        self.sites.iter().fold(SiteStats { site: "all".to_owned(), ..SiteStats::default() }, |mut sum, site| {
            sum.add(site);
            sum
        })
    }

    /// The site of this name, or whose name ends in it after a dot.
    #[must_use]
    pub fn site(&self, name: &str) -> Option<&SiteStats> {
        let ends =
            |s: &&SiteStats| s.site.strip_suffix(name).is_some_and(|head| head.is_empty() || head.ends_with('.'));
        self.sites.iter().find(ends)
    }
}

impl SiteStats {
    /// One for each name: instances of a generic function, and names for values of several types, are one site.
    pub(crate) fn by_name(all: impl Iterator<Item = Self>) -> Vec<Self> {
        let (mut sites, mut places): (Vec<Self>, HashMap<String, usize>) = (Vec::new(), HashMap::new());
        for site in all {
            match places.get(&site.site) {
                Some(&at) => sites[at].add(&site),
                None => {
                    places.insert(site.site.clone(), sites.len());
                    sites.push(site);
                }
            }
        }
        sites
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.hits += other.hits;
        self.stale_hits += other.stale_hits;
        self.misses += other.misses;
        self.tier_hits += other.tier_hits;
        self.tier_misses += other.tier_misses;
        self.tier_errors += other.tier_errors;
        self.promotions += other.promotions;
        self.frames_refused += other.frames_refused;
        self.joins += other.joins;
        self.loads += other.loads;
        self.load_errors += other.load_errors;
        self.panics += other.panics;
        self.timeouts += other.timeouts;
        self.rate_refused += other.rate_refused;
        self.refreshes += other.refreshes;
        self.load_seconds += other.load_seconds;
        self.oldest_load_seconds = self.oldest_load_seconds.max(other.oldest_load_seconds);
        self.rechecks += other.rechecks;
        self.invalidated += other.invalidated;
        self.evictions += other.evictions;
        self.not_stored += other.not_stored;
        self.adaptive.add(&other.adaptive);
        self.prefetch_refused += other.prefetch_refused;
        self.warmed.add(&other.warmed);
        self.prefetched.add(&other.prefetched);
        self.compression.add(&other.compression);
        self.predicted.add(&other.predicted);
        self.prediction.add(&other.prediction);
        self.noted.add(&other.noted);
        self.entries += other.entries;
        self.bytes += other.bytes;
        self.capacity += other.capacity;
        self.fronted += other.fronted;
    }
}

/// A table to read in a terminal.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<36} {:>9} {:>7} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7} {:>8} {:>9} {:>9} {:>9} {:>7}",
            "site",
            "hits",
            "stale",
            "misses",
            "tier",
            "promoted",
            "loads",
            "joins",
            "errors",
            "evicted",
            "KiB",
            "load ms",
            "oldest s",
            "hit %"
        )?;
        let total = (self.sites.len() > 1).then(|| self.total());
        self.sites.iter().chain(&total).try_for_each(|site| site.line(f))?;
        if !self.tiers.is_empty() {
            writeln!(
                f,
                "{:<36} {:>9} {:>8} {:>7} {:>9} {:>9} {:>9} {:>8} {:>8} {:>7}",
                "tier", "hits", "misses", "errors", "frames", "KiB", "written", "waiting", "dropped", "hit %"
            )?;
        }
        self.tiers.iter().try_for_each(|tier| tier.line(f))?;
        write!(
            f,
            "near holds {} of {} bytes; {} invalidations",
            self.near_bytes, self.near_capacity, self.invalidations
        )?;
        if self.denied > 0 {
            write!(f, "; {} denied", self.denied)?;
        }
        let Some(shared) = &self.shared else { return Ok(()) };
        let state = match (shared.proven, shared.connected) {
            (true, _) => "followed",
            (false, true) => "SUSPECT: invalidations of other nodes may be missing",
            (false, false) => "AWAY: invalidations of other nodes may be missing",
        };
        write!(f, "; shared log {state}, at {}, {} heard", shared.number, shared.heard)
    }
}

impl SiteStats {
    fn line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_load = if self.loads == 0 { 0.0 } else { self.load_seconds * 1e3 / self.loads as f64 };
        writeln!(
            f,
            "{:<36} {:>9} {:>7} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7} {:>8} {:>9.1} {:>9.2} {:>9.1} {:>7.1}",
            self.site,
            self.hits,
            self.stale_hits,
            self.misses,
            self.tier_hits,
            self.promotions,
            self.loads,
            self.joins,
            self.load_errors + self.panics + self.timeouts,
            self.evictions,
            self.bytes as f64 / 1024.0,
            per_load,
            self.oldest_load_seconds,
            self.hit_rate() * 100.0
        )
    }
}

impl LevelStats {
    /// Reads answered with a frame, as a part of all reads that were answered; 0 when there were none.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        rate(self.hits, self.hits + self.misses)
    }

    fn line(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<36} {:>9} {:>8} {:>7} {:>9} {:>9.1} {:>9} {:>8} {:>8} {:>7.1}",
            self.tier,
            self.hits,
            self.misses,
            self.errors,
            self.entries,
            self.bytes as f64 / 1024.0,
            self.written,
            self.pending,
            self.dropped,
            self.hit_rate() * 100.0
        )
    }
}

pub(super) fn rate(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}
