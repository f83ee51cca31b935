//! Two nodes over a Redis that is well.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::codec::Compression;
use cached_runtime::tier::redis::RedisOptions;
use cached_runtime::{Applied, Cache, cache};
use kit::RedisServer;

use crate::rig::{Node, Source, soon, within};

#[cache(key = "basic:{id}", tags = ["tag:{id}"], ttl = "1h", cache = node.cache, skip(node))]
async fn basic(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

async fn two() -> (RedisServer, Node, Node) {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let (a, b) = (Node::joined(&redis.url(), &source).await, Node::joined(&redis.url(), &source).await);
    (redis, a, b)
}

/// The same for what asks Redis, whatever time that takes.
async fn two_patient() -> (RedisServer, Node, Node) {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let (a, b) = (Node::patient(&redis.url(), &source).await, Node::patient(&redis.url(), &source).await);
    (redis, a, b)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_loaded_another_finds_in_redis() {
    let (_redis, a, b) = two_patient().await;
    a.source.write(7);
    assert_eq!(basic(&a, 1).await, Ok(7));
    a.settled().await;
    assert_eq!(basic(&b, 1).await, Ok(7));
    assert_eq!(a.source.reads(), 1, "the second node asked Redis, not the source");
    assert_eq!(basic(&b, 1).await, Ok(7));
    assert_eq!(b.cache.stats().sites[0].hits, 1, "and has it near from then on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalidation_reaches_the_other_node_within_milliseconds() {
    let (_redis, a, b) = two().await;
    let mut late = 0;
    for round in 1..=100 {
        let id = round % 5;
        a.source.write(round);
        let applied = match round % 3 {
            0 => soon("a key", a.cache.invalidate_key(&basic::key(&a, id))).await,
            1 => soon("a tag", a.cache.invalidate_tags([format!("tag:{id}")])).await,
            _ => soon("a namespace", a.cache.invalidate_namespace("basic")).await.unwrap(),
        };
        late += usize::from(applied == Applied::Queued);
        assert_eq!(basic(&a, id).await, Ok(round), "a node reads its own invalidation at once");
        let mut seen = 0;
        let start = std::time::Instant::now();
        while seen != round {
            seen = basic(&b, id).await.unwrap();
            assert!(start.elapsed() < Duration::from_secs(2), "round {round}: the other node still serves {seen}");
        }
    }
    assert!(late < 10, "{late} of 100 did not reach a Redis that is well in time");
}

/// A frame that its fence refuses, one that is too large, and one that is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_redis_does_not_take_is_not_counted_as_written() {
    #[cache(key = "large:{id}", ttl = "1h", cache = node.cache, skip(node))]
    async fn large(node: &Node, id: u64) -> Result<Vec<u64>, String> {
        let _ = node;
        Ok(vec![u64::MAX; 1_000 + id as usize])
    }
    let redis = RedisServer::start();
    let node = Node::of(
        Cache::builder()
            .compression(Compression::None)
            .redis_with(RedisOptions::new(&redis.url()).unwrap().max_frame(4_096)),
        &Arc::new(Source::default()),
    );
    node.proven().await;
    let fence = format!("cached:f:{{{}}}", basic::key(&node, 1));
    assert!(redis.command(&["SET", &fence, "closed:somebody", "PX", "60000"]).is_ok());
    basic(&node, 1).await.unwrap();
    basic(&node, 2).await.unwrap();
    large(&node, 3).await.unwrap();
    node.settled().await;
    let level = &node.cache.stats().tiers[0];
    assert_eq!((level.written, level.dropped, level.errors), (1, 2, 0), "{level:?}");
    let frames = redis.command(&["KEYS", "cached:v:*"]);
    assert_eq!(frames.items().len(), 1, "as many as are counted");
    assert!(level.bytes_written > 0 && level.bytes_written < 4_096, "{level:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_key_is_gone_from_redis() {
    let (redis, a, _b) = two_patient().await;
    assert_eq!(basic(&a, 9).await, Ok(0));
    a.settled().await;
    let name = format!("cached:v:{{{}}}", basic::key(&a, 9));
    assert_eq!(redis.command(&["EXISTS", &name]), kit::Reply::Int(1));
    a.taken(a.cache.invalidate_key(&basic::key(&a, 9)).await).await;
    assert_eq!(redis.command(&["EXISTS", &name]), kit::Reply::Int(0));
    within(Duration::from_secs(10), "the fence stands", || {
        redis.command(&["EXISTS", &name.replace(":v:", ":f:")]) == kit::Reply::Int(1)
    })
    .await;
}

/// News that never ends is no reason to doubt: what was there when it was asked for has been read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_always_has_something_to_read_is_not_suspect() {
    let (_redis, a, b) = two().await;
    let seen = || (a.cache.shared().unwrap(), b.cache.shared().unwrap());
    let mut doubts = Vec::new();
    // On a busy machine a node may doubt for other reasons; if it did so for this one, it would each time.
    while doubts.len() < 3 && doubts.last() != Some(&0) {
        let (before, start) = (seen(), std::time::Instant::now());
        while start.elapsed() < Duration::from_millis(2_500) {
            a.cache.invalidate_tags(["busy"]).await;
        }
        let now = seen();
        doubts.push(now.0.suspicions + now.1.suspicions - before.0.suspicions - before.1.suspicions);
    }
    assert_eq!(doubts.last(), Some(&0), "{doubts:?} {:?}", seen());
    assert!(seen().1.heard > 100);
}
