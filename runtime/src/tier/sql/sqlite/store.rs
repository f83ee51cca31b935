//! An open database: reads on a few connections, writes on one.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{AssertSqlSafe, Row, Sqlite};

use super::schema;
use super::statements::Statements;
use crate::clock::Millis;
use crate::codec::Frame;
use crate::group::{Cursor, Group, Note, Position, Record};
use crate::key::Key;
use crate::tier::aside::{self, Identity};
use crate::tier::fault::{Fault, STRANGE};
use crate::tier::{Recall, ledger};

/// An open database.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) statements: Statements,
    /// One connection: SQLite has one write lock, and waiting for it here is fairer than in SQLite.
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
    pub(super) max_bytes: u64,
    /// When the tables were made, by the wall clock of who made them.
    pub(super) created: Millis,
    /// When this process opened them.
    pub(super) opened: Millis,
    identity: Option<Identity>,
}

/// Entries and their bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    pub(super) entries: i64,
    pub(super) bytes: i64,
}

/// A statement of ours: made from checked names only, with all values as parameters.
pub(super) fn query(sql: &Arc<str>) -> sqlx::query::Query<'static, Sqlite, sqlx::sqlite::SqliteArguments> {
    sqlx::query(AssertSqlSafe(Arc::clone(sql)))
}

impl Store {
    pub(super) async fn new(
        statements: Statements,
        writer: SqlitePool,
        readers: SqlitePool,
        identity: Option<Identity>,
        max_bytes: u64,
    ) -> Result<Self, Fault> {
        let row = query(&statements.meta).fetch_one(&writer).await?;
        if row.try_get::<i64, _>("version")? != schema::VERSION {
            return Err(STRANGE);
        }
        let created = row.try_get::<i64, _>("created")?.cast_unsigned();
        let opened = crate::clock::Clock::system().now();
        let store = Self { statements, writer, readers, max_bytes, created, opened, identity };
        // Read now: records that cannot be read have to be found out before frames are trusted.
        store.recall().await?;
        Ok(store)
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(super) fn in_place(&self, path: &Path) -> bool {
        self.identity.is_some() && aside::identity(path) == self.identity
    }

    pub(super) async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, Fault> {
        if let [key] = keys {
            let row = query(&self.statements.one).bind(key.as_str().to_owned()).fetch_optional(&self.readers).await?;
            return Ok(vec![row.map(|row| row.try_get(0).map(from_vec)).transpose()?]);
        }
        let names = keys.iter().map(|key| serde_json::Value::from(key.as_str())).collect();
        let names = serde_json::Value::Array(names).to_string();
        let mut found = HashMap::with_capacity(keys.len());
        for row in query(&self.statements.many).bind(names).fetch_all(&self.readers).await? {
            found.insert(row.try_get::<String, _>(0)?, from_vec(row.try_get(1)?));
        }
        Ok(keys.iter().map(|key| found.get(key.as_str()).cloned()).collect())
    }

    pub(super) async fn put(&self, frames: &[Frame]) -> Result<(), Fault> {
        let mut change = Change::begin(self).await?;
        let done = change.put(frames).await;
        change.end(done).await
    }

    pub(super) async fn apply(&self, records: &[Record]) -> Result<(), Fault> {
        let mut change = Change::begin(self).await?;
        let done = change.apply(records).await;
        change.end(done).await
    }

    pub(super) async fn recall(&self) -> Result<Recall, Fault> {
        let mut connection = self.readers.acquire().await?;
        let position = position(&self.statements, &mut connection).await?;
        let mut records = Vec::new();
        for row in query(&self.statements.records).fetch_all(&mut *connection).await? {
            let (epoch, number): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let group = Group::from_text(row.try_get(2)?).map_err(|_| STRANGE)?;
            let position = Position { epoch: epoch.cast_unsigned(), number: number.cast_unsigned() };
            records.push(Record { group, position });
        }
        ledger::sort(position, &mut records);
        let (owed, read) = notes(&self.statements, &mut connection).await?;
        Ok(Recall { position, records, owed, read })
    }

    pub(super) async fn remove(&self, keys: &[Key]) -> Result<(), Fault> {
        let mut change = Change::begin(self).await?;
        let done = change.remove_all(keys).await;
        change.end(done).await
    }

    pub(super) async fn note(&self, note: &Note) -> Result<(), Fault> {
        let mut change = Change::begin(self).await?;
        let done = change.keep(note).await;
        change.end(done).await
    }
}

/// One transaction and the change of size it makes. It has to be given to [`Change::end`].
///
/// The driver's own transactions count what they have begun. SQLite ends a transaction by itself when the disk is full,
/// the count stays, and the connection refuses every later transaction. So these are plain statements.
pub(super) struct Change<'a> {
    statements: &'a Statements,
    max_bytes: i64,
    connection: PoolConnection<Sqlite>,
    delta: Size,
}

