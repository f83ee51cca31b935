//! Tables that nodes share are emptied by hand: frames go, the log stays, and nobody is served what is old.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use cached_runtime::tier::sql::SqlOptions;
use cached_runtime::{Cache, cache};
use kit::RedisServer;

use crate::log_nodes::joined;
use crate::rig::{Node, Source, eventually, soon};
use crate::sql_rig::{Server, on_both};

on_both!(
    frames_go_and_the_log_stays,
    calls_meanwhile_never_fail_and_never_see_what_is_old,
    a_tier_below_the_log_is_emptied_too,
    a_server_says_what_it_is,
);

#[cache(
    key = "sql-emptied:{id}", tags = ["sql-emptied:{id}", "sql-emptied"], ttl = "1h", cache = node.cache, skip(node)
)]
async fn row(node: &Node, id: u64) -> Result<(u64, u64), String> {
    Ok((id, node.source.read().await?))
}

async fn two<S: Server>(options: &SqlOptions) -> (Node, Node) {
    let source = Arc::new(Source::default());
    (joined::<S>(options, &source).await, joined::<S>(options, &source).await)
}

fn name(node: &Node, at: usize) -> String {
    node.cache.stats().tiers[at].tier.clone()
}

async fn frames_go_and_the_log_stays<S: Server>() {
    let server = S::shared();
    let (mine, theirs) = (server.fresh(), server.fresh());
    let (a, b) = two::<S>(&mine).await;
    let (stranger, _) = two::<S>(&theirs).await;
    for id in 0..1_200 {
        row(&a, id).await.unwrap();
    }
    row(&b, 1).await.unwrap();
    row(&stranger, 1).await.unwrap();
    a.source.write(1);
    a.cache.invalidate_tags(["sql-emptied:7"]).await;
    a.cache.invalidate_key(&row::key(&a, 8)).await;
    for node in [&a, &b, &stranger] {
        node.settled().await;
    }
    eventually("both have read the log", || {
        let [a, b] = [&a, &b].map(|node| node.cache.shared().unwrap().number);
        a == b
    })
    .await;
    let before = [&a, &b].map(|node| node.cache.shared().unwrap());
    let removed = soon("it ends", a.cache.clear_tier(&name(&a, 0))).await.unwrap();
    // Upkeep may have removed what was invalidated.
    assert!((1_198..=1_199).contains(&removed), "{removed}");
    let after = [&a, &b].map(|node| node.cache.shared().unwrap());
    assert_eq!(
        before.map(|log| (log.number, log.adopted)),
        after.map(|log| (log.number, log.adopted)),
        "the log stays"
    );
    // Near of the other goes on; what it has not is loaded.
    assert_eq!(row(&b, 1).await, Ok((1, 0)), "near has it");
    assert_eq!(row(&b, 2).await, Ok((2, 1)), "and the tables have not");
    assert_eq!(soon("it ends", stranger.cache.clear_tier(&name(&stranger, 0))).await.unwrap(), 1, "theirs were there");
    b.settled().await;
    let late = joined::<S>(&mine, &a.source).await;
    let reads = a.source.reads();
    assert_eq!(row(&late, 2).await, Ok((2, 1)));
    assert_eq!(a.source.reads(), reads, "what is stored again is found");
    // And it is followed.
    a.source.write(2);
    a.taken(a.cache.invalidate_tags(["sql-emptied"]).await).await;
    let mut seen = 0;
    while seen != 2 {
        seen = row(&b, 1).await.unwrap().1;
    }
    assert_eq!([&a, &b].map(|node| node.cache.shared().unwrap().suspicions), before.map(|log| log.suspicions));
    eventually("how far it is behind is known", || b.cache.shared().unwrap().behind == Some(0)).await;
    assert!(b.cache.shared().unwrap().proof_age.is_some());
}

async fn calls_meanwhile_never_fail_and_never_see_what_is_old<S: Server>() {
    let server = S::shared();
    let (a, b) = two::<S>(&server.fresh()).await;
    let over = Arc::new(AtomicBool::new(false));
    let task = |node: Node, at: u64| {
        let over = Arc::clone(&over);
        tokio::spawn(async move {
            let (mut truth, mut calls) = (0, 0_u64);
            while !over.load(SeqCst) {
                for id in at..at + 20 {
                    let (seen, version) = row(&node, id).await.expect("no call fails");
                    assert_eq!(seen, id);
                    assert!(version >= truth, "{version} was served after {truth} was invalidated");
                    calls += 1;
                }
                truth = node.source.reads();
                node.source.write(truth);
                node.cache.invalidate_tags(["sql-emptied"]).await;
            }
            calls
        })
    };
    // Each writes what it then must read, so each has a source of its own.
    let c = Node { cache: b.cache.clone(), source: Arc::new(Source::default()) };
    let tasks = [task(a.clone(), 0), task(c, 1_000)];
    let tier = name(&a, 0);
    let mut done = 0;
    for _ in 0..15 {
        done += u32::from(soon("it ends", a.cache.clear_tier(&tier)).await.is_ok());
    }
    over.store(true, SeqCst);
    for task in tasks {
        assert!(soon("the calls", task).await.unwrap() > 0);
    }
    assert!(done > 0, "a server that is well is emptied");
}

/// Frames in tables below a Redis that has the log.
async fn a_tier_below_the_log_is_emptied_too<S: Server>() {
    let (server, redis) = (S::shared(), RedisServer::start());
    let (options, source) = (server.fresh(), Arc::new(Source::default()));
    let node = || {
        let builder = Cache::builder().read_deadline(Duration::from_secs(1)).redis(&redis.url());
        Node::of(S::add(builder, options.clone()), &source)
    };
    let (a, b) = (node(), node());
    for node in [&a, &b] {
        node.proven().await;
    }
    for id in 0..30 {
        row(&a, id).await.unwrap();
    }
    a.settled().await;
    let reads = source.reads();
    assert_eq!(soon("it ends", a.cache.clear_tier("redis")).await.unwrap(), 30);
    row(&b, 1).await.unwrap();
    assert_eq!(source.reads(), reads, "the tables have it");
    b.settled().await;
    assert_eq!(soon("it ends", b.cache.clear_tier(&name(&b, 1))).await.unwrap(), 30);
    assert_eq!(soon("it ends", b.cache.clear_tier("redis")).await.unwrap(), 1, "what was promoted");
    row(&b, 2).await.unwrap();
    assert_eq!(source.reads(), reads + 1, "nobody has it");
}

async fn a_server_says_what_it_is<S: Server>() {
    let server = S::shared();
    let (a, _b) = two::<S>(&server.fresh()).await;
    let state = soon("it is bounded", a.cache.tier_states()).await.pop().unwrap().state.unwrap();
    assert_eq!((state.servers, state.answered), (1, 1));
    let version = state.version.unwrap();
    assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{version}");
    assert!(state.max_bytes.is_some());
}
