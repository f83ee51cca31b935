//! Many at once: a batch beside single calls, where most of it is near and where nothing is.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ::kit::Postgres;
use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::{Result, cache, cache_query};
use kit::{Row, median, reach, summary, wanted};

const ROUNDS: usize = 9;
/// How many are asked for together.
const MANY: u64 = 100;
/// And how many of them are near.
const THERE: u64 = 90;
const CALLS: usize = 500;
const ROWS: i64 = 1_000;

/// A source that answers at once and yields once, as whatever waits does.
#[cache(batch = ids)]
async fn rows(ids: &[u64]) -> HashMap<u64, Arc<Row>> {
    tokio::task::yield_now().await;
    ids.iter().map(|id| (*id, Arc::new(Row::of(*id)))).collect()
}

#[cache(batch = ids)]
async fn rows_in_order(ids: &[u64]) -> Vec<Option<Arc<Row>>> {
    tokio::task::yield_now().await;
    ids.iter().map(|id| Some(Arc::new(Row::of(*id)))).collect()
}

#[cache]
async fn row(id: u64) -> Arc<Row> {
    tokio::task::yield_now().await;
    Arc::new(Row::of(id))
}

/// Ids of which the first ninety were asked for before, and the others never.
fn mixed() -> Vec<u64> {
    static NEXT: AtomicU64 = AtomicU64::new(1_000_000);
    let new = NEXT.fetch_add(MANY - THERE, Ordering::Relaxed);
    (0..THERE).chain(new..new + MANY - THERE).collect()
}

/// Microseconds for a hundred.
async fn each<F: Future>(calls: usize, ids: impl Fn() -> Vec<u64>, call: impl Fn(Vec<u64>) -> F) -> f64 {
    let asked: Vec<Vec<u64>> = (0..calls).map(|_| ids()).collect();
    let start = Instant::now();
    for ids in asked {
        std::hint::black_box(call(ids).await);
    }
    start.elapsed().as_secs_f64() * 1e6 / calls as f64
}

async fn near() {
    let there = || (0..MANY).collect::<Vec<_>>();
    let by_map = |ids: Vec<u64>| async move { rows(&ids).await.len() };
    let in_order = |ids: Vec<u64>| async move { rows_in_order(&ids).await.len() };
    let singly = |ids: Vec<u64>| async move {
        let mut found = HashMap::with_capacity(ids.len());
        for id in ids {
            found.insert(id, row(id).await);
        }
        found.len()
    };
    let mut took: [Vec<f64>; 6] = Default::default();
    for round in 0..=ROUNDS {
        let times = [
            each(CALLS, there, by_map).await,
            each(CALLS, there, in_order).await,
            each(CALLS, there, singly).await,
            each(CALLS, mixed, by_map).await,
            each(CALLS, mixed, in_order).await,
            each(CALLS, mixed, singly).await,
        ];
        // The first round warms up.
        if round > 0 {
            took.iter_mut().zip(times).for_each(|(all, time)| all.push(time));
        }
    }
    let [map_hit, order_hit, single_hit, map, order, single] = took.map(median);
    println!("\n{MANY} at once, microseconds for all{:>30}{:>14}", "all near", "90 near");
    println!("{:<44}{map_hit:>18.2}{map:>14.2}", "a batch, as a HashMap");
    println!("{:<44}{order_hit:>18.2}{order:>14.2}", "a batch, in order");
    println!("{:<44}{single_hit:>18.2}{single:>14.2}", "single calls, into a HashMap");
    summary();
    reach("near", "a batch of 100 with 90 hits: part of single calls", map / single, 1.0);
}

