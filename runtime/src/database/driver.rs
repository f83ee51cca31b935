//! The databases, and in what they differ.

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use sqlx::SqlStr;
use sqlx::error::{BoxDynError, DatabaseError};
use sqlx::pool::PoolOptions;
use sqlx::{ConnectOptions, Connection, Pool};

use super::adviser::{Planner, Question};
use super::catalog::facts::Facts;
use super::failure::{Fault, Next};
use super::key_value::KeyValue;
use super::options::DatabaseOptions;
use crate::error::Result;
use crate::statement::Backend;

/// What a driver answers, sooner or later.
pub(super) type Answer<'c, T> = Pin<Box<dyn Future<Output = sqlx::Result<T>> + Send + 'c>>;

/// How a driver is told where its database is.
pub type Address<DB> = <<DB as sqlx::Database>::Connection as Connection>::Options;

/// A database that this crate knows the ways of: `sqlx::Sqlite`, `sqlx::Postgres` or `sqlx::MySql`, each by the feature
/// of its name.
pub trait Driver: sqlx::Database + Sealed {}

/// A statement, as a driver is given it.
#[derive(Debug, Clone)]
pub struct Text {
    /// Its words.
    pub sql: SqlStr,
    /// Does it name its columns? Else (`*`) they are those of the tables.
    pub columns_named: bool,
    /// Does it only read?
    pub reads: bool,
    /// Is it one of a transaction that is under way?
    pub inside: bool,
    /// Whose figures are taken, if there are any.
    pub(super) question: Option<Arc<Question>>,
}

/// What a statement did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// How many rows it inserted, changed or removed.
    pub rows: u64,
    /// The number that the database gave the last row that was inserted; PostgreSQL tells by `RETURNING` instead.
    pub last_id: Option<i64>,
}

/// How the pool is laid out.
#[derive(Debug)]
pub struct Pools<DB: sqlx::Database> {
    /// Where statements run that only read.
    pub readers: Pool<DB>,
    /// Where all others run, if the database has room for one writer only.
    pub writer: Option<Pool<DB>>,
    /// Would any further connection be one to another database?
    pub alone: bool,
}

/// What differs from database to database.
pub trait Sealed: sqlx::Database<Arguments: Clone + Sync + fmt::Debug, ArgumentBuffer: Default> + Planner {
    /// Its dialect.
    const BACKEND: Backend;

    /// How a transaction begins that is going to write.
    const BEGIN: &'static str;

    /// Is a statement prepared for the types that its first values had?
    const TYPES_PREPARED: bool = false;

    /// Pools that are made by this crate. Nothing is connected yet.
    fn pools(address: Address<Self>, options: &DatabaseOptions) -> Pools<Self>
    where
        Self: Driver;

    /// Is this a database that one connection has for itself?
    fn is_alone(address: &Address<Self>) -> bool
    where
        Self: Driver,
    {
        let _ = address;
        false
    }

    /// Where it is, as a URL without the password. Of SQLite without the name of the file, for not each of those can stand in
    /// a URL.
    fn url(address: &Address<Self>) -> String
    where
        Self: Driver,
    {
        let mut url = address.to_url_lossy();
        // A URL that can hold no password holds none.
        let _ = url.set_password(None);
        url.into()
    }

    /// What its URL does not say, and what decides which tables are seen.
    fn unsaid(address: &Address<Self>) -> Option<String>
    where
        Self: Driver,
    {
        let _ = address;
        None
    }

    /// Can this be trusted with data?
    fn check(connection: &mut Self::Connection) -> Answer<'_, Result<()>> {
        let _ = connection;
        Box::pin(std::future::ready(Ok(Ok(()))))
    }

    /// All rows.
    fn rows(connection: &mut Self::Connection, text: Text, values: Self::Arguments) -> Answer<'_, Vec<Self::Row>>;

    /// The first row.
    fn row(connection: &mut Self::Connection, text: Text, values: Self::Arguments) -> Answer<'_, Option<Self::Row>>;

    /// No rows, only what became of it.
    fn run(connection: &mut Self::Connection, text: Text, values: Self::Arguments) -> Answer<'_, Done>;

    /// A word to the connection, as it stands: not prepared, and without values.
    fn tell<'c>(connection: &'c mut Self::Connection, words: &'static str) -> Answer<'c, ()>;

    /// How many statements are prepared on a connection.
    fn prepared(connection: &Self::Connection) -> usize;

    /// Forgets the statements that are prepared on a connection.
    fn forget(connection: &mut Self::Connection) -> Answer<'_, ()>;

    /// The value in a buffer, if it is a whole number or a text by which rows may be told apart.
    fn pin(info: &Self::TypeInfo, buffer: &Self::ArgumentBuffer) -> Option<KeyValue>;

    /// What its schema says.
    fn catalog(connection: &mut Self::Connection) -> Answer<'_, Facts>;

    /// What it counts the changes of its schema with; nothing, if it does not.
    fn schema_version(connection: &mut Self::Connection) -> Answer<'_, Option<String>> {
        let _ = connection;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Is the database there, but has no room for another connection?
    fn crowded(error: &dyn DatabaseError) -> bool;

    /// These texts, as a statement's values.
    fn texts(values: &[&str]) -> std::result::Result<Self::Arguments, BoxDynError>;

    /// The first two columns, if they are texts.
    fn pair(row: &Self::Row) -> sqlx::Result<(String, String)>;

    /// Does what the database tells of a statement mean that the connection is of no use?
    fn outage(error: &dyn DatabaseError) -> Option<Next>;

    /// Whose fault is what the database tells of a row that was to be written?
    fn fault(error: &dyn DatabaseError) -> Fault;

    /// The most values that one statement takes.
    const MOST_VALUES: usize;
}

