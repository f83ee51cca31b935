//! L3 in a SQL database: frames in a table, first in, first out. A file of this machine, or a server that nodes share.

mod host;
mod options;
#[cfg(feature = "_server")]
mod server;
#[cfg(feature = "sqlite")]
mod sqlite;
mod tables;
mod walk;

use std::fmt;
use std::path::Path;

use bytes::Bytes;

use super::{Cleared, Note, Recall, Reply, Step, Tidied, Tier, TierState};
use crate::codec::Frame;
use crate::group::Record;
use crate::key::Key;

pub use options::SqlOptions;

/// A tier in a SQL database: a SQLite file, which several processes of one machine may share, or tables on a PostgreSQL,
/// MySQL or MariaDB server, which nodes share.
///
/// A read is one prepared statement. All statements run on a thread of the tier, so a caller that goes away leaves no
/// connection half-used; the hop there and back costs some ten microseconds, which is why `disk` is the default.
///
/// **A file** takes the memory of five connections with 4 MiB of pages each. After a return, what was written survives
/// the process; a loss of power may take the last moments. A damaged file is set aside as
/// `<path>.set-aside-<unix ms>` (one at most is kept) and begun anew. While it cannot be opened or is locked, every call
/// answers [`ErrorKind::Tier`] within a tenth of a second, and calls make it try again, once a second at most. A file
/// that belongs to another application is neither written nor moved. Not for network file systems.
///
/// **A server** is written by all nodes at once; each statement stands alone, so none of them holds a lock for another
/// round trip. While the server is away, calls answer an error at once, and make the tier connect again in the
/// background, once a second at most. What an operator has to change (a password, a missing database, a right) is
/// [`ErrorKind::Config`] and says so. Tables are made at the first connection. Nodes see each other's frames and
/// removals of keys; that they hear of each other's other invalidations at once is the business of the log they share.
///
/// [`ErrorKind::Tier`]: crate::error::ErrorKind::Tier
/// [`ErrorKind::Config`]: crate::error::ErrorKind::Config
pub struct Sql(Box<dyn Engine>);

/// A tier in one kind of database.
trait Engine: Tier {
    /// The database's file, if it is one.
    fn path(&self) -> Option<&Path>;

    /// Is the database open now?
    fn is_open(&self) -> bool;

    /// How many files have been set aside.
    fn times_set_aside(&self) -> u64;
}

impl Sql {
    /// Opens the database, or begins a new one; blocks meanwhile, at most 5 seconds. It never fails: see [`Sql`] for
    /// what happens instead.
    #[must_use]
    pub fn open(options: SqlOptions) -> Self {
        Self(options.open())
    }

    /// The database's file, if it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path()
    }

    /// Is the database open now?
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.is_open()
    }

    /// How many files this tier has set aside since it was made.
    #[must_use]
    pub fn times_set_aside(&self) -> u64 {
        self.0.times_set_aside()
    }
}

#[deny(clippy::missing_trait_methods)]
impl Tier for Sql {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        self.0.get(keys)
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        self.0.put(frames)
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        self.0.apply(records)
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        self.0.remove(keys)
    }

    fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()> {
        self.0.note(note)
    }

    fn recall(&self) -> Reply<'_, Recall> {
        self.0.recall()
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        self.0.tidy(step)
    }

    fn clear<'a>(&'a self, after: Option<&'a str>, most: usize) -> Reply<'a, Cleared> {
        self.0.clear(after, most)
    }

    fn state(&self) -> Reply<'_, TierState> {
        self.0.state()
    }

    fn trust(&self, trusted: bool) {
        self.0.trust(trusted);
    }

    fn close(&self) -> Reply<'_, ()> {
        self.0.close()
    }
}

impl fmt::Display for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sql").field(&self.0).finish()
    }
}
