//! What curves say is what caches of other sizes do, whatever happens to the keys, and costs what it may.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::curve::Curve;
use cached_runtime::group::Group;
use cached_runtime::{Builder, Cache, Eviction, cache};
use proptest::prelude::*;
use proptest::test_runner::Config;

#[cache(key = "curved:{key}", tags = ["curved-of:{key}"], cache = cache, ttl = "1m", jitter = 0)]
fn curved(cache: &Cache, key: u64) -> u64 {
    let _ = cache;
    key
}

fn built(bytes: u64, more: impl FnOnce(Builder) -> Builder) -> Cache {
    more(Cache::builder().near_bytes(bytes).clock(Clock::manual()).miss_ratio_curves(true)).build().unwrap()
}

fn plain(bytes: u64) -> Cache {
    built(bytes, |builder| builder)
}

/// What one entry weighs.
fn weight() -> u64 {
    let cache = plain(1 << 20);
    curved(&cache, 1);
    cache.stats().near_bytes
}

fn misses(cache: &Cache) -> f64 {
    let stats = cache.stats();
    let site = stats.site("curved").unwrap();
    site.misses as f64 / (site.hits + site.misses) as f64
}

fn drawn(cache: &Cache) -> Curve {
    cache.curve("curved").unwrap()
}

/// The first so many keys of a recorded trace.
fn trace(name: &str, calls: usize) -> Vec<u64> {
    let path = format!("{}/benches/data/{name}.txt.gz", env!("CARGO_MANIFEST_DIR"));
    let lines = BufReader::new(flate2::read::GzDecoder::new(File::open(path).unwrap())).lines();
    lines.take(calls).map(|line| line.unwrap().split(' ').next().unwrap().parse().unwrap()).collect()
}

fn replayed(keys: &[u64], cache: Cache) -> Cache {
    for &key in keys {
        curved(&cache, key);
    }
    cache
}

#[test]
fn the_curve_of_a_trace_says_what_caches_of_other_sizes_miss() {
    let weight = weight();
    let mut errors = Vec::new();
    for (name, eviction) in [
        ("orm-busy", Eviction::Clock),
        ("scarab-recs", Eviction::Clock),
        ("cloudphysics", Eviction::Clock),
        ("scarab-recs", Eviction::Fifo),
        ("scarab-recs", Eviction::Lru),
    ] {
        let keys = trace(name, 40_000);
        let unique = keys.iter().collect::<BTreeSet<_>>().len() as u64;
        let bytes = unique / 5 * weight;
        let curve = drawn(&replayed(&keys, built(bytes, |builder| builder.eviction(eviction))));
        for (of, factor) in [(1, 4), (1, 2), (2, 1), (4, 1)] {
            let size = bytes * of / factor;
            let off = |builder: Builder| builder.eviction(eviction).miss_ratio_curves(false);
            let truth = misses(&replayed(&keys, built(size, off)));
            // Too few keys are sampled for the smallest of the sizes.
            let Some(said) = curve.at(size) else { continue };
            println!("{name} {eviction:?} {of}/{factor}: measured {truth:.4}, said {said:.4}");
            errors.push((said - truth).abs() * 100.0);
        }
    }
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    let most = errors.iter().copied().fold(0.0, f64::max);
    println!("mean error {mean:.2} points, largest {most:.2}");
    assert!(errors.len() >= 15, "most sizes are told");
    assert!(mean <= 2.0, "the mean error is {mean:.2} points");
    assert!(most <= 8.0, "the largest error is {most:.2} points");
}

/// Rounds over all keys, and something between them.
fn rounds(cache: &Cache, keys: u64, between: impl Fn(u64)) -> Curve {
    for round in 0..10 {
        for key in 0..keys {
            curved(cache, key);
        }
        between(round);
    }
    drawn(cache)
}

