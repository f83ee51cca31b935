//! L3 of this node's own: frames in an embedded log-structured store (fjall).

mod log;
mod open;
mod store;
mod tidy;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use self::store::Store;
use super::clear::told;
use super::distrust::Distrust;
use super::door::Door;
use super::fault::{Fault, Harm, PANICKED};
use super::{Cleared, Note, Recall, Reply, Step, Tidied, Tier, TierState};
use crate::codec::Frame;
use crate::error::{Error, ErrorKind, Result};
use crate::group::Record;
use crate::key::Key;

/// Where a [`Disk`] lives and how large it may become.
#[derive(Debug, Clone)]
pub struct DiskOptions {
    /// The store's own directory; made when missing, open to this user only. Nothing else may live in it.
    pub path: PathBuf,
    /// Bytes of keys and frames to keep; the oldest go first. Default: 1 GiB.
    ///
    /// The files take more: what was removed is given back when the store compacts, and its journal adds up to 64 MiB.
    pub max_bytes: u64,
    /// Bytes of memory for blocks read from disk. Default: 16 MiB.
    pub cache_bytes: u64,
    /// Bytes of memory for writes not yet sorted to disk, at least 64 KiB. Default: 16 MiB.
    pub write_buffer_bytes: u64,
}

impl DiskOptions {
    /// The defaults, at this directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), max_bytes: 1 << 30, cache_bytes: 16 << 20, write_buffer_bytes: 16 << 20 }
    }
}

/// A tier on this machine's disk, for one process at a time.
///
/// A read costs one lookup and does not copy the frame. Calls run where they are made, without a hop to another
/// thread: a hop costs more than most of them. After a return, what was written survives the process; a loss of power
/// may take the last moments.
///
/// A store that is damaged is set aside as `<path>.set-aside-<unix ms>` (one at most is kept) and begun anew. While it
/// cannot be opened, because another process has it or the disk is read-only or full, every call answers
/// [`ErrorKind::Tier`] at once, and calls make it try again, once a second at most, on a thread of its own. Not for
/// directories on network file systems, and not for several nodes: use SQL there.
pub struct Disk(Arc<Room>);

struct Room {
    options: DiskOptions,
    door: Door<Store>,
    distrust: Distrust,
    /// What stands at the path is of no use. Kept over tries that fail for another reason, until a store is open.
    condemned: AtomicBool,
}

impl Disk {
    /// Opens the store, or begins a new one; blocks meanwhile. It never fails: see [`Disk`] for what happens instead.
    #[must_use]
    pub fn open(options: DiskOptions) -> Self {
        let distrust = Distrust::of(&options.path);
        let room = Room { options, door: Door::closed(), distrust, condemned: AtomicBool::new(false) };
        room.enter();
        Self(Arc::new(room))
    }

