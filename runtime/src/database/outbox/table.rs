//! The table, and what is asked of it.

use sqlx::error::BoxDynError;
use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::super::connections::Held;
use super::super::driver::{Driver, Text};
use super::super::failure::judge;
use crate::error::{Error, ErrorKind, Result};
use crate::statement::Backend;

/// So many rows are read at a time.
pub(super) const PAGE: usize = 500;
/// So many rows are removed by one statement.
pub(super) const REMOVED: usize = 64;
/// The longest name of a table; PostgreSQL has the shortest.
const LONGEST: usize = 63;

/// The statements, each the same every time.
pub(super) struct Texts {
    create: SqlStr,
    probe: SqlStr,
    insert: SqlStr,
    page: SqlStr,
    remove: SqlStr,
}

impl Texts {
    pub(super) fn new(table: &str, backend: Backend) -> Result<Self> {
        if table.split('.').count() > 2 || !table.split('.').all(is_name) {
            let message = "the outbox's table is named by letters, digits and `_`, a schema in front of it or not";
            return Err(Error::config("outbox", message));
        }
        let numbered = backend == Backend::Postgres;
        let values = |from: usize, to: usize| {
            let value = |n| if numbered { format!("${n}") } else { "?".to_owned() };
            (from..=to).map(value).collect::<Vec<_>>().join(", ")
        };
        let (engine, text) = match backend {
            // Others would keep the row of what is rolled back.
            Backend::Mysql => (" ENGINE = InnoDB CHARACTER SET utf8mb4", "MEDIUMTEXT"),
            Backend::Postgres | Backend::Sqlite => ("", "TEXT"),
        };
        let words = |text: String| AssertSqlSafe(text).into_sql_str();
        Ok(Self {
            create: words(format!(
                "CREATE TABLE IF NOT EXISTS {table} (id VARCHAR(32) PRIMARY KEY, name VARCHAR(255) NOT NULL, \
                 invalidates {text} NOT NULL, created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP){engine}"
            )),
            probe: words(format!("SELECT id, invalidates FROM {table} WHERE 1 = 0")),
            insert: words(format!("INSERT INTO {table} (id, name, invalidates) VALUES ({})", values(1, 3))),
            page: words(format!(
                "SELECT id, invalidates FROM {table} WHERE name = {} AND id > {} ORDER BY id LIMIT {PAGE}",
                values(1, 1),
                values(2, 2)
            )),
            remove: words(format!("DELETE FROM {table} WHERE id IN ({})", values(1, REMOVED))),
        })
    }

    pub(super) fn insert(&self) -> Text {
        text(&self.insert, false)
    }

    pub(super) fn page(&self) -> Text {
        text(&self.page, true)
    }

    pub(super) fn remove(&self) -> Text {
        text(&self.remove, false)
    }
}

fn is_name(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    part.len() <= LONGEST && part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && part.chars().all(plain)
}

fn text(sql: &SqlStr, reads: bool) -> Text {
    Text { sql: sql.clone(), columns_named: true, reads, inside: false, question: None }
}

/// Makes the table if it is not there. Who may not make one may find it there all the same, and so may one of two who
/// made it at the same time.
pub(super) async fn make<DB: Driver>(held: &mut Held<DB>, texts: &Texts) -> Result<()> {
    if DB::rows(held, text(&texts.probe, true), DB::Arguments::default()).await.is_ok() {
        return Ok(());
    }
    let made = DB::run(held, text(&texts.create, false), DB::Arguments::default()).await;
    match DB::rows(held, text(&texts.probe, true), DB::Arguments::default()).await {
        Ok(_) => Ok(()),
        Err(probed) => {
            Err(judge(made.err().unwrap_or(probed), DB::outage).1.with("outbox", "its table cannot be made"))
        }
    }
}

pub(super) fn unbound(cause: BoxDynError) -> Error {
    Error::new(ErrorKind::Database, "a row of the outbox cannot be written").because(cause)
}
