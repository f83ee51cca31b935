//! The door before the pairs: most are seen once and never again, and cost two bytes here.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Pairs of one word.
const WAYS: usize = 4;
const BITS: u32 = 16;

/// Which pairs were seen once, of late: sixteen bits of each, four to a word, the oldest falls out. One pair in sixteen
/// thousand is taken for another. Races lose a sight, nothing else.
#[derive(Debug)]
pub(super) struct Door(Box<[AtomicU64]>);

impl Door {
    pub(super) fn new(pairs: usize) -> Self {
        Self((0..words(pairs)).map(|_| AtomicU64::new(0)).collect())
    }

    pub(super) const fn bytes(pairs: usize) -> usize {
        words(pairs) * size_of::<AtomicU64>()
    }

    /// Was this pair here before? If so it is let in and forgotten here, if not it is noted.
    #[allow(clippy::cast_possible_truncation, reason = "any bits do")]
    pub(super) fn was_here(&self, pair: u64) -> bool {
        let place = &self.0[pair as usize & (self.0.len() - 1)];
        let (all, mark) = (place.load(Relaxed), (pair >> (64 - BITS)).max(1));
        let shift = (0..WAYS as u32).map(|way| way * BITS).find(|&shift| all >> shift & 0xFFFF == mark);
        match shift {
            Some(shift) => place.store(all & !(0xFFFF << shift), Relaxed),
            None => place.store(all << BITS | mark, Relaxed),
        }
        shift.is_some()
    }
}

const fn words(pairs: usize) -> usize {
    pairs.div_ceil(WAYS).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::hash::mix;

    #[test]
    fn the_second_sight_is_let_in() {
        let door = Door::new(1_024);
        assert!(!door.was_here(mix(1)));
        assert!(door.was_here(mix(1)));
        assert!(!door.was_here(mix(1)));
    }

    #[test]
    fn what_was_long_ago_is_forgotten_and_strangers_do_not_pass() {
        let door = Door::new(1_024);
        door.was_here(mix(0));
        let passed = (1..100_000).filter(|&n| door.was_here(mix(n))).count();
        assert!(passed < 30, "{passed}");
        assert!(!door.was_here(mix(0)));
    }
}
