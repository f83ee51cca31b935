//! A SQLite file: one writer, readers beside it, set aside when it is damaged.

mod open;
mod schema;
mod statements;
mod store;
mod tidy;

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use self::store::Store;
use super::Engine;
use super::host::{Host, PATIENCE};
use super::tables::Tables;
use super::walk::Walk;
use crate::clock::Millis;
use crate::codec::Frame;
use crate::error::{Error, ErrorKind, Result};
use crate::group::Record;
use crate::key::Key;
use crate::tier::distrust::Distrust;
use crate::tier::door::Door;
use crate::tier::fault::{Fault, Harm};
use crate::tier::state::worded;
use crate::tier::{Cleared, Note, Recall, Reply, Step, Tidied, Tier, TierState, aside};

/// Where the file is and how large it may become.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) tables: Tables,
    pub(super) max_bytes: u64,
}

/// A tier in a SQLite file; [`super::Sql`] says what it promises.
pub(super) struct Sqlite {
    room: Arc<Room>,
    /// `None` if the machine has no thread to give; then the tier stays closed.
    host: Option<Host>,
}

struct Room {
    options: File,
    door: Door<Store>,
    distrust: Distrust,
    walk: Walk,
    /// A file made at this time or before is not trusted, however many tries to open it fail in between.
    distrusted: AtomicU64,
}

impl Sqlite {
    pub(super) fn open(options: File) -> Self {
        let distrust = Distrust::of(&options.path);
        let room = Arc::new(Room {
            options,
            door: Door::closed(),
            distrust,
            walk: Walk::default(),
            distrusted: AtomicU64::new(0),
        });
        let host = Host::start();
        match &host {
            Ok(host) => {
                room.door.shut(None, room.door.why());
                let room = Arc::clone(&room);
                host.block(PATIENCE, async move { room.enter().await });
            }
            Err(e) => {
                let why = Error::new(ErrorKind::Tier, "no thread for the database").because(e.to_string());
                room.door.set(Err(why));
            }
        }
        Self { room, host: host.ok() }
    }

    /// The open store; on the way, once a second, a look at whether it still is the one at the path.
    fn store(&self) -> Result<(&Host, Arc<Store>)> {
        let door = &self.room.door;
        let Some((host, store)) = self.host.as_ref().zip(door.store()) else {
            if door.may_try() {
                self.reopen(None, None, door.why());
            }
            return Err(door.why());
        };
        if door.may_look() && !store.in_place(&self.room.options.path) {
            let why = Error::new(ErrorKind::Tier, "the database file was deleted or replaced; it is begun anew");
            self.reopen(Some(&store), Some(store.opened), why.clone());
            return Err(why);
        }
        Ok((host, store))
    }

    /// Does one thing with the store, on the tier's own thread.
    async fn with<T, Act, Done>(&self, act: Act) -> Result<T>
    where
        T: Send + 'static,
        Act: FnOnce(Arc<Store>) -> Done + Send,
        Done: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let (host, store) = self.store()?;
        let fault = match host.run(act(Arc::clone(&store))).await {
            Ok(done) => return Ok(done),
            Err(fault) => fault,
        };
        let harm = fault.harm;
        let error = fault.into_error(&self.room.options.path);
        if harm != Harm::Passing {
            // The engine may notice before the look that its file is gone: what stands there now may be an older copy.
            let replaced = !store.in_place(&self.room.options.path);
            let distrusted = (replaced || harm == Harm::Damage).then_some(store.opened);
            self.reopen(Some(&store), distrusted, error.clone());
        }
        Err(error)
    }

    /// Opens the database again; one that was made at this time or before is not trusted.
    fn reopen(&self, failed: Option<&Arc<Store>>, distrusted: Option<Millis>, why: Error) {
        let Some(host) = &self.host else { return };
        let Some(old) = self.room.door.shut(failed, why) else { return };
        self.room.distrusted.fetch_max(distrusted.unwrap_or(0), Ordering::AcqRel);
        let room = Arc::clone(&self.room);
        host.spawn(async move {
            if let Some(old) = old {
                old.close().await;
            }
            tokio::time::sleep(room.door.rest()).await;
            room.enter().await;
        });
    }

    async fn apply_all(&self, records: &[Record]) -> Result<()> {
        let (room, owned) = (Arc::clone(&self.room), records.to_vec());
        let act = |store: Arc<Store>| async move {
            let done = store.apply(&owned).await;
            // Here, not after the answer: the caller may have gone away, at a deadline for example.
            match &done {
                Ok(()) => room.distrust.pay(&owned),
                Err(_) => room.owe(&owned),
            }
            done
        };
        // Once more for what did not get as far as the store; to owe twice is to owe once.
        self.with(act).await.inspect_err(|_| self.room.owe(records))
    }
}

