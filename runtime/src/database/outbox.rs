//! What is due when its writer dies between the commit and the invalidation: a row beside what was written, in the same
//! transaction.
//!
//! The row goes when the invalidation was taken by all tiers. What is left of others is found by sweeps: the first of a
//! handle invalidates all that it finds, a later one what was there at the one before, and removes it. No clocks of two
//! nodes are compared. A row that is swept though its writer lives brings an invalidation more, which is harmless.

mod options;
mod row;
mod sweep;
mod table;
mod write;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use self::table::Texts;
use super::connections::{Asked, Held};
use super::driver::Driver;
use super::failure::{Next, judge};
use super::groups::Groups;
use super::{Core, Database, DatabaseOptions};
use crate::chance::Chance;
use crate::error::{Error, Result};
use crate::group::Group;
use crate::key::escape;
use crate::statement::Tables;

pub use options::OutboxOptions;
pub(super) use write::{apart, stands_beside};

/// So many rows wait to be removed. Further ones are left to a sweep.
const MOST_SETTLED: usize = 4_096;
/// So many characters of a database's name are stored.
const LONGEST_NAME: usize = 200;

/// The outbox of one database.
pub(super) struct Outbox {
    texts: Texts,
    /// The name of the database, by which its rows are told from those of others in the same table.
    name: String,
    /// What all of the database's entries carry.
    all: Group,
    interval: Duration,
    ids: Chance,
    /// Is the table there?
    ready: AtomicBool,
    settled: Sender<String>,
    /// Until somebody looks after it.
    idle: Mutex<Option<Receiver<String>>>,
    /// What the last sweep found; nothing before the first.
    seen: tokio::sync::Mutex<Option<HashSet<String>>>,
}

impl Outbox {
    /// The outbox that the options ask for.
    pub(super) fn asked_for<DB: Driver>(options: &DatabaseOptions) -> Result<Option<Self>> {
        let Some(outbox) = &options.outbox else { return Ok(None) };
        let name = escape(&options.name);
        if name.chars().count() > LONGEST_NAME {
            return Err(Error::config("name", "the name of the database is too long for an outbox"));
        }
        let Some(all) = Groups::new(&options.name).written(&Tables::Any).pop() else { return Ok(None) };
        let (settled, idle) = channel(MOST_SETTLED);
        Ok(Some(Self {
            texts: Texts::new(&outbox.table, DB::BACKEND)?,
            name,
            all,
            interval: outbox.interval,
            ids: Chance::unknown(),
            ready: AtomicBool::new(false),
            settled,
            idle: Mutex::new(Some(idle)),
            seen: tokio::sync::Mutex::default(),
        }))
    }

    /// Its invalidation was taken by all tiers: it is removed soon.
    fn settle(&self, row: String) {
        // What there is no room for is swept.
        let _ = self.settled.try_send(row);
    }
}

/// Looks after the outbox from now on, if there is one.
pub(super) fn begin<DB: Driver>(core: &Arc<Core<DB>>) {
    if let Some(outbox) = &core.outbox {
        sweep::begin(core, outbox);
    }
}

/// A row that was written beside what it stands for.
pub(super) struct Owed(String);

impl<DB: Driver> Core<DB> {
    /// Sees to it that there is a table, and somebody who sweeps it. Before the transaction: MySQL would commit.
    pub(super) async fn outbox_ready(self: &Arc<Self>) -> Result<()> {
        let Some(outbox) = &self.outbox else { return Ok(()) };
        sweep::begin(self, outbox);
        if outbox.ready.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut held = self.writers().acquire().await?;
        table::make(&mut held, &outbox.texts).await?;
        outbox.ready.store(true, Ordering::Release);
        Ok(())
    }

    /// Writes what becomes untrue, as part of the transaction that is open on this connection, or ahead of a statement that
    /// commits by itself.
    pub(super) async fn owe<'g>(
        &self,
        held: &mut Held<DB>,
        groups: impl IntoIterator<Item = &'g Group> + Send,
    ) -> Asked<Option<Owed>> {
        let Some(outbox) = &self.outbox else { return Ok(None) };
        let Some(body) = row::write(groups, &outbox.all) else { return Ok(None) };
        let id = format!("{:016x}{:016x}", outbox.ids.next(), outbox.ids.next());
        let values = DB::texts(&[&id, &outbox.name, &body]).map_err(|cause| (Next::Tell, table::unbound(cause)))?;
        match DB::run(held, outbox.texts.insert(), values).await {
            Ok(_) => Ok(Some(Owed(id))),
            Err(source) => {
                // The table may have gone.
                outbox.ready.store(false, Ordering::Release);
                Err(judge(source, DB::outage))
            }
        }
    }

    /// Removes the row, soon, if all tiers have taken what it stands for.
    pub(super) fn settle(&self, owed: Option<Owed>, taken: bool) {
        if let (Some(Owed(id)), true, Some(outbox)) = (owed, taken, &self.outbox) {
            outbox.settle(id);
        }
    }
}

impl<DB: Driver> Database<DB> {
    /// Invalidates what writers left behind that died between their commit and the invalidation; answers how many rows of
    /// the [outbox](DatabaseOptions::outbox) there were.
    ///
    /// It is done by itself, as soon as the database is opened and every few seconds; call it where nothing may be served
    /// before. Rows that were there at the last sweep are removed. Without an outbox it does nothing.
    ///
    /// # Errors
    /// As [`Database::execute`].
    pub async fn sweep_outbox(&self) -> Result<u64> {
        match &self.core.outbox {
            Some(_) => sweep::sweep(&self.core, true).await,
            None => Ok(0),
        }
    }
}
