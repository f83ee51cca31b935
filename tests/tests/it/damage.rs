//! Bytes that are corrupt, cut, foreign, of another version or made to explode are a counted miss, whatever tier
//! hands them out: the body answers.

use std::fmt;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cached_runtime::cache;
use cached_runtime::clock::Clock;
use cached_runtime::codec::{Compression, Frame, Head};
use cached_runtime::group::{Position, Record};
use cached_runtime::key::Key;
use cached_runtime::tier::{Note, Recall, Reply, Step, Tidied, Tier};

use crate::rig::World;
use crate::shelf::eventually;

const STORED: u64 = 7;

#[cache(key = "damage:{id}", tags = ["damaged"], ttl = "1h", jitter = 0, cache = world.cache)]
async fn read(world: &World, id: u32) -> Vec<u64> {
    let _ = id;
    vec![world.source.read().await.unwrap_or_default(); 20]
}

/// Answers every question with the same bytes.
#[derive(Debug, Default)]
pub(crate) struct Planted(Mutex<Option<Bytes>>, Mutex<Recall>);

impl Planted {
    pub(crate) fn plant(&self, bytes: impl Into<Bytes>) {
        *self.0.lock().unwrap() = Some(bytes.into());
    }

    /// An earlier process left its log here.
    pub(crate) fn recalls(&self, position: Position) {
        self.1.lock().unwrap().position = Some(position);
    }

    /// What was planted, or put, last.
    pub(crate) fn last(&self) -> Bytes {
        self.0.lock().unwrap().clone().unwrap()
    }
}

impl Tier for Planted {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        let bytes = self.0.lock().unwrap().clone();
        Box::pin(async move { Ok(keys.iter().map(|_| bytes.clone()).collect()) })
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        if let Some(last) = frames.last() {
            self.plant(last.bytes().clone());
        }
        Box::pin(async { Ok(Vec::new()) })
    }

    fn apply<'a>(&'a self, _: &'a [Record]) -> Reply<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn remove<'a>(&'a self, _: &'a [Key]) -> Reply<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn note<'a>(&'a self, _: &'a Note) -> Reply<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn recall(&self) -> Reply<'_, Recall> {
        Box::pin(async { Ok(self.1.lock().unwrap().clone()) })
    }

    fn tidy<'a>(&'a self, _: Step<'a>) -> Reply<'a, Tidied> {
        Box::pin(async { Ok(Tidied { wrapped: true, ..Tidied::default() }) })
    }

    fn trust(&self, _: bool) {}

    fn close(&self) -> Reply<'_, ()> {
        Box::pin(async { Ok(()) })
    }
}

impl fmt::Display for Planted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("planted")
    }
}

/// A process over a tier that hands out what is planted, and an intact frame of its own kind.
async fn planted() -> (World, Arc<Planted>, Frame) {
    let (tier, clock) = (Arc::new(Planted::default()), Clock::manual());
    let first = World::over_at(Arc::clone(&tier) as Arc<dyn Tier>, &clock);
    first.source.write(STORED);
    read(&first, 1).await;
    first.settle().await;
    let frame = Frame::read(tier.last()).unwrap();
    (World::over_at(Arc::clone(&tier) as Arc<dyn Tier>, &clock), tier, frame)
}

fn unreadable(world: &World) -> u64 {
    world.cache.stats().tiers[0].unreadable
}

/// What cannot be read is removed, and until it is nobody looks there again.
async fn gone(world: &World) {
    eventually("it is removed", || world.cache.stats().tiers[0].backlog == 0).await;
}

#[tokio::test]
async fn the_intact_frame_is_read() {
    let (world, _tier, _frame) = planted().await;
    assert_eq!(read::peek(&world, 1).await, Some(vec![STORED; 20]), "the control");
}

#[tokio::test]
async fn every_flipped_byte_is_noticed() {
    let (world, tier, frame) = planted().await;
    for at in 0..frame.bytes().len() {
        for flip in [0x01, 0x80, 0xFF] {
            let mut bytes = frame.bytes().to_vec();
            bytes[at] ^= flip;
            tier.plant(bytes);
            let before = unreadable(&world);
            assert_eq!(read::peek(&world, 1).await, None, "byte {at} ^ {flip:#x}");
            assert_eq!(unreadable(&world), before + 1, "byte {at} ^ {flip:#x} is counted");
            gone(&world).await;
        }
    }
    assert_eq!(read(&world, 1).await, vec![0; 20], "the body answers");
}

