//! The work of one flight: look again, read down the tiers, run the body.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Instrument as _;

use super::Miss;
use super::turn::Lease;
#[cfg(feature = "_shared")]
use super::turn::Turn;
use crate::clock::Millis;
use crate::codec::Frame;
use crate::depth::Depth;
use crate::error::{Error, ErrorKind};
use crate::flight::{Caller, CatchUnwind, Flight, Lead, chained, chained_apart, chained_sync};
use crate::join::poll_once;
use crate::key::{KeyPart, OwnedKey};
use crate::log::Birth;
use crate::near::{Entry, Found, Gone};
use crate::outcome::Shape;
use crate::shelf::{Life, Shelf};
use crate::stack::Down;
use crate::stats::count;

/// What the work behind one flight came to.
pub(super) enum Work<V, R> {
    /// Somebody had stored it already.
    Found(V),
    /// A tier had it.
    Promoted(V, Life, Frame),
    /// The body made it, perhaps for all nodes.
    Made(R, Option<Lease>),
    /// Another node makes it, and nobody here waits for it.
    #[cfg(feature = "_shared")]
    Passed,
}

/// What the work behind one flight came to, for those who follow it.
fn word<V, R>(work: &std::thread::Result<Result<Work<V, R>, Error>>) -> &'static str {
    match work {
        Ok(Ok(Work::Found(_))) => "near",
        Ok(Ok(Work::Promoted(..))) => "tier",
        Ok(Ok(Work::Made(..))) => "loaded",
        #[cfg(feature = "_shared")]
        Ok(Ok(Work::Passed)) => "passed",
        Ok(Err(error)) => error.kind().word(),
        Err(_) => "panic",
    }
}

