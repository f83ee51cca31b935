//! All miniature caches of one site: what a sampled call does in each of them.

use std::sync::Arc;

use super::miniature::{Miniature, Play, Size};
use super::records::{Records, SIZES};
use super::room::Room;
use crate::clock::Millis;

/// The sizes tried, as parts and multiples of the present capacity.
pub(super) const FACTORS: [f64; SIZES] = [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0];

/// The one that is as large as the cache itself.
pub(super) const PRESENT: usize = 3;

/// Where not all keys are sampled, larger sizes make do with a half or a quarter of those that others have: they hold
/// more.
const RARER: [u8; SIZES] = [0, 0, 0, 0, 1, 1, 2];

/// Keys that one miniature knows at most, held or remembered: then it is sampled less.
const KNOWN: u32 = 1_536;

/// Fewer than one key in two to the power of this are never sampled.
pub(super) const RAREST: u8 = 30;

/// Milliseconds in the unit in which miniatures count time.
const UNIT: Millis = 16;

/// What happened to a sampled key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Asked for, and it was there.
    Hit,
    /// Asked for so often that this is noted no more until it is stored again.
    Steady,
    /// Asked for, and it was not there, or not any more: `named` is the last place in the log that names it, `seq` the
    /// log's end.
    Miss { named: u64, seq: u64 },
    /// Stored.
    Stored(Stored),
    /// Taken out.
    Removed,
}

/// What is known of a value that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    /// In bytes.
    pub(crate) weight: u32,
    pub(crate) fresh_until: Millis,
    pub(crate) stale_until: Millis,
    /// Nothing up to this place in the log names it.
    pub(crate) checked: u64,
}

/// One event of one sampled key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) hash: u64,
    /// 0 where it is not known: just after the event before.
    pub(super) now: Millis,
    pub(super) what: What,
}

/// What an engine of this capacity looks like. The first number is the capacity it had when it was made, the second the
/// one that it has.
pub(crate) type Engine = fn(u64, u64) -> Size;

/// All miniature caches of one site.
#[derive(Debug)]
pub(super) struct Simulation {
    minis: [Miniature; SIZES],
    /// One key in two to the power of this is sampled, for each size: the larger, the rarer.
    levels: [u8; SIZES],
    /// One in so many is counted: keys that have just become sampled are not, until their miniatures know them.
    counted: [u8; SIZES],
    pub(super) records: Records,
    made: u64,
    capacity: u64,
    engine: Engine,
    start: Millis,
    now: u32,
    pub(super) missed: Missed,
    /// Keys that the smallest took in so far.
    pub(super) moves: u64,
    /// One of them knows too many.
    is_crowded: bool,
}

/// Misses, in calls of the whole site.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Missed {
    /// Of each size.
    pub(super) of: [f64; SIZES],
    /// What the present size missed of the keys that are sampled for each size: what they miss more or less than other
    /// keys, they miss in all sizes.
    pub(super) present: [f64; SIZES],
}

impl Missed {
    /// So much of it remains.
    pub(super) fn fade(&mut self, part: f64) {
        self.of.iter_mut().chain(&mut self.present).for_each(|missed| *missed *= part);
    }
}

/// How many passes find a key used that is asked for very often.
const STEADY: u8 = 64;

/// At which level is this key still sampled?
pub(super) const fn level_of(hash: u64) -> u8 {
    hash.leading_zeros() as u8
}

impl Simulation {
    pub(super) fn new(play: Play, capacity: u64, engine: Engine, room: Arc<Room>) -> Self {
        let mut simulation = Self {
            minis: std::array::from_fn(|at| Miniature::new(at, play)),
            levels: [0; SIZES],
            counted: [0; SIZES],
            records: Records::new(room),
            made: capacity,
            capacity,
            engine,
            start: 0,
            now: 0,
            missed: Missed::default(),
            moves: 0,
            is_crowded: false,
        };
        simulation.resize(capacity);
        simulation
    }

    pub(super) const fn levels(&self) -> &[u8; SIZES] {
        &self.levels
    }

    pub(super) const fn capacity(&self) -> u64 {
        self.capacity
    }

    pub(super) const fn mini(&self, at: usize) -> &Miniature {
        &self.minis[at]
    }

    /// The cache has another capacity now: all sizes move with it.
    pub(super) fn resize(&mut self, capacity: u64) {
        self.capacity = capacity;
        (0..SIZES).for_each(|at| self.scale(at));
    }

