//! The circuit breaker: a tier that fails again and again is left alone for a while.

use std::future::Future;
use std::time::Duration;

use crate::chance::Chance;
use crate::clock::{Clock, Millis, millis};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard};
use crate::tier::call::caught;

/// When a breaker opens and how long it stays so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOptions {
    /// So many failures in a row open it. Default: 5.
    pub failures: u32,
    /// How long it first stays open; doubled after each failed probe. Default: 250 ms.
    pub first: Duration,
    /// How long it stays open at most, jitter aside. Default: 5 s.
    pub most: Duration,
    /// Seeds the jitter: each wait is longer by up to a quarter, so that nodes do not probe in step. Default: 0.
    pub seed: u64,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self { failures: 5, first: Duration::from_millis(250), most: Duration::from_secs(5), seed: 0 }
    }
}

/// What a breaker does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// All calls pass.
    Closed,
    /// No call passes; the first one after the wait becomes the probe.
    Open,
    /// One call, the probe, is under way; no other passes, until it has taken as long as the wait before it.
    HalfOpen,
}

/// A circuit breaker around any fallible call.
///
/// Errors that show that the tier is there and answers (a frame too large, a frame unreadable, a full queue, a part of it
/// away) close it like a success does. A call that is dropped before it is done counts as nothing; if it was the probe, the next call
/// is the probe instead.
#[derive(Debug)]
pub struct Breaker {
    options: BreakerOptions,
    clock: Clock,
    chance: Chance,
    transitions: AtomicU64,
    current: Mutex<Current>,
}

/// `round` numbers the stretches between transitions to and from closed: a late answer of an earlier one is no news.
#[derive(Debug)]
struct Current {
    round: u64,
    phase: Phase,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Closed { failures: u32 },
    Open { wait: Duration, until: Millis, probing: bool },
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(options: BreakerOptions, clock: Clock) -> Self {
        Self {
            options,
            clock,
            chance: Chance::new(options.seed),
            transitions: AtomicU64::new(0),
            current: Mutex::new(Current { round: 0, phase: Phase::Closed { failures: 0 } }),
        }
    }

    /// What it does with the next call, or, if open and the wait is over, with the last one.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        match self.current().phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { probing: false, .. } => BreakerState::Open,
            Phase::Open { probing: true, .. } => BreakerState::HalfOpen,
        }
    }

    /// How often the state has changed.
    #[must_use]
    pub fn transitions(&self) -> u64 {
        self.transitions.load(Ordering::Relaxed)
    }

    /// Makes this call, or refuses it at once. A panic inside the call is an error like any other.
    ///
    /// # Errors
    /// [`ErrorKind::Open`] if the call is refused; otherwise what the call answers.
    pub async fn run<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let permit = self.admit()?;
        let answer = caught(call).await;
        match &answer {
            Err(error) if is_outage(error.kind()) => permit.failed(),
            // Nobody was asked.
            Err(error) if error.kind() == ErrorKind::Busy => drop(permit),
            _ => permit.answered(),
        }
        answer
    }

    /// Closes it: whoever looks after the tier knows that it is back.
    pub fn reset(&self) {
        let mut current = self.current();
        if let Phase::Open { .. } = current.phase {
            *current = Current { round: current.round + 1, phase: Phase::Closed { failures: 0 } };
            self.count();
        }
    }

    fn admit(&self) -> Result<Permit<'_>> {
        let mut current = self.current();
        let round = current.round;
        match &mut current.phase {
            Phase::Closed { .. } => Ok(Permit { breaker: self, round, probe: false }),
            Phase::Open { wait, until, probing } if self.clock.now() >= *until => {
                // A probe whose caller does not poll it any more must not close the tier to all others.
                *until = self.clock.now().saturating_add(millis(*wait));
                if !std::mem::replace(probing, true) {
                    self.count();
                }
                Ok(Permit { breaker: self, round, probe: true })
            }
            Phase::Open { .. } => Err(Error::new(
                ErrorKind::Open,
                "the tier is left alone for now, because it failed several times in a row",
            )),
        }
    }

    fn open(&self, current: &mut Current, wait: Duration) {
        let jitter = self.chance.between(Duration::ZERO, wait / 4);
        let until = self.clock.now().saturating_add(millis(wait + jitter));
        *current = Current { round: current.round + 1, phase: Phase::Open { wait, until, probing: false } };
        self.count();
    }

    fn count(&self) {
        self.transitions.fetch_add(1, Ordering::Relaxed);
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock()
    }
}

/// Leave to make one call. Dropped without a word (the call was cancelled), it counts as nothing.
#[derive(Debug)]
struct Permit<'a> {
    breaker: &'a Breaker,
    round: u64,
    probe: bool,
}

impl Permit<'_> {
    fn answered(mut self) {
        let mut current = self.breaker.current();
        if current.round != self.round {
            return;
        }
        match &mut current.phase {
            Phase::Closed { failures } => *failures = 0,
            Phase::Open { .. } => {
                *current = Current { round: self.round + 1, phase: Phase::Closed { failures: 0 } };
                self.probe = false;
                self.breaker.count();
            }
        }
    }

    fn failed(mut self) {
        let BreakerOptions { failures: limit, first, most, .. } = self.breaker.options;
        let mut current = self.breaker.current();
        if current.round != self.round {
            return;
        }
        match current.phase {
            Phase::Closed { failures } if failures + 1 < limit => {
                current.phase = Phase::Closed { failures: failures + 1 };
            }
            Phase::Closed { .. } => self.breaker.open(&mut current, first),
            Phase::Open { wait, .. } => {
                self.probe = false;
                self.breaker.open(&mut current, (wait * 2).min(most));
            }
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.probe {
            return;
        }
        let mut current = self.breaker.current();
        if current.round == self.round
            && let Phase::Open { probing, until, .. } = &mut current.phase
        {
            *until = self.breaker.clock.now();
            if std::mem::replace(probing, false) {
                self.breaker.count();
            }
        }
    }
}

/// Does an error of this kind mean that the tier is away, rather than that it did not like one frame?
const fn is_outage(kind: ErrorKind) -> bool {
    use ErrorKind as K;
    !matches!(
        kind,
        K::TooLarge | K::Frame | K::Codec | K::Full | K::Partial | K::Database | K::Busy | K::Config | K::Closed
    )
}
