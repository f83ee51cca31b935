//! Following the log that nodes share: a thread of its own reads it, applies what others invalidated, and says when it
//! cannot be sure that it has seen everything.

mod certainty;
mod owed;
mod reader;
mod session;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, Millis};
use crate::group::{Cursor, Recall};
use crate::log::Log;
use crate::seldom::Seldom;
use crate::tier::Breaker;
use crate::tier::behind::WeakBehind;
use crate::tier::lag::Lags;
use crate::tier::shared::SharedLog;

/// How long what near holds may be served while invalidations may be missing: 60 s.
pub(crate) const CAP: Millis = 60_000;

/// What the follower needs.
pub(crate) struct Follow {
    pub(crate) shared: Arc<dyn SharedLog>,
    pub(crate) log: Arc<Log>,
    /// The shelf over the tier that holds the log.
    pub(crate) tier: WeakBehind,
    /// The deepest of the node's own shelves.
    pub(crate) own: Option<WeakBehind>,
    /// Breakers that need not wait any longer when the tier is back.
    pub(crate) breakers: Arc<dyn Fn() + Send + Sync>,
    /// Where an earlier process had read the log to.
    pub(crate) read: Option<Cursor>,
    /// What may be believed of what that tier remembers.
    pub(crate) believe: Box<dyn Fn(Recall) -> Recall + Send + Sync>,
    pub(crate) clock: Clock,
    pub(crate) cap: Millis,
    pub(crate) seen: Arc<Seen>,
}

/// What became of following, for the statistics.
#[derive(Default)]
pub(crate) struct Seen {
    /// Records of other nodes that were applied here.
    pub(crate) heard: AtomicU64,
    /// How often the log was begun anew, or could not be read on from where it was.
    pub(crate) adopted: AtomicU64,
    /// How often connections were made.
    pub(crate) sessions: AtomicU64,
    /// How often it became uncertain whether all was seen.
    pub(crate) suspicions: AtomicU64,
    /// Does the shared log's tier let callers through?
    pub(crate) connected: AtomicBool,
    /// Turns among nodes.
    pub(crate) leases: std::sync::OnceLock<Arc<dyn crate::tier::shared::Leases>>,
    /// Does the node's own tier keep something that the log has not been told?
    pub(crate) owing: parking_lot::Mutex<bool>,
    /// Is it unknown what an earlier process owed, because that tier could not say so at the start?
    pub(crate) unasked: AtomicBool,
    /// How long invalidations of others took.
    pub(crate) lags: Arc<Lags>,
    /// Up to when it is known that nothing is missing, by the cache's clock; 0 before that is known.
    proven_at: AtomicU64,
    /// When it was said that what is owed cannot be kept.
    unkept: Seldom,
}

impl Seen {
    /// Nothing yet; lags are told to this.
    pub(crate) fn measuring(lags: Arc<Lags>) -> Self {
        Self { lags, ..Self::default() }
    }

    /// Up to when it is known that nothing is missing, if it ever was.
    pub(crate) fn proven_at(&self) -> Option<Millis> {
        Some(self.proven_at.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    /// Was what is owed kept? Said at most once a second if not.
    pub(crate) fn kept(&self, kept: bool) {
        if !kept && self.unkept.may(Duration::from_secs(1)) {
            tracing::warn!("invalidations wait for the shared log in memory only");
        }
    }
}

pub(crate) fn count(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}

impl Follow {
    /// Starts the thread. It ends with the shelf over the tier.
    pub(crate) fn start(self) -> std::io::Result<()> {
        let run = move || {
            // Also when something in here panics: who does not read does not know.
            let _unsure = Unsure(Arc::clone(&self.log));
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => {
                    runtime.block_on(session::run(self));
                    runtime.shutdown_background();
                }
                Err(error) => tracing::error!(%error, "the shared log cannot be followed"),
            }
        };
        std::thread::Builder::new().name("cached-log".to_owned()).spawn(run).map(drop)
    }
}

struct Unsure(Arc<Log>);

impl Drop for Unsure {
    fn drop(&mut self) {
        self.0.suspect();
        self.0.cap();
    }
}

/// Closes the breakers of a tier that is known to be back.
pub(crate) fn closing(breakers: [Arc<Breaker>; 2]) -> Arc<dyn Fn() + Send + Sync> {
    Arc::new(move || breakers.iter().for_each(|breaker| breaker.reset()))
}
