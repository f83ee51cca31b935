//! A tier that fails, waits, hangs, panics and lies on command.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::Gate;
use crate::chance::Chance;
use crate::codec::Frame;
use crate::error::{Error, ErrorKind, Result};
use crate::group::Record;
use crate::key::Key;
use crate::tier::{Cleared, Note, Recall, Reply, Step, Tidied, Tier, TierState};

/// How many frames are remembered to lie with.
const MEMORY: usize = 16;

/// Any tier, with faults that are switched at run time, per operation, and drawn from a seed.
///
/// One call goes: counted, delayed, held at its `before` gate, failed or panicked, done by the tier, held at its
/// `after` gate, its reply lost, or lied about. Delays use the timers of the runtime it is awaited in.
///
/// ```
/// # use std::sync::Arc;
/// # use cached_runtime::{testing::{Chaos, Lie, Operation}, tier::Tier};
/// fn trouble(tier: Arc<dyn Tier>) -> Chaos {
///     let chaos = Chaos::new(tier, 7);
///     chaos.fail(Operation::Put, 0.2); // one put in five
///     chaos.hang(Operation::Apply); // until `release`
///     chaos.lie(Lie::Foreign, 1.0); // every found frame is another key's
///     chaos // well again after `calm`
/// }
/// ```
pub struct Chaos {
    tier: Arc<dyn Tier>,
    chance: Chance,
    plans: [Mutex<Plan>; 5],
    seen: Mutex<VecDeque<(Key, Bytes)>>,
}

/// An operation of a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `Tier::get`
    Get,
    /// `Tier::put`
    Put,
    /// `Tier::apply`
    Apply,
    /// `Tier::recall`
    Recall,
    /// `Tier::tidy`
    Tidy,
}

/// What `get` says instead of the truth about a frame that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lie {
    /// The frame with one byte changed.
    Flip,
    /// Another key's frame, one that was put through this wrapper; nothing, if there was none.
    Foreign,
    /// Nothing.
    Nothing,
}

/// How often an operation was called, and what was done to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls begun.
    pub calls: u64,
    /// Calls that the tier has done, reply lost or not.
    pub done: u64,
    /// Calls that failed or panicked on command.
    pub failed: u64,
    /// Frames lied about.
    pub lies: u64,
}

#[derive(Debug, Default)]
struct Plan {
    fail: f64,
    panic: f64,
    lose: f64,
    delay: Option<(Duration, Duration)>,
    lie: Option<(Lie, f64)>,
    before: Gate,
    after: Gate,
    counts: Counts,
}

impl Operation {
    const ALL: [Self; 5] = [Self::Get, Self::Put, Self::Apply, Self::Recall, Self::Tidy];
}

impl Chaos {
    /// This tier, without a fault so far.
    #[must_use]
    pub fn new(tier: Arc<dyn Tier>, seed: u64) -> Self {
        Self { tier, chance: Chance::new(seed), plans: Default::default(), seen: Mutex::default() }
    }

    /// Calls fail with this probability, before the tier has done anything: `0.0` never, `1.0` always.
    pub fn fail(&self, operation: Operation, probability: f64) {
        self.plan(operation).fail = probability;
    }

    /// Calls panic with this probability, before the tier has done anything.
    pub fn panic(&self, operation: Operation, probability: f64) {
        self.plan(operation).panic = probability;
    }

    /// Calls fail with this probability *after* the tier has done them: the reply is lost.
    pub fn lose_reply(&self, operation: Operation, probability: f64) {
        self.plan(operation).lose = probability;
    }

    /// Each call takes longer by something between these two.
    pub fn delay(&self, operation: Operation, least: Duration, most: Duration) {
        self.plan(operation).delay = Some((least, most));
    }

    /// Calls wait, before the tier has done anything, until [`Chaos::release`].
    pub fn hang(&self, operation: Operation) {
        self.before(operation).close();
    }

    /// Lets the calls go on that [`Chaos::hang`] holds, and all later ones pass.
    pub fn release(&self, operation: Operation) {
        self.before(operation).open();
    }

    /// The gate each call passes before the tier does it.
    #[must_use]
    pub fn before(&self, operation: Operation) -> Gate {
        self.plan(operation).before.clone()
    }

    /// The gate each call passes after the tier has done it.
    #[must_use]
    pub fn after(&self, operation: Operation) -> Gate {
        self.plan(operation).after.clone()
    }

    /// Found frames are lied about with this probability.
    pub fn lie(&self, lie: Lie, probability: f64) {
        self.plan(Operation::Get).lie = Some((lie, probability));
    }

