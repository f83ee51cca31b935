//! Lives that follow how often values change, and lives by name.

use std::time::Duration;

use cached_runtime::Cache;
use cached_runtime::cache;
use cached_runtime::clock::Clock;
use cached_runtime::stats::AdaptiveStats;

use crate::rig::World;

#[cache(key = "adaptive:{id}", tags = ["adaptive-of:{id}"], ttl = "adaptive(30s..1h)", jitter = 0, skip(world), cache = world.cache)]
async fn number(world: &World, id: u32) -> Result<u64, String> {
    let _ = id;
    world.source.read().await.map_err(|_| "down".to_owned())
}

fn stats(world: &World) -> AdaptiveStats {
    world.cache.stats().site("number").unwrap().adaptive
}

/// Asks once each second, for so many seconds; how often that was a load.
async fn asked(world: &World, seconds: u64, mut each: impl FnMut(u64)) -> u64 {
    let before = world.source.reads();
    for second in 0..seconds {
        each(second);
        number(world, 1).await.unwrap();
        world.clock.advance(Duration::from_secs(1));
    }
    world.source.reads() - before
}

#[tokio::test]
async fn what_never_changes_is_loaded_less_and_less() {
    let world = World::new();
    let first = asked(&world, 3_600, |_| ()).await;
    asked(&world, 6 * 3_600, |_| ()).await;
    let last = asked(&world, 3_600, |_| ()).await;
    assert!(last * 2 <= first, "{first} loads in the first hour, {last} in the last");
    let stats = stats(&world);
    assert_eq!((stats.changed, stats.keys), (0, 1));
    assert!(stats.same > 5 && stats.ttl_seconds > 300.0 && stats.ttl_seconds <= 3_600.0, "{stats:?}");
}

#[tokio::test]
async fn what_changes_often_is_seldom_old_and_within_its_bounds() {
    let world = World::new();
    let change = |world: &World, second| {
        if second % 20 == 0 {
            world.source.write(second);
        }
    };
    asked(&world, 3_600, |second| change(&world, second)).await;
    let loads = asked(&world, 3_600, |second| change(&world, 10_000 + second)).await;
    assert!((60..=120).contains(&loads), "{loads} loads in an hour: each 30 to 60 s");
    let stats = stats(&world);
    assert!(stats.changed > stats.same && stats.stale > 0.2, "{stats:?}");
}

#[tokio::test]
async fn a_change_that_was_announced_teaches_nothing() {
    let (told, untold) = (World::new(), World::new());
    for hour in 0..40_u64 {
        for world in [&told, &untold] {
            world.source.write(hour);
            world.clock.advance(Duration::from_secs(20));
        }
        told.cache.invalidate_tags(["adaptive-of:1"]).await;
        untold.clock.advance(Duration::from_secs(3_600));
        for world in [&told, &untold] {
            number(world, 1).await.unwrap();
        }
    }
    assert_eq!((stats(&told).same, stats(&told).changed), (0, 0));
    assert_eq!(stats(&untold).changed, 39, "control");
}

#[tokio::test]
async fn an_entry_that_is_removed_counts_as_announced() {
    let world = World::new();
    for n in 0..10_u64 {
        world.source.write(n);
        number::remove(&world, 1).await;
        number(&world, 1).await.unwrap();
    }
    assert_eq!((stats(&world).same, stats(&world).changed), (0, 0));
}

#[tokio::test]
async fn a_failed_load_is_no_look() {
    let world = World::new();
    number(&world, 1).await.unwrap();
    world.clock.advance(Duration::from_secs(3_600));
    world.source.fail(true);
    assert!(number(&world, 1).await.is_err());
    world.source.fail(false);
    number(&world, 1).await.unwrap();
    assert_eq!((stats(&world).same, stats(&world).changed), (1, 0));
}

#[cache(profile = "analysis", jitter = 0, skip(world), cache = world.cache)]
async fn analysis(world: &World) -> u64 {
    world.source.read().await.unwrap()
}

#[cache(profile = "query", jitter = 0, skip(world), cache = world.cache)]
async fn query(world: &World) -> u64 {
    world.source.read().await.unwrap()
}

#[tokio::test]
async fn a_profile_says_how_long_values_live() {
    let world = World::near_only();
    let lives = |seconds: u64| world.clock.advance(Duration::from_secs(seconds));
    query(&world).await;
    analysis(&world).await;
    lives(299);
    query(&world).await;
    analysis(&world).await;
    assert_eq!(world.source.reads(), 2);
    lives(2);
    query(&world).await;
    analysis(&world).await;
    assert_eq!(world.source.reads(), 3, "five minutes are over, thirty are not");
    lives(1_500);
    analysis(&world).await;
    assert_eq!(world.source.reads(), 4);
}

#[tokio::test]
async fn a_profile_can_be_given_another_life() {
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).profile("analysis", Duration::from_secs(10)).build().unwrap();
    let world = World { cache, clock, ..World::near_only() };
    analysis(&world).await;
    world.clock.advance(Duration::from_secs(11));
    analysis(&world).await;
    assert_eq!(world.source.reads(), 2);
    let refused = Cache::builder().profile("mine", Duration::ZERO).build().unwrap_err();
    assert!(refused.to_string().contains("mine"), "{refused}");
}

#[cache(key = "adaptive-none:{id}", ttl = "adaptive(5s..30s)", jitter = 0, cache_none, skip(world), cache = world.cache)]
async fn perhaps(world: &World, id: u32) -> Option<u64> {
    let read = world.source.read().await.ok()?;
    (read > u64::from(id)).then_some(read)
}

#[tokio::test]
async fn that_there_is_nothing_lives_no_longer_than_a_value_may() {
    let world = World::new();
    assert_eq!(perhaps(&world, 7).await, None);
    assert_eq!(perhaps(&world, 7).await, None);
    assert_eq!(world.source.reads(), 1);
    world.source.write(9);
    world.clock.advance(Duration::from_secs(31));
    assert_eq!(perhaps(&world, 7).await, Some(9));
}
