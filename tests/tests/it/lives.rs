//! Lives of many entries together: they end spread out, and nothing on the way through the tiers lengthens one.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::chance::Chance;
use cached_runtime::clock::Clock;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Tier, cache};

use crate::rig::{Down, World};

const MS: Duration = Duration::from_millis(1);

/// L14: ten thousand keys filled in one moment, and asked for again and again while they end.
async fn loads_in_each_tenth_of_a_second(of: impl AsyncFn(&World, u32)) -> Vec<u64> {
    const KEYS: u32 = 10_000;
    let world = World::near_only();
    for key in 0..KEYS {
        of(&world, key).await;
    }
    world.clock.advance(MS * 26_900);
    let mut loads = Vec::new();
    for _ in 0..65 {
        let before = world.source.reads();
        for key in 0..KEYS {
            of(&world, key).await;
        }
        loads.push(world.source.reads() - before);
        world.clock.advance(MS * 100);
    }
    assert_eq!(world.source.reads(), 2 * u64::from(KEYS), "each ends once within its life and a tenth");
    loads
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
async fn l14_keys_that_were_filled_together_do_not_end_together() {
    #[cache(key = "lives-spread:{id}", ttl = "30s", cache = world.cache)]
    async fn spread(world: &World, id: u32) -> Result<u64, Down> {
        let _ = id;
        world.source.read().await
    }
    #[cache(key = "lives-at-once:{id}", ttl = "30s", jitter = 0, cache = world.cache)]
    async fn at_once(world: &World, id: u32) -> Result<u64, Down> {
        let _ = id;
        world.source.read().await
    }
    let loads = loads_in_each_tenth_of_a_second(async |world, id| drop(spread(world, id).await)).await;
    let (most, busy) = (loads.iter().max().unwrap(), loads.iter().filter(|loads| **loads > 0).count() as u64);
    let mean = 10_000 / busy;
    println!("L14: 10,000 keys end within {busy} tenths of a second, {mean} on average, {most} at most");
    assert!(*most <= 3 * mean, "{most} loads at once, {mean} on average: {loads:?}");
    let control = loads_in_each_tenth_of_a_second(async |world, id| drop(at_once(world, id).await)).await;
    assert_eq!(control.iter().max(), Some(&10_000), "the control: without jitter all end at once");
}

/// What so many schedules of one seed came to.
#[derive(Default)]
struct Seen {
    oldest: u64,
    stale: u32,
    promoted: u64,
}

/// Calls near the end of a life, up and down two tiers, by two nodes, with a source that fails.
async fn schedules(seed: u64, count: u32) -> Seen {
    /// The time at which it was loaded.
    #[cache(key = "lives-birth:{id}", ttl = "10s", stale = "30s", refresh_ahead = "2s", cache = world.cache)]
    async fn birth(world: &World, id: u32) -> Result<u64, Down> {
        let _ = id;
        world.source.read().await.map(|_| world.clock.now())
    }
    let (upper, lower): (Arc<dyn Tier>, Arc<dyn Tier>) = (Arc::new(MemoryTier::new()), Arc::new(MemoryTier::new()));
    let (clock, chance) = (Clock::manual(), Chance::new(seed));
    // A node that has lost its upper tier reads the lower one, and promotes what it finds through both.
    let node = |chance: &Chance| {
        let upper = if chance.happens(0.5) { Arc::clone(&upper) } else { Arc::new(MemoryTier::new()) };
        World::built(upper, clock.clone(), |builder| builder.tier(Arc::clone(&lower)))
    };
    let mut nodes = [node(&chance), node(&chance)];
    let mut all = Seen::default();
    for id in 0..count {
        let mut failed = 0;
        for _ in 0..5 {
            let node = &nodes[chance.below(2) as usize];
            let fails = chance.happens(0.4);
            failed = if fails { clock.now() } else { failed };
            node.source.fail(fails);
            let seen = birth(node, id).await;
            assert!(fails || seen.is_ok());
            let age = seen.map_or(0, |at| clock.now() - at);
            assert!(age < 40_000, "schedule {id} of seed {seed}: served {age} ms after its load");
            // A source that answers is asked when the life is over, jitter included, and one that failed a second later.
            let left_alone = clock.now() - failed <= 1_000;
            assert!(
                left_alone || age <= 11_000,
                "schedule {id} of seed {seed}: served {age} ms after its load by a source that is well"
            );
            all.oldest = all.oldest.max(age);
            all.stale += u32::from(age >= 11_000);
            clock.advance(MS * chance.below(15_000) as u32);
        }
        if id % 500 == 499 {
            let at = chance.below(2) as usize;
            nodes[at].settle().await;
            all.promoted += nodes[at].cache.stats().total().promotions;
            nodes[at] = node(&chance);
        }
    }
    all
}

/// L16: in rounds, each with tiers of its own, which get slow when they are full.
#[tokio::test]
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
async fn l16_no_way_through_the_tiers_lengthens_a_life() {
    const EACH: u32 = 5_000;
    let rounds = if std::env::var_os("CACHED_FULL").is_some() { 20 } else { 2 };
    let mut all = Seen::default();
    for round in 0..rounds {
        let Seen { oldest, stale, promoted } = schedules(23 + round, EACH).await;
        all = Seen { oldest: all.oldest.max(oldest), stale: all.stale + stale, promoted: all.promoted + promoted };
    }
    let (count, Seen { oldest, stale, promoted }) = (rounds * u64::from(EACH), all);
    println!("L16: {count} schedules, {stale} old values served, {promoted} promotions; the oldest was {oldest} ms");
    assert!(stale > 1_000 && promoted > 100 && oldest > 30_000, "the schedules reach what they are for");
}
