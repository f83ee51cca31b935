//! What the connections of an SQLite database are set to.

use std::time::Duration;

use cached_runtime::database::{Database, DatabaseOptions};
use sqlx::{AssertSqlSafe, Connection as _, Sqlite, SqliteConnection};

use crate::rig::Home;
use crate::rig::sqlite::place;

/// What a database is asked, one row each, and what is to be answered.
const SET: &[(&str, &str)] = &[
    ("SELECT journal_mode FROM pragma_journal_mode", "wal"),
    ("SELECT cache_size FROM pragma_cache_size", "-65536"),
    // MEMORY.
    ("SELECT temp_store FROM pragma_temp_store", "2"),
    // NORMAL.
    ("SELECT synchronous FROM pragma_synchronous", "1"),
    ("SELECT foreign_keys FROM pragma_foreign_keys", "1"),
    ("SELECT timeout FROM pragma_busy_timeout", "1234"),
];
const CONNECTIONS: u32 = 3;

fn as_text(text: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("SELECT CAST(({text}) AS TEXT)"))
}

async fn by(connection: &mut SqliteConnection) -> Vec<String> {
    let mut all = Vec::new();
    for (text, _) in SET {
        all.push(sqlx::query_scalar(as_text(text)).fetch_one(&mut *connection).await.unwrap());
    }
    all
}

fn home() -> Home<Sqlite> {
    let options = DatabaseOptions::new().max_connections(CONNECTIONS);
    Home::new(place(), options.acquire_deadline(Duration::from_millis(1_234)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_connection_that_reads_and_the_one_that_writes_are_set_alike() {
    let home = home();
    let wanted: Vec<&str> = SET.iter().map(|(_, answer)| *answer).collect();
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        held.push(home.db.pool().acquire().await.unwrap());
    }
    for connection in &mut held {
        assert_eq!(by(connection).await, wanted);
    }
    // All that read are taken: this is the other.
    let written: cached_runtime::Result<Vec<String>> = home
        .db
        .transaction(|tx| async move {
            let mut all = Vec::new();
            for (text, _) in SET {
                all.push(tx.fetch_one::<(String,)>(as_text(text), ()).await?.0);
            }
            Ok(all)
        })
        .await;
    assert_eq!(written.unwrap(), wanted);
    assert_eq!(home.db.stats().connections, CONNECTIONS + 1);
    let mut plain = SqliteConnection::connect(&place().url).await.unwrap();
    let plain = by(&mut plain).await;
    for (at, (text, answer)) in SET.iter().enumerate().filter(|(_, (text, _))| !text.contains("foreign_keys")) {
        assert_ne!(plain[at], *answer, "the control, with what is nobody's choice: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_is_set_though_the_url_says_otherwise_and_for_as_long_as_connections_come() {
    let place = place();
    let mut plain = SqliteConnection::connect(&place.url).await.unwrap();
    sqlx::raw_sql("PRAGMA journal_mode = DELETE; CREATE TABLE t (id INT)").execute(&mut plain).await.unwrap();
    plain.close().await.unwrap();
    let options = DatabaseOptions::new().name(&place.url).max_lifetime(Duration::from_nanos(1));
    let db = Database::<Sqlite>::open(&place.url, options.acquire_deadline(Duration::from_millis(1_234))).unwrap();
    for _ in 0..3 {
        // Each time a new one.
        let mut held = db.pool().acquire().await.unwrap();
        assert_eq!(by(&mut held).await, SET.iter().map(|(_, answer)| *answer).collect::<Vec<_>>());
    }
}

/// H9: earlier ones can corrupt a database when they reset its write-ahead log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h9_the_sqlite_that_is_built_in_does_not_corrupt_databases() {
    let home = home();
    let (version,): (String,) = home.db.fetch_one("SELECT sqlite_version()", ()).await.unwrap();
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(parts >= vec![3, 51, 3], "{version}");
}

/// While a file gets its write-ahead log SQLite refuses all others, and does not wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_opens_a_new_file_with_others_is_not_refused() {
    for _ in 0..40 {
        let place = place();
        let options = DatabaseOptions::new().name(&place.url).acquire_deadline(Duration::from_secs(30));
        let db = Database::<Sqlite>::open(&place.url, options).unwrap();
        let gate = std::sync::Arc::new(tokio::sync::Barrier::new(8));
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let (db, gate) = (db.clone(), std::sync::Arc::clone(&gate));
                tokio::spawn(async move {
                    gate.wait().await;
                    db.fetch_one::<(i64,)>("SELECT 1", ()).await
                })
            })
            .collect();
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap(), (1,));
        }
    }
}

/// A name that can stand in no URL is one all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_may_be_called_as_they_like() {
    let room = tempfile::tempdir().unwrap();
    for name in ["a:b.db", "x[1].db", "a|b.db", "a^b.db", "a b.db", "ä.db"] {
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(room.path().join(name)).create_if_missing(true);
        let db = Database::<Sqlite>::at(options, DatabaseOptions::new().name(name)).unwrap();
        db.execute("CREATE TABLE t (id BIGINT)", ()).await.unwrap();
        assert!(room.path().join(name).exists());
        let relative = format!("sqlite://{name}");
        let absent = Database::<Sqlite>::open(&relative, DatabaseOptions::new().name(&relative)).unwrap();
        absent.fetch_one::<(i64,)>("SELECT 1", ()).await.unwrap_err();
    }
}
