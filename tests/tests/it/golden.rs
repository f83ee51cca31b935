//! What released versions wrote is read as it was written or is a counted miss, in either direction; and two versions
//! that run side by side take nothing from each other.
//!
//! `CACHED_GOLDEN=write` writes the files of the present version; those of earlier ones are never written again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cached_runtime::clock::Clock;
use cached_runtime::codec::{Compression, Format, Frame};
use cached_runtime::tier::disk::{Disk, DiskOptions};
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::tier::sql::{Sql, SqlOptions};
use cached_runtime::{Builder, Keys, Tier, cache};
use serde::{Deserialize, Serialize};
use tracing::Level;
use xxhash_rust::xxh3::xxh3_64;

use crate::damage::Planted;
use crate::rig::World;
use crate::silence::Ear;

/// Of each shape that formats treat in their own way, one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Video {
    id: u64,
    title: String,
    length: Option<f64>,
    kind: Kind,
    by_second: BTreeMap<u32, (i16, char)>,
    bytes: Vec<u8>,
    from_source: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Live,
    Clip(u8),
    Film { year: i32, chapters: Vec<Option<u8>> },
}

fn video(from_source: u64) -> Video {
    Video {
        id: u64::MAX,
        title: "intro ü ".repeat(40),
        length: Some(0.1),
        kind: Kind::Film { year: -3, chapters: vec![Some(1), None] },
        by_second: BTreeMap::from([(0, (-1, 'x')), (9, (300, '→'))]),
        bytes: vec![0, 255, 7],
        from_source,
    }
}

const WRITTEN: u64 = 7;
const NOW: u64 = 8;
const SECRET: [u8; 32] = *b"golden-key-of-thirty-two-bytes-.";

#[cache(key = "golden:{name}:video", tags = ["golden:{name}", "golden"], ttl = "1h", jitter = 0, cache = world.cache)]
async fn read(world: &World, name: &str) -> Video {
    let _ = name;
    video(world.source.read().await.unwrap_or_default())
}

fn folder(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(version)
}

fn is_to_be_written() -> bool {
    std::env::var_os("CACHED_GOLDEN").is_some_and(|what| what == "write")
}

type Build = Box<dyn Fn(Builder) -> Builder>;

/// Each file of the present version, and how its cache was built.
fn present() -> Vec<(String, Build)> {
    let mut all: Vec<(String, Build)> = Vec::new();
    for format in [Format::Postcard, Format::Msgpack, Format::Json] {
        for compression in [Compression::None, Compression::Zlib, Compression::Zstd, Compression::Lz4] {
            let build =
                move |builder: Builder| builder.format(format).compression(compression).compression_threshold(0);
            all.push((format!("{format}-{}.frame", compression.word()), Box::new(build)));
        }
    }
    all.push(("encrypted.frame".to_owned(), Box::new(|builder| builder.encryption(Keys::new(1, SECRET)))));
    all
}

/// The frame that a cache built like this writes.
async fn written(build: &dyn Fn(Builder) -> Builder) -> Bytes {
    let tier = Arc::new(Planted::default());
    let world = World::built(Arc::clone(&tier) as Arc<dyn Tier>, Clock::manual(), build);
    world.source.write(WRITTEN);
    read(&world, "a").await;
    world.settle().await;
    tier.last()
}

/// A frame of version 1: the same without a place in a shared log.
fn as_version_1(frame: &[u8]) -> Vec<u8> {
    const SHARED: std::ops::Range<usize> = 30..46;
    let mut body = frame[..frame.len() - 8].to_vec();
    body.drain(SHARED);
    body[2] = 1;
    with_checksum(body)
}

/// An intact frame of the next version, as far as this one can tell.
fn newer_than(frame: &[u8]) -> Vec<u8> {
    let mut body = frame[..frame.len() - 8].to_vec();
    body[2] += 1;
    body.splice(6..6, *b"what is new");
    with_checksum(body)
}

fn with_checksum(body: Vec<u8>) -> Vec<u8> {
    let checksum = xxh3_64(&body);
    [body, checksum.to_le_bytes().to_vec()].concat()
}

/// A tier that an earlier process left, in the epoch of this frame, with these bytes at the frame's key.
fn left(frame: &Frame, bytes: &[u8]) -> Arc<Planted> {
    let tier = Arc::new(Planted::default());
    tier.plant(Bytes::copy_from_slice(bytes));
    tier.recalls(frame.head().birth);
    tier
}

/// The next process, at the time when the files were written.
fn process(tier: &Arc<impl Tier>, build: impl FnOnce(Builder) -> Builder) -> World {
    let world = World::built(Arc::clone(tier) as Arc<dyn Tier>, Clock::manual(), build);
    world.source.write(NOW);
    world
}

