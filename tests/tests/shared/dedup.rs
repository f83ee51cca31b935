//! Pictures of one video, checked on several nodes.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::Builder;
use cached_runtime::dedup::{Checked, Dedup, DedupOptions, PictureHash};
use kit::RedisServer;
use tokio::sync::Barrier;

use crate::rig::{LONG, Node, Source, soon};

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A hash unlike that of any other number.
fn hash(seed: u64) -> PictureHash {
    PictureHash::new(std::array::from_fn(|i| (seed * 4 + i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)), 224)
}

async fn node(redis: &RedisServer) -> (Node, Dedup) {
    let patient = |builder: Builder| builder.read_deadline(LONG).write_deadline(LONG);
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
