//! The loads that took longest in the last hour.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Millis;
use crate::key::Key;

/// So many are remembered.
const MOST: usize = 64;
/// For so long, in milliseconds.
const HOUR: Millis = 3_600_000;

/// A load that took long.
#[derive(Debug, Clone)]
pub(crate) struct Slow {
    pub(crate) site: Arc<str>,
    pub(crate) key: Key,
    pub(crate) took: Duration,
    /// When it ended.
    pub(crate) at: Millis,
    /// Was it given up, because `timeout` had passed?
    pub(crate) given_up: bool,
}

/// The loads that took longest. A load that took less than all of these costs two comparisons.
#[derive(Debug, Default)]
pub(crate) struct SlowLoads {
    /// What is quicker is not looked at: nothing, until there are as many as are remembered.
    least: AtomicU64,
    /// When the oldest of them ended; then one of them is to be forgotten.
    oldest: AtomicU64,
    worst: Mutex<Vec<Slow>>,
}

impl SlowLoads {
    /// Takes note of a load, if it is one of those that took longest.
    pub(crate) fn note(&self, took: Duration, at: Millis, load: impl FnOnce() -> Slow) {
        if nanos(took) < self.least.load(Relaxed) && at.saturating_sub(self.oldest.load(Relaxed)) < HOUR {
            return;
        }
        let load = load();
        let mut worst = self.worst.lock();
        worst.retain(|slow| at.saturating_sub(slow.at) < HOUR);
        worst.push(load);
        if worst.len() > MOST
            && let Some(quickest) = (0..worst.len()).min_by_key(|i| worst[*i].took)
        {
            worst.swap_remove(quickest);
        }
        let full = worst.len() == MOST;
        let least = worst.iter().map(|slow| nanos(slow.took)).min().filter(|_| full);
        self.least.store(least.unwrap_or(0), Relaxed);
        self.oldest.store(worst.iter().map(|slow| slow.at).min().unwrap_or(at), Relaxed);
    }

    /// Those of the last hour, the longest first.
    pub(crate) fn worst(&self, now: Millis) -> Vec<Slow> {
        let mut worst: Vec<Slow> =
            self.worst.lock().iter().filter(|slow| now.saturating_sub(slow.at) < HOUR).cloned().collect();
        worst.sort_by_key(|slow| std::cmp::Reverse(slow.took));
        worst
    }
}

fn nanos(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(millis: u64, at: Millis) -> Slow {
        let took = Duration::from_millis(millis);
        Slow { site: "site".into(), key: Key::from(format!("k:{millis}")), took, at, given_up: false }
    }

    #[test]
    fn the_longest_of_the_last_hour_are_remembered_and_no_more() {
        let loads = SlowLoads::default();
        for millis in 0..1_000 {
            loads.note(Duration::from_millis(millis), 1, || slow(millis, 1));
        }
        let worst = loads.worst(1);
        assert_eq!(worst.len(), MOST);
        assert_eq!((worst[0].took.as_millis(), worst[MOST - 1].took.as_millis()), (999, 1_000 - MOST as u128));
        assert!(loads.worst(1 + HOUR).is_empty());
        loads.note(Duration::from_millis(1), 1 + HOUR, || slow(1, 1 + HOUR));
        assert_eq!(loads.worst(1 + HOUR).len(), 1, "what is old makes room for what is quick");
    }
}
