//! Counting what compressing is worth.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::stats::CompressStats;

/// The time of one value in so many is taken: a clock costs as much as a short value.
pub(super) const TIMED: u64 = 16;

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) values: AtomicU64,
    pub(super) compressed: AtomicU64,
    pub(super) short: AtomicU64,
    pub(super) dense: AtomicU64,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
    pub(super) nanos: AtomicU64,
    pub(super) opened: AtomicU64,
    pub(super) opened_nanos: AtomicU64,
    pub(super) refused: AtomicU64,
}

pub(super) fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Relaxed);
}

impl Counts {
    pub(super) fn snapshot(&self) -> CompressStats {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        let seconds = |counter: &AtomicU64| of(counter) as f64 / 1e9;
        CompressStats {
            values: of(&self.values),
            compressed: of(&self.compressed),
            short: of(&self.short),
            dense: of(&self.dense),
            bytes_in: of(&self.bytes_in),
            bytes_out: of(&self.bytes_out),
            seconds: seconds(&self.nanos),
            opened: of(&self.opened),
            opened_seconds: seconds(&self.opened_nanos),
            refused: of(&self.refused),
            ..CompressStats::default()
        }
    }
}
