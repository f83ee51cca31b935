//! A tier's failure is never the caller's: whatever it does, calls are answered, soon, with what the source says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::clock::Clock;
use cached_runtime::testing::{Chaos, Lie, Operation};
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Applied, cache};

use crate::rig::{Down, World, soon};
use crate::shelf::eventually;

const MS: Duration = Duration::from_millis(1);
const OPERATIONS: [Operation; 5] =
    [Operation::Get, Operation::Put, Operation::Apply, Operation::Recall, Operation::Tidy];

#[cache(key = "failing:{id}", tags = ["failing:{id}"], ttl = "1h", jitter = 0, cache = world.cache)]
async fn read(world: &World, id: u32) -> Result<u64, Down> {
    let _ = id;
    world.source.read().await
}

/// With the deadlines that a cache has by itself.
fn world() -> World {
    let more = |builder: cached_runtime::Builder| builder.read_deadline(MS * 50).write_deadline(MS * 100);
    World::built(Arc::new(MemoryTier::new()), Clock::manual(), more)
}

type Fault = (&'static str, fn(&Chaos, Operation));

const FAULTS: [Fault; 5] = [
    ("fails", |chaos, operation| chaos.fail(operation, 1.0)),
    ("hangs", |chaos, operation| chaos.hang(operation)),
    ("panics", |chaos, operation| chaos.panic(operation, 1.0)),
    ("loses its replies", |chaos, operation| chaos.lose_reply(operation, 1.0)),
    ("is slow", |chaos, operation| chaos.delay(operation, MS * 500, MS * 1_000)),
];

/// Every operation, every fault: fifty calls with a write between them see the truth, each within a bounded time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_on_whatever_a_tier_does() {
    for operation in OPERATIONS {
        for (name, fault) in FAULTS {
            let world = world();
            for id in 0..5 {
                read(&world, id).await.unwrap();
            }
            world.settle().await;
            fault(&world.chaos, operation);
            let what = format!("{operation:?} {name}");
            for n in 0..10_u32 {
                let start = Instant::now();
                world.source.write(u64::from(n) + 1);
                soon(&what, world.cache.invalidate_tags([format!("failing:{n}")])).await;
                assert_eq!(soon(&what, read(&world, n)).await, Ok(u64::from(n) + 1), "{what}");
                soon(&what, read(&world, 100 + n)).await.unwrap();
                // Two reads and an invalidation, 50 and 50 and 200 ms; the rest is for a busy machine.
                assert!(start.elapsed() < MS * 3_000, "{what}: {:?}", start.elapsed());
            }
            world.chaos.calm();
        }
    }
}

#[tokio::test]
async fn failures_are_counted_and_a_dead_tier_is_left_alone() {
    let world = world();
    world.chaos.fail(Operation::Get, 1.0);
    for id in 0..50 {
        assert_eq!(read(&world, id).await, Ok(0));
    }
    let stats = world.cache.stats();
    assert_eq!(stats.site("tiers_fail.read").unwrap().tier_errors, 50, "each a counted miss");
    assert_eq!(world.chaos.counts(Operation::Get).calls, 5, "after five failures nobody asks it");
}

/// A frozen tier costs its deadline five times, and then nothing.
#[tokio::test]
async fn a_frozen_tier_costs_a_bounded_delay_in_all() {
    let world = world();
    world.chaos.hang(Operation::Get);
    let start = Instant::now();
    for id in 0..200 {
        assert_eq!(read(&world, id).await, Ok(0));
    }
    assert!(start.elapsed() < MS * 5_000, "{:?}", start.elapsed());
    assert!(world.chaos.counts(Operation::Get).calls <= 6);
}

#[tokio::test]
async fn lies_are_misses() {
    for lie in [Lie::Flip, Lie::Foreign, Lie::Nothing] {
        let world = world();
        let names = world.cache.namespace::<u64>("lies").unwrap();
        for n in 0..20_u32 {
            names.set(n, u64::from(n));
        }
        world.settle().await;
        world.cache.set_near_capacity(1);
        world.cache.set_near_capacity(1 << 20);
        world.chaos.lie(lie, 1.0);
        for n in 0..20_u32 {
            assert_eq!(names.get(n).await, None, "{lie:?}");
        }
        if lie != Lie::Nothing {
            assert!(world.cache.stats().tiers[0].unreadable > 0, "{lie:?} is counted");
        }
    }
}

/// A tier that has not taken an invalidation is not read until it has.
#[tokio::test]
async fn a_tier_that_was_not_told_is_closed_until_it_is() {
    let world = world();
    for id in 0..5 {
        read(&world, id).await.unwrap();
    }
    world.settle().await;
    world.chaos.fail(Operation::Apply, 1.0);
    world.source.write(2);
    assert_eq!(world.cache.invalidate_tags(["failing:1"]).await, Applied::Queued);
    let tier = &world.cache.stats().tiers[0];
    assert!(tier.closed && tier.backlog == 1);
    world.cache.set_near_capacity(1);
    world.cache.set_near_capacity(1 << 20);
    let asked = world.chaos.counts(Operation::Get).calls;
    for id in 0..5 {
        assert_eq!(read(&world, id).await, Ok(2), "from the source");
    }
    assert_eq!(world.chaos.counts(Operation::Get).calls, asked, "not even asked");
    world.chaos.calm();
    eventually("the tier has taken it", || {
        world.clock.advance(MS * 100);
        world.cache.stats().tiers[0].backlog == 0
    })
    .await;
    assert!(!world.cache.stats().tiers[0].closed);
    read(&world, 50).await.unwrap();
    assert!(world.chaos.counts(Operation::Get).calls > asked, "and is asked again");
}

#[tokio::test]
async fn a_full_queue_costs_no_caller_anything() {
    let world = World::built(Arc::new(MemoryTier::new()), Clock::manual(), |builder| builder.max_pending(4));
    world.chaos.hang(Operation::Put);
    let start = Instant::now();
    for id in 0..100 {
        assert_eq!(read(&world, id).await, Ok(0));
    }
    assert!(start.elapsed() < MS * 2_000, "{:?}", start.elapsed());
    let stats = world.cache.stats();
    assert!(stats.tiers[0].pending <= 5, "{} wait", stats.tiers[0].pending);
    assert!(stats.site("tiers_fail.read").unwrap().not_stored >= 95);
    for id in 0..100 {
        read(&world, id).await.unwrap();
    }
    assert_eq!(world.source.reads(), 100, "near has them all");
}

/// A value that is too large, or that cannot be encoded, is answered all the same.
#[tokio::test]
async fn what_cannot_be_stored_is_answered() {
    #[cache(key = "failing-large:{n}", cache = world.cache)]
    async fn large(world: &World, n: usize) -> Vec<u8> {
        let _ = world;
        vec![1; n]
    }
    let world = World::new();
    assert_eq!(large(&world, 2 << 20).await.len(), 2 << 20);
    assert_eq!(large(&world, 10).await.len(), 10);
    world.settle().await;
    let stats = world.cache.stats();
    assert_eq!((stats.site("large").unwrap().not_stored, stats.tiers[0].written), (1, 1));
}
