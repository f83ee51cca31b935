//! A stampede: 1,000 tasks on one cold key whose load takes 50 ms, and the first caller gone after 25 ms.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::future::Future;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cached::macros::cached;
use cached_runtime::{Cache, cache};
use kit::{Row, median, reach, summary};

static STARTS: AtomicU64 = AtomicU64::new(0);

async fn slow(id: u64) -> Arc<Row> {
    STARTS.fetch_add(1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(50)).await;
    Arc::new(Row::of(id))
}

#[cache]
async fn ours(id: u64) -> Arc<Row> {
    slow(id).await
}

/// The same with a disk tier below near.
static DEEP: LazyLock<(tempfile::TempDir, Cache)> = LazyLock::new(|| {
    let room = tempfile::tempdir().expect("a directory");
    let cache = Cache::builder().disk(room.path().join("l3")).build().expect("a cache");
    (room, cache)
});

#[cache(cache = &DEEP.1)]
async fn ours_deep(id: u64) -> Arc<Row> {
    slow(id).await
}

#[cached]
async fn cached_default(id: u64) -> Arc<Row> {
    slow(id).await
}

#[cached(sync_writes = "by_key")]
async fn cached_by_key(id: u64) -> Arc<Row> {
    slow(id).await
}

/// Loads begun and milliseconds until all are answered.
async fn stampede<F, T>(abort: bool, call: impl Fn() -> F) -> (f64, f64)
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    STARTS.store(0, Ordering::SeqCst);
    let begun = Instant::now();
    let first = tokio::spawn(call());
    tokio::task::yield_now().await;
    let others: Vec<_> = (1..1_000).map(|_| tokio::spawn(call())).collect();
    if abort {
        tokio::time::sleep(Duration::from_millis(25).saturating_sub(begun.elapsed())).await;
        first.abort();
    }
    for other in others {
        other.await.ok();
    }
    first.await.ok();
    (STARTS.load(Ordering::SeqCst) as f64, begun.elapsed().as_secs_f64() * 1e3)
}

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let moka = moka::future::Cache::<u64, Arc<Row>>::new(10_000);
    let quick = Arc::new(quick_cache::sync::Cache::<u64, Arc<Row>>::new(10_000));
    LazyLock::force(&DEEP);
    println!(
        "\nStampede of 1,000, load 50 ms                     loads / ms; first caller aborted at 25 ms: loads / ms"
    );
    let mut key = 0;
    let mut run = |name: &str, which: u8| {
        let mut cells: [Vec<f64>; 4] = Default::default();
        for _ in 0..5 {
            for abort in [false, true] {
                key += 1;
                let (id, moka, quick) = (key, &moka, &quick);
                let (starts, ms) = runtime.block_on(async {
                    match which {
                        0 => stampede(abort, || ours(id)).await,
                        1 => stampede(abort, || ours_deep(id)).await,
                        2 => stampede(abort, || cached_default(id)).await,
                        3 => stampede(abort, || cached_by_key(id)).await,
                        4 => {
                            let call = || {
                                let moka = moka.clone();
                                async move { moka.get_with(id, slow(id)).await }
                            };
                            stampede(abort, call).await
                        }
                        _ => {
                            let call = || {
                                let quick = Arc::clone(quick);
                                async move {
                                    quick.get_or_insert_async(&id, async { Ok::<_, ()>(slow(id).await) }).await.ok()
                                }
                            };
                            stampede(abort, call).await
                        }
                    }
                });
                cells[usize::from(abort) * 2].push(starts);
                cells[usize::from(abort) * 2 + 1].push(ms);
            }
        }
        let [loads, ms, aborted_loads, aborted_ms] = cells.map(median);
        println!(
            "{name:<50} {loads:>6.0} / {ms:>5.1}                                    {aborted_loads:>6.0} / {aborted_ms:>5.1}"
        );
        (aborted_loads, aborted_ms)
    };
    let ours = run("#[cache] async", 0);
    let deep = run("#[cache] async, disk tier below", 1);
    run("cached #[cached] async", 2);
    run("cached #[cached] sync_writes = by_key", 3);
    run("moka::future get_with", 4);
    run("quick_cache get_or_insert_async", 5);
    summary();
    reach("stampede of 1,000, first caller aborted", "loads", ours.0, 1.0);
    reach("stampede of 1,000, first caller aborted", "ms", ours.1, 60.0);
    reach("the same with a disk tier behind", "loads", deep.0, 1.0);
    reach("the same with a disk tier behind", "ms", deep.1, 60.0);
}
