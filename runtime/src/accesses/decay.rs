//! Frequency and recency in one number: a count of which each access is worth half as much each hour.

use crate::clock::Millis;

/// In milliseconds.
const HALF_LIFE: Millis = 3_600_000;
/// The landmark moves when so many half-lives have passed: far from what a number can hold, and after ten days.
const FAR: f64 = 256.0;

/// What an access is worth, on a scale on which nothing else has to change with time.
///
/// Forward decay (Cormode, Shkapenyuk, Srivastava and Xu, "Forward Decay: A Practical Time Decay Model for Streaming
/// Systems", ICDE 2009): instead of old accesses being made worth less, new ones are worth more, twice as much each
/// half-life since a landmark. Scores are compared as they are; divided by the growth they are counts as of now.
#[derive(Debug)]
pub(super) struct Decay {
    landmark: Millis,
    /// Never before the landmark.
    latest: Millis,
    growth: f64,
}

impl Decay {
    pub(super) const fn new(now: Millis) -> Self {
        Self { landmark: now, latest: now, growth: 1.0 }
    }

    /// What an access is worth by now.
    #[inline]
    pub(super) const fn growth(&self) -> f64 {
        self.growth
    }

    /// It is this time now. The number with which all scores are to be multiplied, if the landmark had to move.
    ///
    /// A little before the latest time is as much as that time. Further back, the clock was set: what was counted is worth
    /// what it was, and time goes on from there.
    #[inline]
    pub(super) fn turn(&mut self, now: Millis) -> Option<f64> {
        if now <= self.latest && self.latest - now < HALF_LIFE { None } else { self.turn_to(now) }
    }

    fn turn_to(&mut self, now: Millis) -> Option<f64> {
        if now < self.latest {
            let growth = self.growth;
            *self = Self::new(now);
            return Some(growth.recip());
        }
        let since = now - self.landmark;
        let moved = halves(since) > FAR;
        // By whole half-lives: a power of two changes no score but its exponent, so no two scores change their order.
        let whole = if moved { since / HALF_LIFE } else { 0 };
        self.landmark += whole * HALF_LIFE;
        self.latest = now;
        self.growth = halves(now - self.landmark).exp2();
        moved.then(|| (-(whole as f64)).exp2())
    }
}

/// What is left at this time of a score as of an earlier one. A score from the future is one of now.
pub(super) fn decayed(score: f64, at: Millis, now: Millis) -> f64 {
    score * (-halves(now.saturating_sub(at))).exp2()
}

fn halves(time: Millis) -> f64 {
    time as f64 / HALF_LIFE as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Millis = 1_000_000_000_000;

    #[test]
    fn an_access_is_worth_twice_as_much_each_half_life() {
        let mut decay = Decay::new(START);
        assert_eq!(decay.growth().to_bits(), 1.0_f64.to_bits());
        for n in 1..=256_u32 {
            assert_eq!(decay.turn(START + u64::from(n) * HALF_LIFE), None);
            assert_eq!(decay.growth().to_bits(), f64::from(n).exp2().to_bits());
        }
    }

    #[test]
    fn the_landmark_moves_by_a_power_of_two() {
        let mut decay = Decay::new(START);
        let moved = decay.turn(START + 300 * HALF_LIFE + HALF_LIFE / 2);
        assert_eq!(moved, Some((-300.0_f64).exp2()));
        assert!((decay.growth() - 0.5_f64.exp2()).abs() < 1e-12);
    }

    #[test]
    fn no_time_is_too_absurd() {
        let mut decay = Decay::new(START);
        for now in [0, u64::MAX, START, u64::MAX - 1, 1, 0, START] {
            let moved = decay.turn(now);
            assert!(moved.is_none_or(|by| by.is_finite() && by >= 0.0));
            assert!(decay.growth().is_finite() && decay.growth() >= 1.0);
        }
    }
}
