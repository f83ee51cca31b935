//! When jobs run: by a clock that is moved by hand.

use std::time::Duration;

use cached_runtime::{cache, warmup};

use super::House;
use crate::shelf::eventually;

#[warmup(args = [1, 2], every = "30m", on_start)]
#[cache(ttl = "2h", skip(house), cache = house.cache())]
async fn again(house: &House, id: u32) -> String {
    house.ask(id).await
}

async fn moved(house: &House, by: Duration, asked: usize) {
    house.clock().advance(by);
    eventually(&format!("asked {asked} times"), || house.asked().len() == asked).await;
}

#[tokio::test]
async fn every_so_often_values_are_loaded_anew() {
    let house = House::new();
    let warmer = house.warmup(&["times.again"]).run().await.unwrap();
    assert_eq!(house.asked().len(), 2);
    house.clock().advance(Duration::from_secs(29 * 60));
    tokio::task::yield_now().await;
    assert_eq!(house.asked().len(), 2, "not yet");
    moved(&house, Duration::from_secs(60), 4).await;
    moved(&house, Duration::from_secs(30 * 60), 6).await;
    // What was missed while nobody looked is not made up for.
    moved(&house, Duration::from_secs(10 * 30 * 60), 8).await;
    warmer.shutdown().await;
    house.clock().advance(Duration::from_secs(3_600));
    tokio::task::yield_now().await;
    assert_eq!(house.asked().len(), 8, "it has ended");
}

#[warmup(every = "1m")]
async fn later(house: &House) {
    house.ask("later").await;
}

#[tokio::test]
async fn a_run_that_takes_longer_delays_the_next() {
    let house = House::new();
    house.gate.close();
    let warmer = house.warmup(&["times.later"]).run().await.unwrap();
    assert!(warmer.report().jobs.is_empty(), "nothing at the start");
    moved(&house, Duration::from_secs(60), 1).await;
    house.clock().advance(Duration::from_secs(150));
    tokio::task::yield_now().await;
    assert_eq!(house.asked().len(), 1, "never two runs of one job at a time");
    house.gate.open();
    eventually("it has come to its end", || !warmer.report().jobs.is_empty()).await;
    moved(&house, Duration::from_secs(60), 2).await;
}

#[warmup(cron = "0 6 * * MON-FRI")]
async fn mornings(house: &House) {
    house.ask("good morning").await;
}

#[tokio::test]
async fn cron_says_when() {
    let house = House::new();
    // A Friday, 5:59 in UTC.
    house.clock().set(1_000_447_140_000);
    let warmer = house.warmup(&["times.mornings"]).run().await.unwrap();
    moved(&house, Duration::from_secs(60), 1).await;
    eventually("told", || warmer.report().jobs.len() == 1).await;
    house.clock().advance(Duration::from_secs(2 * 24 * 3_600));
    tokio::task::yield_now().await;
    assert_eq!(house.asked().len(), 1, "not on Sunday");
    moved(&house, Duration::from_secs(24 * 3_600), 2).await;
}

#[warmup(args = 0..50, spread = "30m")]
#[cache(ttl = "1h", jitter = 0, skip(house), cache = house.cache())]
async fn spread(house: &House, id: u32) -> String {
    house.ask(id).await
}

#[warmup(args = 0..50)]
#[cache(ttl = "1h", jitter = 0, skip(house), cache = house.cache())]
async fn together(house: &House, id: u32) -> String {
    house.ask(id).await
}

/// How many of fifty are still there after so many minutes.
async fn living(house: &House, minutes: u64, spread_out: bool) -> usize {
    house.clock().advance(Duration::from_secs(minutes * 60));
    let mut there = 0;
    for id in 0..50 {
        let found = if spread_out { spread::peek(house, id).await } else { together::peek(house, id).await };
        there += usize::from(found.is_some());
    }
    there
}

#[tokio::test]
async fn what_is_warmed_together_does_not_end_together() {
    let house = House::new();
    house.warmup(&["times.spread", "times.together"]).run().await.unwrap().shutdown().await;
    assert_eq!(living(&house, 29, true).await, 50, "half its life at least");
    let some = living(&house, 16, true).await;
    assert!((10..40).contains(&some), "{some} of 50 after 45 minutes");
    assert_eq!(living(&house, 0, false).await, 50, "control: without it they all live on");
    assert_eq!((living(&house, 16, true).await, living(&house, 0, false).await), (0, 0), "and end at once");
}

#[warmup(on_start, every = "1m")]
async fn slow_start(house: &House) {
    house.ask("slow start").await;
}

#[tokio::test]
async fn the_start_and_the_first_time_are_not_at_once() {
    let house = House::new();
    house.gate.close();
    let warmer = house.warmup(&["slow_start"]).start().unwrap();
    eventually("it has begun", || house.asked().len() == 1).await;
    house.clock().advance(Duration::from_secs(61));
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.asked().len(), 1, "the start is not over");
    house.gate.open();
    eventually("then it is time", || house.asked().len() == 2).await;
    assert!(warmer.ready().await);
}
