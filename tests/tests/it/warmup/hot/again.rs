//! What is warmed again while a node runs, and what is forgotten.

use std::time::Duration;

use cached_runtime::testing::Operation;
use cached_runtime::{cache, warmup};

use super::super::House;
use super::Place;
use crate::rig::{LONG, World};
use crate::shelf::eventually;

#[warmup(hot = 20, every = "30m")]
#[cache(local, ttl = "10m", jitter = 0, skip(house), cache = house.cache())]
async fn often(house: &House, id: u32) -> String {
    house.ask(id).await
}

#[tokio::test]
async fn without_a_tier_and_while_it_runs_what_is_gone_comes_back_and_what_is_there_is_left() {
    let house = House { world: World::near_only(), ..House::new() };
    let warmer = house.warmup(&["again.often"]).run().await.unwrap();
    often(&house, 1).await;
    house.clock().advance(Duration::from_secs(25 * 60));
    often(&house, 2).await;
    house.clock().advance(Duration::from_secs(5 * 60));
    eventually("told", || warmer.report().jobs.len() == 1).await;
    assert_eq!(house.asked(), ["1", "2", "1"], "{}", warmer.report());
    assert_eq!(warmer.report().jobs[0].done, 2);
}

#[warmup(hot = 20, every = "30m")]
#[cache(local, ttl = "10m", jitter = 0, tags = ["once"], skip(house), cache = house.cache())]
async fn once(house: &House, id: u32) -> String {
    house.ask(id).await
}

#[tokio::test]
async fn what_nobody_asks_for_any_more_is_warmed_no_more() {
    let place = Place::new();
    let house = place.node();
    let warmer = house.warmup(&["again.once"]).run().await.unwrap();
    once(&house, 1).await;
    for run in 1..=20 {
        place.clock.advance(Duration::from_secs(30 * 60));
        eventually("it has run", || warmer.report().job("once").is_some_and(|job| job.loads > 0) || run > 11).await;
        tokio::task::yield_now().await;
    }
    let asked = house.asked().len();
    assert!((2..=14).contains(&asked), "once by somebody, and for six hours each half hour: {asked}");
    let misses = house.cache().stats().site("once").unwrap().misses;
    assert_eq!(misses, 1, "a job misses nothing");
    house.cache().invalidate_tags(["once"]).await;
    once(&house, 1).await;
    house.cache().invalidate_tags(["once"]).await;
    warmer.run_job("once").await.unwrap();
    assert_eq!(house.cache().stats().site("once").unwrap().misses, 2, "also of what was invalidated");
}

#[warmup(hot = 20, name = "daily")]
#[cache(local, ttl = "30m", jitter = 0, skip(house), cache = house.cache())]
async fn daily(house: &House, id: u32) -> String {
    house.ask(id).await
}

/// Twenty ids by day and twenty others by night.
fn wanted_at(hour: u64) -> u32 {
    if (8..18).contains(&(hour % 24)) { 0 } else { 100 }
}

#[tokio::test]
async fn where_days_are_alike_what_the_next_hours_want_is_there_before_them() {
    const HOUR: u64 = 3_600_000;
    let place = Place::new();
    // Midnight in UTC.
    place.clock.set(1_000_000 * 24 * HOUR);
    let house = place.node();
    let warmer = house.warmup(&["daily"]).run().await.unwrap();
    for hour in 0..4 * 24 {
        let begun = place.clock.now();
        for n in 0..60 {
            daily(&house, wanted_at(hour) + n % 20).await;
            place.tick();
        }
        let kept = house.world.chaos.counts(Operation::Put).calls;
        // Two seconds into the next hour, so that this one is over.
        place.clock.set(begun + HOUR + if hour == 0 { 2_000 } else { 0 });
        eventually("it is kept", || house.world.chaos.counts(Operation::Put).calls > kept).await;
        house.cache().flush(LONG).await;
    }
    let noted = house.cache().stats().site("daily").unwrap().noted;
    assert!(noted.daily && noted.foreseen_by_hour > noted.foreseen_by_recency, "{noted:?}");
    // It is midnight again; at five to eight the night's are what was asked for lately.
    place.clock.advance(Duration::from_millis(8 * HOUR - 300_000));
    let before = house.asked().len();
    let report = warmer.run_job("daily").await.unwrap();
    let asked = house.asked().split_off(before);
    let of_the_day = asked.iter().filter(|id| id.parse::<u32>().unwrap() < 100).count();
    assert!(of_the_day >= 18, "{of_the_day} of {asked:?}\n{report:?}");
    warmer.shutdown().await;
}
