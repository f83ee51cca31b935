//! The tags of an entry whose statement is known.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Encode, Type};

use super::driver::Driver;
use super::key_value::KeyValue;
use super::rows::Sql;
use super::touch::pinned;
use super::values::Values;
use super::write::to_its_end;
use super::{Connected, Core, Database, TIMES, left_alone};
use crate::error::{ErrorKind, Result};
use crate::names::Names;
use crate::statement::{Backend, Statement, Tables};

/// A call waits so long for the schema to be read, the first time.
const PATIENCE: Duration = Duration::from_millis(500);

/// How a value that the statement is given is asked for.
type Asked<'a> = &'a dyn Fn() -> Option<KeyValue>;

/// A value, by which rows may be told apart.
pub fn open<'q, S, T>(_: &S, value: &T) -> Option<KeyValue>
where
    S: Connected + ?Sized,
    T: Encode<'q, S::Driver> + Type<S::Driver>,
{
    KeyValue::bound::<S::Driver, T>(value)
}

/// The same, of a type that implements [`Values`] itself.
pub fn bound<'q, DB: Driver, T: Encode<'q, DB> + Type<DB>>(value: &T) -> Option<KeyValue> {
    KeyValue::bound::<DB, T>(value)
}

/// A value that tags must not show.
#[must_use]
pub const fn secret() -> Option<KeyValue> {
    None
}

/// Tags an entry with what its statement reads, given these values.
pub fn tag<S: Connected + ?Sized>(names: &mut Names, source: &S, sql: Sql, values: &[Asked<'_>]) {
    for tag in source.database().core.tags(sql.text::<S::Driver>(), |at| values.get(at).and_then(|value| value())) {
        names.tag().literal(&tag);
    }
}

/// Reads the schema if that has to be done before an entry can be tagged by rows. Does not fail: then it is tagged by
/// tables.
pub async fn ready<S: Connected + ?Sized>(source: &S, sql: Sql) {
    source.database().schema_for(sql.text::<S::Driver>()).await;
}

impl<DB: Driver> Database<DB> {
    /// The tags of an entry that was read by this statement, given these values: with them it is invalidated by what is
    /// written here, and by as little else as can be told. To be asked before the statement is, and each time.
    ///
    /// This is what `#[cache_query(sql = ..)]` does. Where the statement says which rows it is about, it is tagged by those
    /// ([`Statement::rows_read`](crate::statement::Statement::rows_read)), if the schema makes their column a key; that is
    /// read when it is first needed, for which a call waits 500 ms at most. Without the schema, entries are tagged by tables;
    /// those of statements that call functions by the whole database, for somebody may have written one of that name.
    pub async fn tags_of<'q>(&self, text: &str, values: &impl Values<'q, DB>) -> Vec<String> {
        self.schema_for(text).await;
        self.core.tags(text, |at| values.pin(at))
    }

    async fn schema_for(&self, text: &str) {
        if self.inside.is_some() {
            return;
        }
        if self.core.known_schema().is_some() {
            return self.core.renew_schema();
        }
        if self.core.known.read(text).is_ok_and(|statement| *statement.reads() != Tables::Any) {
            self.learn_schema(PATIENCE).await;
        }
    }

    /// Finds out, if need be, whether a question calls functions that somebody has written, which may write as well: until
    /// the schema is known, nobody can say. It is read first, which takes 5 s at most. Where the database does not let it be
    /// read, or not in that time, the functions are taken for its own.
    ///
    /// # Errors
    /// Nobody could be asked, and nobody knows.
    pub(super) async fn know_functions_of(&self, statement: &Statement) -> Result<()> {
        if self.inside.is_some() || !may_call_own::<DB>(statement) || self.core.is_unread() {
            return Ok(());
        }
        if self.core.known_schema().is_some() {
            self.core.renew_schema();
            return Ok(());
        }
        match Box::pin(self.read_schema_first()).await {
            // What was known before is a good guess.
            Err(_) if self.core.last_schema().is_some() => Ok(()),
            read => read,
        }
    }

    /// Reads the schema on a connection such as a question is asked on.
    async fn read_schema_first(&self) -> Result<()> {
        let core = Arc::clone(&self.core);
        // In a task: who gives up waiting for a connection would end one.
        to_its_end(Box::pin(async move {
            let read = core.breaker.run(async {
                for more in (1..TIMES).rev() {
                    let readers = &core.readers;
                    let mut held =
                        if more + 1 == TIMES { readers.acquire().await? } else { readers.acquire_living().await? };
                    match core.schema_by(&mut held).await {
                        Err(error) if error.kind() == ErrorKind::Connection => {}
                        read => return read.map(drop),
                    }
                }
                core.schema_by(&mut core.readers.acquire_fresh().await?).await.map(drop)
            });
            match read.await {
                // It was tried in vain: the question itself may have an answer.
                Err(error) if error.kind() == ErrorKind::Deadline => Ok(()),
                read => read.map_err(left_alone),
            }
        }))
        .await
    }

    /// Waits so long for the schema to be read, unless that was tried in vain a moment ago.
    async fn learn_schema(&self, patience: Duration) {
        if self.core.is_unread() {
            return;
        }
        let core = Arc::clone(&self.core);
        // In a task: who gives up waiting for a connection would end one.
        let reading = to_its_end(Box::pin(async move {
            let read = core.breaker.run(async {
                let mut held = core.readers.acquire().await?;
                core.schema_by(&mut held).await
            });
            read.await
        }));
        // Without it the tags are wider, and nothing else.
        let _ = tokio::time::timeout(patience, reading).await;
    }
}

/// Could what it calls be somebody's own, of a name that the database has too? SQLite has no functions of its tables;
/// PostgreSQL has some that are called like columns.
fn may_call_own<DB: Driver>(statement: &Statement) -> bool {
    match DB::BACKEND {
        Backend::Sqlite => false,
        Backend::Mysql => !statement.calls().is_empty(),
        Backend::Postgres => !statement.calls().is_empty() || !statement.fields().is_empty(),
    }
}

impl<DB: Driver> Core<DB> {
    fn tags(&self, text: &str, value: impl Fn(usize) -> Option<KeyValue>) -> Vec<String> {
        // The load will say what is wrong with it.
        let Ok(statement) = self.known.read(text) else { return self.groups.read(&Tables::Any) };
        match self.known_schema() {
            Some(catalog) if catalog.holds(&statement) => {
                self.groups.read_rows(statement.reads(), &pinned(&statement, &catalog, value))
            }
            None if !may_call_own::<DB>(&statement) => self.groups.read(statement.reads()),
            // What is no table here may show any, and so may a function that somebody has written.
            _ => self.groups.read(&Tables::Any),
        }
    }

    /// Does it call a function that somebody has written, as far as anything was ever read of the schema?
    pub(super) fn calls_own(&self, statement: &Statement) -> bool {
        let may = !statement.calls().is_empty() || !statement.fields().is_empty();
        may && self.last_schema().is_some_and(|catalog| catalog.calls_own(statement))
    }
}
