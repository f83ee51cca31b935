//! PostgreSQL: the plan that serves for all values, and indexes that are there for the planner only (HypoPG).

mod trial;

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Postgres, Row as _};

use super::{Outcome, Planner, Subject, Trial, whole};
use crate::database::adviser::plan::{Plan, PlanStep};
use crate::database::adviser::table::{Class, Column, Name, Table};
use crate::database::driver::Answer;

/// Of steps inside each other so many are read.
const DEEPEST: usize = 64;

impl Planner for Postgres {
    fn explain<'c>(connection: &'c mut PgConnection, subject: &'c Subject) -> Answer<'c, Plan> {
        Box::pin(async move {
            tell(connection, "BEGIN READ ONLY".to_owned()).await?;
            let plan = generic(connection, subject).await;
            let over = tell(connection, "ROLLBACK".to_owned()).await;
            let plan = plan?;
            over.map(|()| plan)
        })
    }

    fn table<'c>(connection: &'c mut PgConnection, name: &'c Name) -> Answer<'c, Option<Table>> {
        Box::pin(table(connection, name))
    }

    fn attempt<'c>(connection: &'c mut PgConnection, trial: &'c Trial) -> Answer<'c, Outcome> {
        Box::pin(trial::run(connection, trial))
    }
}

/// The plan for any values, inside a transaction. What is prepared here is gone afterwards, also when it failed.
async fn generic(connection: &mut PgConnection, subject: &Subject) -> sqlx::Result<Plan> {
    tell(connection, "SET LOCAL plan_cache_mode = force_generic_plan".to_owned()).await?;
    tell(connection, format!("PREPARE cached_adviser AS {}", subject.text)).await?;
    let values = vec!["NULL"; subject.parameters].join(", ");
    let values = if values.is_empty() { values } else { format!("({values})") };
    tell(connection, "SAVEPOINT cached_adviser".to_owned()).await?;
    let text = format!("EXPLAIN (FORMAT JSON) EXECUTE cached_adviser{values}");
    let answer = sqlx::raw_sql(AssertSqlSafe(text)).fetch_one(&mut *connection).await;
    // After a failure nothing else is taken before this.
    let back = tell(connection, "ROLLBACK TO SAVEPOINT cached_adviser".to_owned()).await;
    tell(connection, "DEALLOCATE cached_adviser".to_owned()).await?;
    let text: String = answer?.try_get_unchecked(0)?;
    back?;
    read(&text).ok_or_else(|| sqlx::Error::Protocol("the plan cannot be read".to_owned()))
}

async fn table(connection: &mut PgConnection, name: &Name) -> sqlx::Result<Option<Table>> {
    let there = "SELECT c.oid::int8, c.reltuples::float8, pg_relation_size(c.oid)::int8 \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.relkind IN ('r', 'p') AND c.relname = $1 \
                 AND (n.nspname = $2 OR ($2 IS NULL AND pg_table_is_visible(c.oid))) LIMIT 1";
    let there: Option<(i64, f64, i64)> = sqlx::query_as(there)
        .persistent(false)
        .bind(&name.table)
        .bind(&name.schema)
        .fetch_optional(&mut *connection)
        .await?;
    let Some((oid, tuples, bytes)) = there else { return Ok(None) };
    let columns = "SELECT a.attname::text FROM pg_attribute a \
                   WHERE a.attrelid::int8 = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    let columns: Vec<(String,)> =
        sqlx::query_as(columns).persistent(false).bind(oid).fetch_all(&mut *connection).await?;
    let columns = columns.into_iter().map(|(name,)| Column { name, class: Class::Other }).collect();
    // Not counted yet: by its size, at a hundred bytes a row.
    let rows = if tuples < 0.0 { u64::try_from(bytes / 100).ok() } else { whole(tuples) };
    Ok(Some(Table { name: name.clone(), columns, rows }))
}

fn read(text: &str) -> Option<Plan> {
    let all: Value = serde_json::from_str(text).ok()?;
    let top = all.get(0)?.get("Plan")?;
    let mut steps = Vec::new();
    walk(top, &mut steps, 0);
    Some(Plan { steps, cost: top.get("Total Cost").and_then(Value::as_f64) })
}

/// Names and numbers; conditions may quote values.
fn walk(node: &Value, steps: &mut Vec<PlanStep>, depth: usize) {
    let word = |key: &str| node.get(key).and_then(Value::as_str);
    let kind = word("Node Type").unwrap_or_default();
    let index = word("Index Name");
    let table = word("Alias").or_else(|| word("Relation Name")).map(str::to_owned);
    let on = table.as_ref().map(|table| format!(" on {table}")).unwrap_or_default();
    let using = index.map(|index| format!(" using {index}")).unwrap_or_default();
    steps.push(PlanStep {
        what: format!("{kind}{using}{on}"),
        full_scan: kind == "Seq Scan" && table.is_some(),
        table: table.filter(|_| word("Relation Name").is_some()),
        index: index.map(str::to_owned),
        rows: node.get("Plan Rows").and_then(Value::as_f64).and_then(whole),
    });
    if depth < DEEPEST {
        let below = node.get("Plans").and_then(Value::as_array);
        below.into_iter().flatten().for_each(|node| walk(node, steps, depth + 1));
    }
}

async fn tell(connection: &mut PgConnection, text: String) -> sqlx::Result<()> {
    sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await.map(drop)
}
