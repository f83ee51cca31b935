//! Loads that nobody has asked for yet: by a warm-up, beside another call, or by prediction.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::clock::Millis;
use crate::stats::{Counters, count};

/// Who wanted a load ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// A job of a warm-up.
    Warmup,
    /// Another call, after which this one comes as its author says.
    Related,
    /// Other calls, which it has often followed.
    Predicted,
}

/// What a call carries that is made before anybody asks.
#[derive(Debug)]
pub(crate) struct Ahead {
    pub(crate) why: Why,
    /// By up to so much the life of what it loads is shortened, so that what is loaded together does not end together.
    pub(crate) spread: Millis,
    /// So many calls ahead have led to this one.
    pub(crate) depth: u8,
    /// What it costs goes on this bill.
    pub(crate) bill: Option<Arc<Bill>>,
}

tokio::task_local! {
    /// How many calls ahead have led to what this task does.
    static DEPTH: u8;
}

/// How many calls ahead have led to here.
pub(crate) fn depth_here() -> u8 {
    DEPTH.try_with(|depth| *depth).unwrap_or(0)
}

/// What is done in here was led to by so many calls ahead.
pub(crate) async fn at_depth<F: Future>(depth: u8, done: F) -> F::Output {
    DEPTH.scope(depth, done).await
}

/// What loads ahead have cost.
#[derive(Debug, Default)]
pub(crate) struct Bill {
    /// How often a body ran.
    pub(crate) loads: AtomicU64,
    /// Bytes that near took, as weighed.
    pub(crate) bytes: AtomicU64,
}

/// The counters of one site for loads ahead of one kind.
#[derive(Debug, Default)]
pub(crate) struct AheadCounts {
    /// Entries that came into near before anybody asked.
    pub(crate) brought: AtomicU64,
    /// Of these, asked for later.
    pub(crate) used: AtomicU64,
    /// Asked for while they were still on their way.
    pub(crate) late: AtomicU64,
    /// Gone before anybody asked.
    pub(crate) wasted: AtomicU64,
}

/// Goes with an entry until somebody asks for it, or until it goes.
pub(crate) struct Brought {
    counters: Arc<Counters>,
    why: Why,
    used: AtomicBool,
}

impl Brought {
    /// One more.
    pub(crate) fn count(counters: &Arc<Counters>, why: Why) -> Self {
        count(&counters.ahead(why).brought);
        Self { counters: Arc::clone(counters), why, used: AtomicBool::new(false) }
    }

    /// Somebody has asked for it. Counts once.
    pub(crate) fn used(&self) {
        if !self.used.swap(true, Relaxed) {
            count(&self.counters.ahead(self.why).used);
        }
    }
}

impl Drop for Brought {
    fn drop(&mut self) {
        if !self.used.load(Relaxed) {
            count(&self.counters.ahead(self.why).wasted);
        }
    }
}

impl fmt::Debug for Brought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brought").field("why", &self.why).field("used", &self.used).finish_non_exhaustive()
    }
}