impl<'a> Change<'a> {
    pub(super) async fn begin(store: &'a Store) -> Result<Self, Fault> {
        let mut connection = store.writer.acquire().await?;
        // The write lock is taken here and waited for; one taken at the first write would not be waited for.
        if let Err(e) = sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await {
            // Were a transaction left open, by a panic say, this would be the way out of it.
            let _ = sqlx::query("ROLLBACK").execute(&mut *connection).await;
            return Err(e.into());
        }
        let max_bytes = i64::try_from(store.max_bytes).unwrap_or(i64::MAX);
        Ok(Self { statements: &store.statements, max_bytes, connection, delta: Size::default() })
    }

    /// Makes the change last if all went well, and undoes it otherwise.
    pub(super) async fn end<T>(mut self, done: Result<T, Fault>) -> Result<T, Fault> {
        let ended = match done {
            Ok(done) => sqlx::query("COMMIT").execute(self.connection()).await.map(|_| done).map_err(Fault::from),
            Err(fault) => Err(fault),
        };
        if ended.is_err() {
            // Fails when SQLite has undone it already.
            let _ = sqlx::query("ROLLBACK").execute(self.connection()).await;
        }
        ended
    }

    async fn put(&mut self, frames: &[Frame]) -> Result<(), Fault> {
        for frame in frames {
            self.insert(frame).await?;
        }
        let size = self.count().await?;
        self.trim(size, 2 * frames.len()).await?;
        Ok(())
    }

    async fn apply(&mut self, records: &[Record]) -> Result<(), Fault> {
        for record in records {
            match &record.group {
                Group::Key(key) => self.remove(key).await?,
                _ => self.note(record).await?,
            }
        }
        let at = position(self.statements, self.connection()).await?;
        if let Some(at) = ledger::after(at, records) {
            let sql = &self.statements.move_to;
            query(sql).bind(epoch(at)).bind(number(at)).execute(self.connection()).await?;
        }
        self.count().await?;
        Ok(())
    }

    fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Stores a frame as the newest: what it replaces is removed first, so that it also takes a new place.
    async fn insert(&mut self, frame: &Frame) -> Result<(), Fault> {
        let key = frame.key();
        self.remove(key).await?;
        let bytes = i64::try_from(key.as_str().len() + frame.bytes().len()).unwrap_or(i64::MAX);
        let insert = query(&self.statements.insert).bind(key.as_str().to_owned()).bind(bytes);
        insert.bind(frame.bytes().to_vec()).execute(self.connection()).await?;
        self.delta.entries += 1;
        self.delta.bytes += bytes;
        Ok(())
    }

    async fn remove(&mut self, key: &Key) -> Result<(), Fault> {
        let remove = query(&self.statements.remove).bind(key.as_str().to_owned());
        let removed = remove.fetch_optional(self.connection()).await?;
        self.subtract(removed.as_ref()).map(drop)
    }

    /// Removes an entry unless a newer one has taken its place; true if there was one.
    pub(super) async fn remove_id(&mut self, id: i64) -> Result<bool, Fault> {
        let removed = query(&self.statements.remove_id).bind(id).fetch_optional(self.connection()).await?;
        self.subtract(removed.as_ref())
    }

