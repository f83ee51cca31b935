//! What stands between a caller and a tier that is slow, hung or away.

mod breaker;
mod deadline;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::clock::Clock;
use crate::codec::Frame;
use crate::error::{ErrorKind, Result};
use crate::group::Record;
use crate::key::Key;
use crate::tier::notice::Notice;
use crate::tier::{Cleared, Note, Recall, Reply, Step, Tidied, Tier, TierState};

pub use breaker::{Breaker, BreakerOptions, BreakerState};
pub use deadline::{Deadline, Deadlines};

/// How a tier is guarded.
#[derive(Debug, Clone)]
pub struct GuardOptions {
    /// The tier's name in the log. Default: `tier`.
    pub name: &'static str,
    /// How long its operations may take.
    pub deadlines: Deadlines,
    /// When it is left alone.
    pub breaker: BreakerOptions,
    /// The breaker's clock. Default: the system's.
    pub clock: Clock,
}

impl Default for GuardOptions {
    fn default() -> Self {
        Self {
            name: "tier",
            deadlines: Deadlines::default(),
            breaker: BreakerOptions::default(),
            clock: Clock::system(),
        }
    }
}

/// A tier with a deadline for each operation and two circuit breakers: one for reads, one for everything else.
///
/// Two, because a tier can fail in one way and work in the other, and then the successes of the one would keep a common
/// breaker closed while every caller waits for the deadline of the other. The breakers stand outside the deadlines: a
/// tier that hangs is a tier that fails. A refused operation, `apply` too, answers [`ErrorKind::Open`] and has done
/// nothing; what was to be applied stays with the caller.
/// Failures are logged at most once a second, with the tier's name and the error's kind.
pub struct Guarded {
    tier: Deadline,
    reads: Arc<Breaker>,
    writes: Arc<Breaker>,
    notice: Notice,
}

impl Guarded {
    /// This tier, guarded.
    #[must_use]
    pub fn new(tier: Arc<dyn Tier>, options: GuardOptions) -> Self {
        let GuardOptions { name, deadlines, breaker, clock } = options;
        Self {
            tier: Deadline::new(tier, deadlines),
            reads: Arc::new(Breaker::new(breaker, clock.clone())),
            writes: Arc::new(Breaker::new(breaker, clock.clone())),
            notice: Notice::new(name, clock),
        }
    }

    /// The breaker of reads, to read its state.
    #[must_use]
    pub fn breaker(&self) -> &Breaker {
        &self.reads
    }

    /// The breaker of all that is not a read.
    #[must_use]
    pub fn breaker_of_writes(&self) -> &Breaker {
        &self.writes
    }

    /// Both breakers, for who looks after the tier.
    pub(crate) fn breakers(&self) -> [Arc<Breaker>; 2] {
        [Arc::clone(&self.reads), Arc::clone(&self.writes)]
    }

    async fn run<T>(
        &self,
        breaker: &Breaker,
        operation: &'static str,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let answer = breaker.run(call).await;
        if let Err(error) = &answer
            && error.kind() != ErrorKind::Open
        {
            self.notice.failed(operation, error);
        }
        answer
    }
}

#[deny(clippy::missing_trait_methods)]
impl Tier for Guarded {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<bytes::Bytes>>> {
        Box::pin(self.run(&self.reads, "get", self.tier.read(keys)))
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        Box::pin(self.run(&self.writes, "put", self.tier.put(frames)))
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        Box::pin(self.run(&self.writes, "apply", self.tier.apply(records)))
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        Box::pin(self.run(&self.writes, "remove", self.tier.remove(keys)))
    }

    fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()> {
        Box::pin(self.run(&self.writes, "note", self.tier.note(note)))
    }

    fn recall(&self) -> Reply<'_, Recall> {
        Box::pin(self.run(&self.writes, "recall", self.tier.recall()))
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        Box::pin(self.run(&self.writes, "tidy", self.tier.tidy(step)))
    }

    fn clear<'a>(&'a self, after: Option<&'a str>, most: usize) -> Reply<'a, Cleared> {
        Box::pin(self.run(&self.writes, "clear", self.tier.clear(after, most)))
    }

    fn state(&self) -> Reply<'_, TierState> {
        // Asked by who looks: what comes of it says nothing of calls, and no breaker is moved by it.
        self.tier.state()
    }

    fn trust(&self, trusted: bool) {
        self.tier.trust(trusted);
    }

    fn close(&self) -> Reply<'_, ()> {
        self.tier.close()
    }
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "breaker({})", self.tier)
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tier, reads, writes, notice } = self;
        let mut out = f.debug_struct("Guarded");
        out.field("tier", tier).field("reads", reads).field("writes", writes).field("notice", notice).finish()
    }
}
