//! Which load is running here, so that a load that asks for its own key does not wait for itself.
//!
//! Loads that wait for other loads form a graph; before a load waits, the graph is walked. A load that would close a
//! circle runs its body uncached instead. Tasks that a load spawns by itself are not seen.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::whose::Loading;

/// The number of a flight, never given out twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FlightId(u64);

impl FlightId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

tokio::task_local! {
    static TASK: Chain;
}

/// The loads that a task runs.
#[derive(Clone, Default)]
struct Chain {
    /// Their flights, outermost first.
    flights: Vec<FlightId>,
    /// The innermost.
    loading: Option<Loading>,
}

impl Chain {
    fn here() -> Self {
        TASK.try_with(Clone::clone).unwrap_or_default()
    }
}

/// What is known of the innermost load that this task runs.
#[cfg(all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
pub(super) fn with_loading<R>(look: impl FnOnce(Option<&Loading>) -> Option<R>) -> Option<R> {
    TASK.try_with(|chain| look(chain.loading.as_ref())).ok().flatten()
}

thread_local! {
    /// The same for loads that block their thread.
    static THREAD: RefCell<Vec<FlightId>> = const { RefCell::new(Vec::new()) };
}

/// Who waits for whom: a load for the flights it has joined.
static WAITS: Mutex<Option<HashMap<FlightId, Vec<FlightId>>>> = Mutex::new(None);

/// Loads that have seen what nobody else may see, such as rows that are not committed; and how many there are.
static WITHHELD: Mutex<Option<HashSet<FlightId>>> = Mutex::new(None);
static HOW_MANY: AtomicUsize = AtomicUsize::new(0);

/// The loads running here have seen what nobody else may: what they bring is their callers' alone.
pub(crate) fn withhold() {
    let chain = here();
    if chain.is_empty() {
        return;
    }
    let mut withheld = WITHHELD.lock();
    let withheld = withheld.get_or_insert_default();
    withheld.extend(chain);
    HOW_MANY.store(withheld.len(), Ordering::Release);
}

/// Has this load seen such a thing?
pub(crate) fn is_withheld(flight: FlightId) -> bool {
    HOW_MANY.load(Ordering::Acquire) > 0 && WITHHELD.lock().as_ref().is_some_and(|withheld| withheld.contains(&flight))
}

/// The load is over.
pub(crate) fn forget(flight: FlightId) {
    if HOW_MANY.load(Ordering::Acquire) > 0
        && let Some(withheld) = WITHHELD.lock().as_mut()
    {
        withheld.remove(&flight);
        HOW_MANY.store(withheld.len(), Ordering::Release);
    }
}

/// Runs a load as part of this flight.
///
/// Not `async`: a future that is given to an `async fn` takes up its room twice, and every load is moved to its box.
pub(crate) fn chained<F: Future>(flight: FlightId, whose: Loading, load: F) -> impl Future<Output = F::Output> {
    let mut chain = Chain::here();
    chain.flights.push(flight);
    chain.loading = Some(whose);
    TASK.scope(chain, load)
}

/// A load that is nobody's but its caller's, among those that take turns under one number.
pub(crate) struct Alone {
    turns: FlightId,
    own: FlightId,
}

impl Alone {
    pub(crate) fn among(turns: FlightId) -> Self {
        Self { turns, own: FlightId::next() }
    }

    /// Runs it.
    pub(crate) fn chained<F: Future>(&self, whose: Loading, load: F) -> impl Future<Output = F::Output> + use<F> {
        let mut chain = Chain::here();
        chain.flights.extend([self.turns, self.own]);
        chain.loading = Some(whose);
        TASK.scope(chain, load)
    }

    pub(crate) fn is_withheld(&self) -> bool {
        is_withheld(self.own)
    }
}

/// Also of a caller who has left.
impl Drop for Alone {
    fn drop(&mut self) {
        forget(self.own);
        forget(self.turns);
    }
}

/// Runs a load as part of these flights and of no other, whichever task it runs in: who waits for it has said so.
pub(crate) fn chained_apart<F: Future>(
    flights: Vec<FlightId>,
    whose: Loading,
    load: F,
) -> impl Future<Output = F::Output> {
    TASK.scope(Chain { flights, loading: Some(whose) }, load)
}

/// Runs a blocking load as part of this flight.
pub(crate) fn chained_sync<T>(flight: FlightId, load: impl FnOnce() -> T) -> T {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            THREAD.with_borrow_mut(Vec::pop);
        }
    }
    THREAD.with_borrow_mut(|chain| chain.push(flight));
    let _leave = Leave;
    load()
}

/// The innermost load running here, and all it is part of.
fn here() -> Vec<FlightId> {
    let mut chain = TASK.try_with(|chain| chain.flights.clone()).unwrap_or_default();
    THREAD.with_borrow(|blocking| chain.extend_from_slice(blocking));
    chain
}

/// Records that the load running here waits for a flight; undone when dropped.
#[derive(Debug)]
pub(crate) struct Waiting {
    edges: Vec<(FlightId, FlightId)>,
}

/// Would waiting for this flight close a circle? If not, the wait is recorded.
pub(crate) fn would_wait_for_itself(flight: FlightId) -> Result<Waiting, ()> {
    let chain = here();
    if chain.is_empty() {
        return Ok(Waiting { edges: Vec::new() });
    }
    let mut waits = WAITS.lock();
    let waits = waits.get_or_insert_default();
    let mut reach = vec![flight];
    let mut seen = 0;
    while let Some(&at) = reach.get(seen) {
        if chain.contains(&at) {
            return Err(());
        }
        seen += 1;
        for next in waits.get(&at).into_iter().flatten() {
            if !reach.contains(next) {
                reach.push(*next);
            }
        }
    }
    for load in &chain {
        waits.entry(*load).or_default().push(flight);
    }
    Ok(Waiting { edges: chain.into_iter().map(|load| (load, flight)).collect() })
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.edges.is_empty() {
            return;
        }
        let mut waits = WAITS.lock();
        let Some(waits) = waits.as_mut() else { return };
        for (load, flight) in &self.edges {
            if let Some(of) = waits.get_mut(load) {
                if let Some(at) = of.iter().position(|f| f == flight) {
                    of.swap_remove(at);
                }
                if of.is_empty() {
                    waits.remove(load);
                }
            }
        }
    }
}
