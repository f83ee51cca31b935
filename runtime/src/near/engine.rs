//! The engines behind one shelf: which entry goes when space runs out.

use std::cell::RefCell;
use std::fmt;
use std::hash::Hash;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::Equivalent;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};

use super::entry::Entry;
use super::fifo::Fifo;
use super::gone::Gone;
use crate::curve::{Play, Size};
use crate::error::{Error, Result};

/// Which entries near drops when space runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Eviction {
    /// quick_cache's CLOCK-PRO with ghosts, close to S3-FIFO (Yang et al., "FIFO queues are all you need", SOSP '23):
    /// resists scans and costs the least. The default.
    #[default]
    Clock,
    /// Least recently used, by moka. For working sets that move; a scan empties it. A hit costs several times more.
    #[cfg(feature = "moka")]
    Lru,
    /// TinyLFU (Einziger, Friedman and Manes), by moka: for popularity that does not move.
    #[cfg(feature = "moka")]
    Lfu,
    /// First in, first out: for values that are each asked for about equally often.
    Fifo,
}

impl FromStr for Eviction {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "clock" => Ok(Self::Clock),
            "fifo" => Ok(Self::Fifo),
            #[cfg(feature = "moka")]
            "lru" => Ok(Self::Lru),
            #[cfg(feature = "moka")]
            "lfu" => Ok(Self::Lfu),
            #[cfg(not(feature = "moka"))]
            "lru" | "lfu" => Err(Error::config("eviction", "`lru` and `lfu` need the feature `moka`")),
            _ => Err(Error::config("eviction", "is one of `clock`, `fifo`, `lru`, `lfu`")),
        }
    }
}

/// The part of the capacity for entries that were asked for again. The library's own 0.97 leaves new ones so little that
/// a small cache stays up to 7 points of hit ratio behind LRU where interest moves; with this it is never more than 0.5
/// behind, and up to 5 ahead (the traces of the bench `hitratio`).
const HOT: f64 = 0.6;

/// What is played in miniature for an engine of this kind; `None` for one whose policy is not known to us.
pub(super) const fn play_of(eviction: Eviction) -> Option<Play> {
    match eviction {
        Eviction::Clock => Some(Play::Clock { hot: HOT }),
        #[cfg(feature = "moka")]
        Eviction::Lru => Some(Play::Lru),
        #[cfg(feature = "moka")]
        Eviction::Lfu => None,
        Eviction::Fifo => Some(Play::Fifo),
    }
}

/// What the engine of a shelf is that was made with a capacity, and has another one now.
pub(super) fn size_of(made: u64, capacity: u64) -> Size {
    let part = capacity / parts(made) as u64;
    Size {
        bytes: capacity,
        largest: (part as f64 * HOT) as u64,
        ghosts: u32::try_from(items(made) / 2).unwrap_or(u32::MAX),
    }
}

/// How many entries an engine is made for, about 256 bytes each: decides only how many shards and ghosts are kept.
fn items(capacity: u64) -> usize {
    usize::try_from(capacity / 256).unwrap_or(usize::MAX).clamp(32, 1 << 20)
}

/// One engine of one shelf.
pub(super) enum Engine<K, V> {
    /// Not boxed: one load less on every hit.
    Clock(quick_cache::sync::Cache<K, Entry<V>, ByWeight, DefaultHashBuilder, HandOut>),
    /// moka cannot change its capacity; a new one takes over and the old one's entries are loaded again.
    #[cfg(feature = "moka")]
    Moka(Box<super::moka::Moka<K, V>>),
    Fifo(Box<Fifo<K, V>>),
}

/// No part is made for less than this: what is larger than a part cannot be kept.
const PART: u64 = 4 << 20;

/// Into how many parts what is held is divided, so that those who write seldom meet.
fn parts(capacity: u64) -> usize {
    let threads = std::thread::available_parallelism().map_or(4, std::num::NonZero::get);
    // Downwards: the library makes it a power of two, and upwards parts would be less.
    1 << usize::try_from(capacity / PART).unwrap_or(usize::MAX).clamp(1, 4 * threads).ilog2()
}

#[derive(Debug, Clone, Copy)]
pub(super) struct ByWeight;

impl<K, V> Weighter<K, Entry<V>> for ByWeight {
    #[inline]
    fn weight(&self, _: &K, entry: &Entry<V>) -> u64 {
        u64::from(entry.weight)
    }
}

/// Counts what is dropped for space, and hands out what leaves, replaced entries too.
#[derive(Debug, Clone)]
pub(super) struct HandOut(Arc<AtomicU64>);

impl<K, V> Lifecycle<K, Entry<V>> for HandOut {
    type RequestState = Gone<V>;

    fn before_evict(&self, _: &mut Gone<V>, _: &K, _: &mut Entry<V>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn on_evict(&self, gone: &mut Gone<V>, _: K, entry: Entry<V>) {
        gone.push(entry);
    }
}

impl<K, V> Engine<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(super) fn new(eviction: Eviction, capacity: u64, evicted: &Arc<AtomicU64>) -> Self {
        match eviction {
            Eviction::Clock => Self::clock(capacity, evicted),
            #[cfg(feature = "moka")]
            Eviction::Lru | Eviction::Lfu => Self::Moka(Box::new(super::moka::Moka::new(eviction, capacity, evicted))),
            Eviction::Fifo => Self::Fifo(Box::new(Fifo::new(capacity, parts(capacity)))),
        }
    }

