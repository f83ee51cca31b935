//! The sampled keys, known by their hash, and the place that each has in each miniature cache.

use std::sync::Arc;

use hashbrown::HashTable;

use super::room::Room;

/// How many sizes are tried beside each other.
pub(super) const SIZES: usize = 7;

/// Sampled keys of one site at most.
pub(super) const MOST: usize = 4_096;

/// So many have room whatever other sites take.
const LEAST: usize = 64;

/// Where a key stands in one miniature cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    #[default]
    Absent,
    Cold,
    Hot,
    /// Dropped a while ago, and remembered.
    Ghost,
}

impl State {
    pub(super) const fn is_resident(self) -> bool {
        matches!(self, Self::Cold | Self::Hot)
    }
}

/// The place of one key in one miniature cache.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    /// Until when what is held is fresh there.
    pub(super) until: u32,
    /// Which of its turns is the one that counts.
    pub(super) stamp: u16,
    pub(super) state: State,
    /// Uses that the clock's hand has not seen yet.
    pub(super) used: u8,
}

/// One sampled key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) hash: u64,
    /// Nothing up to this place in the log names what is held of it.
    pub(super) checked: u64,
    /// What its value weighed when it was last stored, in bytes.
    pub(super) weight: u32,
    /// How long its value is fresh, and how long after that there is something to fall back on.
    pub(super) ttl: u32,
    pub(super) stale: u32,
    /// Miniature caches that know it, and one for who holds it.
    live: u8,
    /// The cache itself missed it, and what is loaded has not been stored yet.
    pub(super) awaited: bool,
    /// In which miniature caches it was missed then: a bit each.
    pub(super) missing: u8,
    /// It is asked for so often that hits are not noted any more: so many passes of a hand find it used.
    pub(super) steady: u8,
    pub(super) places: [Place; SIZES],
}

impl Record {
    const EMPTY: Self = Self {
        hash: 0,
        checked: 0,
        weight: 0,
        ttl: u32::MAX,
        stale: 0,
        live: 0,
        awaited: false,
        missing: 0,
        steady: 0,
        places: [Place { until: 0, stamp: 0, state: State::Absent, used: 0 }; SIZES],
    };
}

/// All sampled keys of one site.
#[derive(Debug)]
pub(super) struct Records {
    slots: Vec<Record>,
    free: Vec<u16>,
    index: HashTable<u16>,
    /// What all of them weigh.
    weight: u64,
    room: Arc<Room>,
}

/// The highest bits decide what is sampled and are alike: the table wants them to differ.
const fn spread(hash: u64) -> u64 {
    hash.rotate_left(32)
}

impl Records {
    /// Bytes of one sampled key: the record, and at most so much of the index and of the list of free slots.
    pub(super) const EACH: usize = size_of::<Record>() + 8;

    pub(super) fn new(room: Arc<Room>) -> Self {
        Self { slots: Vec::new(), free: Vec::new(), index: HashTable::new(), weight: 0, room }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn find(&self, hash: u64) -> Option<u16> {
        self.index.find(spread(hash), |&slot| self.slots[usize::from(slot)].hash == hash).copied()
    }

    /// A slot for a key that has none, held; `None` if there is no room.
    pub(super) fn take(&mut self, hash: u64, weight: u32) -> Option<u16> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => self.grow()?,
        };
        let record = &mut self.slots[usize::from(slot)];
        // Turns of who had the slot before are not turns of this one.
        let places = record.places.map(|place| Place { stamp: place.stamp, ..Place::default() });
        *record = Record { hash, weight, live: 1, places, ..Record::EMPTY };
        self.weight += u64::from(weight);
        let slots = &self.slots;
        self.index.insert_unique(spread(hash), slot, |&slot| spread(slots[usize::from(slot)].hash));
        Some(slot)
    }

    /// Doubles, as far as there is room; gives one of the new slots.
    fn grow(&mut self) -> Option<u16> {
        let before = self.slots.len();
        let after = (before * 2).clamp(LEAST, MOST);
        if after == before || before > 0 && !self.room.take((after - before) * Self::EACH) {
            return None;
        }
        self.slots.reserve_exact(after - before);
        self.slots.resize(after, Record::EMPTY);
        self.free.extend((before..after).rev().filter_map(|slot| u16::try_from(slot).ok()));
        self.free.pop()
    }

    /// Sees to it that the record stays.
    pub(super) fn hold(&mut self, slot: u16) {
        self.at(slot).live += 1;
    }

    /// One less that knows it; what nobody knows goes.
    pub(super) fn let_go(&mut self, slot: u16) {
        let record = self.at(slot);
        record.live -= 1;
        if record.live == 0 && !record.awaited {
            self.forget(slot);
        }
    }

    fn forget(&mut self, slot: u16) {
        let Record { hash, weight, .. } = *self.at(slot);
        if let Ok(found) = self.index.find_entry(spread(hash), |&other| other == slot) {
            found.remove();
            self.free.push(slot);
            self.weight -= u64::from(weight);
        }
    }

    /// Lets those go that wait for a value that never came, and are in no miniature cache.
    pub(super) fn forget_awaited(&mut self) {
        let waiting: Vec<u16> = self.all().filter(|slot| self.slots[usize::from(*slot)].live == 0).collect();
        waiting.into_iter().for_each(|slot| self.forget(slot));
    }

    pub(super) fn at(&mut self, slot: u16) -> &mut Record {
        &mut self.slots[usize::from(slot)]
    }

    pub(super) fn place(&mut self, slot: u16, size: usize) -> &mut Place {
        &mut self.slots[usize::from(slot)].places[size]
    }

    /// A hand passes the place. Was it used?
    pub(super) fn pass(&mut self, slot: u16, size: usize) -> bool {
        let record = self.at(slot);
        let used = &mut record.places[size].used;
        if *used == 0 && record.steady > 0 {
            record.steady -= 1;
            return true;
        }
        std::mem::replace(used, used.saturating_sub(1)) > 0
    }

    /// What the value of this key weighs.
    pub(super) fn weight(&self, slot: u16) -> u64 {
        self.slots[usize::from(slot)].weight.into()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = u16> {
        self.index.iter().copied()
    }

    /// What a value weighs on average, as far as is known.
    pub(super) fn mean_weight(&self) -> Option<u32> {
        u32::try_from(self.weight.checked_div(self.len() as u64)?).ok()
    }

    /// Remembers what a value weighs now; says what it weighed.
    pub(super) fn weigh(&mut self, slot: u16, weight: u32) -> u32 {
        let before = std::mem::replace(&mut self.at(slot).weight, weight);
        self.weight = self.weight + u64::from(weight) - u64::from(before);
        before
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Record>() + self.index.capacity() * 4 + self.free.capacity() * 2
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        self.room.give(self.slots.len().saturating_sub(LEAST) * Self::EACH);
    }
}
