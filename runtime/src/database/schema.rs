//! What is known of a database's schema, and for how long that is believed.
//!
//! It is read when it is first needed, and again after a minute, after what may have changed it here or on another node,
//! and before nothing else: a change by other programs is noticed within that minute, and then all is invalidated.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::RwLock;

use super::catalog::Catalog;
use super::connections::Held;
use super::driver::Driver;
use super::{Core, Database, failure};
use crate::clock::Millis;
use crate::group::Group;
use crate::key::Key;

/// What was read is believed for so long.
const BELIEVED: Millis = 60_000;
/// At this age it is read again behind a write, so that none has to wait for it.
const OLD: Millis = 30_000;

/// What was read of the schema, and when.
#[derive(Default)]
pub(super) struct Schema {
    read: RwLock<Option<Reading>>,
    /// One reads at a time.
    turn: tokio::sync::Mutex<()>,
    failed: AtomicBool,
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
        (young && !self.is_told_of(&reading)).then_some(reading.catalog)
    }

    /// Has a write that may have changed the schema been told since?
    fn is_told_of(&self, reading: &Reading) -> bool {
        self.schema_was_told(reading.seq)
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
        let core = Arc::clone(self);
        drop(tokio::spawn(async move {
            let _ = core
                .breaker
                .run(async {
                    let mut held = core.readers.acquire().await?;
                    let _turn = core.schema.turn.lock().await;
                    Ok(core.read_schema(&mut held).await.is_some())
                })
                .await;
            core.schema.renewed.store(false, Relaxed);
        }));
    }

    /// The same, read on this connection if need be; `None` if it cannot be read.
    pub(super) async fn schema_by(&self, held: &mut Held<DB>) -> Option<Arc<Catalog>> {
        if let Some(catalog) = self.known_schema() {
            return Some(catalog);
        }
        let _turn = self.schema.turn.lock().await;
        if let Some(catalog) = self.known_schema() {
            return Some(catalog);
        }
        self.read_schema(held).await
    }

    async fn read_schema(&self, held: &mut Held<DB>) -> Option<Arc<Catalog>> {
        let (at, seq) = (self.clock.now_assured(), self.moment());
        let before = self.schema.read.read().clone();
        let catalog = match Catalog::read::<DB>(held, before.as_ref().map(|before| &before.catalog)).await {
            Ok(catalog) => catalog,
            Err(source) => {
                self.unread(&failure::judge(source, DB::outage).1);
                return None;
            }
        };
        if before.is_some_and(|before| before.catalog != catalog && !self.is_told_of(&before)) {
            // By a program that does not tell: whoever tells has invalidated all.
            tracing::info!(database = &*self.name, "the schema has changed: all that was read is invalidated");
            self.tell_of_schema().await;
        }
        *self.schema.read.write() = Some(Reading { catalog: Arc::clone(&catalog), at, seq });
        Some(catalog)
    }

    /// Said once.
    fn unread(&self, error: &crate::error::Error) {
        if !self.schema.failed.swap(true, Relaxed) {
            tracing::warn!(database = &*self.name, %error, "the schema cannot be read: each write invalidates all");
        }
    }
}
