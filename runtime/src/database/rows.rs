//! What a query of `#[cache_query(sql = ..)]` answers with: which of its rows, and what is made of each.
//!
//! The return type decides: `Vec<T>`, or an `Arc` of it, is all rows, `Option<T>` the first if there is one, `T` the first. A `T` that is a row
//! (`sqlx::FromRow`) is made of all columns, any other of the first column alone.

use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use sqlx::FromRow;

use super::driver::Driver;
use super::{Connected, Database, Values};
use crate::error::Error;
use crate::statement::Backend;

/// A statement as the attribute wrote it. The two differ in how parameters are written, if they have names.
#[derive(Debug, Clone, Copy)]
pub struct Sql {
    /// With `$1`, for PostgreSQL.
    pub numbered: &'static str,
    /// With `?`, for all others.
    pub in_order: &'static str,
}

/// How an answer is made.
#[derive(Debug)]
pub enum How<DB: Driver, T> {
    /// Of all rows.
    All(fn(Vec<DB::Row>) -> sqlx::Result<T>),
    /// Of the first.
    First(fn(Option<DB::Row>) -> sqlx::Result<T>),
}

/// A question to the compiler: how is an `R` made of rows of this database?
#[derive(Debug)]
pub struct Rows<DB, R>(PhantomData<fn() -> (DB, R)>);

impl<DB: Driver, R> Rows<DB, R> {
    /// About the database of this handle.
    #[must_use]
    pub const fn of(_: &Database<DB>) -> Self {
        Self(PhantomData)
    }
}

impl Sql {
    pub(super) fn text<DB: Driver>(self) -> &'static str {
        if matches!(DB::BACKEND, Backend::Postgres) { self.numbered } else { self.in_order }
    }
}

/// The database that an argument is.
pub fn database<S: Connected + ?Sized>(source: &S) -> &Database<S::Driver> {
    source.database()
}

/// Asks, and makes the answer.
///
/// # Errors
/// As [`Database::fetch_all`], as the function's own error.
#[track_caller]
pub fn ask<'q, DB, T, E>(
    db: &Database<DB>,
    sql: Sql,
    values: impl Values<'q, DB>,
    how: How<DB, T>,
) -> impl Future<Output = Result<T, E>> + Send
where
    DB: Driver,
    E: From<Error>,
{
    let at = Location::caller();
    async move {
        let text = sqlx::SqlStr::from_static(sql.text::<DB>());
        let answer = match how {
            How::All(make) => make(db.ask(at, text, &values, DB::rows).await?),
            How::First(make) => make(db.ask(at, text, &values, DB::row).await?),
        };
        answer.map_err(|error| Database::<DB>::unreadable(error).into())
    }
}

/// Runs a statement for what it does.
///
/// # Errors
/// As [`Database::execute`], as the function's own error.
#[track_caller]
pub fn run<'q, DB, T, E>(
    db: &Database<DB>,
    sql: Sql,
    values: impl Values<'q, DB>,
) -> impl Future<Output = Result<T, E>> + Send
where
    DB: Driver,
    T: Outcome,
    E: From<Error>,
{
    let at = Location::caller();
    async move {
        let text = sqlx::SqlStr::from_static(sql.text::<DB>());
        let done = db.ask(at, text, &values, DB::run).await?;
        Ok(T::of(done))
    }
}

/// What a statement that writes may return.
#[diagnostic::on_unimplemented(
    message = "a statement that writes does not return `{Self}`",
    label = "return `Result<Done, _>`, `Result<u64, _>` (how many rows) or `Result<(), _>`"
)]
pub trait Outcome {
    /// Of what was done.
    fn of(done: super::Done) -> Self;
}

impl Outcome for super::Done {
    fn of(done: super::Done) -> Self {
        done
    }
}

impl Outcome for u64 {
    fn of(done: super::Done) -> Self {
        done.rows
    }
}

impl Outcome for () {
    fn of(_: super::Done) {}
}

/// `Vec<u8>` is one value: bytes.
pub trait Rows0 {
    /// The database.
    type DB: Driver;
    /// What is made.
    type Made;
    /// How.
    fn how(&self) -> How<Self::DB, Self::Made>;
}

impl<DB: Driver, E> Rows0 for &&&&&&&Rows<DB, Result<Vec<u8>, E>>
where
    (Vec<u8>,): for<'r> FromRow<'r, DB::Row>,
{
    type DB = DB;
    type Made = Vec<u8>;

    fn how(&self) -> How<DB, Vec<u8>> {
        How::First(first_value)
    }
}

/// All rows.
pub trait Rows1 {
    /// The database.
    type DB: Driver;
    /// What is made.
    type Made;
    /// How.
    fn how(&self) -> How<Self::DB, Self::Made>;
}

impl<DB: Driver, T, E> Rows1 for &&&&&&Rows<DB, Result<Vec<T>, E>>
where
    T: for<'r> FromRow<'r, DB::Row>,
{
    type DB = DB;
    type Made = Vec<T>;

    fn how(&self) -> How<DB, Vec<T>> {
        How::All(|rows| rows.iter().map(T::from_row).collect())
    }
}

