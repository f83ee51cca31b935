//! A load that asks for its own key, directly or in a circle, ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use cached_runtime::cache;
use cached_runtime::testing::Gate;

use crate::rig::{World, soon};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Asks for its own key until it is deep enough.
#[cache(key = "recursion-own:{id}", cache = world.cache)]
async fn own(world: &World, depth: Arc<AtomicU64>, id: u32) -> u64 {
    if depth.fetch_add(1, Ordering::SeqCst) >= 3 {
        return u64::from(id);
    }
    own_again(world.clone(), depth, id).await + 1
}

fn own_again(world: World, depth: Arc<AtomicU64>, id: u32) -> Boxed<u64> {
    Box::pin(async move { own(&world, depth, id).await })
}

#[tokio::test]
async fn a_load_that_asks_for_its_own_key_ends() {
    let world = World::near_only();
    let depth = Arc::new(AtomicU64::new(0));
    assert_eq!(soon("its own key", own(&world, Arc::clone(&depth), 1)).await, 4);
    let runs = depth.load(Ordering::SeqCst);
    assert_eq!(soon("a hit", own(&world, Arc::clone(&depth), 1)).await, 4);
    assert_eq!(depth.load(Ordering::SeqCst), runs, "and what the outermost made is kept");
}

#[cache(key = "recursion-a:{id}", skip(deep), cache = world.cache)]
async fn a(world: &World, meet: Option<Gate>, deep: u32, id: u32) -> u64 {
    if let Some(meet) = &meet {
        meet.pass().await;
    }
    if deep == 0 {
        return u64::from(id);
    }
    b_next(world.clone(), meet, deep - 1, id).await + 1
}

fn b_next(world: World, meet: Option<Gate>, deep: u32, id: u32) -> Boxed<u64> {
    Box::pin(async move { b(&world, meet, deep, id).await })
}

#[cache(key = "recursion-b:{id}", skip(deep), cache = world.cache)]
async fn b(world: &World, meet: Option<Gate>, deep: u32, id: u32) -> u64 {
    if let Some(meet) = &meet {
        meet.pass().await;
    }
    if deep == 0 {
        return u64::from(id);
    }
    a_next(world.clone(), meet, deep - 1, id).await + 1
}

fn a_next(world: World, meet: Option<Gate>, deep: u32, id: u32) -> Boxed<u64> {
    Box::pin(async move { a(&world, meet, deep, id).await })
}

#[tokio::test]
async fn a_circle_of_two_ends() {
    let world = World::near_only();
    assert_eq!(soon("a → b → a", a(&world, None, 2, 1)).await, 3);
    assert_eq!(soon("longer", a(&world, None, 9, 2)).await, 11);
    assert_eq!(soon("free afterwards", b(&world, None, 0, 3)).await, 3);
}

/// Two loads, each of which wants what the other makes: without a look at who waits for whom both wait for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_loads_that_want_each_other_end() {
    for id in 0..50 {
        let (world, meet) = (World::near_only(), Gate::closed());
        let call = |first: bool| {
            let (world, meet) = (world.clone(), Some(meet.clone()));
            tokio::spawn(async move { if first { a(&world, meet, 1, id).await } else { b(&world, meet, 1, id).await } })
        };
        let (one, other) = (call(true), call(false));
        meet.arrived(2).await;
        meet.open();
        let both = soon("a → b beside b → a", async { (one.await.unwrap(), other.await.unwrap()) }).await;
        assert!(both.0 > u64::from(id) && both.1 > u64::from(id));
    }
}

/// The control: the same two loads over a plain map of futures wait for each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_look_at_who_waits_two_loads_wait_for_ever() {
    let kept = moka::future::Cache::<u32, u64>::new(10);
    let meet = Gate::closed();
    let call = |mine: u32, other: u32| {
        let (kept, meet) = (kept.clone(), meet.clone());
        tokio::spawn(async move {
            let inside = kept.clone();
            kept.get_with(mine, async move {
                meet.pass().await;
                inside.get_with(other, async { 0 }).await + 1
            })
            .await
        })
    };
    let (one, other) = (call(1, 2), call(2, 1));
    meet.arrived(2).await;
    meet.open();
    let both = async { (one.await.unwrap(), other.await.unwrap()) };
    assert!(tokio::time::timeout(std::time::Duration::from_millis(100), both).await.is_err());
}

#[cache(key = "recursion-sync-a:{id}", skip(deep), cache = world.cache)]
fn sync_a(world: &World, meet: Option<&Barrier>, deep: u32, id: u32) -> u64 {
    if let Some(meet) = meet {
        meet.wait();
    }
    if deep == 0 { u64::from(id) } else { sync_b(world, None, deep - 1, id) + 1 }
}

#[cache(key = "recursion-sync-b:{id}", skip(deep), cache = world.cache)]
fn sync_b(world: &World, meet: Option<&Barrier>, deep: u32, id: u32) -> u64 {
    if let Some(meet) = meet {
        meet.wait();
    }
    if deep == 0 { u64::from(id) } else { sync_a(world, None, deep - 1, id) + 1 }
}

#[test]
fn sync_circles_end() {
    let world = World::near_only();
    assert_eq!(sync_a(&world, None, 5, 1), 6);
    for id in 10..40 {
        let meet = Barrier::new(2);
        std::thread::scope(|scope| {
            let one = scope.spawn(|| sync_a(&world, Some(&meet), 1, id));
            let other = scope.spawn(|| sync_b(&world, Some(&meet), 1, id));
            assert!(one.join().unwrap() > u64::from(id));
            assert!(other.join().unwrap() > u64::from(id));
        });
    }
}

/// A sync load inside an async one, and back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_circle_through_sync_and_async_ends() {
    #[cache(key = "recursion-outer:{id}", skip(deep), cache = world.cache)]
    async fn outer(world: &World, deep: u32, id: u32) -> u64 {
        if deep == 0 {
            return u64::from(id);
        }
        let (world, handle) = (world.clone(), tokio::runtime::Handle::current());
        tokio::task::block_in_place(|| through(&world, &handle, deep - 1, id)) + 1
    }
    #[cache(key = "recursion-through:{id}", skip(deep), cache = world.cache)]
    fn through(world: &World, handle: &tokio::runtime::Handle, deep: u32, id: u32) -> u64 {
        handle.block_on(outer_next(world.clone(), deep, id)) + 1
    }
    fn outer_next(world: World, deep: u32, id: u32) -> Boxed<u64> {
        Box::pin(async move { outer(&world, deep, id).await })
    }
    let world = World::near_only();
    assert_eq!(soon("outer → through → outer", outer(&world, 2, 1)).await, 5);
}
