//! Loads under a lease that all nodes share, wherever the lease is kept.

use std::future::Future;
use std::time::Duration;

use cached_runtime::cache;

use crate::rig::{Node, Source, soon};

#[cache(key = "herd:{id}", ttl = "10m", lock = "cluster", cache = node.cache, skip(node))]
pub(crate) async fn led(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    let read = node.source.read().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    read
}

#[cache(key = "unled:{id}", ttl = "10m", cache = node.cache, skip(node))]
pub(crate) async fn unled(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    let read = node.source.read().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    read
}

#[cache(key = "held:{id}", ttl = "10m", lock = "cluster", cache = node.cache, skip(node))]
pub(crate) async fn held(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

/// All of these callers at once; the source says 0 to each.
pub(crate) async fn all_answered<F>(callers: &[Node], call: impl Fn(Node) -> F)
where
    F: Future<Output = Result<u64, String>> + Send + 'static,
{
    let calls: Vec<_> = callers.iter().cloned().map(|node| tokio::spawn(call(node))).collect();
    for call in calls {
        assert_eq!(soon("a caller", call).await.unwrap(), Ok(0));
    }
}

/// How often each of some fresh keys was loaded, until one is as often as is expected: on a busy machine a question
/// about a lease, or about a frame, may take too long, and then a node loads by itself.
pub(crate) async fn loads_of<F>(source: &Source, expected: u64, load: impl Fn(u64) -> F) -> Vec<u64>
where
    F: Future<Output = ()>,
{
    let mut loads = Vec::new();
    for id in 100..105 {
        let before = source.reads();
        load(id).await;
        loads.push(source.reads() - before);
        if loads.last() == Some(&expected) {
            break;
        }
    }
    loads
}

/// A holder that was frozen comes back with what it loaded long ago, when its lease has ended and another was next. Both
/// are answered with what they loaded, and all is stored that is going to be.
pub(crate) async fn overtaken(nodes: &[Node], end_lease: impl FnOnce()) {
    let source = &nodes[0].source;
    source.gate.close();
    let a = nodes[0].clone();
    let first = tokio::spawn(async move { held(&a, 3).await });
    source.gate.arrived(1).await;
    end_lease();
    source.write(1);
    let b = nodes[1].clone();
    let second = tokio::spawn(async move { held(&b, 3).await });
    source.gate.arrived(2).await;
    source.gate.open();
    assert_eq!((soon("a", first).await.unwrap(), soon("b", second).await.unwrap()), (Ok(0), Ok(1)));
    for node in nodes {
        node.settled().await;
    }
}
