//! What is known of each key, in a fixed room.

use parking_lot::Mutex;

use super::belief::Belief;
use crate::clock::Millis;

const SHARDS: usize = 16;
/// A key has so many places.
const WAYS: usize = 8;
/// Times are kept in steps of so many milliseconds: 32 bits last for two years, and come round then.
const STEP: Millis = 16;

/// What is known of one key: 32 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    /// Of the key's hash; 0 where nothing is.
    tag: u32,
    fingerprint: u32,
    seen: u32,
    /// In seconds, as it was given; below zero once it was announced that the value has changed.
    pub(super) life: f32,
    pub(super) changes: Belief,
    pub(super) reads: Belief,
}

impl Record {
    /// Of a value just loaded.
    pub(super) fn new(fingerprint: u64, now: Millis, changes: Belief, reads: Belief) -> Self {
        Self { tag: 0, fingerprint: short(fingerprint), seen: steps(now), life: 0.0, changes, reads }
    }

    /// Takes over what was just loaded: is it another value?
    pub(super) fn replace(&mut self, fingerprint: u64, now: Millis) -> bool {
        let before = std::mem::replace(&mut self.fingerprint, short(fingerprint));
        self.seen = steps(now);
        before != self.fingerprint
    }

    /// It was said that the value has changed.
    pub(super) fn announce(&mut self) {
        self.life = -self.life.abs();
    }

    /// Was that said? Asking takes it back.
    pub(super) fn take_announced(&mut self) -> bool {
        let announced = self.life.is_sign_negative();
        self.life = self.life.abs();
        announced
    }

    /// How many seconds ago it was looked at; none if the clock went back.
    pub(super) fn since(&self, now: Millis) -> f64 {
        let steps = steps(now).wrapping_sub(self.seen).cast_signed().max(0);
        f64::from(steps) * STEP as f64 / 1e3
    }

    /// The longer it was not seen for what is known of it, the less it is missed.
    fn dispensable(&self, now: Millis) -> f64 {
        self.since(now) / self.changes.seconds()
    }
}

/// Half of it: two values in four thousand million are taken for one.
#[allow(clippy::cast_possible_truncation, reason = "halves")]
const fn short(fingerprint: u64) -> u32 {
    (fingerprint ^ (fingerprint >> 32)) as u32
}

#[allow(clippy::cast_possible_truncation, reason = "comes round")]
const fn steps(now: Millis) -> u32 {
    (now / STEP) as u32
}

/// Records by the hash of their key. Grows with what is in it; when it is full, the most dispensable of a key's eight
/// places is given to the new one.
#[derive(Debug)]
pub(super) struct Table {
    shards: [Mutex<Shard>; SHARDS],
    most: usize,
}

#[derive(Debug, Default)]
struct Shard {
    /// Eight for each of a power of two of sets, or none.
    records: Vec<Record>,
    used: usize,
}

impl Table {
    /// For so many keys, a little more or less.
    pub(super) fn new(keys: usize) -> Self {
        let most = (keys / SHARDS).next_power_of_two().max(WAYS);
        Self { shards: std::array::from_fn(|_| Mutex::default()), most }
    }

    /// The record of this key as it is afterwards: a known one changed by `known`, or this new one.
    pub(super) fn visit<R>(&self, key: u64, now: Millis, look: impl FnOnce(Option<&Record>) -> (Record, R)) -> R {
        let (shard, tag) = place(key);
        let mut shard = self.shards[shard % SHARDS].lock();
        let known = shard.find(tag);
        let (mut record, answer) = look(known.and_then(|at| shard.records.get(at)));
        record.tag = tag;
        let at = known.unwrap_or_else(|| shard.room(tag, self.most, now));
        if let Some(place) = shard.records.get_mut(at) {
            *place = record;
        }
        answer
    }

    /// Changes the record of this key, if there is one.
    pub(super) fn change(&self, key: u64, change: impl FnOnce(&mut Record)) {
        let (shard, tag) = place(key);
        let mut shard = self.shards[shard % SHARDS].lock();
        if let Some(record) = shard.find(tag).and_then(|at| shard.records.get_mut(at)) {
            change(record);
        }
    }

    pub(super) fn keys(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().used).sum()
    }
}

