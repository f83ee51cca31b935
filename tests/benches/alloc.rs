//! Allocations of a hit, counted.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::sync::Arc;

use cached_runtime::cache;
use kit::{Row, reach, runtime, summary, text};

#[cache(ttl = "1h")]
async fn row(id: u64) -> Arc<Row> {
    Arc::new(Row::of(id))
}

#[cache(ttl = "1h")]
fn row_sync(id: u64) -> Arc<Row> {
    Arc::new(Row::of(id))
}

#[cache(key = "alloc:{kind}:{id}", ttl = "1h", tags = ["alloc:{kind}"])]
async fn pair(kind: &str, id: u64) -> Arc<Row> {
    Arc::new(Row::of(id + kind.len() as u64))
}

#[cache(ttl = "1h")]
async fn string(id: u64) -> String {
    text(id)
}

#[cache(ttl = "1h")]
async fn fallible(id: u64) -> Result<Option<Arc<Row>>, std::num::ParseIntError> {
    Ok(Some(Arc::new(Row::of(id))))
}

const CALLS: u64 = 10_000;

/// Allocations per call, of the second time through the keys.
fn per_call(mut call: impl FnMut(u64)) -> f64 {
    (0..100).for_each(&mut call);
    let counted = allocation_counter::measure(|| (0..CALLS).for_each(|i| call(i % 100)));
    counted.count_total as f64 / CALLS as f64
}

fn main() {
    let runtime = runtime();
    let _inside = runtime.enter();
    let arc = per_call(|id| drop(runtime.block_on(row(id))));
    let idle = per_call(|_| runtime.block_on(std::future::ready(())));
    let sync = per_call(|id| drop(row_sync(id)));
    let pair = per_call(|id| drop(runtime.block_on(pair("video", id))));
    let fallible = per_call(|id| drop(runtime.block_on(fallible(id))));
    let string = per_call(|id| drop(runtime.block_on(string(id))));
    println!(
        "allocations per hit: Arc {arc}, sync {sync}, (&str, u64) with a tag {pair}, Result<Option<Arc>> {fallible}, String {string}, runtime alone {idle}"
    );
    summary();
    reach("allocations per hit, Arc return", "async", arc - idle, 0.0);
    reach("allocations per hit, Arc return", "sync", sync, 0.0);
    reach("allocations per hit, Arc return", "(&str, u64) key, a tag", pair - idle, 0.0);
    reach("allocations per hit, Arc return", "Result<Option<Arc<_>>, _>", fallible - idle, 0.0);
    reach("allocations per hit, owned String", "async: the clone", string - idle, 1.0);
    assert!(arc - idle == 0.0 && sync == 0.0 && pair - idle == 0.0 && fallible - idle == 0.0, "a hit allocates");
}