#[tokio::test]
async fn every_length_but_its_own_is_noticed() {
    let (world, tier, frame) = planted().await;
    let whole = frame.bytes().clone();
    for len in 0..whole.len() {
        tier.plant(whole.slice(..len));
        assert_eq!(read::peek(&world, 1).await, None, "cut to {len} bytes");
        gone(&world).await;
        tier.plant(whole.slice(len + 1..));
        assert_eq!(read::peek(&world, 1).await, None, "without its first {} bytes", len + 1);
        gone(&world).await;
    }
    for more in [1, 2, 8, 1_000] {
        let mut bytes = whole.to_vec();
        bytes.resize(whole.len() + more, 0);
        tier.plant(bytes);
        assert_eq!(read::peek(&world, 1).await, None, "{more} bytes more");
        gone(&world).await;
    }
    assert_eq!(unreadable(&world), 2 * whole.len() as u64 + 4);
    assert_eq!(read(&world, 1).await, vec![0; 20], "the body answers");
}

/// An intact frame with one thing about it changed.
async fn refused(change: impl Fn(&mut Head), payload: Option<Vec<u8>>) -> bool {
    let (world, tier, frame) = planted().await;
    let mut head = frame.head().clone();
    change(&mut head);
    let payload = payload.unwrap_or_else(|| frame.payload().to_vec());
    tier.plant(Frame::seal(head, &payload).unwrap().bytes().clone());
    let seen = read(&world, 1).await;
    assert!(seen == vec![0; 20] || seen == vec![STORED; 20], "a wrong value: {seen:?}");
    let stats = world.cache.stats();
    let counted = stats.total().frames_refused + stats.tiers[0].unreadable + stats.tiers[0].refused;
    assert_eq!(seen == vec![0; 20], counted > 0, "what is refused is counted, and only that");
    seen == vec![0; 20]
}

#[tokio::test]
async fn an_intact_frame_that_is_not_ours_is_refused() {
    assert!(!refused(|_| {}, None).await, "the control");
    assert!(refused(|head| head.fingerprint ^= 1, None).await, "another site, version or type");
    assert!(refused(|head| head.key = Key::from_stored("damage:2"), None).await, "another key");
    assert!(refused(|head| head.birth.epoch ^= 1, None).await, "another log");
    assert!(refused(|head| head.tags = ["other".into()].into(), None).await, "a tag nobody here listens to");
    assert!(refused(|head| head.format ^= 1, None).await, "another format");
    assert!(refused(|head| head.format = 200, None).await, "an unknown format");
    assert!(refused(|head| head.compression = 200, None).await, "an unknown compression");
    assert!(refused(|head| head.raw_len += 1, None).await, "a length that is not the payload's");
    assert!(refused(|head| head.raw_len = u32::MAX, None).await, "a length nobody allows");
    assert!(refused(|_| {}, Some(Vec::new())).await, "no payload");
    assert!(refused(|head| head.raw_len = 4, Some(vec![0xFF; 4])).await, "a list longer than memory");
    assert!(refused(|head| head.raw_len = 500, Some(vec![1; 500])).await, "bytes left over");
}

#[tokio::test]
async fn a_bomb_does_not_go_off() {
    let zeros = vec![0_u8; 1 << 20];
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..16 {
        zlib.write_all(&zeros).unwrap();
    }
    let bomb = zlib.finish().unwrap();
    let number = Compression::Zlib.number();
    for announced in [0, 1, 200, 1 << 20, 64 << 20, u32::MAX] {
        let start = std::time::Instant::now();
        let change = |head: &mut Head| (head.compression, head.raw_len) = (number, announced);
        assert!(refused(change, Some(bomb.clone())).await, "{announced} bytes announced");
        assert!(start.elapsed() < std::time::Duration::from_secs(5));
    }
}
