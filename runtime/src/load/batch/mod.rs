//! Several elements of one function, asked for in one call: each is an entry of its own, and what near does not have is
//! asked of each tier once, and of the body once.

mod fly;
mod gather;
mod land;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;

use self::fly::{Load, Part};
use super::Miss;
use crate::batched::{Apart, Batched};
use crate::call::Near;
use crate::depth::Depth;
use crate::flight::{Boarded, Flight, FlightId, Told, would_wait_for_itself};
use crate::intent::{self, Intent};
use crate::join::join;
use crate::key::{KeyPart, OwnedKey};
use crate::names::Names;
use crate::outcome::Shape;
use crate::shelf::Shelf;
use crate::site::Site;
use crate::stats::count;

/// How often what others load is waited for again, when it came to nothing that could be told.
const ROUNDS: usize = 2;

/// The elements of one call, and what near has answered. Generated code fills it.
pub struct Batch<T, K, S, R, D, V> {
    /// In the order in which they were asked for.
    answers: Vec<(T, Option<R>)>,
    missing: Vec<Missing<K, S, R, D, V>>,
    site: &'static Site,
    /// What is intended with each of them.
    intent: Intent,
    /// What the body is given beside the elements, as text: calls that agree in it may be gathered.
    beside: Option<String>,
}

/// The elements that a body is asked for: known only when the tiers have answered.
#[derive(Debug)]
pub struct Ids<T>(Arc<Mutex<Vec<T>>>);

/// Where in the call an element stands that near did not have.
type Missing<K, S, R, D, V> = (usize, Miss<K, S, R, D, V>);

/// An element that near did not have, and all places where it stands.
struct Wanted<K, S, R, D, V> {
    miss: Arc<Miss<K, S, R, D, V>>,
    places: Vec<usize>,
}

/// A flight that is waited for.
struct Waited<K, S, R, D, V> {
    wanted: Wanted<K, S, R, D, V>,
    flight: Arc<Flight<V, R>>,
    leads: bool,
}

impl<T> Ids<T> {
    fn none() -> Self {
        Self(Arc::default())
    }

    fn give(&self, ids: Vec<T>) {
        *self.0.lock() = ids;
    }

    /// Takes them, to be done before anything else.
    #[must_use]
    pub fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl<T> Clone for Ids<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T, K, S, R, D, V> Batch<T, K, S, R, D, V>
where
    T: Clone,
{
    /// With room for so many.
    #[must_use]
    pub fn of(site: &'static Site, elements: usize) -> Self {
        Self { answers: Vec::with_capacity(elements), missing: Vec::new(), site, intent: intent::take(), beside: None }
    }

    /// To be told before each one.
    pub fn begin_one(&self) {
        intent::intend_next(&self.intent);
    }

    /// One more, which was a hit.
    pub fn hit(&mut self, id: &T, answer: R) {
        self.answers.push((id.clone(), Some(answer)));
    }

    /// One more, of which near says this.
    pub fn near(&mut self, id: &T, near: Near<R, Miss<K, S, R, D, V>>)
    where
        S: Shape<R, Kept = V>,
        V: Clone,
    {
        match near {
            Near::Hit(answer) => self.hit(id, answer),
            Near::Miss(miss) => {
                #[cfg(feature = "_seen")]
                if let Some(answer) = miss.unaudited() {
                    return self.hit(id, answer);
                }
                self.missing.push((self.answers.len(), miss));
                self.answers.push((id.clone(), None));
            }
        }
    }

    /// Calls whose other arguments are written like this may be loaded together.
    #[must_use]
    pub fn beside(mut self, write: impl Fn(&mut Names)) -> Self {
        if let Some((_, miss)) = self.missing.first() {
            let mut names = Names::new(miss.cache.0.settings.secret);
            write(&mut names);
            self.beside = Some(names.finish().key.as_str().to_owned());
        }
        self
    }
}

impl<T, K, S, R, D, V> Batch<T, K, S, R, D, V>
where
    T: Clone + Send + 'static,
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    S::Stored: 'static,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    /// Loads what is missing, so that the load outlives this caller, and answers as the function does.
    pub async fn load<B, L, F>(mut self, body: L) -> B
    where
        B: Batched<T, One = R> + Send + 'static,
        L: Fn(Ids<T>) -> F,
        F: Future<Output = B> + Send + 'static,
    {
        if !self.missing.is_empty() {
            // Boxed: a call that near answers needs no room for it.
            Box::pin(self.fill(&body)).await;
        }
        let answers = self.answers.into_iter().map(|(id, answer)| (id, answer.unwrap_or_else(B::absent)));
        B::together(answers.collect())
    }

