//! How long invalidations of other nodes took from the shared log to this node, and how far this node is behind.
//!
//! By one clock, that of the server with the log: an entry says when the server took it, and with each read of the log
//! the server says what time it is, when all that was read before is applied. So what is told is never too short, and
//! too long by what lies between: a way over the network, and now and then a look at the log.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::shared::Met;
use crate::clock::Millis;
use crate::group::Cursor;
use crate::histogram::Histogram;
use crate::stats::LagStats;

/// Lags are kept by minutes, so many.
const MINUTE: Millis = 60_000;
const MINUTES: u64 = 5;
/// How far the node is behind is not known.
const UNKNOWN: u64 = u64::MAX;

/// The lags of the last minutes.
#[derive(Debug)]
pub(crate) struct Lags {
    minutes: Mutex<VecDeque<Minute>>,
    behind: AtomicU64,
}

#[derive(Debug)]
struct Minute {
    /// By the cache's clock.
    number: u64,
    all: Histogram,
    count: u64,
    longest: Duration,
}

impl Default for Lags {
    fn default() -> Self {
        Self { minutes: Mutex::default(), behind: AtomicU64::new(UNKNOWN) }
    }
}

impl Lags {
    /// One invalidation of another node was applied, so long after the log had it.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "a log in SQL does not say when it took an entry"))]
    pub(crate) fn note(&self, lag: Duration, now: Millis) {
        let number = now / MINUTE;
        let mut minutes = self.minutes.lock();
        if minutes.back().is_none_or(|last| last.number != number) {
            minutes.push_back(Minute { number, all: Histogram::default(), count: 0, longest: Duration::ZERO });
        }
        if minutes.len() > MINUTES as usize {
            minutes.pop_front();
        }
        if let Some(minute) = minutes.back_mut() {
            minute.all.record(u64::try_from(lag.as_nanos()).unwrap_or(u64::MAX));
            minute.count += 1;
            minute.longest = minute.longest.max(lag);
        }
    }

    /// The log was looked at by this node, which has read up to here.
    pub(super) fn looked(&self, met: &Met, read: Cursor) {
        let (top, read) = (met.top.position, read.position);
        if top.epoch == read.epoch {
            self.behind.store(top.number.saturating_sub(read.number).min(UNKNOWN - 1), Ordering::Relaxed);
        }
    }

    /// So many entries this node had not read at the last look, if it has looked.
    pub(crate) fn behind(&self) -> Option<u64> {
        Some(self.behind.load(Ordering::Relaxed)).filter(|behind| *behind != UNKNOWN)
    }

    /// The lags of the last five minutes.
    pub(crate) fn stats(&self, now: Millis) -> LagStats {
        let (all, mut stats, mut longest) = (Histogram::default(), LagStats::default(), Duration::ZERO);
        for minute in self.minutes.lock().iter().filter(|minute| minute.number.abs_diff(now / MINUTE) < MINUTES) {
            all.add(&minute.all);
            stats.count += minute.count;
            longest = longest.max(minute.longest);
        }
        // A bucket's middle may be beyond what was the longest in it.
        let at = |part| all.quantile(part).map_or(0.0, |lag| lag.min(longest).as_secs_f64());
        LagStats { p50: at(0.5), p99: at(0.99), max: longest.as_secs_f64(), ..stats }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Position;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn lags_are_those_of_the_last_minutes() {
        let lags = Lags::default();
        assert_eq!((lags.stats(7).count, lags.behind()), (0, None));
        (0..98).for_each(|_| lags.note(2 * MS, 10 * MINUTE));
        (0..2).for_each(|_| lags.note(900 * MS, 11 * MINUTE));
        let stats = lags.stats(11 * MINUTE);
        assert_eq!((stats.count, stats.max), (100, 0.9));
        assert!((0.001_7..0.002_3).contains(&stats.p50) && (0.7..=0.9).contains(&stats.p99), "{stats:?}");
        let later = lags.stats(15 * MINUTE);
        assert_eq!((later.count, later.max), (2, 0.9), "the first minute is over");
        assert_eq!(lags.stats(16 * MINUTE), LagStats::default());
    }

    #[test]
    fn however_long_it_runs_there_are_five_minutes() {
        let lags = Lags::default();
        for minute in 0..1_000 {
            lags.note(MS, minute * MINUTE);
        }
        // A clock that was set back.
        lags.note(MS, 3 * MINUTE);
        assert_eq!(lags.minutes.lock().len(), MINUTES as usize);
        assert_eq!(lags.stats(3 * MINUTE).count, 1);
    }

    #[test]
    fn how_far_it_is_behind_is_told_of_one_log_only() {
        let at = |epoch, number| Cursor { position: Position { epoch, number }, nonce: 1 };
        let met = |epoch, number| Met { top: at(epoch, number), holds_known: true, holds_read: true };
        let lags = Lags::default();
        lags.looked(&met(7, 12), Cursor::default());
        lags.looked(&met(7, 12), at(6, 1));
        assert_eq!(lags.behind(), None, "of another log nothing is known");
        lags.looked(&met(7, 12), at(7, 9));
        assert_eq!(lags.behind(), Some(3));
        lags.looked(&met(7, 12), at(7, 12));
        assert_eq!(lags.behind(), Some(0));
        lags.looked(&met(7, u64::MAX), at(7, 0));
        assert_eq!(lags.behind(), Some(UNKNOWN - 1));
    }
}
