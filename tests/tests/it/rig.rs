//! What the tests of promises stand on: a cache over a tier that fails on command, and a source that can be held.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::testing::{Chaos, Gate};
use cached_runtime::tier::Tier;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Builder, Cache};

use crate::shelf::eventually;

/// Longer than anything here takes; a promise that nothing hangs is kept within it.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// One node: its cache, its clock, its tier, and the source behind its cached functions.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) cache: Cache,
    pub(crate) clock: Clock,
    pub(crate) chaos: Arc<Chaos>,
    pub(crate) source: Arc<Source>,
}

/// A database with one number in it.
#[derive(Debug, Default)]
pub(crate) struct Source {
    truth: AtomicU64,
    reads: AtomicU64,
    running: AtomicU64,
    peak: AtomicU64,
    fails: AtomicU64,
    pub(crate) gate: Gate,
}

/// The source did not answer. Cannot be cloned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Down;

impl Source {
    /// Reads the number, then passes the gate, as a slow database does.
    pub(crate) async fn read(&self) -> Result<u64, Down> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.peak.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let _running = Running(&self.running);
        let (seen, fails) = (self.truth.load(Ordering::SeqCst), self.fails.load(Ordering::SeqCst) > 0);
        self.gate.pass().await;
        if fails { Err(Down) } else { Ok(seen) }
    }

    /// The number, for code that does not await.
    pub(crate) fn read_now(&self) -> u64 {
        self.truth.load(Ordering::SeqCst)
    }

    pub(crate) fn write(&self, truth: u64) {
        self.truth.store(truth, Ordering::SeqCst);
    }

    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(u64::from(fails), Ordering::SeqCst);
    }

    /// How often it was read.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    /// How many read just now.
    pub(crate) fn running(&self) -> u64 {
        self.running.load(Ordering::SeqCst)
    }

    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::SeqCst)
    }
}

struct Running<'a>(&'a AtomicU64);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl World {
    /// Over a tier in memory.
    pub(crate) fn new() -> Self {
        Self::over(Arc::new(MemoryTier::new()))
    }

    pub(crate) fn over(tier: Arc<dyn Tier>) -> Self {
        Self::built(tier, Clock::manual(), |builder| builder)
    }

    /// Over this tier, by this clock.
    pub(crate) fn over_at(tier: Arc<dyn Tier>, clock: &Clock) -> Self {
        Self::built(tier, clock.clone(), |builder| builder)
    }

    /// The same with more said to the builder. Deadlines are long, so that a held tier is a slow one and not a dead one.
    pub(crate) fn built(tier: Arc<dyn Tier>, clock: Clock, more: impl FnOnce(Builder) -> Builder) -> Self {
        let chaos = Arc::new(Chaos::new(tier, 7));
        let builder = Cache::builder().clock(clock.clone()).seed(7).read_deadline(LONG).write_deadline(LONG);
        let cache = more(builder.tier(Arc::clone(&chaos))).build().unwrap();
        Self { cache, clock, chaos, source: Arc::default() }
    }

    /// Without a tier.
    pub(crate) fn near_only() -> Self {
        let clock = Clock::manual();
        let chaos = Arc::new(Chaos::new(Arc::new(MemoryTier::new()), 7));
        let cache = Cache::builder().clock(clock.clone()).seed(7).build().unwrap();
        Self { cache, clock, chaos, source: Arc::default() }
    }

    /// What the tiers are still to be told and to write is done.
    pub(crate) async fn settle(&self) {
        let told = || self.cache.stats().tiers.iter().all(|tier| tier.backlog == 0 && !tier.closed);
        eventually("the tiers have taken all invalidations", told).await;
        let flushed = self.cache.flush(LONG).await;
        assert_eq!(flushed.unwritten, 0, "the tier is well and takes everything");
        eventually("the tiers have removed what was not written after all", told).await;
    }
}

/// A promise not to hang.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LONG, future).await {
        Ok(out) => out,
        Err(_) => panic!("still waiting: {what}"),
    }
}
