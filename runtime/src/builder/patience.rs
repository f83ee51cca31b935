//! How long a tier may take, how often it may fail, and how much may wait for it.

use std::time::Duration;

use super::Builder;
use crate::tier::{BehindOptions, Deadlines};

impl Builder {
    /// How long a tier may take to answer a read. Default: 50 ms.
    pub fn read_deadline(mut self, deadline: Duration) -> Self {
        self.tiers.deadlines.read = deadline;
        self
    }

    /// How long a tier may take for a write, or, if this is longer than 100 ms, for an invalidation. Default: 100 ms.
    ///
    /// An invalidation that is late is told again; until the tier has taken it nothing is read from there. How long whoever
    /// invalidates waits for that is said by [`Builder::apply_deadline`].
    pub fn write_deadline(mut self, deadline: Duration) -> Self {
        let tiers = &mut self.tiers;
        tiers.deadlines.write = deadline;
        tiers.deadlines.apply = deadline.max(Deadlines::default().apply);
        // The guard around a tier gives up before its shelf does.
        tiers.queue.call_deadline = deadline.saturating_mul(2).max(BehindOptions::default().call_deadline);
        self
    }

    /// How long whoever invalidates waits for each tier, before it is told [`Applied::Queued`](crate::Applied::Queued).
    /// Default: 200 ms.
    ///
    /// With more a program is told [`Applied::Applied`](crate::Applied::Applied) of slow tiers too, and held up by those
    /// that hang. What is invalidated is so at once, whoever waits; but a tier for which nobody waits any more is neither
    /// read nor written until it has taken all: with less than it usually takes it is of little use.
    pub fn apply_deadline(mut self, deadline: Duration) -> Self {
        self.tiers.queue.apply_deadline = deadline;
        self
    }

    /// After how many failures in a row a tier is left alone for a while. Default: 5.
    pub fn breaker_failures(mut self, failures: u32) -> Self {
        self.tiers.breaker.failures = failures;
        self
    }

    /// How many values may wait to be written to a tier; beyond that new ones are not stored there. Default: 4,096.
    pub fn max_pending(mut self, frames: usize) -> Self {
        self.tiers.queue.max_pending_frames = frames;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Cache;

    #[test]
    fn invalidations_have_the_time_of_a_write_and_never_less_than_they_have_anyway() {
        let ms = Duration::from_millis;
        for (said, apply, call) in [(5, 100, 5_000), (1_000, 1_000, 5_000), (9_000, 9_000, 18_000)] {
            let tiers = Cache::builder().write_deadline(ms(said)).tiers;
            assert_eq!((tiers.deadlines.write, tiers.deadlines.apply), (ms(said), ms(apply)));
            assert_eq!((tiers.queue.apply_deadline, tiers.queue.call_deadline), (ms(200), ms(call)));
        }
    }
}
