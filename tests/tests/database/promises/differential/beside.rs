//! Readers beside a writer: what they start to read after a write has returned is not older than it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::{Result, cache_query};
use sqlx::Connection as _;
use tokio::sync::Barrier;

use super::super::here::{Db, place, sql};
use crate::rig::Home;

const KEYS: i64 = 4;
const READERS: usize = 3;

/// The count of one row: a write tells of that row alone.
#[cache_query(sql = "SELECT n FROM tally WHERE id = :id")]
async fn count(db: &Database<Db>, id: i64) -> Result<i64>;

/// Of a row that another finds.
#[cache_query(sql = "SELECT n FROM tally WHERE name = :name")]
async fn called(db: &Database<Db>, name: &str) -> Result<i64>;

/// And of all: any write of the table.
#[cache_query(sql = "SELECT max(n) FROM tally")]
async fn highest(db: &Database<Db>) -> Result<i64>;

/// What has been written, by writes that have returned.
#[derive(Default)]
struct Returned {
    counts: [AtomicI64; KEYS as usize],
    over: AtomicBool,
    older: AtomicU64,
    read: AtomicU64,
}

async fn home() -> Home<Db> {
    let options = DatabaseOptions::new().max_connections(4).acquire_deadline(std::time::Duration::from_secs(30));
    let home = Home::new(place(), options);
    let table = "CREATE TABLE tally (id BIGINT PRIMARY KEY, name VARCHAR(20) NOT NULL UNIQUE, n BIGINT NOT NULL)";
    home.db.execute(sql(table), ()).await.unwrap();
    for id in 0..KEYS {
        let row = "INSERT INTO tally (id, name, n) VALUES (?, ?, 0)";
        home.db.execute(sql(row), (id, name(id))).await.unwrap();
    }
    home
}

fn name(id: i64) -> String {
    format!("row {id}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_raced_for_is_one_row() {
    let home = home().await;
    let db = &home.db;
    assert_eq!((count(db, 1).await.unwrap(), highest(db).await.unwrap()), (0, 0));
    db.execute(sql("UPDATE tally SET n = 1 WHERE id = ?"), (2_i64,)).await.unwrap();
    assert!(count::peek(db, 1).await.is_some(), "the entry of another row stays");
    assert!(highest::peek(db).await.is_none());
    db.execute(sql("UPDATE tally SET n = 1 WHERE id = ?"), (1_i64,)).await.unwrap();
    assert!(count::peek(db, 1).await.is_none());
}

/// Reads until the writer is done.
async fn reads(db: Database<Db>, returned: Arc<Returned>, start: Arc<Barrier>) {
    start.wait().await;
    let mut at = 0_usize;
    while !returned.over.load(Ordering::Acquire) {
        at = (at + 1) % returned.counts.len();
        let least = returned.counts[at].load(Ordering::Acquire);
        let most = returned.counts.iter().map(|count| count.load(Ordering::Acquire)).max().unwrap();
        let older = count(&db, at as i64).await.unwrap() < least
            || called(&db, &name(at as i64)).await.unwrap() < least
            || highest(&db).await.unwrap() < most;
        returned.older.fetch_add(u64::from(older), Ordering::Relaxed);
        returned.read.fetch_add(3, Ordering::Relaxed);
        tokio::task::yield_now().await;
    }
}

/// Writes so many rounds, each key in its turn, by turns alone, in a transaction, and as a batch.
async fn writes(db: &Database<Db>, returned: &Returned, rounds: i64, behind: Option<&str>) {
    let text = || sql("UPDATE tally SET n = ? WHERE id = ?");
    for round in 1..=rounds {
        for id in 0..KEYS {
            match behind {
                Some(url) => {
                    let mut plain = <Db as sqlx::Database>::Connection::connect(url).await.unwrap();
                    sqlx::query(text()).bind(round).bind(id).execute(&mut plain).await.unwrap();
                }
                None if round % 3 == 0 => {
                    let answer: Result<()> = db
                        .transaction(|tx| async move {
                            tx.execute(sql("UPDATE tally SET n = -1 WHERE id = ?"), (id,)).await?;
                            tx.execute(text(), (round, id)).await.map(drop)
                        })
                        .await;
                    answer.unwrap();
                }
                None if round % 3 == 1 => {
                    let report = db.execute_batch(text(), [(-1, id), (round, id)]).await.unwrap();
                    assert_eq!(report.written, 2);
                }
                None => drop(db.execute(text(), (round, id)).await.unwrap()),
            }
            returned.counts[id as usize].store(round, Ordering::Release);
        }
    }
}

async fn race(rounds: i64, is_behind: bool) -> (u64, u64) {
    let home = home().await;
    let (returned, start) = (Arc::new(Returned::default()), Arc::new(Barrier::new(READERS + 1)));
    let readers: Vec<_> =
        (0..READERS).map(|_| tokio::spawn(reads(home.db.clone(), Arc::clone(&returned), Arc::clone(&start)))).collect();
    start.wait().await;
    let url = is_behind.then(|| home.url().to_owned());
    writes(&home.db, &returned, rounds, url.as_deref()).await;
    if is_behind {
        // One more look, when all is written.
        let least = returned.counts[0].load(Ordering::Acquire);
        let older = count(&home.db, 0).await.unwrap() < least;
        returned.older.fetch_add(u64::from(older), Ordering::Relaxed);
    }
    returned.over.store(true, Ordering::Release);
    for reader in readers {
        reader.await.unwrap();
    }
    (returned.older.load(Ordering::Relaxed), returned.read.load(Ordering::Relaxed))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_begins_to_read_after_a_write_has_returned_sees_it() {
    let rounds = if std::env::var_os("CACHED_FULL").is_some() { 400 } else { 60 };
    let (older, read) = race(rounds, false).await;
    assert!(read > 0);
    assert_eq!(older, 0, "of {read} answers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_beside_a_writer_that_tells_nobody_see_old_counts() {
    let (older, read) = race(3, true).await;
    assert!(older > 0, "of {read} answers");
}
