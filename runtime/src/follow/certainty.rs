//! How certain it is that this node has seen every invalidation, by the age of the last proof.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Follow, count};
use crate::clock::{Millis, millis};

/// Without news for so long it is not certain any more that all was seen.
const BOUND: Duration = Duration::from_millis(1_500);
/// Where nothing old may be served at all, a proof holds for so long, whether or not somebody has doubted it by then.
const LAPSE: Millis = 2_000;
/// How often it is looked whether the last proof is too old.
const WATCH: Duration = Duration::from_millis(50);

/// A moment, by the clock of the process and by that of the cache, which goes on while the machine sleeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    at: Instant,
    by_cache: Millis,
}

/// What is known of the shared log's completeness here, and since when.
pub(super) struct Certainty {
    follow: Arc<Follow>,
    known: Mutex<Known>,
}

struct Known {
    proven: Moment,
    /// Since when what near holds counts as unproven, or was given up last.
    capped: Millis,
}

impl Certainty {
    pub(super) fn new(follow: &Arc<Follow>) -> Self {
        let proven = moment(follow);
        Self { follow: Arc::clone(follow), known: Mutex::new(Known { proven, capped: proven.by_cache }) }
    }

    pub(super) fn now(&self) -> Moment {
        moment(&self.follow)
    }

    /// All that was in the log when it was asked, at this moment, is applied here. An answer that was a long time on its
    /// way, or to a process that stood still, proves nothing of now.
    pub(super) fn prove(&self, asked: Moment) {
        let mut known = self.known.lock();
        if self.is_past(asked) {
            drop(known);
            return self.doubt();
        }
        (known.proven, known.capped) = (asked, asked.by_cache);
        self.follow.seen.proven_at.store(asked.by_cache, Ordering::Relaxed);
        self.follow.log.proof().holds_until(asked.by_cache.saturating_add(LAPSE));
        if self.follow.log.prove() {
            tracing::info!("the shared log is followed");
        }
    }

    /// Something may be missing.
    pub(super) fn doubt(&self) {
        let mut known = self.known.lock();
        if self.follow.log.suspect() {
            count(&self.follow.seen.suspicions, 1);
        }
        let now = self.follow.clock.now_assured();
        if now.saturating_sub(known.capped) >= self.follow.cap {
            known.capped = now;
            self.follow.log.cap();
        }
    }

    /// Doubts once the last proof is too old, and again and again from then on. Also when whoever follows the log waits
    /// for an answer: the machine may have slept meanwhile.
    pub(super) async fn watch(self: Arc<Self>) {
        loop {
            tokio::time::sleep(WATCH).await;
            let proven = self.known.lock().proven;
            if self.is_past(proven) {
                self.doubt();
            }
        }
    }

    fn is_past(&self, moment: Moment) -> bool {
        let by_cache = self.follow.clock.now_assured().saturating_sub(moment.by_cache);
        moment.at.elapsed() > BOUND || by_cache > millis(BOUND)
    }
}

fn moment(follow: &Follow) -> Moment {
    Moment { at: Instant::now(), by_cache: follow.clock.now_assured() }
}
