//! Runs a pipeline, takes its time, counts what it asked, and compares what it made.

use std::time::{Duration, Instant};

use crate::data::ITEMS;
use crate::schema::Db;

/// A row of `flashcard`.
pub type Card = (i64, String, String, i64, String, String);

/// What was written as batches.
#[derive(Debug, Default)]
pub struct Batched {
    pub batches: usize,
    pub rows: usize,
}

/// What one pipeline took and made.
#[derive(Debug)]
pub struct Run {
    pub took: Duration,
    /// Statements that it asked for, as the adviser counts them; a batch is one or a few.
    pub reads: u64,
    pub writes: u64,
    pub batched: Batched,
    /// Calls of cached functions, and those that were answered from memory.
    pub calls: u64,
    pub hits: u64,
    pub cards: Vec<Card>,
}

impl Run {
    pub async fn of(db: &Db, pipeline: impl Future<Output = anyhow::Result<Batched>>) -> anyhow::Result<Self> {
        let before = counts(db);
        let start = Instant::now();
        let batched = db.request(pipeline).await?;
        let took = start.elapsed();
        let after = counts(db);
        let mut counts = [0; 4];
        for (count, (after, before)) in counts.iter_mut().zip(after.into_iter().zip(before)) {
            *count = after - before;
        }
        let [reads, writes, hits, misses] = counts;
        Ok(Self { took, reads, writes, batched, calls: hits + misses, hits, cards: cards(db).await? })
    }
}

/// Statements that read, those that write, hits and misses.
fn counts(db: &Db) -> [u64; 4] {
    db.queries().iter().fold([0; 4], |[reads, writes, hits, misses], query| {
        let reading = query.kind == "SELECT";
        let (read, written) = if reading { (query.count, 0) } else { (0, query.count) };
        [reads + read, writes + written, hits + query.cache_hits, misses + query.cache_misses]
    })
}

/// By the pool itself: this is no part of what is measured.
async fn cards(db: &Db) -> anyhow::Result<Vec<Card>> {
    let sql = "SELECT saved, word, translation, difficulty, examples, source FROM flashcard ORDER BY saved";
    Ok(sqlx::query_as(sql).fetch_all(db.pool()).await?)
}

/// Has each item its card, and the same one?
pub fn check(one: &Run, other: &Run) -> anyhow::Result<()> {
    for run in [one, other] {
        anyhow::ensure!(run.cards.len() == ITEMS, "{} cards were made of {ITEMS} items", run.cards.len());
    }
    for (one, other) in one.cards.iter().zip(&other.cards) {
        anyhow::ensure!(one == other, "two cards of one item: {one:?} and {other:?}");
    }
    Ok(())
}
