//! What is usual at this time of the week, and what is not.
//!
//! For each hour of the day a mean and a mean deviation, both forgetting exponentially; where an hour is not known after a
//! day, those of all hours stand in for it. The same for each hour of the week: after one week what was usual at this hour
//! then is no news either, and after two the hour of the week alone decides, so that Saturdays are compared with Saturdays.
//! In the first week a site that rests at weekends may be called strange; hours and days are those of UTC.
//!
//! What lies far outside counts as a deviation, and is taken into the means only as far as what is still usual: one bad
//! afternoon does not become the norm, and a change that stays does, in time.
//!
//! A baseline takes 2.4 KB: 193 times a mean, a deviation and a count.

use crate::clock::Millis;

pub(super) const HOUR: Millis = 3_600_000;
/// The hours of a week.
const WEEK: usize = 7 * 24;
/// So many values make an hour of the day known, and so many the whole: a day of them.
const KNOWN: u16 = 12;
const DAY: u16 = 288;
/// Half an hour of one week, and more than one week can give: two.
const ONE_WEEK: u16 = 6;
const TWO_WEEKS: u16 = 16;
/// An hour of one week gives so many values at most.
const AN_HOUR: usize = 14;
/// What a new value weighs at least.
const LEAST_WEIGHT: f32 = 0.05;
/// So many mean deviations away is far.
const FAR: f64 = 5.0;

/// How values are spread. Small, because there are many.
#[derive(Debug, Clone, Copy, Default)]
struct Spread {
    mean: f32,
    deviation: f32,
    count: u16,
}

/// What is usual.
#[derive(Debug, Clone)]
pub(super) struct Baseline {
    week: [Spread; WEEK],
    hours: [Spread; 24],
    all: Spread,
    /// The hour that is not over yet, and its values: it is judged by former weeks, and not by itself.
    open: (Millis, Vec<f32>),
}

/// What is at least unusual, whatever was seen so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Margin {
    /// As a part of what is usual.
    pub(super) relative: f64,
    pub(super) absolute: f64,
}

/// How far a value lies from the mean, and the last that would not be far.
#[derive(Debug, Clone, Copy)]
struct Off {
    by: f64,
    edge: f64,
}

impl Spread {
    /// Is this value far?
    fn far(self, value: f64, margin: Margin) -> Option<Off> {
        let (mean, deviation) = (f64::from(self.mean), f64::from(self.deviation));
        let limit = (FAR * deviation).max(margin.relative * mean.abs()).max(margin.absolute);
        let by = value - mean;
        (by.abs() > limit).then_some(Off { by, edge: mean + limit.copysign(by) })
    }

    #[allow(clippy::cast_possible_truncation, reason = "seven digits are enough for a mean")]
    fn learn(&mut self, value: f64, is_usual: bool) {
        self.count = self.count.saturating_add(1);
        let weight = (1.0 / f32::from(self.count)).max(LEAST_WEIGHT);
        let off = value as f32 - self.mean;
        self.mean += weight * off;
        // What is far off says nothing of how far what is usual is spread: else a few such values would make it usual.
        if is_usual {
            self.deviation += weight * (off.abs() - self.deviation);
        }
    }
}

impl Default for Baseline {
    fn default() -> Self {
        let none = Spread::default();
        Self { week: [none; WEEK], hours: [none; 24], all: none, open: (0, Vec::new()) }
    }
}

impl Baseline {
    /// What is usual at this time; nothing while too little is known.
    pub(super) fn usual(&self, at: Millis) -> Option<f64> {
        let week = Some(self.week[hour_of_week(at)]).filter(|week| week.count >= ONE_WEEK);
        week.or_else(|| self.by_day(at)).map(|spread| f64::from(spread.mean))
    }

    /// What is known of the hour of the day, or else of all hours.
    fn by_day(&self, at: Millis) -> Option<Spread> {
        let known = |spread: Spread, least| Some(spread).filter(|spread| spread.count >= least);
        known(self.hours[hour_of(at)], KNOWN + 1).or_else(|| known(self.all, DAY))
    }

