//! What a warm-up may cost is a hard limit.

use std::time::Duration;

use cached_runtime::warmup::Ended;
use cached_runtime::{cache, warmup};

use super::House;
use crate::rig::soon;
use crate::shelf::eventually;

#[warmup(args = 0..100, concurrency = 7)]
#[cache(skip(house), cache = house.cache())]
async fn many(house: &House, id: u32) -> String {
    house.ask(id).await
}

#[warmup(args = 0..100, concurrency = 7, retries = 3)]
#[cache(skip(house), cache = house.cache())]
async fn failing(house: &House, id: u32) -> Result<String, String> {
    house.ask(id).await;
    Err("away".to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_source_is_asked_no_more_often_than_it_may() {
    for loads in [0, 1, 13, 150] {
        let house = House::new();
        let warmer = house.warmup(&["budgets.many", "budgets.failing"]).loads(loads).run().await.unwrap();
        let report = warmer.report();
        assert!(house.asked().len() as u64 <= loads, "{} of {loads}\n{report}", house.asked().len());
        assert_eq!(house.asked().len() as u64, loads, "and it is used\n{report}");
        assert!(report.jobs.iter().any(|job| job.ended == Ended::Spent), "{report}");
    }
}

#[tokio::test]
async fn what_is_there_costs_nothing() {
    let house = House::new();
    for id in 0..50 {
        many(&house, id).await;
    }
    let warmer = house.warmup(&["budgets.many"]).loads(10).run().await.unwrap();
    let report = warmer.report();
    assert_eq!((report.jobs[0].loads, house.asked().len()), (10, 60), "{report}");
    assert_eq!((report.jobs[0].done, report.jobs[0].left), (60, 40), "{report}");
}

#[tokio::test]
async fn memory_is_a_budget_too() {
    let house = House::new();
    let warmer = house.warmup(&["budgets.many"]).bytes(1_000).run().await.unwrap();
    let report = warmer.report();
    let job = &report.jobs[0];
    assert_eq!(job.ended, Ended::Spent);
    let each = job.bytes / job.loads;
    assert!(job.bytes >= 1_000 && job.bytes < 1_000 + 8 * each, "{report}");
}

#[tokio::test]
async fn when_the_time_is_over_no_call_begins() {
    let house = House::new();
    house.gate.close();
    let warmer = house.warmup(&["budgets.many"]).time(Duration::from_secs(60)).start().unwrap();
    eventually("seven are under way", || house.asked().len() == 7).await;
    house.clock().advance(Duration::from_secs(61));
    tokio::task::yield_now().await;
    house.gate.open();
    soon("the start", warmer.ready()).await;
    assert_eq!(house.asked().len(), 7);
    assert_eq!((warmer.report().jobs[0].done, warmer.report().jobs[0].left), (7, 93));
}

#[warmup(args = 0..100, concurrency = 3)]
#[cache(skip(house), cache = house.cache())]
fn blocking(house: &House, id: u32) -> String {
    house.note(id);
    id.to_string()
}

#[tokio::test]
async fn functions_that_block_are_paid_for_too() {
    let house = House::new();
    let warmer = house.warmup(&["budgets.blocking"]).loads(10).run().await.unwrap();
    assert_eq!((warmer.report().jobs[0].loads, house.asked().len()), (10, 10), "{}", warmer.report());
}

fn odd() -> impl Iterator<Item = u32> {
    (0..40).filter(|id| id % 2 == 1)
}

#[warmup(args_from = odd, concurrency = 1)]
#[cache(skip(house), cache = house.cache())]
async fn unknown_many(house: &House, id: u32) -> String {
    house.ask(id).await
}

#[tokio::test]
async fn that_something_was_left_is_told_also_where_nobody_knows_how_much() {
    let house = House::new();
    let warmer = house.warmup(&["unknown_many"]).loads(5).run().await.unwrap();
    let report = warmer.report();
    assert_eq!((&report.jobs[0].ended, report.jobs[0].done), (&Ended::Spent, 5), "{report}");
    let whole = house.warmup(&["unknown_many"]).loads(15).run().await.unwrap();
    assert_eq!((&whole.report().jobs[0].ended, whole.report().jobs[0].done), (&Ended::Done, 20), "{}", whole.report());
}

#[warmup(args = [1, 2])]
#[cache(skip(house), cache = house.cache(), prefetch(beside(house, id)))]
async fn leading(house: &House, id: u32) -> String {
    house.ask(id).await
}

#[cache(skip(house), cache = house.cache())]
async fn beside(house: &House, id: u32) -> String {
    house.ask(format!("beside {id}")).await
}

#[tokio::test]
async fn a_job_prefetches_nothing_beyond_its_budget() {
    let house = House::new();
    house.warmup(&["leading"]).loads(2).run().await.unwrap().shutdown().await;
    assert_eq!(house.asked(), ["1", "2"]);
    leading(&house, 1).await;
    eventually("who asks leads further", || house.asked().len() == 3).await;
}
