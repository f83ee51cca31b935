//! All flights of one shelf: who leads, who joins, and what may be published at the end.

use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use hashbrown::{Equivalent, HashMap};
use quick_cache::DefaultHashBuilder;

use super::chain::{FlightId, forget};
use super::landing::{Flight, Landing};
use crate::clock::Millis;
use crate::log::Birth;
use crate::sync::Mutex;

const SHARDS: usize = 16;

/// The flights in the air, by key.
pub(crate) struct Board<K, V, R> {
    hasher: DefaultHashBuilder,
    shards: Box<[Mutex<Flights<K, V, R>>]>,
}

struct Flights<K, V, R> {
    by_key: HashMap<K, Arc<Flight<V, R>>, DefaultHashBuilder>,
    /// When the others began: an invalidation has overtaken them, or they are for one caller alone. Nobody finds them,
    /// but a load that hangs is to be seen.
    others: HashMap<FlightId, Millis, DefaultHashBuilder>,
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

/// A load for one caller alone, which no other finds. It ends when this is dropped.
pub(crate) struct Alone<K: Hash + Eq, V: Clone, R> {
    board: Arc<Board<K, V, R>>,
    id: FlightId,
}

impl<K: Hash + Eq + Clone, V: Clone, R> Board<K, V, R> {
    pub(crate) fn new() -> Self {
        let hasher = DefaultHashBuilder::default();
        let empty = |_| {
            let (by_key, others) = (HashMap::with_hasher(hasher.clone()), HashMap::with_hasher(hasher.clone()));
            Mutex::new(Flights { by_key, others })
        };
        Self { shards: (0..SHARDS).map(empty).collect(), hasher }
    }

    /// Joins the flight of this key if it may be joined, else starts one that begins now.
    ///
    /// A flight that an invalidation has overtaken is not joined: it goes on for those who already wait, but its value
    /// is not published any more. Flights of one load have one `id`.
    pub(crate) fn board(
        self: &Arc<Self>,
        key: &K,
        id: impl FnOnce() -> FlightId,
        now: Millis,
        birth: impl FnOnce() -> Birth,
        joinable: impl FnOnce(&Flight<V, R>) -> bool,
    ) -> Boarded<K, V, R> {
        let mut flights = self.shard(key).lock();
        if let Some(flight) = flights.by_key.get(key)
            && joinable(flight)
        {
            return Boarded::Join(Arc::clone(flight));
        }
        let flight = Arc::new(Flight::new(id(), birth(), now));
        let overtaken = flights.by_key.insert(key.clone(), Arc::clone(&flight));
        flights.keep_in_sight(overtaken);
        drop(flights);
        Boarded::Lead(Lead { board: Arc::clone(self), key: key.clone(), flight, done: false })
    }
}

impl<K: Hash + Eq, V: Clone, R> Board<K, V, R> {
    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> &Mutex<Flights<K, V, R>> {
        &self.shards[(self.hasher.hash_one(key) >> 40) as usize % SHARDS]
    }

    /// The load of this key that others may join.
    pub(crate) fn in_the_air<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Arc<Flight<V, R>>> {
        self.shard(key).lock().by_key.get(key).cloned()
    }

    /// Is there a load that others may join, of a key for which this is true?
    #[cfg(feature = "_seen")]
    pub(crate) fn any(&self, is_it: impl Fn(&K) -> bool) -> bool
    where
        K: Clone,
    {
        // Keys are looked at without the lock: what they are compared by is code of their type.
        let keys = |shard: &Mutex<Flights<K, V, R>>| shard.lock().by_key.keys().cloned().collect::<Vec<K>>();
        self.shards.iter().any(|shard| keys(shard).iter().any(&is_it))
    }

    /// Does something to near while no flight of this key can land.
    pub(crate) fn hold<Q: Hash + Equivalent<K> + ?Sized, T>(&self, key: &Q, then: impl FnOnce() -> T) -> T {
        let _flights = self.shard(key).lock();
        then()
    }

    /// Does something to near while no flight of this key can land, and lets the one in the air land unpublished.
    pub(crate) fn ground<Q: Hash + Equivalent<K> + ?Sized, T>(&self, key: &Q, then: impl FnOnce() -> T) -> T {
        let mut flights = self.shard(key).lock();
        let overtaken = flights.by_key.remove(key);
        flights.keep_in_sight(overtaken);
        then()
    }

    /// Counts a load for one caller among those under way.
    pub(crate) fn alone(self: &Arc<Self>, now: Millis) -> Alone<K, V, R> {
        let id = FlightId::next();
        self.shard(&id).lock().others.insert(id, now);
        Alone { board: Arc::clone(self), id }
    }

    /// When the oldest load under way began. Looks at all of them.
    pub(crate) fn oldest(&self) -> Option<Millis> {
        self.shards.iter().filter_map(|shard| shard.lock().oldest()).min()
    }
}

impl<K: Hash + Eq, V: Clone, R> Flights<K, V, R> {
    /// A flight that has lost its key goes on, and may hang like any other.
    fn keep_in_sight(&mut self, overtaken: Option<Arc<Flight<V, R>>>) {
        if let Some(flight) = overtaken {
            self.others.insert(flight.id, flight.began);
        }
    }

    /// Ends a flight, and publishes first if it is still its key's own.
    fn end(&mut self, key: &K, flight: &Arc<Flight<V, R>>, publish: impl FnOnce()) {
        if self.by_key.get(key).is_some_and(|f| Arc::ptr_eq(f, flight)) {
            publish();
            self.by_key.remove(key);
        } else {
            self.others.remove(&flight.id);
        }
    }

    fn oldest(&self) -> Option<Millis> {
        let keyed = self.by_key.values().map(|flight| flight.began);
        keyed.chain(self.others.values().copied()).min()
    }
}

impl<K: Hash + Eq, V: Clone, R> Drop for Alone<K, V, R> {
    fn drop(&mut self) {
        self.board.shard(&self.id).lock().others.remove(&self.id);
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
        let mut published = None;
        let publish = || published = Some(publish());
        self.board.shard(&self.key).lock().end(&self.key, &self.flight, publish);
        self.done = true;
        self.flight.land(landing);
        forget(self.flight.id);
        published
    }
}

impl<K: Hash + Eq, V: Clone, R> Drop for Lead<K, V, R> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        self.board.shard(&self.key).lock().end(&self.key, &self.flight, || {});
        self.flight.land(Landing::Lost);
        forget(self.flight.id);
    }
}

impl<K, V, R> fmt::Debug for Board<K, V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Board")
    }
}