impl<DB: Driver, T, E> Rows1 for &&&&&&Rows<DB, Result<Arc<Vec<T>>, E>>
where
    T: for<'r> FromRow<'r, DB::Row>,
{
    type DB = DB;
    type Made = Arc<Vec<T>>;

    fn how(&self) -> How<DB, Arc<Vec<T>>> {
        How::All(|rows| rows.iter().map(T::from_row).collect::<sqlx::Result<_>>().map(Arc::new))
    }
}

/// The first column of all rows.
pub trait Rows2 {
    /// The database.
    type DB: Driver;
    /// What is made.
    type Made;
    /// How.
    fn how(&self) -> How<Self::DB, Self::Made>;
}

impl<DB: Driver, T, E> Rows2 for &&&&&Rows<DB, Result<Vec<T>, E>>
where
    (T,): for<'r> FromRow<'r, DB::Row>,
{
    type DB = DB;
    type Made = Vec<T>;

    fn how(&self) -> How<DB, Vec<T>> {
        How::All(|rows| rows.iter().map(|row| <(T,)>::from_row(row).map(|row| row.0)).collect())
    }
}

impl<DB: Driver, T, E> Rows2 for &&&&&Rows<DB, Result<Arc<Vec<T>>, E>>
where
    (T,): for<'r> FromRow<'r, DB::Row>,
{
    type DB = DB;
    type Made = Arc<Vec<T>>;

    fn how(&self) -> How<DB, Arc<Vec<T>>> {
        How::All(|rows| {
            let values = rows.iter().map(|row| <(T,)>::from_row(row).map(|row| row.0));
            values.collect::<sqlx::Result<_>>().map(Arc::new)
        })
    }
}

/// The first row, if there is one.
pub trait Rows3 {
    /// The database.
    type DB: Driver;
    /// What is made.
    type Made;
    /// How.
    fn how(&self) -> How<Self::DB, Self::Made>;
}

impl<DB: Driver, T, E> Rows3 for &&&&Rows<DB, Result<Option<T>, E>>
where
    T: for<'r> FromRow<'r, DB::Row>,
{
    type DB = DB;
    type Made = Option<T>;

    fn how(&self) -> How<DB, Option<T>> {
        How::First(|row| row.map(|row| T::from_row(&row)).transpose())
    }
}

/// The first column of the first row, if there is one and it is not `NULL`.
pub trait Rows4 {
    /// The database.
    type DB: Driver;
    /// What is made.
    type Made;
    /// How.
    fn how(&self) -> How<Self::DB, Self::Made>;
}

impl<DB: Driver, T, E> Rows4 for &&&Rows<DB, Result<Option<T>, E>>
where
    (Option<T>,): for<'r> FromRow<'r, DB::Row>,
{
    type DB = DB;
    type Made = Option<T>;

    fn how(&self) -> How<DB, Option<T>> {
        How::First(|row| {
            let value = row.map(|row| <(Option<T>,)>::from_row(&row)).transpose()?;
            Ok(value.and_then(|value| value.0))
        })
    }
}

/// The first row.
pub trait Rows5 {
    /// The database.
    type DB: Driver;
    /// What is made.
    type Made;
    /// How.
    fn how(&self) -> How<Self::DB, Self::Made>;
}

impl<DB: Driver, T, E> Rows5 for &&Rows<DB, Result<T, E>>
where
    T: for<'r> FromRow<'r, DB::Row>,
{
    type DB = DB;
    type Made = T;

    fn how(&self) -> How<DB, T> {
        How::First(|row| T::from_row(&row.ok_or(sqlx::Error::RowNotFound)?))
    }
}

/// The first column of the first row.
pub trait Rows6 {
    /// The database.
    type DB: Driver;
    /// What is made.
    type Made;
    /// How.
    fn how(&self) -> How<Self::DB, Self::Made>;
}

impl<DB: Driver, T, E> Rows6 for &Rows<DB, Result<T, E>>
where
    (T,): for<'r> FromRow<'r, DB::Row>,
{
    type DB = DB;
    type Made = T;

    fn how(&self) -> How<DB, T> {
        How::First(first_value)
    }
}

/// What can be made of rows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not made of rows",
    label = "return a `Result` of `Vec<T>`, `Option<T>` or `T`, where `T` is a value of a column or derives `sqlx::FromRow`"
)]
pub trait MadeOfRows {}

/// Anything else cannot be made.
pub trait Rows7 {
    /// The database.
    type DB: Driver;
    /// What was asked for.
    type Of;
    /// A stand-in.
    fn how<T>(&self) -> How<Self::DB, T>
    where
        Self::Of: MadeOfRows,
    {
        How::First(|_| Err(sqlx::Error::RowNotFound))
    }
}

impl<DB: Driver, R> Rows7 for Rows<DB, R> {
    type DB = DB;
    type Of = R;
}

fn first_value<R: sqlx::Row, T>(row: Option<R>) -> sqlx::Result<T>
where
    (T,): for<'r> FromRow<'r, R>,
{
    <(T,)>::from_row(&row.ok_or(sqlx::Error::RowNotFound)?).map(|row| row.0)
}
