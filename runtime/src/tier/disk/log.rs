//! What the store keeps of the log, in the keyspace `log`:
//!
//! - `p` → epoch · number: the position
//! - `r` · epoch · number · hash of the text → text of a group: a record not yet swept
//! - `o` · text of a group: the shared log is still to be told of it
//! - `c` → epoch · number · nonce: how far the shared log was read
//! - `s` → entries · bytes: the size, as far as known when it was last written

use bytes::Bytes;
use fjall::OwnedWriteBatch;
use xxhash_rust::xxh3::xxh3_64;

use super::store::{Book, Change, Size, Store};
use crate::group::{Cursor, Group, Note, Position, Record};
use crate::tier::fault::{Fault, STRANGE};
use crate::tier::{Recall, ledger};

impl Store {
    pub(super) fn write_position(&self, batch: &mut OwnedWriteBatch, position: Position) {
        batch.insert(&self.log, *b"p", pair(position.epoch, position.number));
    }

    pub(super) fn write_record(&self, batch: &mut OwnedWriteBatch, record: &Record) {
        let text = record.group.to_text();
        let place = pair(record.position.epoch, record.position.number);
        let key = [&b"r"[..], &place, &xxh3_64(text.as_bytes()).to_be_bytes()].concat();
        batch.insert(&self.log, key, text);
    }

    pub(super) fn recall(&self) -> Result<Recall, Fault> {
        let position = match self.log.get(b"p")? {
            Some(p) => read_pair(&p).map(|(epoch, number)| Some(Position { epoch, number })).ok_or(STRANGE)?,
            None => None,
        };
        let mut records = Vec::new();
        for item in self.log.prefix(b"r") {
            let (key, text) = item.into_inner()?;
            let position = read_place(&key).ok_or(STRANGE)?;
            let text = std::str::from_utf8(&text).map_err(|_| STRANGE)?;
            records.push(Record { group: Group::from_text(text).map_err(|_| STRANGE)?, position });
        }
        ledger::sort(position, &mut records);
        let read = match self.log.get(b"c")? {
            Some(cursor) => Some(read_cursor(&cursor).ok_or(STRANGE)?),
            None => None,
        };
        Ok(Recall { position, records, owed: self.owed()?, read })
    }

    fn owed(&self) -> Result<Vec<Group>, Fault> {
        let mut owed = Vec::new();
        for item in self.log.prefix(b"o") {
            let key = item.key()?;
            let text = std::str::from_utf8(&key[1..]).map_err(|_| STRANGE)?;
            owed.push(Group::from_text(text).map_err(|_| STRANGE)?);
        }
        Ok(owed)
    }

    pub(super) fn note(&self, note: &Note) -> Result<(), Fault> {
        let mut change = Change::begin(self);
        match note {
            Note::Owed(groups) => {
                for group in groups {
                    change.batch.insert(&self.log, [b"o", group.to_text().as_bytes()].concat(), *b"");
                }
            }
            Note::Told => {
                for item in self.log.prefix(b"o") {
                    change.batch.remove(&self.log, item.key()?);
                }
            }
            Note::Read(Cursor { position, nonce }) => {
                let place = [&pair(position.epoch, position.number)[..], &nonce.to_be_bytes()].concat();
                change.batch.insert(&self.log, *b"c", place);
            }
        }
        change.commit()
    }

    /// Forgets the records up to a position, once for each position.
    pub(super) fn forget(&self, batch: &mut OwnedWriteBatch, book: &mut Book, swept: Position) -> Result<(), Fault> {
        if book.forgotten == Some(swept) {
            return Ok(());
        }
        for item in self.log.prefix(b"r") {
            let key = item.key()?;
            if ledger::forgets(book.position, swept, read_place(&key).ok_or(STRANGE)?) {
                batch.remove(&self.log, key);
            }
        }
        book.forgotten = Some(swept);
        Ok(())
    }

    pub(super) fn write_size(&self, batch: &mut OwnedWriteBatch, size: Size) {
        batch.insert(&self.log, *b"s", pair(size.entries, size.bytes));
    }

    /// The size last written. After a crash it is a little off, until a round of upkeep has counted again.
    pub(super) fn last_size(&self) -> Result<Size, Fault> {
        let Some(size) = self.log.get(b"s")? else { return Ok(Size::default()) };
        read_pair(&size).map(|(entries, bytes)| Size { entries, bytes }).ok_or(STRANGE)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let mut batch = self.db.batch();
        self.write_size(&mut batch, self.book().size);
        // Lost with a store that fails: then the next round of upkeep counts.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| batch.commit()));
    }
}

fn pair(a: u64, b: u64) -> [u8; 16] {
    (u128::from(a) << 64 | u128::from(b)).to_be_bytes()
}

fn read_pair(bytes: &[u8]) -> Option<(u64, u64)> {
    let (a, b) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*a), u64::from_be_bytes(b.try_into().ok()?)))
}

fn read_cursor(bytes: &[u8]) -> Option<Cursor> {
    let (place, nonce) = bytes.split_at_checked(16)?;
    let (epoch, number) = read_pair(place)?;
    let nonce = u64::from_be_bytes(nonce.try_into().ok()?);
    Some(Cursor { position: Position { epoch, number }, nonce })
}

fn read_place(key: &[u8]) -> Option<Position> {
    read_pair(key.get(1..17)?).map(|(epoch, number)| Position { epoch, number })
}

/// A key as bytes that outlive the read.
pub(super) fn owned(key: &fjall::UserKey) -> Bytes {
    // Copied: the slice may keep a whole block of the store in memory.
    Bytes::copy_from_slice(key)
}
