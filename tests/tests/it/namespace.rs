//! The imperative door keeps the promises of annotated functions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::namespace::Warmed;
use cached_runtime::testing::Operation;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{ErrorKind, SetOptions, Tier};

use crate::rig::{Down, World, soon};
use crate::shelf::eventually;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn what_is_set_is_there_until_its_time_is_over() {
    let world = World::new();
    let names = world.cache.namespace::<u64>("door").unwrap();
    assert_eq!(names.get("a").await, None);
    names.set("a", 1);
    assert_eq!(names.get("a").await, Some(1));
    names.set("a", 2);
    assert_eq!(names.get("a").await, Some(2));
    names.set_with("b", 3, SetOptions::new().ttl(SECOND * 5));
    world.clock.advance(SECOND * 5 - Duration::from_millis(1));
    assert_eq!(names.get("b").await, Some(3), "a life that is given is kept to the moment");
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(names.get("b").await, None);
    names.remove("a").await;
    assert_eq!(names.get("a").await, None);
}

#[tokio::test]
async fn a_value_past_its_time_stands_in_for_a_load_that_fails() {
    let world = World::near_only();
    let names = world.cache.namespace::<u64>("past").unwrap();
    let fails = || async { Err::<u64, Down>(Down) };
    names.set_with("a", 1, SetOptions::new().ttl(SECOND * 5).stale(SECOND * 10).tag("past"));
    world.clock.advance(SECOND * 6);
    assert_eq!(names.get_or_load("a", fails).await, Ok(1));
    names.invalidate_tags(["past"]).await;
    assert_eq!(names.get_or_load("a", fails).await, Err(Arc::new(Down)), "not what was invalidated");
    names.set_with("a", 2, SetOptions::new().ttl(SECOND * 5).stale(SECOND * 10));
    world.clock.advance(SECOND * 15);
    assert_eq!(names.get_or_load("a", fails).await, Err(Arc::new(Down)), "not for longer than was allowed");
    let site = world.cache.stats().site("past").cloned().unwrap();
    assert_eq!((site.misses, site.stale_hits, site.loads), (3, 1, 3));
}

#[tokio::test]
async fn a_loaded_value_carries_its_tags_also_for_who_does_not_know_them() {
    for world in [World::near_only(), World::new()] {
        let names = world.cache.namespace::<u64>("carried").unwrap();
        let load = || async { Ok::<u64, Down>(1) };
        assert_eq!(names.get_or_load_with("a", vec!["mine".to_owned()], load).await, Ok(1));
        assert_eq!(names.get("a").await, Some(1));
        names.invalidate_tags(["another"]).await;
        assert_eq!(names.get("a").await, Some(1));
        names.invalidate_tags(["mine"]).await;
        assert_eq!(names.get("a").await, None, "asked for by its name alone");
    }
}

/// Who asks by name alone does not know the tags of the load that is under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_joins_a_load_whose_tag_was_invalidated_before() {
    // The controls: where nothing was invalidated, or a tag that the load was not given, it is joined, and what the first
    // read is the answer: a herd stays one load while others' tags come and go.
    for (tag, answer, reads) in [(Some("mine"), 2, 2), (Some("another"), 1, 1), (None, 1, 1)] {
        let world = World::near_only();
        let names = world.cache.namespace::<u64>("joined").unwrap();
        let ask = |tags: Vec<String>| {
            let (names, source) = (names.clone(), Arc::clone(&world.source));
            tokio::spawn(async move { names.get_or_load_with("a", tags, || async move { source.read().await }).await })
        };
        world.source.write(1);
        world.source.gate.close();
        let first = ask(vec!["mine".to_owned()]);
        soon("the first reads", world.source.gate.arrived(1)).await;
        world.source.write(2);
        if let Some(tag) = tag {
            names.invalidate_tags([tag]).await;
        }
        let second = ask(Vec::new());
        if reads == 2 {
            soon("the second reads for itself", world.source.gate.arrived(2)).await;
        } else {
            eventually("the second waits", || world.cache.stats().site("joined").is_some_and(|site| site.joins == 1))
                .await;
        }
        world.source.gate.open();
        assert_eq!(soon("the first", first).await.unwrap(), Ok(1));
        assert_eq!(soon("the second", second).await.unwrap(), Ok(answer));
        assert_eq!(world.source.reads(), reads);
    }
}

