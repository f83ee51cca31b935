//! One load for all nodes, by leases in a table.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::cache;

use crate::log_nodes::joined;
use crate::rig::{Node, Source, eventually, figure, soon};
use crate::sql_rig::{Server, on_both};

on_both!(
    a_herd_over_three_nodes_is_one_load,
    a_holder_that_died_is_followed_when_its_lease_ends,
    what_a_former_holder_loaded_is_not_stored_over_its_successors,
);

#[cache(key = "herd:{id}", ttl = "10m", lock = "cluster", cache = node.cache, skip(node))]
async fn led(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    let read = node.source.read().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    read
}

#[cache(key = "unled:{id}", ttl = "10m", cache = node.cache, skip(node))]
async fn unled(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    let read = node.source.read().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    read
}

#[cache(key = "held:{id}", ttl = "10m", lock = "cluster", cache = node.cache, skip(node))]
async fn held(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

async fn nodes<S: Server>(server: &S, prefix: &str, n: usize) -> (Arc<Source>, Vec<Node>) {
    let options = server.through(server.port(), prefix);
    let source = Arc::new(Source::default());
    let mut nodes = Vec::new();
    for _ in 0..n {
        nodes.push(joined::<S>(&options, &source).await);
    }
    (source, nodes)
}

/// Three nodes, 100 callers each, one cold key.
async fn a_herd_over_three_nodes_is_one_load<S: Server>() {
    let server = S::shared();
    let (source, nodes) = nodes(&*server, "herd", 3).await;
    let start = Instant::now();
    let callers: Vec<_> = nodes.iter().cycle().take(300).cloned().collect();
    let tasks: Vec<_> = callers.iter().cloned().map(|node| tokio::spawn(async move { led(&node, 1).await })).collect();
    for task in tasks {
        assert_eq!(soon("a caller", task).await.unwrap(), Ok(0));
    }
    figure(S::WORD, format!("3 nodes x 100 callers: {} load, {:?}", source.reads(), start.elapsed()));
    assert_eq!(source.reads(), 1);
    // The control: without the lock each node loads once.
    let tasks: Vec<_> = callers.into_iter().map(|node| tokio::spawn(async move { unled(&node, 1).await })).collect();
    for task in tasks {
        assert_eq!(soon("a caller", task).await.unwrap(), Ok(0));
    }
    assert_eq!(source.reads(), 1 + 3);
}

/// Somebody took the lease and was never heard of again.
async fn a_holder_that_died_is_followed_when_its_lease_ends<S: Server>() {
    let server = S::shared();
    let (source, nodes) = nodes(&*server, "died", 1).await;
    let now = match S::WORD {
        "postgres" => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
        _ => "CAST(unix_timestamp(now(3)) * 1000 AS SIGNED)",
    };
    let start = Instant::now();
    // Some, for on a busy machine a question about a lease may take too long, and then nobody waits.
    for id in 0..4 {
        server.sql(&format!("INSERT INTO died_leases (name, token, lasts) VALUES ('held:{id}', 7, {now} + 2000)"));
    }
    let takeovers: Vec<_> = (0..4)
        .map(|id| {
            let node = nodes[0].clone();
            tokio::spawn(async move { (held(&node, id).await, start.elapsed()) })
        })
        .collect();
    let mut longest = Duration::ZERO;
    for takeover in takeovers {
        let (read, took) = soon("the takeover", takeover).await.unwrap();
        assert_eq!(read, Ok(0));
        longest = longest.max(took);
    }
    figure(S::WORD, format!("taken over after {longest:?} of a lease of 2 s"));
    assert!(longest > Duration::from_millis(1_500), "it is waited for: {longest:?}");
    assert_eq!(source.reads(), 4);
    nodes[0].settled().await;
    let left = || server.sql("SELECT count(*) FROM died_leases WHERE lasts >= 0 AND token <> 7") == "0";
    eventually("what was stored gave its lease back", left).await;
}

/// A holder that was frozen comes back with what it loaded long ago.
async fn what_a_former_holder_loaded_is_not_stored_over_its_successors<S: Server>() {
    let server = S::shared();
    let (source, nodes) = nodes(&*server, "former", 2).await;
    source.gate.close();
    let a = nodes[0].clone();
    let first = tokio::spawn(async move { held(&a, 3).await });
    source.gate.arrived(1).await;
    // Its lease has ended, as far as the server knows, and another node is next.
    server.sql("DELETE FROM former_leases WHERE name = 'held:3'");
    source.write(1);
    let b = nodes[1].clone();
    let second = tokio::spawn(async move { held(&b, 3).await });
    source.gate.arrived(2).await;
    source.gate.open();
    assert_eq!((soon("a", first).await.unwrap(), soon("b", second).await.unwrap()), (Ok(0), Ok(1)));
    for node in &nodes {
        node.settled().await;
    }
    let options = server.through(server.port(), "former");
    let third = joined::<S>(&options, &source).await;
    assert_eq!(held(&third, 3).await, Ok(1), "what is stored is the successor's");
    assert_eq!(source.reads(), 2);
}
