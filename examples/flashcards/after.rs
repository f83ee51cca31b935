//! As it is after the adviser was asked: a hundred items at a time, with their titles by a join; the meanings of all of them
//! by one statement; sentences, which are wanted again and again, from the cache; cards written as batches.

use std::collections::{BTreeSet, HashMap};

use cached_runtime::database::BatchReport;
use cached_runtime::{Result, cache_query};
use sqlx::AssertSqlSafe;

use crate::compare::{Batched, Card};
use crate::schema::Db;

const AT_A_TIME: usize = 100;

/// A saved word, and the title of its video.
type Item = (i64, String, String);

/// Two short sentences with this word. They change when captions with this word are written, and by nothing else.
#[cache_query(sql = "SELECT text FROM caption WHERE word = :word ORDER BY length(text), id LIMIT 2", ttl = "1h")]
async fn sentences(db: &Db, word: &str) -> Result<Vec<String>>;

/// Works until nothing waits any more; says how many batches it has written, and how many rows in them.
pub async fn pipeline(db: &Db) -> anyhow::Result<Batched> {
    let mut batched = Batched::default();
    loop {
        let items = next(db).await?;
        if items.is_empty() {
            return Ok(batched);
        }
        let cards = cards(db, items).await?;
        let report = write(db, cards).await?;
        batched.batches += report.batches;
        batched.rows += report.written;
    }
}

async fn next(db: &Db) -> anyhow::Result<Vec<Item>> {
    let sql = "SELECT s.id, s.word, v.title FROM saved s JOIN video v ON v.id = s.video
        WHERE s.processed = 0 ORDER BY s.created_at LIMIT ?";
    Ok(db.fetch_all(sql, (AT_A_TIME as i64,)).await?)
}

async fn cards(db: &Db, items: Vec<Item>) -> anyhow::Result<Vec<Card>> {
    let meanings = meanings(db, items.iter().map(|item| item.1.as_str()).collect()).await?;
    let mut cards = Vec::with_capacity(items.len());
    for (id, word, source) in items {
        let Some((translation, difficulty)) = meanings.get(&word).cloned() else {
            anyhow::bail!("`{word}` is in no dictionary");
        };
        let examples = sentences(db, &word).await?.join(" / ");
        cards.push((id, word, translation, difficulty, examples, source));
    }
    Ok(cards)
}

/// The statement that the adviser suggests in place of one for each word.
async fn meanings(db: &Db, words: BTreeSet<&str>) -> anyhow::Result<HashMap<String, (String, i64)>> {
    let marks = vec!["?"; words.len()].join(", ");
    let sql = format!("SELECT word, translation, difficulty FROM dictionary WHERE word IN ({marks})");
    let words: Vec<&str> = words.into_iter().collect();
    let rows: Vec<(String, String, i64)> = db.fetch_all(AssertSqlSafe(sql), words).await?;
    Ok(rows.into_iter().map(|(word, translation, difficulty)| (word, (translation, difficulty))).collect())
}

/// All of these and their marks, or nothing: who is stopped between two batches goes on where this one ended.
async fn write(db: &Db, cards: Vec<Card>) -> anyhow::Result<BatchReport> {
    db.transaction(|tx| async move {
        let done: Vec<i64> = cards.iter().map(|card| card.0).collect();
        let insert = "INSERT INTO flashcard (saved, word, translation, difficulty, examples, source)
            VALUES (?, ?, ?, ?, ?, ?)";
        let made = tx.execute_batch(insert, cards).await?;
        made.clone().complete()?;
        let marks = vec!["?"; done.len()].join(", ");
        tx.execute(AssertSqlSafe(format!("UPDATE saved SET processed = 1 WHERE id IN ({marks})")), done).await?;
        Ok(made)
    })
    .await
}
