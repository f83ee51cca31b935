//! moka behind the shelf's engine, for the policies `lru` and `lfu`.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::Equivalent;
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use parking_lot::{Mutex, RwLock};
use quick_cache::DefaultHashBuilder;

use super::engine::Eviction;
use super::entry::Entry;
use super::gone::Gone;

type Cache<K, V> = moka::sync::Cache<K, Slot<V>, DefaultHashBuilder>;

/// What moka holds for an entry. It is emptied when moka lets it go: moka itself frees what it dropped much later, when
/// no thread can be reading it any more, and by then the bound is exceeded.
struct Slot<V>(Arc<RwLock<Option<Entry<V>>>>);

impl<V> Slot<V> {
    fn new(entry: Entry<V>) -> Self {
        Self(Arc::new(RwLock::new(Some(entry))))
    }

    fn weight(&self) -> u32 {
        self.0.read().as_ref().map_or(0, |entry| entry.weight)
    }

    fn empty(&self) -> Option<Entry<V>> {
        self.0.write().take()
    }
}

impl<V> Clone for Slot<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A moka cache that can be given another capacity: a new one takes over and what fits moves along.
pub(super) struct Moka<K, V> {
    cache: RwLock<Cache<K, V>>,
    eviction: Eviction,
    capacity: AtomicU64,
    /// Bytes inserted since moka last tidied up: it evicts behind, after a number of writes whatever their size.
    untidied: AtomicU64,
    evicted: Arc<AtomicU64>,
    /// What moka let go since it was last asked: handed out by its listener, which runs under moka's own lock.
    gone: Let<V>,
}

/// Entries let go.
type Let<V> = Arc<Mutex<Vec<Entry<V>>>>;

/// This part of the capacity may be inserted before moka is made to evict.
const UNTIDIED: u64 = 16;

impl<K, V> Moka<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(super) fn new(eviction: Eviction, capacity: u64, evicted: &Arc<AtomicU64>) -> Self {
        let gone = Let::default();
        Self {
            cache: RwLock::new(build(eviction, capacity, evicted, &gone)),
            eviction,
            capacity: AtomicU64::new(capacity),
            untidied: AtomicU64::new(0),
            evicted: Arc::clone(evicted),
            gone,
        }
    }

    fn hand_out(&self, gone: &mut Gone<V>) {
        let all = std::mem::take(&mut *self.gone.lock());
        all.into_iter().for_each(|entry| gone.push(entry));
    }

    pub(super) fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Entry<V>> {
        self.cache.read().get(key).and_then(|slot| slot.0.read().clone())
    }

    pub(super) fn visit<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q, visit: impl FnOnce(&Entry<V>)) {
        if let Some(slot) = self.cache.read().get(key)
            && let Some(entry) = &*slot.0.read()
        {
            visit(entry);
        }
    }

    pub(super) fn insert(&self, key: K, entry: Entry<V>, gone: &mut Gone<V>) {
        self.store(key, entry, gone);
        self.hand_out(gone);
    }

    fn store(&self, key: K, entry: Entry<V>, gone: &mut Gone<V>) {
        let (cache, weight) = (self.cache.read(), u64::from(entry.weight));
        let capacity = self.capacity.load(Ordering::Relaxed);
        if weight > capacity {
            cache.invalidate(&key);
            self.evicted.fetch_add(1, Ordering::Relaxed);
            gone.push(entry);
            return;
        }
        cache.insert(key, Slot::new(entry));
        if self.untidied.fetch_add(weight, Ordering::Relaxed) + weight > capacity / UNTIDIED {
            self.untidied.store(0, Ordering::Relaxed);
            cache.run_pending_tasks();
        }
    }

    pub(super) fn remove<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q, gone: &mut Gone<V>) {
        self.cache.read().invalidate(key);
        self.hand_out(gone);
    }

    pub(super) fn take_out(&self, leaves: &dyn Fn(&K, &Entry<V>) -> bool, gone: &mut Gone<V>) {
        let cache = self.cache.read();
        for (key, slot) in cache.iter() {
            if slot.0.read().as_ref().is_none_or(|entry| leaves(&*key, entry)) {
                cache.invalidate(&*key);
            }
        }
        cache.run_pending_tasks();
        drop(cache);
        self.hand_out(gone);
    }

    /// Shows entries, until that is enough.
    #[cfg(feature = "_seen")]
    pub(super) fn each(&self, show: &mut dyn FnMut(&K, &Entry<V>) -> bool) {
        let cache = self.cache.read().clone();
        for (key, slot) in &cache {
            let entry = slot.0.read().clone();
            if entry.is_some_and(|entry| !show(&key, &entry)) {
                return;
            }
        }
    }

    /// Moving costs a walk over all entries, so small changes are left for later.
    pub(super) fn set_capacity(&self, capacity: u64) {
        let old = self.capacity.load(Ordering::Relaxed);
        if capacity.abs_diff(old) * 4 < old {
            return;
        }
        let mut cache = self.cache.write();
        let next = build(self.eviction, capacity, &self.evicted, &self.gone);
        let (mut weight, mut out) = (0, Vec::new());
        for (key, slot) in cache.iter() {
            let Some(entry) = slot.0.write().take() else { continue };
            weight += u64::from(entry.weight);
            if weight <= capacity {
                next.insert((*key).clone(), Slot::new(entry));
            } else {
                out.push(entry);
            }
        }
        *cache = next;
        self.capacity.store(capacity, Ordering::Relaxed);
        drop(cache);
        drop(out);
    }

    pub(super) fn weight(&self) -> u64 {
        self.cache.read().weighted_size()
    }

    pub(super) fn len(&self) -> usize {
        usize::try_from(self.cache.read().entry_count()).unwrap_or(usize::MAX)
    }
}

fn build<K, V>(eviction: Eviction, capacity: u64, evicted: &Arc<AtomicU64>, gone: &Let<V>) -> Cache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    let policy = if eviction == Eviction::Lru { EvictionPolicy::lru() } else { EvictionPolicy::tiny_lfu() };
    let (evicted, gone) = (Arc::clone(evicted), Arc::clone(gone));
    moka::sync::Cache::builder()
        .max_capacity(capacity)
        .weigher(|_: &K, slot: &Slot<V>| slot.weight())
        .eviction_policy(policy)
        .eviction_listener(move |_, slot, cause| {
            gone.lock().extend(slot.empty());
            if cause == RemovalCause::Size {
                evicted.fetch_add(1, Ordering::Relaxed);
            }
        })
        .build_with_hasher(DefaultHashBuilder::default())
}

impl<K, V> fmt::Debug for Moka<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Moka({:?})", self.eviction)
    }
}
