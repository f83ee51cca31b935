//! Which loads are too old to store what they made: their key's fence may have come and gone since they began.
//!
//! By a clock that goes on while the machine sleeps, as that of the server does, by which fences end.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::{Millis, millis};
use crate::group::Position;

/// How far the log was at times past.
#[derive(Debug)]
pub(super) struct Ages {
    places: VecDeque<(Millis, Position)>,
    looked: Option<Millis>,
    /// A load of this age is too old: half of what a fence stands.
    most: Millis,
}

/// Which loads may store what they made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Young {
    All,
    /// Those that knew the log at least so far.
    Since(Position),
    /// None: nobody has looked at the log for so long that a whole fence may have been missed.
    Nobody,
}

impl Ages {
    pub(super) fn new(fence: Duration) -> Self {
        Self { places: VecDeque::new(), looked: None, most: millis(fence) / 2 }
    }

    /// The log was looked at, and goes so far.
    pub(super) fn note(&mut self, now: Millis, top: Position) {
        let missed = self.was_blind(now);
        self.looked = Some(now);
        if missed {
            // Who knew less than what is there now may have begun before the fences that were missed.
            self.places.clear();
            self.places.push_back((now.saturating_sub(self.most + 1), top));
            return;
        }
        self.places.push_back((now, top));
        // One that is old enough stays in front.
        while self.places.get(1).is_some_and(|(at, _)| self.is_old(now, *at)) {
            self.places.pop_front();
        }
    }

    pub(super) fn young(&self, now: Millis) -> Young {
        if self.was_blind(now) {
            return Young::Nobody;
        }
        let old = self.places.iter().rev().find(|(at, _)| self.is_old(now, *at));
        old.map_or(Young::All, |(_, position)| Young::Since(*position))
    }

    fn is_old(&self, now: Millis, at: Millis) -> bool {
        now.saturating_sub(at) > self.most
    }

    /// As when the process was stopped, or the machine slept.
    fn was_blind(&self, now: Millis) -> bool {
        self.looked.is_some_and(|looked| now.saturating_sub(looked) > self.most / 2 * 3)
    }
}

impl Young {
    /// May a load that knew the log so far store what it made?
    pub(super) fn includes(self, birth: Position) -> bool {
        match self {
            Self::All => true,
            // Of another epoch nothing is known here; the server refuses it.
            Self::Since(floor) => floor.epoch != birth.epoch || birth.number >= floor.number,
            Self::Nobody => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(number: u64) -> Position {
        Position { epoch: 1, number }
    }

    #[test]
    fn a_load_that_began_too_long_ago_stores_nothing() {
        let mut ages = Ages::new(Duration::from_secs(60));
        assert!(ages.young(0).includes(at(0)), "nothing is known yet");
        (0..100).for_each(|second| ages.note(second * 1_000, at(second)));
        let young = ages.young(100_000);
        assert!(young.includes(at(70)) && !young.includes(at(68)), "{young:?}");
        assert!(young.includes(Position { epoch: 2, number: 0 }));
        assert!(ages.places.len() < 33, "what is older is not kept: {}", ages.places.len());
    }

    #[test]
    fn after_a_sleep_only_what_began_since_is_stored() {
        let mut ages = Ages::new(Duration::from_secs(60));
        ages.note(0, at(5));
        ages.note(1_000, at(5));
        let awake = 3_601_000;
        assert_eq!(ages.young(awake), Young::Nobody, "not before somebody has looked");
        // While it slept two keys were invalidated, and their fences have ended.
        ages.note(awake, at(7));
        let young = ages.young(awake + 1);
        assert!(!young.includes(at(5)) && !young.includes(at(6)) && young.includes(at(7)), "{young:?}");
        ages.note(awake + 1_000, at(9));
        assert!(ages.young(awake + 1_001).includes(at(7)), "as ever");
    }
}
