//! Somebody else can write to Redis: what is moved, put back or made to explode is a counted miss.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cached_runtime::codec::{Compression, Frame, Head};
use cached_runtime::{Keys, cache};
use kit::{Connection, RedisServer, Reply};
use xxhash_rust::xxh3::xxh3_64;

use crate::rig::{LONG, Node, Source, figure};

#[cache(key = "tenant:{tenant}", tags = ["tenant:{tenant}"], ttl = "1h", cache = node.cache, skip(node))]
async fn account(node: &Node, tenant: &str) -> Result<String, String> {
    Ok(format!("{tenant} has canary-sum-{}", node.source.read().await?))
}

#[cache(key = "bomb:{id}", ttl = "1h", cache = node.cache, skip(node))]
async fn large(node: &Node, id: u64) -> Result<Vec<u8>, String> {
    let _ = id;
    node.source.read().await?;
    Ok(vec![7; 3])
}

const SECRET: [u8; 32] = *b"canary-key-of-thirty-two-bytes..";

async fn node(redis: &RedisServer, source: &Arc<Source>, encrypted: bool) -> Node {
    let node = Node::with(&redis.url(), source, |builder| match encrypted {
        true => builder.read_deadline(LONG).encryption(Keys::new(1, SECRET)),
        false => builder.read_deadline(LONG),
    });
    node.proven().await;
    node
}

fn stored(key: &str) -> String {
    format!("cached:v:{{{key}}}")
}

fn taken(redis: &RedisServer, key: &str) -> Vec<u8> {
    match redis.command(&["GET", &stored(key)]) {
        Reply::Bulk(bytes) => bytes,
        other => panic!("no frame at {key}: {other:?}"),
    }
}

fn plant(redis: &RedisServer, key: &str, bytes: &[u8]) {
    let mut pen = Connection::to(redis.port()).unwrap();
    assert!(pen.command(&[b"SET".as_slice(), stored(key).as_bytes(), bytes]).unwrap().is_ok());
}

/// The frame of one tenant, all that names it rewritten, and a checksum that matches.
fn readdressed(mut bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let places: Vec<usize> =
        (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from.as_bytes())).collect();
    assert!(!places.is_empty(), "a frame names its key");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    let body = bytes.len() - 8;
    let checksum = xxh3_64(&bytes[..body]);
    bytes[body..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn refusals(node: &Node) -> u64 {
    let stats = node.cache.stats();
    stats.total().frames_refused + stats.tiers[0].unreadable + stats.tiers[0].refused
}

/// What tenant B reads after somebody has put A's entry in the place of B's, and how often a frame was refused.
async fn swapped(encrypted: bool, rewritten: bool) -> (String, u64) {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let writer = node(&redis, &source, encrypted).await;
    account(&writer, "a").await.unwrap();
    account(&writer, "b").await.unwrap();
    writer.settled().await;
    let bytes = taken(&redis, "tenant:a");
    let bytes = if rewritten { readdressed(bytes, "tenant:a", "tenant:b") } else { bytes };
    plant(&redis, "tenant:b", &bytes);
    let reader = node(&redis, &source, encrypted).await;
    (account(&reader, "b").await.unwrap(), refusals(&reader))
}

/// S3: A's bytes in B's place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_an_entry_that_was_moved_to_another_tenant_is_a_miss() {
    for (encrypted, rewritten) in [(false, false), (true, false), (true, true)] {
        let (read, refused) = swapped(encrypted, rewritten).await;
        assert_eq!(read, "b has canary-sum-0", "encrypted: {encrypted}, rewritten: {rewritten}");
        assert!(refused > 0, "and it is counted");
    }
    // The control: without keys a checksum stops accidents and nobody else.
    let (read, refused) = swapped(false, true).await;
    assert_eq!((read.as_str(), refused), ("a has canary-sum-0", 0), "who can write a checksum can write values");
    figure("S3", "an entry moved: 0 of 3 read by the other tenant; without keys, rewritten with care, 1 of 1");
}

/// The next call asks Redis.
fn near_forgets(node: &Node) {
    let capacity = node.cache.near_capacity();
    node.cache.set_near_capacity(1);
    node.cache.set_near_capacity(capacity);
}

