//! Asks one after the other, and takes the time of each.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::schema::Db;
use crate::traffic::{KINDS, Request};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Plain,
    Cached,
    /// Without the writes, so that what is cached stays.
    CachedReads,
}

/// What one run took.
#[derive(Debug, Default)]
pub struct Run {
    pub took: Duration,
    /// By kind: how many, and how long they took together.
    pub kinds: [(u32, Duration); KINDS.len()],
    /// Statements that the database was asked.
    pub statements: u64,
}

pub async fn run(db: &Db, requests: &[Request], way: Way) -> anyhow::Result<Run> {
    let mut run = Run::default();
    let before = statements(db);
    for request in requests.iter().filter(|request| way != Way::CachedReads || !request.writes()) {
        // Each is a request of its own to the adviser, who would take this loop for N+1 queries.
        let (answer, took) = db
            .request(async {
                let start = Instant::now();
                let answer = if way == Way::Plain { request.ask_plain(db).await } else { request.ask_cached(db).await };
                (answer, start.elapsed())
            })
            .await;
        std::hint::black_box(answer?);
        let (many, all) = &mut run.kinds[request.kind()];
        *many += 1;
        *all += took;
        run.took += took;
    }
    run.statements = statements(db) - before;
    Ok(run)
}

/// Asks every different question both ways and compares.
pub async fn check(db: &Db, requests: &[Request]) -> anyhow::Result<usize> {
    let different: HashSet<&Request> = requests.iter().filter(|request| !request.writes()).collect();
    for request in &different {
        let (cached, plain) = (request.ask_cached(db).await?, request.ask_plain(db).await?);
        anyhow::ensure!(cached == plain, "{request:?}: the cache says {cached:?}, the database {plain:?}");
    }
    Ok(different.len())
}

/// How many statements the database was asked so far.
fn statements(db: &Db) -> u64 {
    db.queries().iter().map(|query| query.count).sum()
}

impl Run {
    /// Microseconds of a request of this kind, on average.
    pub fn micros(&self, kind: usize) -> f64 {
        let (many, all) = self.kinds[kind];
        all.as_secs_f64() * 1e6 / f64::from(many.max(1))
    }

    /// The same, of all that reads.
    pub fn read_micros(&self) -> f64 {
        let reads = &self.kinds[..KINDS.len() - 1];
        let (many, all) = reads.iter().fold((0, Duration::ZERO), |(many, all), (n, took)| (many + n, all + *took));
        all.as_secs_f64() * 1e6 / f64::from(many.max(1))
    }
}
