//! Recorded traces through the real cache: hit ratios beside the best possible, and what predictions are worth.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cached_runtime::session::in_session;
use cached_runtime::stats::SiteStats;
use cached_runtime::{Cache, Eviction, cache};
use kit::{reach, summary};
use tokio::task::yield_now;

/// A cache of so many entries over a source that counts how often it is asked.
#[derive(Clone)]
struct House {
    cache: Cache,
    loads: Arc<AtomicU64>,
}

impl House {
    fn new(bytes: u64, eviction: Eviction) -> Self {
        let cache = Cache::builder().near_bytes(bytes).eviction(eviction).seed(7).build().expect("a cache");
        Self { cache, loads: Arc::default() }
    }

    fn load(&self, key: u64) -> u64 {
        self.loads.fetch_add(1, Relaxed);
        key
    }

    fn site(&self) -> SiteStats {
        self.cache.stats().sites.first().cloned().expect("it was called")
    }
}

#[cache(key = "trace:{key}", skip(house), cache = &house.cache, ttl = "1d")]
async fn plain(house: &House, key: u64) -> u64 {
    house.load(key)
}

#[cache(key = "predicted:{key}", skip(house), cache = &house.cache, ttl = "1d", predict)]
async fn predicted(house: &House, key: u64) -> u64 {
    house.load(key)
}

/// What one entry weighs.
async fn weight() -> u64 {
    let house = House::new(1 << 20, Eviction::Clock);
    plain(&house, 1).await;
    house.cache.stats().near_bytes
}

async fn replayed(keys: &[u64], bytes: u64, eviction: Eviction) -> SiteStats {
    let house = House::new(bytes, eviction);
    for &key in keys {
        plain(&house, key).await;
    }
    house.site()
}

/// Loads are instant: what was begun ahead is there before the next request.
async fn foreseen(keys: &[u64], bytes: u64) -> (SiteStats, u64) {
    let house = House::new(bytes, Eviction::Clock);
    let all = async {
        for &key in keys {
            predicted(&house, key).await;
            yield_now().await;
        }
    };
    in_session("trace", all).await;
    (house.site(), house.loads.load(Relaxed))
}

/// Hits in percent of Belady's optimum with bypass: what is asked for farthest in the future goes, and is not even taken in.
fn optimum(keys: &[u64], entries: usize) -> f64 {
    let mut next = vec![usize::MAX; keys.len()];
    let mut last: HashMap<u64, usize> = HashMap::new();
    for (at, &key) in keys.iter().enumerate().rev() {
        next[at] = last.insert(key, at).unwrap_or(usize::MAX);
    }
    let (mut held, mut by_next, mut hits) = (HashMap::new(), BTreeSet::new(), 0_u64);
    for (at, &key) in keys.iter().enumerate() {
        if let Some(due) = held.remove(&key) {
            by_next.remove(&(due, key));
            hits += 1;
        }
        if next[at] == usize::MAX {
            continue;
        }
        held.insert(key, next[at]);
        by_next.insert((next[at], key));
        if held.len() > entries
            && let Some((_, out)) = by_next.pop_last()
        {
            held.remove(&out);
        }
    }
    hits as f64 / keys.len() as f64 * 100.0
}

fn percent(part: u64, of: u64) -> f64 {
    part as f64 / of.max(1) as f64 * 100.0
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let weight = runtime.block_on(weight());
    let mut figures = Vec::new();
    for (name, keys) in kit::traces(usize::MAX) {
        let unique = keys.iter().collect::<BTreeSet<_>>().len();
        println!("\n{name}: {} requests, {unique} keys; hits in percent", keys.len());
        println!("{:<34}{:>10}{:>10}{:>10}", "entries, percent of the keys", "1", "10", "25");
        let sizes = [unique / 100, unique / 10, unique / 4];
        let row = |label: &str, hits: &dyn Fn(usize) -> f64| {
            println!("{label:<34}{}", sizes.map(|size| format!("{:>10.2}", hits(size))).concat());
        };
        row("the best possible", &|size| optimum(&keys, size));
        for (label, eviction) in [
            ("clock (default)", Eviction::Clock),
            ("fifo", Eviction::Fifo),
            ("lru", Eviction::Lru),
            ("lfu", Eviction::Lfu),
        ] {
            row(label, &|size| {
                let stats = runtime.block_on(replayed(&keys, weight * size as u64, eviction));
                percent(stats.hits, stats.hits + stats.misses)
            });
        }
        println!("{:<34}{:>10}{:>10}{:>10}{:>10}{:>10}", "predict", "removed", "precise", "load", "issued", "on");
        for (size, share) in sizes.into_iter().zip(["1 %", "10 %", "25 %"]) {
            let bytes = weight * size as u64;
            let before = runtime.block_on(replayed(&keys, bytes, Eviction::Clock));
            let (after, loads) = runtime.block_on(foreseen(&keys, bytes));
            let (missed, removed) = (before.misses as f64, before.misses as f64 - after.misses as f64);
            let (removed, load) = (removed / missed * 100.0, (loads as f64 - missed) / missed * 100.0);
            let precision = after.prediction.precision() * 100.0;
            let (issued, on) = (after.prediction.issued, after.prediction.on);
            println!("  {share:<32}{removed:>10.1}{precision:>10.1}{load:>10.2}{issued:>10}{on:>10}");
            figures.push((name.clone(), share, removed, precision, load));
        }
    }
    summary();
    for (name, share, removed, precision, load) in figures {
        if name == "orm-busy" && share == "10 %" {
            reach("orm-busy, 10 %", "20 / percent of the misses removed", 20.0 / removed.max(0.1), 1.0);
            reach("orm-busy, 10 %", "85 / percent of predictions that came true", 85.0 / precision.max(0.1), 1.0);
        } else if name != "orm-busy" {
            reach(&format!("{name}, {share}"), "percent of load added", load, 1.0);
        }
    }
}
