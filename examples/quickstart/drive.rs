//! Asks everything, eight requests at a time, and takes the time of each.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use cached_runtime::Cache;
use cached_runtime::stats::SiteStats;
use indicatif::{ProgressBar, ProgressStyle};

use crate::db::Db;
use crate::traffic::{Request, Source};

const AT_A_TIME: usize = 8;

/// What one run took.
#[derive(Debug)]
pub struct Run {
    pub requests: usize,
    pub took: Duration,
    /// Sorted.
    pub times: Vec<Duration>,
    pub queries: u64,
    pub tiers: Option<Shares>,
}

/// How many requests were answered where.
#[derive(Debug)]
pub struct Shares {
    pub near: u64,
    pub disk: u64,
    pub joined: u64,
    pub all: u64,
}

pub async fn run(db: &Db, requests: &[Request], source: Source<'_>) -> anyhow::Result<Run> {
    let (queries, before) = (db.queries(), totals(source));
    let bar = ProgressBar::new(requests.len() as u64);
    bar.set_style(ProgressStyle::with_template("{msg:18} [{bar:40}] {pos}/{len}")?);
    bar.set_message(if matches!(source, Source::Database) { "without the cache" } else { "with the cache" });
    let (work, next): (Arc<[Request]>, _) = (requests.into(), Arc::new(AtomicUsize::new(0)));
    let cached = matches!(source, Source::Cache(_));
    let start = Instant::now();
    let workers: Vec<_> = (0..AT_A_TIME)
        .map(|_| tokio::spawn(worker(db.clone(), Arc::clone(&work), Arc::clone(&next), cached, bar.clone())))
        .collect();
    let mut times = Vec::with_capacity(requests.len());
    for worker in workers {
        times.extend(worker.await??);
    }
    let took = start.elapsed();
    bar.finish_and_clear();
    times.sort_unstable();
    let tiers = before.zip(totals(source)).map(|(before, after)| Shares::between(&before, &after));
    Ok(Run { requests: requests.len(), took, times, queries: db.queries() - queries, tiers })
}

async fn worker(
    db: Db,
    work: Arc<[Request]>,
    next: Arc<AtomicUsize>,
    cached: bool,
    bar: ProgressBar,
) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::new();
    while let Some(request) = work.get(next.fetch_add(1, Relaxed)) {
        let start = Instant::now();
        let answer = if cached { request.ask_cached(&db).await } else { request.ask_database(&db).await };
        times.push(start.elapsed());
        std::hint::black_box(answer?);
        if times.len() % 64 == 0 {
            bar.inc(64);
        }
    }
    Ok(times)
}

/// Asks every different request both ways and compares.
pub async fn check(db: &Db, requests: &[Request]) -> anyhow::Result<usize> {
    let different: HashSet<&Request> = requests.iter().collect();
    for request in &different {
        let (cached, asked) = (request.ask_cached(db).await?, request.ask_database(db).await?);
        anyhow::ensure!(cached == asked, "{request:?}: the cache says {cached:?}, the database {asked:?}");
    }
    Ok(different.len())
}

fn totals(source: Source<'_>) -> Option<SiteStats> {
    match source {
        Source::Database => None,
        Source::Cache(cache) => Some(Cache::stats(cache).total()),
    }
}

impl Shares {
    fn between(before: &SiteStats, after: &SiteStats) -> Self {
        let near = |s: &SiteStats| s.hits + s.stale_hits;
        let all = |s: &SiteStats| s.hits + s.misses;
        Self {
            near: near(after) - near(before),
            disk: after.tier_hits - before.tier_hits,
            joined: after.joins - before.joins,
            all: all(after) - all(before),
        }
    }
}
