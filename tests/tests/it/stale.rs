//! No entry is served past its ttl and its allowed staleness; nothing extends a life; an old value stands in for a
//! failure, and never for what was invalidated.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::chance::Chance;
use cached_runtime::clock::Clock;
use cached_runtime::testing::Gate;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Tier, cache};

use crate::rig::{Down, World, soon};
use crate::shelf::eventually;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

#[cache(key = "stale:{id}", tags = ["staled:{id}"], ttl = "10s", stale = "1m", jitter = 0, cache = world.cache)]
async fn read(world: &World, id: u32) -> Result<u64, Down> {
    let _ = id;
    world.source.read().await
}

fn tier() -> Arc<dyn Tier> {
    Arc::new(MemoryTier::new())
}

fn next(tier: &Arc<dyn Tier>, clock: &Clock) -> World {
    World::built(Arc::clone(tier), clock.clone(), |builder| builder)
}

#[tokio::test]
async fn an_old_value_stands_in_for_a_failure_until_its_time_is_over() {
    let world = World::near_only();
    world.source.write(1);
    read(&world, 1).await.unwrap();
    world.source.fail(true);
    world.clock.advance(SECOND * 10);
    assert_eq!(read(&world, 1).await, Ok(1));
    world.clock.advance(SECOND * 60 - 20 * MS);
    assert_eq!(read(&world, 1).await, Ok(1), "to the last moment");
    world.clock.advance(20 * MS);
    assert_eq!(read(&world, 1).await, Err(Down), "and not after");
    world.source.fail(false);
    world.source.write(2);
    assert_eq!(read(&world, 1).await, Ok(2));
}

#[tokio::test]
async fn a_source_that_works_is_asked_when_the_ttl_is_over() {
    let world = World::near_only();
    read(&world, 1).await.unwrap();
    world.source.write(2);
    world.clock.advance(SECOND * 10);
    assert_eq!(read(&world, 1).await, Ok(2), "stale is for failures");
}

#[cache(key = "stale-row:{id}", ttl = "10s", stale = "1h", jitter = 0, cache = world.cache)]
async fn row(world: &World, id: u32) -> Result<Option<u64>, Down> {
    let _ = id;
    // A row is gone when its number is 0.
    world.source.read().await.map(|n| Some(n).filter(|n| *n > 0))
}

/// What was found once and is not there any more is not a failure: the answer is the new one, and the old one goes.
#[tokio::test]
async fn an_old_value_does_not_stand_in_for_nothing_found() {
    for world in [World::near_only(), World::new()] {
        world.source.write(1);
        assert_eq!(row(&world, 1).await, Ok(Some(1)));
        world.settle().await;
        world.clock.advance(SECOND * 10);
        world.source.write(0);
        assert_eq!(row(&world, 1).await, Ok(None), "it is gone");
        world.source.fail(true);
        assert_eq!(row(&world, 1).await, Err(Down), "and does not come back when the source fails");
        assert_eq!(world.cache.stats().total().load_errors, 1, "nothing found is no error");
    }
}

#[cache(key = "stale-slow-row:{id}", skip(gate), ttl = "10s", stale = "1h", jitter = 0, cache = world.cache)]
async fn slow_row(world: &World, gate: &Gate, id: u32) -> Result<Option<u64>, Down> {
    let _ = id;
    let found = world.source.read().await.map(|n| Some(n).filter(|n| *n > 0));
    gate.pass().await;
    found
}

/// A load that found nothing, and was overtaken meanwhile by an invalidation and a younger load, takes nothing away.
#[tokio::test]
async fn nothing_found_long_ago_does_not_take_a_newer_value_away() {
    for world in [World::near_only(), World::new()] {
        let (open, closed) = (Gate::opened(), Gate::closed());
        world.source.write(1);
        slow_row(&world, &open, 1).await.unwrap();
        world.clock.advance(SECOND * 10);
        world.source.write(0);
        let old = tokio::spawn({
            let (world, closed) = (world.clone(), closed.clone());
            async move { slow_row(&world, &closed, 1).await }
        });
        closed.arrived(1).await;
        let _ = world.cache.invalidate_key(&slow_row::key(&world, 1)).await;
        world.source.write(2);
        assert_eq!(slow_row(&world, &open, 1).await, Ok(Some(2)));
        closed.open();
        assert_eq!(old.await.unwrap(), Ok(None));
        assert_eq!(slow_row::peek(&world, 1).await, Some(Ok(Some(2))), "the younger load knows better");
    }
}

