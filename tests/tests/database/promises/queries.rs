//! `#[cache_query]`: what is kept, what is not, and when it goes.

use std::sync::atomic::{AtomicU64, Ordering};

use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::{Access, Cache, Error, Result, cache_query};

use super::here::{Db, place, sql};
use crate::rig::{Home, patient};

/// Another name for it: what it is is known by its type.
type Handle = Database<Db>;

static LOADS: AtomicU64 = AtomicU64::new(0);

#[cache_query(tables = ["Caption"])]
async fn captions(db: &Handle, video: i64) -> Result<Vec<String>> {
    LOADS.fetch_add(1, Ordering::Relaxed);
    let rows =
        db.fetch_all::<(String,)>(sql("SELECT text FROM caption WHERE video = ? ORDER BY text"), (video,)).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

#[cache_query(tables = ["main.caption", "video"], ttl = "1h")]
async fn counted(db: Handle, video: i64) -> Result<i64> {
    let text = "SELECT count(*) FROM caption JOIN video ON video.id = caption.video WHERE video.id = ?";
    Ok(db.fetch_one::<(i64,)>(sql(text), (video,)).await?.0)
}

async fn home() -> Home<Db> {
    let home = Home::new(place(), patient());
    for text in [
        "CREATE TABLE video (id BIGINT PRIMARY KEY)",
        "CREATE TABLE caption (video BIGINT NOT NULL, text VARCHAR(100) NOT NULL)",
        "INSERT INTO video (id) VALUES (1), (2)",
        "INSERT INTO caption (video, text) VALUES (1, 'a'), (2, 'b')",
    ] {
        home.db.execute(sql(text), ()).await.unwrap();
    }
    home
}

async fn add(db: &Handle, video: i64, text: &str) -> Result<()> {
    db.execute(sql("INSERT INTO caption (video, text) VALUES (?, ?)"), (video, text)).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_is_read_once_and_again_after_a_write_to_its_tables() {
    let home = home().await;
    let db = &home.db;
    assert_eq!(captions(db, 1).await.unwrap(), ["a"]);
    assert!(captions::peek(db, 1).await.is_some());
    assert!(captions::peek(db, 2).await.is_none());
    assert_eq!(counted(db.clone(), 1).await.unwrap(), 1);
    add(db, 1, "c").await.unwrap();
    assert!(captions::peek(db, 1).await.is_none());
    assert_eq!(captions(db, 1).await.unwrap(), ["a", "c"]);
    assert_eq!(counted(db.clone(), 1).await.unwrap(), 2);
    db.execute(sql("DELETE FROM video WHERE id = 1"), ()).await.unwrap();
    assert!(captions::peek(db, 1).await.is_some(), "it does not read that table");
    assert_eq!(counted(db.clone(), 1).await.unwrap(), 0);
    let stats = home.cache.stats();
    assert!(stats.sites.iter().any(|site| site.hits + site.misses > 0), "its own cache is used");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_databases_never_share_an_answer() {
    let cache = Cache::builder().build().unwrap();
    let (first, second) = (place(), place());
    let open = |url: &str, name: &str| {
        let name = format!("{name}-{}", std::any::type_name::<Db>());
        Database::<Db>::open(url, DatabaseOptions::new().name(&name).cache(&cache)).unwrap()
    };
    let (first_db, second_db) = (open(&first.url, "first"), open(&second.url, "second"));
    for (db, text) in [(&first_db, "one"), (&second_db, "two")] {
        db.execute(sql("CREATE TABLE caption (video BIGINT NOT NULL, text VARCHAR(100) NOT NULL)"), ()).await.unwrap();
        db.execute(sql("CREATE TABLE video (id BIGINT)"), ()).await.unwrap();
        add(db, 1, text).await.unwrap();
    }
    assert_eq!(captions(&first_db, 1).await.unwrap(), ["one"]);
    assert_eq!(captions(&second_db, 1).await.unwrap(), ["two"]);
    first_db.execute(sql("INSERT INTO video (id) VALUES (1)"), ()).await.unwrap();
    assert_eq!((counted(first_db.clone(), 1).await.unwrap(), counted(second_db.clone(), 1).await.unwrap()), (1, 0));
    assert_ne!(captions::key(&first_db, 1), captions::key(&second_db, 1), "nor in tiers");
    add(&first_db, 1, "three").await.unwrap();
    assert!(captions::peek(&second_db, 1).await.is_some(), "the other is not touched");
    assert_eq!(captions(&first_db, 1).await.unwrap(), ["one", "three"]);
}

#[cache_query(tables = ["caption"], cache = cache, skip(cache))]
async fn elsewhere(cache: &'static Cache, db: std::sync::Arc<Handle>, video: i64) -> Result<i64> {
    let _ = cache;
    Ok(db.fetch_one::<(i64,)>(sql("SELECT count(*) FROM caption WHERE video = ?"), (video,)).await?.0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_cache_holds_is_invalidated_too() {
    let home = home().await;
    let cache: &'static Cache = Box::leak(Box::new(Cache::builder().build().unwrap()));
    let db = std::sync::Arc::new(home.db.clone());
    assert_eq!(elsewhere(cache, std::sync::Arc::clone(&db), 1).await.unwrap(), 1);
    add(&home.db, 1, "more").await.unwrap();
    assert_eq!(elsewhere(cache, db, 1).await.unwrap(), 2);
}

#[cache_query(tables = ["caption"], ttl = "1h", cache = cache, skip(cache))]
async fn handed(cache: &Cache, db: &Handle, video: i64) -> Result<i64> {
    Ok(db.fetch_one::<(i64,)>(sql("SELECT count(*) FROM caption WHERE video = ?"), (video,)).await?.0)
}

/// The answers are its cache's, and outlive it; and a write is the database's, whatever the handle may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_through_a_handle_of_few_rights_is_invalidated_by_writes() {
    let home = home().await;
    let cache = Cache::builder().build().unwrap();
    let reader = || cache.restricted(Access::new().read("*").write("*")).unwrap();
    let kept = reader();
    for (handle, count) in [(reader(), 1), (kept.clone(), 2), (kept, 3)] {
        assert_eq!(handed(&handle, &home.db, 1).await.unwrap(), count);
        drop(handle);
        add(&home.db, 1, "more").await.unwrap();
    }
    assert_eq!(handed(&reader(), &home.db, 1).await.unwrap(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_moves_to_another_database_takes_no_answers_along() {
    let cache = Cache::builder().build().unwrap();
    let name = format!("moves-{}", std::any::type_name::<Db>());
    let (first, second) = (place(), place());
    for (url, texts) in [(&first.url, vec!["one"]), (&second.url, vec![])] {
        let db = Database::<Db>::open(url, DatabaseOptions::new().name(&name).cache(&cache)).unwrap();
        db.execute(sql("CREATE TABLE caption (video BIGINT NOT NULL, text VARCHAR(100) NOT NULL)"), ()).await.unwrap();
        for text in &texts {
            add(&db, 1, text).await.unwrap();
        }
        assert_eq!(captions(&db, 1).await.unwrap(), texts);
        drop(db);
    }
}

/// Holds a database where no attribute sees it.
#[derive(Debug, Clone)]
struct Shop {
    db: Handle,
    cache: Cache,
    gate: std::sync::Arc<tokio::sync::Barrier>,
}

impl Shop {
    /// Asks what asks.
    #[cached_runtime::cache(cache = &self.cache, skip(self))]
    async fn twice(&self, video: i64) -> Result<i64> {
        Ok(self.count(video).await? * 2)
    }

    #[cached_runtime::cache(cache = &self.cache, skip(self))]
    async fn count(&self, video: i64) -> Result<i64> {
        let text = "SELECT count(*) FROM caption WHERE video = ?";
        let count = self.db.fetch_one::<(i64,)>(sql(text), (video,)).await?.0;
        self.gate.wait().await;
        Ok(count)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_reaches_a_transaction_unseen_keeps_nothing_and_tells_nobody() {
    let home = home().await;
    let alone = std::sync::Arc::new(tokio::sync::Barrier::new(1));
    let two = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    let outside = Shop { db: home.db.clone(), cache: home.cache.clone(), gate: alone };
    let answer: Result<()> = home
        .db
        .transaction(|tx| async move {
            add(&tx, 1, "uncommitted").await?;
            let inside = Shop { db: tx, cache: outside.cache.clone(), gate: std::sync::Arc::clone(&two) };
            let call = tokio::spawn({
                let inside = inside.clone();
                async move { inside.count(1).await }
            });
            // The flight is in the air: whoever wants the same joins it, and is not told what it saw.
            while outside.cache.stats().sites.iter().all(|site| site.oldest_load_seconds == 0.0) {
                tokio::task::yield_now().await;
            }
            let joined = tokio::spawn({
                let outside = outside.clone();
                async move { outside.count(1).await }
            });
            tokio::task::yield_now().await;
            two.wait().await;
            assert_eq!(call.await.unwrap()?, 2, "its own caller is");
            assert_eq!(joined.await.unwrap()?, 1);
            let nested = Shop { gate: std::sync::Arc::new(tokio::sync::Barrier::new(1)), ..inside };
            assert_eq!(nested.twice(2).await?, 2);
            add(&nested.db, 2, "uncommitted").await?;
            assert_eq!(nested.twice(2).await?, 4, "nothing was kept of what it asked");
            Err(Error::new(cached_runtime::ErrorKind::Database, "rolled back"))
        })
        .await;
    assert!(answer.unwrap_err().to_string().contains("rolled back"));
    let later = Shop {
        db: home.db.clone(),
        cache: home.cache.clone(),
        gate: std::sync::Arc::new(tokio::sync::Barrier::new(1)),
    };
    assert_eq!(later.count(1).await.unwrap(), 1);
    assert_eq!(later.twice(2).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_transaction_nothing_is_answered_from_the_cache_and_nothing_kept() {
    let home = home().await;
    let db = &home.db;
    assert_eq!(captions(db, 1).await.unwrap(), ["a"]);
    let answer: Result<()> = db
        .transaction(|tx| async move {
            add(&tx, 1, "uncommitted").await?;
            assert_eq!(captions(&tx, 1).await?, ["a", "uncommitted"], "it sees its own writes");
            assert_eq!(counted(tx.clone(), 1).await?, 2);
            Err(Error::new(cached_runtime::ErrorKind::Database, "rolled back"))
        })
        .await;
    answer.unwrap_err();
    assert_eq!(captions::peek(db, 1).await.map(Result::unwrap).unwrap(), ["a"]);
    assert_eq!(counted(db.clone(), 1).await.unwrap(), 1, "nothing was kept of what was rolled back");
}
