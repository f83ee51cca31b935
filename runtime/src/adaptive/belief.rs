//! What is believed of how often something happens, from looks that tell little.

/// A rate nobody knows, as a gamma distribution: as if so many events had been counted over so many seconds.
///
/// Two numbers a key, whatever was seen. That nothing happened for a while is taken in exactly. That *something* happened,
/// once or often, is what a look at a changed value says: the exact answer is then replaced by the gamma distribution of the
/// same mean and variance (assumed density filtering), so a change found after a long time teaches little, as it should.
/// With regular looks the mean follows the bias-reduced estimator of Cho & Garcia-Molina ("Estimating frequency of change",
/// 2003); looks at any other times need no other formula.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Belief {
    events: f32,
    seconds: f32,
}

/// Surer than this nobody gets, and not less sure than that: the numbers stay far from where f32 ends.
const MOST_EVENTS: f64 = 4_096.0;
const LEAST_EVENTS: f64 = 1e-3;
const LEAST_SECONDS: f64 = 1e-6;
const MOST_SECONDS: f64 = 1e12;

impl Belief {
    #[allow(clippy::cast_possible_truncation, reason = "half the digits are enough for what is not known to one")]
    pub(super) fn new(events: f64, seconds: f64) -> Self {
        Self {
            events: events.clamp(LEAST_EVENTS, MOST_EVENTS) as f32,
            seconds: seconds.clamp(LEAST_SECONDS, MOST_SECONDS) as f32,
        }
    }

    pub(super) fn events(self) -> f64 {
        f64::from(self.events)
    }

    /// How long it was looked at: what is known of it is worth as much.
    pub(super) fn seconds(self) -> f64 {
        f64::from(self.seconds)
    }

    /// The expected rate, per second.
    pub(super) fn rate(self) -> f64 {
        self.events() / self.seconds()
    }

    /// The expected square of the rate: by how much more than the square of the expected is how unsure it is.
    pub(super) fn square(self) -> f64 {
        self.events() * (self.events() + 1.0) / (self.seconds() * self.seconds())
    }

    /// How probable it is that nothing happens for so long.
    pub(super) fn quiet(self, seconds: f64) -> f64 {
        (-self.events() * (seconds / self.seconds()).ln_1p()).exp()
    }

    /// So many events were counted meanwhile.
    pub(super) fn counted(self, events: f64, seconds: f64) -> Self {
        Self::new(self.events() + events, self.seconds() + seconds)
    }

    /// One event or more, nobody knows how many, in so many seconds.
    pub(super) fn happened(self, seconds: f64) -> Self {
        let (events, before) = (self.events(), self.seconds());
        let log = -(seconds.max(before * 1e-6) / before).ln_1p();
        // Of 1 - quiet(seconds), and the same with one and two events more.
        let [none, one, two] = [0.0, 1.0, 2.0].map(|more| -((events + more) * log).exp_m1());
        let mean = events / before * one / none;
        let variance = events * (events + 1.0) / (before * before) * two / none - mean * mean;
        // Rounding alone could take the variance below that of a counted event.
        let variance = variance.max(mean * mean / MOST_EVENTS);
        Self::new(mean * mean / variance, mean / variance)
    }

    /// Keeps this part of itself, and takes the rest from another: what is forgotten makes room for what is usual.
    pub(super) fn faded(self, keep: f64, other: Self) -> Self {
        let mix = |own: f64, other: f64| keep * own + (1.0 - keep) * other;
        Self::new(mix(self.events(), other.events()), mix(self.seconds(), other.seconds()))
    }

    /// As sure as so many events would make it, at most.
    pub(super) fn no_surer_than(self, events: f64) -> Self {
        let part = (events / self.events()).min(1.0);
        Self::new(self.events() * part, self.seconds() * part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    fn about(found: f64, expected: f64, part: f64) {
        assert!((found / expected - 1.0).abs() <= part, "{found}, not {expected}");
    }

    #[test]
    fn regular_looks_agree_with_the_estimator_of_cho_and_garcia_molina() {
        let looks = 40;
        for changed in [2, 5, 10, 20, 30] {
            let chance = Chance::new(changed);
            let mut left = [looks - changed, changed];
            let mut belief = Belief::new(0.2, 0.2);
            for _ in 0..looks {
                let change = chance.below(left[0] + left[1]) >= left[0];
                left[usize::from(change)] -= 1;
                belief = if change { belief.happened(1.0) } else { belief.counted(0.0, 1.0) };
            }
            let (looks, changed) = (looks as f64, changed as f64);
            about(belief.rate(), -((looks - changed + 0.5) / (looks + 0.5)).ln(), 0.15);
        }
    }

    #[test]
    fn looks_at_irregular_times_find_the_rate() {
        for rate in [0.02, 0.3, 2.0] {
            let chance = Chance::new(7);
            let mut belief = Belief::new(0.5, 0.5);
            for _ in 0..3_000 {
                let after = 0.1 + chance.part() * 2.0;
                let changed = chance.happens(1.0 - (-rate * after).exp());
                belief = if changed { belief.happened(after) } else { belief.counted(0.0, after) };
            }
            about(belief.rate(), rate, 0.12);
        }
    }

    #[test]
    fn a_change_found_late_teaches_little_and_one_found_soon_much() {
        let before = Belief::new(1.0, 100.0);
        about(before.happened(1e6).rate(), before.rate(), 0.01);
        about(before.happened(0.01).rate(), 2.0 * before.rate(), 0.01);
        for after in [0.0, 1e-9, 1.0, 100.0, 1e9] {
            let belief = before.happened(after);
            assert!(belief.rate() > before.rate() && belief.square().is_finite(), "{after}: {belief:?}");
        }
    }

    #[test]
    fn no_series_of_looks_leaves_the_numbers() {
        let chance = Chance::new(3);
        let mut belief = Belief::new(0.5, 1.0);
        for _ in 0..20_000 {
            let after = 10_f64.powf(chance.part() * 14.0 - 5.0);
            belief = if chance.happens(0.5) { belief.happened(after) } else { belief.counted(0.0, after) };
            assert!(belief.rate().is_normal() && (0.0..=1.0).contains(&belief.quiet(after)), "{belief:?}");
        }
    }
}
