//! What the adviser has found, its migration, and that nothing is left of it afterwards.

use cached_runtime::database::Advice;
use sqlx::AssertSqlSafe;

use crate::plain;
use crate::schema::Db;

/// Prints the report, runs the migration, and asks once more.
pub async fn take(db: &Db) -> anyhow::Result<()> {
    let lines = db.request(plain::board_line_by_line(db, "ATL")).await?;
    anyhow::ensure!(lines == plain::board(db, "ATL").await?, "a query for each line answers as the join does");

    let advice = findings(db).await?;
    println!("{advice}");
    anyhow::ensure!(advice.full_scans.len() >= 2 && advice.indexes.len() >= 2, "two indexes are missing");
    anyhow::ensure!(advice.indexes.iter().all(|index| index.proved), "SQLite proves them all");
    anyhow::ensure!(advice.repeated.len() == 1, "one loop asks again and again");
    for statement in statements(&advice.migration()) {
        db.execute(AssertSqlSafe(statement), ()).await?;
    }
    let left = findings(db).await?;
    anyhow::ensure!(left.full_scans.is_empty() && left.indexes.is_empty(), "left after the migration:\n{left}");
    println!("after the migration: no full scan is left, and no index is suggested\n");
    Ok(())
}

/// The advice without the figures of each statement, which are many.
async fn findings(db: &Db) -> anyhow::Result<Advice> {
    let mut advice = db.advice().await?;
    advice.queries.clear();
    advice.slow.clear();
    Ok(advice)
}

/// As a tool for migrations would: each statement ends its line, and comments are none.
fn statements(migration: &str) -> impl Iterator<Item = String> {
    let lines = migration.lines().filter(|line| !line.is_empty() && !line.starts_with("--"));
    lines.map(|line| line.trim_end_matches(';').to_owned())
}
