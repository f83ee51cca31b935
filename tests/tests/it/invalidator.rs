//! A function that writes makes untrue what it says, when it has succeeded, or when nobody can know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::testing::{Gate, Operation};
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Applied, Tier, cache, invalidate};

use crate::rig::{Down, World, soon};

#[cache(key = "invalidator:{id}:title", tags = ["titled:{id}"], ttl = "10m", cache = world.cache)]
async fn title(world: &World, id: u32) -> Result<u64, Down> {
    let _ = id;
    world.source.read().await
}

#[cache(key = "invalidator:{id}:views", tags = ["titled:{id}"], ttl = "10m", cache = world.cache)]
async fn views(world: &World, id: u32) -> Result<u64, Down> {
    let _ = id;
    world.source.read().await
}

/// Writes, then passes the gate, then succeeds or fails.
async fn write(world: &World, to: u64, gate: &Gate, works: bool) -> Result<(), Down> {
    world.source.write(to);
    gate.pass().await;
    if works { Ok(()) } else { Err(Down) }
}

#[invalidate(tags = ["titled:{id}"], cache = world.cache)]
async fn by_tag(world: &World, id: u32, to: u64, gate: &Gate, works: bool) -> Result<(), Down> {
    let _ = id;
    write(world, to, gate, works).await
}

#[invalidate(title(world, id), cache = world.cache)]
async fn by_entry(world: &World, id: u32, to: u64, works: bool) -> Result<(), Down> {
    write(world, to, &Gate::opened(), works).await
}

#[invalidate(key = "invalidator:{id}:title", cache = world.cache)]
async fn by_key(world: &World, id: u32, to: u64, works: bool) -> Result<(), Down> {
    let _ = id;
    write(world, to, &Gate::opened(), works).await
}

#[invalidate(pattern = "invalidator:{id}:*", cache = world.cache)]
async fn by_pattern(world: &World, id: u32, to: u64, works: bool) -> Result<(), Down> {
    let _ = id;
    write(world, to, &Gate::opened(), works).await
}

#[invalidate(namespace = "invalidator", cache = world.cache)]
async fn by_namespace(world: &World, to: u64, works: bool) -> Result<(), Down> {
    write(world, to, &Gate::opened(), works).await
}

/// What is known of 1 and of 2, by title and by views.
async fn known(world: &World) -> [u64; 4] {
    [
        title(world, 1).await.unwrap(),
        views(world, 1).await.unwrap(),
        title(world, 2).await.unwrap(),
        views(world, 2).await.unwrap(),
    ]
}

#[tokio::test]
async fn success_fires_what_is_named_and_no_more() {
    let open = Gate::opened();
    for way in 0..5 {
        let world = World::new();
        assert_eq!(known(&world).await, [0; 4]);
        let expected = match way {
            0 => by_tag(&world, 1, 5, &open, true).await.map(|()| [5, 5, 0, 0]),
            1 => by_entry(&world, 1, 5, true).await.map(|()| [5, 0, 0, 0]),
            2 => by_key(&world, 1, 5, true).await.map(|()| [5, 0, 0, 0]),
            3 => by_pattern(&world, 1, 5, true).await.map(|()| [5, 5, 0, 0]),
            _ => by_namespace(&world, 5, true).await.map(|()| [5; 4]),
        };
        assert_eq!(known(&world).await, expected.unwrap(), "way {way}");
    }
}

#[tokio::test]
async fn an_error_fires_nothing() {
    let world = World::new();
    known(&world).await;
    let open = Gate::opened();
    by_tag(&world, 1, 5, &open, false).await.unwrap_err();
    by_entry(&world, 1, 5, false).await.unwrap_err();
    by_key(&world, 1, 5, false).await.unwrap_err();
    by_pattern(&world, 1, 5, false).await.unwrap_err();
    by_namespace(&world, 5, false).await.unwrap_err();
    assert_eq!(known(&world).await, [0; 4]);
    let stats = world.cache.stats();
    assert_eq!((stats.invalidations, stats.total().misses), (0, 4), "not even a miss");
}