    /// Removes the oldest entries; how many there were, of so many.
    pub(super) async fn remove_first(&mut self, most: u64) -> Result<u64, Fault> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let oldest = query(&self.statements.remove_first).bind(most).fetch_all(self.connection()).await?;
        for removed in &oldest {
            self.subtract(Some(removed))?;
        }
        Ok(oldest.len() as u64)
    }

    fn subtract(&mut self, removed: Option<&sqlx::sqlite::SqliteRow>) -> Result<bool, Fault> {
        let Some(row) = removed else { return Ok(false) };
        self.delta.entries -= 1;
        self.delta.bytes -= row.try_get::<i64, _>(0)?;
        Ok(true)
    }

    async fn remove_all(&mut self, keys: &[Key]) -> Result<(), Fault> {
        for key in keys {
            self.remove(key).await?;
        }
        self.count().await?;
        Ok(())
    }

    async fn keep(&mut self, note: &Note) -> Result<(), Fault> {
        match note {
            Note::Owed(groups) => {
                for group in groups {
                    self.keep_one(format!("o{}", group.to_text()), String::new()).await?;
                }
            }
            Note::Told => {
                query(&self.statements.settle).execute(self.connection()).await?;
            }
            Note::Read(Cursor { position, nonce }) => {
                let place = format!("{} {} {nonce}", position.epoch, position.number);
                self.keep_one("c".to_owned(), place).await?;
            }
        }
        Ok(())
    }

    async fn keep_one(&mut self, name: String, value: String) -> Result<(), Fault> {
        query(&self.statements.keep).bind(name).bind(value).execute(self.connection()).await?;
        Ok(())
    }

    async fn note(&mut self, record: &Record) -> Result<(), Fault> {
        let (at, name) = (record.position, record.group.to_text());
        let note = query(&self.statements.note).bind(epoch(at)).bind(number(at)).bind(name);
        note.execute(self.connection()).await?;
        Ok(())
    }

    pub(super) async fn forget(&mut self, swept: Position) -> Result<(), Fault> {
        let at = position(self.statements, self.connection()).await?;
        query(&self.statements.forget).bind(epoch(swept)).bind(number(swept)).execute(self.connection()).await?;
        // Epochs that have ended are older than all of the one in force.
        if at.is_some_and(|at| at.epoch == swept.epoch) {
            query(&self.statements.forget_others).bind(epoch(swept)).execute(self.connection()).await?;
        }
        Ok(())
    }

    /// Writes the change of size down, and reads the size.
    pub(super) async fn count(&mut self) -> Result<Size, Fault> {
        let Size { entries, bytes } = std::mem::take(&mut self.delta);
        let count = query(&self.statements.count).bind(entries).bind(bytes);
        let row = count.fetch_one(self.connection()).await?;
        Ok(Size { entries: row.try_get(0)?, bytes: row.try_get(1)? })
    }

    /// Removes the oldest entries, at most `most`, while the store is over its bound; true size and how many went.
    pub(super) async fn trim(&mut self, mut size: Size, most: usize) -> Result<(Size, usize), Fault> {
        let mut removed = 0;
        while size.bytes + self.delta.bytes > self.max_bytes && removed < most {
            let oldest = query(&self.statements.remove_oldest).fetch_optional(self.connection()).await?;
            if !self.subtract(oldest.as_ref())? {
                break;
            }
            removed += 1;
        }
        if removed > 0 {
            size = self.count().await?;
        }
        Ok((size, removed))
    }
}

async fn position(statements: &Statements, connection: &mut SqliteConnection) -> Result<Option<Position>, Fault> {
    let row = query(&statements.meta).fetch_one(connection).await?;
    let (epoch, number): (Option<i64>, Option<i64>) = (row.try_get("epoch")?, row.try_get("number")?);
    let pair = epoch.zip(number);
    Ok(pair.map(|(epoch, number)| Position { epoch: epoch.cast_unsigned(), number: number.cast_unsigned() }))
}

async fn notes(
    statements: &Statements,
    connection: &mut SqliteConnection,
) -> Result<(Vec<Group>, Option<Cursor>), Fault> {
    let (mut owed, mut read) = (Vec::new(), None);
    for row in query(&statements.notes).fetch_all(connection).await? {
        let (name, value): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        match name.strip_prefix('o') {
            Some(group) => owed.push(Group::from_text(group).map_err(|_| STRANGE)?),
            None => read = Some(read_cursor(value).ok_or(STRANGE)?),
        }
    }
    Ok((owed, read))
}

fn read_cursor(text: &str) -> Option<Cursor> {
    let mut numbers = text.split(' ').map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    let position = Position { epoch: next()?, number: next()? };
    Some(Cursor { position, nonce: next()? })
}

fn from_vec(bytes: Vec<u8>) -> Bytes {
    bytes.into()
}

/// An epoch as the database keeps it: the same bits, signed.
const fn epoch(at: Position) -> i64 {
    at.epoch.cast_signed()
}

/// A number as the database keeps it. Numbers count records: they do not come near the bound.
fn number(at: Position) -> i64 {
    i64::try_from(at.number).unwrap_or(i64::MAX)
}
