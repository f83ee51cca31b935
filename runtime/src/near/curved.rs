//! What a shelf tells its site's curve, if it has one.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::engine::{self, Eviction};
use super::entry::Entry;
use crate::clock::Millis;
use crate::curve::{Curve, Curves, Play, Room, Sampler, Stored};
use crate::stats::Counters;

/// A shelf's way to its curve. Nothing is made before the first value is stored.
pub(super) struct Curved {
    /// What is played, how large the shelf was made, and the room for it; `None` if no curve is drawn.
    terms: Option<(Play, u64, Arc<Room>)>,
    sampler: OnceLock<Box<Sampler>>,
}

impl Curved {
    pub(super) fn of(eviction: Eviction, capacity: u64, curves: &Curves) -> Self {
        let terms = curves.room().zip(engine::play_of(eviction)).map(|(room, play)| (play, capacity, Arc::clone(room)));
        Self { terms, sampler: OnceLock::new() }
    }

    /// Is a curve drawn, and has it begun?
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.sampler.get().is_some()
    }

    pub(super) fn samples(&self, hash: u64) -> bool {
        self.sampler.get().is_some_and(|sampler| sampler.samples(hash))
    }

    /// A hit; are hits on this key still to be noted?
    pub(super) fn hit(&self, hash: u64, now: Millis) -> bool {
        self.sampler.get().is_some_and(|sampler| sampler.hit(hash, now))
    }

    /// A miss; who is asked says when, where the log last names the key, and where the log ends.
    pub(super) fn missed(&self, hash: u64, told: impl FnOnce() -> (Millis, (u64, u64))) {
        if let Some(sampler) = self.sampler.get().filter(|sampler| sampler.samples(hash)) {
            let (now, (named, seq)) = told();
            sampler.missed(hash, now, named, seq);
        }
    }

    /// A value is about to be stored: from now on its hits are noted, if its key is sampled.
    pub(super) fn stored<V>(&self, hash: u64, entry: &Entry<V>, counters: &Arc<Counters>) {
        let Some((play, capacity, room)) = &self.terms else { return };
        let sampler =
            self.sampler.get_or_init(|| Box::new(Sampler::new(*play, *capacity, engine::size_of, room, counters)));
        if sampler.samples(hash) {
            entry.note(true);
            sampler.stored(
                hash,
                Stored {
                    weight: entry.weight,
                    fresh_until: entry.fresh_until(),
                    stale_until: entry.stale_until(),
                    checked: entry.checked(),
                },
            );
        }
    }

    pub(super) fn removed(&self, hash: u64) {
        if let Some(sampler) = self.sampler.get() {
            sampler.removed(hash);
        }
    }

    pub(super) fn resized(&self, capacity: u64) {
        if let Some(sampler) = self.sampler.get() {
            sampler.resized(capacity);
        }
    }

    /// Entries are looked through for what has expired. Are there to be marked that were not?
    pub(super) fn expire(&self, now: Millis) -> bool {
        self.sampler.get().is_some_and(|sampler| sampler.expire(now))
    }

    pub(super) fn clear(&self) {
        if let Some(sampler) = self.sampler.get() {
            sampler.clear();
        }
    }

    pub(super) fn curve(&self, now: Millis) -> Option<Curve> {
        self.sampler.get().map(|sampler| sampler.curve(now))
    }
}

impl fmt::Debug for Curved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Curved").field("is_on", &self.is_on()).finish_non_exhaustive()
    }
}
