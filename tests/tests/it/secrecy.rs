//! With key secrecy nothing below near is told a key or a tag, and everything goes on as without.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use cached_runtime::clock::Clock;
use cached_runtime::codec::Frame;
use cached_runtime::tier::Tier;
use cached_runtime::tier::disk::{Disk, DiskOptions};
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::tier::sql::{Sql, SqlOptions};
use cached_runtime::{Applied, Builder, Cache, ErrorKind, KeySecrecy, Keys, cache};
use tempfile::TempDir;
use xxhash_rust::xxh3::xxh3_64;

use crate::damage::Planted;
use crate::rig::{Down, LONG, World};
use crate::shelf::eventually;

const CANARY: &str = "canary-3e77-of-somebody";
const KEY: [u8; 32] = *b"a-key-for-frames-of-thirty-two-b";
const SECRET: [u8; 32] = *b"a-secret-for-names-of-thirty-two";
const OTHER: [u8; 32] = *b"another-secret-that-is-not-ours!";

#[cache(
    key = "hidden:{who}:{id}", tags = ["of:{who}", "hidden-id:{id}"], ttl = "1h", stale = "1h", jitter = 0,
    cache = world.cache
)]
async fn read(world: &World, who: &str, id: u32) -> Result<u64, Down> {
    let _ = (who, id);
    world.source.read().await
}

#[cache(key = "other:{id}", ttl = "1h", jitter = 0, cache = world.cache)]
async fn read_other(world: &World, id: u32) -> Result<u64, Down> {
    let _ = id;
    world.source.read().await
}

/// What a process hides names with, if it does.
type Secret = Option<[u8; 32]>;

fn hiding(builder: Builder, secret: Secret) -> Builder {
    let builder = builder.encryption(Keys::new(1, KEY));
    match secret {
        Some(secret) => builder.key_secrecy(KeySecrecy::hmac(secret)),
        None => builder,
    }
}

/// A process over this tier. Another process has another chance.
fn process(tier: &Arc<impl Tier>, clock: &Clock, secret: Secret, seed: u64) -> World {
    let tier = Arc::clone(tier) as Arc<dyn Tier>;
    World::built(tier, clock.clone(), |builder| hiding(builder.seed(seed), secret))
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
    processes: u64,
}

impl Store {
    fn new(engine: Engine) -> Self {
        Self { engine, dir: TempDir::new().unwrap(), clock: Clock::manual(), processes: 0 }
    }

    fn open(&mut self, secret: Secret) -> World {
        self.processes += 1;
        let path = self.dir.path().join("store");
        let tier: Arc<dyn Tier> = match self.engine {
            Engine::Disk => Arc::new(Disk::open(DiskOptions::new(path))),
            Engine::Sqlite => Arc::new(Sql::open(SqlOptions::sqlite(path).unwrap())),
        };
        process(&Arc::new(tier), &self.clock, secret, self.processes)
    }
}

async fn end(world: World) {
    world.settle().await;
    let left = world.cache.shutdown(LONG).await;
    assert_eq!((left.unwritten, left.records), (0, 0), "all is stored");
}

/// What a process has of it, without the body.
async fn peek(world: &World, id: u32) -> Option<u64> {
    read::peek(world, CANARY, id).await.map(Result::unwrap)
}