impl<K, S, R, D, V> Miss<K, S, R, D, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    /// A flight inside its caller's own load, of which it is a part.
    pub(super) async fn fly<F>(&self, lead: Lead<OwnedKey<K>, V, R>, shelf: &Shelf<K, V, R>, load: Option<F>)
    where
        F: Future<Output = R>,
        S::Stored: 'static,
    {
        let flight = Arc::clone(lead.flight());
        let work = pin!(chained(flight.id, shelf.loading(Caller::here()), self.work(&flight, shelf, load)));
        self.work_and_land(lead, shelf, work).await;
    }

    /// A flight that outlives its caller: it is part of no other load, also while it runs in the caller's task.
    pub(super) async fn fly_apart<F>(
        &self,
        lead: Lead<OwnedKey<K>, V, R>,
        shelf: &Shelf<K, V, R>,
        caller: Caller,
        load: Option<F>,
    ) where
        F: Future<Output = R>,
        S::Stored: 'static,
    {
        let flight = Arc::clone(lead.flight());
        let work = pin!(chained_apart(vec![flight.id], shelf.loading(caller), self.work(&flight, shelf, load)));
        self.work_and_land(lead, shelf, work).await;
    }

    /// Works, publishes, lands. Nothing that goes wrong in here leaves a key taken.
    async fn work_and_land<W>(&self, lead: Lead<OwnedKey<K>, V, R>, shelf: &Shelf<K, V, R>, work: Pin<&mut W>)
    where
        W: Future<Output = Result<Work<V, R>, Error>>,
        S::Stored: 'static,
    {
        let flight = lead.flight();
        if let Some(old) = &self.fallback {
            flight.offer(old.clone());
        }
        let (tier, outcome) = (tracing::field::Empty, tracing::field::Empty);
        let span = tracing::debug_span!("load", site = %shelf.sign.name, tier, outcome);
        tracing::trace!(parent: &span, key = %self.named.key, "a load takes off");
        let work = {
            let work = pin!(work.instrument(span.clone()));
            CatchUnwind(work).await
        };
        span.record("outcome", word(&work));
        self.land(lead, shelf, work);
    }

    pub(super) fn fly_sync(&self, lead: Lead<OwnedKey<K>, V, R>, shelf: &Shelf<K, V, R>, body: impl FnOnce() -> R) {
        let id = lead.flight().id;
        if let Some(old) = &self.fallback {
            lead.flight().offer(old.clone());
        }
        let work = || match self.look_again(shelf) {
            Some(value) => Ok(Work::Found(value)),
            None => {
                self.afford(shelf)?;
                let started = Instant::now();
                let made = chained_sync(id, body);
                shelf.loaded(&self.named.key, started.elapsed());
                Ok(Work::Made(made, None))
            }
        };
        let work = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        self.land(lead, shelf, work);
    }

    pub(super) async fn work<F>(
        &self,
        flight: &Flight<V, R>,
        shelf: &Shelf<K, V, R>,
        load: Option<F>,
    ) -> Result<Work<V, R>, Error>
    where
        F: Future<Output = R>,
        S::Stored: 'static,
    {
        if let Some(value) = self.look_again(shelf) {
            return Ok(Work::Found(value));
        }
        if !self.force
            && let Some((value, life, frame)) = self.read_down(flight, shelf).await
        {
            return Ok(Work::Promoted(value, life, frame));
        }
        #[cfg(feature = "_shared")]
        let lease = match self.turn_of(flight, shelf).await {
            Turn::Mine(lease) => Some(lease),
            Turn::Alone => None,
            Turn::Found(value, life, frame) => return Ok(Work::Promoted(value, life, frame)),
            Turn::Passed => return Ok(Work::Passed),
        };
        #[cfg(not(feature = "_shared"))]
        let lease = None;
        let Some(load) = load else { return Err(Error::new(ErrorKind::Closed, "the load was lost with its runtime")) };
        self.afford(shelf)?;
        // A body that waits outlives its caller by itself: it may take long, and hold what others need.
        flight.relay.part();
        Ok(Work::Made(self.run_in_time(shelf, load).await?, lease))
    }

    /// Whose turn it is to load, if the site asks for one load for all nodes.
    #[cfg(feature = "_shared")]
    async fn turn_of(&self, flight: &Flight<V, R>, shelf: &Shelf<K, V, R>) -> Turn<V>
    where
        S::Stored: 'static,
    {
        // Boxed: else every load would be large enough for what few ask for.
        if shelf.policy().cluster { Box::pin(self.turn(flight, shelf)).await } else { Turn::Alone }
    }

    /// Runs the body, for as long as `timeout` allows.
    pub(super) async fn run_in_time<F: Future>(&self, shelf: &Shelf<K, V, R>, load: F) -> Result<F::Output, Error> {
        let started = Instant::now();
        let mut load = pin!(load);
        let made = match shelf.policy().timeout {
            None => load.await,
            Some(limit) => {
                // A load that never waits needs no timer, which not every runtime has.
                match poll_once(load.as_mut()).await {
                    Some(made) => made,
                    None => {
                        let left = Duration::from_millis(limit).saturating_sub(started.elapsed());
                        tokio::time::timeout(left, load).await.map_err(|_| {
                            count(&shelf.counters.timeouts);
                            shelf.gave_up(&self.named.key, started.elapsed());
                            let text = "the load did not finish in time; raise `timeout` or mend the source";
                            Error::new(ErrorKind::Timeout, text)
                                .with("site", &shelf.sign.name)
                                .with("timeout_ms", limit)
                        })?
                    }
                }
            }
        };
        shelf.loaded(&self.named.key, started.elapsed());
        Ok(made)
    }

    /// Between this caller's miss and its flight another may have landed.
    pub(super) fn look_again(&self, shelf: &Shelf<K, V, R>) -> Option<V> {
        if self.force || self.ready.is_some() {
            return None;
        }
        match shelf.near.find(&self.key, self.cache.clock().now(), 0, None) {
            Found::Fresh(value) => Some(value),
            _ => None,
        }
    }

    /// Takes what the tiers had for a key into near, if it may be used.
    pub(crate) fn promote(&self, shelf: &Shelf<K, V, R>, down: Down, birth: Birth, now: Millis) -> Option<V>
    where
        S::Stored: 'static,
    {
        #[cfg(feature = "tiers")]
        let from = down.from;
        let (value, life, frame) = self.open(shelf, down)?;
        if life.fresh_until <= now {
            return None;
        }
        count(&shelf.counters.tier_hits);
        #[cfg(feature = "tiers")]
        self.cache.0.stack.answered(from);
        count(&shelf.counters.promotions);
        let entry = self.promoted(shelf, &value, life, birth, &frame);
        Some(self.insert_unless_newer(shelf, value, entry))
    }

    /// Puts what was read or loaded outside a flight into near, unless something fresh was stored there meanwhile:
    /// that is newer, and answers.
    pub(super) fn insert_unless_newer(&self, shelf: &Shelf<K, V, R>, value: V, entry: Entry<V>) -> V {
        let now = self.cache.clock().now();
        let (value, gone) =
            shelf.board.hold(&OwnedKey(self.key.clone()), || match shelf.near.find(&self.key, now, 0, None) {
                Found::Fresh(newer) => (newer, Gone::default()),
                _ => (value, shelf.near.insert(self.key.clone(), entry)),
            });
        drop(gone);
        value
    }
}
