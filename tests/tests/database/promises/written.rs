//! `sql = ".."`: the statement is the body, its tables and rows say when an answer goes.

use std::sync::Arc;

use cached_runtime::database::{Database, Done};
use cached_runtime::{Error, ErrorKind, Result, cache_query, invalidate};
use sqlx::FromRow;

use super::here::{Db, place, sql};
use crate::rig::{Home, patient};

type Handle = Database<Db>;

#[derive(Debug, Clone, PartialEq, FromRow, serde::Serialize, serde::Deserialize)]
struct Caption {
    id: i64,
    text: String,
}

#[cache_query(sql = "SELECT id, text FROM caption WHERE video = :video ORDER BY id", ttl = "10m")]
async fn captions(db: &Handle, video: i64) -> Result<Vec<Caption>>;

#[cache_query(sql = "SELECT id, text FROM caption WHERE id = :id")]
async fn caption(db: &Handle, id: i64) -> Result<Option<Caption>>;

#[cache_query(sql = "SELECT id, text FROM caption WHERE id = :id")]
async fn one_caption(db: std::sync::Arc<Handle>, id: i64) -> Result<Caption>;

#[cache_query(sql = "SELECT text FROM caption WHERE video = :video AND lang = :lang ORDER BY id")]
async fn texts(db: &Handle, video: i64, lang: &str) -> Result<Vec<String>>;

#[cache_query(sql = "SELECT id, text FROM caption WHERE video = :video ORDER BY id")]
async fn shared(db: &Handle, video: i64) -> Result<Arc<Vec<Caption>>>;

#[cache_query(sql = "SELECT id FROM caption WHERE video = :video ORDER BY id")]
async fn shared_ids(db: &Handle, video: i64) -> Result<Arc<Vec<i64>>>;

#[cache_query(sql = "SELECT count(*) FROM caption")]
async fn count(db: Handle) -> Result<i64>;

#[cache_query(sql = "SELECT title FROM video WHERE slug = :slug")]
async fn title(db: &Handle, slug: &str) -> Result<Option<String>>;

#[cache_query(sql = "SELECT max(id) FROM caption WHERE lang = :lang")]
async fn newest(db: &Handle, lang: String) -> Result<Option<i64>>;

#[cache_query(sql = "SELECT sound FROM video WHERE id = :id", secret(id))]
async fn sound(db: &Handle, id: i64) -> Result<Vec<u8>>;

#[cache_query(
    sql = "SELECT v.title, c.text FROM video v JOIN caption c ON c.video = v.id WHERE v.id = :id ORDER BY c.id"
)]
async fn joined(db: &Handle, id: i64) -> Result<Vec<(String, String)>>;

#[cache_query(sql = "SELECT nothing FROM caption WHERE id = :id")]
async fn of_no_column(db: &Handle, id: i64) -> Result<Vec<String>>;

#[cache_query(sql = "SELECT text FROM caption WHERE id = :id")]
async fn of_another_type(db: &Handle, id: i64) -> Result<Vec<i64>>;

#[invalidate(sql = "UPDATE caption SET text = :text WHERE video = :video AND lang = :lang")]
async fn reword(db: &Handle, video: i64, lang: &str, text: &str) -> Result<u64>;

#[invalidate(
    sql = "INSERT INTO caption (id, video, lang, text) VALUES (:id, :video, :lang, :text)",
    texts(db, video, "xx")
)]
async fn add(db: &Handle, id: i64, video: i64, lang: &str, text: &str) -> Result<Done>;

#[invalidate(sql = "DELETE FROM caption WHERE id = :id")]
async fn remove(db: &Handle, id: i64) -> Result<()>;

