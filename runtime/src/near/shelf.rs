//! One typed shelf: the live values of one site in one cache.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::Equivalent;

use super::balance::Balanced;
use super::curved::Curved;
use super::engine::Engine;
use super::entry::{Entry, NOTED};
use super::gone::Gone;
use super::stamps::Stamps;
use crate::clock::Millis;
use crate::curve::Curve;
use crate::key::{Glance, KeyPart, Lookup, OwnedKey};
use crate::log::{Interest, Log};
use crate::settings::Settings;
use crate::stats::Counters;

/// The near tier of one site.
pub(crate) struct Near<K, V> {
    engine: Engine<OwnedKey<K>, V>,
    interest: Arc<Interest>,
    capacity: AtomicU64,
    evicted: Arc<AtomicU64>,
    counters: Arc<Counters>,
    namespace: String,
    /// After so long without a hit an entry is dropped.
    idle: Option<Millis>,
    stamps: Stamps,
    /// What its site's curve is told.
    curved: Curved,
    /// Bytes that threads hold of these entries in their fronts.
    fronted: AtomicU64,
}

/// What a copy of an entry must know of the shelf as it was before the entry was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) hash: u64,
    pub(crate) head: u64,
    pub(crate) stamp: u64,
}

/// Where the value of a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// In near.
    Near,
    /// Somebody loads it.
    InTheAir,
    /// In neither; a tier may have it.
    Nowhere,
}

