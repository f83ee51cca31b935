//! What is wanted at which time of day. Hours are those of a day in UTC.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::LONGEST;
use crate::clock::Millis;

const HOUR: Millis = 3_600_000;
const DAY: u64 = 24;
/// A key of which less is expected is forgotten: asked for once, it is for a day.
const FLOOR: f32 = 0.5;
/// No count is higher.
const HIGHEST: f32 = 1e12;
/// After so many days without anything, more make no difference.
const LONG_AGO: u64 = 64;
/// What is saved may be by so many days ahead of a node that is late. More than that is no day that has been.
const LATE: u64 = 2;

/// What is wanted in one hour of the day. It is saved.
#[derive(Debug, Clone, Default, PartialEq)]
#[cfg_attr(feature = "tiers", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Hour {
    /// Of the last counts, in days since the epoch.
    pub(crate) day: u64,
    /// Texts, what was expected of them before that day, and what was counted then; the most expected first.
    pub(crate) keys: Vec<(String, f32, f32)>,
}

/// An hour that is over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ended {
    /// Of the day.
    pub(crate) hour: u8,
    /// Since the epoch.
    pub(crate) day: u64,
    /// What was asked for, and how often; most often first.
    pub(crate) counts: Vec<(String, f32)>,
}

/// Hours since the epoch.
pub(super) const fn number(now: Millis) -> u64 {
    now / HOUR
}

/// Which part of the hour has passed.
pub(super) fn passed(now: Millis) -> f32 {
    (now % HOUR) as f32 / HOUR as f32
}

impl Ended {
    pub(super) const fn new(number: u64, counts: Vec<(String, f32)>) -> Self {
        Self { hour: (number % DAY) as u8, day: number / DAY, counts }
    }
}

impl Hour {
    /// Which hour of the day it is.
    pub(crate) const fn of_day(now: Millis) -> u8 {
        (number(now) % DAY) as u8
    }

    /// What is expected after this hour of one more day was counted, of at most so many keys.
    ///
    /// An average over days in which each counts half as much as the day after it. The same day once more is another
    /// node's count of it: nodes share the accesses of a site, and the higher of their counts is taken, so that saying it
    /// twice changes nothing.
    pub(crate) fn with(self, day: u64, counts: &[(String, f32)], most: usize) -> Self {
        if self.day > day && self.day - day <= LATE {
            return self;
        }
        let mut keys: HashMap<&str, (f32, f32)> = HashMap::new();
        let left = self.left(day);
        for (text, past, last) in self.sane().take(most) {
            let aged = left.map_or((past, last), |left| (expectation(past, last) * left, 0.0));
            take_higher(keys.entry(text).or_default(), aged);
        }
        for (text, count) in counts.iter().filter(|(text, count)| is_sane(text, *count)) {
            take_higher(keys.entry(text).or_default(), (0.0, count.min(HIGHEST)));
        }
        let mut keys: Vec<_> = keys.into_iter().map(|(text, (past, last))| (text, past, last)).collect();
        keys.retain(|(_, past, last)| expectation(*past, *last) >= FLOOR);
        keys.sort_unstable_by(|a, b| more((a.0, expectation(a.1, a.2)), (b.0, expectation(b.1, b.2))));
        keys.truncate(most);
        let keys = keys.into_iter().map(|(text, past, last)| (text.to_owned(), past, last)).collect();
        Self { day, keys }
    }

    /// What is left on another day of what was expected for the one after this: half for each day that was left out.
    fn left(&self, day: u64) -> Option<f32> {
        let days = match day.cmp(&self.day) {
            Ordering::Equal => return None,
            Ordering::Greater => (day - self.day - 1).min(LONG_AGO),
            Ordering::Less => 0,
        };
        Some((-(days as f32)).exp2())
    }

    /// The keys without those that cannot have been saved.
    fn sane(&self) -> impl Iterator<Item = (&str, f32, f32)> {
        let sane = self.keys.iter().filter(|(text, past, last)| is_sane(text, *past) && is_sane(text, *last));
        sane.map(|(text, past, last)| (text.as_str(), past.min(HIGHEST), last.min(HIGHEST)))
    }
}

fn is_sane(text: &str, count: f32) -> bool {
    text.len() <= LONGEST && count.is_finite() && count >= 0.0
}

/// How often a key is expected to be asked for.
const fn expectation(past: f32, last: f32) -> f32 {
    f32::midpoint(past, last)
}

fn take_higher(of: &mut (f32, f32), other: (f32, f32)) {
    *of = (of.0.max(other.0), of.1.max(other.1));
}

fn more(a: (&str, f32), b: (&str, f32)) -> Ordering {
    b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0))
}

/// The texts most expected in an hour that begins now, of which one part is of this hour of the day and the other, the
/// part of this one that has passed, of the next.
pub(super) fn expected<'a>(this: Option<&'a Hour>, next: Option<&'a Hour>, passed: f32, most: usize) -> Vec<&'a str> {
    let mut all: HashMap<&str, (f32, f32)> = HashMap::new();
    for (text, past, last) in this.into_iter().flat_map(Hour::sane) {
        take_higher(all.entry(text).or_default(), (expectation(past, last) * (1.0 - passed), 0.0));
    }
    for (text, past, last) in next.into_iter().flat_map(Hour::sane) {
        take_higher(all.entry(text).or_default(), (0.0, expectation(past, last) * passed));
    }
    let mut all: Vec<_> = all.into_iter().map(|(text, (this, next))| (text, this + next)).collect();
    all.retain(|(_, expected)| *expected > 0.0);
    all.sort_unstable_by(|a, b| more(*a, *b));
    all.into_iter().take(most).map(|(text, _)| text).collect()
}

