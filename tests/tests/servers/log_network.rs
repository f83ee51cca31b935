//! A way to the server that breaks, and processes that end, while a log is shared there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cached_runtime::tier::sql::SqlOptions;
use cached_runtime::{Applied, Builder, Cache, cache};
use kit::Proxy;

use crate::log_nodes::joined;
use crate::rig::{Node, Source, eventually, figure};
use crate::sql_rig::{Server, on_both};

on_both!(
    a_connection_that_only_looks_alive_is_given_up,
    a_node_that_is_cut_off_in_a_transaction_keeps_nobody_out,
    what_was_queued_outlives_the_process_with_a_tier_of_its_own,
    a_server_that_comes_later_is_joined,
);

#[cache(key = "net:{id}", tags = ["net:{id}", "net"], ttl = "1h", cache = node.cache, skip(node))]
async fn row(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

async fn sees(node: &Node, id: u64, truth: u64) {
    let start = Instant::now();
    while row(node, id).await.unwrap() != truth {
        assert!(start.elapsed() < Duration::from_secs(3), "the node still serves an older value than {truth} for {id}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn a_connection_that_only_looks_alive_is_given_up<S: Server>() {
    let server = S::shared();
    let (proxy, source) = (Proxy::to(server.port()), Arc::new(Source::default()));
    let node = joined::<S>(&server.through(proxy.port(), "looks"), &source).await;
    let other = joined::<S>(&server.through(server.port(), "looks"), &source).await;
    row(&node, 1).await.unwrap();
    node.settled().await;
    proxy.black_hole(true);
    let start = Instant::now();
    source.write(1);
    other.cache.invalidate_tags(["net"]).await;
    node.suspect().await;
    let noticed = start.elapsed();
    assert!(noticed < Duration::from_secs(2), "{noticed:?}");
    proxy.black_hole(false);
    let start = Instant::now();
    node.proven().await;
    figure(S::WORD, format!("black hole: noticed after {noticed:?}, followed {:?} after it ended", start.elapsed()));
    assert_eq!(row(&node, 1).await, Ok(1), "what was missed is known before the node says that nothing is missing");
}

/// A node appends without a pause, so that it most likely holds the log's lock when it is cut off.
async fn a_node_that_is_cut_off_in_a_transaction_keeps_nobody_out<S: Server>() {
    let server = S::shared();
    let (proxy, source) = (Proxy::to(server.port()), Arc::new(Source::default()));
    let cut = joined::<S>(&server.through(proxy.port(), "cutoff"), &source).await;
    let other = joined::<S>(&server.through(server.port(), "cutoff"), &source).await;
    let goes_on = Arc::new(AtomicBool::new(true));
    let busy = {
        let (cut, goes_on) = (cut.clone(), Arc::clone(&goes_on));
        tokio::spawn(async move {
            while goes_on.load(SeqCst) {
                cut.cache.invalidate_tags(["busy"]).await;
            }
        })
    };
    for round in 1..=2 {
        row(&other, 1).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        proxy.black_hole(true);
        let start = Instant::now();
        source.write(round);
        other.cache.invalidate_tags(["net"]).await;
        assert!(start.elapsed() < Duration::from_secs(1), "no caller is kept: {:?}", start.elapsed());
        other.settled().await;
        let told = start.elapsed();
        assert!(told < Duration::from_secs(6), "{told:?}");
        figure(
            S::WORD,
            format!("a node was cut off while it appended; another's invalidation was told after {told:?}"),
        );
        proxy.black_hole(false);
        cut.proven().await;
        sees(&cut, 1, round).await;
    }
    goes_on.store(false, SeqCst);
    busy.await.unwrap();
}

async fn what_was_queued_outlives_the_process_with_a_tier_of_its_own<S: Server>() {
    let server = S::begin();
    let (options, source, room) = (server.fresh(), Arc::new(Source::default()), tempfile::tempdir().unwrap());
    let of = |name: &str| over::<S>(&options, Cache::builder().disk(room.path().join(name)));
    let (first, other) = (Node::of(of("first"), &source), Node::of(of("other"), &source));
    for node in [&first, &other] {
        node.proven().await;
        for id in 0..20 {
            row(node, id).await.unwrap();
        }
        node.settled().await;
    }
    server.fall();
    first.suspect().await;
    source.write(1);
    for id in 0..20 {
        let applied = match id % 2 {
            0 => first.cache.invalidate_key(&row::key(&first, id)).await,
            _ => first.cache.invalidate_tags([format!("net:{id}")]).await,
        };
        assert_eq!(applied, Applied::Queued);
    }
    // As killed: what it says in its last half second is said to nobody.
    drop(first);
    tokio::time::sleep(Duration::from_millis(800)).await;
    server.rise();
    other.proven().await;
    assert_eq!(row(&other, 3).await, Ok(0), "nobody has told the other node yet");
    let again = Node::of(of("first"), &source);
    again.proven().await;
    again.settled().await;
    for id in 0..20 {
        sees(&other, id, 1).await;
        assert_eq!(row(&again, id).await, Ok(1));
    }
}

fn over<S: Server>(options: &SqlOptions, builder: Builder) -> Builder {
    S::add(builder.read_deadline(Duration::from_secs(1)).write_deadline(Duration::from_secs(1)), options.clone())
}

async fn a_server_that_comes_later_is_joined<S: Server>() {
    let server = S::begin();
    server.fall();
    let (options, source) = (server.fresh(), Arc::new(Source::default()));
    let start = Instant::now();
    let node = Node::of(over::<S>(&options, Cache::builder()), &source);
    assert!(start.elapsed() < Duration::from_secs(5), "building waits for nobody");
    source.write(4);
    assert_eq!(row(&node, 1).await, Ok(4));
    assert_eq!(node.cache.invalidate_tags(["net"]).await, Applied::Queued);
    server.rise();
    let start = Instant::now();
    node.proven().await;
    figure(S::WORD, format!("came later: followed after {:?}", start.elapsed()));
    node.settled().await;
    assert_eq!(row(&node, 2).await, Ok(4));
    node.settled().await;
    let other = joined::<S>(&options, &source).await;
    source.write(5);
    assert_eq!(row(&other, 2).await, Ok(4), "another node finds what it stored");
}

/// Without anyone who listens, one looks now and then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_not_told_of_news_finds_them() {
    type S = kit::Postgres;
    let server = S::shared();
    let (options, source) = (server.through(server.port(), "untold"), Arc::new(Source::default()));
    let (a, b) = (joined::<S>(&options, &source).await, joined::<S>(&options, &source).await);
    let listeners = |of_each: &str| {
        let sql = "FROM pg_stat_activity WHERE query LIKE 'LISTEN \"untold_told\"%'";
        server.command(&format!("SELECT count({of_each}) {sql}"))
    };
    let doubts = || a.cache.shared().unwrap().suspicions + b.cache.shared().unwrap().suspicions;
    let mut doubted = Vec::new();
    // On a busy machine a node may doubt for other reasons; if it did so for this one, it would each time.
    while doubted.len() < 3 && doubted.last() != Some(&0) {
        let (round, before) = (doubted.len() as u64 + 1, doubts());
        eventually("both listen", || listeners("pid") == "2").await;
        assert_eq!(listeners("pg_terminate_backend(pid)"), "2", "both are gone");
        row(&b, 1).await.unwrap();
        source.write(round);
        let start = Instant::now();
        a.cache.invalidate_tags(["net"]).await;
        sees(&b, 1, round).await;
        figure("postgres", format!("untold: found after {:?}", start.elapsed()));
        doubted.push(doubts() - before);
    }
    assert_eq!(doubted.last(), Some(&0), "{doubted:?}");
}
