//! What is kept in tiers of what was asked for: by several nodes, in time, and where tiers fail.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::testing::{Lie, Operation};
use cached_runtime::tier::Tier;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::warmup::Ended;
use cached_runtime::{cache, warmup};

use super::super::House;
use super::{Place, hottest};
use crate::rig::{LONG, World};
use crate::shelf::eventually;

#[tokio::test]
async fn nodes_that_share_a_tier_share_the_log() {
    let place = Place::new();
    let nodes = [place.node(), place.node()];
    let mut warmers = Vec::new();
    for (node, ids) in nodes.iter().zip([0..5, 5..10]) {
        warmers.push(node.warmup(&["hot.hottest"]).run().await.unwrap());
        for id in ids {
            hottest(node, id).await;
        }
    }
    for (node, warmer) in nodes.iter().zip(warmers) {
        warmer.shutdown().await;
        node.cache().flush(LONG).await;
    }
    let house = place.node();
    let _warmer = house.warmup(&["hot.hottest"]).run().await.unwrap();
    assert_eq!(house.counts().len(), 10);
}

#[tokio::test]
async fn nodes_share_it_also_below_tiers_of_their_own() {
    let place = Place::new();
    let node = || {
        let common = Arc::clone(&place.tier);
        let own: Arc<dyn Tier> = Arc::new(MemoryTier::new());
        House { world: World::built(own, place.clock.clone(), |builder| builder.tier(common)), ..House::new() }
    };
    let nodes = [node(), node()];
    for minute in 0..2 {
        for (first, house) in nodes.iter().enumerate() {
            // Begun anew each time, so that each has kept its own before it reads that of the other.
            let warmer = house.warmup(&["hot.hottest"]).run().await.unwrap();
            hottest(house, first as u32 * 10 + minute).await;
            warmer.shutdown().await;
            house.cache().flush(LONG).await;
        }
    }
    let house = node();
    let _warmer = house.warmup(&["hot.hottest"]).run().await.unwrap();
    assert_eq!(house.counts().into_keys().collect::<Vec<_>>(), ["0", "1", "10", "11"]);
}

#[tokio::test]
async fn the_log_is_kept_each_minute_so_that_a_process_that_dies_loses_no_more() {
    let place = Place::new();
    let before = place.node();
    let warmer = before.warmup(&["hot.hottest"]).run().await.unwrap();
    hottest(&before, 1).await;
    before.clock().advance(Duration::from_secs(61));
    eventually("it is kept", || before.world.chaos.counts(Operation::Put).calls > 0).await;
    drop(warmer);
    let house = place.node();
    let _warmer = house.warmup(&["hot.hottest"]).run().await.unwrap();
    assert_eq!(house.asked(), ["1"]);
}

#[tokio::test]
async fn a_tier_that_cannot_be_read_is_said_stops_no_start_and_forgets_nothing() {
    let place = Place::new();
    place.asked("hot.hottest", async |house| drop(hottest(house, 1).await)).await;
    let house = place.node();
    house.world.chaos.fail(Operation::Get, 1.0);
    let warmer = house.warmup(&["hot.hottest"]).run().await.unwrap();
    let ended = &warmer.report().jobs[0].ended;
    assert!(matches!(ended, Ended::Unready(why) if why.contains("cannot be read")), "{ended:?}");
    hottest(&house, 2).await;
    house.clock().advance(Duration::from_secs(61));
    let minute = house.world.chaos.counts(Operation::Get).calls;
    eventually("a minute is over", || house.world.chaos.counts(Operation::Get).calls > minute).await;
    house.world.chaos.calm();
    // It can be read again: what was kept is known, beside what was asked meanwhile.
    house.clock().advance(Duration::from_secs(120));
    let ready = async || warmer.run_job("hottest").await.unwrap().ended == Ended::Done;
    assert!(
        ready().await || {
            house.clock().advance(Duration::from_secs(120));
            ready().await
        },
        "{}",
        warmer.report()
    );
    assert_eq!(house.asked(), ["2", "1"]);
    warmer.shutdown().await;
    house.cache().flush(LONG).await;
    let next = place.node();
    let _warmer = next.warmup(&["hot.hottest"]).run().await.unwrap();
    assert_eq!(next.counts().len(), 2);
}

#[tokio::test]
async fn what_a_tier_holds_that_is_no_log_is_no_reason_not_to_start() {
    let place = Place::new();
    place.asked("hot.hottest", async |house| drop(hottest(house, 1).await)).await;
    let house = place.node();
    house.world.chaos.lie(Lie::Flip, 1.0);
    let warmer = house.warmup(&["hot.hottest"]).run().await.unwrap();
    assert!(house.asked().is_empty(), "{}", warmer.report());
}

#[warmup(hot = 2000)]
#[cache(local, skip(house), cache = house.cache())]
async fn long_named(house: &House, text: &str) -> usize {
    house.note(text.len());
    text.len()
}

#[tokio::test]
async fn of_a_log_that_is_larger_than_a_value_may_be_the_hottest_are_kept() {
    let place = Place::new();
    let named = |n: usize| format!("{n:0>600}");
    place
        .asked("kept.long_named", async |house| {
            for n in 0..1_500 {
                long_named(house, &named(n)).await;
                place.tick();
            }
        })
        .await;
    let house = place.node();
    let _warmer = house.warmup(&["kept.long_named"]).run().await.unwrap();
    assert!((700..1_500).contains(&house.asked().len()), "{}", house.asked().len());
}
