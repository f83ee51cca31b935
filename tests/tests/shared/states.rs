//! What a Redis says of itself: asked by who looks, once for all of them, and no trouble of anybody who calls.

use std::sync::Arc;

use axum::body::Body;
use cached_runtime::admin::Admin;
use cached_runtime::tier::TierState;
use cached_runtime::{Cache, cache};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use kit::{RedisCluster, RedisServer, Reply};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::rig::{Node, Source, soon};

#[cache(key = "states:{id}", ttl = "1h", cache = node.cache, skip(node))]
async fn row(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

async fn state(node: &Node) -> Option<TierState> {
    let mut views = soon("it is bounded", node.cache.tier_states()).await;
    assert_eq!((views.len(), views[0].tier.as_str()), (1, "redis"));
    views.pop().unwrap().state
}

async fn health(cache: &Cache) -> Value {
    let router = Admin::new(cache).open_reads(true).router().unwrap();
    let request = Request::get("/api/v1/cache/health").header("host", "localhost").body(Body::empty()).unwrap();
    let response = router.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

/// A cache whose figures nobody has asked for yet: an answer counts for a second.
async fn fresh(redis: &RedisServer, source: &Arc<Source>) -> Node {
    Node::joined(&redis.url(), source).await
}

fn codes(health: &Value) -> Vec<&str> {
    health["warnings"].as_array().unwrap().iter().filter_map(|warning| warning["code"].as_str()).collect()
}

fn asked(redis: &RedisServer) -> u64 {
    let stats = redis.command(&["INFO", "commandstats"]).text().unwrap();
    let calls = stats.lines().find_map(|line| line.strip_prefix("cmdstat_info:calls="));
    calls.and_then(|rest| rest.split(',').next()).map_or(0, |calls| calls.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_are_the_servers_own_and_stand_in_health() {
    let redis = RedisServer::with(&["--maxmemory", "64mb", "--maxmemory-policy", "volatile-lru"]);
    let node = fresh(&redis, &Arc::default()).await;
    for id in 0..20 {
        row(&node, id).await.unwrap();
    }
    node.settled().await;
    let state = state(&node).await.unwrap();
    let info = |field: &str| redis.info(field).unwrap().trim().to_owned();
    assert_eq!((state.servers, state.answered), (1, 1));
    assert!(
        state.version.as_ref().is_some_and(|version| version.ends_with(&info("redis_version")))
            || redis.info("valkey_version").is_some()
    );
    assert_eq!(state.role.as_deref(), Some("master"));
    assert_eq!((state.max_bytes, state.policy.as_deref()), (Some(64 << 20), Some("volatile-lru")));
    assert_eq!(state.evicted, Some(0));
    assert!(state.used_bytes.is_some_and(|used| used > 100_000) && state.clients.is_some_and(|clients| clients >= 3));
    assert!(state.uptime_seconds.is_some() && state.misses.is_some_and(|misses| misses >= 20), "{state:?}");
    let health = health(&node.cache).await;
    let told = &health["tiers"][0]["state"];
    assert_eq!(
        (told["max_bytes"].as_u64(), told["policy"].as_str()),
        (Some(64 << 20), Some("volatile-lru")),
        "{health}"
    );
    assert_eq!((codes(&health).len(), health["status"].as_str()), (0, Some("healthy")), "{health}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_will_refuse_or_may_forget_the_log_is_warned_of() {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let used: u64 = redis.info("used_memory").unwrap().trim().parse().unwrap();
    let bound = |bytes: u64| assert!(redis.command(&["CONFIG", "SET", "maxmemory", &bytes.to_string()]).is_ok());
    let policy = |policy: &str| assert!(redis.command(&["CONFIG", "SET", "maxmemory-policy", policy]).is_ok());
    policy("noeviction");
    let node = fresh(&redis, &source).await;
    assert!(codes(&health(&node.cache).await).is_empty(), "without a bound nothing is full");
    // The server has less room than it uses: it is full, and evicts nothing.
    bound(used / 2);
    let full = fresh_of_full(&redis, &source);
    let told = health(&full.cache).await;
    assert!(codes(&told).contains(&"tier_full"), "{told}");
    bound(used * 100);
    policy("allkeys-lru");
    let node = fresh(&redis, &source).await;
    let told = health(&node.cache).await;
    assert_eq!(codes(&told), ["log_evictable"], "{told}");
    assert_eq!(told["status"], "warning");
    let text = told["warnings"][0]["text"].as_str().unwrap();
    assert!(text.contains("allkeys-lru") && text.contains("volatile-*"), "{text}");
}

/// A full server takes no new log: who joins it is not proven, and looks all the same.
fn fresh_of_full(redis: &RedisServer, source: &Arc<Source>) -> Node {
    let node = Node::with(&redis.url(), source, |builder| builder);
    let start = std::time::Instant::now();
    while !node.cache.shared().is_some_and(|log| log.connected) {
        assert!(start.elapsed() < crate::rig::LONG, "it connects");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    node
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_who_look_ask_the_server_once() {
    let redis = RedisServer::start();
    let node = fresh(&redis, &Arc::default()).await;
    let before = asked(&redis);
    let start = std::time::Instant::now();
    let looks: Vec<_> = (0..1_000)
        .map(|_| {
            let node = node.clone();
            tokio::spawn(async move { state(&node).await.is_some() })
        })
        .collect();
    for look in looks {
        assert!(soon("a look", look).await.unwrap());
    }
    // Besides, `asked` itself asks.
    let (asked, seconds) = (asked(&redis) - before - 1, start.elapsed().as_secs());
    assert!(asked <= 1 + seconds, "{asked} questions in {seconds} s");
}

/// Who may not `INFO` is told nothing, is asked for nothing again, and nothing is amiss.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_not_ask_costs_nothing_and_is_no_warning() {
    let redis = RedisServer::start();
    let rights = ["ACL", "SETUSER", "app", "on", ">pw", "~*", "&*", "+@all", "-info"];
    assert!(redis.command(&rights).is_ok());
    let url = format!("redis://app:pw@127.0.0.1:{}/", redis.port());
    let node = Node::joined(&url, &Arc::default()).await;
    row(&node, 1).await.unwrap();
    node.settled().await;
    let refusals = || redis.command(&["ACL", "LOG"]).items().len();
    assert_eq!(redis.command(&["ACL", "LOG", "RESET"]), Reply::Simple("OK".into()));
    let told = state(&node).await.unwrap();
    assert_eq!((told.servers, told.answered, told.used_bytes), (1, 0, None));
    let once = refusals();
    for _ in 0..3 {
        let told = health(&node.cache).await;
        assert_eq!((codes(&told).len(), told["status"].as_str()), (0, Some("healthy")), "{told}");
        assert_eq!(told["tiers"][0]["up"], true);
    }
    assert!(once <= 1 && refusals() == once, "asked once for a connection, and not again");
    let level = &node.cache.stats().tiers[0];
    assert_eq!((level.errors, level.reads.as_str(), level.writes.as_str()), (0, "closed", "closed"), "{level:?}");
}

/// A server that stands still: who looks is told nothing after a moment, and calls know nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_answer_keeps_nobody_waiting() {
    let redis = RedisServer::start();
    let node = fresh(&redis, &Arc::default()).await;
    row(&node, 1).await.unwrap();
    node.settled().await;
    redis.freeze();
    assert_eq!(state(&node).await, None);
    let told = health(&node.cache).await;
    assert_eq!(told["tiers"][0]["state"], Value::Null, "{told}");
    assert_eq!(row(&node, 1).await, Ok(0));
    redis.thaw();
    node.proven().await;
    let mut told = None;
    while told.is_none() {
        told = state(&node).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_of_a_cluster_are_summed() {
    let cluster = RedisCluster::start();
    let places: Vec<String> = cluster.nodes().iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
    let node = Node::joined(&format!("redis+cluster://{}", places.join(",")), &Arc::default()).await;
    let least: u64 =
        cluster.nodes().iter().map(|node| node.info("used_memory").unwrap().trim().parse::<u64>().unwrap()).sum();
    let state = state(&node).await.unwrap();
    assert_eq!((state.servers, state.answered), (3, 3));
    assert!(state.used_bytes.is_some_and(|used| used > least / 2), "{state:?} {least}");
    assert_eq!(state.role.as_deref(), Some("master"));
}
