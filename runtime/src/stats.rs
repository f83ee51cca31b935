//! Counters: striped over cache lines, so that counting a hit is not what two threads fight over.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

const STRIPES: usize = 16;
/// The stripe of all threads that found none of their own.
const SHARED: usize = STRIPES - 1;
const UNKNOWN: usize = usize::MAX;

/// A counter with a cache line for each of a few threads, and one for all the others.
#[derive(Debug, Default)]
pub(crate) struct Striped([Line; STRIPES]);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Line(AtomicU64);

/// The stripes that no living thread has.
static FREE: Mutex<u32> = Mutex::new((1 << SHARED) - 1);

/// Gives a stripe back when its thread ends. The lock orders its last count before the next owner's first.
struct Owned(usize);

impl Drop for Owned {
    fn drop(&mut self) {
        // Destructors that run later on this thread count with all the others.
        STRIPE.set(SHARED);
        *FREE.lock() |= 1 << self.0;
    }
}

thread_local! {
    static STRIPE: Cell<usize> = const { Cell::new(UNKNOWN) };
    static OWNED: Cell<Option<Owned>> = const { Cell::new(None) };
}

/// The stripe of this thread.
#[inline]
fn stripe() -> usize {
    match STRIPE.get() {
        UNKNOWN => take_stripe(),
        stripe => stripe,
    }
}

#[cold]
fn take_stripe() -> usize {
    let taken = {
        let mut free = FREE.lock();
        let first = free.trailing_zeros();
        *free &= free.wrapping_sub(1);
        (first < u32::BITS).then_some(Owned(first as usize))
    };
    let stripe = taken.as_ref().map_or(SHARED, |owned| owned.0);
    STRIPE.set(stripe);
    // A thread in its last moments cannot promise to give anything back: what it took goes back at once.
    match OWNED.try_with(|owned| owned.set(taken)) {
        Ok(()) => stripe,
        Err(_) => SHARED,
    }
}

impl Striped {
    /// One more; says how many there were on this stripe. A stripe of one's own is written without a locked
    /// instruction: nobody else writes to it.
    #[inline]
    pub(crate) fn add(&self) -> u64 {
        let stripe = stripe();
        let line = &self.0[stripe % STRIPES].0;
        if stripe == SHARED {
            return line.fetch_add(1, Relaxed);
        }
        let count = line.load(Relaxed);
        line.store(count + 1, Relaxed);
        count
    }

    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().map(|line| line.0.load(Relaxed)).sum()
    }
}

/// The counters of one site in one cache.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) hits: Striped,
    pub(crate) stale_hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) tier_hits: AtomicU64,
    pub(crate) tier_misses: AtomicU64,
    pub(crate) tier_errors: AtomicU64,
    pub(crate) promotions: AtomicU64,
    pub(crate) frames_refused: AtomicU64,
    pub(crate) joins: AtomicU64,
    pub(crate) loads: AtomicU64,
    pub(crate) load_errors: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) timeouts: AtomicU64,
    pub(crate) refreshes: AtomicU64,
    pub(crate) load_nanos: AtomicU64,
    pub(crate) rechecks: AtomicU64,
    pub(crate) invalidated: AtomicU64,
    pub(crate) not_stored: AtomicU64,
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Counters {
    pub(crate) fn loaded(&self, took: Duration) {
        count(&self.loads);
        self.load_nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn snapshot(&self, name: &str) -> SiteStats {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        SiteStats {
            site: name.to_owned(),
            hits: self.hits.sum(),
            stale_hits: of(&self.stale_hits),
            misses: of(&self.misses),
            tier_hits: of(&self.tier_hits),
            tier_misses: of(&self.tier_misses),
            tier_errors: of(&self.tier_errors),
            promotions: of(&self.promotions),
            frames_refused: of(&self.frames_refused),
            joins: of(&self.joins),
            loads: of(&self.loads),
            load_errors: of(&self.load_errors),
            panics: of(&self.panics),
            timeouts: of(&self.timeouts),
            refreshes: of(&self.refreshes),
            load_seconds: Duration::from_nanos(of(&self.load_nanos)).as_secs_f64(),
            rechecks: of(&self.rechecks),
            invalidated: of(&self.invalidated),
            evictions: 0,
            not_stored: of(&self.not_stored),
            entries: 0,
            bytes: 0,
            capacity: 0,
            fronted: 0,
        }
    }
}

/// What one site did in one cache.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// Loads started behind the caller's back: refresh-ahead, or a stale value served meanwhile.
    pub refreshes: u64,
    /// Seconds spent loading, all loads together.
    pub load_seconds: f64,
    /// Hits that had to look at the log once, because something was invalidated since.
    pub rechecks: u64,
    /// Entries found invalidated in near.
    pub invalidated: u64,
    /// Entries near dropped for space.
    pub evictions: u64,
    /// Values not stored below near: too large, not encodable, or the queue was full.
    pub not_stored: u64,
    /// Entries in near.
    pub entries: u64,
    /// Bytes in near, as weighed.
    pub bytes: u64,
    /// Bytes near may hold for this site just now.
    pub capacity: u64,
    /// Bytes of copies that threads keep of the hottest entries, beside those in near; a sixteenth of `capacity` at most.
    pub fronted: u64,
}

