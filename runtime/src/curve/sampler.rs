//! What a call pays for the curve: a look whether its key is sampled, and for few keys a note of what happened.
//!
//! Notes are collected, and played in the miniature caches by who brings the thirty-second of them, if nobody else does
//! just then. No call waits for another: a note that finds its place taken is lost, and counted.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::{Mutex, MutexGuard};

use super::figures::Curve;
use super::miniature::Play;
use super::room::Room;
use super::simulation::{Engine, Event, RAREST, Simulation, Stored, What, level_of};
use super::window::{Sums, Window};
use crate::clock::Millis;
use crate::stats::Counters;

/// So many notes are played at a time.
const BATCH: usize = 32;
/// More do not wait.
const WAITING: usize = 512;
/// Keys of which it is known that they were asked for lately.
const LATELY: usize = 256;
/// The bits that count looks at one.
const LOOKS: u64 = 0xffff;
/// After so many looks in one round a key's hits are not noted any more: it is one that every size holds.
const OFTEN: u64 = 64;

/// One site's sampler.
pub(crate) struct Sampler {
    /// Keys below this level are not sampled.
    level: AtomicU64,
    /// Keys that were asked for lately: the upper bits of the hash, the round, and how often since.
    lately: Box<[AtomicU64]>,
    /// Looks that were counted there.
    looks: AtomicU64,
    round: AtomicU64,
    notes: Mutex<Vec<Event>>,
    lost: AtomicU64,
    capacity: AtomicU64,
    counters: Arc<Counters>,
    play: Mutex<Playing>,
}

/// What only who plays notes looks at.
struct Playing {
    simulation: Simulation,
    window: Window,
    purse: Purse,
    batch: Vec<Event>,
    /// Moves of the smallest miniature when the round began.
    moves: u64,
    /// Notes that were lost until the last time.
    lost: u64,
}

/// What may be spent on the curve: a hundredth of what calls take, by the time that such calls take.
#[derive(Debug)]
struct Purse {
    /// Nanoseconds that were spent and not earned yet; below zero, what is left.
    debt: f64,
    /// The same since keys were last looked through for whether there may be more.
    earned: f64,
    spent: f64,
    sums: Sums,
}

impl Purse {
    /// Nanoseconds of a hit, of a miss and its load that does nothing, of one note, and of one look at a marked entry:
    /// measured, and they need not be exact.
    const HIT: f64 = 30.0;
    const MISS: f64 = 900.0;
    const NOTE: f64 = 200.0;
    const LOOK: f64 = 10.0;
    /// The part of the calls' time that may be spent.
    const PART: f64 = 0.004;
    /// A load that waits takes little of a processor: so much of its time counts.
    const LOAD: f64 = 1.0 / 64.0;
    /// Nanoseconds that a site that was hardly called may spend: so that all keys of a small one are sampled.
    const CREDIT: f64 = 1_000_000.0;

    fn settle(&mut self, notes: usize, looks: u64, sums: Sums) {
        let before = std::mem::replace(&mut self.sums, sums);
        let (hits, misses) = (sums.hits - before.hits, sums.misses - before.misses);
        let loading = (sums.load_nanos - before.load_nanos) as f64 * Self::LOAD;
        let earned = (hits as f64 * Self::HIT + misses as f64 * Self::MISS + loading) * Self::PART;
        let spent = notes as f64 * Self::NOTE + looks as f64 * Self::LOOK;
        (self.earned, self.spent) = (self.earned + earned, self.spent + spent);
        self.debt = (self.debt + spent - earned).max(-Self::CREDIT);
    }

    const fn is_empty(&self) -> bool {
        self.debt > 0.0
    }

    /// After less is sampled, some of the credit is given again: what is spent falls only then.
    const fn refill(&mut self) {
        self.debt = -Self::CREDIT / 32.0;
    }

    /// Was less than a third of it spent since the last time?
    fn has_time(&mut self) -> bool {
        let (earned, spent) = (std::mem::take(&mut self.earned), std::mem::take(&mut self.spent));
        spent * 3.0 < earned
    }
}

impl Sampler {
    pub(crate) fn new(play: Play, capacity: u64, engine: Engine, room: &Arc<Room>, counters: &Arc<Counters>) -> Self {
        let playing = Playing {
            simulation: Simulation::new(play, capacity, engine, Arc::clone(room)),
            window: Window::default(),
            purse: Purse { debt: -Purse::CREDIT, earned: 0.0, spent: 0.0, sums: Sums::of(counters) },
            batch: Vec::new(),
            moves: 0,
            lost: 0,
        };
        Self {
            level: AtomicU64::new(0),
            lately: (0..LATELY).map(|_| AtomicU64::new(!LOOKS)).collect(),
            looks: AtomicU64::new(0),
            round: AtomicU64::new(0),
            notes: Mutex::default(),
            lost: AtomicU64::new(0),
            capacity: AtomicU64::new(capacity),
            counters: Arc::clone(counters),
            play: Mutex::new(playing),
        }
    }

    /// Is what happens to a key with this hash noted?
    #[inline]
    pub(crate) fn samples(&self, hash: u64) -> bool {
        u64::from(level_of(hash)) >= self.level.load(Relaxed)
    }

