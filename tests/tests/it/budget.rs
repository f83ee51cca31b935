//! A budget for loads: the cache answers first, only bodies spend it, and what is over it is an old value or an error.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Cache, ErrorKind, Rate, Tier, cache};

use crate::failed::{Failed, Unshared};
use crate::rig::{World, soon};
use crate::shelf::eventually;

const SECOND: Duration = Duration::from_secs(1);

fn is_refused<T: std::fmt::Debug>(answer: Result<T, Failed>) -> bool {
    matches!(answer, Err(Failed::Cache(error)) if error.kind() == ErrorKind::Rate)
}

#[cache(key = "budget:{id}", ttl = "1h", jitter = 0, rate = "2/m", cache = world.cache)]
async fn read(world: &World, id: u32) -> Result<u64, Failed> {
    let _ = id;
    Ok(world.source.read().await?)
}

fn refused(world: &World) -> u64 {
    world.cache.stats().total().rate_refused
}

#[tokio::test]
async fn hits_and_calls_that_join_a_load_spend_nothing() {
    let world = World::near_only();
    world.source.gate.close();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { read(&world, 1).await })
        })
        .collect();
    eventually("all wait for one load", || world.cache.stats().total().joins == 19).await;
    world.source.gate.open();
    for call in calls {
        soon("the load", call).await.unwrap().unwrap();
    }
    for _ in 0..100 {
        read(&world, 1).await.unwrap();
    }
    read(&world, 2).await.expect("the second load of two");
    assert!(is_refused(read(&world, 3).await), "the control: a third is over it");
    assert_eq!((world.source.reads(), refused(&world)), (2, 1));
}

#[tokio::test]
async fn what_a_tier_has_spends_nothing() {
    let tier: Arc<dyn Tier> = Arc::new(MemoryTier::new());
    let world = World::over(Arc::clone(&tier));
    for id in [1, 2] {
        read(&world, id).await.unwrap();
    }
    world.settle().await;
    let next = World::over_at(tier, &world.clock);
    for id in [1, 2] {
        read(&next, id).await.expect("from the tier");
    }
    for id in [3, 4] {
        read(&next, id).await.expect("nothing was spent before");
    }
    assert!(is_refused(read(&next, 5).await));
    assert_eq!(next.source.reads(), 2);
}

#[tokio::test]
async fn over_the_budget_is_an_error_that_says_when_to_ask_again() {
    let world = World::near_only();
    read(&world, 1).await.unwrap();
    world.clock.advance(SECOND);
    read(&world, 2).await.unwrap();
    let error = read(&world, 3).await.unwrap_err().error();
    assert_eq!(error.kind(), ErrorKind::Rate);
    assert_eq!(error.kind().word(), "rate");
    assert_eq!(error.context("rate"), Some("2/m"));
    assert_eq!(error.context("site"), Some(read::site().name()));
    assert_eq!(error.context("retry_after_ms"), Some("29000"), "{error}");
    world.clock.advance(29 * SECOND - Duration::from_millis(1));
    assert!(is_refused(read(&world, 3).await), "a moment too early");
    world.clock.advance(Duration::from_millis(1));
    read(&world, 3).await.expect("just as it said");
    assert!(is_refused(read(&world, 4).await), "one load, and not two");
    world.clock.advance(600 * SECOND);
    for id in [4, 5] {
        read(&world, id).await.expect("after a rest all of it is there again");
    }
    assert!(is_refused(read(&world, 6).await), "and not more, however long the rest was");
    assert_eq!((world.source.reads(), refused(&world)), (5, 4), "what was refused did not reach the source");
}

#[tokio::test]
async fn where_an_old_value_is_allowed_it_answers_in_the_place_of_the_error() {
    #[cache(key = "budget-stale:{id}", ttl = "10s", stale = "1h", jitter = 0, rate = "1/m", cache = world.cache)]
    async fn old(world: &World, id: u32) -> Result<u64, Failed> {
        let _ = id;
        Ok(world.source.read().await?)
    }
    let world = World::near_only();
    world.source.write(1);
    old(&world, 1).await.unwrap();
    world.source.write(2);
    world.clock.advance(10 * SECOND);
    assert_eq!(old(&world, 1).await.unwrap(), 1);
    assert!(is_refused(old(&world, 2).await), "the control: where there is none it is the error");
    let stats = world.cache.stats().total();
    assert_eq!((stats.loads, stats.stale_hits, stats.rate_refused), (1, 1, 2));
    world.clock.advance(50 * SECOND);
    assert_eq!(old(&world, 1).await.unwrap(), 2, "there is budget again");
    world.clock.advance(10 * SECOND);
    old::entry(&world, 1).remove().await;
    assert!(is_refused(old(&world, 1).await), "what was invalidated is not served for want of budget");
}