async fn home() -> Home<Db> {
    let home = Home::new(place(), patient());
    for text in [
        "CREATE TABLE video (id BIGINT PRIMARY KEY, slug VARCHAR(40) NOT NULL UNIQUE, title VARCHAR(40), sound BLOB)",
        "CREATE TABLE caption (id BIGINT PRIMARY KEY, video BIGINT NOT NULL, lang VARCHAR(8) NOT NULL, \
         text VARCHAR(40) NOT NULL)",
        "CREATE INDEX caption_video ON caption (video)",
        "INSERT INTO video (id, slug, title) VALUES (1, 'dawn', 'Dawn'), (2, 'dusk', 'Dusk')",
        "INSERT INTO caption (id, video, lang, text) VALUES (10, 1, 'de', 'a'), (11, 1, 'en', 'b'), (20, 2, 'de', 'c')",
    ] {
        let text = if crate::rig::is_postgres::<Db>() { text.replace("BLOB", "BYTEA") } else { text.to_owned() };
        home.db.execute(sql(&text), ()).await.unwrap();
    }
    home
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_come_as_the_return_type_says() {
    let home = home().await;
    let db = &home.db;
    let a = Caption { id: 10, text: "a".to_owned() };
    assert_eq!(captions(db, 2).await.unwrap(), [Caption { id: 20, text: "c".to_owned() }]);
    assert_eq!(caption(db, 10).await.unwrap(), Some(a.clone()));
    assert_eq!(caption(db, 99).await.unwrap(), None);
    assert_eq!(shared(db, 2).await.unwrap().len(), 1);
    let (once, again) = (shared_ids(db, 1).await.unwrap(), shared_ids(db, 1).await.unwrap());
    assert_eq!(*once, [10, 11]);
    assert!(Arc::ptr_eq(&once, &again), "a hit copies none");
    assert_eq!(one_caption(std::sync::Arc::new(db.clone()), 10).await.unwrap(), a);
    assert_eq!(texts(db, 1, "en").await.unwrap(), ["b"]);
    assert_eq!(count(db.clone()).await.unwrap(), 3);
    assert_eq!(title(db, "dawn").await.unwrap().as_deref(), Some("Dawn"));
    assert_eq!(title(db, "noon").await.unwrap(), None);
    assert_eq!(newest(db, "de".to_owned()).await.unwrap(), Some(20));
    assert_eq!(newest(db, "fr".to_owned()).await.unwrap(), None, "NULL is none");
    db.execute(sql("UPDATE video SET sound = ? WHERE id = 1"), (vec![1_u8, 2],)).await.unwrap();
    assert_eq!(sound(db, 1).await.unwrap(), [1, 2]);
    assert_eq!(joined(db, 2).await.unwrap(), [("Dusk".to_owned(), "c".to_owned())]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_database_refuses_is_told_to_whom_it_concerns() {
    let home = home().await;
    let db = &home.db;
    let kind = |error: Error| error.kind();
    assert_eq!(of_no_column(db, 10).await.map_err(kind), Err(ErrorKind::Database));
    assert_eq!(of_another_type(db, 10).await.map_err(kind), Err(ErrorKind::Database));
    assert_eq!(one_caption(std::sync::Arc::new(db.clone()), 99).await.map_err(kind), Err(ErrorKind::Database));
    assert_eq!(add(db, 10, 1, "de", "twice").await.map_err(kind), Err(ErrorKind::Database));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_pins_rows_touches_only_entries_of_those_rows() {
    let home = home().await;
    let db = &home.db;
    let ask = async || {
        captions(db, 1).await.unwrap();
        captions(db, 2).await.unwrap();
        caption(db, 10).await.unwrap();
        caption(db, 20).await.unwrap();
        count(db.clone()).await.unwrap();
        title(db, "dawn").await.unwrap();
        joined(db, 2).await.unwrap();
    };
    let left = async || {
        [
            ("captions 1", captions::peek(db, 1).await.is_some()),
            ("captions 2", captions::peek(db, 2).await.is_some()),
            ("caption 10", caption::peek(db, 10).await.is_some()),
            ("caption 20", caption::peek(db, 20).await.is_some()),
            ("count", count::peek(db.clone()).await.is_some()),
            ("title", title::peek(db, "dawn").await.is_some()),
            ("joined 2", joined::peek(db, 2).await.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, there)| there.then_some(name))
        .collect::<Vec<_>>()
    };
    ask().await;
    assert_eq!(left().await.len(), 7);
    // By video: of entries by id nobody knows which video they are of.
    assert_eq!(reword(db, 1, "de", "z").await.unwrap(), 1);
    assert_eq!(left().await, ["captions 2", "title"]);
    ask().await;
    // By id.
    remove(db, 20).await.unwrap();
    assert_eq!(left().await, ["caption 10", "title"]);
    ask().await;
    // A new row says all its columns.
    add(db, 21, 2, "en", "new").await.unwrap();
    assert_eq!(left().await, ["captions 1", "caption 10", "title"]);
    assert_eq!(captions(db, 2).await.unwrap().len(), 1);
    ask().await;
    // Nothing is pinned.
    db.execute(sql("UPDATE caption SET text = 'same'"), ()).await.unwrap();
    assert_eq!(left().await, ["title"]);
    ask().await;
    // A row goes from one to another.
    db.execute(sql("UPDATE caption SET video = 2 WHERE video = 1"), ()).await.unwrap();
    assert_eq!(left().await, ["title"]);
    ask().await;
    db.execute(sql("UPDATE video SET title = ? WHERE id = ?"), ("Noon", 2_i64)).await.unwrap();
    assert!(left().await.contains(&"captions 1"));
    assert!(!left().await.contains(&"joined 2"));
    assert_eq!(joined(db, 2).await.unwrap()[0].0, "Noon");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_pinned_in_transactions_too_and_only_their_commit_tells() {
    let home = home().await;
    let db = &home.db;
    let warm = async || {
        captions(db, 1).await.unwrap();
        captions(db, 2).await.unwrap();
    };
    warm().await;
    let refused: Result<()> = db
        .transaction(|tx| async move {
            reword(&tx, 1, "de", "never").await?;
            Err(Error::new(ErrorKind::Config, "no"))
        })
        .await;
    refused.unwrap_err();
    assert!(captions::peek(db, 1).await.is_some() && captions::peek(db, 2).await.is_some());
    db.transaction(|tx| async move { reword(&tx, 1, "de", "now").await }).await.unwrap();
    assert!(captions::peek(db, 1).await.is_none() && captions::peek(db, 2).await.is_some());
    assert_eq!(captions(db, 1).await.unwrap()[0].text, "now");
}

/// MariaDB takes `'1'`, `'01'` and 1 for equal, and many a collation `'A'`, `'a'` and `'a '`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_a_database_takes_for_equal_pin_the_same_rows() {
    let home = home().await;
    let db = &home.db;
    for (asked, written) in [("dawn", "DAWN"), ("DAWN", "dawn"), ("dawn", "dawn "), ("dawn", "däwn")] {
        title(db, asked).await.unwrap();
        db.execute(sql("UPDATE video SET title = ? WHERE slug = ?"), (written, written)).await.unwrap();
        let now: Option<(String,)> =
            db.fetch_optional(sql("SELECT title FROM video WHERE slug = ?"), (asked,)).await.unwrap();
        assert_eq!(title(db, asked).await.unwrap(), now.map(|row| row.0), "{asked} {written}");
    }
    if !crate::rig::is_postgres::<Db>() {
        captions(db, 1).await.unwrap();
        db.execute(sql("UPDATE caption SET text = 'by text' WHERE video = ?"), ("01",)).await.unwrap();
        let text: (String,) = db.fetch_one(sql("SELECT text FROM caption WHERE id = 10"), ()).await.unwrap();
        assert_eq!(captions(db, 1).await.unwrap()[0].text, text.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_secret_stands_in_no_tag() {
    let home = home().await;
    let db = &home.db;
    db.execute(sql("UPDATE video SET sound = ? WHERE id = 1"), (vec![7_u8],)).await.unwrap();
    sound(db, 1).await.unwrap();
    db.execute(sql("UPDATE video SET title = ? WHERE id = 2"), ("x",)).await.unwrap();
    assert!(sound::peek(db, 1).await.is_none(), "the table is its tag, not the row");
}