/// The hash need not be a good one.
#[allow(clippy::cast_possible_truncation, reason = "bits are taken")]
const fn place(key: u64) -> (usize, u32) {
    let mixed = (key ^ (key >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let tag = (mixed >> 28) as u32;
    ((mixed >> 60) as usize, if tag == 0 { 1 } else { tag })
}

impl Shard {
    /// Where the places of this key begin.
    const fn start(&self, tag: u32) -> usize {
        // No records, no sets: then nothing is found at 0 either.
        (tag as usize & (self.records.len() / WAYS).wrapping_sub(1)) * WAYS
    }

    fn places(&self, tag: u32) -> impl Iterator<Item = (usize, &Record)> {
        let start = if self.records.is_empty() { 0 } else { self.start(tag) };
        self.records.iter().enumerate().skip(start).take(WAYS)
    }

    fn find(&self, tag: u32) -> Option<usize> {
        self.places(tag).find(|(_, record)| record.tag == tag).map(|(at, _)| at)
    }

    /// A place for a key that has none.
    fn room(&mut self, tag: u32, most: usize, now: Millis) -> usize {
        loop {
            if let Some(free) = self.find_free(tag) {
                self.used += 1;
                return free;
            }
            if self.records.len() >= most {
                return self.most_dispensable(tag, now);
            }
            self.grow();
        }
    }

    fn find_free(&self, tag: u32) -> Option<usize> {
        self.places(tag).find(|(_, record)| record.tag == 0).map(|(at, _)| at)
    }

    fn most_dispensable(&self, tag: u32, now: Millis) -> usize {
        let worse = |a: &(usize, &Record), b: &(usize, &Record)| a.1.dispensable(now).total_cmp(&b.1.dispensable(now));
        self.places(tag).max_by(worse).map_or(0, |(at, _)| at)
    }

    /// Each set becomes two: what was in it fits.
    fn grow(&mut self) {
        let nothing = Record::new(0, 0, Belief::new(0.0, 0.0), Belief::new(0.0, 0.0));
        let larger = vec![nothing; (self.records.len() * 2).max(WAYS)];
        let before = std::mem::replace(&mut self.records, larger);
        for record in before.into_iter().filter(|record| record.tag != 0) {
            if let Some(place) = self.find_free(record.tag).and_then(|at| self.records.get_mut(at)) {
                *place = record;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Millis = 1_000_000_000_000;

    /// Seen now, and known for so long; whether it was known.
    fn see(table: &Table, key: u64, now: Millis, known_for: f64) -> bool {
        let record = Record::new(key, now, Belief::new(1.0, known_for), Belief::new(1.0, 1.0));
        table.visit(key, now, |known| (record, known.is_some()))
    }

    #[test]
    fn a_record_takes_32_bytes() {
        assert_eq!(size_of::<Record>(), 32);
    }

    #[test]
    fn each_key_has_a_record_of_its_own() {
        let table = Table::new(65_536);
        assert!((0..20_000).all(|key| !see(&table, key, START, 1.0)));
        assert!((0..20_000).all(|key| see(&table, key, START, 1.0)));
        assert_eq!(table.keys(), 20_000);
    }

    #[test]
    fn more_keys_than_there_is_room_for_take_the_places_of_others() {
        let table = Table::new(1_024);
        assert!((0..100_000).all(|key| !see(&table, key, START, 1.0)));
        assert!(table.keys() <= 1_024 && table.keys() > 1_000);
        assert!(table.shards.iter().all(|shard| shard.lock().records.len() <= 1_024 / SHARDS));
    }

    #[test]
    fn keys_long_known_survive_a_crowd_that_comes_once() {
        let table = Table::new(1_024);
        (0..400).for_each(|key| assert!(!see(&table, key, START, 100_000.0)));
        (1_000..50_000).for_each(|key| assert!(!see(&table, key, START + key, 60.0)));
        let left = (0..400).filter(|key| see(&table, *key, START + 60_000, 100_000.0)).count();
        assert!(left > 360, "{left} of 400");
    }

    #[test]
    fn a_key_that_does_not_come_back_is_forgotten() {
        let table = Table::new(1_024);
        (0..1_000).for_each(|key| assert!(!see(&table, key, START, 3_600.0)));
        let later = START + 1_000_000_000;
        (1_000..10_000).for_each(|key| assert!(!see(&table, key, later, 60.0)));
        assert_eq!((0..1_000).filter(|key| see(&table, *key, later, 60.0)).count(), 0);
    }

    #[test]
    fn a_clock_that_goes_back_makes_no_time() {
        let record = Record::new(1, START, Belief::new(1.0, 1.0), Belief::new(1.0, 1.0));
        assert_eq!(record.since(START - 5_000), 0.0);
        assert_eq!(record.since(START + 3_600_000), 3_600.0);
    }
}
