//! The way of a call below near: join the key's flight or lead it, read down the tiers, run the user's body, publish.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::Instrument as _;

use crate::cache::Cache;
use crate::call::Options;
use crate::clock::{Millis, millis};
use crate::codec::Frame;
use crate::depth::Depth;
use crate::error::{Error, ErrorKind};
use crate::flight::{
    Boarded, CatchUnwind, Fallback, Flight, Landing, Lead, Told, chained, chained_sync, message_of,
    would_wait_for_itself,
};
use crate::key::{KeyPart, OwnedKey};
use crate::log::Birth;
use crate::names::Named;
use crate::near::{Entry, Found};
use crate::outcome::{Shape, Share, Sort};
use crate::shelf::{Life, Shelf};
use crate::stack::Down;
use crate::stats::count;

/// After a load failed and an old value was served, how long the next load waits for its turn.
const HOLD: Millis = 1_000;

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
    pub(crate) shape: S,
    pub(crate) share: Share<R>,
    pub(crate) depth: D,
    pub(crate) options: Options<V, R>,
}

/// What the work behind one flight came to.
enum Work<V, R> {
    /// Somebody had stored it already.
    Found(V),
    /// A tier had it.
    Promoted(V, Life, Frame),
    /// The body made it.
    Made(R),
}

