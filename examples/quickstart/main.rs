//! The main job on real data: 20,000 requests against SQLite, without the cache and with it; an update that is visible
//! at once; a restart that comes back warm.
//!
//! `cargo run --release --example quickstart`
//!
//! - `db.rs`: the database and its queries; nothing in it knows of a cache.
//! - `rows.rs`: what they answer.
//! - `pages.rs`: the same queries as cached functions; **read this one**.
//! - `desk.rs`: a cached method, whose results belong to one tenant.
//! - `traffic.rs`: what is asked for, and how often.
//! - `drive.rs`: asks, and takes the time.
//! - `report.rs`: the table.

mod db;
mod desk;
mod drive;
mod pages;
mod report;
mod rows;
mod traffic;

use std::path::Path;
use std::time::Duration;

use cached_runtime::Cache;
use traffic::Source;

use crate::db::Db;

const REQUESTS: usize = 20_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let db = Db::create(&dir.path().join("airports.db")).await?;
    println!("{} airports and {} routes in SQLite\n", db.count("airports").await?, db.count("routes").await?);
    let requests = traffic::requests(&db, REQUESTS).await?;
    let mut report = report::Report::new();

    report.add("without the cache", drive::run(&db, &requests, Source::Database).await?);

    let cache = build(dir.path())?;
    report.add("cached, from cold", drive::run(&db, &requests, Source::Cache(&cache)).await?);
    report.add("cached, once more", drive::run(&db, &requests, Source::Cache(&cache)).await?);
    update(&db).await?;
    println!("\n{}\n", cache.stats());

    let flushed = cache.shutdown(Duration::from_secs(5)).await;
    println!("restart: all written and closed ({flushed:?})");
    let cache = build(dir.path())?;
    report.add("after a restart", drive::run(&db, &requests, Source::Cache(&cache)).await?);

    let checked = drive::check(&db, &requests).await?;
    println!("{checked} different requests asked both ways: every cached answer is the database's\n");
    println!("{report}");
    cache.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

/// Near in memory, L3 on disk; behind every cached function that names no other cache.
fn build(dir: &Path) -> anyhow::Result<Cache> {
    Ok(Cache::builder().near_bytes(32 << 20).disk(dir.join("cache")).ttl(Duration::from_secs(600)).install()?)
}

/// Two writes: the next read sees each, and only what depended on it is asked for again.
async fn update(db: &Db) -> anyhow::Result<()> {
    const NAME: &str = "Hartsfield-Jackson Atlanta International";
    let before = pages::airport(db, "ATL").await?.ok_or_else(|| anyhow::anyhow!("no such airport"))?;
    let (other, network) = (pages::airport(db, "ORD").await?, pages::network(db).await?);
    pages::rename(db, &before, NAME).await?;
    pages::add_flights(db, "ATL", "ORD", 1).await?;

    let queries = db.queries();
    anyhow::ensure!(pages::airport(db, "ATL").await?.is_some_and(|a| a.name == NAME), "the old name was served");
    anyhow::ensure!(pages::network(db).await?.flights == network.flights + 1, "the old total was served");
    anyhow::ensure!(db.queries() - queries == 2, "what was invalidated is read anew");
    anyhow::ensure!(pages::airport(db, "ORD").await? == other && db.queries() - queries == 2, "the rest stays");
    println!("update: \"{}\" is now \"{NAME}\", with one flight more;", before.name);
    println!("        the next reads say so, after 2 queries; other entries stay");
    Ok(())
}
