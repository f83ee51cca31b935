//! A bound on how long one operation of a tier may take.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::codec::Frame;
use crate::error::{Error, ErrorKind, Result};
use crate::group::Record;
use crate::key::Key;
use crate::tier::{Cleared, Note, Recall, Reply, Step, Tidied, Tier, TierState};

/// How long the operations of a tier may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// For `get`. Default: 50 ms.
    pub read: Duration,
    /// For `put`, `remove` and `note`. Default: 100 ms.
    pub write: Duration,
    /// For `apply`, behind which callers wait no longer than their shelf lets them. Default: 100 ms.
    pub apply: Duration,
    /// For `recall` and `tidy`, which no caller of a cached function waits for. Default: 2 s.
    pub upkeep: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            read: Duration::from_millis(50),
            write: Duration::from_millis(100),
            apply: Duration::from_millis(100),
            upkeep: Duration::from_secs(2),
        }
    }
}

/// A tier each of whose operations ends in time, with [`ErrorKind::Deadline`] if it must.
///
/// The operation that is late is dropped: a tier must see to it that a dropped write does not take effect after a
/// later one. Uses the timers of the tokio runtime it is awaited in.
pub struct Deadline {
    tier: Arc<dyn Tier>,
    limits: Deadlines,
}

impl Deadline {
    /// This tier within these limits.
    #[must_use]
    pub fn new(tier: Arc<dyn Tier>, limits: Deadlines) -> Self {
        Self { tier, limits }
    }

    /// [`Tier::get`] without a box of its own, for who stands right above: reads are many.
    pub(super) async fn read(&self, keys: &[Key]) -> Result<Vec<Option<bytes::Bytes>>> {
        within(self.limits.read, self.tier.get(keys)).await
    }
}

async fn within<T>(limit: Duration, call: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        let text = "the tier did not answer in time; see whether it is overloaded or its deadline too short";
        Err(Error::new(ErrorKind::Deadline, text).with("deadline", format!("{limit:?}")))
    })
}

// The tier is called inside the async block: a tier that works before its first await is within the deadline's reach.
#[deny(clippy::missing_trait_methods)]
impl Tier for Deadline {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<bytes::Bytes>>> {
        Box::pin(self.read(keys))
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        Box::pin(async move { within(self.limits.write, self.tier.put(frames)).await })
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        Box::pin(async move { within(self.limits.apply, self.tier.apply(records)).await })
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        Box::pin(async move { within(self.limits.write, self.tier.remove(keys)).await })
    }

    fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()> {
        Box::pin(async move { within(self.limits.write, self.tier.note(note)).await })
    }

    fn recall(&self) -> Reply<'_, Recall> {
        Box::pin(async move { within(self.limits.upkeep, self.tier.recall()).await })
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        Box::pin(async move { within(self.limits.upkeep, self.tier.tidy(step)).await })
    }

    fn clear<'a>(&'a self, after: Option<&'a str>, most: usize) -> Reply<'a, Cleared> {
        Box::pin(async move { within(self.limits.upkeep, self.tier.clear(after, most)).await })
    }

    fn state(&self) -> Reply<'_, TierState> {
        Box::pin(async move { within(self.limits.upkeep, self.tier.state()).await })
    }

    fn trust(&self, trusted: bool) {
        self.tier.trust(trusted);
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async move { within(self.limits.upkeep, self.tier.close()).await })
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deadline({:?}, {})", self.limits.read, self.tier)
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tier, limits } = self;
        f.debug_struct("Deadline").field("tier", tier).field("limits", limits).finish()
    }
}
