//! The keys of a site that are known, in a fixed room.

use std::cmp::Ordering;
use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

use super::LONGEST;
use super::decay::Decay;
use super::judge::Sides;
use crate::chance::Chance;
use crate::clock::Millis;

/// Who goes is the lowest of so many, chosen at random, as in Redis' approximated LFU: near the lowest of all, without an
/// order that has to be kept up.
const LOOKED_AT: usize = 8;

/// What is known of one key.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) text: Box<str>,
    /// On the scale of the decay.
    pub(super) score: f64,
    /// Of the key; `None` if it was not asked for since it was restored.
    hash: Option<u64>,
    count: Count,
    pub(super) sides: Sides,
}

/// Accesses by the hour: of the one that is counted, and of the one after it, until the first was taken.
#[derive(Debug, Default)]
struct Count {
    hour: u64,
    /// In that hour.
    here: u32,
    /// In the one that is counted, when that is another.
    before: u32,
}

/// One access, as it counts.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) weight: u32,
    /// On the scale of the decay.
    pub(super) score: f64,
    /// The hour it is in, and the one that is counted.
    pub(super) hour: u64,
    pub(super) counting: u64,
}

/// Slots by the hash of their key and by its text.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Slot>,
    room: usize,
    by_hash: HashTable<usize>,
    by_text: HashTable<usize>,
    /// Texts come from outside: their hash is nobody's to foresee.
    state: RandomState,
    decay: Decay,
    chance: Chance,
}

impl Table {
    pub(super) fn new(room: usize, now: Millis) -> Self {
        Self {
            slots: Vec::new(),
            room,
            by_hash: HashTable::new(),
            by_text: HashTable::new(),
            state: RandomState::new(),
            decay: Decay::new(now),
            chance: Chance::new(now),
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn slots(&mut self) -> &mut [Slot] {
        &mut self.slots
    }

    /// It is this time now: what an access is worth.
    #[inline]
    pub(super) fn turn(&mut self, now: Millis) -> f64 {
        if let Some(factor) = self.decay.turn(now) {
            self.slots.iter_mut().for_each(|slot| slot.score *= factor);
        }
        self.decay.growth()
    }

    /// Adds an access of a key whose hash is known.
    #[inline]
    pub(super) fn add(&mut self, hash: u64, access: &Access) -> Option<Sides> {
        let at = *self.by_hash.find(hash, |at| has_hash(&self.slots, *at, hash))?;
        let slot = self.slots.get_mut(at)?;
        slot.add(access);
        Some(slot.sides)
    }

    /// An access of a key whose hash is not known. It may be one that was restored; else it needs a place.
    pub(super) fn meet(&mut self, hash: u64, text: String, sides: Sides, access: &Access) {
        if let Some(at) = self.find(&text) {
            self.forget_hash(at);
            self.know_hash(at, hash);
            self.slots[at].add(access);
        } else if let Some(at) = self.place(&text, access.score) {
            let count = Count { hour: access.hour, here: access.weight, before: 0 };
            self.put(at, Slot { text: text.into(), score: access.score, hash: None, count, sides });
            self.know_hash(at, hash);
        }
    }

    /// A key that was saved.
    pub(super) fn restore(&mut self, text: &str, score: f64) {
        if let Some(at) = self.find(text) {
            let slot = &mut self.slots[at];
            slot.score = slot.score.max(score);
        } else if let Some(at) = self.place(text, score) {
            let (text, count, sides) = (text.into(), Count::default(), Sides::default());
            self.put(at, Slot { text, score, hash: None, count, sides });
        }
    }

    /// The hottest, hottest first.
    pub(super) fn top(&self, most: usize) -> Vec<&Slot> {
        let mut all: Vec<_> = self.slots.iter().collect();
        if let Some(last) = most.checked_sub(1).filter(|last| *last < all.len()) {
            all.select_nth_unstable_by(last, hotter);
        }
        all.truncate(most);
        all.sort_unstable_by(hotter);
        all
    }

    /// What was counted in the hour that was counted, highest first. Whoever asks then counts another one.
    pub(super) fn take_counts(&mut self, counting: u64) -> Vec<(String, f32)> {
        let taken = self.slots.iter_mut().map(|slot| (&slot.text, slot.count.take(counting)));
        let mut counts: Vec<_> = taken.filter(|(_, n)| *n > 0).map(|(text, n)| (text.to_string(), n as f32)).collect();
        counts.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        counts
    }

    fn find(&self, text: &str) -> Option<usize> {
        self.by_text.find(self.state.hash_one(text), |at| has_text(&self.slots, *at, text)).copied()
    }

    /// Where a newcomer with this score goes: one past the end while there is room.
    fn place(&self, text: &str, score: f64) -> Option<usize> {
        if text.len() > LONGEST {
            return None;
        }
        if self.slots.len() < self.room {
            return Some(self.slots.len());
        }
        let any = |_| self.chance.below(self.slots.len() as u64) as usize;
        let lowest = (0..LOOKED_AT).map(any).min_by(|a, b| self.slots[*a].score.total_cmp(&self.slots[*b].score))?;
        (self.slots[lowest].score <= score).then_some(lowest)
    }

    fn put(&mut self, at: usize, slot: Slot) {
        if at < self.slots.len() {
            self.forget_hash(at);
            let known = self.state.hash_one(&*self.slots[at].text);
            if let Ok(entry) = self.by_text.find_entry(known, |known| *known == at) {
                entry.remove();
            }
            self.slots[at] = slot;
        } else {
            self.slots.push(slot);
        }
        let Self { by_text, slots, state, .. } = self;
        let hash = |at: &usize| state.hash_one(&*slots[*at].text);
        by_text.insert_unique(hash(&at), at, hash);
    }

    fn forget_hash(&mut self, at: usize) {
        let Some(hash) = self.slots[at].hash.take() else { return };
        if let Ok(entry) = self.by_hash.find_entry(hash, |known| *known == at) {
            entry.remove();
        }
    }

    fn know_hash(&mut self, at: usize, hash: u64) {
        self.slots[at].hash = Some(hash);
        // All that are in it have one.
        self.by_hash.insert_unique(hash, at, |at| self.slots[*at].hash.unwrap_or_default());
    }
}

fn has_hash(slots: &[Slot], at: usize, hash: u64) -> bool {
    slots.get(at).is_some_and(|slot| slot.hash == Some(hash))
}

fn has_text(slots: &[Slot], at: usize, text: &str) -> bool {
    slots.get(at).is_some_and(|slot| &*slot.text == text)
}

fn hotter(a: &&Slot, b: &&Slot) -> Ordering {
    b.score.total_cmp(&a.score).then_with(|| a.text.cmp(&b.text))
}

impl Slot {
    #[inline]
    fn add(&mut self, access: &Access) {
        self.score += access.score;
        self.count.add(access);
    }
}

impl Count {
    #[inline]
    fn add(&mut self, access: &Access) {
        if self.hour != access.hour {
            if self.hour == access.counting {
                self.before = self.before.saturating_add(self.here);
            }
            (self.hour, self.here) = (access.hour, 0);
        }
        self.here = self.here.saturating_add(access.weight);
    }

    fn take(&mut self, counting: u64) -> u32 {
        let here = if self.hour == counting { std::mem::take(&mut self.here) } else { 0 };
        std::mem::take(&mut self.before).saturating_add(here)
    }
}