    /// Takes in what was measured. How far it lies from what is usual, if that is far: above, or below 0 beneath.
    pub(super) fn learn(&mut self, value: f64, at: Millis, margin: Margin) -> Option<f64> {
        self.open_hour(at, margin);
        let (week, by_day) = (self.week[hour_of_week(at)], self.by_day(at));
        let far_by_day = by_day.and_then(|spread| spread.far(value, margin));
        let told = match (week.count, week.far(value, margin), far_by_day) {
            (TWO_WEEKS.., by_week, _) => by_week.map(|off| off.by),
            // Far from what is usual at this hour of the day, and of the week, and not between the two.
            (ONE_WEEK.., Some(week), Some(day)) if (week.by > 0.0) == (day.by > 0.0) => {
                Some(if week.by.abs() < day.by.abs() { week.by } else { day.by })
            }
            (ONE_WEEK.., ..) => None,
            (_, _, by_day) => by_day.map(|off| off.by),
        };
        let taken = far_by_day.map_or(value, |off| off.edge);
        self.hours[hour_of(at)].learn(taken, far_by_day.is_none());
        self.all.learn(taken, far_by_day.is_none());
        if self.open.1.len() < AN_HOUR {
            #[allow(clippy::cast_possible_truncation, reason = "seven digits are enough for a mean")]
            self.open.1.push(value as f32);
        }
        told
    }

    /// An hour begins: the one before it is learned.
    fn open_hour(&mut self, at: Millis, margin: Margin) {
        let (hour, former) = (at / HOUR, self.open.0);
        if hour == former {
            return;
        }
        self.open.0 = hour;
        let week = &mut self.week[hour_of_week(former * HOUR)];
        for value in self.open.1.drain(..).map(f64::from) {
            // Before it decides it takes everything as it comes: what a Saturday is like is not known yet.
            let far = week.far(value, margin).filter(|_| week.count >= TWO_WEEKS);
            week.learn(far.map_or(value, |off| off.edge), far.is_none());
        }
    }
}

pub(super) fn hour_of(at: Millis) -> usize {
    usize::try_from(at / HOUR % 24).unwrap_or(0)
}

