//! Jobs of a warm-up that one node does for all.

use std::sync::Arc;

use cached_runtime::warmup::{Ended, WarmupReport};
use cached_runtime::{cache, warmup};
use kit::RedisServer;

use crate::rig::{Node, Source};

#[cache(key = "warmed:{id}", ttl = "1h", skip(node), cache = node.cache)]
async fn number(node: &Node, id: u64) -> Result<u64, String> {
    node.source.read().await.map(|truth| truth + id)
}

#[warmup(lock = "cluster", name = "numbers-for-all")]
async fn for_all(node: &Node) -> Result<(), String> {
    for id in 0..5 {
        number(node, id).await?;
    }
    Ok(())
}

#[warmup(args = 0..5, name = "numbers-for-each")]
#[cache(key = "warmed-each:{id}", ttl = "1h", skip(node), cache = node.cache, local)]
async fn for_each(node: &Node, id: u64) -> Result<u64, String> {
    node.source.read().await.map(|truth| truth + id)
}

async fn warmed(node: &Node, job: &str) -> WarmupReport {
    let warmer = node.cache.warmup().with(node.clone()).silent().only([job]).run().await.unwrap();
    let report = warmer.report();
    warmer.shutdown().await;
    report
}

fn ended(report: &WarmupReport) -> &Ended {
    &report.jobs[0].ended
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_does_it_and_the_others_wait_for_that() {
    let mut tries = Vec::new();
    // On a busy machine a question about the lease may take too long, and then a node does it by itself.
    while let Err(twice) = done_by_one().await {
        tries.push(twice);
        assert!(tries.len() < 5, "each time by more than one:\n{}", tries.join("\n"));
    }
}

/// What the nodes said, if it was more than one who did it.
async fn done_by_one() -> Result<(), String> {
    let (redis, source) = (RedisServer::start(), Arc::new(Source::default()));
    let (one, other) = (Node::patient(&redis.url(), &source).await, Node::patient(&redis.url(), &source).await);
    let (first, second) = tokio::join!(warmed(&one, "numbers-for-all"), warmed(&other, "numbers-for-all"));
    let mut both = [ended(&first), ended(&second)];
    both.sort_by_key(|ended| **ended == Ended::Elsewhere);
    if both != [&Ended::Done, &Ended::Elsewhere] {
        return Err(format!("{first}\n{second}"));
    }
    assert_eq!(source.reads(), 5);
    one.settled().await;
    other.settled().await;
    for node in [&one, &other] {
        assert_eq!(number(node, 3).await.unwrap(), 3, "who did not do it finds it in Redis");
    }
    assert_eq!(source.reads(), 5);
    let later = Node::patient(&redis.url(), &source).await;
    let again = warmed(&later, "numbers-for-all").await;
    // Nor does one that starts soon after.
    if *ended(&again) == Ended::Elsewhere { Ok(()) } else { Err(again.to_string()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_could_not_do_another_does() {
    let (redis, source) = (RedisServer::start(), Arc::new(Source::default()));
    let (one, other) = (Node::joined(&redis.url(), &source).await, Node::joined(&redis.url(), &source).await);
    source.fail(true);
    let failed = warmed(&one, "numbers-for-all").await;
    assert_eq!((failed.jobs[0].done, failed.jobs[0].failed), (0, 1), "{failed}");
    source.fail(false);
    let done = warmed(&other, "numbers-for-all").await;
    assert_eq!((ended(&done), done.jobs[0].done), (&Ended::Done, 1), "{done}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_without_a_lock_each_node_does_it() {
    let (redis, source) = (RedisServer::start(), Arc::new(Source::default()));
    let (one, other) = (Node::joined(&redis.url(), &source).await, Node::joined(&redis.url(), &source).await);
    let (first, second) = tokio::join!(warmed(&one, "numbers-for-each"), warmed(&other, "numbers-for-each"));
    assert!(first.is_well() && second.is_well(), "{first}\n{second}");
    assert_eq!(source.reads(), 10);
}