    /// Gives one miniature its part of its size.
    fn scale(&mut self, at: usize) {
        let of = |bytes: u64| (bytes as f64 * FACTORS[at]) as u64;
        let Size { bytes, largest, ghosts } = (self.engine)(of(self.made), of(self.capacity));
        let level = self.levels[at];
        let size = Size { bytes: bytes >> level, largest, ghosts: (ghosts >> level).max(1) };
        self.minis[at].resize(size, &mut self.records);
    }

    /// Samples this size and all larger ones at this level at least.
    fn lower(&mut self, from: usize, level: u8) {
        for (at, rarer) in RARER.into_iter().enumerate().skip(from) {
            let level = if from == 0 { (level + rarer).min(RAREST) } else { level };
            if self.levels[at] < level {
                self.levels[at] = level;
                self.counted[at] = self.counted[at].max(level);
                let all: Vec<u16> = self.records.all().collect();
                for slot in all {
                    if level_of(self.records.at(slot).hash) < level {
                        self.minis[at].remove(slot, &mut self.records);
                    }
                }
                self.scale(at);
            }
        }
    }

    /// Half as many keys where most are sampled.
    pub(super) fn sample_less(&mut self) {
        self.lower(0, (self.levels[0] + 1).min(RAREST));
    }

    /// Twice as many keys where a miniature knows few, if there is time for more; what is known of the new ones is
    /// counted from the next time on. Are there new ones?
    pub(super) fn sample_more(&mut self, has_time: bool) -> bool {
        self.counted = self.levels;
        let mut least = if has_time { 0 } else { self.levels[0] };
        let before = self.levels;
        for at in 0..SIZES {
            if self.levels[at] > least && self.minis[at].known() < KNOWN / 4 {
                self.levels[at] -= 1;
                self.scale(at);
            }
            let next = if self.levels[0] > 0 { RARER.get(at + 1).copied().unwrap_or(0) } else { 0 };
            least = self.levels[at].max(self.levels[0] + next);
        }
        before != self.levels
    }

    pub(super) fn apply(&mut self, event: &Event) {
        let level = level_of(event.hash);
        if level < self.levels[0] {
            return;
        }
        self.tell_time(event.now);
        let Some(slot) = self.slot_of(event) else { return };
        match event.what {
            What::Hit => self.hit(slot, level),
            What::Steady => self.records.at(slot).steady = STEADY,
            What::Miss { named, seq } => self.miss(slot, level, named, seq),
            What::Stored(stored) => self.stored(slot, level, stored),
            What::Removed => {
                (0..self.sizes(level)).for_each(|at| self.minis[at].remove(slot, &mut self.records));
            }
        }
        self.records.let_go(slot);
        if std::mem::take(&mut self.is_crowded) {
            for at in 0..SIZES {
                if self.minis[at].known() > KNOWN {
                    self.lower(at, (self.levels[at] + 1).min(RAREST));
                }
            }
        }
    }

    fn tell_time(&mut self, now: Millis) {
        if self.start == 0 {
            self.start = now;
        }
        self.now = self.now.max(self.at(now));
    }

    /// A moment in the unit in which miniatures count.
    fn at(&self, moment: Millis) -> u32 {
        u32::try_from(moment.saturating_sub(self.start) / UNIT).unwrap_or(u32::MAX)
    }

    /// In how many sizes is a key of this level sampled? The levels rise with the sizes.
    fn sizes(&self, level: u8) -> usize {
        self.levels.iter().take_while(|least| level >= **least).count()
    }

    /// The record of the key, held.
    fn slot_of(&mut self, event: &Event) -> Option<u16> {
        if let Some(slot) = self.records.find(event.hash) {
            self.records.hold(slot);
            return Some(slot);
        }
        let weight = match event.what {
            What::Removed => return None,
            What::Stored(stored) => stored.weight,
            What::Hit | What::Steady | What::Miss { .. } => self.records.mean_weight().unwrap_or(256),
        };
        while level_of(event.hash) >= self.levels[0] {
            if let Some(slot) = self.records.take(event.hash, weight) {
                return Some(slot);
            }
            self.records.forget_awaited();
            if let Some(slot) = self.records.take(event.hash, weight) {
                return Some(slot);
            }
            if self.levels[0] == RAREST {
                return None;
            }
            self.sample_less();
        }
        None
    }

