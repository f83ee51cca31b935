//! As it was written first: one item after the other, and whatever it needs is asked for where it is needed.

use crate::compare::Batched;
use crate::schema::Db;

/// Works until nothing waits any more; says how many batches it has written, and how many rows in them.
pub async fn pipeline(db: &Db) -> anyhow::Result<Batched> {
    while let Some((id, word, video)) = next(db).await? {
        let (translation, difficulty) = meaning(db, &word).await?;
        let examples = examples(db, &word).await?;
        let source = title(db, video).await?;
        let insert = "INSERT INTO flashcard (saved, word, translation, difficulty, examples, source)
            VALUES (?, ?, ?, ?, ?, ?)";
        db.execute(insert, (id, word, translation, difficulty, examples, source)).await?;
        db.execute("UPDATE saved SET processed = 1 WHERE id = ?", (id,)).await?;
    }
    Ok(Batched::default())
}

async fn next(db: &Db) -> anyhow::Result<Option<(i64, String, i64)>> {
    let sql = "SELECT id, word, video FROM saved WHERE processed = 0 ORDER BY created_at LIMIT 1";
    Ok(db.fetch_optional(sql, ()).await?)
}

async fn meaning(db: &Db, word: &str) -> anyhow::Result<(String, i64)> {
    Ok(db.fetch_one("SELECT translation, difficulty FROM dictionary WHERE word = ?", (word,)).await?)
}

async fn examples(db: &Db, word: &str) -> anyhow::Result<String> {
    let sql = "SELECT text FROM caption WHERE word = ? ORDER BY length(text), id LIMIT 2";
    let texts: Vec<(String,)> = db.fetch_all(sql, (word,)).await?;
    Ok(texts.into_iter().map(|text| text.0).collect::<Vec<_>>().join(" / "))
}

async fn title(db: &Db, video: i64) -> anyhow::Result<String> {
    let (title,) = db.fetch_one("SELECT title FROM video WHERE id = ?", (video,)).await?;
    Ok(title)
}