/// Fronts may hold this part of what the shelf may.
const FRONTED: u64 = 16;

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
        settings: &Settings,
        capacity: u64,
        namespace: &str,
        idle: Option<Millis>,
        interest: Arc<Interest>,
        counters: Arc<Counters>,
    ) -> Self {
        let (eviction, evicted) = (settings.eviction, Arc::new(AtomicU64::new(0)));
        Self {
            curved: Curved::of(eviction, capacity, &settings.curves),
            engine: Engine::new(eviction, capacity, &evicted),
            interest,
            capacity: AtomicU64::new(capacity),
            evicted,
            counters,
            namespace: namespace.to_owned(),
            idle,
            stamps: Stamps::new(),
            fronted: AtomicU64::new(0),
        }
    }

    /// The value of this key, if two integers can tell that it may be used: is it still fresh, and was nothing relevant
    /// invalidated since? [`Near::find`] decides the rest.
    #[inline(always)]
    pub(crate) fn fresh<Q: KeyPart<Owned = K>, H>(
        &self,
        key: &Glance<Q, H>,
        now: Millis,
        refresh_ahead: Millis,
    ) -> Option<V> {
        let head = self.interest.head();
        // Taken apart at once: a value that stays whole stays in memory, and the next lock waits for it to get there.
        let (value, fresh_until, checked, kept) = self.engine.get(key)?.apart();
        // With a sign: an entry whose hits are noted is never fresh here, and one comparison tells both.
        if fresh_until.cast_signed() <= (now + refresh_ahead).cast_signed() || checked < head {
            let fresh = fresh_until & NOTED != 0 && fresh_until & !NOTED > now + refresh_ahead && checked >= head;
            if !fresh {
                return None;
            }
            self.note_hit(key, now);
        }
        match (self.idle, kept) {
            (Some(limit), Some(kept)) if kept.idle(now, limit) => None,
            _ => Some(value),
        }
    }

    /// Tells the curve of a hit on a key that was sampled when its entry was stored.
    #[cold]
    #[inline(never)]
    fn note_hit<Q: Hash + Equivalent<OwnedKey<K>> + ?Sized>(&self, key: &Q, now: Millis) {
        let hash = self.stamps.hash(key);
        if !self.curved.hit(hash, now) {
            // It is asked for very often, or fewer keys are sampled by now.
            self.engine.visit(key, |entry| entry.note(false));
        }
    }

    /// Tells the curve of a hit that was found on a longer way.
    pub(crate) fn noted_hit<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q, now: Millis) {
        if self.curved.is_on() {
            self.curved.hit(self.stamps.hash(&Lookup(key)), now);
        }
    }

    /// Tells the curve of a call that found nothing; who is asked says when, where the log last names the key, and
    /// where the log ends.
    #[inline]
    pub(crate) fn noted_miss<Q: KeyPart<Owned = K> + ?Sized>(
        &self,
        key: &Q,
        told: impl FnOnce() -> (Millis, (u64, u64)),
    ) {
        if self.curved.is_on() {
            self.curved.missed(self.stamps.hash(&Lookup(key)), told);
        }
    }

    /// The same, with what is known of the value; `head` was read before.
    pub(crate) fn fresh_entry<Q: KeyPart<Owned = K> + ?Sized>(
        &self,
        key: &Q,
        head: u64,
        now: Millis,
        refresh_ahead: Millis,
    ) -> Option<Entry<V>> {
        let entry = self.engine.get(&Lookup(key))?;
        (!entry.is_asleep() && entry.is_fresh(head, now + refresh_ahead)).then_some(entry)
    }

    /// What to read before an entry of this key is copied, and to compare before the copy is used.
    #[inline]
    pub(crate) fn seen<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q) -> Seen {
        let hash = self.stamps.hash(&Lookup(key));
        Seen { hash, head: self.interest.head(), stamp: self.stamps.of(hash) }
    }

    /// May entries be copied at all? Not if each use of one has to be noted.
    pub(crate) fn may_be_fronted(&self) -> bool {
        self.idle.is_none()
    }

    /// The entry of this key, for who asks for it: what was loaded ahead is used now. Was it, for the first time?
    pub(crate) fn ask<Q: KeyPart<Owned = K> + ?Sized>(
        &self,
        key: &Q,
        now: Millis,
        refresh_ahead: Millis,
        idle: Option<Millis>,
    ) -> (Found<V>, bool) {
        let mut woken = false;
        let found = self.look(key, now, refresh_ahead, idle, |entry| woken = self.asked(key, entry));
        (found, woken)
    }

    /// The entry of this key, and what has to be done before it may be used.
    pub(crate) fn find<Q: KeyPart<Owned = K> + ?Sized>(
        &self,
        key: &Q,
        now: Millis,
        refresh_ahead: Millis,
        idle: Option<Millis>,
    ) -> Found<V> {
        self.look(key, now, refresh_ahead, idle, |_| ())
    }

    fn look<Q: KeyPart<Owned = K> + ?Sized>(
        &self,
        key: &Q,
        now: Millis,
        refresh_ahead: Millis,
        idle: Option<Millis>,
        found: impl FnOnce(&Entry<V>),
    ) -> Found<V> {
        let head = self.interest.head();
        let Some(entry) = self.engine.get(&Lookup(key)) else { return Found::Absent };
        if entry.is_fresh(head, now + refresh_ahead) {
            if !entry.idle(now, idle) {
                found(&entry);
                return Found::Fresh(entry.value);
            }
        } else if entry.stale_until() > now {
            return Found::Check(entry);
        }
        drop(self.engine.remove(&Lookup(key)));
        Found::Absent
    }

    /// Is a value of this key fresh, and valid as far as the shelf's head tells? Nobody asks for it, so it does not count as
    /// used.
    pub(crate) fn has<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q, now: Millis) -> bool {
        let (head, mut has) = (self.interest.head(), false);
        self.engine.visit(&Lookup(key), |entry| has = entry.is_fresh(head, now));
        has
    }

    /// Is there an entry of this key that was loaded ahead, and that nobody has asked for yet?
    pub(crate) fn is_asleep<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q) -> bool {
        let mut asleep = false;
        self.engine.visit(&Lookup(key), |entry| asleep = entry.is_asleep());
        asleep
    }

    /// Somebody asks for an entry at which he has to look more closely. Is he the first to ask for what was loaded ahead?
    pub(crate) fn asked<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q, entry: &Entry<V>) -> bool {
        let asleep = entry.is_asleep();
        if asleep {
            self.wake(key, entry);
        }
        asleep
    }

    /// Takes from an entry what it carried until somebody asked for it, and lets him count as the one for whom it came: else
    /// it would weigh more and stay longer than what was loaded when it was asked for. Called while no flight of the key
    /// can land; for a moment it is not there.
    pub(crate) fn renew<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q) -> Gone<V> {
        let mut light = None;
        self.engine.visit(&Lookup(key), |entry| light = entry.lightened());
        light.map_or_else(Gone::default, |light| self.engine.renew(OwnedKey(key.to_owned_part()), light, &self.evicted))
    }

    /// What was loaded ahead is asked for: the next who asks finds an entry as others.
    #[cold]
    fn wake<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q, seen: &Entry<V>) {
        self.engine.visit(&Lookup(key), |entry| {
            if entry.has_tags_of(seen) {
                entry.wake();
            }
        });
        // The look above need not have found it any more.
        seen.wake();
    }

    /// Lets no hit pass while this is so.
    pub(crate) fn hold(&self, log: &Log, held: impl FnOnce() -> bool) {
        log.hold(&self.interest, held);
    }

    /// Does nothing pass while invalidations of other nodes may be missing?
    pub(crate) fn is_strict(&self) -> bool {
        self.interest.is_strict()
    }

    /// The last application that may name one of these entries.
    pub(crate) fn head(&self) -> u64 {
        self.interest.head()
    }

    /// Would an invalidation of this tag be noticed by a hit?
    #[cfg(feature = "tiers")]
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

    /// Shows entries, until that is enough. No lock is held meanwhile.
    #[cfg(feature = "_seen")]
    pub(crate) fn each(&self, mut show: impl FnMut(&K, &Entry<V>) -> bool) {
        self.engine.each(|key, entry| show(&key.0, entry));
    }

    /// Stores an entry. What it puts out is the caller's to drop, when it holds no lock.
    pub(crate) fn insert(&self, key: K, entry: Entry<V>) -> Gone<V> {
        let hash = self.stamps.hash(&Lookup(&key));
        self.curved.stored(hash, &entry, &self.counters);
        let gone = self.engine.insert(OwnedKey(key), entry, &self.evicted);
        self.stamps.change(hash);
        gone
    }

    /// Takes an entry out. It is the caller's to drop, when it holds no lock.
    pub(crate) fn remove<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q) -> Gone<V> {
        if self.curved.is_on() {
            self.curved.removed(self.stamps.hash(&Lookup(key)));
        }
        self.engine.remove(&Lookup(key))
    }
}