#[tokio::test]
async fn a_frame_of_this_version_is_read_as_it_was_written() {
    if is_to_be_written() {
        fs::create_dir_all(folder("v2")).unwrap();
        for (name, build) in present() {
            fs::write(folder("v2").join(name), written(&build).await).unwrap();
        }
    }
    for (name, _) in present() {
        let bytes = fs::read(folder("v2").join(&name)).unwrap();
        let frame = Frame::read(Bytes::from(bytes.clone())).unwrap();
        assert_eq!(frame.tags().collect::<Vec<_>>(), ["golden:a", "golden"], "{name}");
        let tier = left(&frame, &bytes);
        let world = process(&tier, |builder| match frame.is_encrypted() {
            true => builder.encryption(Keys::new(1, SECRET)),
            false => builder,
        });
        assert_eq!(read(&world, "a").await, video(WRITTEN), "{name}: read, not loaded");
        assert_eq!(world.source.reads(), 0, "{name}");
        // The control: what was invalidated is not read, of whatever version.
        world.cache.invalidate_tags(["golden"]).await;
        assert_eq!(read(&world, "a").await, video(NOW), "{name}");
    }
}

#[tokio::test]
async fn a_frame_of_an_older_version_is_a_counted_miss_and_is_replaced() {
    let present = fs::read(folder("v2").join("postcard-none.frame")).unwrap();
    if is_to_be_written() && !folder("v1").exists() {
        fs::create_dir_all(folder("v1")).unwrap();
        fs::write(folder("v1").join("postcard-none.frame"), as_version_1(&present)).unwrap();
    }
    let bytes = fs::read(folder("v1").join("postcard-none.frame")).unwrap();
    assert_eq!((&bytes[..3], Frame::is_newer(&bytes)), (&b"cf\x01"[..], false));
    let frame = Frame::read(Bytes::from(present)).unwrap();
    let tier = left(&frame, &bytes);
    let world = process(&tier, |builder| builder);
    assert_eq!(read(&world, "a").await, video(NOW));
    world.settle().await;
    let stats = world.cache.stats();
    assert_eq!((stats.tiers[0].unreadable, stats.tiers[0].newer), (1, 0), "it is counted");
    assert_eq!(Frame::read(tier.last()).unwrap().key(), frame.key(), "and replaced");
}

#[tokio::test]
async fn a_frame_of_a_newer_version_is_a_miss_that_stays() {
    let present = fs::read(folder("v2").join("postcard-none.frame")).unwrap();
    let frame = Frame::read(Bytes::from(present.clone())).unwrap();
    let newer = newer_than(&present);
    assert!(Frame::is_newer(&newer));
    let tier = left(&frame, &newer);
    let world = process(&tier, |builder| builder);
    for n in 1..=3 {
        assert_eq!(read(&world, "a").await, video(NOW), "the older node loads");
        world.settle().await;
        assert_eq!(tier.last(), newer, "what the newer one wrote is neither removed nor replaced");
        assert_eq!(world.cache.stats().tiers[0].newer, n);
        world.clock.advance(Duration::from_secs(19 * 60));
        // So that near does not answer. A tag says nothing of what the newer node may have stored since.
        world.cache.invalidate_tags(["golden"]).await;
    }
    assert_eq!(world.cache.stats().tiers[0].unreadable, 0);
}

/// A deploy that was taken back leaves nothing behind for good.
#[tokio::test]
async fn what_nobody_newer_reads_goes_after_an_hour() {
    let present = fs::read(folder("v2").join("postcard-none.frame")).unwrap();
    let frame = Frame::read(Bytes::from(present.clone())).unwrap();
    let tier = left(&frame, &newer_than(&present));
    let world = process(&tier, |builder| builder);
    read(&world, "a").await;
    world.settle().await;
    assert!(Frame::is_newer(&tier.last()));
    world.clock.advance(Duration::from_secs(3_601));
    assert_eq!(read(&world, "a").await, video(NOW));
    world.settle().await;
    assert_eq!(Frame::read(tier.last()).unwrap().key(), frame.key());
}

/// The control: a checksum that does not fit is an accident, and no newer version.
#[tokio::test]
async fn damage_is_not_left_in_place() {
    let present = fs::read(folder("v2").join("postcard-none.frame")).unwrap();
    let frame = Frame::read(Bytes::from(present.clone())).unwrap();
    let mut damaged = newer_than(&present);
    *damaged.last_mut().unwrap() ^= 1;
    let tier = left(&frame, &damaged);
    let world = process(&tier, |builder| builder);
    read(&world, "a").await;
    world.settle().await;
    assert_eq!(Frame::read(tier.last()).unwrap().key(), frame.key(), "an accident is replaced");
}

/// Leaves one value and the news that another was invalidated.
async fn write_store(world: World) {
    world.source.write(WRITTEN);
    read(&world, "kept").await;
    read(&world, "gone").await;
    world.settle().await;
    world.cache.invalidate_tags(["golden:gone"]).await;
    world.cache.shutdown(Duration::from_secs(5)).await;
}

/// A whole store, with what was invalidated when it was written.
#[tokio::test]
async fn a_store_of_this_version_is_read_by_the_next_process() {
    let golden = folder("v2").join("store.sqlite");
    let temporary = tempfile::TempDir::new().unwrap();
    let path = temporary.path().join("store.sqlite");
    let open = || Arc::new(Sql::open(SqlOptions::sqlite(&path).unwrap()));
    if is_to_be_written() {
        write_store(process(&open(), |builder| builder)).await;
        fs::copy(&path, &golden).unwrap();
    }
    fs::copy(&golden, &path).unwrap();
    let world = process(&open(), |builder| builder);
    assert_eq!(read(&world, "kept").await, video(WRITTEN), "read, not loaded");
    assert_eq!(read(&world, "gone").await, video(NOW), "what was invalidated stays so");
}