#[tokio::test]
async fn a_panic_fires_nothing() {
    #[invalidate(tags = ["titled:1"], cache = world.cache)]
    async fn panicking(world: &World) -> Result<(), Down> {
        world.source.write(5);
        panic!("on command");
    }
    let world = World::near_only();
    known(&world).await;
    let call = tokio::spawn({
        let world = world.clone();
        async move { panicking(&world).await }
    });
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(known(&world).await, [0; 4]);
}

#[tokio::test]
async fn a_writer_dropped_halfway_may_have_written_and_fires() {
    let (world, gate) = (World::new(), Gate::closed());
    known(&world).await;
    let call = tokio::spawn({
        let (world, gate) = (world.clone(), gate.clone());
        async move { by_tag(&world, 1, 5, &gate, true).await }
    });
    gate.arrived(1).await;
    world.settle().await;
    let told = world.chaos.counts(Operation::Apply).done;
    assert_eq!(known(&world).await, [0; 4], "not yet");
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(known(&world).await, [5, 5, 0, 0]);
    world.settle().await;
    assert_eq!(world.chaos.counts(Operation::Apply).done, told + 1, "the tier was told");
}

/// A runtime that ends ends its tasks where they are and takes no new ones, which would tell the tiers.
#[test]
fn a_writer_that_ends_with_its_runtime_is_told_of_all_the_same() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (tier, clock): (Arc<dyn Tier>, _) = (Arc::new(MemoryTier::new()), Clock::manual());
    for writes in [false, true] {
        let (first, gate) = (runtime(), Gate::closed());
        let world = first.block_on(async {
            let world = World::over_at(Arc::clone(&tier), &clock);
            assert_eq!(title(&world, 1).await, Ok(0));
            world.settle().await;
            world
        });
        if writes {
            let world = world.clone();
            let arrived = gate.clone();
            first.spawn(async move { by_tag(&world, 1, 5, &gate, true).await });
            first.block_on(arrived.arrived(1));
        }
        drop(first);
        let second = runtime();
        second.block_on(world.settle());
        second.block_on(world.cache.shutdown(Duration::from_secs(5)));
        let next = second.block_on(async { World::over_at(Arc::clone(&tier), &clock) });
        next.source.write(7);
        // The control: what nobody wrote to is taken over by the next process.
        let expected = if writes { 7 } else { 0 };
        assert_eq!(second.block_on(title(&next, 1)), Ok(expected));
        second.block_on(next.cache.clear());
        second.block_on(next.settle());
    }
}

#[tokio::test]
async fn before_and_both_are_when_they_say() {
    #[invalidate(tags = ["titled:{id}"], when = before, cache = world.cache)]
    async fn first(world: &World, id: u32, gate: &Gate) -> Result<(), Down> {
        let _ = id;
        write(world, 5, gate, true).await
    }
    #[invalidate(tags = ["titled:{id}"], when = both, cache = world.cache)]
    async fn twice(world: &World, id: u32, gate: &Gate) -> Result<(), Down> {
        let _ = id;
        gate.pass().await;
        write(world, 5, &Gate::opened(), true).await
    }
    for both in [false, true] {
        let (world, gate) = (World::near_only(), Gate::closed());
        known(&world).await;
        let call = tokio::spawn({
            let (world, gate) = (world.clone(), gate.clone());
            async move { if both { twice(&world, 1, &gate).await } else { first(&world, 1, &gate).await } }
        });
        gate.arrived(1).await;
        let reads = world.source.reads();
        known(&world).await;
        assert_eq!(world.source.reads(), reads + 2, "fired before the body was through");
        gate.open();
        soon("the writer", call).await.unwrap().unwrap();
        known(&world).await;
        assert_eq!(world.source.reads(), reads + 2 + 2 * u64::from(both));
        assert_eq!(known(&world).await[0], 5);
    }
}

