//! A query: cached, through the database handle, and by sqlx itself.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ::kit::{MariaDb, Postgres};
use cached_runtime::cache_query;
use cached_runtime::database::{Database, DatabaseOptions, Driver};
use kit::{Random, median, reach, summary, wanted};

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
    some(CALLS, call).await
}

/// The same of so many calls.
async fn some<F: Future>(calls: usize, call: impl Fn(i64) -> F) -> f64 {
    let ids = ids();
    let start = Instant::now();
    for id in ids.into_iter().take(calls) {
        std::hint::black_box(call(id).await);
    }
    start.elapsed().as_secs_f64() * 1e6 / calls as f64
}

/// What became of a crowd, in microseconds.
struct Crowd {
    /// A call of all callers together.
    each: f64,
    /// What was measured of a call: on average, and of the slowest in a hundred the fastest.
    mean: f64,
    p99: f64,
}

/// All these callers together; `call` answers what is measured of it, in microseconds.
async fn crowd<F>(callers: usize, call: impl Fn(i64) -> F + Send + Sync + 'static) -> Crowd
where
    F: Future<Output = f64> + Send,
{
    let call = Arc::new(call);
    let start = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let call = Arc::clone(&call);
            tokio::spawn(async move {
                let mut measured = Vec::with_capacity(CALLS / callers);
                for id in ids().into_iter().take(CALLS / callers) {
                    measured.push(call(id).await);
                }
                measured
            })
        })
        .collect();
    let mut measured = Vec::with_capacity(CALLS);
    for task in tasks {
        measured.extend(task.await.expect("a caller"));
    }
    let each = start.elapsed().as_secs_f64() * 1e6 / CALLS as f64;
    measured.sort_unstable_by(f64::total_cmp);
    let mean = measured.iter().sum::<f64>() / measured.len() as f64;
    Crowd { each, mean, p99: measured[measured.len() * 99 / 100] }
}

async fn timed(call: impl Future<Output = Option<String>>) -> f64 {
    let start = Instant::now();
    std::hint::black_box(call.await);
    start.elapsed().as_secs_f64() * 1e6
}

/// How long this database has waited for connections in all, and for how many.
fn waited<DB: Driver>(db: &Database<DB>) -> (f64, u64) {
    let stats = db.stats();
    (stats.wait_micros * stats.acquired as f64, stats.acquired)
}

/// The rounds of one contestant.
#[derive(Default)]
struct Rounds {
    each: Vec<f64>,
    mean: Vec<f64>,
    p99: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, crowd: &Crowd) {
        self.each.push(crowd.each);
        self.mean.push(crowd.mean);
        self.p99.push(crowd.p99);
    }

    fn done(self) -> Crowd {
        Crowd { each: median(self.each), mean: median(self.mean), p99: median(self.p99) }
    }
}

