//! Do a few keys of a shelf get most of its hits? Found out by looking at a hit now and then.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Keys remembered from the last samples.
const LAST: usize = 4;
/// A sample of a remembered key counts this much for, another one against.
const FOR: u8 = 2;
/// The score at which hits are narrow, and the highest: so many samples against it end that.
const NARROW: u8 = 16;
const MOST: u8 = 32;

/// Whether hits fall on few keys. Races lose a sample, nothing else.
#[derive(Debug, Default)]
pub(crate) struct Focus {
    narrow: AtomicBool,
    score: AtomicU8,
    next: AtomicUsize,
    last: [AtomicU64; LAST],
}

impl Focus {
    /// One hit in so many is a sample.
    pub(crate) const EACH: u64 = 128;

    #[inline]
    pub(crate) fn is_narrow(&self) -> bool {
        self.narrow.load(Relaxed)
    }

    /// Takes a sample: the hash of the key that was hit.
    pub(crate) fn sample(&self, hash: u64) {
        let known = self.last.iter().any(|last| last.load(Relaxed) == hash);
        if let Some(oldest) = self.last.get(self.next.fetch_add(1, Relaxed) % LAST) {
            oldest.store(hash, Relaxed);
        }
        let score = self.score.load(Relaxed);
        let score = if known { (score + FOR).min(MOST) } else { score.saturating_sub(1) };
        self.score.store(score, Relaxed);
        let narrow = score >= NARROW || (score > 0 && self.is_narrow());
        if narrow != self.is_narrow() {
            self.narrow.store(narrow, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    fn after(samples: impl Iterator<Item = u64>) -> bool {
        let focus = Focus::default();
        samples.for_each(|hash| focus.sample(hash));
        focus.is_narrow()
    }

    #[test]
    fn one_key_or_a_few_are_narrow_and_many_are_not() {
        let chance = Chance::new(1);
        assert!(after((0..16).map(|_| 7)));
        assert!(after((0..64).map(|_| chance.next() % 2 + 1)));
        assert!(!after((0..1_000).map(|_| chance.next() % 64 + 1)));
    }

    #[test]
    fn what_was_narrow_widens_again() {
        let focus = Focus::default();
        (0..100).for_each(|_| focus.sample(7));
        assert!(focus.is_narrow());
        (0..u64::from(MOST)).for_each(|n| focus.sample(1_000 + n));
        assert!(!focus.is_narrow());
    }
}