    /// No more faults: all gates open, all probabilities zero. The counts stay.
    pub fn calm(&self) {
        for operation in Operation::ALL {
            let mut plan = self.plan(operation);
            plan.before.open();
            plan.after.open();
            let (before, after, counts) = (plan.before.clone(), plan.after.clone(), plan.counts);
            *plan = Plan { before, after, counts, ..Plan::default() };
        }
    }

    /// What has happened to this operation so far.
    #[must_use]
    pub fn counts(&self, operation: Operation) -> Counts {
        self.plan(operation).counts
    }

    fn plan(&self, operation: Operation) -> MutexGuard<'_, Plan> {
        self.plans[operation as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run<T>(&self, operation: Operation, call: impl Future<Output = Result<T>>) -> Result<T> {
        let (delay, before) = {
            let mut plan = self.plan(operation);
            plan.counts.calls += 1;
            (plan.delay, plan.before.clone())
        };
        if let Some((least, most)) = delay {
            tokio::time::sleep(self.chance.between(least, most)).await;
        }
        before.pass().await;
        self.strike(operation)?;
        let answer = call.await;
        let after = {
            let mut plan = self.plan(operation);
            plan.counts.done += 1;
            plan.after.clone()
        };
        after.pass().await;
        let mut plan = self.plan(operation);
        if self.chance.happens(plan.lose) {
            plan.counts.failed += 1;
            return Err(Error::new(ErrorKind::Tier, "the reply was lost on command"));
        }
        answer
    }

    fn strike(&self, operation: Operation) -> Result<()> {
        let mut plan = self.plan(operation);
        let (panics, fails) = (self.chance.happens(plan.panic), self.chance.happens(plan.fail));
        plan.counts.failed += u64::from(panics || fails);
        drop(plan);
        assert!(!panics, "the tier panics on command");
        if fails { Err(Error::new(ErrorKind::Tier, "the tier fails on command")) } else { Ok(()) }
    }

    fn remember(&self, frames: &[Frame]) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for frame in frames {
            seen.push_back((frame.key().clone(), frame.bytes().clone()));
        }
        let excess = seen.len().saturating_sub(MEMORY);
        seen.drain(..excess);
    }

    /// What is said about the frame of this key.
    fn say(&self, key: &Key, truth: Bytes) -> Option<Bytes> {
        let mut plan = self.plan(Operation::Get);
        let Some((lie, probability)) = plan.lie else { return Some(truth) };
        if !self.chance.happens(probability) {
            return Some(truth);
        }
        plan.counts.lies += 1;
        match lie {
            Lie::Nothing => None,
            Lie::Flip => {
                let mut bytes = truth.to_vec();
                let at = self.chance.below(bytes.len() as u64) as usize;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.chance.below(8);
                }
                Some(bytes.into())
            }
            Lie::Foreign => {
                let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.iter().rev().find(|(other, _)| other != key).map(|(_, bytes)| bytes.clone())
            }
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Tier for Chaos {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            let found = self.run(Operation::Get, async { self.tier.get(keys).await }).await?;
            Ok(keys.iter().zip(found).map(|(key, bytes)| bytes.and_then(|b| self.say(key, b))).collect())
        })
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        Box::pin(async move {
            let left_out = self.run(Operation::Put, async { self.tier.put(frames).await }).await?;
            self.remember(frames);
            Ok(left_out)
        })
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        Box::pin(self.run(Operation::Apply, async { self.tier.apply(records).await }))
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        Box::pin(self.run(Operation::Apply, async { self.tier.remove(keys).await }))
    }

    fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()> {
        Box::pin(self.run(Operation::Apply, async { self.tier.note(note).await }))
    }

    fn recall(&self) -> Reply<'_, Recall> {
        Box::pin(self.run(Operation::Recall, async { self.tier.recall().await }))
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        Box::pin(self.run(Operation::Tidy, async move { self.tier.tidy(step).await }))
    }

    fn clear<'a>(&'a self, after: Option<&'a str>, most: usize) -> Reply<'a, Cleared> {
        Box::pin(self.run(Operation::Tidy, async move { self.tier.clear(after, most).await }))
    }

    fn state(&self) -> Reply<'_, TierState> {
        self.tier.state()
    }

    fn trust(&self, trusted: bool) {
        self.tier.trust(trusted);
    }

    fn close(&self) -> Reply<'_, ()> {
        self.tier.close()
    }
}

impl fmt::Display for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chaos({})", self.tier)
    }
}

impl fmt::Debug for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chaos").field("tier", &self.tier).field("plans", &self.plans).finish_non_exhaustive()
    }
}
