//! What OpenTelemetry is told is what Prometheus scrapes.

use std::collections::BTreeSet;
use std::sync::Arc;

use cached_runtime::cache;
use cached_runtime::metrics::{Prometheus, table};
use cached_runtime::response::ResponseCache;

use super::meter::{Instruments, Meter};
use super::text::{self, Scraped};
use super::{World, metered};
use crate::rig::Down;

/// Everything has happened once: hits, loads, reads and writes of the tier, an invalidation.
async fn busy() -> World {
    let world = World::new();
    world.source.gate.open();
    // What is asked for is noted, and look-ups are timed.
    let _noted = world.cache.access_patterns(1);
    for id in 0..5 {
        metered(&world, id).await.unwrap();
    }
    world.settle().await;
    world.cache.set_near_capacity(1);
    world.cache.set_near_capacity(1 << 20);
    for _ in 0..2_000 {
        metered(&world, 1).await.unwrap();
    }
    world.cache.invalidate_tags(["metered"]).await;
    world.settle().await;
    let _counted = ResponseCache::new(&world.cache).unwrap();
    world
}

fn scraped(world: &World) -> Scraped {
    text::read(&Prometheus::new(&world.cache).render()).unwrap()
}

/// Both say the same: as many series, each of the same value.
fn assert_alike(exported: &Instruments, scraped: &Scraped) {
    let mut points = 0;
    for (name, (kind, help)) in &scraped.metrics {
        let name_there = name.strip_suffix("_total").unwrap_or(name);
        let told = exported.get(name_there).unwrap_or_else(|| panic!("nobody was told of `{name}`"));
        assert_eq!((told.is_counter, told.twice), (kind == "counter", 0), "{name}");
        assert_eq!(told.about, *help, "{name}");
        let unit = match name_there.rsplit('_').next().unwrap() {
            "bytes" => "By",
            "milliseconds" => "ms",
            "seconds" => "s",
            _ => "",
        };
        assert_eq!(told.unit, unit, "{name}");
        for ((_, labels), value) in scraped.of(name) {
            assert_eq!(told.points.get(labels), Some(&value), "{name} {labels:?}");
            points += 1;
        }
    }
    let told: usize = exported.values().map(|instrument| instrument.points.len()).sum();
    assert_eq!((told, points), (scraped.series.len(), scraped.series.len()), "and nothing else was told");
}

#[tokio::test]
async fn instruments_say_what_is_scraped() {
    let world = busy().await;
    let meter = Meter::of(&world.cache);
    let (exported, scraped) = (meter.collect(), scraped(&world));
    assert_alike(&exported, &scraped);
    // Of the table only the log that nodes share is not here, as there is none.
    let named = table();
    let named: BTreeSet<&str> = named.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let missing: Vec<&str> = named.into_iter().filter(|name| !scraped.metrics.contains_key(*name)).collect();
    assert!(
        missing.iter().all(|name| name.starts_with("cached_log_") || name.starts_with("cached_invalidation_lag")),
        "{missing:?}"
    );
    let hits = &exported["cached_hits"].points;
    let site = vec![("site".to_owned(), "it.metrics.metered".to_owned())];
    assert!(hits[&site] >= 1_995.0, "{hits:?}");
}

/// Sums are told as they are, not once more each time.
#[tokio::test]
async fn to_collect_again_doubles_nothing_and_follows_what_happens() {
    let world = busy().await;
    let meter = Meter::of(&world.cache);
    let first = meter.collect();
    assert_eq!(first, meter.collect());
    let _hit = metered(&world, 1).await;
    let after = meter.collect();
    assert_alike(&after, &scraped(&world));
    let hits = |all: &Instruments| all["cached_hits"].points.values().sum::<f64>();
    assert_eq!(hits(&after), hits(&first) + 1.0);
}

#[tokio::test]
async fn each_who_reads_the_meter_is_told_all() {
    let world = busy().await;
    let [first, second] = Meter::read_twice(&world.cache);
    assert_eq!(first, second);
    assert_alike(&first, &scraped(&world));
}

/// However many sites there are: what the SDK would have to fold itself is never told to it.
#[tokio::test]
async fn labels_are_as_few_as_those_that_are_scraped() {
    let world = World::near_only();
    for name in 0..400 {
        world.cache.namespace::<u64>(&format!("measured-{name}")).unwrap().set("a", 1);
    }
    let exported = Meter::of(&world.cache).collect();
    assert_alike(&exported, &scraped(&world));
    let sites = &exported["cached_entries"].points;
    assert_eq!((sites.len(), sites.values().sum::<f64>()), (256, 400.0));
    let labels: BTreeSet<&String> =
        exported.values().flat_map(|told| told.points.keys().flatten().map(|(name, _)| name)).collect();
    let known = ["quantile", "site", "tier", "way", "why"];
    assert!(labels.iter().all(|label| known.contains(&label.as_str())), "{labels:?}");
}

#[derive(Clone)]
struct Canary(#[allow(dead_code, reason = "it is counted")] Arc<()>);

#[cache(key = "metered-canary:{id}", local, ttl = "1h", skip(world, canary), cache = &world.cache)]
async fn held(world: &World, id: u32, canary: &Arc<()>) -> Result<Canary, Down> {
    Ok(Canary(Arc::clone(canary)))
}

/// A meter lives as long as the program. It does not keep what it was to observe.
#[tokio::test]
async fn a_cache_that_is_gone_is_not_asked_and_not_kept() {
    let canary = Arc::new(());
    let world = World::near_only();
    held(&world, 1, &canary).await.unwrap();
    let meter = Meter::of(&world.cache);
    assert!(!meter.collect().is_empty());
    assert_eq!(Arc::strong_count(&canary), 2, "near has one");
    drop(world);
    let told = meter.collect();
    assert!(told.values().all(|told| told.points.is_empty()), "{told:?}");
    assert_eq!(Arc::strong_count(&canary), 1, "and it is gone");
    // The control: another cache of the same meter goes on.
    let other = World::near_only();
    held(&other, 1, &canary).await.unwrap();
    let both = Meter::of(&other.cache);
    assert_eq!(both.collect()["cached_entries"].points.values().sum::<f64>(), 1.0);
}
