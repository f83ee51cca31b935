//! A primary that fails over to a replica which has not seen all (R18), and sentinels that name the new one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::{Applied, cache};
use kit::{Proxy, Replicated};

use crate::rig::{Node, Source, eventually, figure};

#[cache(key = "failover:{id}", tags = ["failover:{id}", "failover"], ttl = "1h", cache = node.cache, skip(node))]
async fn row(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

async fn sees(node: &Node, id: u64, truth: u64) -> Duration {
    let start = Instant::now();
    while row(node, id).await.unwrap() != truth {
        assert!(start.elapsed() < Duration::from_secs(4), "the node still serves an older value than {truth}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    start.elapsed()
}

/// The replica lacks the last invalidations; the node that made them knows, and the log begins anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r18_invalidations_that_a_failover_lost_are_said_again() {
    let servers = Replicated::without_sentinel();
    // Both nodes reach whoever is the primary at one address.
    let proxy = Proxy::to(servers.primary().port());
    let source = Arc::new(Source::default());
    let (a, b) = (Node::joined(&proxy.url(), &source).await, Node::joined(&proxy.url(), &source).await);
    for id in 0..20 {
        row(&a, id).await.unwrap();
    }
    a.settled().await;
    for id in 0..20 {
        row(&b, id).await.unwrap();
    }
    a.cache.invalidate_tags(["nothing"]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    servers.pause_replication();
    source.write(1);
    for id in 0..20 {
        let applied = match id % 2 {
            0 => a.cache.invalidate_key(&row::key(&a, id)).await,
            _ => a.cache.invalidate_tags([format!("failover:{id}")]).await,
        };
        // What is lost is what had been taken.
        a.taken(applied).await;
    }
    servers.primary().kill();
    assert!(servers.replica().command(&["REPLICAOF", "NO", "ONE"]).is_ok());
    proxy.retarget(servers.replica().port());
    proxy.reset_all();
    let start = Instant::now();
    eventually("the lost records are noticed", || b.cache.shared().unwrap().adopted > 1).await;
    a.proven().await;
    b.proven().await;
    let mut longest = Duration::ZERO;
    for id in 0..20 {
        assert_eq!(row(&a, id).await, Ok(1), "a node never loses its own invalidation");
        longest = longest.max(sees(&b, id, 1).await);
    }
    figure("R18", format!("20 invalidations lost with the primary; 0 stale {:?} after the failover", start.elapsed()));
    source.write(2);
    b.cache.invalidate_tags(["failover"]).await;
    b.settled().await;
    for id in 0..20 {
        sees(&a, id, 2).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_name_the_new_primary() {
    let servers = Replicated::start();
    let url = format!("redis+sentinel://127.0.0.1:{}/{}", servers.sentinel_port(), kit::Replicated::MASTER);
    let source = Arc::new(Source::default());
    let (a, b) = (Node::joined(&url, &source).await, Node::joined(&url, &source).await);
    row(&a, 1).await.unwrap();
    row(&b, 1).await.unwrap();
    servers.primary().kill();
    a.suspect().await;
    source.write(1);
    assert_eq!(a.cache.invalidate_tags(["failover"]).await, Applied::Queued);
    assert_eq!(row(&a, 1).await, Ok(1));
    servers.await_failover();
    let start = Instant::now();
    a.proven().await;
    b.proven().await;
    a.settled().await;
    sees(&b, 1, 1).await;
    figure("sentinel", format!("followed again {:?} after the sentinel named the new primary", start.elapsed()));
}
