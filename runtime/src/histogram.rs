//! How long things took, in buckets that grow with what they hold.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Buckets for each doubling: a quantile is told to about a tenth.
const PARTS: usize = 4;
/// What takes less than 2^4 ns is in the first bucket.
const FIRST: u32 = 4;
/// What takes 2^37 ns (two minutes) or more is in the last.
const LAST: u32 = 37;
const BUCKETS: usize = (LAST - FIRST) as usize * PARTS + 1;

/// Durations, counted. Recording is one addition; nothing is ever allocated.
#[derive(Debug)]
pub(crate) struct Histogram([AtomicU64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; BUCKETS])
    }
}

impl Histogram {
    pub(crate) fn record(&self, nanos: u64) {
        if let Some(bucket) = self.0.get(bucket_of(nanos)) {
            bucket.fetch_add(1, Relaxed);
        }
    }

    /// The duration that this part (0 to 1) of all took at most; nothing if none was recorded. Exact to a bucket: it is the
    /// middle of the one that holds it.
    pub(crate) fn quantile(&self, part: f64) -> Option<Duration> {
        quantile_of(&self.0.each_ref().map(|bucket| bucket.load(Relaxed)), part)
    }

    /// How many were recorded.
    #[cfg(feature = "_seen")]
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    /// Adds what another has recorded.
    pub(crate) fn add(&self, other: &Self) {
        for (bucket, count) in self.0.iter().zip(&other.0) {
            bucket.fetch_add(count.load(Relaxed), Relaxed);
        }
    }
}

/// What histograms held at one moment, so that it can be told what came since.
#[cfg(feature = "_seen")]
#[derive(Debug, Clone)]
pub(crate) struct Tally(Box<[u64; BUCKETS]>);

#[cfg(feature = "_seen")]
impl Default for Tally {
    fn default() -> Self {
        Self(Box::new([0; BUCKETS]))
    }
}

#[cfg(feature = "_seen")]
impl Tally {
    pub(crate) fn of(histogram: &Histogram) -> Self {
        let mut tally = Self::default();
        tally.add(histogram);
        tally
    }

    /// Adds what this histogram holds now.
    pub(crate) fn add(&mut self, histogram: &Histogram) {
        for (count, bucket) in self.0.iter_mut().zip(&histogram.0) {
            *count += bucket.load(Relaxed);
        }
    }

    /// What was recorded since another one was taken.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let mut since = self.clone();
        for (count, before) in since.0.iter_mut().zip(before.0.iter()) {
            *count = count.saturating_sub(*before);
        }
        since
    }

    /// As of a histogram.
    pub(crate) fn quantile(&self, part: f64) -> Option<Duration> {
        quantile_of(&self.0, part)
    }
}

fn quantile_of(counts: &[u64; BUCKETS], part: f64) -> Option<Duration> {
    let all: u64 = counts.iter().sum();
    let rank = rank_of(part, all);
    let mut seen = 0;
    let at = counts.iter().position(|count| {
        seen += count;
        seen >= rank
    })?;
    (all > 0).then(|| Duration::from_nanos(middle_of(at)))
}

/// The how manieth of so many it is, from 1 on.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of a count"
)]
fn rank_of(part: f64, all: u64) -> u64 {
    ((all as f64 * part.clamp(0.0, 1.0)).ceil() as u64).max(1)
}

/// By the highest bit, and the two below it.
fn bucket_of(nanos: u64) -> usize {
    let high = nanos.max(1).ilog2();
    match high {
        ..FIRST => 0,
        LAST.. => BUCKETS - 1,
        _ => {
            let part = (nanos >> (high - 2)) & 3;
            // Both are small.
            (high - FIRST) as usize * PARTS + part as usize
        }
    }
}

fn middle_of(bucket: usize) -> u64 {
    let (doubling, part) = (bucket / PARTS, bucket % PARTS);
    let low = 1_u64 << (FIRST as usize + doubling);
    low + (low / PARTS as u64) * part as u64 + low / (2 * PARTS as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: Option<Duration>, micros: u64) {
        let found = found.unwrap_or_default().as_secs_f64() * 1e6;
        #[allow(clippy::cast_precision_loss)]
        let expected = micros as f64;
        assert!((found - expected).abs() <= expected * 0.13, "{found} for {expected}");
    }

    #[test]
    fn quantiles_are_told_to_about_a_tenth() {
        let all = Histogram::default();
        assert_eq!(all.quantile(0.5), None);
        for micros in 1..=1_000 {
            all.record(micros * 1_000);
        }
        near(all.quantile(0.5), 500);
        near(all.quantile(0.99), 990);
        near(all.quantile(0.0), 1);
        near(all.quantile(1.0), 1_000);
    }

    #[test]
    fn one_that_took_long_is_not_lost_among_many() {
        let all = Histogram::default();
        (0..989).for_each(|_| all.record(20_000));
        (0..11).for_each(|_| all.record(5_000_000_000));
        near(all.quantile(0.5), 20);
        near(all.quantile(0.98), 20);
        near(all.quantile(0.99), 5_000_000);
    }

    #[cfg(feature = "_seen")]
    #[test]
    fn a_tally_tells_what_came_since_another_was_taken() {
        let (one, other) = (Histogram::default(), Histogram::default());
        (0..90).for_each(|_| one.record(20_000));
        let taken = || {
            let mut tally = Tally::default();
            [&one, &other].into_iter().for_each(|histogram| tally.add(histogram));
            tally
        };
        let before = taken();
        near(before.quantile(0.99), 20);
        assert_eq!(taken().since(&before).quantile(0.5), None, "nothing came");
        (0..9).for_each(|_| other.record(5_000_000));
        one.record(20_000);
        near(taken().since(&before).quantile(0.5), 5_000);
        near(taken().since(&before).quantile(0.1), 20);
    }

    #[test]
    fn what_is_too_short_or_too_long_has_a_place() {
        let all = Histogram::default();
        for nanos in [0, 1, u64::MAX, 1 << 37, (1 << 37) - 1] {
            all.record(nanos);
        }
        assert!(all.quantile(0.1) < Some(Duration::from_nanos(20)));
        assert!(all.quantile(1.0) > Some(Duration::from_secs(100)));
    }

    #[test]
    fn buckets_follow_each_other() {
        let buckets: Vec<_> = (0..40).flat_map(|bit| (0..4).map(move |part| bucket_of((4 + part) << bit))).collect();
        assert!(buckets.is_sorted());
        let all: std::collections::BTreeSet<_> = buckets.into_iter().collect();
        assert_eq!(all.len(), BUCKETS);
    }
}