    /// It was asked for, and was there. Asked for again before the smallest miniature has changed much, it is in no
    /// other state than before. Are its hits still to be noted?
    pub(crate) fn hit(&self, hash: u64, now: Millis) -> bool {
        if !self.samples(hash) {
            return false;
        }
        let asked = hash & !0xff_ffff | (self.round.load(Relaxed) & 0xff) << 16;
        let place = &self.lately[hash as usize % LATELY];
        let before = place.load(Relaxed);
        let looks = before & LOOKS;
        if before & !LOOKS != asked {
            place.store(asked, Relaxed);
            self.looks.fetch_add(looks, Relaxed);
            self.note(Event { hash, now, what: What::Hit }, true);
            return true;
        }
        if looks <= OFTEN {
            place.store(before + 1, Relaxed);
        }
        if looks == OFTEN {
            self.note(Event { hash, now, what: What::Steady }, true);
        }
        looks < OFTEN
    }

    /// It was asked for, and was not there. `named`: the last place in the log that names it; `seq`: the log's end.
    pub(crate) fn missed(&self, hash: u64, now: Millis, named: u64, seq: u64) {
        self.note(Event { hash, now, what: What::Miss { named, seq } }, true);
    }

    /// It was stored. Called under locks: what waits is not played here.
    pub(crate) fn stored(&self, hash: u64, stored: Stored) {
        self.note(Event { hash, now: 0, what: What::Stored(stored) }, false);
    }

    /// It was taken out. Called under locks.
    pub(crate) fn removed(&self, hash: u64) {
        if self.samples(hash) {
            self.note(Event { hash, now: 0, what: What::Removed }, false);
        }
    }

    pub(crate) fn resized(&self, capacity: u64) {
        self.capacity.store(capacity, Relaxed);
    }

    fn note(&self, event: Event, plays: bool) {
        let Some(mut notes) = self.notes.try_lock() else {
            self.lost.fetch_add(1, Relaxed);
            return;
        };
        if notes.len() < WAITING {
            notes.push(event);
        } else {
            self.lost.fetch_add(1, Relaxed);
        }
        // Also where this one found no place: else nobody would make room again.
        let due = plays && notes.len() >= BATCH;
        drop(notes);
        if due && let Some(mut playing) = self.play.try_lock() {
            self.catch_up(&mut playing, event.now);
        }
    }

    /// Plays what waits.
    fn catch_up(&self, playing: &mut MutexGuard<'_, Playing>, now: Millis) {
        let Playing { simulation, window, purse, batch, moves, lost } = &mut **playing;
        std::mem::swap(&mut *self.notes.lock(), batch);
        let capacity = self.capacity.load(Relaxed);
        if capacity != simulation.capacity() {
            simulation.resize(capacity);
        }
        let (sums, missed) = (Sums::of(&self.counters), self.lost.load(Relaxed));
        batch.iter().for_each(|event| simulation.apply(event));
        window.pass(now, sums, &mut simulation.missed);
        purse.settle(batch.len(), self.looks.swap(0, Relaxed), sums);
        // Where much is lost, more is noted than can be played.
        let overrun = missed - std::mem::replace(lost, missed) > batch.len() as u64 / 16;
        if (purse.is_empty() || overrun) && simulation.levels()[0] < RAREST {
            simulation.sample_less();
            purse.refill();
        }
        batch.clear();
        self.level.store(simulation.levels()[0].into(), Relaxed);
        if simulation.moves - *moves > u64::from(simulation.mini(0).resident() / 2) {
            *moves = simulation.moves;
            self.round.fetch_add(1, Relaxed);
        }
    }

    /// The cache looks through its entries for what has expired. Are there keys now that are sampled and were not?
    pub(crate) fn expire(&self, now: Millis) -> bool {
        let Some(mut playing) = self.play.try_lock() else { return false };
        self.catch_up(&mut playing, now);
        playing.simulation.expire(now);
        let has_time = playing.purse.has_time();
        let more = playing.simulation.sample_more(has_time);
        self.level.store(playing.simulation.levels()[0].into(), Relaxed);
        more
    }

    /// All was taken out.
    pub(crate) fn clear(&self) {
        let mut playing = self.play.lock();
        self.notes.lock().clear();
        playing.simulation.clear();
    }

    /// The curve as it stands.
    pub(crate) fn curve(&self, now: Millis) -> Curve {
        let mut playing = self.play.lock();
        self.catch_up(&mut playing, now);
        let sums = playing.window.sums(Sums::of(&self.counters));
        Curve::of(&playing.simulation, sums, self.lost.load(Relaxed), self.bytes(&playing))
    }

    fn bytes(&self, playing: &Playing) -> usize {
        let notes = (playing.batch.capacity() + self.notes.lock().capacity()) * size_of::<Event>();
        size_of::<Self>() + LATELY * size_of::<AtomicU64>() + notes + playing.simulation.bytes()
    }
}

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampler").field("level", &self.level).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::miniature::Size;
    use super::*;

    #[test]
    fn what_finds_no_place_is_lost_and_counted_until_somebody_plays() {
        let engine = |_, bytes| Size { bytes, largest: bytes, ghosts: 1 };
        let (room, counters) = (Arc::new(Room::of(1 << 20)), Arc::new(Counters::default()));
        let sampler = Sampler::new(Play::Fifo, 1 << 30, engine, &room, &counters);
        let miss = |hash| sampler.missed(hash, 1_000_000, 0, 0);
        let playing = sampler.play.lock();
        (0..WAITING as u64 + 100).for_each(miss);
        assert_eq!(sampler.lost.load(Relaxed), 100);
        drop(playing);
        miss(1);
        assert_eq!(sampler.lost.load(Relaxed), 101, "the one that found no place has played the others");
        (0..10 * WAITING as u64).for_each(miss);
        assert_eq!(sampler.curve(1_000_000).lost, 101);
    }
}
