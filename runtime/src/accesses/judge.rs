//! Does the time of day tell what is wanted? Two forecasts run against each other, hour after hour.

use std::cmp::Ordering;
use std::collections::HashMap;

/// What is judged is worth half as much after so many hours.
const HALF_LIFE: f64 = 24.0;
/// In so many hours it must have been seen, those of a day ago counted half: a whole day gives 17, two days of ten hours
/// each 12.
const ENOUGH: f64 = 12.0;
/// And more hours than this never add up.
const ALL: f64 = 36.0;
/// The time of day must have covered this part of all accesses more.
const MORE: f64 = 0.02;
/// And so many times what chance alone would do: of few accesses, a fiftieth is soon come by. Forecasts from few accesses
/// are made by chance as well, and each hour is another occasion: alike hours came to 5.4 in three years, and day and night
/// with other keys each to 30 and more.
const BEYOND_CHANCE: f64 = 6.0;

/// By which of the two forecasts a key is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sides {
    by_score: bool,
    by_hour: bool,
}

/// One hour's two forecasts, and what each has covered.
#[derive(Debug, Default)]
pub(super) struct Trial {
    sides: HashMap<Box<str>, Sides>,
    all: u64,
    by_score: u64,
    by_hour: u64,
    /// The squares of what only one of the two has covered.
    apart: f64,
}

/// All hours so far. Part of what is saved.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[cfg_attr(feature = "tiers", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Judged {
    /// The last one, since the epoch.
    hour: u64,
    hours: f64,
    /// Accesses: all, and those that each forecast has covered.
    all: f64,
    by_score: f64,
    by_hour: f64,
    /// The variance of the difference, if the two were equally good.
    variance: f64,
}

impl Trial {
    pub(super) fn new<'a>(by_score: impl Iterator<Item = &'a str>, by_hour: Vec<&'a str>) -> Self {
        let mut sides: HashMap<Box<str>, Sides> = HashMap::new();
        by_score.for_each(|text| sides.entry(text.into()).or_default().by_score = true);
        by_hour.into_iter().for_each(|text| sides.entry(text.into()).or_default().by_hour = true);
        Self { sides, ..Self::default() }
    }

    pub(super) fn sides(&self, text: &str) -> Sides {
        self.sides.get(text).copied().unwrap_or_default()
    }

    #[inline]
    pub(super) fn count(&mut self, sides: Sides, weight: u32) {
        let counts = |covered: bool| if covered { u64::from(weight) } else { 0 };
        self.all += counts(true);
        self.by_score += counts(sides.by_score);
        self.by_hour += counts(sides.by_hour);
        if sides.by_score != sides.by_hour {
            self.apart += f64::from(weight).powi(2);
        }
    }
}

impl Judged {
    /// An hour was judged. One in which nothing was asked for says nothing.
    pub(super) fn learn(&mut self, hour: u64, trial: &Trial) {
        if trial.all == 0 {
            return;
        }
        *self = self.faded(hour);
        self.hours += 1.0;
        self.all += trial.all as f64;
        self.by_score += trial.by_score as f64;
        self.by_hour += trial.by_hour as f64;
        self.variance += trial.apart;
    }

    /// Is what is wanted known better by the time of day than by what was wanted lately?
    ///
    /// It need not be other keys: after a quiet night the morning of the day before tells more than the last hours.
    ///
    /// Better beyond chance, too, as in McNemar's test (Psychometrika 1947): accesses that both cover, or neither, say
    /// nothing of which is better, and if neither is, each of the others falls on one side or the other like a coin.
    pub(super) fn is_daily(&self) -> bool {
        let more = self.by_hour - self.by_score;
        self.hours >= ENOUGH && more >= MORE * self.all && more > BEYOND_CHANCE * self.variance.sqrt()
    }

    /// The part of all accesses that each forecast has covered: by score, by hour.
    pub(super) fn coverage(&self) -> (f64, f64) {
        let all = self.all.max(1.0);
        (self.by_score / all, self.by_hour / all)
    }

    pub(super) const fn hours(&self) -> f64 {
        self.hours
    }

    /// Of what two nodes have seen, the longer experience: added up, the same would count twice.
    pub(super) fn or(self, other: Self) -> Self {
        let hour = self.hour.max(other.hour);
        let (a, b) = (self.faded(hour), other.faded(hour));
        let order = |(a, b): (f64, f64)| a.total_cmp(&b);
        let of = |j: &Self| [j.hours, j.all, j.by_hour, j.by_score, j.variance];
        let more = of(&a).into_iter().zip(of(&b)).map(order).find(|order| order.is_ne());
        if more.is_some_and(Ordering::is_lt) { b } else { a }
    }

    /// As it was saved, or nothing at all if it cannot have been.
    pub(super) fn sane(self, now: u64) -> Self {
        let Self { hour, hours, all, by_score, by_hour, variance } = self;
        let within = |value: f64, most: f64| (0.0..=most).contains(&value);
        let fine = within(hours, ALL) && within(all, 1e18) && within(variance, 1e30);
        let fine = fine && within(by_score, all) && within(by_hour, all);
        if fine { Self { hour: hour.min(now), ..self } } else { Self::default() }
    }

    /// What it is worth in a later hour.
    fn faded(self, hour: u64) -> Self {
        let left = (-(hour.saturating_sub(self.hour) as f64) / HALF_LIFE).exp2();
        Self {
            hour,
            hours: self.hours * left,
            all: self.all * left,
            by_score: self.by_score * left,
            by_hour: self.by_hour * left,
            variance: self.variance * left * left,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(both: u32, by_score: u32, by_hour: u32) -> Trial {
        let mut trial = Trial::new(["both", "score"].into_iter(), vec!["both", "hour"]);
        for (text, n) in [("both", both), ("score", by_score), ("hour", by_hour), ("neither", 10)] {
            (0..n).for_each(|_| trial.count(trial.sides(text), 1));
        }
        trial
    }

    fn after(hours: u64, trial: &Trial) -> Judged {
        let mut judged = Judged::default();
        (0..hours).for_each(|n| judged.learn(400_000 + n, trial));
        judged
    }

    #[test]
    fn a_better_forecast_is_believed_after_most_of_a_day() {
        let better = hour(50, 5, 30);
        assert!(!after(12, &better).is_daily());
        assert!(after(24, &better).is_daily());
    }

    #[test]
    fn one_that_is_hardly_better_or_better_by_chance_is_not() {
        assert!(!after(100, &hour(1_000, 0, 15)).is_daily());
        assert!(!after(100, &hour(50, 8, 10)).is_daily());
        assert!(!after(100, &hour(50, 30, 5)).is_daily());
    }

    #[test]
    fn what_was_once_so_is_forgotten() {
        let mut judged = after(48, &hour(50, 0, 30));
        assert!(judged.is_daily());
        (48..192).for_each(|n| judged.learn(400_000 + n, &hour(50, 10, 10)));
        assert!(!judged.is_daily());
    }

    #[test]
    fn an_hour_without_an_access_says_nothing() {
        let mut judged = after(24, &hour(50, 5, 30));
        let before = judged;
        judged.learn(400_030, &Trial::default());
        assert_eq!(judged, before);
    }

    #[test]
    fn the_longer_experience_is_kept_whoever_comes_first() {
        let (long, short) = (after(30, &hour(50, 5, 30)), after(20, &hour(50, 30, 5)));
        assert_eq!(long.or(short), short.or(long));
        assert_eq!(long.or(short), long);
        assert_eq!(long.or(long), long);
    }
}
