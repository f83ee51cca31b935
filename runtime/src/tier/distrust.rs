//! The marker beside a store that missed an invalidation: whoever opens the store next sets it aside.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::aside;
use crate::group::{Group, Position, Record};

/// Beyond this many groups owed, single ones are not told apart any more: only a fresh store settles the debt.
const MOST: usize = 4096;

/// What a store owes the log, and the marker that says so across processes.
#[derive(Debug)]
pub(super) struct Distrust {
    marker: PathBuf,
    debt: Mutex<Debt>,
}

#[derive(Debug, Default)]
struct Debt {
    marked: bool,
    beyond: bool,
    /// Somebody above knows of an invalidation that the store was not told.
    shunned: bool,
    owed: HashMap<Group, Position>,
}

impl Distrust {
    /// The marker of the store at this path: `<path>.distrust`.
    pub(super) fn of(store: &Path) -> Self {
        Self { marker: aside::beside(store, ".distrust"), debt: Mutex::default() }
    }

    /// Is the store marked? It is unless that is known not to be so. Links are not followed.
    pub(super) fn marked(&self) -> bool {
        fs::symlink_metadata(&self.marker).err().is_none_or(|error| error.kind() != io::ErrorKind::NotFound)
    }

    /// Notes that these records did not reach the store.
    ///
    /// # Errors
    /// The marker could not be written: the caller has to spoil the store in another way.
    pub(super) fn owe(&self, records: &[Record]) -> io::Result<()> {
        let mut debt = self.debt();
        for record in records {
            if debt.owed.len() < MOST || debt.owed.contains_key(&record.group) {
                debt.owed.insert(record.group.clone(), record.position);
            } else {
                debt.beyond = true;
            }
        }
        self.mark(&mut debt)
    }

    /// Notes that the store as a whole is not to be trusted, or may be again as far as that is concerned.
    ///
    /// # Errors
    /// The marker could not be written: the caller has to spoil the store in another way.
    pub(super) fn shun(&self, shunned: bool) -> io::Result<()> {
        let mut debt = self.debt();
        debt.shunned = shunned;
        if shunned {
            return self.mark(&mut debt);
        }
        if debt.marked && debt.owed.is_empty() && !debt.beyond {
            self.remove(&mut debt);
        }
        Ok(())
    }

    fn mark(&self, debt: &mut Debt) -> io::Result<()> {
        if debt.marked && fs::symlink_metadata(&self.marker).is_ok() {
            return Ok(());
        }
        // `create_new` neither follows a link nor opens what is already there.
        match OpenOptions::new().write(true).create_new(true).open(&self.marker) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
            _ => {
                debt.marked = true;
                Ok(())
            }
        }
    }

    /// Notes that these records have reached the store; the marker goes when nothing is owed any more.
    pub(super) fn pay(&self, records: &[Record]) {
        let mut debt = self.debt();
        if !debt.marked {
            return;
        }
        for record in records {
            let settles = |at: &Position| at.epoch != record.position.epoch || at.number <= record.position.number;
            if debt.owed.get(&record.group).is_some_and(settles) {
                debt.owed.remove(&record.group);
            }
        }
        if debt.owed.is_empty() && !debt.beyond && !debt.shunned {
            self.remove(&mut debt);
        }
    }

    /// Notes that the store is a fresh one, which owes nothing.
    pub(super) fn settle(&self) {
        self.remove(&mut self.debt());
    }

    fn remove(&self, debt: &mut Debt) {
        match fs::remove_file(&self.marker) {
            // A marker that cannot be removed costs the next process a cold start, never a wrong value.
            Err(e) if e.kind() != io::ErrorKind::NotFound => debt.marked = true,
            _ => *debt = Debt::default(),
        }
    }

    fn debt(&self) -> MutexGuard<'_, Debt> {
        self.debt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_trusted_only_where_it_is_known_to_have_no_marker() -> io::Result<()> {
        let file = std::env::current_exe()?;
        assert!(!Distrust::of(&file).marked());
        // What stands in the way of looking says nothing of what is there.
        assert!(Distrust::of(&file.join("store")).marked());
        Ok(())
    }
}
