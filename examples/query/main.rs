//! Queries of real data through `#[cache_query]`, writes through `#[invalidate]`, and what the adviser makes of them.
//!
//! `cargo run --release --example query`
//!
//! - `schema.rs`: the tables, without the indexes that they want, and how they are filled.
//! - `queries.rs`: statements as cached functions, and statements that write; **read this one**.
//! - `plain.rs`: the same questions without a cache, to compare with.
//! - `rows.rs`: what they answer.
//! - `traffic.rs`: what is asked for, and how often.
//! - `drive.rs`: asks, and takes the time.
//! - `advice.rs`: the adviser, before its migration and after.
//! - `extent.rs`: what a write to one row leaves alone, and what a write to a table does.
//! - `report.rs`: the tables at the end.

mod advice;
mod drive;
mod extent;
mod plain;
mod queries;
mod report;
mod rows;
mod schema;
mod traffic;

use cached_runtime::Cache;
use cached_runtime::database::{Database, DatabaseOptions};

use crate::drive::Way;
use crate::schema::Db;

const REQUESTS: usize = 10_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let cache = Cache::builder().near_bytes(64 << 20).install()?;
    let url = format!("sqlite://{}?mode=rwc", dir.path().join("airports.db").display());
    let db: Db = Database::open(&url, DatabaseOptions::new())?;
    schema::create(&db).await?;
    let requests = traffic::requests(&db, REQUESTS).await?;

    let bare = drive::run(&db, &requests, Way::Plain).await?;
    println!("{} requests without cache or index: {:.2} s\n", requests.len(), bare.took.as_secs_f64());
    advice::take(&db).await?;

    let plain = drive::run(&db, &requests, Way::Plain).await?;
    let before = cache.stats();
    let cached = drive::run(&db, &requests, Way::Cached).await?;
    let after = cache.stats();
    // Once to fill what the last writes have emptied, and once to take the time of hits alone.
    drive::run(&db, &requests, Way::CachedReads).await?;
    let warm = drive::run(&db, &requests, Way::CachedReads).await?;

    report::times(&bare, &plain, &cached, &warm);
    report::shares(&before, &after, &db.stats());
    extent::rows_and_tables(&db).await?;
    let checked = drive::check(&db, &requests).await?;
    println!("\n{checked} different questions asked both ways: every cached answer is the database's");
    Ok(())
}
