//! A load between its first caller and a task of its own.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use shuttle::future::{block_on, spawn};
use shuttle::thread;

use super::world::{Without, World};
use super::{breaks, holds, pause};
use crate::flight::{Boarded, Flight, Load, Told, drive};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

/// A first caller who is polled once and then sleeps for good: who joins must not wait for it.
fn a_leader_who_sleeps() {
    let world = World::new(Without::Nothing);
    let sleeper = Arc::clone(&world);
    let asleep = thread::spawn(move || {
        let mut call = Box::pin(sleeper.call());
        let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        call
    });
    let other = spawn(Arc::clone(&world).call());
    assert_eq!(block_on(other).expect("no call is aborted"), 0);
    drop(asleep.join().expect("it was polled once"));
    assert_eq!(world.loads.load(SeqCst), 1);
}

#[test]
fn a_first_caller_who_sleeps_delays_nobody() {
    holds("a leader sleeps", a_leader_who_sleeps);
}

/// The relay's two steps in small, with the look at `wanted` inside the lock, or before it.
struct Small {
    resting: Mutex<bool>,
    wanted: AtomicBool,
    looks_first: bool,
    freed: AtomicU64,
}

impl Small {
    fn free(&self) {
        self.wanted.store(true, SeqCst);
        if std::mem::take(&mut *self.resting.lock()) {
            self.freed.fetch_add(1, SeqCst);
        }
    }

    fn rest(&self) {
        let early = self.wanted.load(SeqCst);
        let mut resting = self.resting.lock();
        if if self.looks_first { early } else { self.wanted.load(SeqCst) } {
            self.freed.fetch_add(1, SeqCst);
        } else {
            *resting = true;
        }
    }
}

fn a_small_relay(looks_first: bool) {
    let relay = Small { resting: Mutex::new(false), wanted: AtomicBool::new(false), looks_first, freed: 0.into() };
    let relay = Arc::new(relay);
    let joins = Arc::clone(&relay);
    let joined = thread::spawn(move || joins.free());
    relay.rest();
    joined.join().expect("it joined");
    assert_eq!(relay.freed.load(SeqCst), 1, "a load that is wanted lies where nobody looks for it");
}

#[test]
fn a_load_that_is_laid_down_unseen_is_found() {
    holds("the look under the lock", || a_small_relay(false));
    breaks("the look before the lock", || a_small_relay(true));
}

/// A first caller who leaves while nobody else is there: its load goes on all the same.
fn a_leader_who_leaves_alone(guarded: bool) {
    let world = World::new(Without::Nothing);
    let Boarded::Lead(lead) = world.take_place() else { panic!("nobody else is there") };
    let flight = Arc::clone(lead.flight());
    let load = world.load(lead);
    let driven = Arc::clone(&flight);
    let caller = spawn(async move {
        if guarded {
            drive(&driven.relay, load).await;
        } else {
            drive_unguarded(&driven, load).await;
        }
    });
    pause();
    caller.abort();
    // As one who leads: nobody asks the relay for the load.
    let told = block_on(flight.wait(true));
    assert!(matches!(told, Told::Kept(0) | Told::Lost));
    let began = world.loads.load(SeqCst) > 0;
    assert!(!began || matches!(told, Told::Kept(0)), "a load that had begun was lost with its caller");
}

/// The runtime's `drive`, without the guard for a caller who leaves.
async fn drive_unguarded(flight: &Flight<u64, u64>, load: Load) {
    let mut first = Some(load);
    std::future::poll_fn(|cx| {
        let Some(mut load) = first.take().or_else(|| flight.relay.take()) else { return Poll::Ready(()) };
        if pin!(&mut load.future).poll(cx).is_ready() { Poll::Ready(()) } else { flight.relay.rest(load, cx) }
    })
    .await;
}

#[test]
fn a_load_goes_on_when_its_only_caller_leaves() {
    holds("the only caller leaves", || a_leader_who_leaves_alone(true));
}

#[test]
fn a_caller_who_leaves_without_a_word_is_found() {
    breaks("the load is not freed", || a_leader_who_leaves_alone(false));
}