/// The calls that are written the same for all, but cannot be in one place: a connection is an executor only where its
/// type is known.
macro_rules! calls {
    (rows) => {
        fn rows(connection: &mut Self::Connection, text: Text, values: Self::Arguments) -> Answer<'_, Vec<Self::Row>> {
            Box::pin(sqlx::query_with::<Self, _>(text.sql, values).fetch_all(connection))
        }

        fn row(
            connection: &mut Self::Connection,
            text: Text,
            values: Self::Arguments,
        ) -> Answer<'_, Option<Self::Row>> {
            Box::pin(sqlx::query_with::<Self, _>(text.sql, values).fetch_optional(connection))
        }
    };
    (run, $last_id:expr) => {
        fn run(connection: &mut Self::Connection, text: Text, values: Self::Arguments) -> Answer<'_, Done> {
            Box::pin(async move {
                let done = sqlx::query_with::<Self, _>(text.sql, values).execute(connection).await?;
                let last_id: fn(&Self::QueryResult) -> Option<i64> = $last_id;
                Ok(Done { rows: done.rows_affected(), last_id: last_id(&done) })
            })
        }

        fn tell<'c>(connection: &'c mut Self::Connection, words: &'static str) -> Answer<'c, ()> {
            Box::pin(async move { sqlx::raw_sql(words).execute(connection).await.map(drop) })
        }

        fn texts(values: &[&str]) -> std::result::Result<Self::Arguments, sqlx::error::BoxDynError> {
            let mut arguments = Self::Arguments::default();
            for value in values {
                sqlx::Arguments::add(&mut arguments, *value)?;
            }
            Ok(arguments)
        }

        fn pair(row: &Self::Row) -> sqlx::Result<(String, String)> {
            Ok((sqlx::Row::try_get(row, 0)?, sqlx::Row::try_get(row, 1)?))
        }

        fn prepared(connection: &Self::Connection) -> usize {
            sqlx::Connection::cached_statements_size(connection)
        }

        fn forget(connection: &mut Self::Connection) -> Answer<'_, ()> {
            Box::pin(sqlx::Connection::clear_cached_statements(connection))
        }
    };
}

pub(super) use calls;

/// A pool by these options, of so many connections.
pub(super) fn pool<DB: Driver>(address: Address<DB>, options: &DatabaseOptions, most: u32) -> Pool<DB> {
    let pool = plain_pool(options, most);
    // A question before each statement doubles the time of a short one. A connection that has rested is asked.
    let rested = options.check_after;
    pool.before_acquire(move |connection: &mut DB::Connection, about| {
        Box::pin(async move { Ok(about.idle_for < rested || connection.ping().await.is_ok()) })
    })
    .connect_lazy_with(address.disable_statement_logging())
}

/// The same for the one connection that is the database. A question that is given up would end it.
#[cfg(feature = "sqlite")]
pub(super) fn only<DB: Driver>(address: Address<DB>, options: &DatabaseOptions) -> Pool<DB> {
    let forever = options.clone().idle_timeout(None).max_lifetime(None).min_connections(1);
    plain_pool(&forever, 1).connect_lazy_with(address.disable_statement_logging())
}

fn plain_pool<DB: Driver>(options: &DatabaseOptions, most: u32) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(most)
        .min_connections(options.min_connections.min(most))
        .acquire_timeout(options.acquire_deadline)
        .idle_timeout(options.idle_timeout)
        .max_lifetime(options.max_lifetime)
        .test_before_acquire(false)
}
