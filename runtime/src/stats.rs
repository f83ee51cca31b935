//! Counters: striped over cache lines, so that counting a hit is not what two threads fight over.

mod ahead;
mod compression;
mod lag;
mod responses;
mod snapshot;

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use crate::ahead::{AheadCounts, Why};
#[cfg(feature = "_seen")]
use crate::histogram::Histogram;

pub use ahead::{AheadStats, NotedStats, PredictStats};

pub use compression::CompressStats;
pub use lag::LagStats;
#[cfg(feature = "response")]
pub(crate) use responses::{NotKeptCounts, ResponseCounts};
pub use responses::{NotKeptStats, ResponseStats};
pub use snapshot::{AdaptiveStats, LevelStats, SharedStats, SiteStats, Stats};

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
    pub(crate) rate_refused: AtomicU64,
    pub(crate) refreshes: AtomicU64,
    pub(crate) load_nanos: AtomicU64,
    pub(crate) rechecks: AtomicU64,
    pub(crate) invalidated: AtomicU64,
    pub(crate) not_stored: AtomicU64,
    pub(crate) prefetch_refused: AtomicU64,
    /// How long loads took, and look-ups in near that were timed.
    #[cfg(feature = "_seen")]
    pub(crate) load_times: Histogram,
    #[cfg(feature = "_seen")]
    pub(crate) near_times: Histogram,
    warmed: AheadCounts,
    prefetched: AheadCounts,
    predicted: AheadCounts,
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Counters {
    /// What was loaded ahead for this reason.
    pub(crate) const fn ahead(&self, why: Why) -> &AheadCounts {
        match why {
            Why::Warmup => &self.warmed,
            Why::Related => &self.prefetched,
            Why::Predicted => &self.predicted,
        }
    }

    pub(crate) fn loaded(&self, took: Duration) {
        count(&self.loads);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.load_nanos.fetch_add(nanos, Relaxed);
        #[cfg(feature = "_seen")]
        self.load_times.record(nanos);
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
            rate_refused: of(&self.rate_refused),
            refreshes: of(&self.refreshes),
            load_seconds: Duration::from_nanos(of(&self.load_nanos)).as_secs_f64(),
            oldest_load_seconds: 0.0,
            rechecks: of(&self.rechecks),
            invalidated: of(&self.invalidated),
            evictions: 0,
            not_stored: of(&self.not_stored),
            adaptive: AdaptiveStats::default(),
            prefetch_refused: of(&self.prefetch_refused),
            warmed: AheadStats::of(&self.warmed),
            prefetched: AheadStats::of(&self.prefetched),
            predicted: AheadStats::of(&self.predicted),
            prediction: PredictStats::default(),
            noted: NotedStats::default(),
            compression: CompressStats::default(),
            entries: 0,
            bytes: 0,
            capacity: 0,
            fronted: 0,
        }
    }
}