/// The same of the other engine, whose store is a folder of files.
#[tokio::test]
async fn a_disk_of_this_version_is_read_by_the_next_process() {
    let golden = folder("v2").join("disk");
    let temporary = tempfile::TempDir::new().unwrap();
    let path = temporary.path().join("disk");
    let open = || Arc::new(Disk::open(DiskOptions::new(&path)));
    if is_to_be_written() {
        write_store(process(&open(), |builder| builder)).await;
        keep_folder(&path, &golden);
        fs::remove_dir_all(&path).unwrap();
    }
    restore_folder(&golden, &path);
    let world = process(&open(), |builder| builder);
    assert_eq!(read(&world, "kept").await, video(WRITTEN), "read, not loaded");
    assert_eq!(world.source.reads(), 0);
    assert_eq!(read(&world, "gone").await, video(NOW), "what was invalidated stays so");
    // The control: without the store's own files both are loaded.
    world.cache.shutdown(Duration::from_secs(5)).await;
    drop(world);
    fs::remove_dir_all(&path).unwrap();
    let world = process(&open(), |builder| builder);
    assert_eq!(read(&world, "kept").await, video(NOW));
}

/// Keeps a folder: each file without the zeros at its end, of which a journal that was made large has many, and beside
/// them how long each was.
fn keep_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let mut lengths = String::new();
    let mut names = vec![PathBuf::new()];
    while let Some(name) = names.pop() {
        let path = from.join(&name);
        if path.is_dir() {
            lengths.push_str(&format!("{}/\n", name.display()));
            names.extend(fs::read_dir(path).unwrap().map(|entry| name.join(entry.unwrap().file_name())));
            continue;
        }
        let mut bytes = fs::read(path).unwrap();
        lengths.push_str(&format!("{} {}\n", name.display(), bytes.len()));
        bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
        fs::create_dir_all(to.join(&name).parent().unwrap()).unwrap();
        fs::write(to.join(name), bytes).unwrap();
    }
    fs::write(to.join(LENGTHS), lengths).unwrap();
}

const LENGTHS: &str = "lengths.txt";

/// The folder as it was.
fn restore_folder(from: &Path, to: &Path) {
    for line in fs::read_to_string(from.join(LENGTHS)).unwrap().lines() {
        match line.split_once(' ') {
            None => fs::create_dir_all(to.join(line.trim_start_matches('/'))).unwrap(),
            Some((name, length)) => {
                fs::copy(from.join(name), to.join(name)).unwrap();
                let file = fs::File::options().write(true).open(to.join(name)).unwrap();
                file.set_len(length.parse().unwrap()).unwrap();
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Before {
    title: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct After {
    title: String,
    length: u32,
}

fn before() -> Before {
    Before { title: "a".to_owned() }
}

fn after() -> After {
    After { title: "b".to_owned(), length: 1 }
}

/// A rolling deploy: nodes whose type of value differs share a tier and a namespace.
#[test]
fn two_schemas_in_one_namespace_take_nothing_from_each_other_and_say_so() {
    const SAID: &str = "two schemas share a namespace";
    let said = Ear::hears(Level::WARN, async {
        let tier = Arc::new(MemoryTier::new());
        let (older, newer) = (process(&tier, |builder| builder), process(&tier, |builder| builder));
        let of_older = older.cache.namespace::<Before>("deploy").unwrap();
        let of_newer = newer.cache.namespace::<After>("deploy").unwrap();
        for name in ["1", "2", "3"] {
            let loaded = of_older.get_or_load(name, || async { Ok::<_, ()>(before()) }).await;
            assert_eq!(loaded, Ok(before()), "no call fails");
            older.settle().await;
            let loaded = of_newer.get_or_load(name, || async { Ok::<_, ()>(after()) }).await;
            assert_eq!(loaded, Ok(after()), "neither sees the other's value");
            newer.settle().await;
            assert_eq!(of_older.get(name).await, Some(before()), "each keeps its own");
        }
        let control = process(&tier, |builder| builder);
        assert_eq!(control.cache.namespace::<After>("deploy").unwrap().get("1").await, Some(after()));
        assert_eq!(control.cache.namespace::<Before>("deploy").unwrap().get("2").await, None, "a miss");
        newer.clock.advance(Duration::from_secs(60));
        of_older.set("4", before());
        older.settle().await;
        assert_eq!(of_newer.get("4").await, None);
    });
    // Once by the newer node, once more a minute later, and once by the control.
    assert_eq!(said.matches(SAID).count(), 3, "{said}");
    assert!(said.contains("namespace=\"deploy\"") && said.contains("ours=") && said.contains("theirs="), "{said}");
    assert!(!said.contains("title"), "no value is said");
}
