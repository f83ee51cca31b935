//! Opening a store: what a failure says about it, and beginning anew where that helps.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fjall::config::CompressionPolicy;
use fjall::{CompressionType, Database, KeyspaceCreateOptions, LsmError};

use super::store::Store;
use super::{DiskOptions, Room};
use crate::group::Note;
use crate::tier::aside;
use crate::tier::fault::{self, Fault, Harm, PANICKED};

impl From<fjall::Error> for Fault {
    fn from(source: fjall::Error) -> Self {
        use fjall::Error as E;
        let (harm, message) = match &source {
            E::Io(e) | E::Storage(LsmError::Io(e)) => fault::io_harm(e),
            E::Locked => (Harm::Passing, "another process has the store open; give each process its own path"),
            E::Poisoned => (Harm::Handle, "a write failed earlier; the store is opened again"),
            E::KeyspaceDeleted => (Harm::Handle, "the store was closed; it is opened again"),
            _ => (Harm::Damage, "the store is damaged; it is set aside and begun anew"),
        };
        Self::new(harm, message).because(source)
    }
}

impl Room {
    /// Opens what is there, or begins anew if it is damaged, marked, or condemned.
    pub(super) fn opened(&self, condemned: bool) -> Result<Store, Fault> {
        let path = &self.options.path;
        if is_foreign(path) {
            return Err(Fault::new(Harm::Passing, "this is not a directory of the cache; give it one of its own"));
        }
        let (new, marked) = (!path.exists(), self.distrust.marked());
        let mut owed = Vec::new();
        match open(&self.options) {
            Ok(store) if new => {
                self.distrust.settle();
                return Ok(store);
            }
            Ok(store) if !condemned && !marked => return Ok(store),
            // Opened only to be sure that no other process uses what is about to be moved.
            Ok(store) => {
                // What others are still to be told is as true as before.
                owed = store.recall().map(|recall| recall.owed).unwrap_or_default();
                drop(store);
                aside::told("disk", path, aside::MISSED);
            }
            Err(fault) if fault.harm == Harm::Passing => return Err(fault),
            Err(fault) => aside::told("disk", path, fault.message()),
        }
        aside::set_aside(path, &[])?;
        self.door.count_aside();
        let fresh = open(&self.options).or_else(|fault| {
            // The store set aside may be what fills the disk.
            aside::sweep(path);
            if fault.harm == Harm::Passing { open(&self.options) } else { Err(fault) }
        })?;
        if !owed.is_empty() {
            fresh.note(&Note::Owed(owed))?;
        }
        self.distrust.settle();
        Ok(fresh)
    }
}

/// Does the path hold something that is not ours? It is neither written nor moved then.
fn is_foreign(path: &Path) -> bool {
    let Ok(entries) = fs::read_dir(path) else {
        return fs::metadata(path).is_ok_and(|m| !m.is_dir());
    };
    let mut names = entries.flatten().map(|entry| entry.file_name()).peekable();
    names.peek().is_some() && !names.any(|name| ["version", "lock", "keyspaces"].iter().any(|ours| name == *ours))
}

/// Opens a store or makes one, reads all that a restart depends on, and takes a panic of the engine for damage.
fn open(options: &DiskOptions) -> Result<Store, Fault> {
    make_dir(&options.path)?;
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let db = Database::builder(&options.path)
            .cache_size(options.cache_bytes)
            .journal_compression(CompressionType::None)
            .worker_threads(2)
            .max_cached_files(Some(128))
            .max_journaling_size(64 << 20)
            .open()?;
        // Frames are compressed where they are made, if that pays.
        let room = || KeyspaceCreateOptions::default().data_block_compression_policy(CompressionPolicy::disabled());
        let large = || room().max_memtable_size(options.write_buffer_bytes.max(64 << 10));
        let small = || room().max_memtable_size(4 << 20);
        let (frames, order, log) =
            (db.keyspace("frames", large)?, db.keyspace("order", small)?, db.keyspace("log", small)?);
        Store::new(options, db, frames, order, log)
    }));
    opened.unwrap_or_else(|_| Err(PANICKED))
}

fn make_dir(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}
