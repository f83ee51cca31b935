//! MySQL and MariaDB: `EXPLAIN FORMAT=JSON`, with values of the columns' types in place of parameters: of `NULL` they would
//! see that nothing is equal to it.

mod trial;

use serde_json::{Map, Value};
use sqlx::mysql::MySqlConnection;
use sqlx::{AssertSqlSafe, MySql, Row as _};

use super::{Outcome, Planner, Subject, Trial, whole};
use crate::database::adviser::plan::{Plan, PlanStep};
use crate::database::adviser::table::{Class, Column, Name, Table};
use crate::database::driver::Answer;

/// Of steps inside each other so many are read.
const DEEPEST: usize = 64;

impl Planner for MySql {
    const NEEDS_VALUES: bool = true;
    const PARTIAL: bool = false;

    fn explain<'c>(connection: &'c mut MySqlConnection, subject: &'c Subject) -> Answer<'c, Plan> {
        Box::pin(async move {
            let text = format!("EXPLAIN FORMAT=JSON {}", subject.text);
            let row = sqlx::raw_sql(AssertSqlSafe(text)).fetch_one(connection).await?;
            let text: String = row.try_get_unchecked(0)?;
            read(&text).ok_or_else(|| sqlx::Error::Protocol("the plan cannot be read".to_owned()))
        })
    }

    fn table<'c>(connection: &'c mut MySqlConnection, name: &'c Name) -> Answer<'c, Option<Table>> {
        Box::pin(table(connection, name))
    }

    fn attempt<'c>(connection: &'c mut MySqlConnection, trial: &'c Trial) -> Answer<'c, Outcome> {
        Box::pin(trial::run(connection, trial))
    }
}

async fn table(connection: &mut MySqlConnection, name: &Name) -> sqlx::Result<Option<Table>> {
    let there = "SELECT CAST(table_rows AS SIGNED) FROM information_schema.tables \
                 WHERE table_type = 'BASE TABLE' AND table_name = ? AND table_schema = COALESCE(?, DATABASE())";
    let there: Option<Option<i64>> = sqlx::query_scalar(there)
        .persistent(false)
        .bind(&name.table)
        .bind(&name.schema)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(rows) = there else { return Ok(None) };
    let columns = "SELECT CAST(column_name AS CHAR), CAST(data_type AS CHAR) FROM information_schema.columns \
                   WHERE table_name = ? AND table_schema = COALESCE(?, DATABASE()) ORDER BY ordinal_position";
    let columns: Vec<(String, String)> = sqlx::query_as(columns)
        .persistent(false)
        .bind(&name.table)
        .bind(&name.schema)
        .fetch_all(&mut *connection)
        .await?;
    let columns = columns.into_iter().map(|(name, kind)| Column { name, class: class(&kind) }).collect();
    Ok(Some(Table { name: name.clone(), columns, rows: rows.and_then(|rows| u64::try_from(rows).ok()) }))
}

fn class(kind: &str) -> Class {
    match kind.to_ascii_lowercase().as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "float" | "double" | "bit" | "year" => {
            Class::Number
        }
        "date" | "datetime" | "timestamp" => Class::Time,
        _ => Class::Other,
    }
}

fn read(text: &str) -> Option<Plan> {
    let all: Value = serde_json::from_str(text).ok()?;
    let block = all.get("query_block")?;
    let mut steps = Vec::new();
    walk(block, &mut steps, 0);
    let cost = block.get("cost_info").and_then(|info| info.get("query_cost")).or_else(|| block.get("cost"));
    let cost = cost.and_then(|cost| cost.as_f64().or_else(|| cost.as_str()?.parse().ok()));
    Some(Plan { steps, cost })
}

/// Names and numbers; conditions quote values.
fn walk(node: &Value, steps: &mut Vec<PlanStep>, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    match node {
        Value::Object(fields) => {
            if fields.contains_key("access_type") && fields.contains_key("table_name") {
                steps.push(step(fields));
            }
            let sorts = fields.get("using_filesort") == Some(&Value::Bool(true)) || fields.contains_key("filesort");
            if sorts {
                steps.push(PlanStep { what: "filesort".to_owned(), ..PlanStep::default() });
            }
            fields.values().for_each(|below| walk(below, steps, depth + 1));
        }
        Value::Array(all) => all.iter().for_each(|below| walk(below, steps, depth + 1)),
        _ => {}
    }
}

fn step(fields: &Map<String, Value>) -> PlanStep {
    let word = |key: &str| fields.get(key).and_then(Value::as_str);
    let table = word("table_name").unwrap_or_default();
    let access = word("access_type").unwrap_or_default();
    let index = word("key");
    let rows = fields.get("rows_examined_per_scan").or_else(|| fields.get("rows"));
    let using = index.map(|index| format!(" using {index}")).unwrap_or_default();
    // A table that is made on the way has no name of its own.
    let own = !table.starts_with('<');
    PlanStep {
        what: format!("{access}{using} on {table}"),
        table: own.then(|| table.to_owned()),
        index: index.map(str::to_owned),
        full_scan: own && matches!(access, "ALL" | "index"),
        rows: rows.and_then(Value::as_f64).and_then(whole),
    }
}
