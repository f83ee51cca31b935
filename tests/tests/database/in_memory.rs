//! H6: a database that lives in one connection, and goes with it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::{Cache, ErrorKind, Result, cache_query};
use sqlx::Sqlite;

use crate::rig::sqlite::SLOW;

/// Ways to say it. By a name others in the process could open the same one: none is used twice.
fn urls() -> [String; 5] {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let named = format!("sqlite://h6-{}.db?mode=memory", NEXT.fetch_add(1, Ordering::Relaxed));
    let [plain, short, private, whole] =
        ["sqlite://?mode=memory", "sqlite::memory:", "sqlite://?mode=memory&cache=private", "sqlite://:memory:"]
            .map(str::to_owned);
    [plain, short, private, whole, named]
}

const INSERT: &str = "INSERT INTO video (id, title) VALUES (?, ?)";

#[cache_query(tables = ["video"])]
async fn title(db: &Database<Sqlite>, id: i64) -> Result<Option<String>> {
    let row = db.fetch_optional::<(String,)>("SELECT title FROM video WHERE id = ?", (id,)).await?;
    Ok(row.map(|row| row.0))
}

async fn opened(url: &str, options: DatabaseOptions) -> Database<Sqlite> {
    let db = Database::<Sqlite>::open(url, options).unwrap();
    db.execute("CREATE TABLE video (id INTEGER PRIMARY KEY, title TEXT NOT NULL)", ()).await.unwrap();
    db
}

async fn count(db: &Database<Sqlite>) -> i64 {
    db.fetch_one::<(i64,)>("SELECT count(*) FROM video", ()).await.unwrap().0
}

/// Settings by which any other database would have more connections, or others.
fn restless(name: &str) -> DatabaseOptions {
    let short = Duration::from_millis(20);
    let options = DatabaseOptions::new().name(name).max_connections(8).min_connections(4).overflow(4).slow(None);
    options
        .idle_timeout(short)
        .max_lifetime(short)
        .check_after(Duration::ZERO)
        .acquire_deadline(Duration::from_secs(30))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h6_all_callers_share_the_one_connection_whatever_is_set() {
    for url in &urls() {
        let db = opened(url, restless(&format!("one {url}"))).await;
        let calls: Vec<_> = (0..16_i64)
            .map(|id| {
                let db = db.clone();
                tokio::spawn(async move {
                    db.execute(INSERT, (id, "one")).await?;
                    db.fetch_one::<(i64,)>("SELECT count(*) FROM video WHERE id = ?", (id,)).await
                })
            })
            .collect();
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap(), (1,), "{url}: each sees what it wrote");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(count(&db).await, 16, "{url}: and neither age nor rest takes it away");
        let stats = db.stats();
        assert_eq!((stats.connections, stats.most, stats.overflowed), (1, 1, 0), "{url}");
    }
    assert!(!std::path::Path::new("h6-0.db").exists(), "and it leaves no file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h6_what_was_written_stays_though_callers_give_up() {
    let db = opened("sqlite://?mode=memory", restless("given up")).await;
    db.execute(INSERT, (0_i64, "first")).await.unwrap();
    for round in 1..=8_i64 {
        // Each time a little later: before the connection is had, while it is asked, while it answers.
        let short = Duration::from_micros(250 * u64::try_from(round).unwrap());
        let given_up = tokio::time::timeout(short, db.fetch_one::<(i64,)>(SLOW, ())).await;
        assert!(given_up.is_err(), "it takes longer");
        let task = tokio::spawn({
            let db = db.clone();
            async move {
                let rows: Vec<(i64, String)> = (0..2).map(|n| (100 * round + n, "batch".to_owned())).collect();
                db.execute_batch(INSERT, rows).await.map(drop)
            }
        });
        tokio::time::sleep(short).await;
        task.abort();
        let task = tokio::spawn({
            let db = db.clone();
            async move {
                db.transaction(|tx| async move {
                    tx.execute(INSERT, (round, "taken back")).await?;
                    tx.fetch_one::<(i64,)>(SLOW, ()).await
                })
                .await
            }
        });
        tokio::time::sleep(short).await;
        task.abort();
        let (found,): (i64,) = db.fetch_one("SELECT count(*) FROM video WHERE id = 0", ()).await.unwrap();
        assert_eq!(found, 1, "round {round}");
    }
    let taken_back = "SELECT count(*) FROM video WHERE title = 'taken back'";
    assert_eq!(db.fetch_one::<(i64,)>(taken_back, ()).await.unwrap(), (0,), "no transaction came to its end");
    let batches = "SELECT count(*) FROM video WHERE title = 'batch'";
    assert!(db.fetch_one::<(i64,)>(batches, ()).await.unwrap().0 > 0, "what was under way came to its own");
    let halves = "SELECT count(*) FROM (SELECT id / 100 AS round FROM video WHERE title = 'batch' GROUP BY round \
                  HAVING count(*) <> 2)";
    assert_eq!(db.fetch_one::<(i64,)>(halves, ()).await.unwrap(), (0,), "a batch is whole, or not there");
    assert_eq!(db.stats().connections, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h6_two_of_them_share_no_entry() {
    for (url, second) in urls().iter().zip(&urls()) {
        let cache = Cache::builder().build().unwrap();
        let options = |name: &str| DatabaseOptions::new().name(&format!("{name} {url}")).cache(&cache);
        let one = opened(url, options("one of two")).await;
        let refused = Database::<Sqlite>::open(url, options("one of two")).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Config, "{url}: of one name they would answer for each other");
        let other = opened(second, options("other of two")).await;
        one.execute(INSERT, (1_i64, "Dawn")).await.unwrap();
        other.execute(INSERT, (1_i64, "Dusk")).await.unwrap();
        for _ in 0..2 {
            assert_eq!(title(&one, 1).await.unwrap().as_deref(), Some("Dawn"), "{url}");
            assert_eq!(title(&other, 1).await.unwrap().as_deref(), Some("Dusk"), "{url}");
        }
        one.execute("UPDATE video SET title = 'Noon'", ()).await.unwrap();
        assert!(title::peek(&other, 1).await.is_some(), "{url}: what is written in one is nothing to the other");
        assert_eq!(title(&one, 1).await.unwrap().as_deref(), Some("Noon"), "{url}");
        drop((one, other));
        // The name is free again, and what it stood for is gone.
        let next = opened(&urls()[0], options("one of two")).await;
        assert_eq!(title(&next, 1).await.unwrap(), None, "{url}");
    }
}
