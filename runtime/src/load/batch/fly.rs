//! The load of a batch: look again, read each tier once, and run the body once for what is in none.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use tracing::Instrument as _;

use super::super::Miss;
use super::super::fly::Work;
use super::Ids;
use crate::batched::Batched;
use crate::depth::Depth;
use crate::flight::{Caller, CatchUnwind, FlightId, Lead, chained_apart, forget, is_withheld};
use crate::key::{KeyPart, OwnedKey};
use crate::outcome::Shape;
use crate::shelf::Shelf;
use crate::site::Site;
use crate::sync::Handle;

/// An element that is loaded here.
pub(super) struct Part<T, K: KeyPart<Owned = K> + Eq, S, R, D, V: Clone> {
    pub(super) miss: Arc<Miss<K, S, R, D, V>>,
    pub(super) id: T,
    pub(super) lead: Lead<OwnedKey<K>, V, R>,
}

/// A load that has copies of all that the body is given, but for the elements.
pub(super) struct Load<T, K, V, R, F> {
    shelf: Arc<Shelf<K, V, R>>,
    calls: Vec<(Ids<T>, F)>,
    most: usize,
    caller: Caller,
}

impl<T, K, V, R, F> Load<T, K, V, R, F>
where
    T: Clone + Send + 'static,
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    R: Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// For so many elements at most; `body` is called once for as many as it takes at a time.
    pub(super) fn new<L: Fn(Ids<T>) -> F>(shelf: &Arc<Shelf<K, V, R>>, site: &Site, elements: usize, body: &L) -> Self {
        let most = site.policy().max_batch.max(1);
        let call = |_| {
            let ids = Ids::none();
            (ids.clone(), body(ids))
        };
        let calls = (0..elements.div_ceil(most)).map(call).collect();
        Self { shelf: Arc::clone(shelf), calls, most, caller: Caller::here() }
    }

    /// For how many elements it is enough.
    pub(super) fn room(&self) -> usize {
        self.calls.len().saturating_mul(self.most)
    }

    /// How many the body takes at a time.
    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// Starts it. Without a runtime it runs here to its end.
    pub(super) async fn start<B, S, D>(self, parts: Vec<Part<T, K, S, R, D, V>>)
    where
        B: Batched<T, One = R> + Send + 'static,
        F: Future<Output = B> + Send + 'static,
        S: Shape<R, Kept = V>,
        S::Stored: 'static,
        D: Depth<S::Stored>,
    {
        let load = Box::pin(self.fly(parts).in_current_span());
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(load)),
            Err(_) => load.await,
        }
    }

    /// Finds what is there by now, and runs the body for the rest, part by part, up to the first that fails.
    pub(super) async fn fly<B, S, D>(self, parts: Vec<Part<T, K, S, R, D, V>>)
    where
        B: Batched<T, One = R>,
        F: Future<Output = B>,
        S: Shape<R, Kept = V>,
        S::Stored: 'static,
        D: Depth<S::Stored>,
    {
        let Self { shelf, calls, most, caller } = self;
        let mut flights: Vec<FlightId> = parts.iter().map(|part| part.lead.flight().id).collect();
        flights.dedup();
        let Some(mine) = flights.first().copied() else { return };
        let _over = Over(flights.clone());
        let span = tracing::debug_span!("load", site = %shelf.sign.name, batch = parts.len());
        let found = chained_apart(flights.clone(), shelf.loading(caller), find(&shelf, parts));
        let mut missing = found.instrument(span.clone()).await.into_iter();
        for (ids, call) in calls {
            let parts: Vec<_> = missing.by_ref().take(most).collect();
            let Some(first) = parts.first().map(|part| Arc::clone(&part.miss)) else { return };
            let made = match first.afford(&shelf) {
                Err(refused) => Ok(Err(refused)),
                Ok(()) => {
                    ids.give(parts.iter().map(|part| part.id.clone()).collect());
                    let run = first.run_in_time(&shelf, call);
                    let work = chained_apart(flights.clone(), shelf.loading(caller), run).instrument(span.clone());
                    CatchUnwind(pin!(work)).await
                }
            };
            let withheld = flights.iter().any(|flight| is_withheld(*flight)).then_some(mine);
            if Part::land_all(&shelf, parts, made, withheld) {
                return missing.for_each(|part| part.land_unasked(&shelf));
            }
        }
    }
}

/// The flights of a load that is over, some of which have landed before it had seen all that it saw.
struct Over(Vec<FlightId>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.iter().copied().for_each(forget);
    }
}

/// What somebody has stored meanwhile lands, and what the tiers have; the others are left.
async fn find<T, K, S, R, D, V>(
    shelf: &Shelf<K, V, R>,
    parts: Vec<Part<T, K, S, R, D, V>>,
) -> Vec<Part<T, K, S, R, D, V>>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    S::Stored: 'static,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    let mut open = Vec::with_capacity(parts.len());
    for part in parts {
        if let Some(old) = &part.miss.fallback {
            part.lead.flight().offer(old.clone());
        }
        tracing::trace!(key = %part.miss.named.key, "a load takes off");
        match part.miss.look_again(shelf) {
            Some(value) => part.miss.land(part.lead, shelf, Ok(Ok(Work::Found(value)))),
            None => open.push(part),
        }
    }
    let below = {
        let asked = open.iter().map(|part| (&*part.miss, &**part.lead.flight()));
        Miss::read_down_together(shelf, asked.collect()).await
    };
    let mut missing = Vec::with_capacity(open.len());
    for (part, found) in open.into_iter().zip(below) {
        match found {
            Some((value, life, frame)) => {
                part.miss.land(part.lead, shelf, Ok(Ok(Work::Promoted(value, life, frame))));
            }
            None => missing.push(part),
        }
    }
    missing
}