#[tokio::test]
async fn a_refresh_ahead_over_the_budget_is_left_out() {
    #[cache(key = "budget-ahead:{id}", ttl = "1m", refresh_ahead = "50s", jitter = 0, rate = "1/m", cache = world.cache)]
    async fn ahead(world: &World, id: u32) -> Result<u64, Failed> {
        let _ = id;
        Ok(world.source.read().await?)
    }
    let world = World::near_only();
    ahead(&world, 1).await.unwrap();
    world.clock.advance(20 * SECOND);
    for _ in 0..50 {
        ahead(&world, 1).await.expect("it is fresh");
        tokio::task::yield_now().await;
    }
    eventually("one was tried", || refused(&world) >= 1).await;
    for _ in 0..50 {
        ahead(&world, 1).await.expect("it is fresh");
        tokio::task::yield_now().await;
    }
    assert_eq!(world.source.reads(), 1);
    assert_eq!(refused(&world), 1, "until there is budget again nothing is even tried");
    world.cache.set_rate(ahead::site().name(), None).unwrap();
    ahead(&world, 1).await.unwrap();
    eventually("the control: with budget it is refreshed", || world.source.reads() == 2).await;
}

#[tokio::test]
async fn all_keys_and_all_instances_of_a_function_share_one_budget() {
    #[cache(ttl = "1h", rate = "3/h", skip(world), cache = world.cache)]
    async fn of<T: Into<u64> + Send + Sync + 'static>(world: &World, id: u32) -> Result<u64, Failed> {
        let _ = id;
        Ok(world.source.read().await?)
    }
    let world = World::near_only();
    of::<u8>(&world, 1).await.unwrap();
    of::<u16>(&world, 1).await.unwrap();
    of::<u32>(&world, 1).await.unwrap();
    assert!(is_refused(of::<u8>(&world, 2).await) && is_refused(of::<u16>(&world, 2).await));
    let other = World::near_only();
    of::<u8>(&other, 2).await.expect("another cache has a budget of its own");
}

#[tokio::test]
async fn loads_in_their_callers_have_the_budget_too() {
    #[cache(key = "budget-inline:{id}", ttl = "1h", load = "inline", rate = "1/s", cache = world.cache)]
    async fn inline(world: &World, id: u32) -> Result<u64, Failed> {
        let _ = id;
        Ok(world.source.read().await?)
    }
    #[cache(key = "budget-sync:{id}", ttl = "10s", stale = "1h", jitter = 0, rate = "1/m", cache = world.cache)]
    fn plain(world: &World, id: u32) -> Result<u64, Failed> {
        let _ = id;
        Ok(world.source.read_now())
    }
    let world = World::near_only();
    inline(&world, 1).await.unwrap();
    assert!(is_refused(inline(&world, 2).await));
    plain(&world, 1).unwrap();
    assert!(is_refused(plain(&world, 2)));
    world.source.write(9);
    world.clock.advance(10 * SECOND);
    assert_eq!(plain(&world, 1).unwrap(), 0, "its old value");
    world.clock.advance(50 * SECOND);
    assert_eq!(plain(&world, 1).unwrap(), 9);
}

#[tokio::test]
async fn who_loads_alone_because_an_error_cannot_be_shared_spends_too() {
    #[cache(key = "budget-alone:{id}", rate = "3/h", cache = world.cache)]
    async fn alone(world: &World, id: u32) -> Result<u64, Unshared> {
        let _ = id;
        world.source.read().await.map_err(|down| Unshared(down.into()))
    }
    let world = World::near_only();
    world.source.fail(true);
    world.source.gate.close();
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { alone(&world, 1).await })
        })
        .collect();
    eventually("all wait for one load", || world.cache.stats().total().joins == 4).await;
    world.source.gate.open();
    let mut spent = 0;
    for call in calls {
        spent += u32::from(is_refused(soon("a call", call).await.unwrap().map_err(|Unshared(failed)| failed)));
    }
    assert_eq!((spent, world.source.reads()), (2, 3));
}

#[tokio::test]
async fn configuration_changes_a_budget_without_a_new_build() {
    let name = read::site().name();
    let clock = cached_runtime::clock::Clock::manual();
    let told = |rate: Option<Rate>| {
        let world = World::near_only();
        let cache = Cache::builder().clock(clock.clone()).rate(name, rate).build().unwrap();
        World { cache, clock: clock.clone(), ..world }
    };
    let tight = told(Some("1/h".parse().unwrap()));
    read(&tight, 1).await.unwrap();
    assert!(is_refused(read(&tight, 2).await));
    let free = told(None);
    for id in 0..100 {
        read(&free, id).await.unwrap();
    }
    free.cache.set_rate(name, "5/s".parse::<Rate>().unwrap()).unwrap();
    for id in 100..105 {
        read(&free, id).await.unwrap();
    }
    assert!(is_refused(read(&free, 105).await));
    clock.advance(SECOND / 5);
    read(&free, 105).await.expect("one more after a fifth of a second");
}

#[cache(key = "budget-none:{id}")]
async fn without(id: u32) -> u32 {
    id
}

/// It could not tell its callers.
#[tokio::test]
async fn a_function_without_a_rate_is_given_none_by_configuration() {
    let rate: Rate = "1/s".parse().unwrap();
    for name in [without::site().name(), "nobody"] {
        let refused = [
            Cache::builder().rate(name, rate).build().unwrap_err(),
            Cache::builder().build().unwrap().set_rate(name, rate).unwrap_err(),
        ];
        for error in refused {
            assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some("rate")), "{error}");
            assert_eq!(error.context("site"), Some(name));
        }
    }
    assert_eq!(without(7).await, 7);
}
