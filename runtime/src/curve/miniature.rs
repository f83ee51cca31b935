//! One miniature cache: the policy of near's engine over the sampled keys, in the size that is their part.
//!
//! The default is quick_cache's variant of CLOCK-PRO, step by step: newcomers are hot while there is room for hot ones,
//! else cold; the hand over the cold ones drops what was not used and lifts what was; what was dropped is remembered
//! for a while, and comes back hot. With every key sampled it misses exactly what quick_cache misses.
//!
//! Rings are queues here: what the hand leaves behind goes to the end. What a queue holds lies together, and what was
//! taken out of its middle is passed over when its turn comes.

use std::collections::VecDeque;

use super::records::{Place, Records, State};

/// Which policy is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Play {
    /// quick_cache's, with this part of the capacity for what is hot.
    Clock { hot: f64 },
    /// Least recently used.
    #[cfg_attr(not(feature = "moka"), allow(dead_code, reason = "moka's"))]
    Lru,
    /// First in, first out.
    Fifo,
}

/// Uses that are remembered at most.
const MOST_USED: u8 = 2;

/// A queue may hold so many that were taken out beside twice those that were not.
const SLACK: usize = 32;

/// How large a cache is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Size {
    /// Bytes that it holds.
    pub(crate) bytes: u64,
    /// What weighs more is not taken in.
    pub(crate) largest: u64,
    /// How many dropped keys it remembers.
    pub(crate) ghosts: u32,
}

/// Places in the order of their turns.
#[derive(Debug)]
struct Queue {
    state: State,
    /// Slots, each with the stamp that its place had then.
    turns: VecDeque<(u16, u16)>,
    len: u32,
    weight: u64,
}

impl Queue {
    const fn new(state: State) -> Self {
        Self { state, turns: VecDeque::new(), len: 0, weight: 0 }
    }

    /// The next whose turn it is.
    fn next(&mut self, at: usize, records: &mut Records) -> Option<u16> {
        loop {
            let (slot, stamp) = self.turns.pop_front()?;
            let place = records.place(slot, at);
            if place.stamp == stamp && place.state == self.state {
                return Some(slot);
            }
        }
    }

    fn tidy(&mut self, at: usize, records: &mut Records) {
        if self.turns.len() > 2 * self.len as usize + SLACK {
            let state = self.state;
            self.turns.retain(|(slot, stamp)| {
                let place = records.place(*slot, at);
                place.stamp == *stamp && place.state == state
            });
        }
    }
}

/// One miniature cache.
#[derive(Debug)]
pub(super) struct Miniature {
    /// Which of a record's places are this one's.
    at: usize,
    play: Play,
    size: Size,
    /// Bytes for what is hot.
    warm: u64,
    hot: Queue,
    cold: Queue,
    ghosts: Queue,
}

impl Miniature {
    pub(super) const fn new(at: usize, play: Play) -> Self {
        let size = Size { bytes: 0, largest: 0, ghosts: 0 };
        Self {
            at,
            play,
            size,
            warm: 0,
            hot: Queue::new(State::Hot),
            cold: Queue::new(State::Cold),
            ghosts: Queue::new(State::Ghost),
        }
    }

    /// Keys that it knows, held or remembered.
    pub(super) const fn known(&self) -> u32 {
        self.hot.len + self.cold.len + self.ghosts.len
    }

    /// Keys that it holds.
    pub(super) const fn resident(&self) -> u32 {
        self.hot.len + self.cold.len
    }

    /// Bytes for which it has room.
    pub(super) const fn bytes(&self) -> u64 {
        self.size.bytes
    }

    /// Bytes that its own books take.
    pub(super) fn taken(&self) -> usize {
        [&self.hot, &self.cold, &self.ghosts].map(|queue| queue.turns.capacity() * 4).iter().sum()
    }

    pub(super) fn resize(&mut self, size: Size, records: &mut Records) {
        self.size = size;
        if let Play::Clock { hot } = self.play {
            self.warm = (size.bytes as f64 * hot) as u64;
        }
        self.trim(0, records);
        while self.ghosts.len > self.size.ghosts && self.drop_ghost(records) {}
    }

    /// A held key was asked for.
    pub(super) fn touch(&mut self, slot: u16, records: &mut Records) {
        match self.play {
            Play::Clock { .. } => {
                let place = records.place(slot, self.at);
                place.used = (place.used + 1).min(MOST_USED);
            }
            Play::Lru => {
                self.unlink(slot, records);
                self.link(slot, State::Cold, records);
            }
            Play::Fifo => {}
        }
    }

