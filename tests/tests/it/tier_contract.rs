//! Every engine keeps the contract of a tier; and the contract notices a tier that does not.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use cached_runtime::codec::Frame;
use cached_runtime::group::Record;
use cached_runtime::key::Key;
use cached_runtime::testing::contract;
use cached_runtime::tier::disk::{Disk, DiskOptions};
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::tier::sql::{Sql, SqlOptions};
use cached_runtime::tier::{Note, Recall, Reply, Step, Tidied, Tier};
use tempfile::TempDir;

/// Paths that are new each time, in a directory that goes with the test.
struct Fresh(TempDir, AtomicUsize);

impl Fresh {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary directory"), AtomicUsize::new(0))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join(format!("store-{}", self.1.fetch_add(1, Ordering::Relaxed)))
    }
}

fn sqlite(path: PathBuf) -> Sql {
    Sql::open(SqlOptions::sqlite(path).expect("options"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_keeps_the_contract() {
    contract::all(|| async { MemoryTier::new() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disk_keeps_the_contract() {
    let fresh = Fresh::new();
    contract::all(|| async { Disk::open(DiskOptions::new(fresh.path())) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_the_contract() {
    let fresh = Fresh::new();
    contract::all(|| async { sqlite(fresh.path()) }).await;
}

#[tokio::test]
async fn sqlite_keeps_the_contract_with_a_single_threaded_caller() {
    let fresh = Fresh::new();
    contract::all(|| async { sqlite(fresh.path()) }).await;
}

#[tokio::test]
async fn disk_is_durable() {
    let fresh = Fresh::new();
    let reopen = |disk: Disk| async {
        let path = disk.path().to_owned();
        drop(disk);
        Disk::open(DiskOptions::new(path))
    };
    contract::durable(|| async { Disk::open(DiskOptions::new(fresh.path())) }, reopen).await;
}

#[tokio::test]
async fn sqlite_is_durable() {
    let fresh = Fresh::new();
    let reopen = |sql: Sql| async {
        let path = sql.path().expect("a file").to_owned();
        drop(sql);
        sqlite(path)
    };
    contract::durable(|| async { sqlite(fresh.path()) }, reopen).await;
}

#[tokio::test]
async fn disk_is_bounded() {
    let fresh = Fresh::new();
    let make = |max_bytes| {
        let options = DiskOptions { max_bytes, ..DiskOptions::new(fresh.path()) };
        async { Disk::open(options) }
    };
    contract::bounded(make).await;
}

#[tokio::test]
async fn sqlite_is_bounded() {
    let fresh = Fresh::new();
    let make = |max_bytes| {
        let options = SqlOptions::sqlite(fresh.path()).expect("options").max_bytes(max_bytes);
        async { Sql::open(options) }
    };
    contract::bounded(make).await;
}

#[tokio::test]
async fn disk_counts_anew_after_a_restart() {
    let fresh = Fresh::new();
    let path = fresh.path();
    let disk = Disk::open(DiskOptions::new(&path));
    let frames: Vec<Frame> = (0..30).map(|i| contract::frame(&format!("r:{i}"), b"x")).collect();
    disk.put(&frames).await.expect("put");
    let step = |entries| Step { entries, now: contract::NOW, keep: &|_: &Frame| true, forget: None };
    let before = disk.tidy(step(100)).await.expect("tidy");
    drop(disk);
    let disk = Disk::open(DiskOptions::new(&path));
    let after = disk.tidy(step(1)).await.expect("tidy");
    assert_eq!((after.entries, after.bytes), (before.entries, before.bytes), "the size outlives the process");
    let after = disk.tidy(step(100)).await.expect("tidy");
    assert!(after.wrapped);
    assert_eq!((after.entries, after.bytes), (before.entries, before.bytes), "a round counts the same");
}

/// A tier that is wrong in one way, to show that the contract notices.
#[derive(Debug)]
struct Wrong(MemoryTier, How);

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Right,
    ForgetsFirstRecord,
    AnswersReversed,
    KeepsNamedKeys,
    NeverWraps,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrong({})", self.0)
    }
}

impl Tier for Wrong {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            let mut found = self.0.get(keys).await?;
            if self.1 == How::AnswersReversed {
                found.reverse();
            }
            Ok(found)
        })
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        self.0.put(frames)
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        match self.1 {
            How::KeepsNamedKeys => Box::pin(async { Ok(()) }),
            _ => self.0.apply(records),
        }
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        self.0.remove(keys)
    }

    fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()> {
        self.0.note(note)
    }

    fn recall(&self) -> Reply<'_, Recall> {
        Box::pin(async move {
            let mut recall = self.0.recall().await?;
            if self.1 == How::ForgetsFirstRecord && !recall.records.is_empty() {
                recall.records.remove(0);
            }
            Ok(recall)
        })
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        Box::pin(async move {
            let done = self.0.tidy(step).await?;
            Ok(Tidied { wrapped: done.wrapped && self.1 != How::NeverWraps, ..done })
        })
    }

    fn trust(&self, trusted: bool) {
        self.0.trust(trusted);
    }

    fn close(&self) -> Reply<'_, ()> {
        self.0.close()
    }
}

/// What a tier leaves out that it need not write is done by way of what it has to.
#[tokio::test]
async fn a_tier_that_has_no_way_of_its_own_is_emptied_by_its_upkeep() {
    contract::all(|| async { Wrong(MemoryTier::new(), How::Right) }).await;
}

#[test]
fn the_contract_notices_a_tier_that_is_never_empty() {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let tier = Wrong(MemoryTier::new(), How::NeverWraps);
        runtime.block_on(contract::emptying_leaves_the_log_and_no_frame(&tier));
    };
    let said = std::thread::spawn(run).join().expect_err("the contract has to notice");
    assert_eq!(said.downcast_ref::<&str>(), Some(&"broken promise: emptying comes to an end"));
}

#[test]
fn the_contract_notices_a_tier_that_breaks_it() {
    for how in [How::ForgetsFirstRecord, How::AnswersReversed, How::KeepsNamedKeys, How::NeverWraps] {
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(contract::all(|| async move { Wrong(MemoryTier::new(), how) }));
        };
        let broken = std::thread::spawn(run).join().expect_err("the contract has to notice");
        let said = broken.downcast_ref::<String>().map(String::as_str).or(broken.downcast_ref::<&str>().copied());
        let said = said.unwrap_or_default();
        assert!(said.starts_with("broken promise: "), "{how:?}: {said}");
    }
}
