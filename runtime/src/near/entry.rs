//! What near holds: a value and what a hit must know about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ahead::Brought;
use crate::clock::Millis;

/// One value in near.
#[derive(Debug)]
pub(crate) struct Entry<V> {
    pub(crate) value: V,
    /// Until when it is fresh; 0 while an entry that was loaded ahead was not asked for yet, so that the first who asks looks
    /// closer. With [`NOTED`] if its hits are noted: as a number with a sign that is before any time.
    fresh_until: AtomicU64,
    /// How long after that the value may still be served, in units of 16 ms: an entry is small, because a hit that
    /// waits for memory waits longest.
    stale: u32,
    /// Up to which local application of the log the entry is known to be valid; at first, its birth.
    pub(crate) checked: AtomicU64,
    /// Weight in bytes, all counted.
    pub(crate) weight: u32,
    /// What only few entries need.
    pub(crate) kept: Option<Arc<Kept>>,
}

/// What only few entries need: groups that cannot be computed from the arguments, and the time of the last hit.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) tags: Box<[Arc<str>]>,
    pub(crate) used: AtomicU64,
    /// Until when a value past its ttl answers by itself, because its source just failed.
    pub(crate) held_until: Millis,
    /// It was loaded ahead.
    asleep: Option<Asleep>,
}

/// An entry that was loaded ahead.
#[derive(Debug, Clone)]
struct Asleep {
    fresh_until: Millis,
    brought: Arc<Brought>,
}

/// What a shared piece costs beside its bytes: its two counts, and the allocator's books.
const SHARED: usize = 2 * size_of::<usize>() + 16;

/// Milliseconds in one unit of staleness.
const STALE_UNIT: Millis = 16;

/// Each hit of an entry with this is told to the site's curve.
pub(crate) const NOTED: u64 = 1 << 63;

impl Kept {
    /// Was the entry not asked for in so long? Marks it as asked for now if it was.
    pub(crate) fn idle(&self, now: Millis, limit: Millis) -> bool {
        let idle = now.saturating_sub(self.used.load(Ordering::Relaxed)) >= limit;
        if !idle {
            self.used.store(now, Ordering::Relaxed);
        }
        idle
    }

    /// In bytes. A tag that several entries share is counted for each of them: any may be the last to hold it.
    fn weight(&self) -> u32 {
        let tags: usize = self.tags.iter().map(|tag| size_of::<Arc<str>>() + SHARED + tag.len()).sum();
        let asleep = self.asleep.as_ref().map_or(0, |_| size_of::<Brought>() + SHARED);
        u32::try_from(size_of::<Self>() + SHARED + tags + asleep).unwrap_or(u32::MAX)
    }

    fn copy(&self) -> Self {
        let used = AtomicU64::new(self.used.load(Ordering::Relaxed));
        Self { tags: self.tags.clone(), used, held_until: self.held_until, asleep: self.asleep.clone() }
    }
}

impl<V> Entry<V> {
    pub(crate) fn new(value: V, fresh_until: Millis, stale_until: Millis, birth: u64, weight: u32) -> Self {
        // Rounded down and cut at two years: never later than allowed.
        let stale = u32::try_from(stale_until.saturating_sub(fresh_until) / STALE_UNIT).unwrap_or(u32::MAX);
        Self {
            value,
            fresh_until: AtomicU64::new(fresh_until.min(!NOTED)),
            stale,
            checked: AtomicU64::new(birth),
            weight,
            kept: None,
        }
    }

    /// Until when it is fresh.
    #[inline]
    pub(crate) fn fresh_until(&self) -> Millis {
        match self.awake_until() {
            0 => self.asleep().map_or(0, |asleep| asleep.fresh_until),
            until => until,
        }
    }

    /// The same, and 0 while nobody has asked for what was loaded ahead.
    #[inline]
    pub(crate) fn awake_until(&self) -> Millis {
        self.fresh_until.load(Ordering::Relaxed) & !NOTED
    }

    /// Are its hits noted?
    #[inline]
    pub(crate) fn is_noted(&self) -> bool {
        self.fresh_until.load(Ordering::Relaxed) & NOTED != 0
    }

    /// From now on its hits are noted, or not any more.
    pub(crate) fn note(&self, noted: bool) {
        if noted {
            self.fresh_until.fetch_or(NOTED, Ordering::Relaxed);
        } else {
            self.fresh_until.fetch_and(!NOTED, Ordering::Relaxed);
        }
    }

    fn asleep(&self) -> Option<&Asleep> {
        self.kept.as_ref()?.asleep.as_ref()
    }

    /// The same entry, to be noticed when somebody asks for it.
    pub(crate) fn brought(mut self, brought: Brought) -> Self {
        let fresh_until = std::mem::take(self.fresh_until.get_mut());
        self.keeping(|kept| kept.asleep = Some(Asleep { fresh_until, brought: Arc::new(brought) }))
    }

