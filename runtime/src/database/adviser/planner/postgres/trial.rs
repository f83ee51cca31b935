//! Indexes that are tried: with HypoPG without making them, else on copies of the tables, if the caller says so.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _};

use super::super::{Outcome, Trial, Tried};
use super::{generic, tell};
use crate::database::adviser::plan::Plan;
use crate::database::adviser::table::quoted;
use crate::statement::Backend;

/// So many rows of a table are copied.
const SAMPLE: u64 = 50_000;

pub(super) async fn run(connection: &mut PgConnection, trial: &Trial) -> sqlx::Result<Outcome> {
    let schema = "SELECT n.nspname::text FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace \
                  WHERE e.extname = 'hypopg'";
    let schema: Option<String> = sqlx::query_scalar(schema).persistent(false).fetch_optional(&mut *connection).await?;
    let begin = match (&schema, trial.scratch) {
        (Some(_), _) => "BEGIN READ ONLY",
        (None, true) => "BEGIN",
        (None, false) => {
            return Ok(Outcome::Untried(
                "HypoPG is not installed: CREATE EXTENSION hypopg, or allow copies of the tables",
            ));
        }
    };
    tell(connection, begin.to_owned()).await?;
    let outcome = match &schema {
        Some(schema) => hypothetical(connection, trial, schema).await,
        None => copied(connection, trial).await,
    };
    let over = tell(connection, "ROLLBACK".to_owned()).await;
    let outcome = outcome?;
    over.map(|()| outcome)
}

async fn hypothetical(connection: &mut PgConnection, trial: &Trial, schema: &str) -> sqlx::Result<Outcome> {
    let schema = quoted(schema, Backend::Postgres);
    let before = generic(connection, &trial.subject).await?;
    let mut after = Vec::new();
    for index in &trial.candidates {
        let make = format!("SELECT indexrelid::int8, indexname::text FROM {schema}.hypopg_create_index($1)");
        let make = sqlx::query(AssertSqlSafe(make)).persistent(false).bind(index.ddl(Backend::Postgres));
        let made = make.fetch_one(&mut *connection).await?;
        let (id, name): (i64, String) = (made.try_get(0)?, made.try_get(1)?);
        let plan = generic(connection, &trial.subject).await;
        // It belongs to the connection, not to the transaction.
        let drop = format!("SELECT {schema}.hypopg_drop_index($1::oid)");
        sqlx::query(AssertSqlSafe(drop)).persistent(false).bind(id).execute(&mut *connection).await?;
        after.push(Some(tried(renamed(plan?, &name, &index.name()), trial)));
    }
    Ok(Outcome::Tried { how: "planned with an index that HypoPG pretends", before, after })
}

/// Tables of the session, of the same names: they stand before those of the database, for this connection alone.
async fn copied(connection: &mut PgConnection, trial: &Trial) -> sqlx::Result<Outcome> {
    if trial.tables.iter().any(|table| table.name.schema.is_some()) {
        return Ok(Outcome::Untried("the statement names a schema, and a copy cannot take its place"));
    }
    for table in &trial.tables {
        let own = quoted(&table.name.table, Backend::Postgres);
        // By way of another name: of its own it is not seen any more.
        tell(
            connection,
            format!("CREATE TEMP TABLE cached_adviser_copy ON COMMIT DROP AS SELECT * FROM {own} LIMIT {SAMPLE}"),
        )
        .await?;
        tell(
            connection,
            format!("CREATE TEMP TABLE cached_adviser_same (LIKE {own} INCLUDING INDEXES) ON COMMIT DROP"),
        )
        .await?;
        tell(connection, "INSERT INTO cached_adviser_same SELECT * FROM cached_adviser_copy".to_owned()).await?;
        tell(connection, "DROP TABLE cached_adviser_copy".to_owned()).await?;
        tell(connection, format!("ALTER TABLE cached_adviser_same RENAME TO {own}")).await?;
        tell(connection, format!("ANALYZE pg_temp.{own}")).await?;
    }
    let before = generic(connection, &trial.subject).await?;
    let mut after = Vec::new();
    for index in &trial.candidates {
        let own = format!("pg_temp.{}", quoted(&trial.table.name.table, Backend::Postgres));
        tell(connection, index.ddl_on(&own, Backend::Postgres)).await?;
        let plan = generic(connection, &trial.subject).await?;
        tell(connection, format!("DROP INDEX pg_temp.{}", quoted(&index.name(), Backend::Postgres))).await?;
        after.push(Some(tried(plan, trial)));
    }
    Ok(Outcome::Tried { how: "tried on copies of the tables, which are gone", before, after })
}

fn tried(plan: Plan, trial: &Trial) -> Tried {
    let rows = plan.steps.iter().filter(|step| step.index.is_some()).find_map(|step| step.rows);
    let rows = rows.or_else(|| plan.of(&trial.table.name.table).and_then(|step| step.rows));
    Tried { rows, plan }
}

/// HypoPG gives names of its own.
fn renamed(mut plan: Plan, from: &str, to: &str) -> Plan {
    for step in &mut plan.steps {
        if step.index.as_deref() == Some(from) {
            step.what = step.what.replace(from, to);
            step.index = Some(to.to_owned());
        }
    }
    plan
}
