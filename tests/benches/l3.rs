//! The tiers below near: through the whole stack, and bare.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use cached_runtime::{Cache, cache};
use kit::{Random, median, reach, summary};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

const KEYS: u64 = 20_000;
/// More than fits into the memory that fjall keeps for what was just written.
const DISK_KEYS: u64 = 100_000;
const CALLS: usize = 4_000;
const ROUNDS: usize = 7;

static ROOM: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a directory"));
/// Near so small that what is asked for is hardly ever there.
static DISK: LazyLock<Cache> = LazyLock::new(|| {
    let builder = Cache::builder().near_bytes(64 << 10).max_pending(1 << 20);
    builder.compression_threshold(1 << 20).disk(ROOM.path().join("disk")).build().expect("a cache")
});
static SQL: LazyLock<Cache> = LazyLock::new(|| {
    let builder = Cache::builder().near_bytes(64 << 10).max_pending(1 << 20);
    builder.compression_threshold(1 << 20).sqlite(ROOM.path().join("sql/l3.db")).build().expect("a cache")
});

/// 1 KB.
fn value(id: u64) -> String {
    let mut random = Random(id);
    (0..64).map(|_| format!("{:016x}", random.next())).collect()
}

#[cache(ttl = "1h", cache = &*DISK)]
async fn disk(id: u64) -> String {
    value(id)
}

#[cache(ttl = "1h", cache = &*SQL)]
async fn sql(id: u64) -> String {
    value(id)
}

/// Microseconds per call, one caller.
async fn each<F: Future>(keys: &[u64], call: impl Fn(u64) -> F) -> f64 {
    let start = Instant::now();
    for &key in keys {
        std::hint::black_box(call(key).await);
    }
    start.elapsed().as_secs_f64() * 1e6 / keys.len() as f64
}

fn keys(seed: u64, of: u64) -> Vec<u64> {
    let mut random = Random(seed);
    (0..CALLS).map(|_| random.next() % of).collect()
}

async fn raw_sqlite() -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(ROOM.path().join("raw.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("cache_size", "-65536")
        .pragma("mmap_size", "268435456");
    let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.expect("a pool");
    sqlx::query("CREATE TABLE entry (key TEXT PRIMARY KEY, frame BLOB NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID")
        .execute(&pool)
        .await
        .expect("a table");
    pool
}

async fn raw_put(pool: &SqlitePool, id: u64) {
    sqlx::query("INSERT INTO entry VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET frame = excluded.frame")
        .bind(format!("l3.sql:{id}"))
        .bind(value(id).into_bytes())
        .bind(i64::MAX)
        .execute(pool)
        .await
        .expect("a row");
}

async fn raw_put_all(pool: &SqlitePool, ids: &[u64]) {
    let mut together = pool.begin().await.expect("a transaction");
    for &id in ids {
        sqlx::query("INSERT INTO entry VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET frame = excluded.frame")
            .bind(format!("l3.sql:{id}"))
            .bind(value(id).into_bytes())
            .bind(i64::MAX)
            .execute(&mut *together)
            .await
            .expect("a row");
    }
    together.commit().await.expect("a commit");
}

async fn raw_get(pool: &SqlitePool, id: u64) -> Vec<u8> {
    sqlx::query_scalar("SELECT frame FROM entry WHERE key = ?")
        .bind(format!("l3.sql:{id}"))
        .fetch_one(pool)
        .await
        .expect("a row")
}

/// Microseconds per value until all of them are in the tier.
async fn fill<F: Future>(cache: &Cache, count: u64, call: impl Fn(u64) -> F) -> f64 {
    let start = Instant::now();
    for id in 0..count {
        std::hint::black_box(call(id).await);
    }
    cache.flush(Duration::from_secs(60)).await;
    start.elapsed().as_secs_f64() * 1e6 / count as f64
}

async fn run() {
    // With the tier's own settings: what is compared is the way to the store, not the size of its cache.
    let plain = fjall::Database::builder(ROOM.path().join("fjall")).cache_size(16 << 20).open().expect("fjall");
    let options = || {
        fjall::KeyspaceCreateOptions::default()
            .data_block_compression_policy(fjall::config::CompressionPolicy::disabled())
            .max_memtable_size(16 << 20)
    };
    let shelf = plain.keyspace("entries", options).expect("a keyspace");
    let pool = raw_sqlite().await;

    println!("\nWrites of 1 KB values, microseconds per value");
    let bare = Instant::now();
    for id in 0..DISK_KEYS {
        shelf.insert(format!("l3.disk:{id}"), value(id)).expect("an insert");
    }
    println!("{:<58}{:>8.1}", "fjall, bare", bare.elapsed().as_secs_f64() * 1e6 / DISK_KEYS as f64);
    println!(
        "{:<58}{:>8.1}",
        "#[cache] on disk: miss, load, written behind, flushed",
        fill(&DISK, DISK_KEYS, disk).await
    );
    let singles = each(&keys(9, KEYS), |id| raw_put(&pool, id)).await;
    println!("{:<58}{:>8.1}", "sqlx, one by one", singles);
    let all: Vec<u64> = (0..KEYS).collect();
    let start = Instant::now();
    for ids in all.chunks(64) {
        raw_put_all(&pool, ids).await;
    }
    let batched = start.elapsed().as_secs_f64() * 1e6 / KEYS as f64;
    println!("{:<58}{:>8.1}", "sqlx, 64 in a transaction", batched);
    let behind = fill(&SQL, KEYS, sql).await;
    println!("{:<58}{:>8.1}", "#[cache] on SQLite: miss, load, written behind, flushed", behind);

    let mut rounds: [Vec<f64>; 4] = Default::default();
    for round in 0..=ROUNDS {
        let (deep, keys) = (keys(round as u64, DISK_KEYS), keys(round as u64, KEYS));
        for turn in 0..4 {
            let which = (turn + round) % 4;
            let took = match which {
                0 => each(&deep, disk).await,
                1 => {
                    each(&deep, |id| {
                        std::future::ready(shelf.get(format!("l3.disk:{id}")).ok().flatten().map(|v| v.to_vec()))
                    })
                    .await
                }
                2 => each(&keys, sql).await,
                _ => each(&keys, |id| raw_get(&pool, id)).await,
            };
            if round > 0 {
                rounds[which].push(took);
            }
        }
    }
    let [disk, fjall, sql, raw] = rounds.map(median);
    println!(
        "\nReads of 1 KB values, {DISK_KEYS} keys on disk and {KEYS} in SQLite, one caller, microseconds per call"
    );
    for (name, us) in [
        ("#[cache], hit on disk", disk),
        ("fjall get, bare", fjall),
        ("#[cache], hit in SQLite", sql),
        ("sqlx get, bare", raw),
    ] {
        println!("{name:<58}{us:>8.1}");
    }
    for cache in [&*DISK, &*SQL] {
        println!("{}", cache.stats());
    }
    summary();
    reach("L3 hit, node-local disk", "x fjall direct", disk / fjall, 2.0);
    reach("L3 hit, node-local disk", "goal", disk / fjall, 1.3);
    reach("L3 hit, SQLite", "x raw sqlx", sql / raw, 1.5);
    reach("L3 write, SQLite, behind", "x raw sqlx one by one", behind / singles, 1.0);
    reach("L3 write, SQLite, behind", "x raw sqlx in batches of 64", behind / batched, 2.0);
}

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::spawn(run()).await.expect("the run") });
}