    /// The same entry with something else beside it, which weighs what it weighs.
    fn keeping(self, change: impl FnOnce(&mut Kept)) -> Self {
        let mut kept = self.kept.as_deref().map(Kept::copy).unwrap_or_default();
        change(&mut kept);
        self.beside(Some(kept))
    }

    fn beside(mut self, kept: Option<Kept>) -> Self {
        let former = self.kept.as_deref().map_or(0, Kept::weight);
        let weight = kept.as_ref().map_or(0, Kept::weight);
        self.weight = self.weight.saturating_sub(former).saturating_add(weight);
        self.kept = kept.map(Arc::new);
        self
    }

    /// Is it one that was loaded ahead, and that nobody has asked for?
    pub(crate) fn is_asleep(&self) -> bool {
        self.awake_until() == 0 && self.asleep().is_some()
    }

    /// Somebody has asked for it: from now on it is an entry as others.
    pub(crate) fn wake(&self) {
        if let Some(asleep) = self.asleep() {
            asleep.brought.used();
            let noted = if self.is_noted() { NOTED } else { 0 };
            self.fresh_until.store(asleep.fresh_until | noted, Ordering::Relaxed);
        }
    }

    /// The same entry without what it carried until somebody asked for it, if it is one that was loaded ahead.
    pub(crate) fn lightened(&self) -> Option<Self>
    where
        V: Clone,
    {
        let (kept, asleep) = (self.kept.as_deref()?, self.asleep().filter(|_| !self.is_asleep())?);
        let kept = Kept { asleep: None, ..kept.copy() };
        let is_needed = !kept.tags.is_empty() || kept.held_until > 0 || kept.used.load(Ordering::Relaxed) > 0;
        let mut light = self.clone().beside(is_needed.then_some(kept));
        light.fresh_until = AtomicU64::new(asleep.fresh_until);
        light.note(self.is_noted());
        Some(light)
    }

    /// Until when the value may be served if a load fails; never before it stops being fresh.
    #[inline]
    pub(crate) fn stale_until(&self) -> Millis {
        self.fresh_until().saturating_add(u64::from(self.stale) * STALE_UNIT)
    }

    /// Until when a value past its ttl answers by itself.
    pub(crate) fn held_until(&self) -> Millis {
        self.kept.as_ref().map_or(0, |kept| kept.held_until)
    }

    /// What an entry costs beside its value and its key: the fields above, and the engine's own books.
    pub(crate) const OVERHEAD: usize = size_of::<Self>() - size_of::<V>() + 40;

    /// The same entry, answering by itself until then though it is past its ttl.
    pub(crate) fn held(self, until: Millis) -> Self {
        self.keeping(|kept| kept.held_until = until)
    }

    /// The same entry with tags that cannot be computed from its key.
    pub(crate) fn tagged(self, tags: Box<[Arc<str>]>) -> Self {
        if tags.is_empty() { self } else { self.keeping(|kept| kept.tags = tags) }
    }

    /// The same entry, remembering when it was last asked for.
    pub(crate) fn used_at(self, now: Millis) -> Self {
        self.keeping(|kept| kept.used = AtomicU64::new(now))
    }

    /// The value, until when it is fresh as far as a hit is to know, and with [`NOTED`] if it is, up to where it is known to be
    /// valid, and what is kept beside.
    #[inline(always)]
    pub(crate) fn apart(self) -> (V, Millis, u64, Option<Arc<Kept>>) {
        (self.value, self.fresh_until.into_inner(), self.checked.into_inner(), self.kept)
    }

    /// Is it fresh at that time, and known to be valid up to that application?
    #[inline]
    pub(crate) fn is_fresh(&self, head: u64, at: Millis) -> bool {
        self.fresh_until() > at && self.checked() >= head
    }

    #[inline]
    pub(crate) fn checked(&self) -> u64 {
        self.checked.load(Ordering::Relaxed)
    }

    /// Remembers that nothing up to `seq` names this entry.
    pub(crate) fn recheck(&self, seq: u64) {
        self.checked.fetch_max(seq, Ordering::Relaxed);
    }

    /// Are the groups kept beside both values the very same?
    pub(crate) fn has_tags_of(&self, other: &Self) -> bool {
        match (&self.kept, &other.kept) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }

    /// Groups kept beside the value.
    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> + Clone {
        self.kept.iter().flat_map(|kept| kept.tags.iter().map(|t| &**t))
    }

    /// Was the entry not asked for in so long? Marks it as asked for now if it was.
    pub(crate) fn idle(&self, now: Millis, limit: Option<Millis>) -> bool {
        limit.zip(self.kept.as_ref()).is_some_and(|(limit, kept)| kept.idle(now, limit))
    }
}

impl<V: Clone> Clone for Entry<V> {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            fresh_until: AtomicU64::new(self.fresh_until.load(Ordering::Relaxed)),
            stale: self.stale,
            checked: AtomicU64::new(self.checked()),
            weight: self.weight,
            kept: self.kept.clone(),
        }
    }
}
