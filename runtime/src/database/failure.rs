//! What a failure of a database means, and what to do about it.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use crate::error::{Error, ErrorKind};

/// What may help after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing: the database has answered.
    Tell,
    /// The same once more, prepared anew: it has not run.
    Anew,
    /// Another connection: this one is of no use any more.
    Another,
}

/// What a row has to do with the failure of the statement that it was written by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is this row's: another may be written.
    Row,
    /// This row's or the statement's: the database does not say.
    Unclear,
    /// Nobody's: others stood in the way, and the same may succeed now.
    Again,
    /// No row's: all others would fail too.
    Statement,
}

/// What sqlx said. Shown with all that it says; its `Debug` holds no words of the database's, which may quote values.
pub struct Failure(sqlx::Error);

/// What sqlx said, if this error came from a database.
///
/// ```
/// # fn look(error: &cached_runtime::Error) {
/// let taken = cached_runtime::database::cause(error)
///     .and_then(|error| error.as_database_error())
///     .is_some_and(|error| error.is_unique_violation());
/// # }
/// ```
#[must_use]
pub fn cause(error: &Error) -> Option<&sqlx::Error> {
    error.source()?.downcast_ref::<Failure>().map(|failure| &failure.0)
}

/// A failure whose words may hold a password.
pub(super) fn hidden(source: sqlx::Error) -> Failure {
    match source {
        sqlx::Error::Configuration(_) => Failure(sqlx::Error::InvalidArgument("the URL cannot be read".to_owned())),
        other => Failure(other),
    }
}

/// What a failure means. `outage`: what the driver thinks of errors that the database itself tells.
pub(super) fn judge(source: sqlx::Error, outage: fn(&dyn sqlx::error::DatabaseError) -> Option<Next>) -> (Next, Error) {
    use sqlx::Error as E;
    const GONE: &str = "the connection to the database was lost";
    let (next, error) = match &source {
        E::Database(told) => {
            let next = outage(&**told);
            let away = matches!(next, Some(Next::Tell | Next::Another));
            let kind = match is_locked(&**told) {
                _ if away => ErrorKind::Connection,
                true => ErrorKind::Busy,
                false => ErrorKind::Database,
            };
            (next.unwrap_or(Next::Tell), told_by(kind, &**told))
        }
        E::Io(_) | E::Protocol(_) | E::WorkerCrashed => (Next::Another, Error::new(ErrorKind::Connection, GONE)),
        E::Tls(_) => (Next::Tell, Error::new(ErrorKind::Connection, "no TLS with the database: check certificates")),
        E::PoolClosed => (Next::Tell, Error::new(ErrorKind::Closed, "the database handle was closed")),
        E::RowNotFound => (Next::Tell, Error::new(ErrorKind::Database, "one row was asked for, and there is none")),
        E::ColumnDecode { index, .. } => {
            let error = Error::new(ErrorKind::Database, "a column is not of the type that it is read as");
            (Next::Tell, error.with("column", index))
        }
        E::ColumnNotFound(name) => {
            let error = Error::new(ErrorKind::Database, "the answer has no column of this name");
            (Next::Tell, error.with("column", name))
        }
        E::ColumnIndexOutOfBounds { index, len } => {
            let error = Error::new(ErrorKind::Database, "the answer has fewer columns than are read");
            (Next::Tell, error.with("column", index + 1).with("columns", len))
        }
        E::Configuration(_) => (Next::Tell, Error::config("url", "the database cannot be reached by this URL")),
        _ => (Next::Tell, Error::new(ErrorKind::Database, "the statement failed")),
    };
    (next, error.because(Failure(source)))
}

/// Has somebody else locked it, in SQLite? It says so in words that are its own.
pub(super) fn is_locked(told: &dyn sqlx::error::DatabaseError) -> bool {
    matches!(told.message(), "database is locked" | "database table is locked")
}

/// Names are told, of the statement and of the schema; the sentence is in the source.
fn told_by(kind: ErrorKind, told: &dyn sqlx::error::DatabaseError) -> Error {
    let mut error = Error::new(
        kind,
        match kind {
            ErrorKind::Connection => "the database cannot serve this connection",
            ErrorKind::Busy => "another process has locked the database for longer than is waited",
            _ => "the database refused the statement",
        },
    );
    if let Some(code) = told.code() {
        error = error.with("code", code);
    }
    if let Some(table) = told.table() {
        error = error.with("table", table);
    }
    if let Some(constraint) = told.constraint() {
        error = error.with("constraint", constraint);
    }
    if let Some((what, name)) = unknown(told) {
        error = error.with(what, name);
    }
    error
}

/// Which name of the statement the database does not know. Its sentence holds that name and no value.
fn unknown(told: &dyn sqlx::error::DatabaseError) -> Option<(&'static str, String)> {
    const COLUMN: &str = "unknown_column";
    const TABLE: &str = "unknown_table";
    const LONGEST: usize = 128;
    let message = told.message();
    // What SQLite says has no code of its own.
    let (what, name) = match told.code().as_deref() {
        // `column "x" does not exist`, `column v.x does not exist`, `column "x" of relation "v" does not exist`.
        Some("42703") => (COLUMN, message.strip_prefix("column ")?.split(' ').next()?),
        Some("42P01") => (TABLE, message.split('"').nth(1)?),
        Some("42S22") => (COLUMN, message.split('\'').nth(1)?),
        Some("42S02") => (TABLE, message.split('\'').nth(1)?),
        _ => message
            .strip_prefix("no such column: ")
            .map(|name| (COLUMN, name))
            .or_else(|| message.strip_prefix("no such table: ").map(|name| (TABLE, name)))
            .or_else(|| message.split_once(" has no column named ").map(|(_, name)| (COLUMN, name)))?,
    };
    Some((what, name.trim_matches('"').chars().take(LONGEST).collect()))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.0.as_database_error().and_then(|error| error.code().map(Cow::into_owned));
        let mut shown = f.debug_tuple("Failure");
        match &self.0 {
            sqlx::Error::Io(lost) => shown.field(&lost.kind()).finish(),
            sqlx::Error::Protocol(_) => shown.field(&"Protocol").finish(),
            _ => shown.field(&code).finish(),
        }
    }
}

impl StdError for Failure {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}