macro_rules! bench {
    ($module:ident, $database:ty, $name:literal, $one:literal, $all:literal, |$ids:ident| $bound:expr, $fill:literal) => {
        mod $module {
            use super::*;

            type Handle = Database<$database>;

            async fn title(db: &Handle, id: i64) -> Result<Option<String>> {
                db.fetch_optional::<(String,)>($one, (id,)).await.map(|row| row.map(|row| row.0))
            }

            #[cache_query(tables = ["video"])]
            async fn cached(db: &Handle, id: i64) -> Result<Option<String>> {
                title(db, id).await
            }

            #[cache_query(tables = ["video"], batch = $ids)]
            async fn together(db: &Handle, $ids: &[i64]) -> Result<Vec<(i64, String)>> {
                db.fetch_all::<(i64, String)>($all, ($bound,)).await
            }

            #[cache_query(tables = ["video"], batch = $ids, coalesce = "1ms", max_batch = 100)]
            async fn gathered(db: &Handle, $ids: &[i64]) -> Result<Vec<(i64, String)>> {
                db.fetch_all::<(i64, String)>($all, ($bound,)).await
            }

            async fn cold<F: Future>(db: &Handle, call: impl Fn(Vec<i64>) -> F) -> f64 {
                let mut took = Vec::new();
                for round in 0..20 {
                    db.execute("UPDATE video SET title = title WHERE id = 1", ()).await.expect("a write");
                    let ids: Vec<i64> = (0..MANY as i64).map(|n| (n * 7 + round) % ROWS).collect();
                    let start = Instant::now();
                    std::hint::black_box(call(ids).await);
                    took.push(start.elapsed().as_secs_f64() * 1e6);
                }
                median(took)
            }

            pub(crate) async fn run(url: &str) {
                let db = Handle::open(url, DatabaseOptions::new().name($name)).expect("a database");
                db.execute("CREATE TABLE video (id BIGINT PRIMARY KEY, title TEXT NOT NULL)", ())
                    .await
                    .expect("a table");
                let rows = (0..ROWS).map(|id| (id, format!("title {id}")));
                db.execute_batch($fill, rows).await.expect("rows").complete().expect("all of them");
                let uncached = cold(&db, |ids| async {
                    for id in ids {
                        title(&db, id).await.expect("a title");
                    }
                })
                .await;
                let singly = cold(&db, |ids| async {
                    for id in ids {
                        cached(&db, id).await.expect("a title");
                    }
                })
                .await;
                let batched = cold(&db, |ids| {
                    let db = &db;
                    async move { together(db, &ids).await.expect("titles").len() }
                })
                .await;
                let gathered = cold(&db, |ids| async {
                    let calls: Vec<_> = ids
                        .into_iter()
                        .map(|id| {
                            let db = db.clone();
                            tokio::spawn(async move { gathered::one(&db, &id).await.expect("a title") })
                        })
                        .collect();
                    for call in calls {
                        call.await.expect("a call");
                    }
                })
                .await;
                println!("\n{}: {MANY} rows that nobody has asked for, microseconds for all", $name);
                println!("{:<44}{uncached:>18.2}", "one by one, no cache (N+1)");
                println!("{:<44}{singly:>18.2}", "one by one, cached (N+1)");
                println!("{:<44}{batched:>18.2}", "a batch");
                println!("{:<44}{gathered:>18.2}", "100 tasks that ask for one each, gathered");
                summary();
                reach($name, "one batch: part of an N+1 of 100", batched / uncached, 0.2);
                reach($name, "single calls, gathered: part of an N+1 of 100", gathered / uncached, 0.5);
            }
        }
    };
}

bench!(
    sqlite,
    sqlx::Sqlite,
    "SQLite",
    "SELECT title FROM video WHERE id = ?",
    "SELECT id, title FROM video WHERE id IN (SELECT value FROM json_each(?))",
    |ids| serde_json::to_string(ids).expect("numbers"),
    "INSERT INTO video (id, title) VALUES (?, ?)"
);
bench!(
    postgres,
    sqlx::Postgres,
    "PostgreSQL",
    "SELECT title FROM video WHERE id = $1",
    "SELECT id, title FROM video WHERE id = ANY($1)",
    |ids| ids.to_vec(),
    "INSERT INTO video (id, title) VALUES ($1, $2)"
);

#[tokio::main(worker_threads = 2)]
async fn main() {
    if wanted("near") {
        near().await;
    }
    if wanted("SQLite") {
        let room = tempfile::tempdir().expect("a directory");
        sqlite::run(&format!("sqlite://{}?mode=rwc", room.path().join("many.db").display())).await;
    }
    if wanted("PostgreSQL") {
        let server = Postgres::start();
        postgres::run(&server.url()).await;
    }
}
