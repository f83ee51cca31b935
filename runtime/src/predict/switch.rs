//! Whether predictions of one order are worth their while, found out again and again.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use super::Limits;
use super::hash::SAMPLED;

/// So many misses make a judgement.
const WANTS: u64 = 4_096;
/// A judgement on precision needs so many outcomes.
const OUTCOMES: u64 = 256;
/// What was switched off with a loss stays off twice as long each time, up to this power of two.
const PATIENCE: u32 = 6;
/// To switch on again takes this much more than to stay on.
const AGAIN: f64 = 1.5;

/// What a judgement comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Stays,
    Switched,
    /// Too much was wrong of late: what was taken for proved has to be proved again, while learning goes on.
    Doubted,
}

/// Switches one order on and off. Starts on: it has to learn before it can be judged.
#[derive(Debug)]
pub(super) struct Switch {
    on: AtomicBool,
    /// The accesses at which it was switched, and the misses at which it was last judged.
    since: AtomicU64,
    wants: AtomicU64,
    /// Half misses that were spared, or would have been.
    halves: AtomicU64,
    right: AtomicU64,
    wrong: AtomicU64,
    /// Losses since it last paid.
    losses: AtomicU32,
}

impl Default for Switch {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        let losses = AtomicU32::new(0);
        Self {
            on: AtomicBool::new(true),
            losses,
            since: zero(),
            wants: zero(),
            halves: zero(),
            right: zero(),
            wrong: zero(),
        }
    }
}

impl Switch {
    pub(super) fn is_on(&self) -> bool {
        self.on.load(Relaxed)
    }

    /// What is taken to this order's credit came true, in time or late. A late one spares half the wait, more or less.
    pub(super) fn right(&self, late: bool) {
        self.right.fetch_add(1, Relaxed);
        self.halves.fetch_add(if late { 1 } else { 2 }, Relaxed);
    }

    pub(super) fn wrong(&self) {
        self.wrong.fetch_add(1, Relaxed);
    }

    /// Judges what happened since the last judgement, once that is enough.
    pub(super) fn review(&self, accesses: u64, wants: u64, limits: &Limits) -> Verdict {
        let new = wants.saturating_sub(self.wants.load(Relaxed));
        let (right, wrong) = (self.right.load(Relaxed), self.wrong.load(Relaxed));
        let precise = right as f64 >= f64::from(limits.precision) * (right + wrong) as f64;
        let patience = if self.is_on() { 0 } else { self.losses.load(Relaxed) };
        if new < WANTS << patience {
            let imprecise = self.is_on() && !precise && right + wrong >= OUTCOMES;
            return if imprecise { Verdict::Doubted } else { Verdict::Stays };
        }
        // What was loaded for nobody takes away from what was spared.
        let gain = (self.halves.load(Relaxed) as f64 / 2.0 - wrong as f64) / new as f64;
        let on = self.pays(gain, precise, accesses, limits);
        self.wants.store(wants, Relaxed);
        [&self.halves, &self.right, &self.wrong].iter().for_each(|count| count.store(0, Relaxed));
        if self.on.swap(on, Relaxed) == on {
            return Verdict::Stays;
        }
        self.since.store(accesses, Relaxed);
        Verdict::Switched
    }

    fn pays(&self, gain: f64, precise: bool, accesses: u64, limits: &Limits) -> bool {
        let least = f64::from(limits.gain);
        if self.is_on() {
            match gain {
                gain if gain < 0.0 => drop(self.losses.fetch_update(Relaxed, Relaxed, |n| Some((n + 1).min(PATIENCE)))),
                gain if gain >= least => self.losses.store(0, Relaxed),
                _ => {}
            }
            // Time to fill the table before a gain is asked for, but not to lose by it.
            let learning = accesses.saturating_sub(self.since.load(Relaxed)) < limits.pairs as u64;
            gain >= if learning { 0.0 } else { least }
        } else {
            precise && gain * SAMPLED as f64 >= least * AGAIN
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { pairs: 1_000, sessions: 1, window: 100, ahead: 4, seen: 3, precision: 0.8, gain: 0.02 };

    fn spare(switch: &Switch, right: u64, wrong: u64) {
        (0..right).for_each(|_| switch.right(false));
        (0..wrong).for_each(|_| switch.wrong());
    }

    #[test]
    fn it_has_time_to_learn_and_is_off_where_there_is_nothing() {
        let switch = Switch::default();
        assert_eq!(switch.review(999, 5_000, &LIMITS), Verdict::Stays);
        assert_eq!(switch.review(9_999, 10_000, &LIMITS), Verdict::Switched);
        assert!(!switch.is_on());
    }

    #[test]
    fn what_it_sees_of_a_sample_switches_it_on_again() {
        let switch = Switch::default();
        switch.review(9_999, 5_000, &LIMITS);
        spare(&switch, 20, 1);
        assert_eq!(switch.review(20_000, 10_000, &LIMITS), Verdict::Switched);
        assert!(switch.is_on());
    }

    #[test]
    fn a_gain_keeps_it_on_and_doubt_comes_before_the_end() {
        let switch = Switch::default();
        spare(&switch, 200, 10);
        assert_eq!(switch.review(9_999, 5_000, &LIMITS), Verdict::Stays);
        spare(&switch, 200, 100);
        assert_eq!(switch.review(10_000, 5_100, &LIMITS), Verdict::Doubted);
        assert!(switch.is_on());
    }

    #[test]
    fn what_is_loaded_for_nobody_takes_away_from_the_gain_also_while_it_learns() {
        let switch = Switch::default();
        spare(&switch, 200, 150);
        assert_eq!(switch.review(9_999, 4_500, &LIMITS), Verdict::Switched);
        let switch = Switch::default();
        spare(&switch, 10, 20);
        assert_eq!(switch.review(10, 4_500, &LIMITS), Verdict::Switched);
    }

    #[test]
    fn what_only_promises_a_gain_is_tried_more_and_more_rarely() {
        let (switch, mut wants, mut tries) = (Switch::default(), 0, 0);
        for _ in 0..1_000 {
            wants += 4_096;
            spare(&switch, if switch.is_on() { 0 } else { 500 }, if switch.is_on() { 500 } else { 0 });
            tries += u32::from(switch.review(wants, wants, &LIMITS) == Verdict::Switched && switch.is_on());
        }
        assert!((8..25).contains(&tries), "{tries}");
    }

    #[test]
    fn what_comes_late_counts_half() {
        let switch = Switch::default();
        (0..100).for_each(|_| switch.right(true));
        assert_eq!(switch.review(9_999, 4_500, &LIMITS), Verdict::Switched);
    }
}
