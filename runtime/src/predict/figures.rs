//! What predictions were worth, counted.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Steps that are looked ahead at first, and never fewer.
const LEAST: usize = 4;
/// A judgement on lateness needs so many loads that were of use.
const OUTCOMES: u64 = 64;

/// What a predictor did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Figures {
    /// Keys that were given out to be loaded ahead.
    pub(crate) issued: u64,
    /// Of these: asked for when they were there,
    pub(crate) used: u64,
    /// asked for while they were still on their way,
    pub(crate) late: u64,
    /// and not asked for within the window, or gone before. The rest is open.
    pub(crate) wasted: u64,
    /// Misses, and hits that would have been misses.
    pub(crate) wants: u64,
    /// Accesses that went unseen because another thread was there.
    pub(crate) skipped: u64,
    /// Is anything predicted by the last key, and by the last two?
    pub(crate) on: [bool; 2],
    /// Times that one of these was switched.
    pub(crate) switched: u64,
    /// Times that all evidence had to be proved again.
    pub(crate) doubted: u64,
    /// Steps that are looked ahead.
    pub(crate) ahead: usize,
    /// Successors that are remembered.
    pub(crate) pairs: usize,
}

impl Figures {
    /// The part of what was loaded ahead, and judged, that was asked for; 1 before there is any.
    pub(crate) fn precision(&self) -> f64 {
        let right = self.used + self.late;
        if right + self.wasted == 0 { 1.0 } else { part(right, right + self.wasted) }
    }

    /// The part of the misses that was spared.
    pub(crate) fn gain(&self) -> f64 {
        part(self.used, self.wants)
    }

    /// Loads that nobody asked for, for each that was.
    pub(crate) fn load_added(&self) -> f64 {
        part(self.wasted, self.wants)
    }
}

fn part(some: u64, all: u64) -> f64 {
    some as f64 / all.max(1) as f64
}

/// The counters behind the figures.
#[derive(Debug)]
pub(super) struct Tally {
    /// In steps of [`sessions::STEP`](super::sessions::STEP).
    pub(super) accesses: AtomicU64,
    pub(super) issued: AtomicU64,
    pub(super) used: AtomicU64,
    pub(super) late: AtomicU64,
    pub(super) wasted: AtomicU64,
    pub(super) wants: AtomicU64,
    pub(super) skipped: AtomicU64,
    pub(super) switched: AtomicU64,
    pub(super) doubted: AtomicU64,
    /// Steps to look ahead now, and what was used and late when that was decided.
    ahead: AtomicUsize,
    judged: [AtomicU64; 2],
}

impl Tally {
    pub(super) fn new(ahead: usize) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            accesses: zero(),
            issued: zero(),
            used: zero(),
            late: zero(),
            wasted: zero(),
            wants: zero(),
            skipped: zero(),
            switched: zero(),
            doubted: zero(),
            ahead: AtomicUsize::new(ahead.clamp(1, LEAST)),
            judged: [zero(), zero()],
        }
    }

    pub(super) fn add(count: &AtomicU64) {
        count.fetch_add(1, Relaxed);
    }

    pub(super) fn ahead(&self) -> usize {
        self.ahead.load(Relaxed)
    }

    /// Looks farther ahead where loads come late, and less far where they never do: each step costs precision.
    pub(super) fn look_ahead(&self, most: usize) {
        let now = [self.used.load(Relaxed), self.late.load(Relaxed)];
        let [used, late] = [0, 1].map(|n| now[n].saturating_sub(self.judged[n].load(Relaxed)));
        if used + late < OUTCOMES {
            return;
        }
        let ahead = self.ahead();
        let next = match late {
            late if late * 4 > used + late => ahead * 2,
            late if late * 20 < used + late => (ahead / 2).max(LEAST),
            _ => ahead,
        };
        self.ahead.store(next.min(most).max(1), Relaxed);
        self.judged.iter().zip(now).for_each(|(judged, now)| judged.store(now, Relaxed));
    }

    pub(super) fn figures(&self, on: [bool; 2], pairs: usize) -> Figures {
        Figures {
            issued: self.issued.load(Relaxed),
            used: self.used.load(Relaxed),
            late: self.late.load(Relaxed),
            wasted: self.wasted.load(Relaxed),
            wants: self.wants.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            on,
            switched: self.switched.load(Relaxed),
            doubted: self.doubted.load(Relaxed),
            ahead: self.ahead(),
            pairs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_farther_while_loads_come_late_and_less_far_when_they_do_not() {
        let tally = Tally::new(16);
        for ahead in [8, 16, 16] {
            (0..64).for_each(|_| Tally::add(&tally.late));
            tally.look_ahead(16);
            assert_eq!(tally.ahead(), ahead);
        }
        for ahead in [8, 4, 4] {
            (0..64).for_each(|_| Tally::add(&tally.used));
            tally.look_ahead(16);
            assert_eq!(tally.ahead(), ahead);
        }
        assert_eq!(Tally::new(2).ahead(), 2);
    }

    #[test]
    fn figures_say_what_was_used_of_what_was_judged() {
        let figures = Figures { issued: 12, used: 6, late: 2, wasted: 2, wants: 100, ..Figures::default() };
        assert_eq!((figures.precision(), figures.gain(), figures.load_added()), (0.8, 0.06, 0.02));
        assert_eq!((Figures::default().precision(), Figures::default().gain()), (1.0, 0.0));
    }
}
