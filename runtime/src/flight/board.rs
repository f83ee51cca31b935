//! All flights of one shelf: who leads, who joins, and what may be published at the end.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use hashbrown::{Equivalent, HashMap};
use quick_cache::DefaultHashBuilder;

use super::landing::{Flight, Landing};
use crate::log::Birth;
use crate::sync::Mutex;

const SHARDS: usize = 16;

type Flights<K, V, R> = HashMap<K, Arc<Flight<V, R>>, DefaultHashBuilder>;

/// The flights in the air, by key.
pub(crate) struct Board<K, V, R> {
    hasher: DefaultHashBuilder,
    shards: Box<[Mutex<Flights<K, V, R>>]>,
}

/// What a caller who wants a key finds.
pub(crate) enum Boarded<K: Hash + Eq, V: Clone, R> {
    /// Nobody loads it: the caller leads.
    Lead(Lead<K, V, R>),
    /// Somebody does: wait for this flight.
    Join(Arc<Flight<V, R>>),
}

/// The right to end one flight. Dropped without landing, the flight is lost and another caller leads.
pub(crate) struct Lead<K: Hash + Eq, V: Clone, R> {
    board: Arc<Board<K, V, R>>,
    key: K,
    flight: Arc<Flight<V, R>>,
    done: bool,
}

impl<K: Hash + Eq + Clone, V: Clone, R> Board<K, V, R> {
    pub(crate) fn new() -> Self {
        let hasher = DefaultHashBuilder::default();
        let shards = (0..SHARDS).map(|_| Mutex::new(HashMap::with_hasher(hasher.clone()))).collect();
        Self { hasher, shards }
    }

    /// Joins the flight of this key if it may be joined, else starts one.
    ///
    /// A flight that an invalidation has overtaken is not joined: it goes on for those who already wait, but its value
    /// is not published any more.
    pub(crate) fn board(
        self: &Arc<Self>,
        key: &K,
        birth: impl FnOnce() -> Birth,
        joinable: impl FnOnce(&Flight<V, R>) -> bool,
    ) -> Boarded<K, V, R> {
        let mut flights = self.shard(key).lock();
        if let Some(flight) = flights.get(key)
            && joinable(flight)
        {
            return Boarded::Join(Arc::clone(flight));
        }
        let flight = Arc::new(Flight::new(birth()));
        flights.insert(key.clone(), Arc::clone(&flight));
        drop(flights);
        Boarded::Lead(Lead { board: Arc::clone(self), key: key.clone(), flight, done: false })
    }
}

impl<K: Hash + Eq, V: Clone, R> Board<K, V, R> {
    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> &Mutex<Flights<K, V, R>> {
        &self.shards[(self.hasher.hash_one(key) >> 40) as usize % SHARDS]
    }

    /// Does something to near while no flight of this key can land.
    pub(crate) fn hold<Q: Hash + Equivalent<K> + ?Sized, T>(&self, key: &Q, then: impl FnOnce() -> T) -> T {
        let _flights = self.shard(key).lock();
        then()
    }

    /// Does something to near while no flight of this key can land, and lets the one in the air land unpublished.
    pub(crate) fn ground<Q: Hash + Equivalent<K> + ?Sized, T>(&self, key: &Q, then: impl FnOnce() -> T) -> T {
        let mut flights = self.shard(key).lock();
        flights.remove(key);
        then()
    }
}

impl<K: Hash + Eq, V: Clone, R> Lead<K, V, R> {
    pub(crate) fn flight(&self) -> &Arc<Flight<V, R>> {
        &self.flight
    }

    /// Publishes if the flight is still the key's own, then lands it. What publishing gave, if it was done, is handed on:
    /// it may be dropped now that no lock is held.
    ///
    /// Published first and freed after, under one lock: a caller who finds no flight finds the value.
    pub(crate) fn land<T>(mut self, publish: impl FnOnce() -> T, landing: Landing<V, R>) -> Option<T> {
        // A panic in `publish` leaves the flight lost and the key free.
        let published = {
            let mut flights = self.board.shard(&self.key).lock();
            let current = flights.get(&self.key).is_some_and(|f| Arc::ptr_eq(f, &self.flight));
            let published = current.then(publish);
            if current {
                flights.remove(&self.key);
            }
            published
        };
        self.done = true;
        self.flight.land(landing);
        published
    }
}

impl<K: Hash + Eq, V: Clone, R> Drop for Lead<K, V, R> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        let mut flights = self.board.shard(&self.key).lock();
        if flights.get(&self.key).is_some_and(|f| Arc::ptr_eq(f, &self.flight)) {
            flights.remove(&self.key);
        }
        drop(flights);
        self.flight.land(Landing::Lost);
    }
}

impl<K, V, R> fmt::Debug for Board<K, V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Board")
    }
}
