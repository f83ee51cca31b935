//! Lives that Redis could not count are brought to what it can.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::SetOptions;
use kit::{RedisServer, Reply};

use crate::rig::{Node, Source};

/// A hundred years of 365.25 days, in milliseconds.
const CENTURY: i64 = 36_525 * 24 * 3_600_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_life_of_centuries_is_stored_and_takes_no_other_frame_with_it() {
    let redis = RedisServer::start();
    let node = Node::patient(&redis.url(), &Arc::<Source>::default()).await;
    let names = node.cache.namespace::<u64>("centuries").unwrap();
    names.set("short", 1);
    for (name, ttl) in [("long", Duration::from_secs(u64::MAX)), ("longest", Duration::MAX)] {
        names.set_with(name, 1, SetOptions::new().ttl(ttl).stale(Duration::MAX));
    }
    node.settled().await;
    let life = |name: &str| match redis.command(&["PTTL", &format!("cached:v:{{centuries:{name}}}")]) {
        Reply::Int(life) => life,
        other => panic!("{other:?}"),
    };
    assert!((1..=300_000).contains(&life("short")));
    for name in ["long", "longest"] {
        assert!((CENTURY..=2 * CENTURY).contains(&life(name)), "{name}: {}", life(name));
    }
    let level = &node.cache.stats().tiers[0];
    assert_eq!((level.written, level.dropped, level.errors), (3, 0, 0), "{level:?}");
    let other = Node::patient(&redis.url(), &node.source).await;
    let names = other.cache.namespace::<u64>("centuries").unwrap();
    assert_eq!((names.get("long").await, names.get("longest").await), (Some(1), Some(1)));
}