    async fn fill<B, L, F>(&mut self, body: &L)
    where
        B: Batched<T, One = R> + Send + 'static,
        L: Fn(Ids<T>) -> F,
        F: Future<Output = B> + Send + 'static,
    {
        let mut open = distinct(std::mem::take(&mut self.missing));
        let Some(first) = open.first().map(|wanted| Arc::clone(&wanted.miss)) else { return };
        if first.is_for_nothing() && intent::give_up() {
            return std::future::pending().await;
        }
        let Some(shelf) = first.shelf.clone() else { return self.load_here(first.billed(open), body).await };
        if !first.may_store(&shelf) {
            return self.read_only(&shelf, open, body).await;
        }
        open = self.round(&shelf, open, body).await;
        // Who was told nothing asks for himself.
        self.beside = None;
        for _ in 0..ROUNDS {
            if open.is_empty() || self.has_failed::<B>() {
                return;
            }
            open = self.round(&shelf, open, body).await;
        }
        self.load_alone(&shelf, open, body).await;
    }

    /// For what others load in vain, again and again, a few at a time. Nothing of it is kept.
    async fn load_alone<B, L, F>(&mut self, shelf: &Shelf<K, V, R>, open: Vec<Wanted<K, S, R, D, V>>, body: &L)
    where
        B: Batched<T, One = R>,
        L: Fn(Ids<T>) -> F,
        F: Future<Output = B>,
    {
        if open.is_empty() || self.has_failed::<B>() {
            return;
        }
        let _turn = match would_wait_for_itself(shelf.alone_id) {
            Ok(_waiting) => shelf.alone.acquire().await.ok(),
            Err(()) => None,
        };
        let mut missing = Vec::new();
        for wanted in open {
            match wanted.miss.look_again(shelf) {
                Some(value) => self.answer(shelf, &wanted, Told::Kept(value)),
                None => missing.push(wanted),
            }
        }
        self.load_within(shelf, missing, body).await;
    }

    /// Loads what nobody loads, and waits for that and for what others load. Answers with what has to be tried again.
    async fn round<B, L, F>(
        &mut self,
        shelf: &Arc<Shelf<K, V, R>>,
        open: Vec<Wanted<K, S, R, D, V>>,
        body: &L,
    ) -> Vec<Wanted<K, S, R, D, V>>
    where
        B: Batched<T, One = R> + Send + 'static,
        L: Fn(Ids<T>) -> F,
        F: Future<Output = B> + Send + 'static,
    {
        let id = FlightId::next();
        let _waiting = would_wait_for_itself(id).ok();
        let (mut parts, mut waited, mut circular, mut joined) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for wanted in open {
            let (flight, leads) = match wanted.miss.board(shelf, || id) {
                Boarded::Lead(lead) => {
                    let flight = Arc::clone(lead.flight());
                    let element = self.answers[wanted.places[0]].0.clone();
                    parts.push(Part { miss: Arc::clone(&wanted.miss), id: element, lead });
                    (flight, true)
                }
                Boarded::Join(flight) => (flight, false),
            };
            if let Some(ready) = &wanted.miss.ready {
                if leads {
                    count(&shelf.counters.refreshes);
                }
                for &place in &wanted.places {
                    self.answers[place].1 = Some(wanted.miss.serve_ready(shelf, ready));
                }
                continue;
            }
            if !leads {
                let Ok(waiting) = would_wait_for_itself(flight.id) else {
                    circular.push(wanted);
                    continue;
                };
                joined.push(waiting);
                count(&shelf.counters.joins);
                wanted.miss.join_in(&flight);
            }
            waited.push(Waited { wanted, flight, leads });
        }
        self.start(shelf, parts, body).await;
        self.load_here(circular, body).await;
        self.wait(shelf, waited).await
    }