    fn clock(capacity: u64, evicted: &Arc<AtomicU64>) -> Self {
        let items = items(capacity);
        let mut options = OptionsBuilder::new();
        options.estimated_items_capacity(items).weight_capacity(capacity).hot_allocation(HOT).shards(parts(capacity));
        let options = options.build();
        let lifecycle = HandOut(Arc::clone(evicted));
        Self::Clock(match options {
            Ok(options) => {
                quick_cache::sync::Cache::with_options(options, ByWeight, DefaultHashBuilder::default(), lifecycle)
            }
            Err(_) => {
                quick_cache::sync::Cache::with(items, capacity, ByWeight, DefaultHashBuilder::default(), lifecycle)
            }
        })
    }

    #[inline(always)]
    pub(super) fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Entry<V>> {
        match self {
            Self::Clock(cache) => cache.get(key),
            _ => self.get_apart(key),
        }
    }

    /// The engines that are asked for by name; kept out of the way of the default.
    #[inline(never)]
    fn get_apart<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Entry<V>> {
        match self {
            Self::Clock(_) => None,
            #[cfg(feature = "moka")]
            Self::Moka(cache) => cache.get(key),
            Self::Fifo(cache) => cache.get(key),
        }
    }

    /// Looks at the entry in place.
    pub(super) fn visit<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q, visit: impl FnOnce(&Entry<V>)) {
        match self {
            Self::Clock(cache) => {
                let stays = |entry: &Entry<V>| {
                    visit(entry);
                    false
                };
                cache.remove_if(key, stays);
            }
            #[cfg(feature = "moka")]
            Self::Moka(cache) => cache.visit(key, visit),
            Self::Fifo(cache) => cache.visit(key, visit),
        }
    }

    /// Stores an entry; gives what it put out.
    pub(super) fn insert(&self, key: K, entry: Entry<V>, evicted: &AtomicU64) -> Gone<V> {
        let mut gone = Gone::default();
        match self {
            Self::Clock(cache) => cache.insert_with_lifecycle(key, entry, &mut gone),
            #[cfg(feature = "moka")]
            Self::Moka(cache) => cache.insert(key, entry, &mut gone),
            Self::Fifo(cache) => {
                evicted.fetch_add(cache.insert(key, entry, &mut gone), Ordering::Relaxed);
            }
        }
        gone
    }

    /// Takes an entry out.
    pub(super) fn remove<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Gone<V> {
        let mut gone = Gone::default();
        match self {
            Self::Clock(cache) => cache.remove(key).into_iter().for_each(|(_, entry)| gone.push(entry)),
            #[cfg(feature = "moka")]
            Self::Moka(cache) => cache.remove(key, &mut gone),
            Self::Fifo(cache) => cache.remove(key).into_iter().for_each(|entry| gone.push(entry)),
        }
        gone
    }

    /// Puts an entry in the place of the one that is there, if one is, as one that just came: uses of the other are
    /// forgotten. For a moment neither is there.
    pub(super) fn renew(&self, key: K, entry: Entry<V>, evicted: &AtomicU64) -> Gone<V> {
        let mut gone = Gone::default();
        match self {
            Self::Clock(cache) => match cache.remove(&key) {
                Some((_, old)) => {
                    gone.push(old);
                    cache.insert_with_lifecycle(key, entry, &mut gone);
                }
                None => gone.push(entry),
            },
            _ => return self.insert(key, entry, evicted),
        }
        gone
    }

    /// Takes out all entries for which this is true.
    pub(super) fn take_out(&self, leaves: impl Fn(&K, &Entry<V>) -> bool) -> Gone<V> {
        let mut gone = Gone::default();
        match self {
            Self::Clock(cache) => {
                // What this call drops, it drops under its lock: so it only looks, and they are taken out one by one.
                let keys = RefCell::new(Vec::new());
                cache.retain(|key, entry| {
                    if leaves(key, entry) {
                        keys.borrow_mut().push(key.clone());
                    }
                    true
                });
                let keys = keys.into_inner();
                let out = keys.iter().filter_map(|key| cache.remove_if(key, |entry| leaves(key, entry)));
                out.for_each(|(_, entry)| gone.push(entry));
            }
            #[cfg(feature = "moka")]
            Self::Moka(cache) => cache.take_out(&leaves, &mut gone),
            Self::Fifo(cache) => cache.take_out(&leaves, &mut gone),
        }
        gone
    }

    /// Shows entries, until that is enough. No lock is held meanwhile; what comes and goes may be shown or not.
    #[cfg(feature = "_seen")]
    pub(super) fn each(&self, mut show: impl FnMut(&K, &Entry<V>) -> bool) {
        match self {
            Self::Clock(cache) => {
                let _enough = cache.iter().all(|(key, entry)| show(&key, &entry));
            }
            #[cfg(feature = "moka")]
            Self::Moka(cache) => cache.each(&mut show),
            Self::Fifo(cache) => cache.each(&mut show),
        }
    }

    pub(super) fn set_capacity(&self, capacity: u64, evicted: &AtomicU64) {
        match self {
            Self::Clock(cache) => cache.set_capacity(capacity),
            #[cfg(feature = "moka")]
            Self::Moka(cache) => cache.set_capacity(capacity),
            Self::Fifo(cache) => {
                evicted.fetch_add(cache.set_capacity(capacity), Ordering::Relaxed);
            }
        }
    }

    pub(super) fn weight(&self) -> u64 {
        match self {
            Self::Clock(cache) => cache.weight(),
            #[cfg(feature = "moka")]
            Self::Moka(cache) => cache.weight(),
            Self::Fifo(cache) => cache.weight(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Clock(cache) => cache.len(),
            #[cfg(feature = "moka")]
            Self::Moka(cache) => cache.len(),
            Self::Fifo(cache) => cache.len(),
        }
    }
}

impl<K, V> fmt::Debug for Engine<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clock(_) => "Clock",
            #[cfg(feature = "moka")]
            Self::Moka(_) => "Moka",
            Self::Fifo(_) => "Fifo",
        })
    }
}
