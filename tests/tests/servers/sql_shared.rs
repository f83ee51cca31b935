//! Nodes that share a log in Redis and frames on a SQL server below it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cached_runtime::tier::sql::SqlOptions;
use cached_runtime::{Applied, Builder, Cache, KeySecrecy, Keys, cache};
use kit::RedisServer;

use crate::sql_rig::{Server, on_both};

on_both!(
    nodes_share_frames_below_their_log,
    an_invalidation_reaches_frames_of_every_node,
    no_name_can_be_read_in_the_tables
);

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
        Self::with::<S>(redis, options, truth, |builder| builder).await
    }

    async fn with<S: Server>(
        redis: &RedisServer,
        options: &SqlOptions,
        truth: &Arc<AtomicU64>,
        more: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let builder = more(Cache::builder().read_deadline(Duration::from_secs(1))).redis(&redis.url());
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

const CANARY: &str = "canary-77d2-of-somebody";

#[cache(
    key = "tables:{who}:{id}", tags = ["tables-of:{who}", "tables-id:{id}"], ttl = "1h", cache = node.cache, skip(node)
)]
async fn named(node: &Node, who: &str, id: u64) -> u64 {
    let _ = (who, id);
    node.truth.load(SeqCst)
}

/// How many rows of all tables hold this text, wherever in them.
fn rows_with<S: Server>(server: &S, prefix: &str, text: &str) -> u64 {
    let like = |column: &str| match S::WORD {
        "postgres" => format!("position('{text}'::bytea in {column}) > 0"),
        _ => format!("locate('{text}', {column}) > 0"),
    };
    let tables = [("frames", "name"), ("frames", "frame"), ("log", "name"), ("notes", "name")];
    let count = |(table, column): &(&str, &str)| {
        let said = server.sql(&format!("SELECT count(*) FROM {prefix}_{table} WHERE {}", like(column)));
        said.split_whitespace().rev().find_map(|word| word.parse::<u64>().ok()).unwrap_or_else(|| panic!("{said}"))
    };
    tables.iter().map(count).sum()
}

async fn no_name_can_be_read_in_the_tables<S: Server>() {
    let server = S::shared();
    for readable in [false, true] {
        let prefix = format!("veil{}", u8::from(readable));
        let options = server.fresh().table_prefix(&prefix).unwrap();
        let hide = |builder: Builder| match readable {
            true => builder.encryption(Keys::new(1, [7; 32])),
            false => builder.encryption(Keys::new(1, [7; 32])).key_secrecy(KeySecrecy::hmac([8; 32])),
        };
        let (redis, truth) = (RedisServer::start(), Arc::new(AtomicU64::new(0)));
        let node = Node::with::<S>(&redis, &options, &truth, |builder| {
            hide(builder.write_deadline(LONG).apply_deadline(LONG))
        })
        .await;
        for id in 0..8 {
            named(&node, CANARY, id).await;
        }
        node.settled().await;
        let found = rows_with(&*server, &prefix, CANARY);
        assert_eq!(found > 0, readable, "{found} rows say it");
        assert!(rows_with(&*server, &prefix, "tables") >= 8, "the control: a namespace can be read");
        assert_eq!(node.cache.invalidate_key(&named::key(&node, CANARY, 1)).await, Applied::Applied);
        assert_eq!(node.cache.invalidate_tags(["tables-id:2".to_owned(), CANARY.to_owned()]).await, Applied::Applied);
        let glob = format!("tables:{CANARY}:3");
        assert_eq!(node.cache.invalidate_pattern(&glob).await.unwrap(), Applied::Applied);
        node.settled().await;
        assert_eq!(rows_with(&*server, &prefix, CANARY) > 0, readable, "nor what was invalidated");
        // Redis has let go of them, as it does when its memory is full.
        let kit::Reply::Array(names) = redis.command(&["KEYS", "cached:v:*"]) else { panic!("names") };
        for name in names.iter().filter_map(kit::Reply::text) {
            redis.command(&["DEL", &name]);
        }
        let next = Node::with::<S>(&redis, &options, &truth, |builder| {
            hide(builder.write_deadline(LONG).apply_deadline(LONG))
        })
        .await;
        let mut there = Vec::new();
        for id in 0..8 {
            if named::peek(&next, CANARY, id).await.is_some() {
                there.push(id);
            }
        }
        assert_eq!(there, [0, 4, 5, 6, 7], "what was invalidated stays so");
        assert!(next.hits() >= 5, "and they were found in the tables");
    }
}
