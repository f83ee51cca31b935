//! The log that several nodes share, as the tier that holds it shows it.

mod held;
mod memory;

use std::time::Duration;

use super::Reply;
use crate::group::{Cursor, Group};
use crate::key::Key;

pub(super) use held::{Held, LIFE};
pub(super) use memory::Memory;

/// How long appending may take; those who wait for it are told `Queued` earlier.
pub(crate) const APPEND: Duration = Duration::from_secs(2);

/// What a node sees of the log when it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Met {
    /// The epoch and the last record.
    pub(crate) top: Cursor,
    /// Is the highest record that the node knows of still in the log, or was it trimmed like all before it?
    pub(crate) holds_known: bool,
    /// Is the record up to which the node has read still in the log, so that it can go on after it?
    pub(crate) holds_read: bool,
}

/// What one read of the log answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) heard: Vec<Heard>,
    /// Is this all there was when it was asked for?
    pub(crate) complete: bool,
    /// Is it another log than the one that was read, or without what was read last, as far as reading shows that?
    pub(crate) moved: bool,
}

/// One entry of the log: what a node invalidated in one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) at: Cursor,
    /// Was it written by this node?
    pub(crate) own: bool,
    pub(crate) groups: Vec<Group>,
}

/// A log that several nodes append to and read. Appending is the tier's `apply`, which tells the node of its place.
///
/// One task follows it, and calls nothing at the same time as something else, except `remembered`.
pub(crate) trait SharedLog: Send + Sync {
    /// Connects anew. Callers do not get through before [`SharedLog::admit`].
    fn connect(&self) -> Reply<'_, ()>;

    /// Looks at the log, and begins one where there is none.
    fn meet(&self, known: Cursor, read: Cursor) -> Reply<'_, Met>;

    /// Ends an epoch of which records were lost, if it is still in force.
    fn renew(&self, epoch: u64) -> Reply<'_, ()>;

    /// All groups that the log remembers, each with its last place; as old as the call, or newer.
    fn groups(&self) -> Reply<'_, Vec<(Group, u64)>>;

    /// The entries after this place; waits for the first of them, but not longer than this.
    fn read(&self, after: Cursor, wait: Duration) -> Reply<'_, News>;

    /// Have callers waited in vain several times, so that a check is due?
    fn is_late(&self) -> bool;

    /// Are the connections that callers use alive? Answers whether a server that holds no log, but frames, may lack what
    /// it was told last: then what this node invalidated lately is to be said again.
    fn check(&self) -> Reply<'_, bool>;

    /// Lets callers through, or turns them away at once.
    fn admit(&self, admit: bool);

    /// What this node invalidated lately: to be said again to a log that may have lost it.
    fn remembered(&self) -> Vec<Group>;
}

/// Turns among nodes: who may load a key while the others wait.
///
/// A lease ends by itself when its holder dies or is frozen; what the holder stores afterwards is refused.
pub(crate) trait Leases: Send + Sync {
    /// A token that nobody else has.
    fn token(&self) -> u64;

    /// Takes the lease of a key, under this token, if nobody holds it. Who does not learn whether it was taken gives it
    /// back.
    fn take<'a>(&'a self, key: &'a Key, token: u64) -> Reply<'a, bool>;

    /// Holds on to it. False if it has ended.
    fn renew<'a>(&'a self, key: &'a Key, token: u64) -> Reply<'a, bool>;

    /// Gives it back. Not needed once a frame of the key was stored: that gives it back as well.
    fn give_back<'a>(&'a self, key: &'a Key, token: u64) -> Reply<'a, ()>;

    /// How long a lease lasts without being renewed.
    fn life(&self) -> Duration;
}

/// What the tier tells its node: these groups are in the log, at this place.
pub(crate) type Echo = std::sync::Arc<dyn Fn(&[Group], Cursor) + Send + Sync>;
