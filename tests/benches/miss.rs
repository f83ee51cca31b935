//! A miss: load, insert, and at capacity evict.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs, unreachable_pub)]

mod kit;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cached::macros::{cached, concurrent_cached};
use cached_runtime::{Cache, cache};
use kit::{Row, Table, block_on, reach, summary, zipf};

/// Room for about 10,000 entries each.
static APART: LazyLock<Cache> = LazyLock::new(small);
static INLINE: LazyLock<Cache> = LazyLock::new(small);
static SYNC: LazyLock<Cache> = LazyLock::new(small);

fn small() -> Cache {
    Cache::builder().near_bytes(10_000 * 330).build().expect("a cache")
}

#[cache(ttl = "1h", cache = &*APART)]
async fn ours(id: u64) -> Arc<Row> {
    Arc::new(Row::of(id))
}

#[cache(ttl = "1h", cache = &*INLINE, load = "inline")]
async fn ours_inline(id: u64) -> Arc<Row> {
    Arc::new(Row::of(id))
}

#[cache(ttl = "1h", cache = &*SYNC)]
fn ours_sync(id: u64) -> Arc<Row> {
    Arc::new(Row::of(id))
}

#[cached(max_size = 10000, ttl_secs = 3600)]
fn cached_sync(id: u64) -> Arc<Row> {
    Arc::new(Row::of(id))
}

#[concurrent_cached(max_size = 10000, ttl_secs = 3600)]
async fn sharded_async(id: u64) -> Arc<Row> {
    Arc::new(Row::of(id))
}

/// Fresh keys never come twice: the stream is counted on with every call.
static NEXT: AtomicU64 = AtomicU64::new(1 << 40);

fn id(key: u64) -> u64 {
    if key == u64::MAX { NEXT.fetch_add(1, Ordering::Relaxed) } else { key }
}

fn main() {
    let moka = moka::future::Cache::<u64, Arc<Row>>::builder()
        .max_capacity(10_000)
        .time_to_live(Duration::from_secs(3600))
        .build();
    let quick = quick_cache::sync::Cache::<u64, Arc<Row>>::new(10_000);
    let mut table = Table::new("Miss + load + insert + evict, capacity about 10,000, Arc<Row>");
    table
        .row("#[cache] async, load that outlives its caller", |keys| {
            block_on(async {
                for &key in keys {
                    black_box(ours(id(key)).await);
                }
            });
        })
        .row("#[cache] async, load = \"inline\"", |keys| {
            block_on(async {
                for &key in keys {
                    black_box(ours_inline(id(key)).await);
                }
            });
        })
        .row("#[cache] sync", |keys| {
            for &key in keys {
                black_box(ours_sync(id(key)));
            }
        })
        .row("no cache (loader and Arc only)", |keys| {
            for &key in keys {
                black_box(Arc::new(Row::of(id(key))));
            }
        })
        .row("a bare spawned task per call", |keys| {
            block_on(async {
                for &key in keys {
                    black_box(tokio::spawn(async move { Arc::new(Row::of(id(key))) }).await.ok());
                }
            });
        })
        .row("quick_cache get_or_insert_async", |keys| {
            block_on(async {
                for &key in keys {
                    let id = id(key);
                    let load = async { Ok::<_, ()>(Arc::new(Row::of(id))) };
                    black_box(quick.get_or_insert_async(&id, load).await.ok());
                }
            });
        })
        .row("moka::future get_with", |keys| {
            block_on(async {
                for &key in keys {
                    let id = id(key);
                    black_box(moka.get_with(id, async { Arc::new(Row::of(id)) }).await);
                }
            });
        })
        .row("cached #[cached] sync LRU+TTL", |keys| {
            for &key in keys {
                black_box(cached_sync(id(key)));
            }
        })
        .row("cached #[concurrent_cached] async LRU+TTL", |keys| {
            block_on(async {
                for &key in keys {
                    black_box(sharded_async(id(key)).await);
                }
            });
        });
    let (fresh, zipf) = (vec![u64::MAX; 15_000], zipf(100_000, 30_000, 2));
    table.column("fresh 1T", 1, &fresh).column("fresh 2T", 2, &fresh).column("zipf 1T", 1, &zipf);
    table.run().print();
    for site in [&APART, &INLINE, &SYNC].iter().flat_map(|cache| cache.stats().sites) {
        println!("{}: {} entries, hit rate {:.1} %", site.site, site.entries, site.hit_rate() * 100.0);
    }
    summary();
    let (ours, moka) = ("#[cache] async, load that outlives its caller", "moka::future get_with");
    reach(
        "miss + insert, near only, detached",
        "x moka::future get_with, fresh 1T",
        table.ratio(ours, moka, "fresh 1T"),
        0.4,
    );
    reach("miss + insert, near only, detached", "goal", table.ratio(ours, moka, "fresh 1T"), 0.25);
    reach("the same, 2 threads", "x moka::future get_with, fresh 2T", table.ratio(ours, moka, "fresh 2T"), 0.4);
    reach("zipf over 100,000 keys", "x moka::future get_with, zipf 1T", table.ratio(ours, moka, "zipf 1T"), 0.4);
}
