//! Many readers at once, whose reads travel together.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::cache;
use kit::{Proxy, RedisServer};
use tokio::task::JoinHandle;

use crate::rig::{LONG, Node, Source, soon};

const READERS: u64 = 300;
const KEYS: u64 = 2_000;

#[cache(key = "together:{id}", ttl = "1h", cache = node.cache, skip(node))]
async fn own(node: &Node, id: u64) -> u64 {
    let _ = node;
    id * 3
}

/// A node that has nothing near, over a Redis that has everything.
async fn over(url: &str, read_deadline: Duration) -> Node {
    let source = Arc::new(Source::default());
    let filler = Node::joined(url, &source).await;
    for id in 0..KEYS {
        own(&filler, id).await;
    }
    filler.settled().await;
    let node = Node::with(url, &source, |builder| builder.near_bytes(1 << 10).read_deadline(read_deadline));
    node.proven().await;
    // From now on its own runtime has connections.
    let tier_hits = || node.cache.stats().tiers[0].hits;
    while tier_hits() == 0 {
        own(&node, 0).await;
    }
    node
}

/// All at once, each asks for these keys in its own order.
fn readers(node: &Node, each: u64) -> Vec<JoinHandle<()>> {
    let read = |reader: u64| {
        let node = node.clone();
        tokio::spawn(async move {
            for n in 0..each {
                let id = (reader * 7 + n * 13) % KEYS;
                assert_eq!(own(&node, id).await, id * 3, "the value of another key");
            }
        })
    };
    (0..READERS).map(read).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_readers_at_once_each_get_what_they_asked_for() {
    let redis = RedisServer::start();
    let node = over(&redis.url(), LONG).await;
    let before = node.cache.stats().tiers[0].hits;
    for reader in readers(&node, 50) {
        soon("a reader", reader).await.unwrap();
    }
    let found = node.cache.stats().tiers[0].hits - before;
    assert!(found > READERS * 50 / 2, "read in Redis, not loaded: {found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_who_leave_take_nobody_along() {
    let redis = RedisServer::start();
    let node = over(&redis.url(), LONG).await;
    for round in 0..20 {
        let (leaving, staying): (Vec<_>, Vec<_>) =
            readers(&node, 5).into_iter().enumerate().partition(|(at, _)| at % 2 == 0);
        for (at, reader) in leaving {
            if at % 20 == round % 20 {
                tokio::task::yield_now().await;
            }
            reader.abort();
        }
        for (_, reader) in staying {
            soon("a reader who stayed", reader).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_readers_of_a_redis_that_stands_still_are_answered_and_find_it_again() {
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.port());
    let node = over(&proxy.url(), Duration::from_millis(50)).await;
    proxy.black_hole(true);
    for reader in readers(&node, 3) {
        soon("a reader without Redis", reader).await.unwrap();
    }
    proxy.black_hole(false);
    node.proven().await;
    let hits = || node.cache.stats().tiers[0].hits;
    let before = hits();
    let found = async {
        while hits() < before + READERS {
            for reader in readers(&node, 1) {
                reader.await.unwrap();
            }
        }
    };
    soon("reads find what is in Redis again", found).await;
}
