//! One load for all nodes, by leases in a table.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::leased::{all_answered, held, led, loads_of, overtaken, unled};
use crate::log_nodes::joined;
use crate::rig::{Node, Source, eventually, figure, soon};
use crate::sql_rig::{Server, on_both};

on_both!(
    a_herd_over_three_nodes_is_one_load,
    a_holder_that_died_is_followed_when_its_lease_ends,
    what_a_former_holder_loaded_is_not_stored_over_its_successors,
);

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
    let once = loads_of(&source, 1, |id| all_answered(&callers, move |node| async move { led(&node, id).await })).await;
    figure(S::WORD, format!("3 nodes x 100 callers: {once:?} loads of each key, {:?}", start.elapsed()));
    assert_eq!(once.last(), Some(&1), "{once:?}");
    // The control: without the lock each node loads once.
    let each =
        loads_of(&source, 3, |id| all_answered(&callers, move |node| async move { unled(&node, id).await })).await;
    assert_eq!(each.last(), Some(&3), "{each:?}");
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
    // As far as the server knows.
    overtaken(&nodes, || drop(server.sql("DELETE FROM former_leases WHERE name = 'held:3'"))).await;
    let options = server.through(server.port(), "former");
    let third = joined::<S>(&options, &source).await;
    assert_eq!(held(&third, 3).await, Ok(1), "what is stored is the successor's");
    assert_eq!(source.reads(), 2);
}
