//! A load that panics tells all who waited once, keeps nothing, and frees its key.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cached_runtime::testing::Gate;
use cached_runtime::{Cache, cache};

use crate::rig::{World, soon};
use crate::shelf::eventually;

#[derive(Clone)]
struct Faulty {
    runs: Arc<AtomicU64>,
    gate: Gate,
}

impl Faulty {
    fn new() -> Self {
        Self { runs: Arc::default(), gate: Gate::opened() }
    }

    /// Panics the first time.
    async fn run(&self) -> u64 {
        let run = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        self.gate.pass().await;
        assert!(run > 1, "the first run panics");
        run
    }
}

#[cache(key = "panic:{id}", cache = cache)]
async fn faulty(cache: &Cache, body: Faulty, id: u32) -> u64 {
    let _ = (cache, id);
    body.run().await
}

#[cache(key = "panic-stale:{id}", ttl = "10s", stale = "1m", jitter = 0, cache = cache)]
async fn faulty_later(cache: &Cache, runs: Arc<AtomicU64>, id: u32) -> u64 {
    let _ = (cache, id);
    let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
    assert!(run != 2, "the second run panics");
    run
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_reaches_everyone_who_waited_and_frees_the_key() {
    let (world, body) = (World::near_only(), Faulty::new());
    body.gate.close();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (world, body) = (world.clone(), body.clone());
            tokio::spawn(async move { faulty(&world.cache, body, 1).await })
        })
        .collect();
    eventually("everyone waits", || world.cache.stats().total().joins == 19).await;
    body.gate.open();
    for call in calls {
        let panic = soon("a caller of a load that panics", call).await.unwrap_err().into_panic();
        let text = panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(ToString::to_string));
        assert!(text.unwrap().contains("the first run panics"), "everyone learns why");
    }
    assert_eq!(body.runs.load(Ordering::SeqCst), 1);
    assert_eq!(soon("the next load", faulty(&world.cache, body, 1)).await, 2);
    assert_eq!(world.cache.stats().site("faulty").unwrap().panics, 1);
}

#[test]
fn a_sync_panic_is_the_callers_and_frees_the_key() {
    #[cache(key = "panic-sync:{id}", cache = cache)]
    fn faulty_sync(cache: &Cache, runs: &Arc<AtomicU64>, id: u32) -> u64 {
        let _ = (cache, id);
        let run = runs.fetch_add(1, Ordering::SeqCst) + 1;
        assert!(run > 1, "the first run panics");
        run
    }
    let (world, runs) = (World::near_only(), Arc::new(AtomicU64::new(0)));
    let first = std::panic::catch_unwind(AssertUnwindSafe(|| faulty_sync(&world.cache, &runs, 1)));
    assert!(first.is_err());
    assert_eq!(faulty_sync(&world.cache, &runs, 1), 2);
}

#[tokio::test]
async fn an_inline_panic_frees_the_key() {
    #[cache(key = "panic-inline:{id}", load = "inline", cache = cache)]
    async fn inline(cache: &Cache, body: &Faulty, id: u32) -> u64 {
        let _ = (cache, id);
        body.run().await
    }
    let (world, body) = (World::near_only(), Faulty::new());
    let first = tokio::spawn({
        let (world, body) = (world.clone(), body.clone());
        async move { inline(&world.cache, &body, 1).await }
    });
    assert!(first.await.unwrap_err().is_panic());
    assert_eq!(soon("the next load", inline(&world.cache, &body, 1)).await, 2);
}

#[tokio::test]
async fn a_panic_gives_way_to_an_old_value_that_is_allowed() {
    let (world, runs) = (World::near_only(), Arc::new(AtomicU64::new(0)));
    assert_eq!(faulty_later(&world.cache, Arc::clone(&runs), 1).await, 1);
    world.clock.advance(std::time::Duration::from_secs(11));
    assert_eq!(faulty_later(&world.cache, Arc::clone(&runs), 1).await, 1, "the old one");
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    world.clock.advance(std::time::Duration::from_secs(2));
    assert_eq!(faulty_later(&world.cache, runs, 1).await, 3);
}

/// What the user gives for the value to pass through runs in the load, and its panic is the load's.
#[tokio::test]
async fn a_panic_in_cache_if_hangs_nobody() {
    #[cache(key = "panic-if:{id}", cache_if = |_: &u64| panic!("no opinion"), cache = cache)]
    async fn opinion(cache: &Cache, id: u32) -> u64 {
        let _ = cache;
        u64::from(id)
    }
    let world = World::near_only();
    for _ in 0..2 {
        let call = tokio::spawn({
            let world = world.clone();
            async move { opinion(&world.cache, 1).await }
        });
        assert!(soon("a caller", call).await.unwrap_err().is_panic());
    }
}
