//! How often predictions came true, by the evidence they were made on.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// By how many keys a prediction was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    One,
    Two,
}

impl Order {
    pub(super) const BOTH: [Self; 2] = [Self::One, Self::Two];
}

/// Steps ahead: the next, a few, more.
const STEPS: usize = 3;
/// Sightings: few, many.
const COUNTS: usize = 2;
/// Eighths of confidence.
const PARTS: usize = 8;
const CLASSES: usize = 2 * STEPS * COUNTS * PARTS;

/// Past this many outcomes the older ones count half.
const MOST: u16 = 256;
/// Outcomes that are taken to have been wrong before the first: a class proves itself before it is trusted.
const DOUBT: u16 = 2;

/// With fewer outcomes than this each is still of interest.
const FEW: u16 = 64;

/// What outcomes say of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    Proved,
    Open,
    Refuted,
}

/// One kind of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class(u8);

impl Class {
    /// The evidence of a pair that was seen so often, so many steps ahead, and how sure that makes.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of one; less than 96")]
    pub(super) fn new(order: Order, step: usize, count: u8, confidence: f32) -> Self {
        let step = match step {
            0 => 0,
            1..=3 => 1,
            _ => STEPS - 1,
        };
        let count = match count {
            0..=4 => 0,
            _ => COUNTS - 1,
        };
        let part = ((confidence * PARTS as f32) as usize).min(PARTS - 1);
        Self((((order as usize * STEPS + step) * COUNTS + count) * PARTS + part) as u8)
    }
}

/// The precision of each class, learned from outcomes. Races lose an outcome, nothing else.
#[derive(Debug)]
pub(super) struct Classes([AtomicU32; CLASSES]);

impl Default for Classes {
    fn default() -> Self {
        Self([const { AtomicU32::new(0) }; CLASSES])
    }
}

impl Classes {
    fn of(&self, class: Class) -> (&AtomicU32, u16, u16) {
        let cell = &self.0[usize::from(class.0) % CLASSES];
        let both = cell.load(Relaxed);
        #[allow(clippy::cast_possible_truncation, reason = "the halves")]
        let (right, all) = ((both >> 16) as u16, both as u16);
        (cell, right, all)
    }

    pub(super) fn judge(&self, class: Class, came_true: bool) {
        let (cell, mut right, mut all) = self.of(class);
        if all >= MOST {
            (right, all) = (right / 2, all / 2);
        }
        (right, all) = (right + u16::from(came_true), all + 1);
        cell.store(u32::from(right) << 16 | u32::from(all), Relaxed);
    }

    /// All evidence of this order has to prove itself anew.
    pub(super) fn forget(&self, order: Order) {
        let (each, from) = (CLASSES / 2, order as usize * CLASSES / 2);
        self.0.iter().skip(from).take(each).for_each(|cell| cell.store(0, Relaxed));
    }

    /// Does this class come true often enough?
    pub(super) fn trust(&self, class: Class, precision: f32) -> Trust {
        let (_, right, all) = self.of(class);
        if f32::from(right) >= precision * f32::from(all + DOUBT) {
            Trust::Proved
        } else if all < FEW {
            Trust::Open
        } else {
            Trust::Refuted
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(classes: &Classes, class: Class, right: usize, wrong: usize) {
        (0..right).for_each(|_| classes.judge(class, true));
        (0..wrong).for_each(|_| classes.judge(class, false));
    }

    #[test]
    fn a_class_is_trusted_once_it_has_proved_itself_and_while_it_does() {
        let (classes, class) = (Classes::default(), Class::new(Order::Two, 3, 5, 0.7));
        assert_eq!(classes.trust(class, 0.8), Trust::Open);
        judge(&classes, class, 7, 0);
        assert_eq!(classes.trust(class, 0.8), Trust::Open);
        judge(&classes, class, 1, 0);
        assert_eq!(classes.trust(class, 0.8), Trust::Proved);
        judge(&classes, class, 1_000, 100);
        assert_eq!(classes.trust(class, 0.8), Trust::Refuted);
        judge(&classes, class, 1_000, 0);
        assert_eq!(classes.trust(class, 0.8), Trust::Proved);
    }

    #[test]
    fn one_order_is_forgotten_and_the_other_is_not() {
        let (classes, [one, two]) = (Classes::default(), Order::BOTH.map(|order| Class::new(order, 9, 9, 1.0)));
        [one, two].into_iter().for_each(|class| judge(&classes, class, 20, 0));
        classes.forget(Order::One);
        assert_eq!([one, two].map(|class| classes.trust(class, 0.8)), [Trust::Open, Trust::Proved]);
    }

    #[test]
    fn each_kind_of_evidence_has_its_class() {
        let mut all = std::collections::HashSet::new();
        for order in Order::BOTH {
            for (step, count) in [(0, 3), (0, 5), (1, 3), (1, 5), (4, 3), (4, 5)] {
                all.extend((0..8_u8).map(|part| Class::new(order, step, count, f32::from(part) / 8.0).0));
            }
        }
        assert_eq!(all.len(), CLASSES);
        assert!(all.iter().all(|&class| usize::from(class) < CLASSES));
        assert_eq!(Class::new(Order::Two, usize::MAX, u8::MAX, 9.0), Class::new(Order::Two, 4, 5, 1.0));
    }
}