/// Those, and as many of these as there is room for. None twice.
pub(super) fn filled<'a>(first: Vec<&'a str>, then: impl Iterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let mut named: HashSet<&str> = HashSet::new();
    first.into_iter().chain(then).filter(|text| named.insert(text)).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, f32)]) -> Vec<(String, f32)> {
        counts.iter().map(|(text, count)| ((*text).to_owned(), *count)).collect()
    }

    fn of(hour: &Hour, text: &str) -> Option<f32> {
        hour.keys.iter().find(|key| key.0 == text).map(|(_, past, last)| expectation(*past, *last))
    }

    #[test]
    fn a_day_counts_half_as_much_as_the_day_after_it() {
        let day = |hour: Hour, day, n| hour.with(day, &counts(&[("a", n)]), 10);
        let hour = day(day(day(Hour::default(), 100, 800.0), 101, 400.0), 102, 0.0);
        assert_eq!(of(&hour, "a"), Some(200.0));
    }

    #[test]
    fn days_left_out_are_days_without_an_access() {
        let first = Hour::default().with(100, &counts(&[("a", 800.0)]), 10);
        let none = first.clone().with(101, &[], 10).with(102, &[], 10).with(103, &[], 10);
        assert_eq!(first.clone().with(103, &[], 10), none);
        assert_eq!(of(&none, "a"), Some(50.0));
        assert_eq!(first.with(u64::MAX, &[], 10).keys, []);
    }

    #[test]
    fn two_nodes_count_the_same_hour_in_any_order_and_twice() {
        let before = Hour::default().with(100, &counts(&[("a", 10.0), ("b", 20.0)]), 10);
        let (one, two) = (counts(&[("a", 8.0), ("c", 2.0)]), counts(&[("a", 6.0), ("b", 30.0)]));
        let hour = before.clone().with(101, &one, 10).with(101, &two, 10);
        assert_eq!(hour, before.with(101, &two, 10).with(101, &one, 10));
        assert_eq!(hour, hour.clone().with(101, &one, 10));
        assert_eq!(hour.keys[0], ("b".to_owned(), 10.0, 30.0));
        assert_eq!(of(&hour, "a"), Some(6.5));
    }

    #[test]
    fn what_is_hardly_asked_for_any_more_vanishes_and_there_is_an_end_to_it() {
        let many: Vec<_> = (0..100_u16).map(|n| (n.to_string(), f32::from(n))).collect();
        let hour = Hour::default().with(100, &many, 10);
        let texts: Vec<_> = hour.keys.iter().map(|key| key.0.as_str()).collect();
        assert_eq!(texts, ["99", "98", "97", "96", "95", "94", "93", "92", "91", "90"]);
        assert!(hour.with(107, &[], 10).keys.is_empty());
    }

    #[test]
    fn a_node_that_is_late_changes_nothing_and_a_day_that_never_was_is_no_hindrance() {
        let hour = Hour::default().with(100, &counts(&[("a", 8.0)]), 10);
        assert_eq!(hour.clone().with(99, &counts(&[("b", 9.0)]), 10), hour);
        let absurd = Hour { day: u64::MAX, ..hour };
        let after = absurd.with(101, &counts(&[("b", 8.0)]), 10);
        assert_eq!((after.day, of(&after, "a"), of(&after, "b")), (101, Some(2.0), Some(4.0)));
    }

    #[test]
    fn what_cannot_have_been_saved_is_passed_over() {
        let mut keys: Vec<_> = [f32::NAN, f32::INFINITY, -1.0, f32::NEG_INFINITY]
            .into_iter()
            .flat_map(|bad| [("bad".to_owned(), bad, 1.0), ("bad".to_owned(), 1.0, bad)])
            .collect();
        keys.extend([("twice".to_owned(), 4.0, 4.0), ("twice".to_owned(), 8.0, 8.0), ("x".repeat(1_025), 9.0, 9.0)]);
        keys.push(("high".to_owned(), f32::MAX, f32::MAX));
        let hour = Hour { day: 100, keys };
        assert_eq!(expected(Some(&hour), Some(&hour), 0.5, 10), ["high", "twice"]);
        let hour = hour.with(100, &counts(&[("nan", f32::NAN), ("minus", -1.0)]), 10);
        assert_eq!(hour.keys, [("high".to_owned(), HIGHEST, HIGHEST), ("twice".to_owned(), 8.0, 8.0)]);
    }

    #[test]
    fn the_next_hour_counts_as_far_as_this_one_has_passed() {
        let this = Hour::default().with(100, &counts(&[("this", 8.0), ("both", 5.0)]), 10);
        let next = Hour::default().with(100, &counts(&[("next", 8.0), ("both", 5.0)]), 10);
        let at = |passed, most| expected(Some(&this), Some(&next), passed, most);
        assert_eq!(at(0.0, 9), ["this", "both"]);
        assert_eq!(at(0.25, 2), ["this", "both"]);
        assert_eq!(at(0.5, 9), ["both", "next", "this"]);
        assert_eq!(at(0.9, 2), ["next", "both"]);
    }
}
