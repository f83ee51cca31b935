//! Pictures of one video, checked on several nodes.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::Builder;
use cached_runtime::clock::{Clock, millis};
use cached_runtime::dedup::{Checked, Dedup, DedupOptions, PictureHash};
use cached_runtime::testing::{Chaos, Operation};
use cached_runtime::tier::memory::MemoryTier;
use image::{ImageFormat, Rgb, RgbImage};
use kit::RedisServer;
use tokio::sync::Barrier;

use crate::rig::{LONG, Node, Source, eventually, soon};

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A hash unlike that of any other number.
fn hash(seed: u64) -> PictureHash {
    PictureHash::new(std::array::from_fn(|i| (seed * 4 + i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)), 224)
}

async fn node(redis: &RedisServer) -> (Node, Dedup) {
    built(redis, |builder| builder).await
}

/// A clock of now that stands still. Nodes that see each other's entries have one clock: what is born in the future is
/// read by nobody.
fn standing() -> Clock {
    let (clock, now) = (Clock::manual(), std::time::SystemTime::now());
    clock.set(millis(now.duration_since(std::time::UNIX_EPOCH).unwrap()));
    clock
}

/// Does not look at a video again by itself.
async fn still(redis: &RedisServer, clock: &Clock) -> (Node, Dedup) {
    built(redis, |builder| builder.clock(clock.clone())).await
}

