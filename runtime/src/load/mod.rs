//! The way of a call below near: join the key's flight or lead it, read down the tiers, run the user's body, publish.

mod afford;
mod apart;
#[cfg(feature = "_seen")]
mod audit;
mod batch;
mod begin;
#[cfg(feature = "tiers")]
mod below;
#[cfg(not(feature = "tiers"))]
#[path = "below_absent.rs"]
mod below;
mod fly;
mod foresee;
mod land;
mod peek;
mod prefetch;
mod takeoff;
#[cfg(feature = "_shared")]
mod turn;
#[cfg(not(feature = "_shared"))]
#[path = "turn_absent.rs"]
mod turn;
mod wait;

use std::fmt;
use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use self::apart::Apart;
use crate::access::Right;
use crate::ahead::Ahead;
use crate::cache::Cache;
use crate::call::{Carried, Options};
use crate::clock::Millis;
use crate::depth::Depth;
use crate::flight::{Boarded, Fallback, Flight, FlightId, Told, would_wait_for_itself};
use crate::intent;
use crate::key::{KeyPart, OwnedKey};
use crate::names::Named;
use crate::outcome::{Shape, Share};
use crate::shelf::Shelf;
use crate::stats::count;

pub use self::batch::{Batch, Ids};
pub(crate) use self::foresee::Foreseen;
pub(crate) use self::peek::Unknown;

/// Where nothing is served that cannot be proven, a load is joined for so long after it began.
const FRESH: Millis = 1_500;

/// A call that near could not answer, owning all it needs.
pub struct Miss<K, S, R, D, V> {
    pub(crate) cache: Cache,
    pub(crate) shelf: Option<Arc<Shelf<K, V, R>>>,
    pub(crate) key: K,
    pub(crate) named: Named,
    /// A fresh value to answer with at once, while a load refreshes it behind.
    pub(crate) ready: Option<Fallback<V>>,
    /// A value past its ttl, to answer with if the load fails.
    pub(crate) fallback: Option<Fallback<V>>,
    /// Load, though there may be an answer.
    pub(crate) force: bool,
    /// Nobody has asked yet; it is for this.
    pub(crate) ahead: Option<Arc<Ahead>>,
    /// The fresh value to answer with, while an audit runs the body beside.
    #[cfg(feature = "_seen")]
    pub(crate) audit: Option<V>,
    pub(crate) shape: S,
    pub(crate) share: Share<R>,
    pub(crate) depth: D,
    pub(crate) options: Options<V, R>,
}