impl Room {
    /// Opens the store; what stands in the way is logged, at most once a second as there is no more than one try.
    async fn enter(&self) {
        let opened = self.opened(self.distrusted.load(Ordering::Acquire)).await;
        self.door.set(opened.map(Arc::new).map_err(|fault| {
            let (path, reason) = (self.options.path.display(), fault.message());
            tracing::warn!(tier = "sqlite", %path, reason, "the tier cannot be opened");
            fault.into_error(&self.options.path)
        }));
    }

    /// Makes sure that a later process does not trust what is stored.
    fn owe(&self, records: &[Record]) {
        if self.distrust.owe(records).is_err() {
            self.spoil();
        }
    }

    fn shun(&self, shunned: bool) {
        if self.distrust.shun(shunned).is_err() {
            self.spoil();
        }
    }

    /// No marker can be made beside the file: what it holds has to go now. Failing that too, the file system takes no
    /// change at all, and the next process cannot open the database either.
    fn spoil(&self) {
        if let Err(error) = aside::set_aside(&self.options.path, open::COMPANIONS) {
            tracing::error!(path = %self.options.path.display(), %error, "an invalidated store can neither be marked nor set aside");
        }
    }
}

impl Engine for Sqlite {
    fn path(&self) -> Option<&Path> {
        Some(&self.room.options.path)
    }

    fn is_open(&self) -> bool {
        self.room.door.store().is_some()
    }

    fn times_set_aside(&self) -> u64 {
        self.room.door.asides()
    }
}

impl Tier for Sqlite {
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
        Box::pin(self.apply_all(records))
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        Box::pin(async move {
            let keys = keys.to_vec();
            self.with(|store| async move { store.remove(&keys).await }).await
        })
    }

    fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()> {
        Box::pin(async move {
            let note = note.clone();
            self.with(|store| async move { store.note(&note).await }).await
        })
    }

    fn recall(&self) -> Reply<'_, Recall> {
        Box::pin(self.with(|store| async move { store.recall().await }))
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        Box::pin(self.tidy_step(step))
    }

    fn clear<'a>(&'a self, after: Option<&'a str>, most: usize) -> Reply<'a, Cleared> {
        Box::pin(self.clear_step(after, most))
    }

    fn state(&self) -> Reply<'_, TierState> {
        Box::pin(async move {
            let (version, used) = self.with(|store| async move { store.about().await }).await?;
            Ok(TierState { version: worded(&version), ..TierState::holding(Some(used), self.room.options.max_bytes) })
        })
    }

    fn trust(&self, trusted: bool) {
        self.room.shun(!trusted);
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async move {
            if let (Some(host), Some(old)) = (&self.host, self.room.door.end()) {
                host.run(async move {
                    old.close().await;
                    Ok(())
                })
                .await
                .map_err(|fault| fault.into_error(&self.room.options.path))?;
            }
            Ok(())
        })
    }
}

impl Drop for Sqlite {
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

impl fmt::Display for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sqlite")
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Room { options, door, .. } = &*self.room;
        f.debug_struct("Sqlite").field("options", options).field("door", door).finish_non_exhaustive()
    }
}
