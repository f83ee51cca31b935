//! What a node serves while it cannot prove that it has seen every invalidation.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::{Cache, cache};
use kit::{Proxy, RedisServer};

use crate::rig::{LONG, Node, Source, eventually};

#[cache(key = "available:{id}", ttl = "1h", cache = node.cache, skip(node))]
async fn available(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

#[cache(key = "strict:{id}", ttl = "1h", strict, cache = node.cache, skip(node))]
async fn strict(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

fn node(redis: &RedisServer, clock: &Clock) -> Node {
    let builder = Cache::builder().clock(clock.clone()).redis(&redis.url());
    Node { cache: builder.build().unwrap(), source: Arc::new(Source::default()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn near_goes_on_for_a_minute_and_strict_sites_not_at_all() {
    let (redis, clock) = (RedisServer::persistent(), Clock::manual());
    let node = node(&redis, &clock);
    node.proven().await;
    assert_eq!((available(&node, 1).await, strict(&node, 1).await), (Ok(0), Ok(0)));
    assert_eq!((available(&node, 1).await, strict(&node, 1).await), (Ok(0), Ok(0)));
    assert_eq!(node.source.reads(), 2, "both are served from near while nothing can be missing");
    redis.kill();
    node.suspect().await;
    assert!(node.cache.stats().to_string().contains("may be missing"), "and the node says so");
    node.source.write(1);
    assert_eq!(available(&node, 1).await, Ok(0), "available: for a while the old value is served");
    assert_eq!(strict(&node, 1).await, Ok(1), "strict: what cannot be proven is not served");
    let reads = node.source.reads();
    assert_eq!(strict(&node, 1).await, Ok(1));
    assert_eq!(node.source.reads(), reads + 1, "each call loads");
    clock.advance(Duration::from_secs(61));
    let start = std::time::Instant::now();
    while available(&node, 1).await != Ok(1) {
        assert!(start.elapsed() < LONG, "still the old value, after more than a minute");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    node.source.write(2);
    assert_eq!(available(&node, 1).await, Ok(1), "what was loaded meanwhile is served for as long again");
    redis.restart();
    node.proven().await;
    let reads = node.source.reads();
    assert_eq!(available(&node, 1).await, Ok(1), "nothing was invalidated: what is there is valid again");
    assert_eq!(node.source.reads(), reads);
}

/// What waits for a Redis that does not answer is no way around the minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_waits_to_be_written_is_served_no_longer_than_one_in_memory() {
    let (redis, clock) = (RedisServer::start(), Clock::manual());
    let proxy = Proxy::to(redis.port());
    let builder = Cache::builder().clock(clock.clone()).redis(&proxy.url());
    let node = Node { cache: builder.build().unwrap(), source: Arc::new(Source::default()) };
    node.proven().await;
    proxy.black_hole(true);
    assert_eq!(available(&node, 1).await, Ok(0));
    assert_eq!(node.cache.stats().tiers[0].pending, 1, "it waits");
    node.suspect().await;
    node.source.write(1);
    assert_eq!(available(&node, 1).await, Ok(0), "for a while the old value is served");
    clock.advance(Duration::from_secs(61));
    let start = std::time::Instant::now();
    while available(&node, 1).await != Ok(1) {
        assert!(start.elapsed() < LONG, "still the old value, after more than a minute");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    proxy.black_hole(false);
    node.proven().await;
    assert_eq!(available(&node, 1).await, Ok(1), "and it does not come back with Redis");
}

/// A site says otherwise than its cache.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_is_strict_and_a_site_is_not() {
    #[cache(key = "lenient:{id}", ttl = "1h", strict = false, cache = node.cache, skip(node))]
    async fn lenient(node: &Node, id: u64) -> Result<u64, String> {
        let _ = id;
        node.source.read().await
    }
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let node = Node::with(&redis.url(), &source, |builder| builder.strict(true));
    node.proven().await;
    for _ in 0..2 {
        assert_eq!((available(&node, 1).await, lenient(&node, 1).await), (Ok(0), Ok(0)));
    }
    assert_eq!(node.source.reads(), 2);
    redis.kill();
    node.suspect().await;
    node.source.write(1);
    assert_eq!((available(&node, 1).await, lenient(&node, 1).await), (Ok(1), Ok(0)));
}

/// What an earlier process left on disk may have been invalidated while this node was away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_invalidated_while_a_node_was_away_is_not_found_on_its_disk() {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("disk");
    let other = Node::joined(&redis.url(), &source).await;
    let away = Node::with(&redis.url(), &source, |builder| builder.disk(&path));
    away.proven().await;
    for id in 0..10 {
        assert_eq!(available(&away, id).await, Ok(0));
    }
    away.settled().await;
    // How far the log was read is noted once a second, with some time for a busy machine.
    other.cache.invalidate_tags(["nothing"]).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    away.cache.shutdown(Duration::from_secs(2)).await;
    drop(away);
    source.write(1);
    for id in 0..5 {
        other.cache.invalidate_key(&available::key(&other, id)).await;
    }
    assert_eq!(redis.command(&["EXISTS", "cached:v:{available:7}"]), kit::Reply::Int(1));
    for id in 5..10 {
        // So that only the disk can have them.
        redis.command(&["UNLINK", &format!("cached:v:{{available:{id}}}")]);
    }
    let back = Node::with(&redis.url(), &source, |builder| builder.disk(&path));
    back.proven().await;
    let reads = source.reads();
    for id in 0..5 {
        assert_eq!(available(&back, id).await, Ok(1), "what was invalidated is loaded");
    }
    for id in 5..10 {
        assert_eq!(available(&back, id).await, Ok(0), "what was not is found on the disk");
    }
    assert_eq!(source.reads() - reads, 5);
    assert_eq!(back.cache.shared().unwrap().heard, 5, "only what came since was read");
}

/// The control: without the server to ask, nothing on the disk is believed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_is_not_believed_before_the_log_has_been_read() {
    let redis = RedisServer::persistent();
    let source = Arc::new(Source::default());
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("disk");
    let node = Node::with(&redis.url(), &source, |builder| builder.disk(&path));
    node.proven().await;
    assert_eq!(available(&node, 1).await, Ok(0));
    node.settled().await;
    node.cache.shutdown(Duration::from_secs(2)).await;
    drop(node);
    redis.kill();
    source.write(1);
    let back = Node::with(&redis.url(), &source, |builder| builder.disk(&path));
    assert_eq!(available(&back, 1).await, Ok(1));
    eventually("it is written", || back.cache.stats().tiers[1].written > 0).await;
}
