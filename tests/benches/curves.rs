//! Miss-ratio curves: what they say against what caches of those sizes miss, and what drawing them costs.
//!
//! `COST=1` measures only the cost, `CURVES=1` only what they say.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::collections::HashSet;
use std::hint::black_box;

use cached_runtime::curve::Curve;
use cached_runtime::{Cache, Eviction, cache};
use kit::{block_on, cpu, median, reach, summary, zipf};

/// Sizes of caches, in parts of what all keys weigh; and the sizes that their curves are asked for.
const SHARES: [f64; 5] = [0.01, 0.05, 0.10, 0.25, 0.50];
const FACTORS: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];
/// Each trace is replayed so many times for each size: other keys are sampled each time.
const TIMES: usize = 5;
/// Rounds with curves and without.
const ROUNDS: usize = 31;

#[cache(key = "same:{key}", skip(cache), cache = cache, ttl = "1d")]
async fn same(cache: &Cache, key: u64) -> u64 {
    key
}

/// Weighs something between 64 bytes and 4 KiB, by its key.
#[cache(key = "mixed:{key}", skip(cache), cache = cache, ttl = "1d", weigh = |key: &u64| weight(*key))]
async fn mixed(cache: &Cache, key: u64) -> u64 {
    key
}

fn weight(key: u64) -> usize {
    64 << (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61).min(6)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    Same,
    Mixed,
}

impl Values {
    const fn site(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Mixed => "mixed",
        }
    }

    async fn call(self, cache: &Cache, key: u64) -> u64 {
        match self {
            Self::Same => same(cache, key).await,
            Self::Mixed => mixed(cache, key).await,
        }
    }
}

fn cache(bytes: u64, eviction: Eviction, curves: bool) -> Cache {
    Cache::builder().near_bytes(bytes).eviction(eviction).miss_ratio_curves(curves).build().expect("a cache")
}

/// Replays a trace; gives the part of the calls that missed, and the CPU time of a call in nanoseconds.
fn replay(cache: &Cache, values: Values, keys: &[u64]) -> (f64, f64) {
    let start = cpu();
    block_on(async {
        for &key in keys {
            black_box(values.call(cache, key).await);
        }
    });
    let nanos = (cpu() - start).as_nanos() as f64 / keys.len() as f64;
    let stats = cache.stats();
    let site = stats.sites.first().expect("it was called");
    (site.misses as f64 / (site.hits + site.misses) as f64, nanos)
}

/// What all keys weigh together.
fn whole(keys: &[u64], values: Values) -> u64 {
    let unique: HashSet<u64> = keys.iter().copied().collect();
    let cache = cache(1 << 32, Eviction::Fifo, false);
    block_on(async {
        for &key in &unique {
            values.call(&cache, key).await;
        }
    });
    cache.stats().near_bytes
}

/// How far a curve is from the truth, in points.
#[derive(Debug, Default)]
struct Errors {
    scaled: Vec<f64>,
    raw: Vec<f64>,
    untold: usize,
}

impl Errors {
    fn add(&mut self, truth: f64, said: Option<f64>, curve: &Curve) {
        match said {
            Some(said) => {
                self.scaled.push((said - truth).abs() * 100.0);
                let scale = if curve.measured > 0.0 { curve.estimated / curve.measured } else { 1.0 };
                self.raw.push((said * scale - truth).abs() * 100.0);
            }
            None => self.untold += 1,
        }
    }

    fn join(&mut self, other: &Self) {
        self.scaled.extend(&other.scaled);
        self.raw.extend(&other.raw);
        self.untold += other.untold;
    }

    fn line(&self) -> String {
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len().max(1) as f64;
        let most = |of: &[f64]| of.iter().copied().fold(0.0, f64::max);
        let mut sorted = self.scaled.clone();
        sorted.sort_by(f64::total_cmp);
        let ninth = sorted.get(sorted.len() * 95 / 100).copied().unwrap_or(0.0);
        format!(
            "mean {:.2} p95 {ninth:.2} max {:.2}   (not scaled: mean {:.2} max {:.2}; untold {})",
            mean(&self.scaled),
            most(&self.scaled),
            mean(&self.raw),
            most(&self.raw),
            self.untold
        )
    }

    fn mean(&self) -> f64 {
        self.scaled.iter().sum::<f64>() / self.scaled.len().max(1) as f64
    }

    fn most(&self) -> f64 {
        self.scaled.iter().copied().fold(0.0, f64::max)
    }
}

