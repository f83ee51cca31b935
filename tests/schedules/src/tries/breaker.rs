//! The breaker: one probe at a time, never stuck, and deaf to answers of earlier rounds.

use std::sync::Arc;
use std::time::Duration;

use shuttle::future::{block_on, spawn, yield_now};
use shuttle::thread;

use super::{breaks, holds};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use crate::tier::breaker::{Breaker, BreakerOptions, BreakerState};

const FIRST: Duration = Duration::from_millis(100);
/// Longer than any wait, jitter and all.
const LONG: Duration = Duration::from_secs(10);

fn breaker(clock: &Clock) -> Arc<Breaker> {
    let options = BreakerOptions { failures: 1, first: FIRST, most: 4 * FIRST, seed: 1 };
    Arc::new(Breaker::new(options, clock.clone()))
}

fn away<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Tier, "away"))
}

fn open(breaker: &Breaker) {
    block_on(breaker.run(async { away::<()>() })).expect_err("it is away");
    assert_eq!(breaker.state(), BreakerState::Open);
}

/// Calls that answer, fail, and are given up, at the end of the wait; then the tier is back.
fn after_the_storm(dropped: bool) {
    let clock = Clock::manual();
    let breaker = breaker(&clock);
    open(&breaker);
    clock.advance(2 * FIRST);
    let calls = [true, false].into_iter().map(|up| {
        let breaker = Arc::clone(&breaker);
        spawn(async move {
            let call = async {
                yield_now().await;
                if up { Ok(()) } else { away() }
            };
            breaker.run(call).await.is_ok()
        })
    });
    let calls: Vec<_> = calls.collect();
    let given_up = Arc::clone(&breaker);
    let gives_up = thread::spawn(move || {
        let mut call = Box::pin(given_up.run(std::future::pending::<Result<()>>()));
        let _ = call.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        if !dropped {
            // A control: a call that is neither polled nor dropped, before its time is up.
            std::mem::forget(call);
        }
    });
    for call in calls {
        block_on(call).expect("no call is aborted");
    }
    gives_up.join().expect("it gave up");
    assert_ne!(breaker.state(), BreakerState::HalfOpen, "half-open, and no probe is under way");
    clock.advance(LONG);
    block_on(breaker.run(async { Ok(()) })).expect("the first call after the wait passes");
    assert_eq!(breaker.state(), BreakerState::Closed, "the tier is back");
}

#[test]
fn a_breaker_is_never_stuck_half_open() {
    holds("after the storm", || after_the_storm(true));
}

#[test]
fn a_probe_that_is_left_lying_is_found() {
    breaks("a probe is forgotten", || after_the_storm(false));
}

/// The probe's right in small: looked at and taken in one step, or in two.
struct Small {
    probing: AtomicBool,
    one_step: bool,
}

impl Small {
    fn admits(&self) -> bool {
        if self.one_step {
            return !self.probing.swap(true, SeqCst);
        }
        let free = !self.probing.load(SeqCst);
        self.probing.store(true, SeqCst);
        free
    }
}

/// How many calls are under way at once, at most.
#[derive(Default)]
struct Gauge {
    now: AtomicU64,
    most: AtomicU64,
}

impl Gauge {
    async fn pass(&self) -> Result<()> {
        self.most.fetch_max(self.now.fetch_add(1, SeqCst) + 1, SeqCst);
        yield_now().await;
        self.now.fetch_sub(1, SeqCst);
        away()
    }
}

fn three_probes(small: Option<bool>) {
    let clock = Clock::manual();
    let breaker = breaker(&clock);
    open(&breaker);
    clock.advance(2 * FIRST);
    let (gauge, small) =
        (Arc::new(Gauge::default()), small.map(|one_step| Arc::new(Small { probing: false.into(), one_step })));
    let calls = (0..3).map(|_| {
        let (breaker, gauge, small) = (Arc::clone(&breaker), Arc::clone(&gauge), small.clone());
        spawn(async move {
            match small {
                Some(small) if small.admits() => gauge.pass().await,
                Some(_) => away(),
                None => breaker.run(gauge.pass()).await,
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        block_on(call).expect("no call is aborted").expect_err("it is away");
    }
    assert_eq!(gauge.most.load(SeqCst), 1, "probes at once");
}

#[test]
fn one_probe_passes_at_a_time() {
    holds("one probe", || three_probes(None));
    holds("one probe, in small", || three_probes(Some(true)));
}

#[test]
fn a_probe_that_is_admitted_in_two_steps_is_found() {
    breaks("two probes", || three_probes(Some(false)));
}

/// A call of the first round answers when the breaker has opened, or has closed again.
fn a_late_answer(good: bool, late: bool) {
    let clock = Clock::manual();
    let breaker = breaker(&clock);
    let (admitted, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (slow, began, may) = (Arc::clone(&breaker), Arc::clone(&admitted), Arc::clone(&answers));
    let slow = spawn(async move {
        let answer = || if good { Ok(()) } else { away() };
        let wait = async {
            began.store(true, SeqCst);
            while !may.load(SeqCst) {
                yield_now().await;
            }
            answer()
        };
        if late {
            drop(slow.run(wait).await);
        } else {
            // A control: admitted when it answers.
            let answer = wait.await;
            drop(slow.run(async { answer }).await);
        }
    });
    while !admitted.load(SeqCst) {
        thread::yield_now();
    }
    open(&breaker);
    let should_be = if good {
        clock.advance(2 * FIRST);
        BreakerState::Open
    } else {
        breaker.reset();
        BreakerState::Closed
    };
    let transitions = breaker.transitions();
    answers.store(true, SeqCst);
    block_on(slow).expect("it is not aborted");
    assert_eq!(breaker.state(), should_be, "an answer of an earlier round was news");
    assert_eq!(breaker.transitions(), transitions);
}

#[test]
fn a_late_answer_of_an_earlier_round_changes_nothing() {
    holds("a late success", || a_late_answer(true, true));
    holds("a late failure", || a_late_answer(false, true));
}

#[test]
fn an_answer_that_counts_in_the_round_it_ends_in_is_found() {
    breaks("a late success that counts", || a_late_answer(true, false));
    breaks("a late failure that counts", || a_late_answer(false, false));
}

/// Failures, successes and resets at once leave a state that was counted step by step.
#[test]
fn every_change_of_state_is_counted_once() {
    holds("transitions", || {
        let clock = Clock::manual();
        let breaker = breaker(&clock);
        let fails = Arc::clone(&breaker);
        let failing = spawn(async move {
            drop(fails.run(async { away::<()>() }).await);
            drop(fails.run(async { away::<()>() }).await);
        });
        let resets = Arc::clone(&breaker);
        let resetting = thread::spawn(move || resets.reset());
        drop(block_on(breaker.run(async { Ok(()) })));
        block_on(failing).expect("it is not aborted");
        resetting.join().expect("it reset");
        let odd = breaker.transitions() % 2 == 1;
        assert_eq!(
            odd,
            breaker.state() == BreakerState::Open,
            "open after an odd number of changes, closed after an even one"
        );
    });
}