    /// Starts the load of these: in a task of its own; together with those of other callers, if the site asks for that.
    async fn start<B, L, F>(&self, shelf: &Arc<Shelf<K, V, R>>, parts: Vec<Part<T, K, S, R, D, V>>, body: &L)
    where
        B: Batched<T, One = R> + Send + 'static,
        L: Fn(Ids<T>) -> F,
        F: Future<Output = B> + Send + 'static,
    {
        let parts = match &self.beside {
            Some(beside) if !parts.is_empty() => gather::gather(shelf, self.site, beside, parts, body),
            _ => parts,
        };
        if !parts.is_empty() {
            Load::new(shelf, self.site, parts.len(), body).start(parts).await;
        }
    }

    async fn wait(&mut self, shelf: &Shelf<K, V, R>, waited: Vec<Waited<K, S, R, D, V>>) -> Vec<Wanted<K, S, R, D, V>> {
        let told = match shelf.policy().soft_timeout {
            None => one_by_one(&waited).await,
            Some(_) => side_by_side(shelf, &waited).await,
        };
        let mut again = Vec::new();
        for (Waited { wanted, leads, .. }, told) in waited.into_iter().zip(told) {
            match told {
                Told::Unshared => again.push(wanted),
                // The task of a gathered load is another caller's, and may have ended with that one's runtime.
                Told::Lost if !leads || self.beside.is_some() => again.push(wanted),
                told => self.answer(shelf, &wanted, told),
            }
        }
        again
    }

    /// Answers at every place where it was asked for.
    fn answer(&mut self, shelf: &Shelf<K, V, R>, wanted: &Wanted<K, S, R, D, V>, told: Told<V, R>) {
        let answer = wanted.miss.tell(shelf, told);
        self.spread(wanted, answer);
    }

    /// The same answer at every place. One that cannot be copied is a failure, which is told once, or nothing.
    fn spread(&mut self, wanted: &Wanted<K, S, R, D, V>, answer: R) {
        let (shape, places) = (wanted.miss.shape, &wanted.places);
        if places.len() == 1 {
            self.answers[places[0]].1 = Some(answer);
            return;
        }
        match shape.split(answer) {
            Ok((value, _)) => {
                places.iter().for_each(|&place| self.answers[place].1 = Some(shape.join(value.clone())));
            }
            Err((answer, _)) => self.answers[places[0]].1 = Some(answer),
        }
    }

    fn has_failed<B: Batched<T, One = R>>(&self) -> bool {
        self.answers.iter().any(|(_, answer)| answer.as_ref().is_some_and(B::is_failure))
    }

    /// For a handle that may not store: what is there, else the body's answer, of which nothing is kept.
    async fn read_only<B, L, F>(&mut self, shelf: &Shelf<K, V, R>, open: Vec<Wanted<K, S, R, D, V>>, body: &L)
    where
        B: Batched<T, One = R>,
        L: Fn(Ids<T>) -> F,
        F: Future<Output = B>,
    {
        let mut missing = Vec::new();
        for wanted in open {
            let found = if wanted.miss.force { None } else { wanted.miss.peek_kept().await };
            match found {
                Some(value) => self.answer(shelf, &wanted, Told::Kept(value)),
                None => missing.push(wanted),
            }
        }
        self.load_within(shelf, missing, body).await;
    }

