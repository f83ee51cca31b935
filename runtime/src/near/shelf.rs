//! One typed shelf: the live values of one site in one cache.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::balance::Balanced;
use super::engine::{Engine, Eviction};
use super::entry::Entry;
use crate::clock::Millis;
use crate::key::{KeyPart, Lookup, OwnedKey};
use crate::log::Interest;
use crate::stats::Counters;

/// The near tier of one site.
pub(crate) struct Near<K, V> {
    engine: Engine<OwnedKey<K>, V>,
    interest: Arc<Interest>,
    capacity: AtomicU64,
    evicted: Arc<AtomicU64>,
    counters: Arc<Counters>,
    namespace: String,
}

/// What near has for a key.
pub(crate) enum Found<V> {
    /// A value that is fresh, and valid as far as the shelf's head tells.
    Fresh(V),
    /// An entry that must be looked at more closely: it may be past its ttl, or be invalidated, or be due for a
    /// refresh.
    Check(Entry<V>),
    /// Nothing.
    Absent,
}

impl<K, V> Near<K, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(
        eviction: Eviction,
        capacity: u64,
        namespace: &str,
        interest: Arc<Interest>,
        counters: Arc<Counters>,
    ) -> Self {
        let evicted = Arc::new(AtomicU64::new(0));
        Self {
            engine: Engine::new(eviction, capacity, &evicted),
            interest,
            capacity: AtomicU64::new(capacity),
            evicted,
            counters,
            namespace: namespace.to_owned(),
        }
    }

    /// The entry of this key. Two integers decide: is it still fresh, and was nothing relevant invalidated since?
    ///
    /// The entry is looked at where the engine put it and only its value is moved: moved as a whole it would be read
    /// back from the stack before it is written there.
    #[inline]
    pub(crate) fn find<Q: KeyPart<Owned = K> + ?Sized>(
        &self,
        key: &Q,
        now: Millis,
        refresh_ahead: Millis,
        idle: Option<Millis>,
    ) -> Found<V> {
        let head = self.interest.head();
        let found = self.engine.get(&Lookup(key));
        let fresh = |entry: &Entry<V>| entry.fresh_until > now + refresh_ahead && entry.checked() >= head;
        match &found {
            Some(entry) if fresh(entry) && idle.is_none() => {}
            _ => return self.look_closer(key, found, head, now, refresh_ahead, idle),
        }
        found.map_or(Found::Absent, |entry| Found::Fresh(entry.value))
    }

    /// The cases that two integers cannot decide.
    #[inline(never)]
    fn look_closer<Q: KeyPart<Owned = K> + ?Sized>(
        &self,
        key: &Q,
        found: Option<Entry<V>>,
        head: u64,
        now: Millis,
        refresh_ahead: Millis,
        idle: Option<Millis>,
    ) -> Found<V> {
        let Some(entry) = found else { return Found::Absent };
        if entry.fresh_until > now + refresh_ahead && entry.checked() >= head {
            if !entry.idle(now, idle) {
                return Found::Fresh(entry.value);
            }
        } else if entry.stale_until() > now {
            return Found::Check(entry);
        }
        self.engine.remove(&Lookup(key));
        Found::Absent
    }

    /// The last application that may name one of these entries.
    pub(crate) fn head(&self) -> u64 {
        self.interest.head()
    }

    /// Would an invalidation of this tag be noticed by a hit?
    pub(crate) fn watches_tag(&self, tag: &str) -> bool {
        self.interest.watches_tag(tag)
    }

    /// Remembers that nothing up to `seq` names the entry of this key, if it is still the one that was looked at:
    /// another may carry other tags.
    pub(crate) fn recheck<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q, seen: &Entry<V>, seq: u64) {
        self.engine.visit(&Lookup(key), |entry| {
            if entry.checked() == seen.checked() && entry.has_tags_of(seen) {
                entry.recheck(seq);
            }
        });
    }

    pub(crate) fn insert(&self, key: K, entry: Entry<V>) {
        self.engine.insert(OwnedKey(key), entry, &self.evicted);
    }

    pub(crate) fn remove<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q) {
        self.engine.remove(&Lookup(key));
    }
}

impl<K, V> Balanced for Near<K, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn namespace(&self) -> &str {
        &self.namespace
    }

    fn weight(&self) -> u64 {
        self.engine.weight()
    }

    fn entries(&self) -> usize {
        self.engine.len()
    }

    fn hits(&self) -> u64 {
        self.counters.hits.sum()
    }

    fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    fn capacity(&self) -> u64 {
        self.capacity.load(Ordering::Relaxed)
    }

    fn set_capacity(&self, capacity: u64) {
        self.capacity.store(capacity, Ordering::Relaxed);
        self.engine.set_capacity(capacity, &self.evicted);
    }

    fn expire(&self, now: Millis) {
        self.engine.retain(|_, entry| entry.stale_until() > now);
    }

    fn clear(&self) {
        self.engine.retain(|_, _| false);
    }
}

impl<K, V> fmt::Debug for Near<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Near").field("engine", &self.engine).field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