impl<K, V> Near<K, V> {
    /// Takes room for copies, if there is some.
    pub(crate) fn take_front_room(&self, bytes: u64) -> bool {
        let taken = self.fronted.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let fits = taken <= self.capacity.load(Ordering::Relaxed) / FRONTED;
        if !fits {
            self.give_front_room(bytes);
        }
        fits
    }

    /// Gives room for copies back.
    pub(crate) fn give_front_room(&self, bytes: u64) {
        self.fronted.fetch_sub(bytes, Ordering::Relaxed);
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

    fn fronted(&self) -> u64 {
        self.fronted.load(Ordering::Relaxed)
    }

    fn set_capacity(&self, capacity: u64) {
        self.capacity.store(capacity, Ordering::Relaxed);
        self.curved.resized(capacity);
        self.engine.set_capacity(capacity, &self.evicted);
    }

    fn expire(&self, now: Millis) {
        let more = self.curved.expire(now);
        let leaves = |key: &OwnedKey<K>, entry: &Entry<V>| {
            if more && self.curved.samples(self.stamps.hash(key)) {
                entry.note(true);
            }
            entry.stale_until() <= now
        };
        drop(self.engine.take_out(leaves));
    }

    fn curve(&self, now: Millis) -> Option<Curve> {
        self.curved.curve(now)
    }

    fn clear(&self) {
        self.curved.clear();
        drop(self.engine.take_out(|_, _| true));
        // Copies of threads go by it, too.
        self.stamps.change_all();
    }
}

impl<K, V> fmt::Debug for Near<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Near").field("engine", &self.engine).field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