impl<K, S, R, D, V> Miss<K, S, R, D, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    /// Loads in a task of its own, so that the load outlives this caller.
    pub async fn load<L, F>(self, body: L) -> R
    where
        L: FnOnce() -> F,
        F: Future<Output = R> + Send + 'static,
        S::Stored: 'static,
    {
        let mut body = Some(body);
        let Some(shelf) = self.shelf.clone() else { return run(body).await };
        loop {
            let (flight, _waiting) = match self.board(&shelf) {
                Boarded::Lead(lead) => {
                    let flight = Arc::clone(lead.flight());
                    let waiting = would_wait_for_itself(flight.id).ok();
                    self.take_off(lead, &shelf, &mut body).await;
                    (flight, waiting)
                }
                Boarded::Join(flight) => {
                    if let Some(ready) = self.ready.clone() {
                        return self.serve_ready(&shelf, ready);
                    }
                    let Ok(waiting) = would_wait_for_itself(flight.id) else { return run(body).await };
                    count(&shelf.counters.joins);
                    (flight, Some(waiting))
                }
            };
            if let Some(ready) = self.ready.clone() {
                count(&shelf.counters.refreshes);
                return self.serve_ready(&shelf, ready);
            }
            match self.wait(&shelf, &flight).await {
                Told::Lost if body.is_some() => {}
                Told::Unshared if body.is_some() => return self.load_alone(&shelf, body).await,
                told => return self.tell(&shelf, told),
            }
        }
    }

    /// Loads in the caller's own future, borrowed. If the caller goes away, the next who waits takes over.
    pub async fn load_inline<L, F>(self, body: L) -> R
    where
        L: FnOnce() -> F,
        F: Future<Output = R>,
        S::Stored: 'static,
    {
        let mut body = Some(body);
        let Some(shelf) = self.shelf.clone() else { return run(body).await };
        loop {
            match self.board(&shelf) {
                Boarded::Lead(lead) => {
                    let flight = Arc::clone(lead.flight());
                    let _waiting = would_wait_for_itself(flight.id).ok();
                    let load = body.take().map(|body| body());
                    self.fly(lead, &shelf, load).await;
                    let told = flight.wait().await;
                    return self.tell(&shelf, told);
                }
                Boarded::Join(flight) => {
                    if let Some(ready) = self.ready.clone() {
                        return self.serve_ready(&shelf, ready);
                    }
                    let Ok(_waiting) = would_wait_for_itself(flight.id) else { return run(body).await };
                    count(&shelf.counters.joins);
                    match self.wait(&shelf, &flight).await {
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
        L: FnOnce() -> R,
    {
        let Some(shelf) = self.shelf.clone() else { return body() };
        loop {
            match self.board(&shelf) {
                Boarded::Lead(lead) => {
                    let flight = Arc::clone(lead.flight());
                    let _waiting = would_wait_for_itself(flight.id).ok();
                    self.fly_sync(lead, &shelf, body);
                    let told = flight.wait_blocking(None).unwrap_or(Told::Lost);
                    return self.tell(&shelf, told);
                }
                Boarded::Join(flight) => {
                    if let Some(ready) = self.ready.clone() {
                        return self.serve_ready(&shelf, ready);
                    }
                    let Ok(_waiting) = would_wait_for_itself(flight.id) else { return body() };
                    count(&shelf.counters.joins);
                    match flight.wait_blocking(None).unwrap_or(Told::Lost) {
                        Told::Lost => {}
                        // One after the other: each thread leads in its turn.
                        Told::Unshared => {}
                        told => return self.tell(&shelf, told),
                    }
                }
            }
        }
    }

    /// Joins the key's flight unless an invalidation has overtaken it, or leads a new one.
    fn board(&self, shelf: &Shelf<K, V, R>) -> Boarded<OwnedKey<K>, V, R> {
        let log = &self.cache.0.log;
        let joinable = |flight: &Flight<V, R>| {
            !self.force
                && (flight.birth.seq >= shelf.near.head()
                    || log.unnamed_since(&self.named.key, self.named.tags(), flight.birth.seq).is_some())
        };
        shelf.board.board(&OwnedKey(self.key.clone()), || log.birth(), joinable)
    }

    /// Starts the load: in its own task if there is a runtime, else here.
    async fn take_off<L, F>(&self, lead: Lead<OwnedKey<K>, V, R>, shelf: &Arc<Shelf<K, V, R>>, body: &mut Option<L>)
    where
        L: FnOnce() -> F,
        F: Future<Output = R> + Send + 'static,
        S::Stored: 'static,
    {
        let load = body.take().map(|body| body());
        let work = self.copy();
        let shelf = Arc::clone(shelf);
        let fly = async move { work.fly(lead, &shelf, load).await };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(fly.in_current_span())),
            Err(_) => fly.await,
        }
    }

    /// The flight itself: works, publishes, lands. Nothing that goes wrong in here leaves a key taken.
    async fn fly<F>(&self, lead: Lead<OwnedKey<K>, V, R>, shelf: &Shelf<K, V, R>, load: Option<F>)
    where
        F: Future<Output = R>,
        S::Stored: 'static,
    {
        let flight = Arc::clone(lead.flight());
        if let Some(old) = &self.fallback {
            flight.offer(old.clone());
        }
        let work = std::pin::pin!(chained(flight.id, self.work(&flight, shelf, load)));
        let work = CatchUnwind(work).await;
        self.land(lead, shelf, work);
    }

    fn fly_sync(&self, lead: Lead<OwnedKey<K>, V, R>, shelf: &Shelf<K, V, R>, body: impl FnOnce() -> R) {
        let id = lead.flight().id;
        let work = || match self.look_again(shelf) {
            Some(value) => Ok(Work::Found(value)),
            None => {
                let started = Instant::now();
                let made = chained_sync(id, body);
                shelf.counters.loaded(started.elapsed());
                Ok(Work::Made(made))
            }
        };
        let work = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        self.land(lead, shelf, work);
    }

    async fn work<F>(&self, flight: &Flight<V, R>, shelf: &Shelf<K, V, R>, load: Option<F>) -> Result<Work<V, R>, Error>
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
        let Some(load) = load else { return Err(Error::new(ErrorKind::Closed, "the load was lost with its runtime")) };
        let started = Instant::now();
        let made = match shelf.policy().timeout {
            None => load.await,
            Some(limit) => tokio::time::timeout(Duration::from_millis(limit), load).await.map_err(|_| {
                count(&shelf.counters.timeouts);
                Error::new(ErrorKind::Timeout, "the load did not finish in time; raise `timeout` or mend the source")
                    .with("site", &shelf.sign.name)
                    .with("timeout_ms", limit)
            })?,
        };
        shelf.counters.loaded(started.elapsed());
        Ok(Work::Made(made))
    }

    /// Between this caller's miss and its flight another may have landed.
    fn look_again(&self, shelf: &Shelf<K, V, R>) -> Option<V> {
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
        let (value, life, frame) = self.open(shelf, down)?;
        if life.fresh_until <= now {
            return None;
        }
        count(&shelf.counters.tier_hits);
        count(&shelf.counters.promotions);
        let entry = self.promoted(shelf, &value, life, birth, &frame);
        shelf.near.insert(self.key.clone(), entry);
        Some(value)
    }

    /// Stores a value that was given, in place of any load in the air.
    pub(crate) fn store(&self, shelf: &Shelf<K, V, R>, value: V, birth: Birth, life: Life) {
        let frame = self.seal(shelf, &value, Sort::Value, birth, life);
        let entry = self.entry(shelf, &value, life, birth).tagged(self.named.tags.iter().cloned().collect());
        shelf.board.ground(&OwnedKey(self.key.clone()), || shelf.near.insert(self.key.clone(), entry));
        self.cache.0.balance.inserted();
        if let Some(frame) = frame
            && !self.cache.0.stack.write(&frame)
        {
            count(&shelf.counters.not_stored);
        }
    }

    /// Decodes what the tiers had, if this site wrote it.
    fn open(&self, shelf: &Shelf<K, V, R>, down: Down) -> Option<(V, Life, Frame)>
    where
        S::Stored: 'static,
    {
        let codecs = self.depth.codecs()?;
        shelf.counters.tier_errors.fetch_add(down.failed, std::sync::atomic::Ordering::Relaxed);
        let opened = down.frame.and_then(|frame| match shelf.open(&codecs, &frame) {
            Some(stored) => Some((self.shape.restore(stored).0, frame)),
            None => {
                count(&shelf.counters.frames_refused);
                None
            }
        });
        let Some((value, frame)) = opened else {
            count(&shelf.counters.tier_misses);
            return None;
        };
        let head = frame.head();
        let life = Life { born: head.born, fresh_until: head.fresh_until, stale_until: head.stale_until };
        Some((value, life, frame))
    }

    /// Asks the tiers. A frame that is fresh answers; one that may be served stale is offered to those who wait.
    async fn read_down(&self, flight: &Flight<V, R>, shelf: &Shelf<K, V, R>) -> Option<(V, Life, Frame)>
    where
        S::Stored: 'static,
    {
        let stack = &self.cache.0.stack;
        if stack.is_empty() || shelf.policy().local || self.depth.codecs().is_none() {
            return None;
        }
        let now = self.cache.clock().now();
        let down = stack.read(std::slice::from_ref(&self.named.key), now).await.pop().unwrap_or_default();
        let (value, life, frame) = self.open(shelf, down)?;
        // A refresh wants something newer than what near still serves.
        let newer_than = self.ready.as_ref().map_or(now, |ready| ready.stale_until);
        if life.fresh_until > newer_than.max(now) {
            count(&shelf.counters.tier_hits);
            return Some((value, life, frame));
        }
        count(&shelf.counters.tier_misses);
        flight.offer(Fallback {
            value,
            stale_until: life.stale_until,
            checked: flight.birth.seq,
            tags: Arc::clone(&frame.head().tags),
        });
        None
    }

    /// Publishes what may be published, and lands.
    fn land(
        &self,
        lead: Lead<OwnedKey<K>, V, R>,
        shelf: &Shelf<K, V, R>,
        work: Result<Result<Work<V, R>, Error>, Box<dyn std::any::Any + Send>>,
    ) {
        let birth = lead.flight().birth;
        match work {
            Ok(Ok(Work::Found(value))) => drop(lead.land(|| {}, Landing::Kept(value))),
            Ok(Ok(Work::Promoted(value, life, frame))) => {
                count(&shelf.counters.promotions);
                let entry = self.promoted(shelf, &value, life, birth, &frame);
                lead.land(|| shelf.near.insert(self.key.clone(), entry), Landing::Kept(value));
                self.cache.0.balance.inserted();
            }
            Ok(Ok(Work::Made(result))) => self.land_made(lead, shelf, result, birth),
            Ok(Err(error)) => self.land_failed(lead, shelf, || Landing::Refused(error)),
            Err(payload) => {
                count(&shelf.counters.panics);
                let message = format!("the load of `{}` panicked: {}", shelf.sign.name, message_of(&*payload)).into();
                self.land_failed(lead, shelf, || Landing::Panicked { payload: Some(payload), message });
            }
        }
    }

    fn land_made(&self, lead: Lead<OwnedKey<K>, V, R>, shelf: &Shelf<K, V, R>, result: R, birth: Birth) {
        let (value, sort) = match self.shape.split(result) {
            Ok(kept) => kept,
            Err(result) => {
                count(&shelf.counters.load_errors);
                let share = self.share;
                return self.land_failed(lead, shelf, || Landing::Passed { result: Some(result), share });
            }
        };
        if sort == Sort::Failure {
            count(&shelf.counters.load_errors);
            if self.usable(lead.flight().fallback()).is_some() {
                return self.land_failed(lead, shelf, || Landing::Kept(value));
            }
        }
        let life = self.life(shelf, &value, sort);
        let keep = self.options.cache_if.is_none_or(|keep| keep(&value)) && life.stale_until > life.born;
        if !keep {
            lead.land(|| {}, Landing::Kept(value));
            return;
        }
        let frame = self.seal(shelf, &value, sort, birth, life);
        let entry = self.entry(shelf, &value, life, birth);
        let published = lead.land(|| shelf.near.insert(self.key.clone(), entry), Landing::Kept(value));
        self.cache.0.balance.inserted();
        if let (true, Some(frame)) = (published, frame)
            && !self.cache.0.stack.write(&frame)
        {
            count(&shelf.counters.not_stored);
        }
    }

    /// The load failed: an old value if one is allowed and still valid, else the failure.
    fn land_failed(
        &self,
        lead: Lead<OwnedKey<K>, V, R>,
        shelf: &Shelf<K, V, R>,
        failure: impl FnOnce() -> Landing<V, R>,
    ) {
        let Some(old) = self.usable(lead.flight().fallback()) else {
            lead.land(|| {}, failure());
            return;
        };
        // For a moment the old value answers by itself, so that a failing source is not asked by every call.
        let until = (self.cache.clock().now() + HOLD).min(old.stale_until);
        let weight = self.weigh(&old.value);
        let held =
            Entry::new(old.value.clone(), self.cache.clock().now(), old.stale_until, old.checked, weight).held(until);
        let held = held.tagged(old.tags.iter().cloned().collect());
        lead.land(|| shelf.near.insert(self.key.clone(), held), Landing::Stale(old.value));
    }

    /// The old value, if it is young enough and nothing named it since it was looked at.
    fn usable(&self, old: Option<Fallback<V>>) -> Option<Fallback<V>> {
        let old = old.filter(|old| old.stale_until > self.cache.clock().now())?;
        let tags = self.named.tags().chain(old.tags.iter().map(|t| &**t));
        self.cache.0.log.unnamed_since(&self.named.key, tags, old.checked)?;
        Some(old)
    }

    /// Waits for the flight; with `soft_timeout`, only so long if there is an old value to answer with.
    async fn wait(&self, shelf: &Shelf<K, V, R>, flight: &Arc<Flight<V, R>>) -> Told<V, R> {
        let Some(limit) = shelf.policy().soft_timeout else { return flight.wait().await };
        let wait = flight.wait();
        tokio::pin!(wait);
        let soon = if limit == 0 {
            poll_once(wait.as_mut()).await
        } else {
            tokio::time::timeout(Duration::from_millis(limit), wait.as_mut()).await.ok()
        };
        if let Some(told) = soon {
            return told;
        }
        let old = self.fallback.clone().or_else(|| flight.fallback());
        match self.usable(old) {
            Some(old) => {
                count(&shelf.counters.refreshes);
                Told::Stale(old.value)
            }
            None => wait.await,
        }
    }

    fn tell(&self, shelf: &Shelf<K, V, R>, told: Told<V, R>) -> R {
        match told {
            Told::Kept(value) => self.shape.join(value),
            Told::Stale(value) => {
                count(&shelf.counters.stale_hits);
                self.shape.join(value)
            }
            Told::Passed(result) => result,
            Told::Panicked(payload) => std::panic::resume_unwind(payload),
            Told::Refused(error) => match self.options.refuse {
                Some(refuse) => refuse(error),
                None => std::panic::resume_unwind(Box::new(error.to_string())),
            },
            Told::Unshared | Told::Lost => std::panic::resume_unwind(Box::new(format!(
                "the load of `{}` was lost with its runtime",
                shelf.sign.name
            ))),
        }
    }

    fn serve_ready(&self, shelf: &Shelf<K, V, R>, ready: Fallback<V>) -> R {
        shelf.counters.hits.add();
        self.shape.join(ready.value)
    }

    /// An error went to another caller and cannot be copied: load for this one, a few at a time.
    async fn load_alone<L, F>(&self, shelf: &Shelf<K, V, R>, body: Option<L>) -> R
    where
        L: FnOnce() -> F,
        F: Future<Output = R>,
    {
        let _turn = shelf.alone.acquire().await;
        if let Some(value) = self.look_again(shelf) {
            return self.shape.join(value);
        }
        let birth = self.cache.0.log.birth();
        let started = Instant::now();
        let result = run(body).await;
        shelf.counters.loaded(started.elapsed());
        match self.shape.split(result) {
            Ok((value, sort)) => {
                let life = self.life(shelf, &value, sort);
                if self.options.cache_if.is_none_or(|keep| keep(&value)) && life.stale_until > life.born {
                    shelf.near.insert(self.key.clone(), self.entry(shelf, &value, life, birth));
                }
                self.shape.join(value)
            }
            Err(result) => {
                count(&shelf.counters.load_errors);
                result
            }
        }
    }

    /// How long a value lives: by its sort, by itself, by the site, by the key's pattern, by the cache; less some chance.
    pub(crate) fn life(&self, shelf: &Shelf<K, V, R>, value: &V, sort: Sort) -> Life {
        let policy = shelf.policy();
        let settings = &self.cache.0.settings;
        let whole = || policy.ttl.unwrap_or_else(|| settings.ttl_of(self.named.key.as_str()));
        let ttl = match sort {
            Sort::Value => self.options.ttl_with.map_or_else(whole, |life| millis(life(value))),
            Sort::Nothing => policy.none.filter(|none| *none > 0).unwrap_or_else(whole),
            Sort::Failure => policy.err.unwrap_or_else(whole),
        };
        let jitter = ttl as f64 * f64::from(policy.jitter) * self.cache.0.chance.part();
        let born = self.cache.clock().now();
        let fresh_until = born.saturating_add(ttl - (jitter as Millis).min(ttl));
        let stale = if sort == Sort::Failure { 0 } else { policy.stale };
        Life { born, fresh_until, stale_until: fresh_until.saturating_add(stale) }
    }

    fn seal(&self, shelf: &Shelf<K, V, R>, value: &V, sort: Sort, birth: Birth, life: Life) -> Option<Frame> {
        if self.cache.0.stack.is_empty() || shelf.policy().local || sort == Sort::Failure {
            return None;
        }
        let codecs = self.depth.codecs()?;
        let sealed = shelf.seal(&codecs, self.shape.stored(value)?, &self.named, birth, life);
        if let Err(error) = &sealed {
            count(&shelf.counters.not_stored);
            tracing::debug!(site = %shelf.sign.name, kind = error.kind().word(), "a value was not stored below near");
        }
        sealed.ok()
    }

    fn entry(&self, shelf: &Shelf<K, V, R>, value: &V, life: Life, birth: Birth) -> Entry<V> {
        let weight = self.weigh(value);
        let entry = Entry::new(value.clone(), life.fresh_until, life.stale_until, birth.seq, weight);
        if shelf.policy().idle.is_some() { entry.used_at(self.cache.clock().now()) } else { entry }
    }

    /// An entry from a frame, with the frame's tags where they are not the call's own.
    fn promoted(&self, shelf: &Shelf<K, V, R>, value: &V, life: Life, birth: Birth, frame: &Frame) -> Entry<V> {
        let entry = self.entry(shelf, value, life, birth);
        if frame.head().tags == self.named.tags {
            entry
        } else {
            entry.tagged(frame.head().tags.iter().cloned().collect())
        }
    }

    fn weigh(&self, value: &V) -> u32 {
        let own = match self.options.weigh {
            Some(weigh) => weigh(value),
            None => self.shape.stored(value).map_or(0, |stored| self.depth.weigh(stored)),
        };
        let all = own + self.key.heap_bytes() + size_of::<K>() + Entry::<V>::OVERHEAD;
        u32::try_from(all).unwrap_or(u32::MAX)
    }

    fn copy(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            shelf: None,
            key: self.key.clone(),
            named: self.named.clone(),
            ready: self.ready.clone(),
            fallback: self.fallback.clone(),
            force: self.force,
            shape: self.shape,
            share: self.share,
            depth: self.depth,
            options: self.options,
        }
    }

    /// The entry as it stands in near or in a tier, without a load.
    pub(crate) async fn peek(&self) -> Option<R>
    where
        S::Stored: 'static,
    {
        let shelf = self.shelf.as_ref()?;
        if let Some(result) = self.peek_near() {
            return Some(result);
        }
        let (birth, now) = (self.cache.0.log.birth(), self.cache.clock().now());
        let stack = &self.cache.0.stack;
        if stack.is_empty() || shelf.policy().local {
            return None;
        }
        let down = stack.read(std::slice::from_ref(&self.named.key), now).await.pop()?;
        self.promote(shelf, down, birth, now).map(|value| self.shape.join(value))
    }

    /// The entry as it stands in near.
    pub(crate) fn peek_near(&self) -> Option<R> {
        let shelf = self.shelf.as_ref()?;
        match shelf.near.find(&self.key, self.cache.clock().now(), 0, None) {
            Found::Fresh(value) => Some(self.shape.join(value)),
            Found::Check(entry) if entry.fresh_until > self.cache.clock().now() => {
                let tags = self.named.tags().chain(entry.tags());
                self.cache.0.log.unnamed_since(&self.named.key, tags, entry.checked())?;
                Some(self.shape.join(entry.value))
            }
            _ => None,
        }
    }

    /// Takes the entry out of near and lets a load in the air land unpublished.
    pub(crate) fn ground(&self) {
        if let Some(shelf) = &self.shelf {
            shelf.board.ground(&OwnedKey(self.key.clone()), || shelf.near.remove(&self.key));
        }
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
        None => std::future::pending().await,
    }
}

/// What a future has ready now.
async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(move |cx| match std::pin::Pin::new(&mut future).poll(cx) {
        std::task::Poll::Ready(out) => std::task::Poll::Ready(Some(out)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

impl<K, S, R, D, V> fmt::Debug for Miss<K, S, R, D, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Miss")
    }
}
