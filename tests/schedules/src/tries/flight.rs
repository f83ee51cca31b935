//! One load for all who want it, whoever leaves, and none from before an invalidation.

use std::sync::Arc;

use shuttle::future::{block_on, spawn};
use shuttle::thread;

use super::world::{Without, World};
use super::{breaks, holds, pause};
use crate::flight::{Boarded, Flight, FlightId, Landing, Told};
use crate::sync::atomic::Ordering::SeqCst;
use crate::sync::{Condvar, Mutex};

fn three_callers(without: Without) {
    let world = World::new(without);
    let calls: Vec<_> = (0..3).map(|_| spawn(Arc::clone(&world).call())).collect();
    for call in calls {
        assert_eq!(block_on(call).expect("no call is aborted"), 0);
    }
    assert_eq!(world.loads.load(SeqCst), 1, "loads of one key that nobody invalidated");
    assert!(matches!(world.take_place(), Boarded::Lead(_)), "the key was not freed");
}

#[test]
fn callers_of_one_key_share_one_load() {
    holds("one load", || three_callers(Without::Nothing));
}

#[test]
fn a_load_that_does_not_look_again_is_found() {
    breaks("near is not looked at again", || three_callers(Without::LookAgain));
}

/// One calls before the source changes and one after.
fn a_call_after_an_invalidation(without: Without) {
    let world = World::new(without);
    let before = spawn(Arc::clone(&world).call());
    let writer = Arc::clone(&world);
    let changed = thread::spawn(move || {
        pause();
        writer.change();
    });
    let other = spawn(Arc::clone(&world).call());
    changed.join().expect("the writer ends");
    let after = block_on(Arc::clone(&world).call());
    assert_eq!(after, 1, "a call that began after the invalidation got what was there before it");
    block_on(before).expect("no call is aborted");
    block_on(other).expect("no call is aborted");
    assert_eq!(block_on(Arc::clone(&world).call()), 1, "what was there before came back");
}

#[test]
fn after_an_invalidation_nobody_joins_the_old_flight() {
    holds("no old flight", || a_call_after_an_invalidation(Without::Nothing));
}

#[test]
fn an_old_flight_that_may_be_joined_is_found() {
    breaks("any flight is joined", || a_call_after_an_invalidation(Without::Joinable));
}

#[test]
fn a_birth_taken_after_the_source_was_read_is_found() {
    breaks("a late birth", || a_call_after_an_invalidation(Without::Birth));
}

/// The one who leads goes away, at any of its waits, and two others want the value.
fn a_leader_who_leaves() {
    let world = World::new(Without::Nothing);
    let leader = spawn(Arc::clone(&world).call());
    let others: Vec<_> = (0..2).map(|_| spawn(Arc::clone(&world).call())).collect();
    pause();
    leader.abort();
    for other in others {
        assert_eq!(block_on(other).expect("only the leader is aborted"), 0);
    }
    assert_eq!(world.loads.load(SeqCst), 1, "a load was begun anew because its first caller left");
}

#[test]
fn a_leader_who_leaves_neither_cancels_nor_restarts_the_load() {
    holds("a leader leaves", a_leader_who_leaves);
}

/// The lead itself is lost, as when a load's runtime ends: another leads.
fn a_lead_that_is_dropped(lands: bool) {
    let world = World::new(Without::Nothing);
    let loser = Arc::clone(&world);
    let lost = thread::spawn(move || {
        if let Boarded::Lead(lead) = loser.take_place() {
            pause();
            if !lands {
                // A control: nobody is told.
                std::mem::forget(lead);
            }
        }
    });
    let calls: Vec<_> = (0..2).map(|_| spawn(Arc::clone(&world).call())).collect();
    for call in calls {
        assert_eq!(block_on(call).expect("no call is aborted"), 0);
    }
    lost.join().expect("the loser ends");
    assert_eq!(world.loads.load(SeqCst), 1);
}

#[test]
fn a_lead_that_is_lost_is_taken_over_once() {
    holds("a lead is lost", || a_lead_that_is_dropped(true));
}

#[test]
fn a_lead_that_ends_without_a_word_is_found() {
    breaks("a lead is forgotten", || a_lead_that_is_dropped(false));
}

/// What threads block on: a flight, or a copy of it that wakes first and lands then.
trait Lands: Send + Sync + 'static {
    fn land(&self);
    fn wait(&self) -> u64;
}

impl Lands for Flight<u64, u64> {
    fn land(&self) {
        Flight::land(self, Landing::Kept(3));
    }

    fn wait(&self) -> u64 {
        match self.wait_blocking(false) {
            Told::Kept(value) => value,
            _ => panic!("it landed with a value"),
        }
    }
}

#[derive(Default)]
struct WakesFirst {
    state: Mutex<Option<u64>>,
    landed: Condvar,
}

impl Lands for WakesFirst {
    fn land(&self) {
        self.landed.notify_all();
        *self.state.lock() = Some(3);
    }

    fn wait(&self) -> u64 {
        let mut state = self.state.lock();
        loop {
            if let Some(value) = *state {
                return value;
            }
            self.landed.wait(&mut state);
        }
    }
}

fn blocked_threads(flight: &Arc<impl Lands>) {
    let waits = (0..2).map(|_| {
        let flight = Arc::clone(flight);
        thread::spawn(move || assert_eq!(flight.wait(), 3))
    });
    let waits: Vec<_> = waits.collect();
    pause();
    flight.land();
    waits.into_iter().for_each(|wait| wait.join().expect("it was told"));
}

#[test]
fn every_blocked_thread_is_told() {
    let birth = crate::log::Log::resume;
    holds("threads that block", move || {
        let birth = birth(&crate::group::Recall::default(), 7, 16, false).birth();
        blocked_threads(&Arc::new(Flight::<u64, u64>::new(FlightId::next(), birth, 0)));
    });
}

#[test]
fn a_flight_that_wakes_before_it_lands_is_found() {
    breaks("wake, then land", || blocked_threads(&Arc::new(WakesFirst::default())));
}