/// The invalidation has reached this node.
async fn eventually_reads(node: &Node, new: &str) {
    let start = Instant::now();
    while account(node, "a").await.as_deref() != Ok(new) {
        assert!(start.elapsed() < Duration::from_secs(2), "the other node does not learn of it");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The old entry once more, after all that the nodes had to write; and without the fence, as it is a minute later.
async fn put_back(redis: &RedisServer, nodes: &[Node], old: &[u8]) {
    for node in nodes {
        node.settled().await;
    }
    plant(redis, "tenant:a", old);
    redis.command(&["DEL", &stored("tenant:a").replace(":v:", ":f:")]);
}

/// S3: an entry that was taken before it was invalidated, and is put back afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_an_entry_that_is_put_back_after_its_invalidation_is_a_miss() {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let mut replays = 0;
    for (version, what) in (1..).zip(["a key", "a tag", "a namespace", "a pattern"]) {
        let writer = node(&redis, &source, true).await;
        account(&writer, "a").await.unwrap();
        writer.settled().await;
        let old = taken(&redis, "tenant:a");
        plant(&redis, "tenant:a", &old);
        let control = node(&redis, &source, true).await;
        let reads = source.reads();
        account(&control, "a").await.unwrap();
        assert_eq!(source.reads(), reads, "{what}, the control: put back before, it is read");
        source.write(version);
        match version {
            1 => drop(writer.cache.invalidate_key(&account::key(&writer, "a")).await),
            2 => drop(writer.cache.invalidate_tags(["tenant:a"]).await),
            3 => drop(writer.cache.invalidate_namespace("tenant").await),
            _ => drop(writer.cache.invalidate_pattern("tenant:*").await),
        }
        writer.settled().await;
        let new = format!("a has canary-sum-{version}");
        eventually_reads(&control, &new).await;
        let late = node(&redis, &source, true).await;
        let mut readers = vec![writer, control];
        if version > 1 {
            readers.push(late);
        } else {
            put_back(&redis, &readers, &old).await;
            let read = account(&late, "a").await.unwrap();
            assert_eq!(
                read, "a has canary-sum-0",
                "the limit that `Keys` tells of: {what}, and a node that came later"
            );
        }
        for reader in &readers {
            put_back(&redis, &readers, &old).await;
            near_forgets(reader);
            assert_eq!(account(reader, "a").await.unwrap(), new, "{what} was invalidated, and the old entry put back");
            replays += 1;
        }
    }
    figure("S3", format!("{replays} times put back after its invalidation: 0 read"));
}

/// Peak memory of this process so far, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// Zeros, so many MiB of them: one MiB is packed, and what it is packed to repeated.
fn bomb(mib: usize) -> Vec<u8> {
    let mut packed = Vec::with_capacity(1 << 20);
    let mut deflate = flate2::Compress::new(flate2::Compression::best(), false);
    deflate.compress_vec(&vec![0; 1 << 20], &mut packed, flate2::FlushCompress::Sync).unwrap();
    [vec![0x78, 0x9C], packed.repeat(mib), vec![0x03, 0x00, 0, 0, 0, 0]].concat()
}

/// S6: half a megabyte that unfolds to half a gigabyte, whatever length it announces.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s6_a_bomb_in_redis_does_not_go_off() {
    const UNFOLDED: usize = 512 << 20;
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let writer = node(&redis, &source, false).await;
    large(&writer, 0).await.unwrap();
    writer.settled().await;
    let frame = Frame::read(Bytes::from(taken(&redis, "bomb:0"))).unwrap();
    let bomb = bomb(UNFOLDED >> 20);
    let before = peak();
    let (mut slowest, mut n) = (Duration::ZERO, 0);
    for announced in [0, 1, 200, 1 << 20, UNFOLDED as u32, u32::MAX] {
        n += 1;
        let key = format!("bomb:{n}");
        let number = Compression::Zlib.number();
        let key_of = large::key(&writer, n);
        let head = Head { key: key_of, compression: number, raw_len: announced, ..frame.head().clone() };
        plant(&redis, &key, Frame::seal(head, &bomb).unwrap().bytes());
        let (refused, start) = (refusals(&writer), Instant::now());
        assert_eq!(large(&writer, n).await, Ok(vec![7; 3]), "{announced} bytes announced: the body answers");
        slowest = slowest.max(start.elapsed());
        assert!(refusals(&writer) > refused, "{announced} bytes announced: it is counted");
    }
    let more = peak().saturating_sub(before) >> 10;
    figure(
        "S6",
        format!("{n} bombs of {} KiB for 512 MiB: slowest miss {slowest:?}, {more} MiB more", bomb.len() >> 10),
    );
    // Other tests of this program take memory meanwhile; one bomb alone would be more than this.
    assert!(more < 200, "{more} MiB");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
}