async fn there(world: &World, ids: u32) -> Vec<u32> {
    let mut there = Vec::new();
    for id in 0..ids {
        if peek(world, id).await.is_some() {
            there.push(id);
        }
    }
    there
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

fn holds_below(dir: &Path, text: &str) -> bool {
    std::fs::read_dir(dir).unwrap().flatten().any(|entry| match entry.path() {
        path if holds(path.as_os_str().as_encoded_bytes(), text) => true,
        path if path.is_dir() => holds_below(&path, text),
        path => holds(&std::fs::read(path).unwrap(), text),
    })
}

/// Stores, overwrites, and invalidates by all that can be named.
async fn work(world: &World) {
    for id in 0..20 {
        read(world, CANARY, id).await.unwrap();
    }
    world.settle().await;
    assert_eq!(read::remove(world, CANARY, 1).await, Applied::Applied);
    assert_eq!(world.cache.invalidate_tags([format!("of:{CANARY}")]).await, Applied::Applied);
    assert_eq!(world.cache.invalidate_pattern(&format!("hidden:{CANARY}*")).await.unwrap(), Applied::Applied);
    assert_eq!(world.cache.invalidate_pattern(&format!("*{CANARY}:2")).await.unwrap(), Applied::Applied);
    for id in 10..30 {
        read(world, CANARY, id).await.unwrap();
    }
    world.settle().await;
}

#[tokio::test]
async fn no_store_is_given_a_name_to_read() {
    for engine in ENGINES {
        for (secret, readable) in [(Some(SECRET), false), (None, true)] {
            let mut store = Store::new(engine);
            let world = store.open(secret);
            work(&world).await;
            assert_eq!(holds_below(store.dir.path(), CANARY), readable, "{engine:?}, in the middle");
            end(world).await;
            assert_eq!(holds_below(store.dir.path(), CANARY), readable, "{engine:?}, at the end");
            assert!(holds_below(store.dir.path(), "hidden"), "the control: a namespace can be read");
            assert!(!holds_below(store.dir.path(), "thirty-two"), "neither key nor secret goes down");
            let next = store.open(secret);
            assert_eq!(
                there(&next, 30).await,
                (10..30).collect::<Vec<_>>(),
                "{engine:?}: and the next process is warm"
            );
        }
    }
}

/// After a restart as well, when all that is known of an invalidation is what its store says.
#[tokio::test]
async fn what_was_invalidated_stays_so_and_nothing_else() {
    for engine in ENGINES {
        let mut store = Store::new(engine);
        let world = store.open(Some(SECRET));
        for id in 0..8 {
            read(&world, CANARY, id).await.unwrap();
        }
        read_other(&world, 1).await.unwrap();
        world.settle().await;
        assert_eq!(world.cache.invalidate_tags(["hidden-id:1"]).await, Applied::Applied);
        assert_eq!(world.cache.invalidate_pattern(&format!("hidden:{CANARY}:2")).await.unwrap(), Applied::Applied);
        assert_eq!(world.cache.invalidate_pattern("*:3").await.unwrap(), Applied::Applied);
        assert_eq!(read::remove(&world, CANARY, 4).await, Applied::Applied);
        assert_eq!(there(&world, 8).await, [0, 5, 6, 7]);
        end(world).await;
        let next = store.open(Some(SECRET));
        assert_eq!(there(&next, 8).await, [0, 5, 6, 7], "{engine:?}");
        assert_eq!(next.cache.invalidate_namespace("hidden").await.unwrap(), Applied::Applied);
        assert!(there(&next, 8).await.is_empty(), "{engine:?}");
        end(next).await;
        let last = store.open(Some(SECRET));
        assert!(there(&last, 8).await.is_empty(), "{engine:?}");
        assert!(read_other::peek(&last, 1).await.is_some(), "{engine:?}: another namespace is not concerned");
    }
}

/// Upkeep looks inside: what was invalidated or is over is given back, and nothing else.
#[tokio::test]
async fn upkeep_removes_what_was_invalidated() {
    let (tier, clock) = (Arc::new(MemoryTier::new()), Clock::manual());
    let world = process(&tier, &clock, Some(SECRET), 1);
    for id in 0..100 {
        read(&world, CANARY, id).await.unwrap();
        read_other(&world, id).await.unwrap();
    }
    world.settle().await;
    world.cache.invalidate_tags([format!("of:{CANARY}")]).await;
    read(&world, CANARY, 7).await.unwrap();
    world.settle().await;
    eventually("the upkeep has come round", || world.cache.stats().tiers[0].entries == 101).await;
    assert_eq!(there(&world, 100).await, [7]);
}

#[tokio::test]
async fn with_another_secret_or_none_everything_is_a_miss_and_no_value_is_wrong() {
    for engine in ENGINES {
        for (first, second) in [(Some(SECRET), Some(OTHER)), (Some(SECRET), None), (None, Some(SECRET))] {
            let mut store = Store::new(engine);
            let world = store.open(first);
            read(&world, CANARY, 1).await.unwrap();
            end(world).await;
            let next = store.open(second);
            assert_eq!(peek(&next, 1).await, None, "{engine:?}: {first:?} then {second:?}");
            next.source.write(9);
            assert_eq!(read(&next, CANARY, 1).await, Ok(9), "the body answers");
            end(next).await;
            let again = store.open(second);
            assert_eq!(peek(&again, 1).await, Some(9), "{engine:?}: and from then on it is stored");
        }
    }
}

/// A process with other names removes other frames: what it did not remove may not come back with the first one's.
#[tokio::test]
async fn a_key_that_was_removed_under_other_names_does_not_come_back() {
    for engine in ENGINES {
        for (first, second) in [(Some(SECRET), Some(OTHER)), (Some(SECRET), None), (None, Some(SECRET))] {
            for removes in [true, false] {
                let mut store = Store::new(engine);
                let world = store.open(first);
                read(&world, CANARY, 1).await.unwrap();
                end(world).await;
                let between = store.open(if removes { second } else { first });
                if removes {
                    read::remove(&between, CANARY, 1).await;
                }
                end(between).await;
                let last = store.open(first);
                let expected = if removes { None } else { Some(0) };
                assert_eq!(peek(&last, 1).await, expected, "{engine:?}: {first:?}, {second:?} removes: {removes}");
            }
        }
    }
}

fn refusals(world: &World) -> u64 {
    let stats = world.cache.stats();
    stats.total().frames_refused + stats.tiers[0].unreadable + stats.tiers[0].refused
}

/// The bytes of a frame with a checksum that matches, as one makes it who can write to the tier.
fn forged(mut bytes: Vec<u8>) -> Vec<u8> {
    let body = bytes.len() - 8;
    let checksum = xxh3_64(&bytes[..body]);
    bytes[body..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The frame that a process wrote, in a tier that answers every question with it.
async fn written() -> (Arc<Planted>, Clock) {
    let (tier, clock) = (Arc::new(Planted::default()), Clock::manual());
    let world = process(&tier, &clock, Some(SECRET), 7);
    read(&world, CANARY, 1).await.unwrap();
    world.settle().await;
    (tier, clock)
}

#[tokio::test]
async fn a_frame_that_was_moved_to_another_name_is_a_counted_miss() {
    let (tier, clock) = written().await;
    let frame = Frame::read(tier.last()).unwrap();
    assert_eq!((frame.is_encrypted(), frame.tags().count(), frame.head().fingerprint), (true, 0, 0));
    assert!(frame.key().as_str().starts_with("hidden:") && frame.key().as_str().len() == 7 + 32, "{}", frame.key());
    let world = process(&tier, &clock, Some(SECRET), 7);
    assert_eq!((peek(&world, 2).await, refusals(&world)), (None, 1), "the bytes of 1 at the name of 2");
    assert_eq!((peek(&world, 1).await, refusals(&world)), (Some(0), 1), "the control: at its own");
    // Its head rewritten to match, and what is in it not.
    let mut bytes = tier.last().to_vec();
    let name = frame.key().as_str().as_bytes();
    let at = bytes.windows(name.len()).position(|part| part == name).unwrap();
    bytes[at + 10] ^= 1;
    tier.plant(forged(bytes));
    let world = process(&tier, &clock, Some(SECRET), 7);
    assert_eq!((peek(&world, 1).await, refusals(&world)), (None, 1), "another name in its head");
}

/// A plain frame is another process's of before, also where those are accepted: nobody may plant one inside.
#[tokio::test]
async fn every_byte_of_a_hidden_frame_is_authenticated() {
    let (tier, clock) = written().await;
    let whole = tier.last();
    let world = World::built(Arc::clone(&tier) as Arc<dyn Tier>, clock.clone(), |builder| {
        let keys = Keys::new(1, KEY).accept_plain(true);
        builder.encryption(keys).key_secrecy(KeySecrecy::hmac(SECRET))
    });
    for at in 0..whole.len() - 8 {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 1;
        let bytes = forged(bytes);
        let is_newer = Frame::is_newer(&bytes);
        tier.plant(bytes);
        let before = refusals(&world);
        assert_eq!(peek(&world, 1).await, None, "byte {at}");
        // What says that it is of a later version is left for those who know that, as where keys are no secret.
        assert!(is_newer || refusals(&world) > before, "byte {at} is counted");
        eventually("it is removed", || world.cache.stats().tiers[0].backlog == 0).await;
    }
    tier.plant(whole);
    assert_eq!(peek(&world, 1).await, Some(0), "the control");
}

/// A frame goes up under the same name, and an old value is served from below as without secrecy.
#[tokio::test]
async fn hidden_frames_are_promoted_and_served_stale() {
    let (upper, lower) = (Arc::new(Planted::default()), Arc::new(MemoryTier::new()));
    let clock = Clock::manual();
    let first = process(&lower, &clock, Some(SECRET), 1);
    read(&first, CANARY, 1).await.unwrap();
    first.settle().await;
    let world = World::built(Arc::clone(&upper) as Arc<dyn Tier>, clock.clone(), |builder| {
        hiding(builder.tier(Arc::clone(&lower)), Some(SECRET))
    });
    assert_eq!(peek(&world, 1).await, Some(0));
    world.settle().await;
    assert!(Frame::read(upper.last()).unwrap().is_encrypted() && !holds(&upper.last(), CANARY));
    clock.advance(std::time::Duration::from_secs(5_000));
    let late = process(&lower, &clock, Some(SECRET), 2);
    late.source.fail(true);
    assert_eq!(read(&late, CANARY, 1).await, Ok(0), "an old value instead of a failure");
}

#[test]
fn no_secret_is_shown() {
    let secrecy = KeySecrecy::hmac(SECRET);
    let builder = Cache::builder().encryption(Keys::new(1, KEY)).key_secrecy(secrecy.clone());
    let mut shown = format!("{secrecy:?} {builder:?}");
    shown.push_str(&format!("{:?}", builder.build().unwrap()));
    assert!(shown.starts_with("KeySecrecy(..) "), "{shown}");
    let numbers = format!("{:?}", &SECRET[..4]);
    for secret in ["thirty-two", numbers.trim_matches(['[', ']'])] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn wrong_secrecy_is_an_error_that_names_the_setting() {
    let keys = || Keys::new(1, KEY);
    let without = Cache::builder().key_secrecy(KeySecrecy::hmac(SECRET));
    let blank = Cache::builder().encryption(keys()).key_secrecy(KeySecrecy::hmac([0; 32]));
    for wrong in [without, blank] {
        let error = wrong.build().unwrap_err();
        assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some("key_secrecy")));
    }
    assert!(hiding(Cache::builder(), Some(SECRET)).build().is_ok(), "the control");
}

/// What secrecy adds to a read that finds a frame of 1 KB, and to its frame.
#[tokio::test]
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
async fn what_a_read_costs() {
    const READS: u32 = 2_000;
    for (what, secret) in [("encrypted", None), ("hidden as well", Some(SECRET))] {
        let (tier, clock) = (Arc::new(MemoryTier::new()), Clock::manual());
        let world = process(&tier, &clock, secret, 1);
        read(&world, CANARY, 1).await.unwrap();
        world.settle().await;
        let bytes = world.cache.stats().tiers[0].bytes;
        let start = Instant::now();
        for _ in 0..READS {
            world.cache.set_near_capacity(1);
            assert_eq!(peek(&world, 1).await, Some(0));
            world.cache.set_near_capacity(1 << 20);
        }
        println!("{what}: {:?} a read, {bytes} bytes stored", start.elapsed() / READS);
    }
}
