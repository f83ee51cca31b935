//! Below near nothing of a value can be read, and nothing of a frame changed, by who has no key: it is a counted miss.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use cached_runtime::clock::Clock;
use cached_runtime::codec::Frame;
use cached_runtime::tier::Tier;
use cached_runtime::tier::disk::{Disk, DiskOptions};
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Applied, Cache, ErrorKind, Keys, cache};
use xxhash_rust::xxh3::xxh3_64;

use crate::damage::Planted;
use crate::rig::{Down, LONG, World};
use crate::shelf::eventually;

const CANARY: &str = "canary-51d0-of-somebody";
const SECRET: [u8; 32] = *b"canary-key-9b21-of-thirty-two-b.";
const OTHER: [u8; 32] = *b"another-key-that-is-not-the-same";

#[cache(key = "sealed:{id}", tags = ["sealed-tag:{id}"], ttl = "1h", stale = "1h", jitter = 0, cache = world.cache)]
async fn read(world: &World, id: u32) -> Result<String, Down> {
    let value = world.source.read().await?;
    Ok(format!("{CANARY} {id} {value}"))
}

fn first() -> Keys {
    Keys::new(1, SECRET)
}

/// A process over this tier.
fn process(tier: &Arc<impl Tier>, clock: &Clock, keys: Option<Keys>) -> World {
    World::built(Arc::clone(tier) as Arc<dyn Tier>, clock.clone(), |builder| match keys {
        Some(keys) => builder.encryption(keys),
        None => builder,
    })
}

/// The frame that a process with these keys writes, the tier that has it, and the clock.
async fn written(keys: Option<Keys>) -> (Arc<Planted>, Clock) {
    let (tier, clock) = (Arc::new(Planted::default()), Clock::manual());
    let world = process(&tier, &clock, keys);
    read(&world, 1).await.unwrap();
    world.settle().await;
    (tier, clock)
}

/// What a process has of it, without the body.
async fn peek(world: &World, id: u32) -> Option<String> {
    read::peek(world, id).await.map(Result::unwrap)
}

/// What a later process with these keys reads of it, and how often it refused.
async fn found(tier: &Arc<Planted>, clock: &Clock, keys: Option<Keys>) -> (Option<String>, u64) {
    let world = process(tier, clock, keys);
    let value = peek(&world, 1).await;
    (value, refusals(&world))
}

fn refusals(world: &World) -> u64 {
    let stats = world.cache.stats();
    stats.total().frames_refused + stats.tiers[0].unreadable + stats.tiers[0].refused + stats.tiers[0].newer
}

