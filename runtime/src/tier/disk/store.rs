//! An open store: frames by key, the order they came in, and the size they take.
//!
//! - `frames`: key → place in the order (u64, big-endian) · frame
//! - `order`: place → key, for the size bound: first in, first out
//! - `log`: see [`super::log`]

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use fjall::{Database, Keyspace, OwnedWriteBatch};

use super::DiskOptions;
use crate::codec::Frame;
use crate::group::{Group, Position, Record};
use crate::key::Key;
use crate::tier::Cleared;
use crate::tier::aside::{self, Identity};
use crate::tier::fault::{Fault, LONG, STRANGE};
use crate::tier::ledger;

/// Bytes of the place before each frame.
const PLACE: usize = 8;
/// Longest key the engine takes, in bytes.
const LONGEST: usize = 65_535;

/// An open store.
pub(super) struct Store {
    pub(super) db: Database,
    pub(super) frames: Keyspace,
    pub(super) order: Keyspace,
    pub(super) log: Keyspace,
    pub(super) max_bytes: u64,
    identity: Option<Identity>,
    /// Held by each writer from its first look to its commit, so that places and sizes stay exact.
    book: Mutex<Book>,
}

/// What writers know and share.
#[derive(Debug, Clone, Default)]
pub(super) struct Book {
    /// The next place in the order.
    next: u64,
    /// No entry stands before this place: where trimming begins, past the remains of what was removed.
    oldest: u64,
    pub(super) size: Size,
    pub(super) position: Option<Position>,
    pub(super) round: Round,
    pub(super) forgotten: Option<Position>,
}

/// Entries and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

/// One walk over all entries: how far it is, and what it found behind it.
#[derive(Debug, Clone, Default)]
pub(super) struct Round {
    pub(super) cursor: Option<Bytes>,
    pub(super) size: Size,
}

impl Size {
    pub(super) fn add(&mut self, bytes: u64) {
        self.entries += 1;
        self.bytes += bytes;
    }

