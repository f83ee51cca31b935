//! Batches whose connection is ended, and those that find the database taken.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cached_runtime::ErrorKind;
use cached_runtime::database::{BatchReport, Database, DatabaseOptions, Driver};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::rig::{Home, Place, mysql, patient, postgres, sqlite};

const LONG: Duration = Duration::from_secs(30);

async fn home<DB: Driver>(place: Place, create: &'static str) -> Home<DB>
where
    for<'a> (): cached_runtime::database::Values<'a, DB>,
{
    let home = Home::new(place, DatabaseOptions::new().acquire_deadline(LONG));
    home.db.execute(create, ()).await.unwrap();
    home.keep("kept", &["t"]);
    home
}

fn name(place: &Place) -> String {
    place.url.rsplit('/').next().unwrap().to_owned()
}

/// The row at 250 sleeps until its connection is ended; what was committed before stays.
fn stopped_at_200(report: &BatchReport, kind: ErrorKind) {
    assert_eq!((report.total, report.written, report.batches, report.failed), (1_000, 200, 2, 0));
    assert_eq!(kind, ErrorKind::Connection);
}

fn rows() -> Vec<(i64, f64)> {
    (0..1_000).map(|id| (id, if id == 250 { 60.0 } else { 0.0 })).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_batches_stop_where_their_connection_ends_and_say_how_far_they_came() {
    let server = postgres::server();
    let place = postgres::place_on(Arc::clone(&server));
    let of_this = format!("FROM pg_stat_activity WHERE datname = '{}' AND wait_event = 'PgSleep'", name(&place));
    let home: Home<sqlx::Postgres> = home(place, "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT)").await;
    let db = home.db.clone();
    let batch = tokio::spawn(async move {
        db.execute_batch("INSERT INTO t (id, n) SELECT $1, length(pg_sleep($2)::text)", rows()).await
    });
    kit::until("it sleeps", LONG, || server.command(&format!("SELECT count(*) {of_this}")).trim() == "1");
    server.command(&format!("SELECT pg_terminate_backend(pid) {of_this}"));
    let stopped = batch.await.unwrap().unwrap_err();
    stopped_at_200(stopped.report(), stopped.error().kind());
    assert_eq!(stopped.unsure(), None, "nothing was being committed");
    whole(&home, 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_batches_stop_where_their_connection_ends_and_say_how_far_they_came() {
    let server = mysql::server();
    let place = mysql::place_on(Arc::clone(&server));
    let sleeping =
        format!("SELECT id FROM information_schema.processlist WHERE db = '{}' AND state = 'User sleep'", name(&place));
    let home: Home<sqlx::MySql> = home(place, "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT)").await;
    let db = home.db.clone();
    let batch = tokio::spawn(async move { db.execute_batch("INSERT INTO t (id, n) SELECT ?, sleep(?)", rows()).await });
    let mut id = String::new();
    kit::until("it sleeps", LONG, || {
        server.command(&sleeping).trim().clone_into(&mut id);
        !id.is_empty()
    });
    server.command(&format!("KILL {id}"));
    let stopped = batch.await.unwrap().unwrap_err();
    stopped_at_200(stopped.report(), stopped.error().kind());
    assert_eq!(stopped.unsure(), None, "nothing was being committed");
    whole(&home, 200).await;
}

/// So many rows are there, and the database is well.
async fn whole<DB: Driver>(home: &Home<DB>, rows: i64)
where
    for<'a> (): cached_runtime::database::Values<'a, DB>,
    (i64,): for<'r> sqlx::FromRow<'r, DB::Row>,
{
    assert_eq!(home.db.fetch_one::<(i64,)>("SELECT count(*) FROM t", ()).await.unwrap().0, rows);
    assert!(!home.has("kept").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_ends_between_two_transactions_is_not_noticed() {
    let server = postgres::server();
    let place = postgres::place_on(Arc::clone(&server));
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", name(&place));
    let home: Home<sqlx::Postgres> = home(place, "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT)").await;
    let batch = home.db.execute_batch("INSERT INTO t (id, n) VALUES ($1, $2)", (0..1_000_i64).map(|id| [id, 0]));
    let report = batch.progress(|_| drop(server.command(&end))).await.unwrap();
    assert_eq!((report.written, report.batches), (1_000, 10));
    whole(&home, 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_batches_stop_where_another_process_has_taken_the_database() {
    let place = sqlite::place();
    let options = DatabaseOptions::new().name(&place.url).acquire_deadline(Duration::from_secs(5));
    let db = Database::<sqlx::Sqlite>::open(&place.url, options).unwrap();
    db.execute("CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT)", ()).await.unwrap();
    let mut other = db.pool().connect_options().connect().await.unwrap();
    let (taken, runtime) = (Mutex::new(&mut other), tokio::runtime::Handle::current());
    let batch = db.execute_batch("INSERT INTO t (id, n) VALUES (?, ?)", (0..1_000_i64).map(|id| [id, 0]));
    let stopped = batch
        .progress(|progress| {
            if progress.done == 300 {
                let mut taken = taken.lock().unwrap();
                let begin = sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut **taken);
                tokio::task::block_in_place(|| runtime.block_on(begin)).unwrap();
            }
        })
        .await
        .unwrap_err();
    assert_eq!((stopped.report().written, stopped.report().failed, stopped.unsure()), (300, 0, None), "{stopped}");
    other.close().await.unwrap();
    let report = db.execute_batch("INSERT INTO t (id, n) VALUES (?, ?)", (300..1_000_i64).map(|id| [id, 0])).await;
    assert_eq!(report.unwrap().written, 700);
}

/// `OR ROLLBACK` ends the whole transaction with the row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_rows_that_end_the_transaction_are_named_and_the_others_are_kept() {
    let home: Home<sqlx::Sqlite> = home(sqlite::place(), "CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT)").await;
    let insert = "INSERT OR ROLLBACK INTO t (id, n) VALUES (?, ?)";
    let report = home.db.execute_batch(insert, (0..20_i64).map(|id| [id % 15, id])).batch_size(8).await.unwrap();
    assert!(report.failures.iter().map(|failure| failure.row).eq(15..20), "{report:?}");
    assert_eq!(report.written, 15);
    whole(&home, 15).await;
    let error = home
        .db
        .transaction(|tx| async move {
            tx.execute(AssertSqlSafe(insert), (100_i64, 0_i64)).await?;
            let _ = tx.execute_batch(insert, [[101_i64, 0], [1, 0], [102, 0]]).await?;
            Ok::<_, cached_runtime::Error>(())
        })
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Database, "{error}");
    whole(&home, 15).await;
}

/// SQLite ends the transaction, of which its driver does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_that_ends_a_transaction_leaves_the_connection_fit_for_the_next() {
    let home = Home::<sqlx::Sqlite>::new(sqlite::place(), patient());
    home.db.execute("CREATE TABLE full (id INTEGER PRIMARY KEY AUTOINCREMENT, n INT)", ()).await.unwrap();
    home.db.execute("INSERT INTO full (id) VALUES (9223372036854775807)", ()).await.unwrap();
    for _ in 0..3 {
        let refused = home.db.fetch_all::<(i64,)>("INSERT INTO full (n) VALUES (1) RETURNING *", ()).await.unwrap_err();
        assert_eq!((refused.kind(), refused.context("code")), (ErrorKind::Database, Some("13")), "{refused:?}");
    }
    let row = home.db.fetch_all::<(i64, i64)>("INSERT INTO full (id, n) VALUES (1, 2) RETURNING *", ()).await.unwrap();
    assert_eq!(row, [(1, 2)]);
}
