//! Hit ratios of the near policies and of peers on recorded traces, at equal numbers of entries.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::collections::BTreeSet;
use std::hash::Hash;

use cached_runtime::{Cache, Eviction, SetOptions};
use kit::{reach, summary};

/// At most so many requests of each trace: the bench ends within a minute.
const REQUESTS: usize = 200_000;

/// Hits in percent of a cache that is asked, and told what it did not have.
fn ratio(keys: &[u64], get: impl Fn(u64) -> bool, put: impl Fn(u64)) -> f64 {
    let mut hits = 0u64;
    for &key in keys {
        if get(key) {
            hits += 1;
        } else {
            put(key);
        }
    }
    hits as f64 / keys.len() as f64 * 100.0
}

fn moka(keys: &[u64], entries: usize, policy: moka::policy::EvictionPolicy) -> f64 {
    let cache = moka::sync::Cache::builder().max_capacity(entries as u64).eviction_policy(policy).build();
    ratio(
        keys,
        |key| cache.get(&key).is_some(),
        |key| {
            cache.insert(key, ());
            cache.run_pending_tasks();
        },
    )
}

fn quick<K: Hash + Eq>(keys: &[u64], entries: usize, of: impl Fn(u64) -> K) -> f64 {
    let cache = quick_cache::sync::Cache::<K, ()>::new(entries);
    ratio(keys, |key| cache.get(&of(key)).is_some(), |key| cache.insert(of(key), ()))
}

/// Near holds bytes: what one entry weighs is asked of a cache that holds one.
fn ours(keys: &[u64], entries: usize, eviction: Eviction) -> f64 {
    let open = |bytes: u64, eviction| {
        let cache = Cache::builder().near_bytes(bytes).eviction(eviction).build().expect("a cache");
        let names = cache.namespace::<u64>("trace").expect("a namespace");
        (cache, names)
    };
    // Names of one length, so that all entries weigh the same.
    let name = |key: u64| format!("{key:020}");
    let (one, names) = open(1 << 20, Eviction::Clock);
    names.set(name(1), 1);
    let (_cache, names) = open(one.stats().near_bytes * entries as u64, eviction);
    let runtime = kit::runtime();
    let get = |key| runtime.block_on(names.get(&name(key))).is_some();
    ratio(keys, get, |key| names.set_with(name(key), key, SetOptions::new()))
}

fn main() {
    let mut worst: Vec<(String, f64, f64, f64)> = Vec::new();
    for (name, keys) in kit::traces(REQUESTS) {
        let unique = keys.iter().collect::<BTreeSet<_>>().len();
        println!("\n{name}: {} requests, {unique} keys; hits in percent", keys.len());
        println!("{:<34}{:>10}{:>10}{:>10}", "entries, percent of the keys", "1", "5", "20");
        let sizes = [unique / 100, unique / 20, unique / 5];
        let row = |label: &str, hits: &dyn Fn(usize) -> f64| {
            let cells: Vec<f64> = sizes.iter().map(|size| hits(*size)).collect();
            println!("{label:<34}{}", cells.iter().map(|hit| format!("{hit:>10.2}")).collect::<String>());
            cells
        };
        let clock = row("#[cache] clock (default)", &|size| ours(&keys, size, Eviction::Clock));
        let all = [
            row("#[cache] fifo", &|size| ours(&keys, size, Eviction::Fifo)),
            row("#[cache] lru", &|size| ours(&keys, size, Eviction::Lru)),
            row("#[cache] lfu", &|size| ours(&keys, size, Eviction::Lfu)),
            row("quick_cache", &|size| quick(&keys, size, |key| key)),
            row("moka tiny_lfu", &|size| moka(&keys, size, moka::policy::EvictionPolicy::tiny_lfu())),
            row("moka lru", &|size| moka(&keys, size, moka::policy::EvictionPolicy::lru())),
        ];
        for (i, share) in ["1 %", "5 %", "20 %"].iter().enumerate() {
            let best = all.iter().map(|cells| cells[i]).fold(0.0, f64::max);
            worst.push((format!("{name}, {share}"), clock[i], all[5][i], best));
        }
    }
    summary();
    for (case, ours, lru, best) in worst {
        reach(&format!("hit ratio, {case}"), "points under LRU", (lru - ours).max(0.0), 0.0);
        reach(&format!("hit ratio, {case}"), "goal: points under the best of all", (best - ours).max(0.0), 1.0);
    }
}