fn accuracy(name: &str, keys: &[u64], values: Values, eviction: Eviction) -> Errors {
    let bytes = whole(keys, values);
    let mut all = Errors::default();
    println!("\n{name}, {values:?} weights, {eviction:?}: miss ratio measured (error of the curve, in points)");
    println!("{:<8}{}   sampled   rate    bytes", "size", FACTORS.map(|f| format!("{f:>16}")).concat());
    for share in SHARES {
        let capacity = (bytes as f64 * share) as u64;
        let sizes = FACTORS.map(|factor| (capacity as f64 * factor) as u64);
        let truths = sizes.map(|size| replay(&cache(size, eviction, false), values, keys).0);
        let mut errors = Errors::default();
        let mut cells = String::new();
        let mut end = String::new();
        for time in 0..TIMES {
            let drawn = cache(capacity, eviction, true);
            replay(&drawn, values, keys);
            let curve = drawn.curve(values.site()).expect("it was called");
            for (size, truth) in sizes.iter().zip(truths) {
                let said = curve.at(*size);
                errors.add(truth, said, &curve);
                if time == 0 {
                    let error = said.map_or("      -".to_owned(), |said| format!("{:>+7.2}", (said - truth) * 100.0));
                    cells += &format!("{:>8.2}{error} ", truth * 100.0);
                }
            }
            if time == 0 {
                end = format!("{:>8} {:>8.4} {:>8}", curve.sampled, curve.rate, curve.bytes);
            }
        }
        println!("{:<8}{cells} {end}   mean {:.2} max {:.2}", share, errors.mean(), errors.most());
        all.join(&errors);
    }
    println!("all     {}", all.line());
    all
}

/// Time with curves over time without, rounds by turns: of caches that were called as often before, for what they spend at
/// first is spent once.
fn overhead(name: &str, keys: &[u64], bytes: u64) -> f64 {
    let (mut ratios, mut times, mut firsts) = (Vec::new(), [Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for round in 0..ROUNDS {
        let mut took = [0.0; 2];
        for turn in 0..2 {
            let drawn = (round + turn) % 2;
            let cache = cache(bytes, Eviction::Clock, drawn == 1);
            let first = replay(&cache, Values::Same, keys).1;
            took[drawn] = replay(&cache, Values::Same, keys).1;
            firsts[drawn].push(first);
            times[drawn].push(took[drawn]);
        }
        ratios.push(took[1] / took[0]);
    }
    let least = |of: &[f64]| of.iter().copied().fold(f64::MAX, f64::min);
    let (off, on) = (least(&times[0]), least(&times[1]));
    let ratio = median(ratios);
    println!(
        "{name:<24} ns a call without {:>7.2} with {:>7.2}; least {off:>7.2} {on:>7.2} ({:.4}); median of ratios {ratio:.4}; the first time {:.4}",
        median(times[0].clone()),
        median(times[1].clone()),
        on / off,
        least(&firsts[1]) / least(&firsts[0])
    );
    ratio
}

fn main() {
    let mut costs = Vec::new();
    let mut figures = Vec::new();
    let traces = kit::traces(usize::MAX);
    println!("what drawing costs, CPU time of a call");
    for (name, keys) in &traces {
        for share in [0.05, 0.25] {
            if std::env::var_os("CURVES").is_some() {
                continue;
            }
            let bytes = (whole(keys, Values::Same) as f64 * share) as u64;
            let case = format!("{name}, {share}");
            costs.push((case.clone(), overhead(&case, keys, bytes)));
        }
    }
    let hits = zipf(10_000, 500_000, 1);
    if std::env::var_os("CURVES").is_none() {
        costs.push(("hits alone".to_owned(), overhead("hits alone", &hits, 1 << 30)));
    }
    if std::env::var_os("COST").is_none() {
        for (name, keys) in &traces {
            figures.push((format!("{name}, clock"), accuracy(name, keys, Values::Same, Eviction::Clock)));
            figures.push((format!("{name}, clock, mixed"), accuracy(name, keys, Values::Mixed, Eviction::Clock)));
        }
        for eviction in [Eviction::Lru, Eviction::Fifo] {
            let (name, keys) = &traces[0];
            figures.push((format!("{name}, {eviction:?}"), accuracy(name, keys, Values::Same, eviction)));
        }
    }
    summary();
    for (case, errors) in &figures {
        reach(case, "mean error in points", errors.mean(), 2.0);
        reach(case, "largest error in points", errors.most(), 2.0);
    }
    for (case, ratio) in costs {
        reach(&case, "times the time without curves", ratio, 1.01);
    }
}