fn hour_of_week(at: Millis) -> usize {
    usize::try_from(at / HOUR % WEEK as Millis).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    const MARGIN: Margin = Margin { relative: 0.0, absolute: 0.1 };
    const STEP: Millis = 300_000;

    /// So many days of a value that follows the hour, with some noise.
    fn days(baseline: &mut Baseline, chance: &Chance, from: u64, days: u64, value: impl Fn(u64) -> f64) -> usize {
        (from..from + days).map(|day| one_day(baseline, chance, day, &value)).sum()
    }

    fn one_day(baseline: &mut Baseline, chance: &Chance, day: u64, value: impl Fn(u64) -> f64) -> usize {
        let is_news = |step: &u64| {
            let noise = (chance.part() - 0.5) * 0.06;
            baseline.learn(value(step / 12 % 24) + noise, step * STEP, MARGIN).is_some()
        };
        (day * 288..(day + 1) * 288).filter(is_news).count()
    }

    /// Day 0 is a Thursday.
    fn is_weekend(day: u64) -> bool {
        matches!(day % 7, 2 | 3)
    }

    /// So many days of a site that rests at the weekend: by day, how often that was news.
    fn weeks(baseline: &mut Baseline, chance: &Chance, from: u64, days: u64) -> Vec<usize> {
        let value = |day: u64, hour: u64| if !is_weekend(day) && (7..19).contains(&hour) { 0.9 } else { 0.4 };
        (from..from + days).map(|day| one_day(baseline, chance, day, |hour| value(day, hour))).collect()
    }

    #[test]
    fn a_daily_pattern_is_usual_and_a_break_in_it_is_not() {
        let (mut baseline, chance) = (Baseline::default(), Chance::new(7));
        let daily = |hour: u64| if (8..20).contains(&hour) { 0.9 } else { 0.4 };
        days(&mut baseline, &chance, 0, 2, daily);
        assert_eq!(days(&mut baseline, &chance, 2, 5, daily), 0, "the same each day");
        let night = 7 * 24 * HOUR;
        assert!(baseline.learn(0.9, night, MARGIN).is_some_and(|off| off > 0.4), "the day's value at night");
        let noon = night + 12 * HOUR;
        assert!(baseline.learn(0.4, noon, MARGIN).is_some_and(|off| off < -0.4), "the night's value by day");
        assert!(baseline.usual(noon).is_some_and(|usual| (usual - 0.9).abs() < 0.05));
    }

    /// Whatever day it begins on: in its first week a weekend is news, and never again.
    #[test]
    fn a_weekend_unlike_the_week_is_news_in_the_first_week_only() {
        let mut at_first = 0;
        for first in 0..7 {
            let (mut baseline, chance) = (Baseline::default(), Chance::new(first));
            let news = weeks(&mut baseline, &chance, first, 42);
            at_first += news[..7].iter().sum::<usize>();
            assert_eq!(news[7..].iter().sum::<usize>(), 0, "from day {first} on: {news:?}");
        }
        assert!(at_first > 100, "nobody knows of weekends yet: {at_first}");
    }

    #[test]
    fn what_breaks_the_week_is_news() {
        let (mut baseline, chance) = (Baseline::default(), Chance::new(5));
        weeks(&mut baseline, &chance, 0, 28);
        let noon = |day: u64| (28 + day) * 24 * HOUR + 12 * HOUR;
        let mut learn = |value, at| baseline.learn(value, at, MARGIN);
        assert!(learn(0.4, noon(1)).is_some_and(|off| off < -0.4), "a Friday like a Saturday");
        assert!(learn(0.9, noon(2)).is_some_and(|off| off > 0.4), "a Saturday like a Friday");
        assert!(learn(0.9, noon(5)).is_none() && learn(0.4, noon(9)).is_none(), "and else all is as it was");
        assert!(baseline.usual(noon(9)).is_some_and(|usual| (usual - 0.4).abs() < 0.05));
    }

    /// In the second week a value is compared with the last week and with other days, and is news if it is like neither.
    #[test]
    fn in_the_second_week_what_is_like_no_day_is_news() {
        let (mut baseline, chance) = (Baseline::default(), Chance::new(5));
        weeks(&mut baseline, &chance, 0, 9);
        let saturday = 9 * 24 * HOUR + 12 * HOUR;
        let mut learn = |value| baseline.learn(value, saturday, MARGIN);
        assert_eq!((learn(0.4), learn(0.65)), (None, None), "as on Saturday; between Saturday and Friday");
        assert!(learn(0.1).is_some_and(|off| off < -0.2), "as never before");
    }

    /// An outage that begins within an hour does not become usual within it.
    #[test]
    fn an_hour_is_not_judged_by_itself() {
        let (mut baseline, chance) = (Baseline::default(), Chance::new(5));
        days(&mut baseline, &chance, 0, 5, |_| 0.9);
        let at = 5 * 24 * HOUR;
        assert!((0..12).all(|step| baseline.learn(0.2, at + step * STEP, MARGIN).is_some()));
    }

    #[test]
    fn a_baseline_is_small() {
        let bytes = size_of::<Baseline>() + AN_HOUR * size_of::<f32>();
        assert!(bytes <= 2_450, "{bytes}");
    }

    #[test]
    fn one_bad_hour_is_not_the_norm_and_what_stays_becomes_it() {
        let (mut baseline, chance) = (Baseline::default(), Chance::new(3));
        days(&mut baseline, &chance, 0, 3, |_| 0.9);
        let at = 3 * 24 * HOUR;
        for step in 0..12 {
            assert!(baseline.learn(0.2, at + step * STEP, MARGIN).is_some(), "also after {step} of them");
        }
        let news = days(&mut baseline, &chance, 4, 20, |_| 0.2);
        assert!(news > 100);
        assert_eq!(days(&mut baseline, &chance, 24, 3, |_| 0.2), 0, "after weeks it is usual");
    }

    #[test]
    fn of_little_nothing_is_said() {
        let mut baseline = Baseline::default();
        assert!((0..=KNOWN).all(|step| baseline.learn(f64::from(step % 2), u64::from(step) * STEP, MARGIN).is_none()));
        assert_eq!(Baseline::default().usual(0), None);
    }
}
