//! Chance as an argument: a small seeded generator, so that jitter and injected faults can be repeated.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A seeded sequence of numbers (SplitMix64), shared by reference. Good enough for jitter, never for secrets.
#[derive(Debug)]
pub struct Chance(AtomicU64);

impl Chance {
    /// The sequence that belongs to this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The sequence of a seed nobody knows, different in every process.
    #[must_use]
    pub fn unknown() -> Self {
        use std::hash::BuildHasher as _;
        Self::new(std::hash::RandomState::new().hash_one(0_u8))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        let mut z = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The next number in `0..bound`; zero if the bound is zero.
    pub fn below(&self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// A number from 0 up to 1.
    pub fn part(&self) -> f64 {
        // 53 bits: as many as an f64 holds exactly, and always below one.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability: never at `0.0`, always at `1.0`.
    pub fn happens(&self, probability: f64) -> bool {
        self.part() < probability
    }

    /// A duration between these two, in whole microseconds.
    pub fn between(&self, least: Duration, most: Duration) -> Duration {
        let span = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX);
        least + Duration::from_micros(self.below(span.saturating_add(1)))
    }
}