async fn built(redis: &RedisServer, more: impl FnOnce(Builder) -> Builder) -> (Node, Dedup) {
    let patient = |builder: Builder| more(builder.read_deadline(LONG).write_deadline(LONG));
    let node = Node::with(&redis.url(), &Arc::new(Source::default()), patient);
    node.proven().await;
    let dedup = Dedup::open(&node.cache, "stills", DedupOptions::new()).unwrap();
    (node, dedup)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_checked_another_knows_and_a_third_removes() {
    let redis = RedisServer::start();
    let ((a, on_a), (b, on_b), (c, on_c)) = (node(&redis).await, node(&redis).await, node(&redis).await);
    for second in 0..200 {
        assert_eq!(on_a.check_hash("v", at(second), &hash(second), 1).await.unwrap(), Checked::New);
    }
    a.settled().await;
    assert_eq!(on_b.check_hash("v", at(300), &hash(7), 1).await.unwrap(), Checked::DuplicateOf(at(7)));
    b.settled().await;
    soon("a removal", c.cache.invalidate_tags([on_c.group("v")])).await;
    let told = std::time::Instant::now();
    for dedup in [&on_a, &on_b] {
        while dedup.video_stats("v").await.frames > 0 {
            assert!(told.elapsed() < LONG, "the other node still knows the video");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    // What they write now is of now: nothing of before comes back with it.
    assert_eq!(on_b.check_hash("v", at(301), &hash(7), 1).await.unwrap(), Checked::New);
    b.settled().await;
    let (_next, dedup) = node(&redis).await;
    let stats = dedup.video_stats("v").await;
    assert_eq!((stats.frames, stats.originals), (1, 1));
    assert_eq!(dedup.check_hash("v", at(302), &hash(7), 1).await.unwrap(), Checked::DuplicateOf(at(301)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_two_nodes_wrote_at_the_same_time_is_merged() {
    let redis = RedisServer::start();
    let nodes = [node(&redis).await, node(&redis).await];
    let barrier = Arc::new(Barrier::new(2));
    let mut checks = Vec::new();
    for ((_, dedup), first) in nodes.iter().zip([0, 500]) {
        let (dedup, barrier) = (dedup.clone(), Arc::clone(&barrier));
        checks.push(tokio::spawn(async move {
            barrier.wait().await;
            for second in first..first + 150 {
                assert_eq!(dedup.check_hash("v", at(second), &hash(second), 1).await.unwrap(), Checked::New);
            }
        }));
    }
    for check in checks {
        soon("the checks of a node", check).await.unwrap();
    }
    // Who was overlooked says so again when it next looks at what others wrote.
    let began = std::time::Instant::now();
    loop {
        for (node, dedup) in &nodes {
            dedup.video_stats("v").await;
            node.settled().await;
        }
        let (_next, dedup) = node(&redis).await;
        if dedup.video_stats("v").await.originals == 300 {
            break;
        }
        assert!(began.elapsed() < LONG, "what one of them wrote is lost");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for (_, dedup) in &nodes {
        while dedup.video_stats("v").await.originals < 300 {
            assert!(began.elapsed() < LONG, "a node does not see what the other wrote");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A page begins while another node has begun one, too, since this one last looked; and that node does not come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_begins_a_page_hides_none_of_a_node_that_is_gone() {
    let redis = RedisServer::start();
    let clock = standing();
    let (here, on_here) = still(&redis, &clock).await;
    let mut expected = 0;
    for (round, first) in [(0, 1_000), (1, 2_000)] {
        // It looks now: the first time nothing is there.
        assert_eq!(on_here.video_stats("v").await.frames, expected);
        {
            let (gone, on_gone) = still(&redis, &clock).await;
            for second in first..first + 3 {
                assert_eq!(on_gone.check_hash("v", at(second), &hash(second), 1).await.unwrap(), Checked::New);
            }
            gone.settled().await;
        }
        // The first page of this node; in the next round, the one after a full one.
        let pictures = if round == 0 { 128 } else { 1 };
        for second in (0..pictures).map(|n| n + round * 128) {
            assert_eq!(on_here.check_hash("v", at(second), &hash(second), 1).await.unwrap(), Checked::New);
        }
        here.settled().await;
        expected += 3 + pictures;
        let (_next, on_next) = still(&redis, &clock).await;
        assert_eq!(on_next.video_stats("v").await.frames, expected, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_takes_back_is_nobodys_original() {
    let redis = RedisServer::start();
    let clock = standing();
    let ((a, on_a), (b, on_b)) = (still(&redis, &clock).await, still(&redis, &clock).await);
    for second in 1..4 {
        assert_eq!(on_a.check_hash("v", at(second), &hash(second), 1).await.unwrap(), Checked::New);
    }
    a.settled().await;
    assert_eq!(on_b.check_hash("v", at(10), &hash(2), 1).await.unwrap(), Checked::DuplicateOf(at(2)));
    assert_eq!(on_b.check_hash("v", at(11), &hash(3), 1).await.unwrap(), Checked::DuplicateOf(at(3)));
    assert_eq!(on_b.check_hash("v", at(12), &hash(12), 1).await.unwrap(), Checked::New);
    b.settled().await;
    // By who wrote it, and by another one.
    assert!(on_a.forget_frame("v", at(2)).await.unwrap().is_some());
    assert_eq!(on_b.forget_frame("v", at(3)).await.unwrap(), Some(vec![at(11)]));
    a.settled().await;
    b.settled().await;
    clock.advance(Duration::from_secs(6));
    let stats = on_b.video_stats("v").await;
    assert_eq!((stats.originals, stats.duplicates), (2, 0));
    assert_eq!(on_b.check_hash("v", at(13), &hash(2), 1).await.unwrap(), Checked::New);
    // Its page is written again, after that of who took it back: what is void on it does not come with it.
    b.settled().await;
    let (_next, on_next) = still(&redis, &clock).await;
    let stats = on_next.video_stats("v").await;
    assert_eq!((stats.originals, stats.duplicates), (3, 0));
    assert_eq!(on_next.check_hash("v", at(2), &hash(2), 1).await.unwrap(), Checked::DuplicateOf(at(13)));
    assert_eq!(on_next.check_hash("v", at(14), &hash(3), 1).await.unwrap(), Checked::New);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_wait_for_redis_are_not_written_anew_with_each_picture() {
    let redis = RedisServer::start();
    let own = Arc::new(Chaos::new(Arc::new(MemoryTier::new()), 7));
    let clock = standing();
    let (tier, by) = (Arc::clone(&own), clock.clone());
    // Less patient, for this Redis is not well: long enough for a busy machine, and short enough to be waited out.
    let patience = Duration::from_secs(20);
    let less = |builder: Builder| builder.clock(by).tier(tier).read_deadline(patience).write_deadline(patience);
    let (node, dedup) = built(&redis, less).await;
    let mut pictures = 0..;
    dedup.check_hash("v", at(0), &hash(pictures.next().unwrap()), 1).await.unwrap();
    node.settled().await;
    redis.freeze();
    eventually("the node knows", || node.cache.shared().is_some_and(|log| !log.connected)).await;
    let check = async |n: u64| assert_eq!(dedup.check_hash("v", at(n), &hash(n), 1).await.unwrap(), Checked::New);
    for n in pictures.by_ref().take(8 * 128) {
        check(n).await;
    }
    node.cache.flush(patience).await;
    let before = own.counts(Operation::Put).calls;
    for n in pictures.by_ref().take(20) {
        check(n).await;
        // Each by itself: what waits for the node's own tier would become one write.
        node.cache.flush(patience).await;
    }
    let written = own.counts(Operation::Put).calls - before;
    assert!((20..=2 * 20).contains(&written), "a page and a head for each picture, and not nine pages: {written}");
    // And they are not lost: once Redis is back, another node finds them all.
    redis.thaw();
    node.proven().await;
    clock.advance(Duration::from_secs(6));
    eventually("it is back", || node.cache.shared().is_some_and(|log| log.connected)).await;
    check(pictures.next().unwrap()).await;
    node.settled().await;
    let (_next, on_next) = still(&redis, &clock).await;
    assert_eq!(on_next.video_stats("v").await.frames, 1 + 8 * 128 + 20 + 1);
}

/// A picture that is read when it is told to.
struct Held {
    picture: Vec<u8>,
    begun: tokio::sync::mpsc::UnboundedSender<()>,
    go: std::sync::mpsc::Receiver<()>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        self.begun.send(()).unwrap();
        self.go.recv().unwrap();
        &self.picture
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_believed_once_a_picture_is_decoded_is_not() {
    let mut picture = std::io::Cursor::new(Vec::new());
    let scene = RgbImage::from_fn(64, 64, |x, y| Rgb([(x * 4) as u8, (y * 4) as u8, 90]));
    scene.write_to(&mut picture, ImageFormat::Png).unwrap();
    let picture = picture.into_inner();
    let redis = RedisServer::start();
    let (node, dedup) = built(&redis, |builder| builder.strict(true)).await;
    assert_eq!(dedup.check_frame("v", at(1), picture.clone()).await.unwrap(), Checked::New);
    node.settled().await;
    // The control: while the node is certain, the original is known.
    for (is_certain, second) in [(true, 2), (false, 3)] {
        let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
        let (let_go, go) = std::sync::mpsc::channel();
        let check = tokio::spawn({
            let (dedup, held) = (dedup.clone(), Held { picture: picture.clone(), begun, go });
            async move { dedup.check_frame("v", at(second), held).await.unwrap() }
        });
        soon("a picture is being read", has_begun.recv()).await.unwrap();
        if !is_certain {
            redis.kill();
            node.suspect().await;
        }
        let_go.send(()).unwrap();
        let checked = soon("a check", check).await.unwrap();
        assert_eq!(checked, if is_certain { Checked::DuplicateOf(at(1)) } else { Checked::New });
    }
}
