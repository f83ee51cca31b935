//! A load that hangs ends at its timeout, frees its key, and is seen in the statistics for as long as it hangs.

use std::time::Duration;

use cached_runtime::{ErrorKind, cache};

use crate::failed::{Failed, Unshared};
use crate::rig::{Down, World, soon};
use crate::shelf::eventually;

const SECOND: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_hung_load_ends_at_its_timeout_and_frees_its_key() {
    #[cache(key = "stale-hard:{id}", timeout = "20ms", ttl = "10s", stale = "1m", jitter = 0, cache = world.cache)]
    async fn hard(world: &World, id: u32) -> Result<u64, Failed> {
        let _ = id;
        world.source.read().await.map_err(|Down| Failed::Source)
    }
    let world = World::near_only();
    world.source.gate.close();
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { hard(&world, 1).await })
        })
        .collect();
    for call in calls {
        let error = soon("the timeout", call).await.unwrap().unwrap_err();
        assert!(error.is(ErrorKind::Timeout), "{error:?}");
    }
    assert_eq!(world.source.reads(), 1);
    world.source.gate.open();
    assert_eq!(hard(&world, 1).await.unwrap(), 0);
    world.source.gate.close();
    world.clock.advance(SECOND * 11);
    assert_eq!(soon("the old value", hard(&world, 1)).await.unwrap(), 0);
    assert_eq!(world.cache.stats().site("hard").unwrap().timeouts, 2);
    world.source.gate.open();
    world.source.fail(true);
    assert!(matches!(hard(&world, 2).await.unwrap_err(), Failed::Source));
}

/// L4: what watches the statistics sees a load that hangs, for as long as it hangs.
#[tokio::test(start_paused = true)]
async fn l4_the_age_of_a_load_that_hangs_is_told_until_its_timeout() {
    #[cache(key = "stale-aged:{id}", timeout = "10s", ttl = "1h", tags = ["aged"], cache = world.cache)]
    async fn aged(world: &World, id: u32) -> Result<u64, Failed> {
        let _ = id;
        world.source.read().await.map_err(|Down| Failed::Source)
    }
    let world = World::near_only();
    let age = || world.cache.stats().site("aged").map_or(0.0, |site| site.oldest_load_seconds);
    let call = |id| {
        let world = world.clone();
        tokio::spawn(async move { aged(&world, id).await })
    };
    aged(&world, 0).await.unwrap();
    world.clock.advance(SECOND);
    assert_eq!(age(), 0.0, "nothing is under way");
    world.source.gate.close();
    let first = call(1);
    world.source.gate.arrived(2).await;
    world.clock.advance(SECOND * 3);
    assert_eq!(age(), 3.0);
    let second = call(2);
    world.source.gate.arrived(3).await;
    // Nobody finds the first load any more, and still it hangs.
    world.cache.invalidate_tags(["aged"]).await;
    let third = call(1);
    world.source.gate.arrived(4).await;
    world.clock.advance(MS * 500);
    assert_eq!(age(), 3.5, "the oldest, by the cache's clock");
    assert_eq!(world.cache.stats().total().oldest_load_seconds, 3.5);
    assert!(world.cache.stats().to_string().contains(" 3.5 "), "{}", world.cache.stats());
    for call in [first, second, third] {
        let error = soon("the timeout", call).await.unwrap().unwrap_err();
        assert!(error.is(ErrorKind::Timeout), "{error:?}");
    }
    assert_eq!((age(), world.cache.stats().site("aged").unwrap().timeouts), (0.0, 3), "all have ended");
    world.source.gate.open();
    assert_eq!(aged(&world, 1).await.unwrap(), 0, "the key is used afterwards");
}

/// L4: also a load for one caller alone, whom no other can join.
#[tokio::test]
async fn l4_a_load_for_one_caller_alone_is_told_too() {
    #[cache(key = "stale-lonely:{id}", ttl = "1h", cache = world.cache)]
    async fn lonely(world: &World, id: u32) -> Result<u64, Down> {
        let _ = id;
        world.source.read().await
    }
    let world = World::near_only();
    let age = || world.cache.stats().site("lonely").map_or(0.0, |site| site.oldest_load_seconds);
    world.source.fail(true);
    world.source.gate.close();
    let calls: Vec<_> = (0..2)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { lonely(&world, 1).await })
        })
        .collect();
    eventually("the second waits for the first", || world.cache.stats().total().joins == 1).await;
    // The error cannot be shared: the one who waited loads for itself.
    world.source.gate.release();
    world.source.gate.arrived(2).await;
    world.clock.advance(SECOND * 2);
    assert_eq!(age(), 2.0);
    world.source.gate.open();
    for call in calls {
        assert_eq!(soon("a caller", call).await.unwrap(), Err(Down));
    }
    assert_eq!(age(), 0.0);
}

/// The timeout holds for those too who load for themselves, because another's error could not be shared.
#[tokio::test]
async fn who_loads_alone_is_bounded_by_the_timeout_too() {
    #[cache(key = "stale-alone:{id}", timeout = "300ms", cache = world.cache)]
    async fn alone(world: &World, id: u32) -> Result<u64, Unshared> {
        let _ = id;
        if world.source.reads() == 0 {
            world.source.fail(true);
            return world.source.read().await.map_err(|Down| Unshared(Failed::Source));
        }
        std::future::pending().await
    }
    let world = World::near_only();
    world.source.gate.close();
    let call = || {
        let world = world.clone();
        tokio::spawn(async move { alone(&world, 1).await })
    };
    let (first, second) = (call(), call());
    eventually("the second has joined", || world.cache.stats().total().joins == 1).await;
    world.source.gate.open();
    assert!(matches!(soon("the first", first).await.unwrap(), Err(Unshared(Failed::Source))));
    let error = soon("the second", second).await.unwrap().unwrap_err();
    assert!(error.0.is(ErrorKind::Timeout), "{error:?}");
}
