//! What is known of a database's schema, and for how long that is believed.
//!
//! It is read when it is first needed, and again after a minute, after what may have changed it here or on another node,
//! and before nothing else: a change by other programs is noticed within that minute, and then all is invalidated.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use parking_lot::RwLock;

use super::catalog::Catalog;
use super::connections::Held;
use super::driver::Driver;
use super::failure::Next;
use super::{Core, Database, failure};
use crate::clock::Millis;
use crate::error::{Error, ErrorKind, Result};
use crate::group::Group;
use crate::key::Key;

/// What was read is believed for so long.
const BELIEVED: Millis = 60_000;
/// At this age it is read again behind a write, so that none has to wait for it.
const OLD: Millis = 30_000;

/// Reading it may take so long.
const LIMIT: Duration = Duration::from_secs(5);
/// After it could not be read it is left for so long.
const PAUSE: Millis = 2_000;

/// What was read of the schema, and when.
#[derive(Default)]
pub(super) struct Schema {
    read: RwLock<Option<Reading>>,
    /// One reads at a time.
    turn: tokio::sync::Mutex<()>,
    /// When it was last tried in vain; 0 if it was read since.
    failed: AtomicU64,
    /// Is it being read behind?
    renewed: AtomicBool,
}

#[derive(Clone)]
struct Reading {
    catalog: Arc<Catalog>,
    at: Millis,
    /// What was known of invalidations before.
    seq: u64,
}

impl<DB: Driver> Database<DB> {
    /// Tells that the schema was changed past this handle, as by migrations: all that was read is invalidated, and the
    /// schema is read anew, here and on all nodes that share the log. It is noticed by itself within a minute.
    pub async fn schema_changed(&self) {
        self.core.tell_of_schema().await;
    }
}

impl<DB: Driver> Core<DB> {
    async fn tell_of_schema(&self) {
        let all = [self.groups.all(), self.groups.schema()].map(|tag| Group::Tag(tag.into()));
        self.due(all.to_vec()).fire().await;
    }

    /// The schema, if what was read of it is still to be believed.
    pub(super) fn known_schema(&self) -> Option<Arc<Catalog>> {
        let reading = self.schema.read.read().clone()?;
        let young = self.clock.now_assured().saturating_sub(reading.at) <= BELIEVED;
        (young && !self.schema_was_told(reading.seq)).then_some(reading.catalog)
    }

    /// The schema as it was read last, if it ever was, however long ago.
    pub(super) fn last_schema(&self) -> Option<Arc<Catalog>> {
        self.schema.read.read().as_ref().map(|reading| Arc::clone(&reading.catalog))
    }

    /// What is known of invalidations now.
    pub(super) fn moment(&self) -> u64 {
        self.cache().0.log.birth().seq
    }

    /// Has anybody told since this moment that the schema may be another one?
    pub(super) fn schema_was_told(&self, since: u64) -> bool {
        let tag = self.groups.schema();
        let tags = [tag.as_str()];
        self.cache().0.log.unnamed_since(&Key::from_stored(""), tags.into_iter(), since).is_none()
    }

    /// Reads it behind, if it is believed and will not be for much longer.
    pub(super) fn renew_schema(self: &Arc<Self>) {
        let reading = self.schema.read.read().clone();
        let is_old = |reading: &Reading| self.clock.now_assured().saturating_sub(reading.at) > OLD;
        if reading.is_none_or(|reading| !is_old(&reading)) || self.schema.renewed.swap(true, Relaxed) {
            return;
        }
        let renewed = Renewed(Arc::clone(self));
        drop(tokio::spawn(async move {
            let Renewed(core) = &renewed;
            let read = core.breaker.run(async {
                let mut held = core.readers.acquire().await?;
                let _turn = core.schema.turn.lock().await;
                core.read_schema(&mut held).await
            });
            if let Err(error) = read.await {
                tracing::debug!(database = &*core.name, %error, "the schema could not be read again");
            }
        }));
    }

    /// Was it tried in vain a moment ago? Then it is not tried again yet.
    pub(super) fn is_unread(&self) -> bool {
        let failed = self.schema.failed.load(Relaxed);
        failed != 0 && self.clock.now_assured().saturating_sub(failed) <= PAUSE
    }

    /// The same, read on this connection if need be; nothing if it cannot be read.
    ///
    /// # Errors
    /// If the connection is of no use any more.
    pub(super) async fn schema_by(&self, held: &mut Held<DB>) -> Result<Option<Arc<Catalog>>> {
        if let Some(catalog) = self.known_schema() {
            return Ok(Some(catalog));
        }
        let _turn = self.schema.turn.lock().await;
        if let Some(catalog) = self.known_schema() {
            return Ok(Some(catalog));
        }
        if self.is_unread() { Ok(None) } else { self.read_schema(held).await }
    }

    async fn read_schema(&self, held: &mut Held<DB>) -> Result<Option<Arc<Catalog>>> {
        let (at, seq) = (self.clock.now_assured(), self.moment());
        let before = self.schema.read.read().clone();
        let earlier = before.as_ref().map(|before| &before.catalog);
        let catalog = match tokio::time::timeout(LIMIT, Catalog::read::<DB>(held, earlier)).await {
            Ok(Ok(catalog)) => catalog,
            Ok(Err(source)) => return self.unread(held, failure::judge(source, DB::outage)),
            // What it was asked may be answered later: to somebody else.
            Err(_) => return self.unread(held, (Next::Another, late())),
        };
        self.schema.failed.store(0, Relaxed);
        if before.is_some_and(|before| before.catalog != catalog && !self.schema_was_told(before.seq)) {
            // By a program that does not tell: whoever tells has invalidated all.
            tracing::info!(database = &*self.name, "the schema has changed: all that was read is invalidated");
            self.tell_of_schema().await;
        }
        *self.schema.read.write() = Some(Reading { catalog: Arc::clone(&catalog), at, seq });
        Ok(Some(catalog))
    }

    /// Said once, until it is read again. A connection that was lost says nothing of the schema.
    fn unread(&self, held: &mut Held<DB>, (next, error): (Next, Error)) -> Result<Option<Arc<Catalog>>> {
        if next == Next::Another && error.kind() == ErrorKind::Connection {
            held.give_up();
            return Err(error);
        }
        if self.schema.failed.swap(self.clock.now_assured().max(1), Relaxed) == 0 {
            tracing::warn!(database = &*self.name, %error, "the schema cannot be read: each write invalidates all");
        }
        if next == Next::Another {
            held.give_up();
            return Err(error);
        }
        Ok(None)
    }
}

/// It is being read behind, until this is dropped.
struct Renewed<DB: Driver>(Arc<Core<DB>>);

impl<DB: Driver> Drop for Renewed<DB> {
    fn drop(&mut self) {
        self.0.schema.renewed.store(false, Relaxed);
    }
}

fn late() -> Error {
    Error::new(ErrorKind::Deadline, "the database did not say in time what its schema is")
}
