//! Nodes that share a log in Redis and frames on a SQL server below it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cached_runtime::tier::sql::SqlOptions;
use cached_runtime::{Cache, cache};
use kit::RedisServer;

use crate::sql_rig::{Server, on_both};

on_both!(nodes_share_frames_below_their_log, an_invalidation_reaches_frames_of_every_node);

const LONG: Duration = Duration::from_secs(20);

#[derive(Clone)]
struct Node {
    cache: Cache,
    truth: Arc<AtomicU64>,
    reads: Arc<AtomicU64>,
}

#[cache(key = "below:{id}", tags = ["tag:{id}"], ttl = "1h", cache = node.cache, skip(node))]
async fn below(node: &Node, id: u64) -> u64 {
    let _ = id;
    node.reads.fetch_add(1, SeqCst);
    node.truth.load(SeqCst)
}

impl Node {
    async fn joined<S: Server>(redis: &RedisServer, options: &SqlOptions, truth: &Arc<AtomicU64>) -> Self {
        let builder = Cache::builder().read_deadline(Duration::from_secs(1)).redis(&redis.url());
        let builder = match S::WORD {
            "postgres" => builder.postgres_with(options.clone()),
            _ => builder.mysql_with(options.clone()),
        };
        let node = Self { cache: builder.build().unwrap(), truth: Arc::clone(truth), reads: Arc::default() };
        eventually("the node follows the log", || node.cache.shared().is_some_and(|log| log.proven)).await;
        node
    }

    async fn settled(&self) {
        assert_eq!(self.cache.flush(LONG).await.unwritten, 0, "the tiers take everything");
    }

    /// Hits of the SQL tier.
    fn hits(&self) -> u64 {
        self.cache.stats().tiers[1].hits
    }
}

async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < LONG, "still waiting: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn nodes_share_frames_below_their_log<S: Server>() {
    let server = S::shared();
    let (redis, options, truth) = (RedisServer::start(), server.fresh(), Arc::new(AtomicU64::new(7)));
    let (a, b) = (Node::joined::<S>(&redis, &options, &truth).await, Node::joined::<S>(&redis, &options, &truth).await);
    assert_eq!(below(&a, 1).await, 7);
    a.settled().await;
    // Redis has let go of it, as it does when its memory is full.
    let name = format!("cached:v:{{{}}}", below::key(&a, 1));
    assert_eq!(redis.command(&["DEL", &name]), kit::Reply::Int(1));
    assert_eq!(below(&b, 1).await, 7);
    assert_eq!((b.reads.load(SeqCst), b.hits()), (0, 1), "another node's frame is served");
    // A node whose log cannot be read does not trust what others may have invalidated.
    drop(redis);
    eventually("the loss is noticed", || b.cache.shared().is_some_and(|log| !log.proven)).await;
    let c = Node { cache: b.cache.clone(), truth, reads: Arc::default() };
    c.cache.clear().await;
    assert_eq!(below(&c, 1).await, 7);
    assert_eq!(c.reads.load(SeqCst), 1, "it is loaded");
}

async fn an_invalidation_reaches_frames_of_every_node<S: Server>() {
    let server = S::shared();
    let (redis, options, truth) = (RedisServer::start(), server.fresh(), Arc::new(AtomicU64::new(0)));
    let (a, b) = (Node::joined::<S>(&redis, &options, &truth).await, Node::joined::<S>(&redis, &options, &truth).await);
    // Their own numbers have nothing in common.
    for _ in 0..50 {
        b.cache.invalidate_tags(["of b alone"]).await;
    }
    for round in 1..=60 {
        let id = round % 4;
        for node in [&b, &a] {
            below(node, id).await;
            node.settled().await;
        }
        truth.store(round, SeqCst);
        match round % 3 {
            0 => drop(a.cache.invalidate_key(&below::key(&a, id)).await),
            1 => drop(a.cache.invalidate_tags([format!("tag:{id}")]).await),
            _ => drop(a.cache.invalidate_namespace("below").await),
        }
        let name = format!("cached:v:{{{}}}", below::key(&a, id));
        redis.command(&["DEL", &name]);
        assert_eq!(below(&a, id).await, round, "a node reads its own invalidation, also past Redis");
        let start = Instant::now();
        while below(&b, id).await != round {
            assert!(start.elapsed() < Duration::from_secs(2), "round {round}: the other node serves what is old");
        }
    }
}
