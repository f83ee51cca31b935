//! How late invalidations of other nodes are, as the log's own server tells it.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::cache;
use cached_runtime::metrics::Prometheus;
use kit::{Proxy, RedisServer, Reply};

use crate::rig::{Node, Source, eventually};

const STREAM: &str = "cached:{log}:stream";

#[cache(key = "late:{id}", tags = ["late"], ttl = "1h", cache = node.cache, skip(node))]
async fn row(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

async fn told(node: &Node, times: u64) {
    for n in 0..times {
        node.taken(node.cache.invalidate_tags([format!("late:{n}")]).await).await;
    }
}

/// Who wrote each entry of the log, as it stands there.
fn writers(redis: &RedisServer) -> Vec<String> {
    let entries = redis.command(&["XRANGE", STREAM, "-", "+"]);
    let by = |entry: &Reply| entry.items()[1].items()[1].text().unwrap();
    entries.items().iter().map(by).collect()
}

/// Writers say when from the second read of the log on.
async fn timed(node: &Node, redis: &RedisServer) {
    loop {
        told(node, 1).await;
        if writers(redis).last().is_some_and(|by| by.contains('@')) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_other_nodes_invalidate_is_measured_and_what_this_one_does_is_not() {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let (a, b) = (Node::joined(&redis.url(), &source).await, Node::joined(&redis.url(), &source).await);
    timed(&a, &redis).await;
    told(&a, 40).await;
    let lag = || b.cache.shared().unwrap().lag;
    eventually("all of them are measured", || lag().count >= 40).await;
    let lag = lag();
    assert!(lag.p50 > 0.0 && lag.p50 <= lag.p99 && lag.p99 <= lag.max, "{lag:?}");
    assert_eq!(a.cache.shared().unwrap().lag.count, 0, "its own are applied before they are told");
    eventually("it has read all", || b.cache.shared().unwrap().behind == Some(0)).await;
    let age = b.cache.shared().unwrap().proof_age;
    assert!(age.is_some_and(|age| age >= 0.0), "{age:?}");
    let metrics = Prometheus::new(&b.cache).render();
    for line in
        ["cached_invalidation_lag_seconds{quantile=\"0.99\"} ", "cached_log_behind 0", "cached_log_proof_age_seconds "]
    {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let metrics = Prometheus::new(&a.cache).render();
    assert!(!metrics.contains("cached_invalidation_lag_seconds{"), "nothing was measured there");
}

/// A line that delays what a node hears: what is measured is never shorter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_line_is_in_the_figure() {
    const SLOW: Duration = Duration::from_millis(80);
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.port());
    let source = Arc::new(Source::default());
    let (a, slow) = (Node::joined(&redis.url(), &source).await, Node::joined(&proxy.url(), &source).await);
    timed(&a, &redis).await;
    proxy.latency(SLOW, Duration::ZERO);
    // One that was on its way may still be quick.
    eventually("the line is slow", || slow.cache.shared().is_some_and(|log| log.connected)).await;
    let before = slow.cache.shared().unwrap().lag.count;
    for n in 1..=10 {
        told(&a, 1).await;
        eventually("it is measured", || slow.cache.shared().unwrap().lag.count >= before + n).await;
    }
    let lag = slow.cache.shared().unwrap().lag;
    assert!(lag.max >= SLOW.as_secs_f64(), "{lag:?}");
}

/// An entry of an older version says nothing of when; a lag of nobody is not made up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_does_not_say_when_is_applied_and_not_counted() {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let node = Node::joined(&redis.url(), &source).await;
    assert_eq!(row(&node, 1).await, Ok(0));
    source.write(1);
    let number = redis.command(&["HINCRBY", "cached:{log}:meta", "number", "1"]);
    let Reply::Int(number) = number else { panic!("{number:?}") };
    let added = redis.command(&["XADD", STREAM, &format!("{number}-7"), "by", "12345", "g", "t:late"]);
    assert!(added.text().is_some(), "{added:?}");
    eventually("it is heard", || node.cache.shared().unwrap().heard == 1).await;
    assert_eq!(row(&node, 1).await, Ok(1), "what it names is invalidated");
    let number = number + 1;
    redis.command(&["HINCRBY", "cached:{log}:meta", "number", "1"]);
    redis.command(&["XADD", STREAM, &format!("{number}-7"), "by", "12345@1", "g", "t:late"]);
    eventually("one that does say is", || node.cache.shared().unwrap().lag.count == 1).await;
    assert_eq!(node.cache.shared().unwrap().heard, 2);
}

/// Who may not ask for the time goes without the figure, and is asked for nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_not_ask_for_the_time_misses_the_figure_alone() {
    let redis = RedisServer::start();
    let rights = ["ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", "-time"];
    assert!(redis.command(&rights).is_ok());
    let url = format!("redis://app:pw@127.0.0.1:{}/", redis.port());
    let source = Arc::new(Source::default());
    let (a, b) = (Node::joined(&url, &source).await, Node::joined(&url, &source).await);
    assert_eq!(row(&b, 1).await, Ok(0));
    source.write(1);
    told(&a, 20).await;
    a.taken(a.cache.invalidate_tags(["late"]).await).await;
    let mut seen = 0;
    while seen == 0 {
        seen = row(&b, 1).await.unwrap();
    }
    eventually("all are heard", || b.cache.shared().unwrap().heard >= 21).await;
    assert_eq!(b.cache.shared().unwrap().lag.count, 0);
    assert!(writers(&redis).iter().all(|by| !by.contains('@')), "and says nothing of it to others");
    let (before, read) = (redis.command(&["ACL", "LOG"]), b.cache.shared().unwrap().number);
    told(&a, 5).await;
    eventually("they are read", || b.cache.shared().unwrap().number >= read + 5).await;
    let counts = |log: &Reply| log.items().iter().map(|entry| entry.items()[1].clone()).collect::<Vec<_>>();
    assert_eq!(counts(&redis.command(&["ACL", "LOG"])), counts(&before), "it is asked for once, and not again");
}
