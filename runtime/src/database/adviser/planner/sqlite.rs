//! SQLite: `EXPLAIN QUERY PLAN`, and trials in a database in memory that has the same tables, and no rows.

mod trial;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _, Sqlite};

use super::{Outcome, Planner, Subject, Trial};
use crate::database::adviser::plan::{Plan, PlanStep};
use crate::database::adviser::table::{Class, Column, Name, Table, quoted};
use crate::database::driver::Answer;
use crate::statement::Backend;

impl Planner for Sqlite {
    fn explain<'c>(connection: &'c mut SqliteConnection, subject: &'c Subject) -> Answer<'c, Plan> {
        Box::pin(async move {
            let text = format!("EXPLAIN QUERY PLAN {}", subject.text);
            let query = sqlx::query(AssertSqlSafe(text)).persistent(false);
            let rows = query.fetch_all(&mut *connection).await?;
            let steps = rows.iter().map(|row| row.try_get::<String, _>(3).map(|detail| step(&detail)));
            let mut steps: Vec<PlanStep> = steps.collect::<sqlx::Result<_>>()?;
            for step in steps.iter_mut().filter(|step| step.full_scan) {
                step.full_scan = !is_of_some_rows(connection, step.index.as_deref()).await?;
            }
            Ok(Plan { steps, cost: None })
        })
    }

    fn table<'c>(connection: &'c mut SqliteConnection, name: &'c Name) -> Answer<'c, Option<Table>> {
        Box::pin(table(connection, name))
    }

    fn attempt<'c>(connection: &'c mut SqliteConnection, trial: &'c Trial) -> Answer<'c, Outcome> {
        Box::pin(async move {
            let mut scratch = SqliteConnection::connect("sqlite::memory:").await?;
            let outcome = trial::run(connection, &mut scratch, trial).await;
            // It goes with its last connection, whatever this says.
            let _ = scratch.close().await;
            outcome
        })
    }
}

/// Who walks an index of some of the rows does not read them all.
async fn is_of_some_rows(connection: &mut SqliteConnection, index: Option<&str>) -> sqlx::Result<bool> {
    let Some(index) = index else { return Ok(false) };
    let partial = "SELECT count(*) FROM sqlite_schema s JOIN pragma_index_list(s.tbl_name) l ON l.name = s.name \
                   WHERE s.type = 'index' AND s.name = ? AND l.partial";
    let found: i64 = sqlx::query_scalar(partial).bind(index).persistent(false).fetch_one(connection).await?;
    Ok(found > 0)
}

async fn table(connection: &mut SqliteConnection, name: &Name) -> sqlx::Result<Option<Table>> {
    if name.schema.as_deref().is_some_and(|schema| !schema.eq_ignore_ascii_case("main")) {
        return Ok(None);
    }
    let there = "SELECT name FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower(?) AND sql NOT LIKE 'create virtual%'";
    let Some(own) = sqlx::query_scalar::<_, String>(there).bind(&name.table).fetch_optional(&mut *connection).await?
    else {
        return Ok(None);
    };
    let columns: Vec<(String, String)> =
        sqlx::query_as("SELECT name, type FROM pragma_table_info(?)").bind(&own).fetch_all(&mut *connection).await?;
    let columns = columns.into_iter().map(|(name, _)| Column { name, class: Class::Other }).collect();
    let rows = rows(connection, &own).await;
    Ok(Some(Table { name: Name { schema: name.schema.clone(), table: own }, columns, rows }))
}

/// As SQLite has counted them when it was last told to, else by the highest number of a row.
async fn rows(connection: &mut SqliteConnection, table: &str) -> Option<u64> {
    let counted = "SELECT stat FROM sqlite_stat1 WHERE tbl = ? ORDER BY idx IS NULL DESC LIMIT 1";
    if let Ok(Some(counted)) =
        sqlx::query_scalar::<_, String>(counted).bind(table).persistent(false).fetch_optional(&mut *connection).await
    {
        return counted.split(' ').next()?.parse().ok();
    }
    let highest = format!("SELECT max(rowid) FROM {}", quoted(table, Backend::Sqlite));
    let highest = sqlx::query_scalar::<_, Option<i64>>(AssertSqlSafe(highest)).persistent(false);
    highest.fetch_one(connection).await.ok()?.map_or(Some(0), |rows| u64::try_from(rows).ok())
}

/// `SCAN video`, `SEARCH v USING INDEX i (a=?)`: names and no values.
fn step(detail: &str) -> PlanStep {
    // What a module of virtual tables says of itself is not known.
    let detail = detail.split(" VIRTUAL TABLE INDEX").next().unwrap_or_default();
    let mut words = detail.split(' ');
    let scans = words.next() == Some("SCAN");
    let reads = scans || detail.starts_with("SEARCH ");
    let table = words.next().filter(|name| reads && !name.starts_with('(') && *name != "CONSTANT");
    let index = detail.split_once(" INDEX ").map(|(_, rest)| rest.split(' ').next().unwrap_or_default());
    // One that is made for the statement alone is made by reading all.
    let automatic = detail.contains(" USING AUTOMATIC ");
    PlanStep {
        what: detail.to_owned(),
        table: table.map(str::to_owned),
        index: index.filter(|name| !automatic && !name.is_empty()).map(str::to_owned),
        full_scan: table.is_some() && (scans || automatic),
        rows: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read() {
        let of = |detail: &str| {
            let step = step(detail);
            (step.table.unwrap_or_default(), step.index.unwrap_or_default(), step.full_scan)
        };
        assert_eq!(of("SCAN v"), ("v".into(), String::new(), true));
        assert_eq!(of("SCAN v USING COVERING INDEX i"), ("v".into(), "i".into(), true));
        assert_eq!(of("SEARCH v USING INDEX i (a=?)"), ("v".into(), "i".into(), false));
        assert_eq!(of("SEARCH v USING AUTOMATIC COVERING INDEX (a=?)"), ("v".into(), String::new(), true));
        assert_eq!(of("SEARCH v USING INTEGER PRIMARY KEY (rowid=?)"), ("v".into(), String::new(), false));
        assert_eq!(of("USE TEMP B-TREE FOR ORDER BY"), (String::new(), String::new(), false));
        assert_eq!(of("SCAN (subquery-1)"), (String::new(), String::new(), false));
        assert_eq!(step("SCAN f VIRTUAL TABLE INDEX 0:secret").what, "SCAN f");
    }
}