#[tokio::test]
async fn a_refresh_that_finds_nothing_takes_the_old_value_away() {
    for world in [World::near_only(), World::new()] {
        world.source.write(1);
        assert_eq!(row(&world, 1).await, Ok(Some(1)));
        world.settle().await;
        world.source.write(0);
        assert_eq!(row::refresh(&world, 1).await, Ok(None));
        assert_eq!(row::peek(&world, 1).await, None);
        assert_eq!(row(&world, 1).await, Ok(None));
    }
}

/// A failing source is not asked by every call: for a second the old value answers by itself.
#[tokio::test]
async fn a_failing_source_is_left_alone_for_a_moment() {
    let world = World::near_only();
    read(&world, 1).await.unwrap();
    world.source.fail(true);
    world.clock.advance(SECOND * 10);
    for _ in 0..100 {
        assert_eq!(read(&world, 1).await, Ok(0));
    }
    assert_eq!(world.source.reads(), 2);
    world.clock.advance(SECOND);
    for _ in 0..100 {
        assert_eq!(read(&world, 1).await, Ok(0));
    }
    assert_eq!(world.source.reads(), 3);
}

#[tokio::test]
async fn what_was_invalidated_stands_in_for_nothing() {
    for what in 0..4 {
        let (tier, clock) = (tier(), Clock::manual());
        let world = next(&tier, &clock);
        read(&world, 1).await.unwrap();
        world.settle().await;
        world.source.fail(true);
        world.clock.advance(SECOND * 11);
        assert_eq!(read(&world, 1).await, Ok(0), "it would have stood in");
        match what {
            0 => drop(world.cache.invalidate_tags(["staled:1"]).await),
            1 => drop(read::remove(&world, 1).await),
            2 => drop(world.cache.invalidate_namespace("stale").await),
            _ => drop(world.cache.invalidate_pattern("stale:*").await.unwrap()),
        }
        assert_eq!(read(&world, 1).await, Err(Down), "way {what}");
        let restarted = next(&tier, &clock);
        restarted.source.fail(true);
        assert_eq!(read(&restarted, 1).await, Err(Down), "way {what}, the next process");
    }
}

#[tokio::test]
async fn promotion_extends_no_life() {
    let (tier, clock) = (tier(), Clock::manual());
    let first = next(&tier, &clock);
    first.source.write(1);
    read(&first, 1).await.unwrap();
    first.settle().await;
    clock.advance(SECOND * 6);
    let second = next(&tier, &clock);
    assert_eq!(read(&second, 1).await, Ok(1), "promoted with four seconds left");
    second.settle().await;
    clock.advance(SECOND * 4);
    second.source.write(2);
    assert_eq!(read(&second, 1).await, Ok(2), "and gone after four");
    second.settle().await;
    clock.advance(SECOND * 11);
    let third = next(&tier, &clock);
    third.source.fail(true);
    assert_eq!(read(&third, 1).await, Ok(2), "an old frame stands in, too");
    clock.advance(SECOND * 59);
    assert_eq!(read(&third, 1).await, Err(Down), "for the time it has left");
}

/// Ten thousand schedules of time, failures, promotions and restarts: nobody is served past ttl and staleness, and
/// nobody is served past the ttl while the source works.
#[tokio::test]
async fn no_schedule_serves_past_the_end() {
    /// The time at which it was loaded.
    #[cache(key = "stale-birth:{id}", ttl = "10s", stale = "30s", refresh_ahead = "2s", cache = world.cache)]
    async fn birth(world: &World, id: u32) -> Result<u64, Down> {
        let _ = id;
        world.source.read().await.map(|_| world.clock.now())
    }
    let (tier, clock, chance) = (tier(), Clock::manual(), Chance::new(11));
    let mut nodes = [next(&tier, &clock), next(&tier, &clock)];
    let (mut stale, mut promoted) = (0, 0);
    for id in 0..10_000_u32 {
        for _ in 0..5 {
            let node = &nodes[chance.below(2) as usize];
            let fails = chance.happens(0.4);
            node.source.fail(fails);
            let seen = birth(node, id).await;
            let age = seen.as_ref().map_or(0, |at| clock.now() - at);
            assert!(age < 40_000, "served {age} ms after its load");
            assert!(fails || seen.is_ok());
            stale += u32::from(age >= 10_000);
            clock.advance(MS * chance.below(15_000) as u32);
        }
        if id % 1_000 == 999 {
            let at = chance.below(2) as usize;
            promoted += nodes[at].cache.stats().total().promotions;
            nodes[at] = next(&tier, &clock);
        }
    }
    assert!(stale > 1_000 && promoted > 100, "the schedules reach what they are for: {stale}, {promoted}");
}