    pub(super) fn take(&mut self, bytes: u64) {
        self.entries = self.entries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// The bytes one entry takes in `frames` and `order` together.
pub(super) fn weight(key: &[u8], value: &[u8]) -> u64 {
    (2 * key.len() + value.len() + PLACE) as u64
}

impl Store {
    pub(super) fn new(
        options: &DiskOptions,
        db: Database,
        frames: Keyspace,
        order: Keyspace,
        log: Keyspace,
    ) -> Result<Self, Fault> {
        let (identity, max_bytes) = (aside::identity(&options.path), options.max_bytes);
        let store = Self { db, frames, order, log, max_bytes, identity, book: Mutex::default() };
        let next = match store.order.last_key_value() {
            Some(last) => read_place(&last.key()?).ok_or(STRANGE)?.saturating_add(1),
            None => 0,
        };
        // Read now: records that cannot be read have to be found out before frames are trusted.
        let position = store.recall()?.position;
        *store.book() = Book { next, size: store.last_size()?, position, ..Book::default() };
        Ok(store)
    }

    pub(super) fn in_place(&self, path: &Path) -> bool {
        self.identity.is_some() && aside::identity(path) == self.identity
    }

    pub(super) fn get(&self, key: &Key) -> Result<Option<Bytes>, Fault> {
        let key = key.as_str().as_bytes();
        if !storable(key) {
            return Ok(None);
        }
        let Some(value) = self.frames.get(key)? else { return Ok(None) };
        let mut value = Bytes::from(value);
        if value.len() < PLACE {
            return Err(STRANGE);
        }
        value.advance(PLACE);
        Ok(Some(value))
    }

    pub(super) fn put(&self, frames: &[Frame]) -> Result<(), Fault> {
        if frames.iter().any(|frame| !storable(frame.key().as_str().as_bytes())) {
            return Err(LONG);
        }
        // Of two frames of one key in one call the last one counts.
        let last: HashMap<&str, usize> = frames.iter().enumerate().map(|(i, f)| (f.key().as_str(), i)).collect();
        let mut change = Change::begin(self);
        for (i, frame) in frames.iter().enumerate() {
            if last.get(frame.key().as_str()) == Some(&i) {
                change.insert(frame)?;
            }
        }
        change.commit()?;
        self.trim(2 * frames.len())?;
        Ok(())
    }

    pub(super) fn apply(&self, records: &[Record]) -> Result<(), Fault> {
        let mut change = Change::begin(self);
        for record in records {
            match &record.group {
                Group::Key(key) => change.remove(key.as_str().as_bytes())?,
                _ => self.write_record(&mut change.batch, record),
            }
        }
        change.draft.position = ledger::after(change.draft.position, records);
        if let Some(position) = change.draft.position {
            self.write_position(&mut change.batch, position);
        }
        change.commit()
    }

    pub(super) fn remove(&self, keys: &[Key]) -> Result<(), Fault> {
        let mut change = Change::begin(self);
        for key in keys {
            change.remove(key.as_str().as_bytes())?;
        }
        change.commit()
    }

    /// Removes the oldest entries, at most `most`, while the store is over its bound.
    pub(super) fn trim(&self, most: usize) -> Result<usize, Fault> {
        if self.book().size.bytes <= self.max_bytes {
            return Ok(0);
        }
        let mut change = Change::begin(self);
        let removed = self.shed(&mut change, u64::MAX, most, self.max_bytes)?;
        change.commit()?;
        Ok(removed)
    }

    /// Removes the oldest entries, at most so many, of those that stood before this place; at the first, of all there
    /// are.
    pub(super) fn clear(&self, before: Option<u64>, most: usize) -> Result<Cleared, Fault> {
        let mut change = Change::begin(self);
        let before = before.unwrap_or(change.draft.next);
        let removed = self.shed(&mut change, before, most, 0)?;
        self.write_size(&mut change.batch, change.draft.size);
        change.commit()?;
        let more = removed == most.max(1);
        Ok(if more { Cleared::so_far(removed as u64, before.to_string()) } else { Cleared::all(removed as u64) })
    }

    /// Removes the oldest entries before this place, at most so many, while there are more bytes than these.
    fn shed(&self, change: &mut Change<'_>, before: u64, most: usize, bytes: u64) -> Result<usize, Fault> {
        let from = change.draft.oldest;
        let (from, before) = (from.to_be_bytes(), before.max(from).to_be_bytes());
        let mut removed = 0;
        for oldest in self.order.range(from..before).take(most.max(1)) {
            if change.draft.size.bytes <= bytes && bytes > 0 {
                break;
            }
            let (place, key) = oldest.into_inner()?;
            change.draft.oldest = read_place(&place).ok_or(STRANGE)?;
            // A place that its key has left (it cannot happen, short of damage) goes alone.
            match self.frames.get(&key)? {
                Some(value) if value.starts_with(&place) => change.remove_stored(&key, &value),
                _ => change.batch.remove(&self.order, place),
            }
            removed += 1;
        }
        Ok(removed)
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One atomic change: a batch, and the book as it will be when the batch is in.
pub(super) struct Change<'a> {
    store: &'a Store,
    book: MutexGuard<'a, Book>,
    pub(super) draft: Book,
    pub(super) batch: OwnedWriteBatch,
}

impl<'a> Change<'a> {
    pub(super) fn begin(store: &'a Store) -> Self {
        let book = store.book();
        let draft = book.clone();
        Self { store, book, draft, batch: store.db.batch() }
    }

    fn insert(&mut self, frame: &Frame) -> Result<(), Fault> {
        let key = frame.key().as_str().as_bytes();
        self.remove_place(key)?;
        let place = self.draft.next.to_be_bytes();
        self.draft.next += 1;
        let value = [&place, &frame.bytes()[..]].concat();
        self.count(key, &value, Size::add);
        self.batch.insert(&self.store.frames, key, value);
        self.batch.insert(&self.store.order, place, key);
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) -> Result<(), Fault> {
        if storable(key) && self.remove_place(key)? {
            self.batch.remove(&self.store.frames, key);
        }
        Ok(())
    }

    /// Removes an entry whose stored value is at hand.
    pub(super) fn remove_stored(&mut self, key: &[u8], value: &[u8]) {
        if let Some(place) = value.get(..PLACE) {
            self.batch.remove(&self.store.order, place);
        }
        self.count(key, value, Size::take);
        self.batch.remove(&self.store.frames, key);
    }

    /// Gives up the place that a key has in the order; false if it has none.
    fn remove_place(&mut self, key: &[u8]) -> Result<bool, Fault> {
        let Some(old) = self.store.frames.get(key)? else { return Ok(false) };
        self.batch.remove(&self.store.order, old.get(..PLACE).ok_or(STRANGE)?);
        self.count(key, &old, Size::take);
        Ok(true)
    }

    /// Counts a change for the whole, and for the round if it happens behind the round's cursor.
    fn count(&mut self, key: &[u8], value: &[u8], count: fn(&mut Size, u64)) {
        let bytes = weight(key, value);
        count(&mut self.draft.size, bytes);
        let Round { cursor, size } = &mut self.draft.round;
        if cursor.as_ref().is_some_and(|cursor| key <= &cursor[..]) {
            count(size, bytes);
        }
    }

    pub(super) fn commit(mut self) -> Result<(), Fault> {
        self.batch.commit()?;
        *self.book = self.draft;
        Ok(())
    }
}

fn storable(key: &[u8]) -> bool {
    (1..=LONGEST).contains(&key.len())
}

fn read_place(place: &[u8]) -> Option<u64> {
    place.try_into().ok().map(u64::from_be_bytes)
}
