//! How often a hit is looked at: all of a function that is seldom asked, few of one that is asked often.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::Focus;
use crate::clock::Millis;

/// Samples further apart than this come twice as often.
const SLOW: Millis = 1_000;
/// Samples closer together than this come half as often.
const FAST: Millis = 10;

/// Spreads the numbers of hits (Knuth's multiplicative hashing): each so-many-th hit would be one of the same keys where
/// calls come in a fixed order.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// One hit in so many is a sample. Races lose a sample or take one more, nothing else.
#[derive(Debug)]
pub(crate) struct Pace {
    /// As many of the highest bits as that has as a power of two, 128 at most.
    mask: AtomicU64,
    last: AtomicU64,
}

impl Pace {
    /// For so many hits a sample stands at most.
    #[cfg(feature = "_seen")]
    pub(crate) const RAREST: u64 = Focus::EACH;

    /// For a shelf where nothing is asked of a sample but whether hits fall on few keys.
    pub(crate) const fn steady() -> Self {
        Self { mask: AtomicU64::new(mask_of(Focus::EACH)), last: AtomicU64::new(0) }
    }

    /// For a shelf whose hits are noted: up to a hundred of them a second, and one if there are that many.
    pub(crate) const fn adjusted() -> Self {
        Self { mask: AtomicU64::new(0), last: AtomicU64::new(0) }
    }

    /// Is the hit of this number a sample?
    #[inline]
    pub(crate) fn is_due(&self, hit: u64) -> bool {
        hit.wrapping_mul(SPREAD) & self.mask.load(Relaxed) == 0
    }

    /// Would it be one at the rarest?
    pub(crate) fn is_rare(hit: u64) -> bool {
        hit.wrapping_mul(SPREAD) & mask_of(Focus::EACH) == 0
    }

    /// A sample was taken. Answers for how many hits it stands.
    pub(crate) fn took(&self, now: Millis) -> u32 {
        let stood_for = 1 << self.mask.load(Relaxed).count_ones();
        let next = match now.saturating_sub(self.last.swap(now, Relaxed)) {
            ..=FAST => (stood_for * 2).min(Focus::EACH),
            SLOW.. => (stood_for / 2).max(1),
            _ => stood_for,
        };
        if next != stood_for {
            self.mask.store(mask_of(next), Relaxed);
        }
        u32::try_from(stood_for).unwrap_or(u32::MAX)
    }
}

/// The highest bits of a number, of which one in so many has none set.
const fn mask_of(each: u64) -> u64 {
    !(u64::MAX >> each.trailing_zeros())
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
        for hits in [1, 50] {
            let (taken, stood_for) = samples(hits);
            assert!(taken >= hits / 2 && stood_for.abs_diff(hits) <= hits / 5, "{taken}, {stood_for} of {hits}");
        }
        for hits in [200, 1_000, 10_000] {
            let (taken, stood_for) = samples(hits);
            assert!((1..=100).contains(&taken), "{taken} of {hits}");
            assert!(stood_for.abs_diff(hits) <= hits / 10, "{stood_for} of {hits}");
        }
        let (taken, stood_for) = samples(1_000_000);
        assert!(taken.abs_diff(1_000_000 / 128) <= 10 && stood_for.abs_diff(1_000_000) <= 1_280);
    }

    #[test]
    fn a_shelf_that_is_not_noted_keeps_its_pace() {
        let pace = Pace::steady();
        assert!((9..=11).contains(&(0..1_280).filter(|hit| pace.is_due(*hit)).count()));
        assert!((0..1_280).all(|hit| pace.is_due(hit) == Pace::is_rare(hit)));
    }

    #[test]
    fn calls_in_a_fixed_order_are_all_seen() {
        let pace = Pace::steady();
        let mut seen = [0; 4];
        (0..100_000).filter(|hit| pace.is_due(*hit)).for_each(|hit| seen[hit as usize % 4] += 1);
        assert!(seen.iter().all(|seen| (150..250).contains(seen)), "{seen:?}");
    }
}
