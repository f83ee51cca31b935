//! Batches over Redis: what near does not have is one question, however many elements it is, and one answer for all nodes.

use std::collections::HashMap;
use std::sync::Arc;

use cached_runtime::cache;
use kit::RedisServer;

use crate::rig::{Node, Source, eventually};

#[cache(batch = ids, key = "batched:{ids}", tags = ["batched:{ids}"], ttl = "1h", skip(node), cache = node.cache)]
async fn numbers(node: &Node, ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
    let truth = node.source.read().await?;
    Ok(ids.iter().map(|id| (*id, id + truth)).collect())
}

/// How many frames were read of Redis, and how often it has read what clients sent.
fn reads(redis: &RedisServer) -> (u64, u64) {
    let stats = redis.command(&["INFO", "everything"]).text().unwrap();
    let figure = |name: &str| {
        let line = stats.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split(['=', ',', ':']).filter_map(|word| word.parse().ok()).next()).unwrap_or(0)
    };
    (figure("cmdstat_getrange:"), figure("total_reads_processed:"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_node_has_loaded_is_one_question_of_redis() {
    let (redis, source) = (RedisServer::start(), Arc::new(Source::default()));
    let (one, other) = (Node::patient(&redis.url(), &source).await, Node::patient(&redis.url(), &source).await);
    let ids: Vec<u64> = (0..100).collect();
    assert_eq!(numbers(&one, &ids).await.unwrap().len(), 100);
    one.settled().await;
    let before = reads(&redis);
    assert_eq!(numbers(&other, &(0..110).collect::<Vec<_>>()).await.unwrap()[&99], 99);
    let after = reads(&redis);
    // What is loaded is written behind, by a script that looks at what is there.
    let asked = after.0 - before.0;
    assert!((110..=120).contains(&asked), "{asked} frames, each once");
    let journeys = after.1 - before.1;
    assert!(journeys < 30, "{journeys} messages, those of the log among them");
    assert_eq!(source.reads(), 2, "the second for ten");
    assert_eq!(other.cache.stats().tiers[0].hits, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_element_that_another_node_invalidates_is_loaded_again_alone() {
    let (redis, source) = (RedisServer::start(), Arc::new(Source::default()));
    let (one, other) = (Node::patient(&redis.url(), &source).await, Node::patient(&redis.url(), &source).await);
    let ids: Vec<u64> = (0..10).collect();
    numbers(&one, &ids).await.unwrap();
    one.settled().await;
    numbers(&other, &ids).await.unwrap();
    source.write(1_000);
    one.cache.invalidate_tags(["batched:7"]).await;
    eventually("the other node has heard", || other.cache.stats().shared.is_some_and(|log| log.heard > 0)).await;
    let found = numbers(&other, &ids).await.unwrap();
    assert_eq!((found[&6], found[&7], found[&8]), (6, 1_007, 8));
    assert_eq!(source.reads(), 2);
}
