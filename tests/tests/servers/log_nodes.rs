//! Nodes that share a database server and no Redis: the server holds their log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::tier::sql::SqlOptions;
use cached_runtime::{Applied, Cache, cache};

use crate::rig::{Node, Source, figure, soon};
use crate::sql_rig::{Server, on_both};

on_both!(what_one_node_loaded_another_finds, an_invalidation_reaches_the_other_node,);

#[cache(key = "basic:{id}", tags = ["tag:{id}"], ttl = "1h", cache = node.cache, skip(node))]
async fn basic(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

/// A node over these tables, once it follows their log.
pub(crate) async fn joined<S: Server>(options: &SqlOptions, source: &Arc<Source>) -> Node {
    let builder = Cache::builder().read_deadline(Duration::from_secs(1)).write_deadline(Duration::from_secs(1));
    let node = Node::of(S::add(builder, options.clone()), source);
    node.proven().await;
    node
}

async fn two<S: Server>() -> (Arc<S>, Node, Node) {
    let server = S::shared();
    let (options, source) = (server.fresh(), Arc::new(Source::default()));
    let (a, b) = (joined::<S>(&options, &source).await, joined::<S>(&options, &source).await);
    (server, a, b)
}

async fn what_one_node_loaded_another_finds<S: Server>() {
    let (_server, a, b) = two::<S>().await;
    a.source.write(7);
    assert_eq!(basic(&a, 1).await, Ok(7));
    a.settled().await;
    assert_eq!(basic(&b, 1).await, Ok(7));
    assert_eq!(a.source.reads(), 1, "the second node asked the server, not the source");
    assert_eq!(basic(&b, 1).await, Ok(7));
    assert_eq!(b.cache.stats().sites[0].hits, 1, "and has it near from then on");
}

async fn an_invalidation_reaches_the_other_node<S: Server>() {
    let (_server, a, b) = two::<S>().await;
    let (mut late, mut took) = (0, Vec::new());
    for round in 1..=120 {
        let id = round % 5;
        basic(&b, id).await.unwrap();
        a.source.write(round);
        let start = Instant::now();
        let applied = match round % 4 {
            0 => soon("a key", a.cache.invalidate_key(&basic::key(&a, id))).await,
            1 => soon("a tag", a.cache.invalidate_tags([format!("tag:{id}")])).await,
            2 => soon("a pattern", a.cache.invalidate_pattern("basic:*")).await.unwrap(),
            _ => soon("a namespace", a.cache.invalidate_namespace("basic")).await.unwrap(),
        };
        late += usize::from(applied == Applied::Queued);
        let told = Instant::now();
        assert_eq!(basic(&a, id).await, Ok(round), "a node reads its own invalidation at once");
        while basic(&b, id).await != Ok(round) {
            assert!(start.elapsed() < Duration::from_secs(2), "round {round}: the other node still serves what is old");
            tokio::task::yield_now().await;
        }
        took.push((told - start, told.elapsed()));
    }
    let median = |part: fn(&(Duration, Duration)) -> Duration| {
        let mut all: Vec<Duration> = took.iter().map(part).collect();
        all.sort();
        format!("p50 {:?}, max {:?}", all[all.len() / 2], all[all.len() - 1])
    };
    figure(S::WORD, format!("invalidated: {}; then known elsewhere: {}", median(|t| t.0), median(|t| t.1)));
    assert!(late < 12, "{late} of 120 did not reach a server that is well in time");
}
