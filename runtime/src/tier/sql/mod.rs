//! L3 in a SQL database: frames in a table, first in, first out.

mod dialect;
mod host;
mod open;
mod schema;
mod store;
mod tidy;

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use self::dialect::Tables;
use self::host::Host;
use self::store::Store;
use self::tidy::Walk;
use super::distrust::Distrust;
use super::door::Door;
use super::fault::{Fault, Harm};
use super::{Note, Recall, Reply, Step, Tidied, Tier};
use crate::clock::Millis;
use crate::codec::Frame;
use crate::error::{Error, ErrorKind, Result};
use crate::group::Record;
use crate::key::Key;

/// How long the constructor waits for the database; the tier is closed, and tries again, if it takes longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a [`Sql`] tier lives and how large it may become.
#[derive(Debug, Clone)]
pub struct SqlOptions {
    path: PathBuf,
    tables: Tables,
    max_bytes: u64,
}

impl SqlOptions {
    /// A SQLite database in a file of its own, made when missing, open to this user only.
    ///
    /// # Errors
    /// None with these defaults: tables named `cached_…`, 1 GiB.
    pub fn sqlite(path: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self { path: path.into(), tables: Tables::named("cached")?, max_bytes: 1 << 30 })
    }

    /// The database that a URL names: `sqlite:relative/file.db` or `sqlite:///absolute/file.db`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the URL names another database, no file, or parameters.
    pub fn url(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest));
        match rest {
            Some(path) if !path.is_empty() && !path.starts_with(':') && !path.contains('?') => Self::sqlite(path),
            _ => Err(Error::config("url", "give `sqlite:` and the path of a file, without parameters")),
        }
    }

    /// What the tables' names begin with. Default: `cached`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] unless it is 1 to 48 of `a-z`, `0-9` and `_`, and does not begin with a digit.
    pub fn table_prefix(mut self, prefix: &str) -> Result<Self> {
        self.tables = Tables::named(prefix)?;
        Ok(self)
    }

    /// Bytes of keys and frames to keep; the oldest go first. Default: 1 GiB.
    ///
    /// The file does not shrink: room that was given up is used again. It never grows beyond three times this and
    /// 64 MiB; what would, is refused.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }
}

/// A tier in a SQLite file, which several processes of one machine may share.
///
/// A read is one prepared statement. All statements run on a thread of the tier, so a caller that goes away leaves no
/// connection half-used; the hop there and back costs some ten microseconds, which is why [`super::disk`] is the
/// default. Memory: five connections with 4 MiB of pages each. After a return, what was written survives the process;
/// a loss of power may take the last moments.
///
/// A damaged file is set aside as `<path>.set-aside-<unix ms>` (one at most is kept) and begun anew. While it cannot be
/// opened or is locked, every call answers [`ErrorKind::Tier`] within a tenth of a second, and calls make it try again,
/// once a second at most. A file that belongs to another application is neither written nor moved. Not for network
/// file systems.
pub struct Sql {
    room: Arc<Room>,
    /// `None` if the machine has no thread to give; then the tier stays closed.
    host: Option<Host>,
}

struct Room {
    options: SqlOptions,
    door: Door<Store>,
    distrust: Distrust,
    walk: Walk,
    /// A file made at this time or before is not trusted, however many tries to open it fail in between.
    distrusted: AtomicU64,
}

impl Sql {
    /// Opens the database, or begins a new one; blocks meanwhile, at most 5 seconds. It never fails: see [`Sql`] for
    /// what happens instead.
    #[must_use]
    pub fn open(options: SqlOptions) -> Self {
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

    /// The database's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.room.options.path
    }

    /// Is the database open now?
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.room.door.store().is_some()
    }

    /// How many files this tier has set aside since it was made.
    #[must_use]
    pub fn times_set_aside(&self) -> u64 {
        self.room.door.asides()
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
    async fn enter(&self) {
        let opened = self.opened(self.distrusted.load(Ordering::Acquire)).await;
        self.door.set(opened.map_err(|fault| fault.into_error(&self.options.path)));
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
        if let Err(error) = super::aside::set_aside(&self.options.path, open::COMPANIONS) {
            tracing::error!(path = %self.options.path.display(), %error, "an invalidated store can neither be marked nor set aside");
        }
    }
}

impl Tier for Sql {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            let keys = keys.to_vec();
            self.with(|store| async move { store.get(&keys).await }).await
        })
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, ()> {
        Box::pin(async move {
            let frames = frames.to_vec();
            self.with(|store| async move { store.put(&frames).await }).await
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

impl Drop for Sql {
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

impl fmt::Display for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sqlite")
    }
}

impl fmt::Debug for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Room { options, door, .. } = &*self.room;
        f.debug_struct("Sql").field("options", options).field("door", door).finish_non_exhaustive()
    }
}
