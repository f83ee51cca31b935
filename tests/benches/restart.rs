//! A warm start: what noting calls costs on a hit, and how many of the first requests after a restart near answers.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cached_runtime::tier::Tier;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Cache, cache, warmup};
use kit::{Table, block_on, reach, summary, zipf};

const KEYS: u64 = 10_000;
const CALLS: usize = 200_000;
/// Requests that are looked at after the restart.
const FIRST: [usize; 3] = [1_000, 10_000, 60_000];

#[cache(ttl = "1h")]
async fn plain(id: u64) -> u64 {
    id
}

#[warmup(hot = 1000)]
#[cache(ttl = "1h")]
async fn noted(id: u64) -> u64 {
    id
}

fn cost() -> f64 {
    let mut table = Table::new("a hit, noted and not");
    for id in 0..KEYS {
        black_box(block_on(plain(id)));
        black_box(block_on(noted(id)));
    }
    table
        .row("#[cache]", |keys| {
            block_on(async {
                for &key in keys {
                    black_box(plain(black_box(key)).await);
                }
            });
        })
        .row("#[warmup(hot = 1000)] #[cache]", |keys| {
            block_on(async {
                for &key in keys {
                    black_box(noted(black_box(key)).await);
                }
            });
        })
        .column("zipf, 1 thread", 1, &zipf(KEYS, CALLS, 1))
        .column("zipf, 2 threads", 2, &zipf(KEYS, CALLS, 2))
        .run()
        .print();
    table.ns("#[warmup(hot = 1000)] #[cache]", "zipf, 1 thread") - table.ns("#[cache]", "zipf, 1 thread")
}

/// A node, and the source that all nodes ask.
#[derive(Clone)]
struct House {
    cache: Cache,
    loads: Arc<AtomicU64>,
}

impl House {
    /// With a tier that outlives it.
    fn over(tier: &Arc<MemoryTier>, bytes: u64) -> Self {
        let tier: Arc<dyn Tier> = Arc::clone(tier) as _;
        let cache = Cache::builder().near_bytes(bytes).tier(tier).seed(7).build().expect("a cache");
        Self { cache, loads: Arc::default() }
    }
}

#[warmup(hot = 1000)]
#[cache(key = "thousand:{key}", skip(house), cache = &house.cache, ttl = "1d")]
async fn thousand(house: &House, key: u64) -> u64 {
    house.loads.fetch_add(1, Relaxed);
    key
}

#[warmup(hot = 10000)]
#[cache(key = "tenthousand:{key}", skip(house), cache = &house.cache, ttl = "1d")]
async fn ten_thousand(house: &House, key: u64) -> u64 {
    house.loads.fetch_add(1, Relaxed);
    key
}

/// One replay: the first half of the requests, a restart, and the beginning of the second.
struct Restarted {
    /// Percent of the first requests that near answers, cold and warm.
    cold: [f64; FIRST.len()],
    warm: [f64; FIRST.len()],
    /// How many keys were warmed.
    keys: usize,
}

macro_rules! restarted {
    ($function:ident, $job:literal, $keys:expr) => {
        async {
            let (before, after) = $keys.split_at($keys.len() / 2);
            let (tier, bytes) = (Arc::new(MemoryTier::new()), 64 << 20);
            let house = House::over(&tier, bytes);
            let warmer = house.cache.warmup().with(house.clone()).only([$job]).silent().run().await.expect("it begins");
            for &key in before {
                $function(&house, key).await;
            }
            warmer.shutdown().await;
            house.cache.flush(std::time::Duration::from_secs(9)).await;
            let mut shares = [[0.0; FIRST.len()]; 2];
            let mut keys = 0;
            for (share, warm) in shares.iter_mut().zip([false, true]) {
                let house = House::over(&tier, bytes);
                if warm {
                    let jobs = house.cache.warmup().with(house.clone()).only([$job]).silent();
                    let warmer = jobs.run().await.expect("it begins");
                    keys = warmer.report().jobs[0].done;
                }
                *share = first(&house, after, $job, async |key| {
                    $function(&house, key).await;
                })
                .await;
            }
            Restarted { cold: shares[0], warm: shares[1], keys }
        }
    };
}

/// Percent of so many of the first requests that near answers.
async fn first(house: &House, keys: &[u64], job: &str, call: impl AsyncFn(u64)) -> [f64; FIRST.len()] {
    let mut shares = [f64::NAN; FIRST.len()];
    for (at, &key) in keys.iter().enumerate().take(60_000) {
        call(key).await;
        if let Some(place) = FIRST.iter().position(|first| *first == at + 1) {
            let stats = house.cache.stats();
            let site = stats.sites.iter().find(|site| site.site.ends_with(job)).expect("it was called");
            shares[place] = site.hits as f64 / (at + 1) as f64 * 100.0;
        }
    }
    shares
}

fn main() {
    let cost = cost();
    println!("\nof the first requests after a restart in the middle of a trace, percent that near answers");
    println!("{:<16}{:<8}{:>8}{:>12}{:>12}{:>12}", "", "", "keys", "1,000", "10,000", "60,000");
    let mut gains = Vec::new();
    for (name, keys) in kit::traces(usize::MAX) {
        let thousand = block_on(restarted!(thousand, "thousand", keys));
        let ten = block_on(restarted!(ten_thousand, "ten_thousand", keys));
        let row = |name: &str, how: &str, keys: usize, shares: &[f64]| {
            let shares: String = shares.iter().map(|share| format!("{share:>12.1}")).collect();
            println!("{name:<16}{how:<8}{keys:>8}{shares}");
        };
        row(&name, "cold", 0, &thousand.cold);
        row("", "warm", thousand.keys, &thousand.warm);
        row("", "warm", ten.keys, &ten.warm);
        gains.push((name, ten.cold[0], ten.warm[0]));
    }
    summary();
    reach("noting calls", "ns on a hit", cost, 5.0);
    for (name, cold, warm) in gains {
        reach(&format!("{name}, first 1,000 requests"), "hits cold / warm", cold / warm, 1.0);
    }
}
