//! The same statement again and again within one task or request: most often a loop around what one statement could
//! answer.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::clock::Millis;
use crate::flight::Caller;

/// So many callers and statements are watched at a time; of two that share a place the later is.
const PLACES: usize = 4_096;
/// So often is a repeat, if nothing else is said.
pub(in crate::database) const MANY: u32 = 5;
/// What is further apart than this has nothing to do with each other, but in a request: that is one thing, however long
/// it takes. Of a task, which may go on for ever, it is the time from one call to the next.
const WINDOW: Millis = 1_000;
/// Time is counted in so many milliseconds, and begins anew after half a day.
const TICK: Millis = 64;
const TICKS: u64 = 1 << 20;
const MOST: u64 = (1 << 12) - 1;

/// Counts calls of one statement by one caller. A fixed table, without locks; where two callers meet in one place a count is
/// lost, and never one too many.
///
/// Each place is one word: 32 bits of whose it is, 20 of when it began or went on, 12 of how often.
#[derive(Debug)]
pub(super) struct Repeats {
    places: Box<[AtomicU64]>,
    seed: RandomState,
    /// So often is a repeat; 0: nothing is.
    many: u64,
}

impl Repeats {
    pub(super) fn new(many: u32) -> Self {
        let places = (0..PLACES).map(|_| AtomicU64::new(0)).collect();
        Self { places, seed: RandomState::new(), many: u64::from(many).min(MOST) }
    }

    /// One more call; says the how manieth it is within the time that counts.
    pub(super) fn call(&self, caller: Caller, statement: usize, now: Millis) -> u64 {
        let hash = self.seed.hash_one((caller, statement));
        let (whose, tick) = (hash >> 32, (now / TICK) % TICKS);
        let Some(place) = self.places.get(hash as usize % PLACES) else { return 0 };
        let word = place.load(Relaxed);
        let (begun, count) = ((word >> 12) % TICKS, word & MOST);
        let near = matches!(caller, Caller::Request(_)) || (tick + TICKS - begun) % TICKS <= WINDOW / TICK;
        let same = word >> 32 == whose && count > 0 && near;
        let (begun, count) = match caller {
            _ if !same => (tick, 1),
            Caller::Task(_) => (tick, (count + 1).min(MOST)),
            Caller::Request(_) | Caller::Thread(_) => (begun, (count + 1).min(MOST)),
        };
        place.store(whose << 32 | begun << 12 | count, Relaxed);
        count
    }

    /// Is it to be told that this was the how manieth? At first, and then less and less often.
    pub(super) const fn is_told(&self, count: u64) -> bool {
        self.is_first(count) || (self.many > 0 && count > self.many && count.is_power_of_two())
    }

    /// Is it a repeat from now on?
    pub(super) const fn is_first(&self, count: u64) -> bool {
        self.many > 0 && count == self.many
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(repeats: &Repeats, caller: Caller, start: Millis, step: Millis) -> u64 {
        (0..20).map(|call| repeats.call(caller, 7, start + call * step)).max().unwrap_or(0)
    }

    fn thread() -> Caller {
        Caller::Thread(std::thread::current().id())
    }

    #[test]
    fn calls_of_one_caller_are_counted() {
        let repeats = Repeats::new(MANY);
        assert_eq!(times(&repeats, Caller::Request(1), 1_000_000, 1), 20);
        assert!(repeats.is_told(5) && !repeats.is_told(6) && repeats.is_told(8));
    }

    #[test]
    fn calls_of_different_callers_or_statements_are_not_added_up() {
        let repeats = Repeats::new(MANY);
        let many = (0..1_000).map(|caller| repeats.call(Caller::Request(caller), 7, 5)).max();
        assert_eq!(many, Some(1));
        let repeats = Repeats::new(MANY);
        let many = (0..1_000).map(|statement| repeats.call(Caller::Request(1), statement, 5)).max();
        assert_eq!(many, Some(1));
    }

    #[test]
    fn a_loop_that_waits_between_its_rounds_is_none() {
        assert_eq!(times(&Repeats::new(MANY), thread(), 1_000_000, 500), 3);
        assert!(times(&Repeats::new(MANY), thread(), 1_000_000, 300) < u64::from(MANY));
    }

    #[test]
    fn a_request_is_one_thing_however_long_it_takes() {
        assert_eq!(times(&Repeats::new(MANY), Caller::Request(1), 1_000_000, 3_000), 20);
    }

    #[tokio::test]
    async fn a_task_goes_on_for_ever_but_a_loop_of_slow_queries_in_it_is_one() {
        let task = tokio::spawn(std::future::ready(())).id();
        assert_eq!(times(&Repeats::new(MANY), Caller::Task(task), 1_000_000, 300), 20);
        assert_eq!(times(&Repeats::new(MANY), Caller::Task(task), 1_000_000, 1_500), 1);
    }

    #[test]
    fn time_that_begins_anew_is_no_hindrance() {
        let repeats = Repeats::new(MANY);
        assert_eq!(times(&repeats, thread(), TICKS * TICK - 10, 1), 20);
    }
}
