//! A query: cached, through the database handle, and by sqlx itself.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ::kit::Postgres;
use cached_runtime::cache_query;
use cached_runtime::database::{Database, DatabaseOptions};
use kit::{Random, median, reach, summary};

const ROWS: i64 = 10_000;
const CALLS: usize = 4_000;
const ROUNDS: usize = 7;
/// Connections of a pool, and how many callers there are for each.
const POOL: u32 = 4;
const CROWDS: [usize; 3] = [1, 2, 10];

fn ids() -> Vec<i64> {
    static SEED: AtomicU64 = AtomicU64::new(1);
    let mut random = Random(SEED.fetch_add(1, Ordering::Relaxed));
    (0..CALLS).map(|_| i64::try_from(random.next() % 10_000).unwrap_or(0)).collect()
}

/// Microseconds a call, one caller.
async fn each<F: Future>(call: impl Fn(i64) -> F) -> f64 {
    let ids = ids();
    let start = Instant::now();
    for id in ids {
        std::hint::black_box(call(id).await);
    }
    start.elapsed().as_secs_f64() * 1e6 / CALLS as f64
}

/// Microseconds a call of all these callers together.
async fn crowd<F>(callers: usize, call: impl Fn(i64) -> F + Send + Sync + 'static) -> f64
where
    F: Future<Output = ()> + Send,
{
    let call = Arc::new(call);
    let start = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let call = Arc::clone(&call);
            tokio::spawn(async move {
                for id in ids().into_iter().take(CALLS / callers) {
                    call(id).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a caller");
    }
    start.elapsed().as_secs_f64() * 1e6 / CALLS as f64
}

macro_rules! bench {
    ($module:ident, $database:ty, $name:literal, $select:literal, $insert:literal) => {
        mod $module {
            use super::*;

            type Handle = Database<$database>;

            #[cache_query(tables = ["video"], ttl = "1h")]
            async fn cached(db: &Handle, id: i64) -> Option<String> {
                through(db, id).await
            }

            async fn through(db: &Handle, id: i64) -> Option<String> {
                db.fetch_optional::<(String,)>($select, (id,)).await.expect("an answer").map(|row| row.0)
            }

            async fn raw(pool: &sqlx::Pool<$database>, id: i64) -> Option<String> {
                sqlx::query_as::<_, (String,)>($select)
                    .bind(id)
                    .fetch_optional(pool)
                    .await
                    .expect("an answer")
                    .map(|row| row.0)
            }

            async fn unprepared(pool: &sqlx::Pool<$database>, id: i64) -> Option<String> {
                let query = sqlx::query_as::<_, (String,)>($select).bind(id).persistent(false);
                query.fetch_optional(pool).await.expect("an answer").map(|row| row.0)
            }

            pub(crate) async fn run(
                db: Handle,
                plain: Handle,
                pool: sqlx::Pool<$database>,
                quick: sqlx::Pool<$database>,
            ) {
                db.execute("CREATE TABLE video (id BIGINT PRIMARY KEY, title TEXT NOT NULL)", ())
                    .await
                    .expect("a table");
                db.transaction(|tx| async move {
                    for id in 0..ROWS {
                        tx.execute($insert, (id, format!("title {id}"))).await?;
                    }
                    Ok::<_, cached_runtime::Error>(())
                })
                .await
                .expect("rows");
                for id in 0..ROWS {
                    cached(&db, id).await;
                }
                let mut took: [Vec<f64>; 6] = Default::default();
                for round in 0..=ROUNDS {
                    let times = [
                        each(|id| raw(&pool, id)).await,
                        each(|id| through(&db, id)).await,
                        each(|id| unprepared(&pool, id)).await,
                        each(|id| cached(&db, id)).await,
                        each(|id| raw(&quick, id)).await,
                        each(|id| through(&plain, id)).await,
                    ];
                    // The first round warms up.
                    if round > 0 {
                        took.iter_mut().zip(times).for_each(|(all, time)| all.push(time));
                    }
                }
                let [raw_one, through_one, unprepared_one, cached_one, quick_one, plain_one] = took.map(median);
                println!("\n{}: a row by its key, microseconds a call, one caller", $name);
                for (name, time) in [
                    ("sqlx, prepared", raw_one),
                    ("sqlx, not prepared", unprepared_one),
                    ("sqlx, prepared, connections not asked whether they live", quick_one),
                    ("Database", through_one),
                    ("Database without the adviser", plain_one),
                    ("#[cache_query], a hit", cached_one),
                ] {
                    println!("{name:<58}{time:>8.2}");
                }
                println!("\n{}: {POOL} connections, microseconds a call of all callers together", $name);
                let mut crowded = Vec::new();
                for times in CROWDS {
                    let callers = times * POOL as usize;
                    let (mut bare, mut ours) = (Vec::new(), Vec::new());
                    for round in 0..=ROUNDS {
                        let (a, b) = (pool.clone(), db.clone());
                        let a = move |id| {
                            let pool = a.clone();
                            async move { drop(raw(&pool, id).await) }
                        };
                        let b = move |id| {
                            let db = b.clone();
                            async move { drop(through(&db, id).await) }
                        };
                        let (one, other) = (crowd(callers, a).await, crowd(callers, b).await);
                        if round > 0 {
                            bare.push(one);
                            ours.push(other);
                        }
                    }
                    let (bare, ours) = (median(bare), median(ours));
                    println!("{:<58}{bare:>8.2}{ours:>8.2}", format!("{callers} callers: sqlx, Database"));
                    crowded.push((times, ours / bare));
                }
                summary();
                reach($name, "a point query: x sqlx", through_one / raw_one, 1.05);
                reach($name, "a point query: x sqlx that asks no connection", through_one / quick_one, 1.05);
                reach($name, "the adviser: x the same without it", through_one / plain_one, 1.02);
                reach($name, "a prepared statement: part of one that is not", raw_one / unprepared_one, 1.0);
                reach($name, "a cached query: part of one that is not", cached_one / through_one, 0.01);
                for (times, ratio) in crowded {
                    reach($name, &format!("callers x {times}: x sqlx"), ratio, 1.05);
                }
            }
        }
    };
}

bench!(
    sqlite,
    sqlx::Sqlite,
    "SQLite",
    "SELECT title FROM video WHERE id = ?",
    "INSERT INTO video (id, title) VALUES (?, ?)"
);
bench!(
    postgres,
    sqlx::Postgres,
    "PostgreSQL",
    "SELECT title FROM video WHERE id = $1",
    "INSERT INTO video (id, title) VALUES ($1, $2)"
);

#[tokio::main(worker_threads = 2)]
async fn main() {
    let room = tempfile::tempdir().expect("a directory");
    let url = format!("sqlite://{}?mode=rwc", room.path().join("query.db").display());
    let options = || DatabaseOptions::new().max_connections(POOL);
    let db = Database::<sqlx::Sqlite>::open(&url, options().name("sqlite")).expect("a database");
    // With the same settings: what is compared is the way to the database.
    let address = (*db.pool().connect_options()).clone();
    let pools = sqlx::pool::PoolOptions::new().max_connections(POOL);
    let pool = pools.clone().connect_lazy_with(address.clone());
    let quick = pools.test_before_acquire(false).connect_lazy_with(address);
    let plain = Database::open(&url, options().name("sqlite-plain").adviser(false)).expect("a database");
    sqlite::run(db, plain, pool, quick).await;
    let server = Postgres::start();
    let db = Database::<sqlx::Postgres>::open(&server.url(), options().name("postgres")).expect("a database");
    let address = (*db.pool().connect_options()).clone();
    let pools = sqlx::pool::PoolOptions::new().max_connections(POOL);
    let pool = pools.clone().connect_lazy_with(address.clone());
    let quick = pools.test_before_acquire(false).connect_lazy_with(address);
    let plain = Database::open(&server.url(), options().name("postgres-plain").adviser(false)).expect("a database");
    postgres::run(db, plain, pool, quick).await;
}