    /// Was there in the cache itself; in smaller ones it may have to be loaded.
    fn hit(&mut self, slot: u16, level: u8) {
        for at in 0..self.sizes(level) {
            if self.is_fresh(at, slot) {
                self.minis[at].touch(slot, &mut self.records);
            } else {
                self.count_miss(at, slot, level);
                let until = self.now.saturating_add(self.records.at(slot).ttl);
                self.store(at, slot, until);
            }
        }
    }

    fn miss(&mut self, slot: u16, level: u8, named: u64, seq: u64) {
        let valid = named <= self.records.at(slot).checked;
        let mut missing = 0;
        for at in 0..self.sizes(level) {
            if valid && self.is_fresh(at, slot) {
                self.minis[at].touch(slot, &mut self.records);
            } else {
                self.count_miss(at, slot, level);
                missing |= 1 << at;
            }
        }
        let record = self.records.at(slot);
        record.checked = record.checked.max(seq);
        (record.awaited, record.missing, record.steady) = (true, missing, 0);
    }

    /// What was loaded for a miss is stored where it was missed; what was written, refreshed or loaded ahead,
    /// everywhere.
    fn stored(&mut self, slot: u16, level: u8, stored: Stored) {
        let before = self.records.weigh(slot, stored.weight);
        let until = self.at(stored.fresh_until).max(self.now + 1);
        let stale_until = self.at(stored.stale_until);
        let record = self.records.at(slot);
        (record.ttl, record.stale) = (until.saturating_sub(self.now), stale_until.saturating_sub(until));
        record.checked = record.checked.max(stored.checked);
        record.steady = 0;
        let all = !std::mem::take(&mut record.awaited);
        let missing = std::mem::take(&mut record.missing);
        for at in 0..SIZES {
            if before != stored.weight {
                self.minis[at].reweigh(slot, before, stored.weight, &mut self.records);
            }
            if at < self.sizes(level) && (all || missing & (1 << at) != 0) {
                self.store(at, slot, until);
            } else if before < stored.weight {
                self.minis[at].trim(0, &mut self.records);
            }
        }
    }

    fn is_fresh(&mut self, at: usize, slot: u16) -> bool {
        let now = self.now;
        let place = self.records.place(slot, at);
        place.state.is_resident() && place.until > now
    }

    /// Also: what is too old to fall back on is gone when it is asked for.
    fn count_miss(&mut self, at: usize, slot: u16, level: u8) {
        let stands_for = |level: u8| (1_u64 << level) as f64;
        if level >= self.counted[at] {
            self.missed.of[at] += stands_for(self.counted[at]);
        }
        if at == PRESENT {
            for (present, counted) in self.missed.present.iter_mut().zip(self.counted) {
                // Smaller sizes have more keys: those that this one has not are not compared.
                let counted = counted.max(self.counted[PRESENT]);
                if level >= counted {
                    *present += stands_for(counted);
                }
            }
        }
        self.drop_old(at, slot);
    }

    fn drop_old(&mut self, at: usize, slot: u16) {
        let now = self.now;
        let record = self.records.at(slot);
        let place = record.places[at];
        if place.state.is_resident() && place.until.saturating_add(record.stale) <= now {
            self.minis[at].remove(slot, &mut self.records);
        }
    }

    fn store(&mut self, at: usize, slot: u16, until: u32) {
        if at == 0 && !self.records.place(slot, 0).state.is_resident() {
            self.moves += 1;
        }
        self.minis[at].store(slot, until, &mut self.records);
        self.is_crowded |= self.minis[at].known() > KNOWN;
    }

    /// Bytes taken.
    pub(super) fn bytes(&self) -> usize {
        self.records.bytes() + self.minis.iter().map(Miniature::taken).sum::<usize>()
    }

    /// Drops what the cache itself drops when it looks through its entries: what may not be served any more.
    pub(super) fn expire(&mut self, now: Millis) {
        self.tell_time(now);
        let all: Vec<u16> = self.records.all().collect();
        for slot in all {
            self.records.hold(slot);
            (0..SIZES).for_each(|at| self.drop_old(at, slot));
            self.records.let_go(slot);
        }
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        let all: Vec<u16> = self.records.all().collect();
        for slot in all {
            self.records.hold(slot);
            (0..SIZES).for_each(|at| self.minis[at].remove(slot, &mut self.records));
            self.records.let_go(slot);
        }
    }
}
