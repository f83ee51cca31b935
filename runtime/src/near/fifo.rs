//! First in, first out: the policy for values that are each worth the same however often they are asked for.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::{Equivalent, HashMap};
use parking_lot::RwLock;
use quick_cache::DefaultHashBuilder;

use super::entry::Entry;
use super::gone::Gone;

/// A sharded FIFO bounded by weight. A hit takes a read lock of one shard and changes nothing.
pub(super) struct Fifo<K, V> {
    hasher: DefaultHashBuilder,
    shards: Box<[RwLock<Shard<K, V>>]>,
    capacity: AtomicU64,
}

struct Shard<K, V> {
    map: HashMap<K, (u64, Entry<V>), DefaultHashBuilder>,
    order: VecDeque<(u64, K)>,
    next: u64,
    weight: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Fifo<K, V> {
    pub(super) fn new(capacity: u64, shards: usize) -> Self {
        let hasher = DefaultHashBuilder::default();
        let shard = || Shard { map: HashMap::with_hasher(hasher.clone()), order: VecDeque::new(), next: 0, weight: 0 };
        let shards = (0..shards).map(|_| RwLock::new(shard())).collect();
        Self { hasher: hasher.clone(), shards, capacity: AtomicU64::new(capacity) }
    }

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> &RwLock<Shard<K, V>> {
        // The high bits: the map inside uses the low ones.
        let at = (self.hasher.hash_one(key) >> 40) as usize % self.shards.len();
        &self.shards[at]
    }

    pub(super) fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Entry<V>> {
        self.shard(key).read().map.get(key).map(|(_, entry)| entry.clone())
    }

    pub(super) fn visit<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q, visit: impl FnOnce(&Entry<V>)) {
        if let Some((_, entry)) = self.shard(key).read().map.get(key) {
            visit(entry);
        }
    }

    /// Shows entries, until that is enough.
    #[cfg(feature = "_seen")]
    pub(super) fn each(&self, show: &mut dyn FnMut(&K, &Entry<V>) -> bool) {
        for shard in &self.shards {
            let keys: Vec<K> = shard.read().map.keys().cloned().collect();
            for key in keys {
                let entry = shard.read().map.get(&key).map(|(_, entry)| entry.clone());
                if entry.is_some_and(|entry| !show(&key, &entry)) {
                    return;
                }
            }
        }
    }

    /// Returns how many entries were dropped for space.
    pub(super) fn insert(&self, key: K, entry: Entry<V>, gone: &mut Gone<V>) -> u64 {
        let room = self.capacity.load(Ordering::Relaxed) / self.shards.len() as u64;
        let mut shard = self.shard(&key).write();
        if u64::from(entry.weight) > room {
            shard.remove(&key).into_iter().for_each(|old| gone.push(old));
            gone.push(entry);
            return 1;
        }
        let number = shard.next;
        shard.next += 1;
        shard.weight += u64::from(entry.weight);
        shard.order.push_back((number, key.clone()));
        if let Some((_, old)) = shard.map.insert(key, (number, entry)) {
            shard.weight -= u64::from(old.weight);
            gone.push(old);
        }
        shard.trim(room, gone)
    }

    pub(super) fn remove<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Entry<V>> {
        self.shard(key).write().remove(key)
    }

    pub(super) fn take_out(&self, leaves: &dyn Fn(&K, &Entry<V>) -> bool, gone: &mut Gone<V>) {
        for shard in &self.shards {
            let mut shard = shard.write();
            let mut bytes = 0;
            for (_, (_, entry)) in shard.map.extract_if(|key, (_, entry)| leaves(key, entry)) {
                bytes += u64::from(entry.weight);
                gone.push(entry);
            }
            shard.weight -= bytes;
            if shard.map.is_empty() {
                shard.order = VecDeque::new();
            }
        }
    }

    pub(super) fn set_capacity(&self, capacity: u64) -> u64 {
        self.capacity.store(capacity, Ordering::Relaxed);
        let mut gone = Gone::default();
        let room = capacity / self.shards.len() as u64;
        self.shards.iter().map(|shard| shard.write().trim(room, &mut gone)).sum()
    }

    pub(super) fn weight(&self) -> u64 {
        self.shards.iter().map(|shard| shard.read().weight).sum()
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().map.len()).sum()
    }
}

impl<K: Hash + Eq + Clone, V> Shard<K, V> {
    fn remove<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) -> Option<Entry<V>> {
        let (_, entry) = self.map.remove(key)?;
        self.weight -= u64::from(entry.weight);
        Some(entry)
    }

    /// Drops the oldest until the rest fits; places in the order whose entry was replaced or removed are skipped.
    fn trim(&mut self, room: u64, gone: &mut Gone<V>) -> u64 {
        let mut dropped = 0;
        while self.weight > room || self.order.len() > 2 * self.map.len() + 16 {
            let Some((number, key)) = self.order.pop_front() else { break };
            let current = self.map.get(&key).is_some_and(|(n, _)| *n == number);
            if current && self.weight > room {
                self.remove(&key).into_iter().for_each(|old| gone.push(old));
                dropped += 1;
            } else if current {
                // Only tidying the order: the entry keeps its turn.
                self.order.push_front((number, key));
                break;
            }
        }
        dropped
    }
}

impl<K, V> fmt::Debug for Fifo<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fifo")
    }
}