/// Bare pools with the settings of this database, as what is compared is the way to it: one asks each connection whether
/// it lives, as is sqlx's own way, and one asks none.
fn bare<DB: Driver>(db: &Database<DB>) -> [sqlx::Pool<DB>; 2] {
    [true, false].map(|asks| {
        let address = (*db.pool().connect_options()).clone();
        sqlx::pool::PoolOptions::new().max_connections(POOL).test_before_acquire(asks).connect_lazy_with(address)
    })
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

            /// What the wait for a connection takes, before the same question.
            async fn acquired(pool: &sqlx::Pool<$database>, id: i64) -> f64 {
                let start = Instant::now();
                let mut held = pool.acquire().await.expect("a connection");
                let took = start.elapsed();
                let query = sqlx::query_as::<_, (String,)>($select).bind(id);
                std::hint::black_box(query.fetch_optional(&mut *held).await.expect("an answer"));
                // In whole microseconds, as the database counts its own.
                took.as_micros() as f64
            }

            /// So many callers together: prints what each contestant takes, and answers what `Database` takes as a part of
            /// what sqlx takes that asks each connection, and none.
            async fn together(
                callers: usize,
                db: &Handle,
                pool: &sqlx::Pool<$database>,
                quick: &sqlx::Pool<$database>,
            ) -> [f64; 2] {
                let (mut asking, mut bare, mut ours, mut alone): (Rounds, Rounds, Rounds, Rounds) = Default::default();
                let mut own = Vec::new();
                for round in 0..=ROUNDS {
                    // Each has its turn at each place; the first round warms up.
                    for at in 0..4 {
                        let (db, pool, quick) = (db.clone(), pool.clone(), quick.clone());
                        let (rounds, took) = match (round + at) % 4 {
                            0 => {
                                let call = move |id| {
                                    let pool = pool.clone();
                                    async move { timed(raw(&pool, id)).await }
                                };
                                (&mut asking, crowd(callers, call).await)
                            }
                            1 => {
                                let call = move |id| {
                                    let quick = quick.clone();
                                    async move { timed(raw(&quick, id)).await }
                                };
                                (&mut bare, crowd(callers, call).await)
                            }
                            2 => {
                                let (before, handle) = (waited(&db), db.clone());
                                let call = move |id| {
                                    let db = db.clone();
                                    async move { timed(through(&db, id)).await }
                                };
                                let took = crowd(callers, call).await;
                                let after = waited(&handle);
                                if round > 0 {
                                    own.push((after.0 - before.0) / (after.1 - before.1).max(1) as f64);
                                }
                                (&mut ours, took)
                            }
                            _ => {
                                let call = move |id| {
                                    let quick = quick.clone();
                                    async move { acquired(&quick, id).await }
                                };
                                (&mut alone, crowd(callers, call).await)
                            }
                        };
                        if round > 0 {
                            rounds.add(&took);
                        }
                    }
                }
                let (asking, bare, ours, alone) = (asking.done(), bare.done(), ours.done(), alone.done());
                println!("{:<58}{:>8}{:>8}{:>8}", format!("{callers} callers"), "each", "mean", "p99");
                for (name, took) in [
                    ("  a point query: sqlx", &asking),
                    ("  a point query: sqlx, connections not asked", &bare),
                    ("  a point query: Database", &ours),
                ] {
                    println!("{name:<58}{:>8.2}{:>8.2}{:>8.2}", took.each, took.mean, took.p99);
                }
                let name = "  the wait for a connection: sqlx, connections not asked";
                println!("{name:<58}{:>8}{:>8.2}{:>8.2}", "", alone.mean, alone.p99);
                println!("{:<58}{:>8}{:>8.2}", "  the wait for a connection: Database, by its stats", "", median(own));
                [ours.each / asking.each, ours.each / bare.each]
            }

            pub(crate) async fn run(url: &str) {
                let options = || DatabaseOptions::new().max_connections(POOL);
                let db = Handle::open(url, options().name($name)).expect("a database");
                let plain = options().name(concat!($name, " plain")).adviser(false);
                let plain = Handle::open(url, plain).expect("a database");
                // A statement that is not to be prepared is taken from those prepared before, where there is one: it needs
                // connections of its own.
                let [[pool, quick], [_, forgetful]] = [bare(&db), bare(&db)];
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
                    // Each has its turn at each place; the first round warms up.
                    for at in 0..took.len() {
                        let which = (round + at) % took.len();
                        let time = match which {
                            0 => each(|id| raw(&pool, id)).await,
                            1 => each(|id| through(&db, id)).await,
                            // Ten milliseconds each on MariaDB.
                            2 => some(CALLS / 10, |id| unprepared(&forgetful, id)).await,
                            3 => each(|id| cached(&db, id)).await,
                            4 => each(|id| raw(&quick, id)).await,
                            _ => each(|id| through(&plain, id)).await,
                        };
                        if round > 0 {
                            took[which].push(time);
                        }
                    }
                }
                let [raw_one, through_one, unprepared_one, cached_one, quick_one, plain_one] = took.map(median);
                println!("\n{}: a row by its key, microseconds a call, one caller", $name);
                for (name, time) in [
                    ("sqlx, prepared", raw_one),
                    ("sqlx, prepared, connections not asked whether they live", quick_one),
                    ("sqlx, not prepared, connections not asked", unprepared_one),
                    ("Database", through_one),
                    ("Database without the adviser", plain_one),
                    ("#[cache_query], a hit", cached_one),
                ] {
                    println!("{name:<58}{time:>8.2}");
                }
                println!(
                    "\n{}: {POOL} connections; microseconds a call of all callers together, and as one caller sees it. The \
                     wait alone is counted in whole microseconds; Database tells its mean, and nothing else of it: the p99 \
                     to compare is that of the whole point query.",
                    $name
                );
                let mut crowded = Vec::new();
                for times in CROWDS {
                    crowded.push((times, together(times * POOL as usize, &db, &pool, &quick).await));
                }
                summary();
                reach($name, "a point query: x sqlx", through_one / raw_one, 1.05);
                reach($name, "a point query: x sqlx that asks no connection", through_one / quick_one, 1.05);
                reach($name, "the adviser: x the same without it", through_one / plain_one, 1.02);
                reach($name, "a prepared statement: part of one that is not", quick_one / unprepared_one, 1.0);
                reach($name, "a cached query: part of one that is not", cached_one / through_one, 0.01);
                for (times, [asking, bare]) in crowded {
                    reach($name, &format!("callers x {times}: x sqlx"), asking, 1.05);
                    reach($name, &format!("callers x {times}: x sqlx that asks no connection"), bare, 1.05);
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
bench!(
    mysql,
    sqlx::MySql,
    "MariaDB",
    "SELECT title FROM video WHERE id = ?",
    "INSERT INTO video (id, title) VALUES (?, ?)"
);

#[tokio::main(worker_threads = 2)]
async fn main() {
    if wanted("SQLite") {
        let room = tempfile::tempdir().expect("a directory");
        sqlite::run(&format!("sqlite://{}?mode=rwc", room.path().join("query.db").display())).await;
    }
    if wanted("PostgreSQL") {
        let server = Postgres::start();
        postgres::run(&server.url()).await;
    }
    if wanted("MariaDB") {
        let server = MariaDb::start();
        mysql::run(&server.url()).await;
    }
}
