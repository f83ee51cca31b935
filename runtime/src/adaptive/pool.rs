//! What is usual at a site: where a key starts of which nothing is known, and what it returns to when it is forgotten.

use super::belief::Belief;

/// So many loads back.
const MEMORY: f64 = 2_000.0;
/// What is assumed before anything is known counts as so many loads.
const ASSUMED: f64 = 1.0;
/// How unlike keys are taken to be: at most as if all had one rate to about a half, at least spread over many powers of ten.
const LIKE: f64 = 16.0;
const UNLIKE: f64 = 0.2;
const AT_FIRST: f64 = 0.7;
/// What is usual counts as one wait of a key's own.
const WAITS: f64 = 1.0;

/// The averages of a site, each key by the time it was watched.
#[derive(Debug)]
pub(super) struct Pool {
    seconds: f64,
    rate: f64,
    square: f64,
    /// The logarithm of the time between two reads of a key: hot keys are hotter by powers of ten.
    log_gap: f64,
}

impl Pool {
    /// Changes so often, each read as often, loads so far apart.
    pub(super) fn new(rate: f64, gap: f64, apart: f64) -> Self {
        let seconds = ASSUMED * apart;
        let square = Belief::new(AT_FIRST, AT_FIRST / rate).square();
        Self { seconds, rate: rate * seconds, square: square * seconds, log_gap: gap.ln() * seconds }
    }

    /// A key that was watched for so long is now believed to be like this.
    pub(super) fn learn(&mut self, seconds: f64, changes: Belief, reads: Belief) {
        let Self { seconds: all, rate, square, log_gap } = self;
        let sums = [(all, 1.0), (rate, changes.rate()), (square, changes.square()), (log_gap, -reads.rate().ln())];
        for (sum, seen) in sums {
            *sum += seconds * seen - *sum / MEMORY;
        }
    }

    /// The changes of a key that is usual here (empirical Bayes: a gamma distribution with the moments of all keys).
    pub(super) fn changes(&self) -> Belief {
        let (rate, square) = (self.rate / self.seconds, self.square / self.seconds);
        let spread = (square - rate * rate).max(f64::MIN_POSITIVE);
        let events = (rate * rate / spread).clamp(UNLIKE, LIKE);
        Belief::new(events, events / rate)
    }

    /// And its reads.
    pub(super) fn reads(&self) -> Belief {
        Belief::new(WAITS, WAITS * (self.log_gap / self.seconds).exp())
    }
}
