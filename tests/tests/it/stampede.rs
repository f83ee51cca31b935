//! One load per key at a time, however many ask, and whatever becomes of the first who did.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cached_runtime::cache;
use cached_runtime::testing::Gate;

use crate::rig::{Down, World, soon};
use crate::shelf::eventually;

#[cache(key = "stampede:{id}", cache = world.cache)]
async fn read(world: &World, id: u32) -> Result<u64, Down> {
    let _ = id;
    world.source.read().await
}

#[cache(key = "stampede-shared:{id}", cache = world.cache)]
async fn shared(world: &World, id: u32) -> Result<u64, String> {
    let _ = id;
    world.source.read().await.map_err(|Down| "down".to_owned())
}

/// So many callers of one key wait while the source is held; then it is let go.
async fn herd(world: &World, callers: usize) -> Vec<Result<u64, Down>> {
    world.source.gate.close();
    let calls: Vec<_> = (0..callers)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { read(&world, 1).await })
        })
        .collect();
    waiting(world, callers as u64).await;
    world.source.gate.open();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(soon("a caller of a herd", call).await.unwrap());
    }
    answers
}

/// All but the one who leads have joined.
async fn waiting(world: &World, callers: u64) {
    eventually("everyone waits", || {
        let stats = world.cache.stats();
        stats.sites.iter().map(|site| site.joins).sum::<u64>() == callers - 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_callers_one_load() {
    let world = World::near_only();
    world.source.write(5);
    assert!(herd(&world, 20).await.iter().all(|answer| *answer == Ok(5)));
    assert_eq!(world.source.reads(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_callers_one_load_over_a_tier() {
    let world = World::new();
    world.source.write(5);
    assert!(herd(&world, 1_000).await.iter().all(|answer| *answer == Ok(5)));
    assert_eq!(world.source.reads(), 1);
    assert_eq!(world.chaos.counts(cached_runtime::testing::Operation::Get).calls, 1, "one read of the tier, too");
}

/// The control: without a flight, a look and then a load is a stampede.
#[tokio::test]
async fn without_a_flight_everyone_loads() {
    let world = World::near_only();
    let kept = Arc::new(quick_cache::sync::Cache::<u32, u64>::new(100));
    world.source.gate.close();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (world, kept) = (world.clone(), Arc::clone(&kept));
            tokio::spawn(async move {
                if kept.get(&1).is_none() {
                    kept.insert(1, world.source.read().await.unwrap());
                }
            })
        })
        .collect();
    world.source.gate.arrived(20).await;
    world.source.gate.open();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(world.source.reads(), 20);
}

#[tokio::test]
async fn a_load_of_one_key_delays_no_hit_and_no_load_of_another() {
    let world = World::near_only();
    read(&world, 2).await.unwrap();
    world.source.gate.close();
    let held = tokio::spawn({
        let world = world.clone();
        async move { read(&world, 1).await }
    });
    world.source.gate.arrived(2).await;
    assert_eq!(soon("a hit beside a load", read(&world, 2)).await, Ok(0));
    world.source.gate.release();
    // The leave is for whoever comes first: the load of 1, which waits already.
    assert_eq!(soon("the held load", held).await.unwrap(), Ok(0));
    world.source.gate.open();
    assert_eq!(soon("another load", read(&world, 3)).await, Ok(0));
}

#[tokio::test]
async fn a_first_caller_who_goes_away_neither_ends_nor_repeats_the_load() {
    let world = World::near_only();
    world.source.gate.close();
    let first = tokio::spawn({
        let world = world.clone();
        async move { read(&world, 1).await }
    });
    world.source.gate.arrived(1).await;
    let second = tokio::spawn({
        let world = world.clone();
        async move { read(&world, 1).await }
    });
    waiting(&world, 2).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    world.source.gate.open();
    assert_eq!(soon("who waits still", second).await.unwrap(), Ok(0));
    assert_eq!(world.source.reads(), 1);
}

/// Inline, a load goes with its caller, and the next who waits takes over.
#[tokio::test]
async fn an_inline_load_is_taken_over() {
    #[cache(key = "stampede-inline:{id}", load = "inline", cache = world.cache)]
    async fn inline(world: &World, id: u32) -> Result<u64, Down> {
        let _ = id;
        world.source.read().await
    }
    let world = World::near_only();
    world.source.gate.close();
    let mut calls: Vec<_> = (0..5)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { inline(&world, 1).await })
        })
        .collect();
    world.source.gate.arrived(1).await;
    waiting(&world, 5).await;
    let first = calls.remove(0);
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    world.source.gate.arrived(2).await;
    world.source.gate.open();
    for call in calls {
        assert_eq!(soon("the rest", call).await.unwrap(), Ok(0));
    }
    assert_eq!((world.source.reads(), world.source.peak()), (2, 1), "one at a time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_can_be_cloned_is_shared_once() {
    let world = World::near_only();
    world.source.fail(true);
    world.source.gate.close();
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { shared(&world, 1).await })
        })
        .collect();
    waiting(&world, 50).await;
    world.source.gate.open();
    for call in calls {
        assert_eq!(soon("the error", call).await.unwrap(), Err("down".to_owned()));
    }
    assert_eq!(world.source.reads(), 1);
    world.source.fail(false);
    assert_eq!(shared(&world, 1).await, Ok(0), "the key is free again, and the error was not kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_cannot_be_cloned_makes_no_herd() {
    let world = World::near_only();
    world.source.fail(true);
    let answers = herd(&world, 50).await;
    assert!(answers.iter().all(|answer| *answer == Err(Down)), "everyone gets an error of their own");
    assert_eq!(world.source.reads(), 50);
    assert!(world.source.peak() <= 4, "{} at a time", world.source.peak());
}

/// A source that is well again answers those who still wait for their turn, with one load.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_comes_back_ends_the_queue() {
    #[cache(key = "stampede-back:{id}", cache = world.cache)]
    async fn back(world: &World, id: u32) -> Result<u64, Down> {
        let _ = id;
        match world.source.reads() {
            0 => world.source.read().await,
            _ => {
                world.source.fail(false);
                world.source.read().await
            }
        }
    }
    let world = World::near_only();
    world.source.fail(true);
    world.source.gate.close();
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { back(&world, 1).await })
        })
        .collect();
    waiting(&world, 50).await;
    world.source.gate.open();
    let mut failed = 0;
    for call in calls {
        failed += u32::from(soon("an answer", call).await.unwrap().is_err());
    }
    assert_eq!(failed, 1, "only the one who led gets the error");
    assert!(world.source.reads() <= 5, "{} loads for fifty callers", world.source.reads());
}

/// Threads that wait for one sync load block; one body runs.
#[test]
fn threads_share_a_sync_load() {
    #[cache(key = "stampede-sync:{id}", cache = world.cache)]
    fn slow(world: &World, runs: &Arc<AtomicU64>, hold: &Gate, id: u32) -> u64 {
        let _ = (world, id);
        runs.fetch_add(1, Ordering::SeqCst);
        while hold.passages() == 0 {
            std::thread::yield_now();
        }
        7
    }
    let (world, runs, hold) = (World::near_only(), Arc::new(AtomicU64::new(0)), Gate::opened());
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| slow(&world, &runs, &hold, 1))).collect();
        while world.cache.stats().site("slow").map_or(0, |site| site.joins) < 7 {
            std::thread::sleep(Duration::from_millis(1));
        }
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(hold.pass());
        assert!(calls.into_iter().all(|call| call.join().unwrap() == 7));
    });
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}
