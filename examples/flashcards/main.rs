//! A pipeline that makes 1,000 flashcards: as it was written first, and as it is after the adviser was asked.
//!
//! `cargo run --release --example flashcards`
//!
//! Learners save words while they watch videos; of each the pipeline makes a card: what it means, two sentences with it,
//! the video's title. All rows are invented (`data.rs`), by the same seed each time, and all queries are real.
//!
//! - `schema.rs`: tables with keys and no other index.
//! - `data.rs`: what is in them.
//! - `before.rs`: one item after the other, a query for each thing, an insert for each card.
//! - `after.rs`: a hundred items at a time, joins, cached queries, batches; **compare these two**.
//! - `compare.rs`: runs a pipeline and takes the time; are the cards the same?
//! - `report.rs`: the table.

mod after;
mod before;
mod compare;
mod data;
mod report;
mod schema;

use cached_runtime::Cache;
use cached_runtime::database::Advice;
use compare::Run;

use crate::schema::Db;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let data = data::Data::invent()?;
    // Three times the same data: each way begins with the same rows, and none finds what another has cached.
    let [first, indexed, last] = ["before", "indexed", "after"].map(|name| schema::open(dir.path(), name));
    let (first, indexed, last) = (first?, indexed?, last?);
    Cache::builder().install()?;
    let loaded = schema::load(&first, &data).await?;
    println!("{data}\nwritten as batches in {loaded:.2?}\n");
    schema::load(&indexed, &data).await?;
    schema::load(&last, &data).await?;

    let before = Run::of(&first, before::pipeline(&first)).await?;
    let advice = findings(&first).await?;
    println!("{advice}");
    for db in [&indexed, &last] {
        schema::migrate(db, &advice.migration()).await?;
    }
    let by_index = Run::of(&indexed, before::pipeline(&indexed)).await?;
    let after = Run::of(&last, after::pipeline(&last)).await?;
    let left = findings(&last).await?;

    report::print(&[("before", &before), ("before, with indexes", &by_index), ("after", &after)]);
    report::suggestions(&advice, &left);
    compare::check(&before, &by_index)?;
    compare::check(&before, &after)?;
    println!("\nall three have made the same {} cards", after.cards.len());
    anyhow::ensure!(left.indexes.is_empty() && left.full_scans.is_empty(), "suggested after the migration:\n{left}");
    Ok(())
}

/// The advice without the figures of each statement, which the report sums up.
async fn findings(db: &Db) -> anyhow::Result<Advice> {
    let mut advice = db.advice().await?;
    advice.queries.clear();
    advice.slow.clear();
    Ok(advice)
}