impl<K, S, R, D, V> Miss<K, S, R, D, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    /// Loads so that the load outlives this caller: it starts here, and goes on in a task of its own when its body has to
    /// wait, when somebody joins, or when this caller leaves.
    pub fn load<L, F>(self, body: L) -> impl Future<Output = R>
    where
        R: Send + 'static,
        L: FnOnce() -> F,
        F: Future<Output = R> + Send + 'static,
        S::Stored: 'static,
    {
        Apart::new(self.load_apart(body))
    }

    #[cfg_attr(not(feature = "_seen"), allow(unused_mut, reason = "nothing is audited"))]
    async fn load_apart<L, F>(mut self, body: L) -> R
    where
        R: Send + 'static,
        L: FnOnce() -> F,
        F: Future<Output = R> + Send + 'static,
        S::Stored: 'static,
    {
        #[cfg(feature = "_seen")]
        if let Some(value) = self.audit.take() {
            return self.answer_and_audit(value, body);
        }
        let mut body = Some(body);
        if self.is_for_nothing() && intent::give_up() {
            return pending().await;
        }
        let Some(shelf) = self.shelf.clone() else { return run(self.billed(body)).await };
        if !self.may_store(&shelf) {
            return self.read_only(&shelf, body).await;
        }
        let this = Arc::new(self);
        loop {
            let (flight, leads, _waiting) = match this.board(&shelf, FlightId::next) {
                Boarded::Lead(lead) => {
                    let flight = Arc::clone(lead.flight());
                    let waiting = would_wait_for_itself(flight.id).ok();
                    this.take_off(&shelf, lead, &mut body).await;
                    (flight, true, waiting)
                }
                Boarded::Join(flight) => {
                    if let Some(ready) = &this.ready {
                        return this.serve_ready(&shelf, ready);
                    }
                    let Ok(waiting) = would_wait_for_itself(flight.id) else { return run(body).await };
                    count(&shelf.counters.joins);
                    this.join_in(&flight);
                    (flight, false, Some(waiting))
                }
            };
            if let Some(ready) = &this.ready {
                count(&shelf.counters.refreshes);
                return this.serve_ready(&shelf, ready);
            }
            match this.wait(&shelf, &flight, leads).await {
                Told::Lost if body.is_some() => {}
                Told::Unshared if body.is_some() => return this.load_alone(&shelf, body).await,
                told => return this.tell(&shelf, told),
            }
        }
    }

    /// Loads in the caller's own future, borrowed. If the caller goes away, the next who waits takes over.
    pub async fn load_inline<L, F>(self, body: L) -> R
    where
        R: Send + 'static,
        L: FnOnce() -> F,
        F: Future<Output = R>,
        S::Stored: 'static,
    {
        #[cfg(feature = "_seen")]
        if let Some(answer) = self.unaudited() {
            return answer;
        }
        let mut body = Some(body);
        if self.is_for_nothing() && intent::give_up() {
            return pending().await;
        }
        let Some(shelf) = self.shelf.clone() else { return run(self.billed(body)).await };
        if !self.may_store(&shelf) {
            return self.read_only(&shelf, body).await;
        }
        loop {
            match self.board(&shelf, FlightId::next) {
                Boarded::Lead(lead) => {
                    let flight = Arc::clone(lead.flight());
                    let _waiting = would_wait_for_itself(flight.id).ok();
                    let load = body.take().map(|body| body());
                    self.fly(lead, &shelf, load).await;
                    let told = flight.wait(true).await;
                    return self.tell(&shelf, told);
                }
                Boarded::Join(flight) => {
                    if let Some(ready) = &self.ready {
                        return self.serve_ready(&shelf, ready);
                    }
                    let Ok(_waiting) = would_wait_for_itself(flight.id) else { return run(body).await };
                    count(&shelf.counters.joins);
                    self.join_in(&flight);
                    match self.wait(&shelf, &flight, false).await {
                        Told::Lost => {}
                        Told::Unshared => return self.load_alone(&shelf, body).await,
                        told => return self.tell(&shelf, told),
                    }
                }
            }
        }
    }

    /// Loads in the caller's thread; others who want the key block until it is there. Near only.
    pub fn load_sync<L>(self, body: L) -> R
    where
        R: Send + 'static,
        L: FnOnce() -> R,
    {
        #[cfg(feature = "_seen")]
        if let Some(answer) = self.unaudited() {
            return answer;
        }
        // Who blocks waits for an answer.
        let Some(shelf) = self.shelf.clone() else { return self.billed(body)() };
        if !self.may_store(&shelf) {
            let found = if self.force { None } else { self.peek_near() };
            return found.unwrap_or_else(|| match self.afford(&shelf) {
                Ok(()) => body(),
                Err(refused) => self.do_without(&shelf, refused),
            });
        }
        loop {
            match self.board(&shelf, FlightId::next) {
                Boarded::Lead(lead) => {
                    let flight = Arc::clone(lead.flight());
                    let _waiting = would_wait_for_itself(flight.id).ok();
                    self.fly_sync(lead, &shelf, body);
                    return self.tell(&shelf, flight.wait_blocking(true));
                }
                Boarded::Join(flight) => {
                    if let Some(ready) = &self.ready {
                        return self.serve_ready(&shelf, ready);
                    }
                    let Ok(_waiting) = would_wait_for_itself(flight.id) else { return body() };
                    count(&shelf.counters.joins);
                    self.join_in(&flight);
                    match flight.wait_blocking(false) {
                        Told::Lost => {}
                        // One after the other: each thread leads in its turn.
                        Told::Unshared => {}
                        told => return self.tell(&shelf, told),
                    }
                }
            }
        }
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
    /// May the handle of this call store what it loads?
    fn may_store(&self, shelf: &Shelf<K, V, R>) -> bool {
        self.cache.may(Right::Write, &shelf.sign.namespace)
    }

    /// Has nobody asked, and would nobody keep what is loaded? Then it is not loaded.
    fn is_for_nothing(&self) -> bool {
        self.ahead.is_some() && self.shelf.as_ref().is_none_or(|shelf| !self.may_store(shelf))
    }

    /// A body that runs although nothing of it is kept, on the bill of who wanted it.
    fn billed<L>(&self, body: L) -> L {
        if let Some(bill) = self.ahead.as_ref().and_then(|ahead| ahead.bill.as_ref()) {
            count(&bill.loads);
        }
        body
    }

    /// For a handle that may not store: what is there, else the body's answer, of which nothing is kept. Nobody joins:
    /// others want their answer stored.
    async fn read_only<L, F>(&self, shelf: &Shelf<K, V, R>, body: Option<L>) -> R
    where
        L: FnOnce() -> F,
        F: Future<Output = R>,
        S::Stored: 'static,
    {
        if !self.force
            && let Some(found) = self.peek().await
        {
            return found;
        }
        match self.afford(shelf) {
            Ok(()) => run(body).await,
            Err(refused) => self.do_without(shelf, refused),
        }
    }

    /// Tells the flight that somebody asks for what it brings. A refresh ahead that outlasts the ttl has no old value on
    /// offer; who joins it may have one.
    fn join_in(&self, flight: &Flight<V, R>) {
        if self.ahead.is_none() {
            flight.asked.store(true, Ordering::Relaxed);
        }
        if let (Some(old), None) = (&self.fallback, flight.fallback()) {
            flight.offer(old.clone());
        }
    }

    /// Joins the key's flight unless an invalidation has overtaken it, or leads a new one.
    fn board(&self, shelf: &Shelf<K, V, R>, id: impl FnOnce() -> FlightId) -> Boarded<OwnedKey<K>, V, R> {
        let (log, now) = (&self.cache.0.log, self.cache.clock().now());
        let joinable = |flight: &Flight<V, R>| {
            !self.force
                // A load may have read its source long ago: where nothing old may be served, it is joined while it is young.
                && (!shelf.is_shut(log) || now.saturating_sub(flight.began) < FRESH)
                && (flight.birth.seq >= shelf.near.head() || self.is_unnamed_since_takeoff(flight))
        };
        let boarded = shelf.board.board(&OwnedKey(self.key.clone()), id, now, || log.birth(), joinable);
        if let Boarded::Lead(lead) = &boarded {
            if self.ahead.is_none() {
                lead.flight().asked.store(true, Ordering::Relaxed);
            }
            if let Carried::Given = self.options.carried {
                *lead.flight().given.lock() = Some(self.named.tags.to_vec());
            }
        }
        boarded
    }

    /// Has nothing been invalidated since this load began that names its key, a tag that it was given, or one of this
    /// caller's? Where only the value knows its tags, any may be one of them.
    fn is_unnamed_since_takeoff(&self, flight: &Flight<V, R>) -> bool {
        let given = flight.given.lock();
        let given = match (self.options.carried, &*given) {
            (Carried::Nothing, _) => &[][..],
            (Carried::Given, Some(given)) => given,
            (Carried::Given, None) | (Carried::OfValue(_), _) => return false,
        };
        let tags = self.named.tags().chain(given.iter().map(|tag| &**tag));
        self.cache.0.log.unnamed_since(&self.named.key, tags, flight.birth.seq).is_some()
    }
}

/// Runs a body that has not run yet.
async fn run<L, F, R>(body: Option<L>) -> R
where
    L: FnOnce() -> F,
    F: Future<Output = R>,
{
    match body {
        Some(body) => body().await,
        None => pending().await,
    }
}

impl<K, S, R, D, V> fmt::Debug for Miss<K, S, R, D, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Miss")
    }
}