#[test]
fn an_invalidation_storm_is_not_sold_as_a_lack_of_memory() {
    // Room for half of the keys: what is named and what is dropped are two things.
    for (keys, room) in [(200, 400), (200, 100)] {
        let cache = plain(weight() * room);
        let each = rounds(&cache, keys, |_| {
            let tags = (0..keys).map(|key| Group::Tag(format!("curved-of:{key}").into()));
            cache.invalidate_blocking(tags.collect());
        });
        assert!(each.points.iter().all(|point| point.miss_ratio > 0.98), "by tags: {each:?}");

        let cache = plain(weight() * room);
        let all = rounds(&cache, keys, |_| {
            cache.invalidate_blocking(vec![Group::Everything]);
        });
        assert!(all.points.iter().all(|point| point.miss_ratio > 0.98), "by everything: {all:?}");
    }
}

#[test]
fn control_the_same_calls_without_a_storm_are_a_lack_of_memory() {
    let cache = plain(weight() * 100);
    let curve = rounds(&cache, 200, |_| ());
    assert!(curve.measured > 0.5, "{curve:?}");
    assert!(curve.points.last().unwrap().miss_ratio < 0.15, "{curve:?}");
}

#[test]
fn values_past_their_ttl_are_not_sold_as_a_lack_of_memory() {
    for room in [400, 100] {
        let cache = plain(weight() * room);
        let curve = rounds(&cache, 200, |_| cache.clock().advance(Duration::from_secs(61)));
        assert!(curve.points.iter().all(|point| point.miss_ratio > 0.98), "{curve:?}");
    }
}

#[test]
fn what_was_removed_is_missed_in_all_sizes() {
    let cache = plain(weight() * 400);
    let curve = rounds(&cache, 200, |_| cache.set_namespace_limit("curved", 0).unwrap());
    assert!(curve.points.iter().all(|point| point.miss_ratio <= 1.0), "{curve:?}");
    let cache = plain(weight() * 400);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let curve = rounds(&cache, 200, |_| {
        runtime.block_on(cache.clear());
    });
    assert!(curve.points.iter().all(|point| point.miss_ratio > 0.98), "{curve:?}");
}

#[test]
fn a_scan_shows_from_which_size_on_it_would_fit() {
    let cache = plain(weight() * 50);
    let curve = rounds(&cache, 175, |_| ());
    let with = |factor: u64| curve.at(weight() * 50 * factor).unwrap();
    assert!(with(1) > 0.7 && with(2) > 0.5 && with(4) < 0.12 && with(8) < 0.12, "{curve:?}");
}

#[test]
fn sizes_follow_the_capacity() {
    let cache = plain(8 << 20);
    rounds(&cache, 100, |_| ());
    assert_eq!(drawn(&cache).capacity, 8 << 20);
    cache.set_near_capacity(4 << 20);
    rounds(&cache, 100, |_| ());
    let curve = drawn(&cache);
    assert_eq!((curve.capacity, curve.points[0].bytes), (4 << 20, 4 << 17));
    assert!(curve.points.iter().map(|point| point.bytes).is_sorted());
}

#[test]
fn nothing_is_drawn_where_nothing_is_asked_for_or_known() {
    let off = Cache::builder().near_bytes(1 << 20).build().unwrap();
    let lfu = built(1 << 20, |builder| builder.eviction(Eviction::Lfu));
    for cache in [&off, &lfu] {
        curved(cache, 1);
        assert!(cache.curve("curved").is_none());
    }
    let on = plain(1 << 20);
    assert!(on.curve("curved").is_none(), "nobody has called it");
    curved(&on, 1);
    assert!(on.curve("curved").is_some() && on.curve("ved").is_none() && on.curve("").is_none());
}

#[test]
fn a_curve_can_be_sent() {
    let cache = plain(1 << 20);
    rounds(&cache, 10, |_| ());
    let json = serde_json::to_value(drawn(&cache)).unwrap();
    assert_eq!(json["points"].as_array().unwrap().len(), 7);
    assert_eq!((&json["capacity"], &json["references"]), (&(1 << 20).into(), &100.0.into()));
}