/// A value whose reading from a frame can be held up.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
struct Held(u64);

static HOLDS: AtomicBool = AtomicBool::new(false);
static READING: Barrier = Barrier::new(2);
static GO_ON: Barrier = Barrier::new(2);

impl<'de> serde::Deserialize<'de> for Held {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(from)?;
        if HOLDS.swap(false, Ordering::SeqCst) {
            READING.wait();
            GO_ON.wait();
        }
        Ok(Self(number))
    }
}

/// What a tier has was stored with a tag that nobody here has said.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_joins_a_read_of_what_was_invalidated_by_a_tag_of_its_own() {
    for (tag, answer) in [("another", 1), ("stored", 2)] {
        let (tier, clock): (Arc<dyn Tier>, _) = (Arc::new(MemoryTier::new()), Clock::manual());
        let before = World::over_at(Arc::clone(&tier), &clock);
        before.cache.namespace("held").unwrap().set_with("a", Held(1), SetOptions::new().tag("stored"));
        before.settle().await;
        let world = World::over_at(tier, &clock);
        let names = world.cache.namespace::<Held>("held").unwrap();
        world.source.write(2);
        let ask = || {
            let (names, source) = (names.clone(), Arc::clone(&world.source));
            let load = || async move { source.read().await.map(Held) };
            tokio::spawn(async move { names.get_or_load_with("a", vec!["said".to_owned()], load).await })
        };
        HOLDS.store(true, Ordering::SeqCst);
        let first = ask();
        tokio::task::spawn_blocking(|| READING.wait()).await.unwrap();
        names.invalidate_tags([tag]).await;
        let second = ask();
        // It leads or waits by then.
        let joined = || world.cache.stats().site("held").is_some_and(|site| site.joins == 1);
        eventually("the second is under way", || joined() || world.source.reads() == 1).await;
        tokio::task::spawn_blocking(|| GO_ON.wait()).await.unwrap();
        assert_eq!(soon("the second", second).await.unwrap(), Ok(Held(answer)));
        soon("the first", first).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn names_stay_in_their_segments() {
    let world = World::new();
    let names = world.cache.namespace::<u64>("segments").unwrap();
    names.set(("a:b", "c"), 1);
    names.set(("a", "b:c"), 2);
    names.set("a:b:c", 3);
    assert_eq!(names.get(("a:b", "c")).await, Some(1));
    assert_eq!(names.get(("a", "b:c")).await, Some(2));
    assert_eq!(names.get(("a", "b", "c")).await, Some(3), "text is its segments");
    assert_eq!(names.key(("a:*", 7_u32)).as_str(), "segments:a%3A%2A:7");
    for name in ["", "a:b", "*"] {
        assert_eq!(world.cache.namespace::<u64>(name).unwrap_err().kind(), ErrorKind::Config);
    }
}

#[tokio::test]
async fn two_types_in_one_namespace_are_told_apart() {
    let tier: Arc<dyn Tier> = Arc::new(MemoryTier::new());
    let clock = Clock::manual();
    let world = World::over_at(Arc::clone(&tier), &clock);
    let numbers = world.cache.namespace::<u64>("typed").unwrap();
    let texts = world.cache.namespace::<String>("typed").unwrap();
    numbers.set("a", 1);
    texts.set("a", "one".to_owned());
    assert_eq!(numbers.get("a").await, Some(1));
    assert_eq!(texts.get("a").await.as_deref(), Some("one"));
    world.settle().await;
    let next = World::over_at(tier, &clock);
    let number = next.cache.namespace::<u64>("typed").unwrap().get("a").await;
    assert!([None, Some(1)].contains(&number), "{number:?}");
}

#[tokio::test]
async fn tags_patterns_and_clear_name_what_they_say() {
    let world = World::new();
    let names = world.cache.namespace::<u64>("groups").unwrap();
    let other = world.cache.namespace::<u64>("groups2").unwrap();
    let fill = || {
        names.set_with(("intro", "a"), 1, SetOptions::new().tag("t:1").tag("t:2"));
        names.set_with(("intro", "b"), 2, SetOptions::new().tag("t:2"));
        names.set(("outro", "a"), 3);
        other.set_with(("intro", "a"), 4, SetOptions::new().tag("t:1"));
    };
    let there = || async {
        let mut there = Vec::new();
        for name in [("intro", "a"), ("intro", "b"), ("outro", "a")] {
            there.extend(names.get(name).await);
        }
        there.extend(other.get(("intro", "a")).await);
        there
    };
    fill();
    assert_eq!(there().await, [1, 2, 3, 4]);
    names.invalidate_tags(["t:1"]).await;
    assert_eq!(there().await, [2, 3]);
    fill();
    names.invalidate_pattern("intro:*").await.unwrap();
    assert_eq!(there().await, [3, 4]);
    fill();
    names.clear().await;
    assert_eq!(there().await, [4]);
    fill();
    world.cache.clear().await;
    assert_eq!(there().await, Vec::<u64>::new());
    fill();
    assert_eq!(there().await, [1, 2, 3, 4], "what is set later is not named");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_callers_share_one_load_and_one_error() {
    let world = World::near_only();
    let names = world.cache.namespace::<u64>("loads").unwrap();
    for fails in [true, false] {
        world.source.fail(fails);
        world.source.gate.close();
        let (reads, joins) = (world.source.reads(), world.cache.stats().total().joins);
        let calls: Vec<_> = (0..50)
            .map(|_| {
                let (names, source) = (names.clone(), Arc::clone(&world.source));
                tokio::spawn(async move { names.get_or_load("a", || async move { source.read().await }).await })
            })
            .collect();
        eventually("all wait", || world.cache.stats().total().joins == joins + 49).await;
        world.source.gate.open();
        for call in calls {
            let answer = soon("an answer", call).await.unwrap();
            assert_eq!(answer.map_err(|e| Arc::try_unwrap(e).is_ok()).is_err(), fails);
        }
        assert_eq!(world.source.reads(), reads + 1);
    }
    assert_eq!(names.get("a").await, Some(0));
}

#[tokio::test]
async fn loads_of_other_error_types_get_their_own() {
    let world = World::near_only();
    let names = world.cache.namespace::<u64>("errors").unwrap();
    world.source.gate.close();
    world.source.fail(true);
    let first = tokio::spawn({
        let (names, source) = (names.clone(), Arc::clone(&world.source));
        async move { names.get_or_load("a", || async move { source.read().await }).await }
    });
    world.source.gate.arrived(1).await;
    let second = tokio::spawn({
        let names = names.clone();
        async move { names.get_or_load("a", || async { Err::<u64, String>("mine".to_owned()) }).await }
    });
    eventually("the second waits", || world.cache.stats().total().joins == 1).await;
    world.source.gate.open();
    assert_eq!(*first.await.unwrap().unwrap_err(), Down);
    assert_eq!(*second.await.unwrap().unwrap_err(), "mine");
}

#[tokio::test]
async fn many_are_read_at_once() {
    let tier: Arc<dyn Tier> = Arc::new(MemoryTier::new());
    let clock = Clock::manual();
    let first = World::over_at(Arc::clone(&tier), &clock);
    first.cache.namespace::<u64>("many").unwrap().set_many((0..20_u32).map(|n| (n, u64::from(n))));
    first.settle().await;
    let second = World::over_at(tier, &clock);
    let names = second.cache.namespace::<u64>("many").unwrap();
    names.set(3_u32, 33);
    let asked: Vec<u32> = (0..25).collect();
    let expected: Vec<Option<u64>> = (0..25).map(|n| if n == 3 { Some(33) } else { (n < 20).then_some(n) }).collect();
    for _ in 0..2 {
        assert_eq!(names.get_many(&asked).await, expected);
    }
    assert_eq!(second.chaos.counts(Operation::Get).calls, 2, "one read a time for all that near had not");
    let site = second.cache.stats().site("many").cloned().unwrap();
    // First near had one of 25, then also the 19 that the tier had.
    assert_eq!((site.hits, site.misses, site.tier_hits), (21, 29, 19));
}

#[tokio::test]
async fn warming_loads_what_is_missing() {
    let world = World::new();
    let names = world.cache.namespace::<u64>("warmed").unwrap();
    names.set(0_u32, 100);
    let load = |n: &u32| {
        let n = *n;
        async move { if n == 2 { Err(Down) } else { Ok(u64::from(n)) } }
    };
    assert_eq!(names.warm(0..4_u32, load).await, Warmed { loaded: 2, present: 1, failed: 1, left: 0 });
    assert_eq!(names.get_many(&[0_u32, 1, 2, 3]).await, [Some(100), Some(1), None, Some(3)]);
    assert_eq!(names.warm(0..4_u32, load).await, Warmed { loaded: 0, present: 3, failed: 1, left: 0 });
    let site = world.cache.stats().site("warmed").cloned().unwrap();
    assert_eq!((site.misses, site.loads), (5, 4), "three that lacked, one that was read, one that lacks still");
}

/// A value that is set while a load of its name is in the air is the newer one.
#[tokio::test]
async fn what_is_set_outlives_a_load_that_began_before() {
    // The control: when nothing is set meanwhile, the very same load is what is kept.
    for (sets, kept) in [(true, 9), (false, 0)] {
        let world = World::new();
        let names = world.cache.namespace::<u64>("race").unwrap();
        world.source.gate.close();
        let load = tokio::spawn({
            let (names, source) = (names.clone(), Arc::clone(&world.source));
            async move { names.get_or_load("a", || async move { source.read().await }).await }
        });
        world.source.gate.arrived(1).await;
        if sets {
            names.set("a", 9);
        }
        world.source.gate.open();
        load.await.unwrap().unwrap();
        assert_eq!(names.get("a").await, Some(kept));
        world.settle().await;
        world.cache.set_near_capacity(1);
        world.cache.set_near_capacity(1 << 20);
        assert_eq!(names.get("a").await, Some(kept), "in the tier, too");
    }
}

/// A value that is overwritten stays so when what replaced it is invalidated or expires before a tier has it.
#[tokio::test]
async fn an_overwritten_value_does_not_come_to_light_again() {
    // The control: what is not overwritten is there.
    for (overwritten, expires) in [(true, false), (true, true), (false, false), (false, true)] {
        let world = World::new();
        let names = world.cache.namespace::<u64>("shadow").unwrap();
        names.set("a", 1);
        world.settle().await;
        let gate = world.chaos.before(Operation::Put);
        gate.close();
        names.set("other", 0);
        gate.arrived(2).await;
        if overwritten {
            names.set_with("a", 2, SetOptions::new().tag("shadow:1").ttl(SECOND));
        }
        if expires {
            world.clock.advance(SECOND * 2);
        } else {
            world.cache.invalidate_tags(["shadow:1"]).await;
        }
        gate.open();
        world.settle().await;
        assert_eq!(names.get("a").await, (!overwritten).then_some(1), "expires: {expires}");
    }
}

/// A read of the tier that began before a value was set does not put the older one over it.
#[tokio::test]
async fn what_is_set_outlives_a_read_that_began_before() {
    // The control: when nothing is set meanwhile, the very same read is what is kept.
    for (many, sets) in [(false, true), (true, true), (false, false), (true, false)] {
        let tier: Arc<dyn Tier> = Arc::new(MemoryTier::new());
        let clock = Clock::manual();
        let first = World::over_at(Arc::clone(&tier), &clock);
        first.cache.namespace::<u64>("older").unwrap().set("a", 1);
        first.settle().await;
        let second = World::over_at(tier, &clock);
        let names = second.cache.namespace::<u64>("older").unwrap();
        let gate = second.chaos.after(Operation::Get);
        gate.close();
        let read = tokio::spawn({
            let names = names.clone();
            async move { if many { names.get_many(&["a"]).await.remove(0) } else { names.get("a").await } }
        });
        gate.arrived(1).await;
        if sets {
            names.set("a", 2);
        }
        gate.open();
        assert!(read.await.unwrap().is_some());
        assert_eq!(names.get("a").await, Some(if sets { 2 } else { 1 }));
    }
}
