//! Nodes that share one source and one Redis, and how their tests wait.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cached_runtime::clock::Clock;
use cached_runtime::testing::Gate;
use cached_runtime::{Applied, Builder, Cache};

use crate::ear::Ear;

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// One node: a cache of its own over what all share.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) cache: Cache,
    pub(crate) source: Arc<Source>,
}

/// A database with one number in it, and how often it was read.
#[derive(Debug, Default)]
pub(crate) struct Source {
    truth: AtomicU64,
    reads: AtomicU64,
    fails: AtomicBool,
    pub(crate) gate: Gate,
}

impl Source {
    pub(crate) async fn read(&self) -> Result<u64, String> {
        self.reads.fetch_add(1, SeqCst);
        let (seen, fails) = (self.truth.load(SeqCst), self.fails.load(SeqCst));
        self.gate.pass().await;
        if fails { Err("the source is down".to_owned()) } else { Ok(seen) }
    }

    pub(crate) fn write(&self, truth: u64) {
        self.truth.store(truth, SeqCst);
    }

    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, SeqCst);
    }

    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(SeqCst)
    }
}

impl Node {
    /// A node over this Redis, once it follows the log.
    pub(crate) async fn joined(url: &str, source: &Arc<Source>) -> Self {
        let node = Self::with(url, source, |builder| builder);
        node.proven().await;
        node
    }

    /// The same for a Redis that is well throughout: what takes long on a busy machine is no miss, and no failure.
    pub(crate) async fn patient(url: &str, source: &Arc<Source>) -> Self {
        let node = Self::with(url, source, patient);
        node.proven().await;
        node
    }

    pub(crate) fn with(url: &str, source: &Arc<Source>, more: impl FnOnce(Builder) -> Builder) -> Self {
        Ear::to_file();
        Self::of(more(Cache::builder().clock(Clock::system()).redis(url)), source)
    }

    pub(crate) fn of(builder: Builder, source: &Arc<Source>) -> Self {
        Self { cache: builder.build().unwrap(), source: Arc::clone(source) }
    }

    /// Waits until the node knows that it has seen every invalidation.
    pub(crate) async fn proven(&self) {
        eventually("the node follows the log", || self.cache.shared().is_some_and(|log| log.proven)).await;
    }

    pub(crate) async fn suspect(&self) {
        eventually("the node knows that it may miss something", || self.cache.shared().is_some_and(|log| !log.proven))
            .await;
    }

    /// What the tiers are still to be told and to write is done.
    pub(crate) async fn settled(&self) {
        assert_eq!(self.cache.flush(LONG).await.unwritten, 0, "the tiers are well and take everything");
        self.told().await;
    }

    /// What the tiers are still to be told is done.
    async fn told(&self) {
        let told = || self.cache.stats().tiers.iter().all(|tier| tier.backlog == 0 && !tier.closed);
        eventually("the tiers have taken all invalidations", told).await;
    }

    /// The tiers have taken what this node has invalidated: at once or, where that took longer than a caller waits for
    /// on a busy machine, soon.
    pub(crate) async fn taken(&self, applied: Applied) {
        if applied == Applied::Queued {
            self.told().await;
        }
    }
}

/// For tiers that are well throughout: none is given up, and whoever invalidates waits for it.
pub(crate) fn patient(builder: Builder) -> Builder {
    builder.read_deadline(LONG).write_deadline(LONG).apply_deadline(LONG)
}

/// Waits until something is so; a promise is kept within [`LONG`].
pub(crate) async fn eventually(what: &str, so: impl FnMut() -> bool) {
    within(LONG, what, so).await;
}

/// Waits until something is so, and says how long it took.
pub(crate) async fn within(limit: Duration, what: &str, mut so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    start.elapsed()
}

/// A promise not to hang.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.unwrap_or_else(|_| panic!("still waiting: {what}"))
}

/// Is this a run of `tests/run.sh --full`?
pub(crate) fn full() -> bool {
    std::env::var_os("CACHED_FULL").is_some()
}

/// A figure of a fault that was played through.
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
pub(crate) fn figure(case: &str, figure: impl std::fmt::Display) {
    println!("{case}: {figure}");
}
