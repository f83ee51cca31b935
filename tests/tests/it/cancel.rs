//! A caller who goes away neither cancels nor repeats a load that others want.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cached_runtime::cache;
use cached_runtime::testing::Gate;

use crate::rig::{Down, World, soon};
use crate::shelf::eventually;

#[cache(key = "cancel:{id}", cache = world.cache)]
async fn read(world: &World, id: u32) -> Result<u64, Down> {
    let _ = id;
    world.source.read().await
}

/// Fifty callers, each with a deadline that ends before the load does: one load, and it is kept.
///
/// Deadlines of 100 ms against a load of 150 ms, by the runtime's own timers, stopped and moved on.
#[tokio::test(start_paused = true)]
async fn fifty_deadlines_shorter_than_the_load_cost_one_load() {
    let world = World::near_only();
    let loads = Arc::new(AtomicU64::new(0));
    let calls: Vec<_> = (0..50)
        .map(|n| {
            let (world, loads) = (world.clone(), Arc::clone(&loads));
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(n * 2)).await;
                tokio::time::timeout(Duration::from_millis(100), slow(&world, loads, 1)).await
            })
        })
        .collect();
    let mut answered = 0;
    for call in calls {
        answered += u32::from(call.await.unwrap().is_ok());
    }
    assert_eq!(loads.load(Ordering::SeqCst), 1, "a deadline restarts nothing");
    assert!(answered > 0, "who came late enough is answered by the load of the first");
    assert_eq!(slow(&world, loads, 1).await, 1, "and the value is kept");
}

#[cache(key = "cancel-slow:{id}", cache = world.cache)]
async fn slow(world: &World, loads: Arc<AtomicU64>, id: u32) -> u64 {
    let _ = (world, id);
    let n = loads.fetch_add(1, Ordering::SeqCst) + 1;
    tokio::time::sleep(Duration::from_millis(150)).await;
    n
}

/// The control: a load that its caller polls ends with its caller, and fifty deadlines load many times and keep nothing.
#[tokio::test(start_paused = true)]
async fn a_load_that_its_caller_polls_is_lost_with_it() {
    let kept = moka::future::Cache::<u32, u64>::new(10);
    let loads = Arc::new(AtomicU64::new(0));
    let calls: Vec<_> = (0..50)
        .map(|n| {
            let (kept, loads) = (kept.clone(), Arc::clone(&loads));
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(n * 2)).await;
                let load = kept.get_with(1, async move {
                    let n = loads.fetch_add(1, Ordering::SeqCst) + 1;
                    tokio::time::sleep(Duration::from_millis(150)).await;
                    n
                });
                tokio::time::timeout(Duration::from_millis(100), load).await
            })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap().is_err(), "nobody is answered");
    }
    assert!(loads.load(Ordering::SeqCst) > 1);
    assert_eq!(kept.get(&1).await, None);
}

#[tokio::test]
async fn two_hundred_who_leave_disturb_nobody() {
    let world = World::near_only();
    world.source.gate.close();
    for round in 0..200 {
        let call = tokio::spawn({
            let world = world.clone();
            async move { read(&world, 1).await }
        });
        eventually("the caller waits", || {
            let stats = world.cache.stats();
            stats.site("read").is_some_and(|site| site.misses > round)
        })
        .await;
        call.abort();
        assert!(call.await.is_err());
    }
    let patient = tokio::spawn({
        let world = world.clone();
        async move { read(&world, 1).await }
    });
    world.source.gate.arrived(1).await;
    world.source.gate.open();
    assert_eq!(soon("the patient one", patient).await.unwrap(), Ok(0));
    assert_eq!(world.source.reads(), 1);
}

#[tokio::test]
async fn nobody_left_to_wait_and_the_value_is_still_kept() {
    let world = World::new();
    world.source.gate.close();
    let only = tokio::spawn({
        let world = world.clone();
        async move { read(&world, 1).await }
    });
    world.source.gate.arrived(1).await;
    only.abort();
    assert!(only.await.is_err());
    world.source.gate.open();
    eventually("the load lands", || read::entry(&world, 1).peek_near().is_some()).await;
    assert_eq!(read(&world, 1).await, Ok(0));
    assert_eq!(world.source.reads(), 1);
}

/// A future polled once inside `select!` and then left alone holds nothing that others need.
#[tokio::test]
async fn a_future_that_is_no_longer_polled_holds_nothing() {
    let world = World::near_only();
    world.source.gate.close();
    let (asleep, turn) = (read(&world, 1), Gate::opened());
    tokio::pin!(asleep);
    tokio::select! {
        biased;
        _ = &mut asleep => unreachable!("the source is held"),
        () = turn.pass() => {}
    }
    // `asleep` lives on, unpolled, while this task waits for the same key and for another.
    world.source.gate.arrived(1).await;
    world.source.gate.open();
    assert_eq!(soon("the same key", read(&world, 1)).await, Ok(0));
    assert_eq!(soon("another key", read(&world, 2)).await, Ok(0));
    assert_eq!(asleep.await, Ok(0));
    assert_eq!(world.source.reads(), 2);
}

/// A runtime that ends in the middle of a load leaves the key free for the next.
#[test]
fn a_runtime_that_ends_frees_its_keys() {
    let world = World::near_only();
    world.source.gate.close();
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let first = runtime();
    first.spawn({
        let world = world.clone();
        async move { read(&world, 1).await }
    });
    first.block_on(world.source.gate.arrived(1));
    first.shutdown_background();
    world.source.gate.open();
    let second = runtime();
    assert_eq!(second.block_on(soon("the next runtime", read(&world, 1))), Ok(0));
}