    /// Runs the body in its caller, if the budget of the site allows that.
    async fn load_within<B, L, F>(&mut self, shelf: &Shelf<K, V, R>, missing: Vec<Wanted<K, S, R, D, V>>, body: &L)
    where
        B: Batched<T, One = R>,
        L: Fn(Ids<T>) -> F,
        F: Future<Output = B>,
    {
        let Some(first) = missing.first() else { return };
        match first.miss.afford(shelf) {
            Ok(()) => self.load_here(missing, body).await,
            Err(refused) => {
                for wanted in missing {
                    let answer = wanted.miss.do_without(shelf, refused.clone());
                    self.spread(&wanted, answer);
                }
            }
        }
    }

    /// Runs the body in its caller; nothing of it is kept.
    async fn load_here<B, L, F>(&mut self, open: Vec<Wanted<K, S, R, D, V>>, body: &L)
    where
        B: Batched<T, One = R>,
        L: Fn(Ids<T>) -> F,
        F: Future<Output = B>,
    {
        for part in open.chunks(self.site.policy().max_batch.max(1)) {
            let asked: Vec<T> = part.iter().map(|wanted| self.answers[wanted.places[0]].0.clone()).collect();
            let ids = Ids::none();
            ids.give(asked.clone());
            match body(ids).await.apart(&asked) {
                Apart::Each(each, _) => part.iter().zip(each).for_each(|(wanted, answer)| self.spread(wanted, answer)),
                Apart::Failed(failure) => return self.answers[part[0].places[0]].1 = Some(failure),
                Apart::Misfit(misfit) => {
                    let text = land::said(self.site.name(), asked.len(), misfit);
                    std::panic::resume_unwind(Box::new(text));
                }
            }
        }
    }
}

/// What becomes of each. All are waited for from the start, so that those who lead know of it; but one after the other is
/// looked at, for most land together.
async fn one_by_one<K, S, R, D, V: Clone>(waited: &[Waited<K, S, R, D, V>]) -> Vec<Told<V, R>> {
    let waits: Vec<_> = waited.iter().map(|waited| waited.flight.wait(waited.leads)).collect();
    let mut told = Vec::with_capacity(waits.len());
    for wait in waits {
        told.push(wait.await);
    }
    told
}

/// The same where each waits for a limited time: all times run together.
async fn side_by_side<K, S, R, D, V>(shelf: &Shelf<K, V, R>, waited: &[Waited<K, S, R, D, V>]) -> Vec<Told<V, R>>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    // Boxed: what is waited for side by side must be movable.
    let waits = waited
        .iter()
        .map(|waited| async { Box::new(waited.wanted.miss.wait(shelf, &waited.flight, waited.leads).await) });
    join(waits.collect()).await.into_iter().map(|told| *told).collect()
}

/// Each element once, with the places where it is asked for.
fn distinct<K, S, R, D, V>(missing: Vec<Missing<K, S, R, D, V>>) -> Vec<Wanted<K, S, R, D, V>>
where
    K: KeyPart<Owned = K> + Clone + Eq,
{
    let mut open: Vec<Wanted<K, S, R, D, V>> = Vec::with_capacity(missing.len());
    let mut known = HashMap::with_capacity(missing.len());
    for (place, miss) in missing {
        match known.get(&OwnedKey(miss.key.clone())) {
            Some(&at) => {
                let wanted: &mut Wanted<K, S, R, D, V> = &mut open[at];
                wanted.places.push(place);
            }
            None => {
                known.insert(OwnedKey(miss.key.clone()), open.len());
                open.push(Wanted { miss: Arc::new(miss), places: vec![place] });
            }
        }
    }
    open
}

impl<T, K, S, R, D, V> fmt::Debug for Batch<T, K, S, R, D, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (asked, missing) = (self.answers.len(), self.missing.len());
        f.debug_struct("Batch").field("asked", &asked).field("missing", &missing).finish_non_exhaustive()
    }
}
