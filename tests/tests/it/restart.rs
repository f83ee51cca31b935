//! The next process is warm, and what was invalidated stays so: after a good end, and after none.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cached_runtime::clock::Clock;
use cached_runtime::testing::Operation;
use cached_runtime::tier::disk::{Disk, DiskOptions};
use cached_runtime::tier::sql::{Sql, SqlOptions};
use cached_runtime::{Applied, Cache, Tier, cache};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::rig::{Down, LONG, World};

const OLD: u64 = 1;
const NEW: u64 = 2;

#[cache(key = "restart:{id}:value", tags = ["restarted:{id}"], ttl = "1h", jitter = 0, cache = world.cache)]
async fn read(world: &World, id: u32) -> Result<u64, Down> {
    let _ = id;
    world.source.read().await
}

#[derive(Debug, Clone, Copy)]
enum Engine {
    Disk,
    Sqlite,
}

const ENGINES: [Engine; 2] = [Engine::Disk, Engine::Sqlite];

/// A store in a directory of its own, and the processes over it.
struct Store {
    engine: Engine,
    dir: TempDir,
    clock: Clock,
}

impl Store {
    fn new(engine: Engine) -> Self {
        Self { engine, dir: TempDir::new().unwrap(), clock: Clock::manual() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// The next process.
    fn open(&self, truth: u64) -> World {
        let tier: Arc<dyn Tier> = match self.engine {
            Engine::Disk => Arc::new(Disk::open(DiskOptions::new(self.path()))),
            Engine::Sqlite => Arc::new(Sql::open(SqlOptions::sqlite(self.path()).unwrap())),
        };
        let seed = truth.wrapping_mul(31) + 1; // another process, another chance
        let world = World::built(tier, self.clock.clone(), |builder| builder.seed(seed));
        world.source.write(truth);
        world
    }

    /// The store as a process finds it whose predecessor was killed just now.
    fn killed(&self) -> Self {
        let copy = Self { engine: self.engine, dir: TempDir::new().unwrap(), clock: self.clock.clone() };
        copy_all(self.dir.path(), copy.dir.path());
        copy
    }
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

async fn fill(world: &World, n: u32) {
    for id in 0..n {
        read(world, id).await.unwrap();
    }
}

/// Which of these are answered with the old value.
async fn old(world: &World, n: u32) -> Vec<u32> {
    let mut old = Vec::new();
    for id in 0..n {
        if read(world, id).await.unwrap() == OLD {
            old.push(id);
        }
    }
    old
}

#[tokio::test]
async fn the_next_process_is_warm() {
    for engine in ENGINES {
        let store = Store::new(engine);
        let first = store.open(OLD);
        fill(&first, 100).await;
        let flushed = first.cache.shutdown(LONG).await;
        assert_eq!(flushed.unwritten, 0);
        drop(first);
        let second = store.open(NEW);
        assert_eq!(old(&second, 100).await.len(), 100, "{engine:?}");
        assert_eq!(second.source.reads(), 0);
        assert_eq!(second.cache.stats().site("restart.read").unwrap().promotions, 100);
    }
}

#[tokio::test]
async fn a_killed_process_leaves_what_was_written() {
    for engine in ENGINES {
        let store = Store::new(engine);
        let first = store.open(OLD);
        fill(&first, 50).await;
        first.settle().await;
        let after = store.killed();
        assert_eq!(old(&after.open(NEW), 50).await.len(), 50, "{engine:?}");
    }
}

#[tokio::test]
async fn what_was_invalidated_stays_so_after_a_kill() {
    for engine in ENGINES {
        let store = Store::new(engine);
        let first = store.open(OLD);
        fill(&first, 20).await;
        first.settle().await;
        assert_eq!(read::remove(&first, 1).await, Applied::Applied);
        assert_eq!(first.cache.invalidate_tags(["restarted:2"]).await, Applied::Applied);
        assert_eq!(first.cache.invalidate_pattern("restart:1?:*").await.unwrap(), Applied::Applied);
        let killed = store.killed();
        let second = killed.open(NEW);
        let expected: Vec<u32> = (0..10).filter(|id| ![1, 2].contains(id)).collect();
        assert_eq!(old(&second, 20).await, expected, "{engine:?}");
        second.settle().await;
        let third = killed.killed();
        assert_eq!(old(&third.open(NEW), 20).await, expected, "{engine:?}, and once more");
        assert_eq!(first.cache.invalidate_namespace("restart").await.unwrap(), Applied::Applied);
        assert!(old(&store.killed().open(NEW), 20).await.is_empty(), "{engine:?}");
    }
}

/// The control: without the invalidation the same kill leaves the old values.
#[tokio::test]
async fn what_was_not_invalidated_is_there_after_a_kill() {
    let store = Store::new(Engine::Disk);
    let first = store.open(OLD);
    fill(&first, 3).await;
    first.settle().await;
    assert_eq!(old(&store.killed().open(NEW), 3).await, [0, 1, 2]);
}

/// The store could not be told, and then the process ended: the next one does not trust the store.
#[tokio::test]
async fn a_store_that_could_not_be_told_is_not_trusted() {
    for engine in ENGINES {
        let store = Store::new(engine);
        let first = store.open(OLD);
        fill(&first, 5).await;
        first.settle().await;
        first.chaos.fail(Operation::Apply, 1.0);
        assert_eq!(first.cache.invalidate_tags(["restarted:2"]).await, Applied::Queued);
        let killed = store.killed();
        assert!(!old(&killed.open(NEW), 5).await.contains(&2), "{engine:?}, killed");
        drop(first);
        assert!(!old(&store.open(NEW), 5).await.contains(&2), "{engine:?}, dropped");
    }
}

#[tokio::test]
async fn an_entry_does_not_outlive_its_ttl_in_a_store() {
    for engine in ENGINES {
        let store = Store::new(engine);
        let first = store.open(OLD);
        fill(&first, 3).await;
        first.cache.shutdown(LONG).await;
        drop(first);
        store.clock.advance(std::time::Duration::from_secs(3_599));
        let second = store.open(NEW);
        assert_eq!(old(&second, 3).await.len(), 3, "{engine:?}");
        store.clock.advance(std::time::Duration::from_secs(1));
        assert!(old(&second, 3).await.is_empty(), "{engine:?}: promotion has not extended it");
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Before {
    width: u32,
    height: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct After {
    height: u32,
    width: u32,
}

/// Two fields changed places: the bytes would decode, and the values would be wrong.
#[tokio::test]
async fn a_value_of_a_changed_type_is_a_miss() {
    for engine in ENGINES {
        let store = Store::new(engine);
        let first = store.open(OLD);
        first.cache.namespace::<Before>("restart-size").unwrap().set("a", Before { width: 1, height: 2 });
        first.cache.shutdown(LONG).await;
        drop(first);
        let second = store.open(NEW);
        assert_eq!(second.cache.namespace::<After>("restart-size").unwrap().get("a").await, None, "{engine:?}");
        second.cache.shutdown(LONG).await;
        drop(second);
        let third = store.open(NEW);
        let same = third.cache.namespace::<Before>("restart-size").unwrap().get("a").await;
        assert_eq!(same, Some(Before { width: 1, height: 2 }), "{engine:?}: the control");
    }
}

#[tokio::test]
async fn another_function_with_the_same_key_text_is_a_miss() {
    #[cache(key = "restart-text:{a}:x", cache = cache)]
    async fn fixed(cache: &Cache, a: u32) -> u64 {
        let _ = cache;
        u64::from(a)
    }
    #[cache(key = "restart-text:{a}:{b}", cache = cache)]
    async fn open(cache: &Cache, a: u32, b: &str) -> u64 {
        let _ = cache;
        u64::from(a) + 100 + b.len() as u64
    }
    let store = Store::new(Engine::Disk);
    let first = store.open(OLD);
    assert_eq!(fixed(&first.cache, 1).await, 1);
    first.cache.shutdown(LONG).await;
    drop(first);
    let second = store.open(NEW);
    assert_eq!(open(&second.cache, 1, "x").await, 102);
    assert_eq!(second.cache.stats().site("open").unwrap().frames_refused, 1);
}

/// A store that vanishes between two processes makes the next one cold, and nothing else.
#[tokio::test]
async fn a_store_that_is_gone_is_a_cold_start() {
    for engine in ENGINES {
        let store = Store::new(engine);
        let first = store.open(OLD);
        fill(&first, 3).await;
        first.cache.shutdown(LONG).await;
        drop(first);
        for entry in fs::read_dir(store.dir.path()).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        let second = store.open(NEW);
        assert!(old(&second, 3).await.is_empty(), "{engine:?}");
        assert_eq!(second.source.reads(), 3);
    }
}