impl SiteStats {
    /// Calls answered without a load, as a part of all calls; 0 when there were none.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        // At most all: a refresh behind a hit may be answered by a tier too.
        rate(self.hits + self.stale_hits + self.tier_hits, self.hits + self.misses).min(1.0)
    }
}

/// What one tier did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LevelStats {
    /// Its name, as it shows itself: `disk`, `sqlite`, or what a tier of your own says.
    pub tier: String,
    /// Reads it answered with a frame.
    pub hits: u64,
    /// Reads it answered with nothing.
    pub misses: u64,
    /// Reads and writes that failed.
    pub errors: u64,
    /// Frames waiting to be written.
    pub pending: u64,
    /// Invalidations waiting to be applied.
    pub backlog: u64,
    /// Is it closed until it has taken the waiting invalidations?
    pub closed: bool,
    /// Frames written.
    pub written: u64,
    /// Frames that could not be written.
    pub dropped: u64,
    /// Frames not served or not written because they had been invalidated.
    pub refused: u64,
    /// Stored bytes that were no frame, or another key's.
    pub unreadable: u64,
    /// Bytes of frames written.
    pub bytes_written: u64,
    /// Bytes of frames read.
    pub bytes_read: u64,
    /// Frames in the tier, as far as it counts them.
    pub entries: u64,
    /// Bytes in the tier, as far as it counts them.
    pub bytes: u64,
}

/// What a cache did since it was built.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stats {
    /// One line per site, busiest first.
    pub sites: Vec<SiteStats>,
    /// One line per tier below near.
    pub tiers: Vec<LevelStats>,
    /// Invalidations applied here.
    pub invalidations: u64,
    /// Bytes in near, all sites together.
    pub near_bytes: u64,
    /// Bytes near may hold.
    pub near_capacity: u64,
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
    fn add(&mut self, other: &Self) {
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
        self.refreshes += other.refreshes;
        self.load_seconds += other.load_seconds;
        self.rechecks += other.rechecks;
        self.invalidated += other.invalidated;
        self.evictions += other.evictions;
        self.not_stored += other.not_stored;
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
            "{:<36} {:>9} {:>7} {:>8} {:>8} {:>8} {:>7} {:>7} {:>9} {:>7}",
            "site", "hits", "stale", "misses", "tier", "loads", "joins", "errors", "load ms", "hit %"
        )?;
        for s in self.sites.iter().chain((self.sites.len() > 1).then(|| self.total()).iter()) {
            let per_load = if s.loads == 0 { 0.0 } else { s.load_seconds * 1e3 / s.loads as f64 };
            writeln!(
                f,
                "{:<36} {:>9} {:>7} {:>8} {:>8} {:>8} {:>7} {:>7} {:>9.2} {:>7.1}",
                s.site,
                s.hits,
                s.stale_hits,
                s.misses,
                s.tier_hits,
                s.loads,
                s.joins,
                s.load_errors + s.panics + s.timeouts,
                per_load,
                s.hit_rate() * 100.0
            )?;
        }
        for t in &self.tiers {
            writeln!(
                f,
                "{:<36} hits {} · misses {} · errors {} · {} frames, {} bytes · {} written, {} waiting, {} dropped",
                t.tier, t.hits, t.misses, t.errors, t.entries, t.bytes, t.written, t.pending, t.dropped
            )?;
        }
        write!(
            f,
            "near holds {} of {} bytes; {} invalidations",
            self.near_bytes, self.near_capacity, self.invalidations
        )
    }
}

fn rate(part: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}