#[tokio::test]
async fn a_slow_source_is_not_waited_for_where_an_old_value_will_do() {
    #[cache(key = "stale-soft:{id}", ttl = "10s", stale = "1m", soft_timeout = "20ms", jitter = 0, cache = world.cache)]
    async fn soft(world: &World, id: u32) -> Result<u64, Down> {
        let _ = id;
        world.source.read().await
    }
    let world = World::near_only();
    assert_eq!(soft(&world, 1).await, Ok(0));
    world.clock.advance(SECOND * 11);
    world.source.write(2);
    world.source.gate.close();
    assert_eq!(soon("the old value", soft(&world, 1)).await, Ok(0));
    assert_eq!(world.source.reads(), 2, "the load goes on behind");
    assert_eq!(soon("and again", soft(&world, 1)).await, Ok(0));
    assert_eq!(world.source.reads(), 2, "once");
    world.source.gate.open();
    crate::shelf::eventually("the load behind lands", || soft::entry(&world, 1).peek_near() == Some(Ok(2))).await;
    world.source.gate.close();
    let first = tokio::spawn({
        let world = world.clone();
        async move { soft(&world, 2).await }
    });
    world.source.gate.arrived(3).await;
    assert!(!first.is_finished(), "without an old value there is nothing to do but wait");
    world.source.gate.open();
    assert_eq!(first.await.unwrap(), Ok(2));
}

/// The leader refreshes ahead of the ttl and has no old value on offer; who comes after the ttl has one.
#[tokio::test]
async fn a_refresh_ahead_that_fails_after_the_ttl_leaves_its_joiners_the_old_value() {
    #[cache(key = "stale-outlasted:{id}", ttl = "10s", stale = "1m", refresh_ahead = "5s", jitter = 0, cache = world.cache)]
    async fn outlasted(world: &World, id: u32) -> Result<u64, Down> {
        let _ = id;
        world.source.read().await
    }
    let world = World::near_only();
    outlasted(&world, 1).await.unwrap();
    world.source.fail(true);
    world.source.gate.close();
    world.clock.advance(SECOND * 6);
    assert_eq!(outlasted(&world, 1).await, Ok(0), "fresh, and a load begins behind");
    world.source.gate.arrived(2).await;
    world.clock.advance(SECOND * 5);
    let joiner = tokio::spawn({
        let world = world.clone();
        async move { outlasted(&world, 1).await }
    });
    eventually("it waits for that load", || world.cache.stats().total().joins == 1).await;
    world.source.gate.open();
    assert_eq!(soon("the joiner", joiner).await.unwrap(), Ok(0));
}

#[tokio::test]
async fn a_refresh_ahead_answers_at_once_and_replaces_behind() {
    #[cache(key = "stale-ahead:{id}", ttl = "10s", refresh_ahead = "3s", jitter = 0, cache = world.cache)]
    async fn ahead(world: &World, id: u32) -> Result<u64, Down> {
        let _ = id;
        world.source.read().await
    }
    let world = World::new();
    ahead(&world, 1).await.unwrap();
    world.source.write(2);
    world.clock.advance(SECOND * 6);
    assert_eq!((ahead(&world, 1).await, world.source.reads()), (Ok(0), 1), "too early");
    world.clock.advance(SECOND);
    world.source.gate.close();
    for _ in 0..10 {
        assert_eq!(soon("a hit", ahead(&world, 1)).await, Ok(0));
    }
    world.source.gate.arrived(2).await;
    assert_eq!(world.source.reads(), 2, "one refresh");
    world.source.gate.open();
    crate::shelf::eventually("the refresh lands", || ahead::entry(&world, 1).peek_near() == Some(Ok(2))).await;
    world.source.fail(true);
    world.clock.advance(SECOND * 8);
    assert_eq!(ahead(&world, 1).await, Ok(2), "a refresh that fails takes nothing away");
    world.clock.advance(SECOND * 2);
    assert_eq!(ahead(&world, 1).await, Err(Down), "and gives nothing");
}
