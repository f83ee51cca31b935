//! The tables, how they are filled, and how a migration is run.

use std::path::Path;
use std::time::Duration;

use cached_runtime::database::{Database, DatabaseOptions};
use sqlx::{AssertSqlSafe, Sqlite};

use crate::data::Data;

pub type Db = Database<Sqlite>;

/// With keys, and no index beside them: nobody has thought of any yet.
const TABLES: [&str; 5] = [
    "CREATE TABLE video (id INTEGER PRIMARY KEY, title TEXT NOT NULL)",
    "CREATE TABLE caption (id INTEGER PRIMARY KEY, video INTEGER NOT NULL, word TEXT NOT NULL, text TEXT NOT NULL)",
    "CREATE TABLE dictionary (id INTEGER PRIMARY KEY, word TEXT NOT NULL, translation TEXT NOT NULL,
        difficulty INTEGER NOT NULL)",
    "CREATE TABLE saved (id INTEGER PRIMARY KEY, word TEXT NOT NULL, video INTEGER NOT NULL,
        processed INTEGER NOT NULL, created_at INTEGER NOT NULL)",
    "CREATE TABLE flashcard (saved INTEGER PRIMARY KEY, word TEXT NOT NULL, translation TEXT NOT NULL,
        difficulty INTEGER NOT NULL, examples TEXT NOT NULL, source TEXT NOT NULL)",
];

/// A file of its own, by a name of its own.
pub fn open(dir: &Path, name: &str) -> cached_runtime::Result<Db> {
    let url = format!("sqlite://{}?mode=rwc", dir.join(name).with_extension("db").display());
    Database::open(&url, DatabaseOptions::new().name(name))
}

pub async fn load(db: &Db, data: &Data) -> anyhow::Result<Duration> {
    for table in TABLES {
        db.execute(table, ()).await?;
    }
    let video = "INSERT INTO video (id, title) VALUES (?, ?)";
    let videos = db.execute_batch(video, data.videos.clone()).await?;
    let caption = "INSERT INTO caption (id, video, word, text) VALUES (?, ?, ?, ?)";
    // Shown where somebody looks at a terminal.
    let bar = indicatif::ProgressBar::new(data.captions.len() as u64);
    let captions = db
        .execute_batch(caption, data.captions.clone())
        .batch_size(1_000)
        .progress(|progress| bar.set_position(progress.done as u64))
        .await?;
    bar.finish_and_clear();
    let word = "INSERT INTO dictionary (word, translation, difficulty) VALUES (?, ?, ?)";
    let words = db.execute_batch(word, data.words.clone()).batch_size(1_000).await?;
    let saved = "INSERT INTO saved (id, word, video, processed, created_at) VALUES (?, ?, ?, ?, ?)";
    let saved = db.execute_batch(saved, data.saved.clone()).batch_size(1_000).await?;
    let mut took = Duration::ZERO;
    for report in [videos, captions, words, saved] {
        took += report.elapsed;
        report.complete()?;
    }
    Ok(took)
}

/// As a tool for migrations would: each statement ends its line, and comments are none.
pub async fn migrate(db: &Db, migration: &str) -> anyhow::Result<()> {
    for line in migration.lines().filter(|line| !line.is_empty() && !line.starts_with("--")) {
        db.execute(AssertSqlSafe(line.trim_end_matches(';').to_owned()), ()).await?;
    }
    Ok(())
}
