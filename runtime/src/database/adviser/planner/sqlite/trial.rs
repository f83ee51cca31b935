//! A database in memory with the tables of another, to try indexes on.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Sqlite};

use super::super::{Outcome, Planner as _, Trial, Tried};
use crate::database::adviser::plan::Plan;
use crate::database::adviser::table::{Index, Table, quoted};
use crate::statement::Backend;

/// So many rows of a table are looked at to see how different they are.
const SAMPLE: u64 = 10_000;
/// Tables, indexes and views that are copied.
const MOST: u32 = 5_000;
/// What a comparison leaves of the rows, as SQLite assumes of `<` and `>`.
const RANGE: u64 = 4;

const HOW: &str = "tried on a copy of the schema in memory";

pub(super) async fn run(
    there: &mut SqliteConnection,
    scratch: &mut SqliteConnection,
    trial: &Trial,
) -> sqlx::Result<Outcome> {
    copy(there, scratch, &trial.tables).await?;
    let Ok(before) = Sqlite::explain(scratch, &trial.subject).await else {
        return Ok(Outcome::Untried("the statement needs what only the program's own connections have"));
    };
    let mut after = Vec::new();
    for candidate in &trial.candidates {
        after.push(attempt(there, scratch, trial, candidate).await.ok());
    }
    Ok(Outcome::Tried { how: HOW, before, after })
}

async fn attempt(
    there: &mut SqliteConnection,
    scratch: &mut SqliteConnection,
    trial: &Trial,
    index: &Index,
) -> sqlx::Result<Tried> {
    let sizes = sizes(there, &trial.table, index).await?;
    tell(scratch, index.ddl_on(&quoted(&trial.table.name.table, Backend::Sqlite), Backend::Sqlite)).await?;
    if let Some(sizes) = &sizes {
        let stat: Vec<String> = sizes.iter().map(u64::to_string).collect();
        sqlx::query("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)")
            .bind(&trial.table.name.table)
            .bind(index.name())
            .bind(stat.join(" "))
            .execute(&mut *scratch)
            .await?;
        tell(scratch, "ANALYZE sqlite_schema".to_owned()).await?;
    }
    let plan = Sqlite::explain(scratch, &trial.subject).await;
    tell(scratch, format!("DROP INDEX {}", quoted(&index.name(), Backend::Sqlite))).await?;
    tell(scratch, "ANALYZE sqlite_schema".to_owned()).await?;
    let plan = plan?;
    let rows = sizes.and_then(|sizes| rows_read(&plan, index, &sizes));
    Ok(Tried { plan, rows })
}

/// An index that is walked from end to end finds nothing: all of its rows are read.
fn rows_read(plan: &Plan, index: &Index, sizes: &[u64]) -> Option<u64> {
    let by = plan.steps.iter().find(|step| step.index.as_deref() == Some(&index.name()));
    if by.is_some_and(|step| step.what.starts_with("SCAN ")) {
        return sizes.first().copied();
    }
    let met = sizes.get(index.equal).copied()?;
    Some(if index.columns.get(index.equal).is_some() { met.div_ceil(RANGE) } else { met })
}

/// The same tables, indexes and views, and what SQLite has counted of them; where it has not, how large they are.
async fn copy(there: &mut SqliteConnection, scratch: &mut SqliteConnection, tables: &[Table]) -> sqlx::Result<()> {
    let all: Vec<(String,)> = sqlx::query_as(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND type <> 'trigger' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         ORDER BY type = 'table' DESC, type = 'view', rowid LIMIT ?",
    )
    .bind(MOST)
    .fetch_all(&mut *there)
    .await?;
    for (sql,) in all {
        // What needs a module or a function of the program is not there; a statement that needs it will say so.
        let _ = tell(scratch, sql).await;
    }
    tell(scratch, "ANALYZE".to_owned()).await?;
    let counted = "SELECT tbl, idx, stat FROM sqlite_stat1 LIMIT ?";
    let counted: Vec<(String, Option<String>, Option<String>)> =
        sqlx::query_as(counted).bind(MOST).persistent(false).fetch_all(&mut *there).await.unwrap_or_default();
    let uncounted = tables.iter().filter(|table| !counted.iter().any(|(of, ..)| *of == table.name.table));
    let sized: Vec<_> =
        uncounted.filter_map(|table| Some((table.name.table.clone(), None, Some(table.rows?.to_string())))).collect();
    // Of tables without an index SQLite takes the size from a row that names none.
    tell(scratch, "DELETE FROM sqlite_stat1".to_owned()).await?;
    for (table, index, stat) in counted.into_iter().chain(sized) {
        sqlx::query("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)")
            .bind(table)
            .bind(index)
            .bind(stat)
            .execute(&mut *scratch)
            .await?;
    }
    tell(scratch, "ANALYZE sqlite_schema".to_owned()).await
}

/// As SQLite counts: the rows of the index, and for each of its columns how many rows are the same up to it.
async fn sizes(there: &mut SqliteConnection, table: &Table, index: &Index) -> sqlx::Result<Option<Vec<u64>>> {
    let Some(all) = table.rows else { return Ok(None) };
    let name = quoted(&table.name.table, Backend::Sqlite);
    let condition = index.condition(Backend::Sqlite);
    let sample = format!("(SELECT * FROM {name} LIMIT {SAMPLE})");
    let looked_at = count(there, format!("SELECT count(*) FROM {sample}")).await?;
    let met = count(there, format!("SELECT count(*) FROM {sample}{condition}")).await?;
    let rows = all.saturating_mul(met).checked_div(looked_at).unwrap_or(0);
    let mut sizes = vec![rows.max(1)];
    let mut columns = String::new();
    for (column, _) in &index.columns {
        let separator = if columns.is_empty() { "" } else { ", " };
        columns = format!("{columns}{separator}{}", quoted(column, Backend::Sqlite));
        let different =
            count(there, format!("SELECT count(*) FROM (SELECT DISTINCT {columns} FROM {sample}{condition})")).await?;
        // What is nearly always different in a part is so in the whole; else the part has shown all there are.
        let same = if different * 2 > met { met } else { rows }.checked_div(different).unwrap_or(1);
        sizes.push(same.max(1));
    }
    Ok(Some(sizes))
}

async fn count(connection: &mut SqliteConnection, text: String) -> sqlx::Result<u64> {
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(text)).persistent(false).fetch_one(connection).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

async fn tell(connection: &mut SqliteConnection, text: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await.map(drop)
}
