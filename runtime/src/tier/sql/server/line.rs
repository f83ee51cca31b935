//! One connection, of whichever driver: statements with values go in, rows come out.

use std::sync::Arc;

use bytes::Bytes;
use sqlx::{AssertSqlSafe, Connection, Row as _};

use super::dialect::Dialect;

/// A connection to a server.
pub(super) enum Line {
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgConnection),
    #[cfg(feature = "mysql")]
    MySql(sqlx::MySqlConnection),
}

/// A row that a statement found.
pub(super) enum Row {
    #[cfg(feature = "postgres")]
    Postgres(sqlx::postgres::PgRow),
    #[cfg(feature = "mysql")]
    MySql(sqlx::mysql::MySqlRow),
}

/// A value in the place of a parameter.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Number(i64),
    Bytes(Bytes),
}

/// What a statement is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    Rows,
    /// How many rows it has changed.
    Change,
}

/// What a statement did.
#[derive(Default)]
pub(super) struct Done {
    pub(super) rows: Vec<Row>,
    pub(super) changed: u64,
}

/// Binds the values to a statement of ours: made from checked names only.
macro_rules! bound {
    ($driver:ty, $sql:expr, $values:expr) => {{
        let mut query = sqlx::query::<$driver>(AssertSqlSafe(Arc::clone($sql)));
        for value in $values {
            query = match value {
                Value::Number(number) => query.bind(*number),
                Value::Bytes(bytes) => query.bind(&bytes[..]),
            };
        }
        query
    }};
}

macro_rules! ask {
    ($driver:ty, $row:path, $line:expr, $sql:expr, $values:expr, $want:expr) => {{
        let query = bound!($driver, $sql, $values);
        match $want {
            Want::Rows => {
                let rows = query.fetch_all($line).await?.into_iter().map($row).collect();
                Done { rows, changed: 0 }
            }
            Want::Change => Done { rows: Vec::new(), changed: query.execute($line).await?.rows_affected() },
        }
    }};
}

impl Line {
    /// Runs one statement to its end.
    pub(super) async fn ask(&mut self, sql: &Arc<str>, values: &[Value], want: Want) -> sqlx::Result<Done> {
        Ok(match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(line) => ask!(sqlx::Postgres, Row::Postgres, line, sql, values, want),
            #[cfg(feature = "mysql")]
            Self::MySql(line) => ask!(sqlx::MySql, Row::MySql, line, sql, values, want),
        })
    }

    /// Runs a batch without parameters.
    pub(super) async fn batch(&mut self, sql: String) -> sqlx::Result<()> {
        let batch = sqlx::raw_sql(AssertSqlSafe(sql));
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(line) => batch.execute(line).await.map(drop),
            #[cfg(feature = "mysql")]
            Self::MySql(line) => batch.execute(line).await.map(drop),
        }
    }

    /// Tells a new connection what it has to know; what the server refuses is left as it was.
    pub(super) async fn greet(&mut self, dialect: Dialect, transacts: bool) -> sqlx::Result<()> {
        let transacting = if transacts { dialect.transacting() } else { &[] };
        for sql in dialect.greeting().iter().chain(transacting) {
            match self.batch((*sql).to_owned()).await {
                Ok(()) | Err(sqlx::Error::Database(_)) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Takes leave, so that the server does not note a connection lost.
    pub(super) async fn close(self) {
        // It is gone in any case.
        let _ = match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(line) => line.close().await,
            #[cfg(feature = "mysql")]
            Self::MySql(line) => line.close().await,
        };
    }
}

macro_rules! column {
    ($row:expr, $at:expr) => {
        match $row {
            #[cfg(feature = "postgres")]
            Row::Postgres(row) => row.try_get($at),
            #[cfg(feature = "mysql")]
            Row::MySql(row) => row.try_get($at),
        }
    };
}

impl Row {
    pub(super) fn number(&self, at: usize) -> sqlx::Result<i64> {
        column!(self, at)
    }

    /// A number that may be absent.
    pub(super) fn maybe(&self, at: usize) -> sqlx::Result<Option<i64>> {
        column!(self, at)
    }

    pub(super) fn bytes(&self, at: usize) -> sqlx::Result<Vec<u8>> {
        column!(self, at)
    }

    /// A text of ours; it was text when it was written.
    pub(super) fn text(&self, at: usize) -> sqlx::Result<String> {
        String::from_utf8(self.bytes(at)?).map_err(|e| sqlx::Error::Decode(e.into()))
    }
}