#[test]
fn a_sync_writer_needs_no_runtime() {
    #[cache(key = "invalidator-sync:{id}", tags = ["synced:{id}"], cache = world.cache)]
    fn number(world: &World, truth: &Arc<AtomicU64>, id: u32) -> u64 {
        let _ = (world, id);
        truth.load(Ordering::SeqCst)
    }
    #[invalidate(tags = ["synced:{id}"], cache = world.cache)]
    fn set(world: &World, truth: &Arc<AtomicU64>, id: u32, to: u64) -> Result<(), Down> {
        let _ = (world, id);
        truth.store(to, Ordering::SeqCst);
        if to == 13 { Err(Down) } else { Ok(()) }
    }
    let (world, truth) = (World::new(), Arc::new(AtomicU64::new(0)));
    assert_eq!(number(&world, &truth, 1), 0);
    set(&world, &truth, 1, 5).unwrap();
    assert_eq!(number(&world, &truth, 1), 5);
    set(&world, &truth, 1, 13).unwrap_err();
    assert_eq!(number(&world, &truth, 1), 5);
    assert_eq!(world.cache.stats().tiers[0].backlog, 0, "the tier was told");
}

/// An `async` writer on another executor: tiers are told by blocking, for their deadlines are tokio's.
#[test]
fn an_async_writer_needs_no_runtime_of_tokio() {
    let world = World::new();
    let mut invalidation = std::pin::pin!(world.cache.invalidate_tags(["anywhere"]));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let answer = invalidation.as_mut().poll(&mut context);
    assert_eq!(answer, std::task::Poll::Ready(Applied::Applied));
    assert_eq!(world.cache.stats().tiers[0].backlog, 0, "the tier was told");
}

#[tokio::test]
async fn a_value_from_outside_never_widens_what_is_named() {
    #[cache(key = "invalidator-text:{name}:x", tags = ["texts:{name}"], cache = world.cache)]
    async fn text(world: &World, name: &str) -> Result<u64, Down> {
        let _ = name;
        world.source.read().await
    }
    #[invalidate(pattern = "invalidator-text:{name}:*", tags = ["texts:{name}"], cache = world.cache)]
    async fn touch(world: &World, name: &str) -> Result<(), Down> {
        let _ = name;
        world.source.write(world.source.reads());
        Ok(())
    }
    let world = World::new();
    let names = ["a", "b", "*", "?", "a:*", "**", "[a-z]", "%2A", "~", ""];
    for name in names {
        text(&world, name).await.unwrap();
    }
    for hostile in names {
        touch(&world, hostile).await.unwrap();
        let reads = world.source.reads();
        for name in names {
            text(&world, name).await.unwrap();
        }
        assert_eq!(world.source.reads(), reads + 1, "{hostile:?} named more or less than itself");
    }
}

#[tokio::test]
async fn the_imperative_scope_fires_on_success_only_unless_told() {
    let world = World::near_only();
    known(&world).await;
    let mut invalidator = world.cache.invalidator();
    invalidator.tag("titled:1");
    let failed: Result<(), Down> = invalidator
        .scope(async {
            world.source.write(5);
            Err(Down)
        })
        .await;
    assert_eq!(failed, Err(Down));
    assert_eq!(known(&world).await, [0; 4]);

    let mut invalidator = world.cache.invalidator();
    invalidator.tag("titled:1");
    invalidator.scope(async { Ok::<_, Down>(()) }).await.unwrap();
    assert_eq!(known(&world).await, [5, 5, 0, 0]);

    world.source.write(6);
    let mut invalidator = world.cache.invalidator();
    invalidator.always().namespace("invalidator").unwrap();
    assert!(invalidator.namespace("a:b").is_err());
    drop(invalidator);
    assert_eq!(known(&world).await, [6; 4]);

    world.source.write(7);
    let mut invalidator = world.cache.invalidator();
    invalidator.pattern("invalidator:?:title").unwrap().entry(&views::entry(&world, 2));
    assert_eq!(known(&world).await, [6; 4], "collected is not fired");
    assert_eq!(invalidator.fire().await, Applied::Applied);
    assert_eq!(known(&world).await, [7, 6, 7, 7]);
}

/// A tier that does not answer delays a writer for a bounded time, and what it said holds.
#[tokio::test]
async fn a_hung_tier_delays_a_writer_for_a_moment() {
    let world = World::new();
    known(&world).await;
    world.settle().await;
    world.chaos.hang(Operation::Apply);
    let start = std::time::Instant::now();
    by_namespace(&world, 5, true).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(known(&world).await, [5; 4]);
    assert!(world.cache.stats().tiers[0].backlog > 0);
    world.chaos.calm();
    world.settle().await;
    assert_eq!(known(&world).await, [5; 4]);
}