    /// Takes a key in, or in anew, fresh until then.
    pub(super) fn store(&mut self, slot: u16, until: u32, records: &mut Records) {
        let (weight, before) = (records.weight(slot), records.place(slot, self.at).state);
        if weight > self.size.largest {
            if before.is_resident() {
                self.remove(slot, records);
            }
            return;
        }
        let state = match (self.play, before) {
            (Play::Clock { .. }, State::Cold | State::Hot) => {
                let place = records.place(slot, self.at);
                (place.until, place.used) = (until, (place.used + 1).min(MOST_USED));
                return self.trim(0, records);
            }
            (Play::Clock { .. }, State::Ghost) => State::Hot,
            (Play::Clock { .. }, State::Absent) => {
                let fits = self.hot.weight + weight <= self.warm;
                self.trim(weight, records);
                if fits { State::Hot } else { State::Cold }
            }
            (Play::Lru | Play::Fifo, _) => State::Cold,
        };
        match before {
            State::Absent => records.hold(slot),
            _ => self.unlink(slot, records),
        }
        let place = records.place(slot, self.at);
        *place = Place { until, stamp: place.stamp, ..Place::default() };
        self.link(slot, state, records);
        self.trim(0, records);
    }

    /// Forgets a key, held or remembered.
    pub(super) fn remove(&mut self, slot: u16, records: &mut Records) {
        if records.place(slot, self.at).state != State::Absent {
            self.unlink(slot, records);
            records.let_go(slot);
        }
    }

    /// The value of a key weighs something else from now on.
    pub(super) fn reweigh(&mut self, slot: u16, before: u32, after: u32, records: &mut Records) {
        let state = records.place(slot, self.at).state;
        if state != State::Absent {
            let queue = self.queue(state);
            queue.weight = queue.weight - u64::from(before) + u64::from(after);
        }
    }

    /// Drops until so much more has room.
    pub(super) fn trim(&mut self, more: u64, records: &mut Records) {
        while self.hot.weight + self.cold.weight + more > self.size.bytes && self.drop_one(records) {}
    }

    fn drop_one(&mut self, records: &mut Records) -> bool {
        let Some(slot) = self.cold.next(self.at, records) else { return self.drop_hot(records) };
        let Play::Clock { .. } = self.play else {
            self.remove(slot, records);
            return true;
        };
        let was_used = records.pass(slot, self.at);
        self.unlink(slot, records);
        if was_used {
            self.link(slot, State::Hot, records);
            while self.hot.weight > self.warm && self.drop_hot(records) {}
        } else {
            self.link(slot, State::Ghost, records);
            if self.ghosts.len > self.size.ghosts {
                self.drop_ghost(records);
            }
        }
        true
    }

    fn drop_hot(&mut self, records: &mut Records) -> bool {
        while let Some(slot) = self.hot.next(self.at, records) {
            if !records.pass(slot, self.at) {
                self.remove(slot, records);
                return true;
            }
            let stamp = records.place(slot, self.at).stamp;
            self.hot.turns.push_back((slot, stamp));
        }
        false
    }

    fn drop_ghost(&mut self, records: &mut Records) -> bool {
        let oldest = self.ghosts.next(self.at, records);
        if let Some(slot) = oldest {
            self.remove(slot, records);
        }
        oldest.is_some()
    }

    const fn queue(&mut self, state: State) -> &mut Queue {
        match state {
            State::Hot => &mut self.hot,
            State::Ghost => &mut self.ghosts,
            State::Cold | State::Absent => &mut self.cold,
        }
    }

    /// Puts a place that is in no queue behind all others of one.
    fn link(&mut self, slot: u16, state: State, records: &mut Records) {
        let (at, weight) = (self.at, records.weight(slot));
        let place = records.place(slot, at);
        place.state = state;
        place.stamp = place.stamp.wrapping_add(1);
        let turn = (slot, place.stamp);
        let queue = self.queue(state);
        queue.len += 1;
        queue.weight += weight;
        queue.turns.push_back(turn);
        queue.tidy(at, records);
    }

    /// Takes a place out of its queue: its turn there is passed over.
    fn unlink(&mut self, slot: u16, records: &mut Records) {
        let weight = records.weight(slot);
        let place = records.place(slot, self.at);
        let state = std::mem::take(&mut place.state);
        let queue = self.queue(state);
        queue.len -= 1;
        queue.weight -= weight;
    }
}
