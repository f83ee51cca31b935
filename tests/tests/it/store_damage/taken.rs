//! A store that is another program's, open elsewhere, locked or full.

use std::fs;
use std::path::Path;
use std::time::Instant;

use cached_runtime::codec::Frame;
use cached_runtime::error::ErrorKind;
use cached_runtime::group::{Group, Note};
use cached_runtime::key::Key;
use cached_runtime::testing::contract::frame;
use cached_runtime::tier::Tier;
use cached_runtime::tier::disk::Disk;
use cached_runtime::tier::sql::{Sql, SqlOptions};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::{Engine, QUICK, exercise, marker, record, recovered, store, tag};

#[tokio::test]
async fn a_directory_of_others_is_neither_written_nor_moved() {
    let (dir, path) = store();
    fs::create_dir(&path).expect("a directory");
    fs::write(path.join("photo.jpg"), "precious").expect("a file");
    fs::write(marker(&path), "").expect("a marker");
    let disk = Disk::start(&path);
    assert_eq!(exercise(&disk).await, Err(ErrorKind::Tier));
    assert_eq!(fs::read_to_string(path.join("photo.jpg")).expect("a file"), "precious");
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 2);
}

#[tokio::test]
async fn a_database_of_others_is_neither_written_nor_moved() {
    let (_dir, path) = store();
    let mut other = connect(&path).await;
    sqlx::query("CREATE TABLE users (name TEXT)").execute(&mut other).await.expect("a table");
    other.close().await.expect("closed");
    let before = fs::read(&path).expect("a file");
    let sql = Sql::start(&path);
    assert_eq!(exercise(&sql).await, Err(ErrorKind::Tier));
    assert_eq!((sql.asides(), fs::read(&path).expect("a file") == before), (0, true));
}

/// A store that is whole and not believed still knows what others are to be told.
#[tokio::test]
async fn what_is_owed_outlives_a_store_that_is_set_aside() {
    async fn holds(open: impl Fn(&Path) -> Box<dyn Tier>) {
        let (_dir, path) = store();
        let owed = vec![Group::Tag("owed".into())];
        let first = open(&path);
        first.put(&[frame("v:1", b"first")]).await.expect("put");
        first.note(&Note::Owed(owed.clone())).await.expect("noted");
        first.trust(false);
        first.close().await.expect("closed");
        drop(first);
        let second = open(&path);
        assert_eq!(second.get(&[Key::from_stored("v:1")]).await.expect("get"), [None], "it is set aside");
        assert_eq!(second.recall().await.expect("recalled").owed, owed);
        assert!(!marker(&path).exists());
    }
    holds(|path| Box::new(Disk::start(path))).await;
    holds(|path| Box::new(Sql::start(path))).await;
}

async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.expect("a connection")
}

#[tokio::test]
async fn disk_store_open_elsewhere() {
    let (_dir, path) = store();
    let first = Disk::start(&path);
    first.put(&[frame("v:1", b"first")]).await.expect("put");
    let second = Disk::start(&path);
    assert!(!second.is_open());
    assert_eq!(exercise(&second).await, Err(ErrorKind::Tier));
    assert!(exercise(&first).await.is_ok(), "the one who has the store is not disturbed");
    // What the second one missed must not be served from this store by anyone later.
    assert!(second.apply(&[record(3, Group::Key(Key::from_stored("v:1")))]).await.is_err());
    assert!(marker(&path).exists());
    drop(first);
    recovered(&second).await;
    assert_eq!(second.asides(), 1);
    assert_eq!(second.get(&[Key::from_stored("v:1")]).await.expect("get"), [None]);
    assert!(!marker(&path).exists());
}

#[tokio::test]
async fn sqlite_shared_by_two() {
    let (_dir, path) = store();
    let (one, two) = (Sql::start(&path), Sql::start(&path));
    one.put(&[frame("v:1", b"one")]).await.expect("put");
    let key = [Key::from_stored("v:1")];
    assert!(two.get(&key).await.expect("get")[0].is_some());
    two.apply(&[record(3, Group::Key(key[0].clone())), tag(4)]).await.expect("apply");
    assert_eq!(one.get(&key).await.expect("get"), [None]);
    assert_eq!(one.recall().await.expect("recall"), two.recall().await.expect("recall"));
}

#[tokio::test]
async fn sqlite_locked_by_another_connection() {
    let (_dir, path) = store();
    let sql = Sql::start(&path);
    sql.put(&[frame("v:1", b"1"), frame("v:2", b"2")]).await.expect("put");
    let mut other = connect(&path).await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.expect("the lock");
    assert_eq!(exercise(&sql).await, Err(ErrorKind::Tier));
    assert!(sql.apply(&[tag(1)]).await.is_err());
    assert!(marker(&path).exists(), "an apply that failed marks the store");
    sqlx::query("COMMIT").execute(&mut other).await.expect("unlocked");
    assert!(exercise(&sql).await.is_ok(), "a lock is no reason to close");
    sql.apply(&[record(2, Group::Everything)]).await.expect("apply");
    assert!(marker(&path).exists(), "another record does not settle what is owed");
    sql.apply(&[tag(1)]).await.expect("apply");
    assert!(!marker(&path).exists(), "the same record, applied later, does");
    assert_eq!(sql.asides(), 0);
}

#[tokio::test]
async fn sqlite_locked_when_it_opens() {
    let (_dir, path) = store();
    let mut other = connect(&path).await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.expect("the lock");
    let start = Instant::now();
    let sql = Sql::start(&path);
    assert!(start.elapsed() < QUICK && !sql.is_open());
    assert_eq!(exercise(&sql).await, Err(ErrorKind::Tier));
    sqlx::query("COMMIT").execute(&mut other).await.expect("unlocked");
    recovered(&sql).await;
    assert_eq!(sql.asides(), 0, "a lock is not damage");
}

#[tokio::test]
async fn sqlite_full() {
    let (_dir, path) = store();
    let sql = Sql::open(SqlOptions::sqlite(&path).expect("options").max_bytes(1_000));
    sql.put(&[frame("v:1", b"1")]).await.expect("put");
    // One write beyond the hard bound of the file, which is three times the soft one and 64 MiB.
    let huge: Vec<Frame> = (0..80).map(|i| frame(&format!("h:{i}"), &vec![1; 1 << 20])).collect();
    let refused = sql.put(&huge).await.expect_err("a full database refuses");
    assert_eq!(refused.kind(), ErrorKind::Tier);
    assert!(refused.to_string().contains("full"), "{refused}");
    assert!(fs::metadata(&path).expect("a file").len() < 70 << 20, "the file has a bound of its own");
    assert!(exercise(&sql).await.is_ok(), "a full database goes on with what fits");
    assert_eq!(sql.asides(), 0, "a full database is not damaged");
}

#[tokio::test]
async fn tables_missing() {
    let (_dir, path) = store();
    let sql = Sql::start(&path);
    let mut other = connect(&path).await;
    sqlx::query("DROP TABLE cached_frames").execute(&mut other).await.expect("a drop");
    other.close().await.expect("closed");
    recovered(&sql).await;
}
