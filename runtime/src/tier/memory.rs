//! The reference tier: two maps behind one lock, for tests and as the shortest reading of the contract.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{Cleared, Cursor, Note, Recall, Reply, Step, Tidied, Tier, ledger};
use crate::codec::Frame;
use crate::error::Result;
use crate::group::{Group, Position, Record};
use crate::key::Key;

/// A tier in this process's memory.
///
/// It keeps all that [`Tier`] promises except that nothing survives the process, and it has no size bound. Use it in
/// tests; in production the near tier already holds live values, and this one would only hold them a second time.
#[derive(Default)]
pub struct MemoryTier(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    frames: BTreeMap<Key, Bytes>,
    records: Vec<Record>,
    position: Option<Position>,
    owed: Vec<Group>,
    read: Option<Cursor>,
    cursor: Option<Key>,
}

impl MemoryTier {
    /// An empty tier.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn apply(&mut self, records: &[Record]) {
        for record in records {
            match &record.group {
                Group::Key(key) => drop(self.frames.remove(key)),
                _ if self.records.contains(record) => {}
                _ => self.records.push(record.clone()),
            }
        }
        self.position = ledger::after(self.position, records);
    }

    fn recall(&self) -> Recall {
        let mut records = self.records.clone();
        ledger::sort(self.position, &mut records);
        Recall { position: self.position, records, owed: self.owed.clone(), read: self.read }
    }

    fn note(&mut self, note: &Note) {
        match note {
            Note::Owed(groups) => self.owed.extend(groups.iter().cloned()),
            Note::Told => self.owed.clear(),
            Note::Read(cursor) => self.read = Some(*cursor),
        }
    }

    fn tidy(&mut self, step: &Step<'_>) -> Tidied {
        let from = self.cursor.take().map_or(Bound::Unbounded, Bound::Excluded);
        let seen: Vec<_> = self.frames.range((from, Bound::Unbounded)).take(step.entries).collect();
        let wrapped = seen.len() < step.entries;
        let gone: Vec<Key> = seen.iter().filter(|(k, b)| !stays(k, b, step)).map(|(k, _)| (*k).clone()).collect();
        let cursor = seen.last().map(|(k, _)| (*k).clone());
        let seen = seen.len();
        for key in &gone {
            self.frames.remove(key);
        }
        self.cursor = cursor.filter(|_| !wrapped);
        if let Some(swept) = step.forget {
            let at = self.position;
            self.records.retain(|r| !ledger::forgets(at, swept, r.position));
        }
        let bytes = self.frames.iter().map(|(k, b)| k.as_str().len() + b.len()).sum::<usize>() as u64;
        Tidied { seen, removed: gone.len(), wrapped, entries: self.frames.len() as u64, bytes }
    }
}

impl Shelf {
    /// In the order of the keys: what is put behind the last one that went is not looked at any more.
    fn clear(&mut self, after: Option<&str>, most: usize) -> Cleared {
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(Key::from_stored(after)));
        let gone: Vec<Key> = self.frames.range((from, Bound::Unbounded)).take(most).map(|(k, _)| k.clone()).collect();
        for key in &gone {
            self.frames.remove(key);
        }
        match gone.last() {
            Some(last) => Cleared::so_far(gone.len() as u64, last.to_string()),
            None => Cleared::all(0),
        }
    }
}

/// Does this entry stay, as far as one step of upkeep can tell? What a newer version wrote is not ours to judge.
pub(super) fn stays(key: &Key, bytes: &Bytes, step: &Step<'_>) -> bool {
    match Frame::read(bytes.clone()) {
        Ok(frame) => frame.key() == key && frame.head().stale_until >= step.now && (step.keep)(&frame),
        Err(_) => Frame::is_newer(bytes),
    }
}

impl Tier for MemoryTier {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            let shelf = self.shelf();
            Ok(keys.iter().map(|key| shelf.frames.get(key).cloned()).collect())
        })
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        Box::pin(async move {
            let new = frames.iter().map(|frame| (frame.key().clone(), frame.bytes().clone()));
            self.shelf().frames.extend(new);
            Ok(Vec::new())
        })
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        Box::pin(async move {
            self.shelf().apply(records);
            Ok(())
        })
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        Box::pin(async move {
            let mut shelf = self.shelf();
            keys.iter().for_each(|key| drop(shelf.frames.remove(key)));
            Ok(())
        })
    }

    fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()> {
        Box::pin(async move {
            self.shelf().note(note);
            Ok(())
        })
    }

    fn recall(&self) -> Reply<'_, Recall> {
        Box::pin(async move { Ok(self.shelf().recall()) })
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        Box::pin(async move { Result::Ok(self.shelf().tidy(&step)) })
    }

    fn clear<'a>(&'a self, after: Option<&'a str>, most: usize) -> Reply<'a, Cleared> {
        Box::pin(async move { Result::Ok(self.shelf().clear(after, most)) })
    }

    /// What is here ends with the process.
    fn trust(&self, _: bool) {}

    /// Holds nothing to let go of; stays usable, so that a test can give it to the next cache.
    fn close(&self) -> Reply<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl fmt::Display for MemoryTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

impl fmt::Debug for MemoryTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shelf = self.shelf();
        let (entries, records) = (shelf.frames.len(), shelf.records.len());
        f.debug_struct("MemoryTier").field("entries", &entries).field("records", &records).finish_non_exhaustive()
    }
}
