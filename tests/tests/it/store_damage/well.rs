//! A store that is well: callers that go away, the names of its tables, and who may read it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use cached_runtime::codec::Frame;
use cached_runtime::error::ErrorKind;
use cached_runtime::key::Key;
use cached_runtime::testing::contract::frame;
use cached_runtime::tier::Tier;
use cached_runtime::tier::disk::Disk;
use cached_runtime::tier::sql::{Sql, SqlOptions};

use super::{Engine, exercise, filled, store};

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_connection_usable() {
    let (_dir, path) = store();
    let sql = Sql::start(&path);
    let frames: Vec<Frame> = (0..50).map(|i| frame(&format!("v:{i}"), &[1; 10_000])).collect();
    for _ in 0..50 {
        // Polled once, so that it is under way, then dropped.
        let mut put = sql.put(&frames);
        let waker = std::task::Waker::noop();
        let _ = put.as_mut().poll(&mut std::task::Context::from_waker(waker));
        drop(put);
    }
    let start = Instant::now();
    while sql.put(&[frame("v:last", b"last")]).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "abandoned writes end");
    }
    assert!(exercise(&sql).await.is_ok());
    let found = sql.get(&[Key::from_stored("v:49"), Key::from_stored("v:last")]).await.expect("get");
    assert!(found.iter().all(Option::is_some), "abandoned writes run to their end");
}

#[test]
fn the_runtime_of_the_first_caller_may_end() {
    let (_dir, path) = store();
    let runtime = || tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let sql = runtime().block_on(async { Sql::start(&path) });
    runtime().block_on(async { sql.put(&[frame("v:1", b"1")]).await }).expect("put");
    let found = runtime().block_on(async { sql.get(&[Key::from_stored("v:1")]).await }).expect("get");
    assert!(found[0].is_some());
}

#[test]
fn table_names_are_checked() {
    let options = || SqlOptions::sqlite("/nowhere/cache.db").expect("options");
    for bad in ["", "x; DROP TABLE users; --", "Upper", "a-b", "1a", "ä", "a b", "\"q\"", &"x".repeat(49)] {
        let refused = options().table_prefix(bad).expect_err(bad);
        assert_eq!(refused.kind(), ErrorKind::Config);
        assert_eq!(refused.context("setting"), Some("table_prefix"));
    }
    for good in ["cached", "a_1", "_x", &"x".repeat(48)] {
        assert!(options().table_prefix(good).is_ok(), "{good}");
    }
    for bad in ["oracle://host/db", "sqlite::memory:", "sqlite:", "file.db", "sqlite:a.db?mode=ro"] {
        assert_eq!(SqlOptions::url(bad).expect_err(bad).kind(), ErrorKind::Config);
    }
    assert!(SqlOptions::url("sqlite:///tmp/a.db").is_ok());
}

#[tokio::test]
async fn two_prefixes_share_a_file_and_nothing_else() {
    let (_dir, path) = store();
    let with = |prefix| Sql::open(SqlOptions::sqlite(&path).and_then(|o| o.table_prefix(prefix)).expect("options"));
    let (one, two) = (with("one"), with("two"));
    one.put(&[frame("v:1", b"1")]).await.expect("put");
    assert_eq!(two.get(&[Key::from_stored("v:1")]).await.expect("get"), [None]);
}

#[tokio::test]
async fn stores_are_private() {
    let (dir, path) = store();
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    filled::<Disk>(&path).await;
    assert_eq!(mode(&path), 0o700);
    let file = dir.path().join("cache.db");
    let sql = Sql::start(&file);
    sql.put(&[frame("v:1", b"1")]).await.expect("put");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&dir.path().join("cache.db-wal")), 0o600);
}