#[test]
fn entries_of_a_namespace_are_seen_too() {
    let cache = plain(weight() * 100);
    let names = cache.namespace::<u64>("curved-names").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for key in (0..10).flat_map(|_| 0..200_u64) {
            if names.get(key).await.is_none() {
                names.set(key, key);
            }
        }
    });
    let curve = cache.curve("curved-names").unwrap();
    assert!(curve.measured > 0.4 && (curve.measured - curve.estimated).abs() < 0.1, "{curve:?}");
    assert!(curve.points.last().unwrap().miss_ratio < 0.15, "{curve:?}");
}

/// Who knows which keys are sampled could hide what he does, or make it look like more.
#[test]
fn which_keys_are_sampled_is_drawn_anew_for_each_cache() {
    let keys: Vec<u64> = (0..30_000).collect();
    let sampled = |_| {
        let curve = drawn(&replayed(&keys, plain(1 << 30)));
        assert!(curve.rate < 1.0, "all are sampled: {curve:?}");
        (curve.sampled, (curve.estimated * 1e9) as u64)
    };
    let samples: BTreeSet<_> = (0..4).map(sampled).collect();
    assert!(samples.len() > 1, "the same keys each time: {samples:?}");
}

#[test]
fn threads_lose_notes_and_not_their_way() {
    const CALLS: u64 = 20_000;
    let cache = plain(weight() * 500);
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for number in 0..4 {
            let (cache, start) = (&cache, &start);
            scope.spawn(move || {
                start.wait();
                for call in 0..CALLS {
                    curved(cache, call * (number + 7) % 1_000);
                    if call % 5_000 == 0 {
                        let tag = format!("curved-of:{}", call % 1_000);
                        cache.invalidate_blocking(vec![Group::Tag(tag.into())]);
                    }
                }
            });
        }
    });
    let curve = drawn(&cache);
    println!("{} notes were lost", curve.lost);
    assert_eq!(curve.references, 4.0 * CALLS as f64);
    assert!(curve.points.iter().all(|point| (0.0..=1.0).contains(&point.miss_ratio)), "{curve:?}");
    assert!(curve.lost < CALLS, "nobody plays what was noted: {curve:?}");
}

#[derive(Debug, Clone)]
enum Step {
    Call(u64),
    Invalidate(u64),
    Wait(u64),
    Capacity(u64),
    Expire,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..300_u64).prop_map(Step::Call),
        2 => (0..300_u64).prop_map(Step::Invalidate),
        1 => (0..400_u64).prop_map(Step::Wait),
        1 => (10..2_000_u64).prop_map(Step::Capacity),
        1 => Just(Step::Expire),
    ]
}

proptest! {
    #![proptest_config(Config { cases: 60, failure_persistence: None, ..Config::default() })]

    #[test]
    fn whatever_happens_a_curve_is_one(steps in prop::collection::vec(step(), 1..600)) {
        let (weight, cache) = (weight(), plain(50_000));
        curved(&cache, 0);
        for step in steps {
            match step {
                Step::Call(key) => {
                    curved(&cache, key);
                }
                Step::Invalidate(key) => {
                    cache.invalidate_blocking(vec![Group::Tag(format!("curved-of:{key}").into())]);
                }
                Step::Wait(seconds) => cache.clock().advance(Duration::from_secs(seconds)),
                Step::Capacity(entries) => cache.set_near_capacity(entries * weight),
                Step::Expire => cache.expire_near(),
            }
        }
        let curve = drawn(&cache);
        prop_assert!(curve.points.iter().all(|point| (0.0..=1.0).contains(&point.miss_ratio)), "{:?}", curve);
        prop_assert!(curve.points.iter().map(|point| point.bytes).is_sorted());
        // With all keys sampled and no invalidation between, the miniature of the present size is the cache.
        prop_assert!((curve.measured - curve.estimated).abs() < 0.15 || curve.references < 50.0, "{:?}", curve);
        prop_assert!(curve.sampled <= 301);
    }
}
