//! What a database is asked: rows, or something to be done.

use std::future::Future;
use std::panic::Location;

use sqlx::{FromRow, SqlSafeStr, SqlStr};

use super::adviser::Counted;
use super::driver::{self, Done, Driver};
use super::failure::{Next, judge};
use super::touch::Write;
use super::values::{self, Values};
use super::{Call, Database, TIMES, left_alone, outbox, write};
use crate::error::{Error, ErrorKind, Result};
use crate::statement::{Kind, Statement};

impl<DB: Driver> Database<DB> {
    /// All rows.
    ///
    /// # Errors
    /// See [`Database::execute`]; a row that cannot be read as `T` is one of kind [`Database`](ErrorKind::Database).
    #[track_caller]
    pub fn fetch_all<'q, T>(
        &self,
        text: impl SqlSafeStr,
        values: impl Values<'q, DB>,
    ) -> impl Future<Output = Result<Vec<T>>>
    where
        T: for<'r> FromRow<'r, DB::Row>,
    {
        let at = Location::caller();
        async move {
            let rows = self.ask(at, text.into_sql_str(), &values, DB::rows).await?;
            rows.iter().map(|row| T::from_row(row).map_err(Self::unreadable)).collect()
        }
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// As [`Database::fetch_all`].
    #[track_caller]
    pub fn fetch_optional<'q, T>(
        &self,
        text: impl SqlSafeStr,
        values: impl Values<'q, DB>,
    ) -> impl Future<Output = Result<Option<T>>>
    where
        T: for<'r> FromRow<'r, DB::Row>,
    {
        let at = Location::caller();
        async move { self.first(at, text.into_sql_str(), &values).await }
    }

    /// The first row.
    ///
    /// # Errors
    /// As [`Database::fetch_all`], and one of kind [`Database`](ErrorKind::Database) if there is none.
    #[track_caller]
    pub fn fetch_one<'q, T>(
        &self,
        text: impl SqlSafeStr,
        values: impl Values<'q, DB>,
    ) -> impl Future<Output = Result<T>>
    where
        T: for<'r> FromRow<'r, DB::Row>,
    {
        let at = Location::caller();
        async move {
            let row = self.first(at, text.into_sql_str(), &values).await?;
            row.ok_or_else(|| Self::unreadable(sqlx::Error::RowNotFound))
        }
    }

    /// Runs a statement for what it does. Entries that were read from the tables it writes are invalid when this returns.
    ///
    /// It runs to its end though the caller goes away: else nobody would know what to invalidate.
    ///
    /// # Errors
    /// [`Database`](ErrorKind::Database): the database refused it; [`cause`](super::cause) tells all that sqlx knows.
    /// [`Busy`](ErrorKind::Busy): no connection within the deadline. [`Connection`](ErrorKind::Connection): the database
    /// is away. [`Open`](ErrorKind::Open): it was away several times in a row and is left alone for a moment.
    /// [`Deadline`](ErrorKind::Deadline): it did not say in time what its schema is; nothing was written.
    /// [`Config`](ErrorKind::Config): not one statement, or one that needs a connection of its own, as `BEGIN`.
    #[track_caller]
    pub fn execute<'q>(
        &self,
        text: impl SqlSafeStr,
        values: impl Values<'q, DB>,
    ) -> impl Future<Output = Result<Done>> {
        let at = Location::caller();
        async move { self.ask(at, text.into_sql_str(), &values, DB::run).await }
    }

    async fn first<'q, T>(
        &self,
        at: &'static Location<'static>,
        text: SqlStr,
        values: &impl Values<'q, DB>,
    ) -> Result<Option<T>>
    where
        T: for<'r> FromRow<'r, DB::Row>,
    {
        let row = self.ask(at, text, values, DB::row).await?;
        row.map(|row| T::from_row(&row).map_err(Self::unreadable)).transpose()
    }

    pub(super) async fn ask<'q, R>(
        &self,
        at: &'static Location<'static>,
        text: SqlStr,
        values: &impl Values<'q, DB>,
        call: Call<DB, R>,
    ) -> Result<R>
    where
        R: Counted + Send + 'static,
    {
        let statement = self.core.known.read(text.as_str())?;
        fits(&statement, values.count())?;
        let shows_no_write = statement.writes().is_none();
        let known = if shows_no_write { self.know_functions_of(&statement).await } else { Ok(()) };
        let reads = shows_no_write && !self.core.calls_own(&statement);
        let text = if DB::TYPES_PREPARED { values::told_apart::<DB>(text, &values.types()) } else { text };
        let text = driver::Text {
            sql: text,
            columns_named: !statement.all_columns(),
            reads,
            inside: self.inside.is_some(),
            question: self.core.question(statement.figures.as_ref(), at),
        };
        if let Some(inside) = &self.inside {
            let write = Write::new(&statement, values).writing(!reads);
            return inside.ask(&write, text, values.arguments()?, call).await;
        }
        if statement.kind() == Kind::Session {
            let message = "this concerns one connection, and each statement gets another: use Database::transaction";
            return Err(Error::new(ErrorKind::Config, message));
        }
        if reads {
            if let Some(answer) = self.read_replica(&statement, &text, values, call).await {
                return answer;
            }
            // Replicas let nothing write; here it is not asked what nobody knows.
            known?;
            self.read(text, values, call, if statement.acts() { 1 } else { TIMES }).await
        } else if outbox::stands_beside::<DB>(&self.core, &statement) {
            let write = Write::new(&statement, values).writing(true);
            outbox::apart(&self.core, write, text, values.arguments()?, call).await
        } else {
            let write = Write::new(&statement, values).writing(true);
            write::apart(&self.core, write, text, values.arguments()?, call).await
        }
    }

    /// A read may be asked three times. What failed because its connection was of no use any more is asked again on another.
    ///
    /// One that calls what acts, as `setval`, may not.
    async fn read<'q, R>(
        &self,
        text: driver::Text,
        values: &impl Values<'q, DB>,
        call: Call<DB, R>,
        times: u32,
    ) -> Result<R>
    where
        R: Counted + Send + 'static,
    {
        let core = &*self.core;
        let asked = core.breaker.run(async {
            for more in (0..times).rev() {
                let mut held = match more {
                    0 if times > 1 => core.readers.acquire_fresh().await?,
                    more if more + 1 == times => core.readers.acquire().await?,
                    _ => core.readers.acquire_living().await?,
                };
                match held.ask_in_time(core.read_deadline, call, text.clone(), values.arguments()?).await {
                    Ok(answer) => return Ok(answer),
                    Err((next, error)) => {
                        held.after(next);
                        if more == 0 || next != Next::Another {
                            return Err(error);
                        }
                    }
                }
            }
            Err(Error::new(ErrorKind::Connection, "the connection to the database was lost"))
        });
        asked.await.map_err(left_alone)
    }

    pub(super) fn unreadable(source: sqlx::Error) -> Error {
        judge(source, DB::outage).1
    }
}

/// Are there as many values as parameters? SQLite takes missing ones for NULL.
fn fits(statement: &Statement, values: usize) -> Result<()> {
    let parameters = statement.parameters().count();
    if statement.kind() == Kind::Other || parameters == values {
        return Ok(());
    }
    let error = Error::new(ErrorKind::Database, "the statement has another number of parameters than values");
    Err(error.with("parameters", parameters).with("values", values))
}
