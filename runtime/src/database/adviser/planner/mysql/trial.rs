//! Indexes that are tried on copies of the tables, if the caller says so.

use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, MySql};

use super::super::{Outcome, Planner as _, Trial, Tried};
use crate::database::adviser::table::{Table, quoted};
use crate::statement::Backend;

/// So many rows of a table are copied.
const SAMPLE: u64 = 50_000;

pub(super) async fn run(connection: &mut MySqlConnection, trial: &Trial) -> sqlx::Result<Outcome> {
    if !trial.scratch {
        return Ok(Outcome::Untried(
            "this database has no indexes that are only pretended: allow copies of the tables",
        ));
    }
    if trial.tables.iter().any(|table| table.name.schema.is_some()) {
        return Ok(Outcome::Untried("the statement names a schema, and a copy cannot take its place"));
    }
    let outcome = match copy(connection, &trial.tables).await {
        Ok(()) => attempt(connection, trial).await,
        Err(error) => Err(error),
    };
    // They would hide the tables from whoever has the connection next.
    for table in &trial.tables {
        tell(connection, format!("DROP TEMPORARY TABLE IF EXISTS {}", own(table))).await?;
    }
    tell(connection, "DROP TEMPORARY TABLE IF EXISTS cached_adviser_copy".to_owned()).await?;
    outcome
}

/// Tables of the session, of the same names: they stand before those of the database, for this connection alone.
async fn copy(connection: &mut MySqlConnection, tables: &[Table]) -> sqlx::Result<()> {
    for table in tables {
        let own = own(table);
        tell(connection, format!("CREATE TEMPORARY TABLE cached_adviser_copy LIKE {own}")).await?;
        tell(connection, format!("INSERT INTO cached_adviser_copy SELECT * FROM {own} LIMIT {SAMPLE}")).await?;
        tell(connection, format!("ALTER TABLE cached_adviser_copy RENAME TO {own}")).await?;
    }
    Ok(())
}

async fn attempt(connection: &mut MySqlConnection, trial: &Trial) -> sqlx::Result<Outcome> {
    let before = MySql::explain(connection, &trial.subject).await?;
    let own = own(&trial.table);
    let mut after = Vec::new();
    for index in &trial.candidates {
        tell(connection, index.ddl_on(&own, Backend::Mysql)).await?;
        let plan = MySql::explain(connection, &trial.subject).await?;
        tell(connection, format!("DROP INDEX {} ON {own}", quoted(&index.name(), Backend::Mysql))).await?;
        let rows =
            plan.steps.iter().find(|step| step.index.as_deref() == Some(&index.name())).and_then(|step| step.rows);
        after.push(Some(Tried { plan, rows }));
    }
    Ok(Outcome::Tried { how: "tried on copies of the tables, which are gone", before, after })
}

fn own(table: &Table) -> String {
    quoted(&table.name.table, Backend::Mysql)
}

async fn tell(connection: &mut MySqlConnection, text: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await.map(drop)
}