    /// The store's directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.options.path
    }

    /// Is the store open now?
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.door.store().is_some()
    }

    /// How many stores this tier has set aside since it was made.
    #[must_use]
    pub fn times_set_aside(&self) -> u64 {
        self.0.door.asides()
    }

    /// The open store; on the way, once a second, a look at whether it still is the one at the path.
    fn store(&self) -> Result<Arc<Store>> {
        let door = &self.0.door;
        let Some(store) = door.store() else {
            if door.may_try() {
                self.reopen(None, Harm::Handle, door.why());
            }
            return Err(door.why());
        };
        if door.may_look() && !store.in_place(&self.0.options.path) {
            let why = Error::new(ErrorKind::Tier, "the store was deleted or replaced; it is begun anew");
            // What stands there when it is opened again is not what this process left there, also if nothing does now:
            // an older copy may be put there in between.
            self.reopen(Some(&store), Harm::Damage, why.clone());
            return Err(why);
        }
        Ok(store)
    }

    /// Does one thing with the store; a panic of the engine is a failure of the store like any other.
    fn with<T>(&self, act: impl FnOnce(&Store) -> Result<T, Fault>) -> Result<T> {
        let store = self.store()?;
        let done = catch_unwind(AssertUnwindSafe(|| act(&store)));
        let fault = match done.unwrap_or_else(|_| Err(PANICKED)) {
            Ok(done) => return Ok(done),
            Err(fault) => fault,
        };
        let harm = fault.harm;
        let error = fault.into_error(&self.0.options.path);
        if harm != Harm::Passing {
            self.reopen(Some(&store), harm, error.clone());
        }
        Err(error)
    }

    fn reopen(&self, failed: Option<&Arc<Store>>, harm: Harm, why: Error) {
        let Some(old) = self.0.door.shut(failed, why) else { return };
        // The engine may notice before the look that its files are gone: what stands there now may be an older copy.
        let replaced = failed.is_some_and(|store| !store.in_place(&self.0.options.path));
        if replaced || harm == Harm::Damage {
            self.0.condemned.store(true, Ordering::Release);
        }
        let room = Arc::clone(&self.0);
        let opener = move || {
            // Closing waits for the store's own threads: not on a caller's time.
            drop(old);
            std::thread::sleep(room.door.rest());
            room.enter();
        };
        if let Err(e) = std::thread::Builder::new().name("cached-disk".to_owned()).spawn(opener) {
            self.0.door.set(Err(Error::new(ErrorKind::Tier, "no thread to open the store on").because(e)));
        }
    }

    fn apply_all(&self, records: &[Record]) -> Result<()> {
        let done = self.with(|store| store.apply(records));
        match &done {
            Ok(()) => self.0.distrust.pay(records),
            Err(_) => self.0.owe(records),
        }
        done
    }
}

impl Room {
    /// Opens the store; what stands in the way is logged, at most once a second as there is no more than one try.
    fn enter(&self) {
        let opened = self.opened(self.condemned.load(Ordering::Acquire));
        if opened.is_ok() {
            self.condemned.store(false, Ordering::Release);
        }
        self.door.set(opened.map(Arc::new).map_err(|fault| {
            let (path, reason) = (self.options.path.display(), fault.message());
            tracing::warn!(tier = "disk", %path, reason, "the tier cannot be opened");
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

    /// No marker can be made beside the store: what it holds has to go now. Failing that too, the file system takes no
    /// change at all, and the next process cannot open the store either.
    fn spoil(&self) {
        if let Err(error) = super::aside::set_aside(&self.options.path, &[]) {
            tracing::error!(path = %self.options.path.display(), %error, "an invalidated store can neither be marked nor set aside");
        }
    }
}

impl Tier for Disk {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        Box::pin(async move { self.with(|store| keys.iter().map(|key| store.get(key)).collect()) })
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        Box::pin(async move { self.with(|store| store.put(frames)).map(|()| Vec::new()) })
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        Box::pin(async move { self.apply_all(records) })
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        Box::pin(async move { self.with(|store| store.remove(keys)) })
    }

    fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()> {
        Box::pin(async move { self.with(|store| store.note(note)) })
    }

    fn recall(&self) -> Reply<'_, Recall> {
        Box::pin(async move { self.with(Store::recall) })
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        Box::pin(async move { self.with(|store| store.tidy(&step)) })
    }

    fn clear<'a>(&'a self, after: Option<&'a str>, most: usize) -> Reply<'a, Cleared> {
        Box::pin(async move {
            let before = told::<1>(after)?.map(|[before]| before);
            self.with(|store| store.clear(before, most))
        })
    }

    fn state(&self) -> Reply<'_, TierState> {
        Box::pin(async move {
            let used = self.with(|store| Ok(store.book().size.bytes))?;
            Ok(TierState::holding(Some(used), self.0.options.max_bytes))
        })
    }

    fn trust(&self, trusted: bool) {
        self.0.shun(!trusted);
    }

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async move {
            drop(self.0.door.end());
            Ok(())
        })
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("disk")
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Room { options, door, .. } = &*self.0;
        f.debug_struct("Disk").field("options", options).field("door", door).finish()
    }
}
