//! Counting what compressing is worth.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use crate::stats::CompressStats;

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) values: AtomicU64,
    pub(super) compressed: AtomicU64,
    pub(super) short: AtomicU64,
    pub(super) dense: AtomicU64,
    pub(super) gainless: AtomicU64,
    pub(super) off: AtomicU64,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
    pub(super) packing: Took,
    /// What was tried only to learn from it.
    pub(super) trials: AtomicU64,
    pub(super) opened: AtomicU64,
    pub(super) opening: Took,
    pub(super) refused: AtomicU64,
}

/// The time that some of many took.
#[derive(Debug, Default)]
pub(super) struct Took {
    times: AtomicU64,
    nanos: AtomicU64,
}

impl Took {
    /// Runs it, and says how long it took.
    pub(super) fn time<T>(&self, run: impl FnOnce() -> T) -> (T, u64) {
        let (out, nanos) = timed(run);
        self.times.fetch_add(1, Relaxed);
        self.nanos.fetch_add(nanos, Relaxed);
        (out, nanos)
    }

    /// What so many took, by those of them whose time was taken.
    fn seconds(&self, all: u64) -> f64 {
        match self.times.load(Relaxed) {
            0 => 0.0,
            times => self.nanos.load(Relaxed) as f64 / 1e9 * (all as f64 / times as f64),
        }
    }
}

pub(super) fn timed<T>(run: impl FnOnce() -> T) -> (T, u64) {
    let start = Instant::now();
    let out = run();
    (out, u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

/// Is the time of this value taken? Of one in sixteen: a clock costs as much as a short value. Of the first, and then spread
/// as evenly as can be without a rhythm, which values have, too (Fibonacci hashing; Knuth, TAOCP 3, section 6.4).
pub(super) const fn is_timed(nth: u64) -> bool {
    nth.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 60 == 0
}

pub(super) fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Relaxed);
}

impl Counts {
    pub(super) fn snapshot(&self) -> CompressStats {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        let (compressed, gainless, opened) = (of(&self.compressed), of(&self.gainless), of(&self.opened));
        CompressStats {
            values: of(&self.values),
            compressed,
            short: of(&self.short),
            dense: of(&self.dense),
            gainless,
            off: of(&self.off),
            bytes_in: of(&self.bytes_in),
            bytes_out: of(&self.bytes_out),
            seconds: self.packing.seconds(compressed + gainless) + of(&self.trials) as f64 / 1e9,
            opened,
            opened_seconds: self.opening.seconds(opened),
            refused: of(&self.refused),
            ..CompressStats::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_in_sixteen_is_timed_whatever_their_rhythm() {
        assert!(is_timed(0), "also where only one comes");
        for step in [1, 2, 3, 16, 48] {
            let timed = (0..16_000).filter(|n| is_timed(n * step)).count();
            assert!((800..1_250).contains(&timed), "{timed} of 16,000, of which every {step}th is long");
        }
    }

    #[test]
    fn seconds_are_of_all_by_those_that_were_timed() {
        let took = Took::default();
        assert!(took.seconds(10).abs() < f64::EPSILON);
        for nanos in [1_000_000, 3_000_000] {
            took.times.fetch_add(1, Relaxed);
            took.nanos.fetch_add(nanos, Relaxed);
        }
        assert!((took.seconds(32) - 0.064).abs() < 1e-9);
    }
}
