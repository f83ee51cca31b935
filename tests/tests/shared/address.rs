//! The name of Redis stands for another address from now on (R21).

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use cached_runtime::{Cache, cache};
use kit::{RedisServer, now};

use crate::child::Child;
use crate::rig::{Node, Source, figure};

const NAME: &str = "redis-of-the-tests";

#[cache(key = "address:{id}", tags = ["address"], ttl = "1h", cache = node.cache, skip(node))]
async fn row(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

/// A node that says when it follows the log, and what it hears: does nothing unless it is started as one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout, reason = "its parent reads it")]
async fn node_by_name() {
    let Ok(url) = std::env::var("ADDRESS_NODE") else { return };
    let node = Node::of(Cache::builder().redis(&url), &Arc::new(Source::default()));
    let (mut was, mut heard, mut id) = (false, 0, 0);
    loop {
        let log = node.cache.shared().unwrap();
        if log.proven != was {
            was = log.proven;
            println!("{} {}", if was { "followed" } else { "away" }, now());
        }
        if log.heard != heard {
            heard = log.heard;
            println!("heard {heard}");
        }
        // Whatever the address: no call fails.
        id += 1;
        assert_eq!(row(&node, id % 50).await, Ok(0));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r21_a_name_that_stands_for_another_address_is_asked_for_again() {
    let first = RedisServer::start();
    let room = tempfile::tempdir().unwrap();
    let hosts = room.path().join("hosts");
    fs::write(&hosts, format!("127.0.0.1 localhost {NAME}\n")).unwrap();
    let url = format!("redis://{NAME}:{}/", first.port());
    let mut child = Child::start("address::node_by_name", ("ADDRESS_NODE", &url), Some(&hosts));
    child.says("followed ");
    let one = Node::joined(&first.url(), &Arc::new(Source::default())).await;
    one.taken(one.cache.invalidate_tags(["address"]).await).await;
    assert_eq!(child.says("heard "), "1", "the control: it follows the first server");
    first.kill();
    child.says("away ");
    let port = first.port().to_string();
    let _second = RedisServer::with(&["--bind", "127.0.0.2", "--port", &port]);
    let url = format!("redis://127.0.0.2:{port}/");
    let other = Node::joined(&url, &Arc::new(Source::default())).await;
    // In place: what is mounted is this file and no other of its name.
    fs::write(&hosts, format!("127.0.0.1 localhost\n127.0.0.2 {NAME}\n")).unwrap();
    let moved = now();
    let followed: u64 = child.says("followed ").parse().unwrap();
    let took = Duration::from_nanos(followed.saturating_sub(moved));
    figure("R21", format!("followed at the new address {took:?} after the name was changed, promised 2 s"));
    assert!(took < Duration::from_secs(4), "{took:?}");
    other.taken(other.cache.invalidate_tags(["address"]).await).await;
    assert_eq!(child.says("heard "), "2", "what is invalidated there is heard");
}
