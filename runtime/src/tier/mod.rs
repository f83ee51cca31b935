//! The shelves below near: frames by key, behind one small trait.

#[cfg(any(feature = "disk", feature = "sqlite"))]
mod aside;
pub mod behind;
mod call;
mod clear;
#[cfg(feature = "testing")]
pub mod contract;
#[cfg(feature = "disk")]
pub mod disk;
#[cfg(any(feature = "disk", feature = "sqlite"))]
mod distrust;
#[cfg(any(feature = "disk", feature = "sqlite", feature = "_server"))]
mod door;
#[cfg(any(feature = "disk", feature = "sqlite", feature = "_server"))]
mod fault;
#[cfg(feature = "_shared")]
mod forgetful;
pub mod guard;
#[cfg(feature = "_shared")]
pub(crate) mod lag;
mod ledger;
pub mod memory;
pub mod meter;
mod notice;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(feature = "_shared")]
pub(crate) mod shared;
#[cfg(any(feature = "sqlite", feature = "_server"))]
pub mod sql;
pub(crate) mod state;
pub(crate) mod veiled;

use std::fmt::{Debug, Display};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Millis;
use crate::codec::Frame;
use crate::error::Result;
use crate::group::{Position, Record};
use crate::key::Key;

pub use crate::group::{Cursor, Note, Recall};
pub use behind::{Applied, Behind, BehindOptions, BehindStats, Flushed, Judge};
pub use clear::Cleared;
pub use guard::{Breaker, BreakerOptions, BreakerState, Deadline, Deadlines, GuardOptions, Guarded};
pub use meter::{Latency, Metered, TierStats};
pub use state::TierState;

/// The future a tier answers with.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A shelf of frames: L2 or L3.
///
/// A tier stores what it is given and forgets what it is told to; it decides nothing. Whether a frame is still valid,
/// whose it is and how long it lives is written in the frame and judged above. A miss is `Ok(None)`, an outage is
/// `Err`: they are never mixed up. A tier may be called from any runtime and any thread at once.
///
/// `Debug` and `Display` are demanded so that a stack of wrappers prints itself, as in `deadline(50ms, disk)`.
/// The suite in `testing::contract` (feature `testing`) checks everything that is promised here.
pub trait Tier: Debug + Display + Send + Sync + 'static {
    /// The encoded frames of these keys, in the order of the keys.
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>>;

    /// Stores these frames, each in place of an older one of its key. When it returns, they survive the process.
    ///
    /// Answers which of them it left out, by their places among these; most tiers leave out none. One may leave out what
    /// it knows to be invalidated, what is too large for it, and what belongs to a part of it that is away. Those are not
    /// brought again, and counted as dropped.
    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>>;

    /// Takes these invalidations to heart, in order.
    ///
    /// A named key is removed at once. For every other group the record itself is stored, so that the next process
    /// knows it ([`Tier::recall`]); the frames it names are removed later, by [`Tier::tidy`].
    /// When it returns `Ok`, the effect survives the process. When it returns `Err`, the tier has seen to it that a
    /// later process does not trust what is stored, unless a later `apply` of the same records succeeds first. (A store
    /// that other nodes use cannot be disowned for all of them; who shares one journals what it could not tell.)
    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()>;

    /// Removes these frames from this tier alone: nothing is invalidated, and no position moves. A key that is not
    /// there is no error.
    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()>;

    /// Keeps what this node has to remember of the log it shares with others; see [`Recall::owed`] and
    /// [`Recall::read`]. When it returns, it survives the process. A tier that other nodes share has nothing to keep.
    fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()>;

    /// What the last process left in force: the log's position, the records not yet swept, and what was noted.
    fn recall(&self) -> Reply<'_, Recall>;

    /// One small step of upkeep, over a cursor that walks all entries round and round.
    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied>;

    /// Removes about so many frames of those that were there when the first step began, whatever they are, from this
    /// tier alone: nothing is invalidated, no position moves, and what is remembered of the log stays, with notes and
    /// leases. Each step is given what the one before said to be `next`. Frames that are stored meanwhile may go or
    /// stay.
    ///
    /// Provided by way of [`Tier::tidy`], which looks at each frame; a tier that can do without overrides it.
    fn clear<'a>(&'a self, after: Option<&'a str>, most: usize) -> Reply<'a, Cleared> {
        Box::pin(clear::by_upkeep(self, after, most))
    }

    /// What the tier, or the server that it is on, says of itself. Asked now and then by who looks at it, never on the
    /// way of a call, and given up after a moment. Provided: nothing.
    fn state(&self) -> Reply<'_, TierState> {
        Box::pin(std::future::ready(Ok(TierState::default())))
    }

    /// Said with `false` when the tier could not be told of an invalidation, though it was not asked or did not answer:
    /// from now on a later process must not trust what is stored. Taken back with `true` when the tier has been told
    /// everything. Quick, and never fails: what cannot be marked is spoilt. Nothing to do for a tier that forgets with
    /// its process.
    fn trust(&self, trusted: bool);

    /// Lets go of what the tier holds: files, locks, connections. Later calls answer `ErrorKind::Closed`.
    fn close(&self) -> Reply<'_, ()>;
}

/// A tier that is shared or boxed is the same tier, so that a test keeps hold of the one it gave away.
macro_rules! forward {
    ($($handle:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<T: Tier + ?Sized> Tier for $handle<T> {
            fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
                (**self).get(keys)
            }

            fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
                (**self).put(frames)
            }

            fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
                (**self).apply(records)
            }

            fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
                (**self).remove(keys)
            }

            fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()> {
                (**self).note(note)
            }

            fn recall(&self) -> Reply<'_, Recall> {
                (**self).recall()
            }

            fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
                (**self).tidy(step)
            }

            fn clear<'a>(&'a self, after: Option<&'a str>, most: usize) -> Reply<'a, Cleared> {
                (**self).clear(after, most)
            }

            fn state(&self) -> Reply<'_, TierState> {
                (**self).state()
            }

            fn trust(&self, trusted: bool) {
                (**self).trust(trusted);
            }

            fn close(&self) -> Reply<'_, ()> {
                (**self).close()
            }
        }
    )*};
}

forward!(Arc, Box);

/// How much upkeep to do in one step.
#[derive(Clone, Copy)]
pub struct Step<'a> {
    /// How many entries to look at, at most.
    pub entries: usize,
    /// The time now: what may not be used any more is removed.
    pub now: Millis,
    /// Entries for which this is false are removed: the log has invalidated them.
    pub keep: &'a (dyn Fn(&Frame) -> bool + Sync),
    /// Records up to this position have been swept and are forgotten.
    pub forget: Option<Position>,
}

impl Debug for Step<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { entries, now, keep: _, forget } = self;
        f.debug_struct("Step").field("entries", entries).field("now", now).field("forget", forget).finish()
    }
}

/// What one step of upkeep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Entries looked at.
    pub seen: usize,
    /// Entries removed: expired, invalidated, unreadable, or the oldest over the size bound.
    pub removed: usize,
    /// Did the cursor come round to its beginning in this step?
    pub wrapped: bool,
    /// Entries stored after the step, as far as the tier counts them.
    pub entries: u64,
    /// Bytes stored after the step, as far as the tier counts them.
    pub bytes: u64,
}
