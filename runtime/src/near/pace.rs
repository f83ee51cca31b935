//! How often a hit is looked at: all of a function that is seldom asked, few of one that is asked often.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Focus;
use crate::clock::Millis;

/// Samples further apart than this come twice as often.
const SLOW: Millis = 1_000;
/// Samples closer together than this come half as often.
const FAST: Millis = 10;

/// One hit in so many is a sample. Races lose a sample or take one more, nothing else.
#[derive(Debug)]
pub(crate) struct Pace {
    /// One less than that: it is a power of two, 128 at most.
    mask: AtomicU64,
    last: AtomicU64,
}

impl Pace {
    /// For a shelf where nothing is asked of a sample but whether hits fall on few keys.
    pub(crate) const fn steady() -> Self {
        Self { mask: AtomicU64::new(Focus::EACH - 1), last: AtomicU64::new(0) }
    }

    /// For a shelf whose hits are noted: up to a hundred of them a second, and one if there are that many.
    pub(crate) const fn adjusted() -> Self {
        Self { mask: AtomicU64::new(0), last: AtomicU64::new(0) }
    }

    /// Is the hit of this number a sample?
    #[inline]
    pub(crate) fn is_due(&self, hit: u64) -> bool {
        hit & self.mask.load(Relaxed) == 0
    }

    /// A sample was taken. Answers for how many hits it stands.
    pub(crate) fn took(&self, now: Millis) -> u32 {
        let stood_for = self.mask.load(Relaxed) + 1;
        let next = match now.saturating_sub(self.last.swap(now, Relaxed)) {
            ..=FAST => (stood_for * 2).min(Focus::EACH),
            SLOW.. => (stood_for / 2).max(1),
            _ => stood_for,
        };
        if next != stood_for {
            self.mask.store(next - 1, Relaxed);
        }
        u32::try_from(stood_for).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many samples so many hits a second leave in a second, once it has found its pace, and what they stand for.
    fn samples(hits_per_second: u64) -> (u64, u64) {
        let pace = Pace::adjusted();
        let (mut taken, mut stood_for) = (0, 0);
        for hit in 0..hits_per_second * 20 {
            let now = 1_000_000 + hit * 1_000 / hits_per_second;
            if pace.is_due(hit) {
                let weight = u64::from(pace.took(now));
                if hit >= hits_per_second * 10 {
                    taken += 1;
                    stood_for += weight;
                }
            }
        }
        (taken / 10, stood_for / 10)
    }

    #[test]
    fn few_hits_are_all_samples_and_of_many_one_in_128() {
        assert_eq!(samples(1), (1, 1));
        assert_eq!(samples(50), (50, 50));
        for hits in [200, 1_000, 10_000] {
            let (taken, stood_for) = samples(hits);
            assert!((1..=100).contains(&taken), "{taken} of {hits}");
            assert!(stood_for.abs_diff(hits) <= hits / 10, "{stood_for} of {hits}");
        }
        let (taken, stood_for) = samples(1_000_000);
        assert!(taken.abs_diff(1_000_000 / 128) <= 1 && stood_for.abs_diff(1_000_000) <= 128);
    }

    #[test]
    fn a_shelf_that_is_not_noted_keeps_its_pace() {
        let pace = Pace::steady();
        assert_eq!((0..1_280).filter(|hit| pace.is_due(*hit)).count(), 10);
    }
}
