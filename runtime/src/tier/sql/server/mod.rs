//! Tables on a server, which several nodes write at once.

mod address;
mod dialect;
mod fault;
mod journal;
mod line;
mod links;
mod schema;
mod shared;
mod statements;
mod store;
mod tidy;
mod transaction;

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use self::journal::Journal;
use self::store::Store;
use self::tidy::Census;
use super::Engine;
use super::host::{Host, PATIENCE};
use super::tables::Tables;
use super::walk::Walk;
use crate::codec::Frame;
use crate::error::{Error, ErrorKind, Result};
use crate::group::Record;
use crate::key::Key;
use crate::tier::door::Door;
use crate::tier::fault::{Fault, Harm};
use crate::tier::state::worded;
use crate::tier::{Cleared, Note, Recall, Reply, Step, Tidied, Tier, TierState};

pub(super) use self::address::Address;
pub(crate) use self::shared::SharedSql;

/// Where the tables are, what they are called, and how much they may hold.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) address: Address,
    pub(super) tables: Tables,
    pub(super) max_bytes: u64,
    pub(super) connections: u32,
}

/// A tier on a server; [`super::Sql`] says what it promises.
pub(super) struct Server {
    room: Arc<Room>,
    /// `None` if the machine has no thread to give; then the tier stays closed.
    host: Option<Host>,
}

struct Room {
    terms: Terms,
    door: Door<Store>,
    walk: Walk,
    census: Census,
    journal: Journal,
    /// Is the door opened by someone who looks after it, and not by those who find it closed?
    tended: bool,
}

impl Server {
    pub(super) fn open(terms: Terms) -> Self {
        let server = Self::closed(terms, false);
        if let Some(host) = &server.host {
            server.room.door.shut(None, server.room.door.why());
            let room = Arc::clone(&server.room);
            host.block(PATIENCE, async move { room.enter().await });
        }
        server
    }

    fn closed(terms: Terms, tended: bool) -> Self {
        let (walk, census, journal) = (Walk::default(), Census::default(), Journal::new());
        let room = Arc::new(Room { terms, door: Door::closed(), walk, census, journal, tended });
        let host = Host::start();
        if let Err(e) = &host {
            let why = Error::new(ErrorKind::Tier, "no thread for the database").because(e.to_string());
            room.door.set(Err(why));
        }
        Self { room, host: host.ok() }
    }

    fn store(&self) -> Result<(&Host, Arc<Store>)> {
        let door = &self.room.door;
        if let Some(open) = self.host.as_ref().zip(door.store()) {
            return Ok(open);
        }
        if !self.room.tended && door.may_try() {
            self.reopen(None, door.why());
        }
        Err(door.why())
    }

    /// Does one thing with the store, on the tier's own thread.
    async fn with<T, Act, Done>(&self, act: Act) -> Result<T>
    where
        T: Send + 'static,
        Act: FnOnce(Arc<Store>) -> Done + Send,
        Done: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let (host, store) = self.store()?;
        let room = Arc::clone(&self.room);
        let done = host.run(act(Arc::clone(&store))).await;
        done.map_err(|fault| {
            let harm = fault.harm;
            let error = room.error(fault);
            if harm != Harm::Passing {
                self.reopen(Some(&store), error.clone());
            }
            error
        })
    }

    /// Connects again, in the background; or leaves that to who looks after the door.
    fn reopen(&self, failed: Option<&Arc<Store>>, why: Error) {
        let Some(host) = &self.host else { return };
        if self.room.tended {
            // Unless another stands open meanwhile.
            if self.room.door.store().as_ref().map(Arc::as_ptr) == failed.map(Arc::as_ptr) {
                self.room.door.set(Err(why));
            }
            return;
        }
        let Some(old) = self.room.door.shut(failed, why) else { return };
        let room = Arc::clone(&self.room);
        host.spawn(async move {
            if let Some(old) = old {
                old.close().await;
            }
            tokio::time::sleep(room.door.rest()).await;
            room.enter().await;
        });
    }
}

impl Room {
    /// Opens the store; what stands in the way is logged, at most once a second as there is no more than one try.
    async fn enter(&self) {
        let opened = Store::open(&self.terms).await.map_err(|fault| {
            let (tier, reason) = (self.terms.address.dialect().word(), fault.message());
            tracing::warn!(tier, server = %self.terms.address, reason, "the tier cannot be opened");
            self.error(fault)
        });
        self.door.set(opened.map(Arc::new));
    }

    fn error(&self, fault: Fault) -> Error {
        fault.at("server", &self.terms.address)
    }
}

impl Engine for Server {
    fn path(&self) -> Option<&Path> {
        None
    }

    fn is_open(&self) -> bool {
        self.room.door.store().is_some()
    }

    fn times_set_aside(&self) -> u64 {
        0
    }
}

impl Tier for Server {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            let keys = keys.to_vec();
            self.with(|store| async move { store.get(&keys).await }).await
        })
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        Box::pin(async move {
            let frames = frames.to_vec();
            self.with(|store| async move { store.put(&frames).await }).await.map(|()| Vec::new())
        })
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        Box::pin(async move {
            let records = records.to_vec();
            self.with(|store| async move { store.apply(&records).await }).await
        })
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        Box::pin(async move {
            let keys = keys.to_vec();
            self.with(|store| async move { store.remove(&keys).await }).await
        })
    }

    fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()> {
        Box::pin(async move {
            let (note, room) = (note.clone(), Arc::clone(&self.room));
            self.with(|store| async move { store.note(&room.journal, &note).await }).await
        })
    }

    fn recall(&self) -> Reply<'_, Recall> {
        let room = Arc::clone(&self.room);
        Box::pin(self.with(|store| async move { store.recall(&room.journal).await }))
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        Box::pin(self.tidy_step(step))
    }

    fn clear<'a>(&'a self, after: Option<&'a str>, most: usize) -> Reply<'a, Cleared> {
        Box::pin(self.clear_step(after, most))
    }

    fn state(&self) -> Reply<'_, TierState> {
        Box::pin(async move {
            let version = self.with(|store| async move { store.version().await }).await?;
            let held = TierState::holding(self.room.census.bytes(), self.room.terms.max_bytes);
            Ok(TierState { servers: 1, answered: 1, version: worded(&version), ..held })
        })
    }

    /// Nothing: there is no place for a marker that only this node's successors would heed, and one on the server would
    /// have all nodes throw away what is theirs as well. What the tables could not be told is in this node's journal,
    /// which is brought to them before this node or its successor trusts them again.
    fn trust(&self, _: bool) {}

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async move {
            if let (Some(host), Some(old)) = (&self.host, self.room.door.end()) {
                let closed = host.run(async move {
                    old.close().await;
                    Ok(())
                });
                closed.await.map_err(|fault| self.room.error(fault))?;
            }
            Ok(())
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(host) = &mut self.host else { return };
        let old = self.room.door.store();
        host.end(async move {
            if let Some(old) = old {
                old.close().await;
            }
        });
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.room.terms.address.dialect().word())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Room { terms, door, .. } = &*self.room;
        f.debug_struct("Server").field("terms", terms).field("door", door).finish_non_exhaustive()
    }
}
