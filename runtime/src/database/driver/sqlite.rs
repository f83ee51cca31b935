//! SQLite, in this process.

mod columns;

use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous, SqliteTypeInfo};
use sqlx::{ConnectOptions as _, Sqlite};

use super::{Address, Answer, Done, Driver, Pools, Sealed, Text, calls, only, pool};
use crate::database::catalog::facts::Facts;
use crate::database::catalog::sqlite;
use crate::database::failure::{Fault, Next};
use crate::database::key_value::{self, KeyValue};
use crate::database::options::DatabaseOptions;
use crate::error::{Error, ErrorKind, Result};
use crate::statement::Backend;

/// Earlier ones can corrupt a database when they reset its write-ahead log.
const OLDEST: (u32, u32, u32) = (3, 51, 3);

impl Driver for Sqlite {}

impl Sealed for Sqlite {
    const BACKEND: Backend = Backend::Sqlite;

    // One that begins by reading is refused at its first write, at once, if another connection has written meanwhile.
    const BEGIN: &'static str = "BEGIN IMMEDIATE";

    fn pools(address: Address<Self>, options: &DatabaseOptions) -> Pools<Self> {
        let address = tuned(address, options);
        if in_memory(&address) {
            // Each connection would have a database of its own, which goes with it.
            return Pools { readers: only::<Self>(address, options), writer: None, alone: true };
        }
        let readers = pool::<Self>(address.clone(), options, options.max_connections);
        let writer = pool::<Self>(address, &options.clone().min_connections(0), 1);
        Pools { readers, writer: Some(writer), alone: false }
    }

    fn is_alone(address: &Address<Self>) -> bool {
        in_memory(address)
    }

    fn url(address: &Address<Self>) -> String {
        address.clone().filename("/").to_url_lossy().into()
    }

    fn unsaid(address: &Address<Self>) -> Option<String> {
        Some(address.get_filename().display().to_string())
    }

    fn check(connection: &mut Self::Connection) -> Answer<'_, Result<()>> {
        Box::pin(async move {
            let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(connection).await?;
            let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
            let mut part = || parts.next().unwrap_or(0);
            if (part(), part(), part()) >= OLDEST {
                return Ok(Ok(()));
            }
            let old = "this SQLite can corrupt databases; build with libsqlite3-sys 0.37 or newer";
            Ok(Err(Error::new(ErrorKind::Config, old).with("version", version)))
        })
    }

    fn rows(connection: &mut Self::Connection, text: Text, values: Self::Arguments) -> Answer<'_, Vec<Self::Row>> {
        if text.columns_named {
            return Box::pin(sqlx::query_with(text.sql, values).fetch_all(connection));
        }
        Box::pin(columns::steady(connection, text, values, |connection, text, values| {
            Box::pin(sqlx::query_with(text.sql, values).persistent(false).fetch_all(connection))
        }))
    }

    fn row(connection: &mut Self::Connection, text: Text, values: Self::Arguments) -> Answer<'_, Option<Self::Row>> {
        if text.columns_named {
            return Box::pin(sqlx::query_with(text.sql, values).fetch_optional(connection));
        }
        Box::pin(columns::steady(connection, text, values, |connection, text, values| {
            Box::pin(sqlx::query_with(text.sql, values).persistent(false).fetch_optional(connection))
        }))
    }

    calls!(run, |done| Some(done.last_insert_rowid()).filter(|&id| id != 0));

    /// Only its `Debug` shows what a buffer holds.
    fn pin(_: &SqliteTypeInfo, buffer: &SqliteArgumentsBuffer) -> Option<KeyValue> {
        let shown = key_value::shown(buffer)?;
        let value = shown.strip_prefix("SqliteArgumentsBuffer([")?.strip_suffix(")])")?;
        let (kind, value) = value.split_once('(')?;
        match kind {
            "Int" | "Int64" => value.parse().ok().map(KeyValue::Integer),
            "Text" | "TextSlice" => KeyValue::text(value.strip_prefix('"')?.strip_suffix('"')?),
            _ => None,
        }
    }

    fn catalog(connection: &mut Self::Connection) -> Answer<'_, Facts> {
        Box::pin(sqlite::facts(connection))
    }

    fn schema_version(connection: &mut Self::Connection) -> Answer<'_, Option<String>> {
        Box::pin(sqlite::version(connection))
    }

    fn crowded(_: &dyn DatabaseError) -> bool {
        false
    }

    fn outage(_: &dyn DatabaseError) -> Option<Next> {
        None
    }

    fn fault(error: &dyn DatabaseError) -> Fault {
        // Extended codes hold the plain one in their lowest byte.
        match error.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or(0) & 0xff {
            // Too big, a constraint, a type that the column does not take.
            18..=20 => Fault::Row,
            // A table that is not there as well as JSON that is none.
            1 => Fault::Unclear,
            _ => Fault::Statement,
        }
    }

    const MOST_VALUES: usize = 32_766;
}

/// 64 MiB of pages in memory, a log that readers need not wait for, and patience with other processes.
fn tuned(address: SqliteConnectOptions, options: &DatabaseOptions) -> SqliteConnectOptions {
    address
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(options.acquire_deadline.max(Duration::from_millis(1)))
        .pragma("cache_size", "-65536")
        .pragma("temp_store", "MEMORY")
        .foreign_keys(true)
        .statement_cache_capacity(options.statement_cache)
        .thread_name(|n| format!("cached-database-{n}"))
}

fn in_memory(address: &SqliteConnectOptions) -> bool {
    let name = address.get_filename().to_string_lossy();
    let named = name.is_empty() || name.contains(":memory:") || name.contains("sqlx-in-memory");
    named || Sqlite::url(address).contains("mode=memory")
}
