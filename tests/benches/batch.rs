//! Rows written one by one, each its own transaction, and as a batch.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::time::Instant;

use ::kit::{MariaDb, Postgres};
use cached_runtime::database::{Database, DatabaseOptions, OutboxOptions};
use kit::{median, reach, summary, wanted};

/// Rows of a batch, and of those that are written one by one.
const ROWS: i64 = 10_000;
const ONE_BY_ONE: i64 = 1_000;
const ROUNDS: usize = 5;

fn row(id: i64) -> (i64, i64, String) {
    (id, id * 7, format!("A title of some length, {id}"))
}

fn micros(start: Instant, rows: i64) -> f64 {
    start.elapsed().as_secs_f64() * 1e6 / rows as f64
}

macro_rules! bench {
    ($module:ident, $database:ty, $insert:literal, $update:literal) => {
        mod $module {
            use super::*;

            type Handle = Database<$database>;

            async fn emptied(db: &Handle) {
                db.execute("DELETE FROM video", ()).await.expect("an empty table");
            }

            async fn one_by_one(db: &Handle) -> f64 {
                emptied(db).await;
                let start = Instant::now();
                for id in 0..ONE_BY_ONE {
                    db.execute($insert, row(id)).await.expect("a row");
                }
                micros(start, ONE_BY_ONE)
            }

            async fn in_one_transaction(db: &Handle) -> f64 {
                emptied(db).await;
                let start = Instant::now();
                db.transaction(|tx| async move {
                    for id in 0..ONE_BY_ONE {
                        tx.execute($insert, row(id)).await?;
                    }
                    Ok::<_, cached_runtime::Error>(())
                })
                .await
                .expect("rows");
                micros(start, ONE_BY_ONE)
            }

            async fn batch(db: &Handle, size: usize) -> f64 {
                emptied(db).await;
                let rows: Vec<_> = (0..ROWS).map(row).collect();
                let start = Instant::now();
                let report = db.execute_batch($insert, rows).batch_size(size).await.expect("a batch");
                report.complete().expect("all rows");
                micros(start, ROWS)
            }

            async fn updates(db: &Handle) -> f64 {
                let rows: Vec<_> = (0..ROWS).map(|id| (id * 3, id)).collect();
                let start = Instant::now();
                let report = db.execute_batch($update, rows).await.expect("a batch");
                report.complete().expect("all rows");
                micros(start, ROWS)
            }

            pub(crate) async fn run(name: &str, url: &str) {
                let options = || DatabaseOptions::new().max_connections(4);
                let db = Handle::open(url, options().name(name)).expect("a database");
                let create =
                    "CREATE TABLE video (id BIGINT PRIMARY KEY, views BIGINT NOT NULL, title VARCHAR(200) NOT NULL)";
                db.execute(create, ()).await.expect("a table");
                let owing = options().name(&format!("{name} owing")).outbox(OutboxOptions::new());
                let owing = Handle::open(url, owing).expect("a database");
                let mut took: [Vec<f64>; 7] = Default::default();
                for round in 0..=ROUNDS {
                    let times = [
                        one_by_one(&db).await,
                        in_one_transaction(&db).await,
                        batch(&db, 100).await,
                        updates(&db).await,
                        batch(&db, 1_000).await,
                        one_by_one(&owing).await,
                        batch(&owing, 100).await,
                    ];
                    // The first round warms up.
                    if round > 0 {
                        took.iter_mut().zip(times).for_each(|(all, time)| all.push(time));
                    }
                }
                let [single, together, hundred, updated, thousand, owed_single, owed_hundred] = took.map(median);
                println!("\n{name}: microseconds a row, one caller");
                for (what, time) in [
                    ("execute, one by one", single),
                    ("execute, one by one in one transaction", together),
                    ("execute_batch, 100 rows a transaction", hundred),
                    ("execute_batch, 1,000 rows a transaction", thousand),
                    ("execute_batch of an UPDATE, 100 rows a transaction", updated),
                    ("execute, one by one, with an outbox", owed_single),
                    ("execute_batch, 100 rows a transaction, with an outbox", owed_hundred),
                ] {
                    println!("{what:<58}{time:>9.2}{:>8.1} x", single / time);
                }
                summary();
                reach(name, "a batch of 100: part of the time of single inserts", hundred / single, 0.1);
                reach(name, "a batch of 1,000: part of the time of single inserts", thousand / single, 0.1);
            }
        }
    };
}

bench!(
    sqlite,
    sqlx::Sqlite,
    "INSERT INTO video (id, views, title) VALUES (?, ?, ?)",
    "UPDATE video SET views = ? WHERE id = ?"
);
bench!(
    postgres,
    sqlx::Postgres,
    "INSERT INTO video (id, views, title) VALUES ($1, $2, $3)",
    "UPDATE video SET views = $1 WHERE id = $2"
);
bench!(
    mysql,
    sqlx::MySql,
    "INSERT INTO video (id, views, title) VALUES (?, ?, ?)",
    "UPDATE video SET views = ? WHERE id = ?"
);

#[tokio::main(worker_threads = 2)]
async fn main() {
    if wanted("SQLite") {
        let room = tempfile::tempdir().expect("a directory");
        sqlite::run("SQLite", &format!("sqlite://{}?mode=rwc", room.path().join("batch.db").display())).await;
    }
    if wanted("PostgreSQL") {
        let server = Postgres::start();
        postgres::run("PostgreSQL", &server.url()).await;
    }
    if wanted("MariaDB") {
        let server = MariaDb::start();
        mysql::run("MariaDB", &server.url()).await;
    }
}