/// The bytes of a frame with a checksum that matches, as one makes it who can write to the tier.
fn forged(mut bytes: Vec<u8>) -> Bytes {
    let body = bytes.len() - 8;
    let checksum = xxh3_64(&bytes[..body]);
    bytes[body..].copy_from_slice(&checksum.to_le_bytes());
    bytes.into()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

#[tokio::test]
async fn the_next_process_reads_what_was_encrypted() {
    let (tier, clock) = written(Some(first())).await;
    assert!(Frame::read(tier.last()).unwrap().is_encrypted());
    let (value, refused) = found(&tier, &clock, Some(first())).await;
    assert_eq!((value.unwrap(), refused), (format!("{CANARY} 1 0"), 0));
}

/// Where a frame says when it was born, and from where on it says until when it lives.
const BORN: usize = 46;
const UNTIL: std::ops::Range<usize> = 54..70;

/// Is this frame over or not yet born, when this is flipped in it? Then it is a miss like any other.
fn is_out_of_time(frame: &[u8], at: usize, flip: u8) -> bool {
    (BORN..UNTIL.start).contains(&at) || (UNTIL.contains(&at) && frame[at] & flip != 0)
}

/// How many changes of one byte, checksum corrected, a process takes for an answer; a miss must have been counted.
async fn fooled(keys: Option<Keys>) -> usize {
    let (tier, clock) = written(keys.clone()).await;
    let (whole, world) = (tier.last(), process(&tier, &clock, keys));
    let mut fooled = 0;
    for at in 0..whole.len() - 8 {
        for flip in [0x01, 0x80] {
            let mut bytes = whole.to_vec();
            bytes[at] ^= flip;
            tier.plant(forged(bytes));
            let before = refusals(&world);
            let found = peek(&world, 1).await;
            let counted = refusals(&world) > before;
            assert!(found.is_some() || counted || is_out_of_time(&whole, at, flip), "byte {at} ^ {flip:#x} is counted");
            if found.is_some() {
                fooled += 1;
                // Out of near again.
                world.cache.set_near_capacity(1);
                world.cache.set_near_capacity(1 << 20);
            }
            eventually("it is removed", || world.cache.stats().tiers[0].backlog == 0).await;
        }
    }
    fooled
}

#[tokio::test]
async fn every_byte_is_authenticated() {
    assert_eq!(fooled(Some(first())).await, 0);
    assert!(fooled(None).await > CANARY.len(), "the control: a checksum stops nobody");
}

/// The frame of one key put under another, its head rewritten to match.
async fn swapped(keys: Option<Keys>) -> (Option<String>, u64) {
    let (tier, clock) = written(keys.clone()).await;
    let mut bytes = tier.last().to_vec();
    let name = b"sealed:1";
    let at = bytes.windows(name.len()).position(|part| part == name).unwrap();
    bytes[at + name.len() - 1] = b'2';
    tier.plant(forged(bytes));
    let world = process(&tier, &clock, keys);
    (peek(&world, 2).await, refusals(&world))
}

#[tokio::test]
async fn a_frame_is_not_moved_to_another_key() {
    assert_eq!(swapped(Some(first())).await, (None, 1));
    let (value, _) = swapped(None).await;
    assert_eq!(value.unwrap(), format!("{CANARY} 1 0"), "the control: without keys it is another's value");
}

#[tokio::test]
async fn a_frame_is_read_by_older_keys_and_written_by_the_first() {
    let (tier, clock) = written(Some(first())).await;
    assert_eq!(found(&tier, &clock, Some(Keys::new(2, OTHER))).await, (None, 1), "an id that is not here");
    assert_eq!(found(&tier, &clock, Some(Keys::new(1, OTHER))).await, (None, 1), "another key of that id");
    let rotated = process(&tier, &clock, Some(Keys::new(2, OTHER).also(1, SECRET)));
    assert!(peek(&rotated, 1).await.is_some(), "an older key is still read");
    read(&rotated, 3).await.unwrap();
    rotated.settle().await;
    assert_eq!(Frame::read(tier.last()).unwrap().payload()[..4], 2_u32.to_le_bytes(), "the first key writes");
}

#[tokio::test]
async fn plain_frames_are_refused_unless_they_are_accepted() {
    let (tier, clock) = written(None).await;
    assert_eq!(found(&tier, &clock, Some(first())).await, (None, 1));
    let moving = process(&tier, &clock, Some(first().accept_plain(true)));
    assert!(peek(&moving, 1).await.is_some(), "while a store is moved");
    read(&moving, 3).await.unwrap();
    moving.settle().await;
    assert!(Frame::read(tier.last()).unwrap().is_encrypted(), "what is written then is encrypted");
}

#[tokio::test]
async fn without_keys_an_encrypted_frame_is_a_miss() {
    let (tier, clock) = written(Some(first())).await;
    assert_eq!(found(&tier, &clock, None).await, (None, 1));
    let world = process(&tier, &clock, None);
    world.source.write(9);
    assert_eq!(read(&world, 1).await.unwrap(), format!("{CANARY} 1 9"), "the body answers");
}

fn holds_below(dir: &Path, text: &str) -> bool {
    std::fs::read_dir(dir).unwrap().flatten().any(|entry| match entry.path() {
        path if path.is_dir() => holds_below(&path, text),
        path => holds(&std::fs::read(path).unwrap(), text),
    })
}

#[tokio::test]
async fn no_tier_is_given_a_value_to_read() {
    for (keys, readable) in [(Some(first()), false), (None, true)] {
        let (tier, _) = written(keys.clone()).await;
        assert_eq!(holds(&tier.last(), CANARY), readable, "the frame");
        assert!(holds(&tier.last(), "sealed:1"), "its head is readable");
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(Disk::open(DiskOptions::new(dir.path().join("store"))));
        let world = process(&disk, &Clock::manual(), keys);
        for id in 0..10 {
            read(&world, id).await.unwrap();
        }
        world.cache.shutdown(LONG).await;
        assert_eq!(holds_below(dir.path(), CANARY), readable, "the files");
        assert!(!holds_below(dir.path(), "canary-key"), "no key goes down");
    }
}

/// The log judges by heads: invalidations, a store's upkeep and a restart need no key.
#[tokio::test]
async fn what_was_invalidated_stays_so() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::manual());
    let open = || Arc::new(Disk::open(DiskOptions::new(dir.path().join("store"))));
    let world = process(&open(), &clock, Some(first()));
    for id in 0..8 {
        read(&world, id).await.unwrap();
    }
    world.settle().await;
    assert_eq!(world.cache.invalidate_tags(["sealed-tag:1"]).await, Applied::Applied);
    assert_eq!(world.cache.invalidate_pattern("sealed:2*").await.unwrap(), Applied::Applied);
    assert_eq!(read::remove(&world, 4).await, Applied::Applied);
    world.cache.shutdown(LONG).await;
    drop(world);
    let next = process(&open(), &clock, Some(first()));
    let mut there = Vec::new();
    for id in 0..8 {
        if peek(&next, id).await.is_some() {
            there.push(id);
        }
    }
    assert_eq!(there, [0, 3, 5, 6, 7]);
}

/// A frame goes up as it is, and an old value is served from below as without encryption.
#[tokio::test]
async fn encrypted_frames_are_promoted_and_served_stale() {
    let (upper, lower) = (Arc::new(Planted::default()), Arc::new(MemoryTier::new()));
    let clock = Clock::manual();
    let first_process = process(&lower, &clock, Some(first()));
    read(&first_process, 1).await.unwrap();
    first_process.settle().await;
    let world = World::built(Arc::clone(&upper) as Arc<dyn Tier>, clock.clone(), |builder| {
        builder.tier(Arc::clone(&lower)).encryption(first())
    });
    assert!(peek(&world, 1).await.is_some());
    world.settle().await;
    assert!(Frame::read(upper.last()).unwrap().is_encrypted());
    clock.advance(std::time::Duration::from_secs(5_000));
    let late = process(&lower, &clock, Some(first()));
    late.source.fail(true);
    assert_eq!(read(&late, 1).await.unwrap(), format!("{CANARY} 1 0"), "an old value instead of a failure");
}

#[test]
fn no_key_is_shown() {
    let numbers = format!("{:?}", &SECRET[..4]);
    let keys = first().also(2, OTHER);
    let builder = Cache::builder().encryption(keys.clone());
    let mut shown = format!("{keys:?} {builder:?}");
    shown.push_str(&format!("{:?}", builder.build().unwrap()));
    assert!(shown.contains("ids: [1, 2]"), "{shown}");
    for secret in ["canary", "another-key", numbers.trim_matches(['[', ']'])] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn wrong_keys_are_an_error_that_names_the_setting() {
    for wrong in [first().also(1, OTHER), Keys::new(1, [0; 32])] {
        let error = Cache::builder().encryption(wrong).build().unwrap_err();
        assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some("encryption")));
    }
}
