//! Jobs that fail, panic, never end or lack something: each for itself.

use std::fmt;
use std::time::Duration;

use cached_runtime::each::EachProgress;
use cached_runtime::warmup::Ended;
use cached_runtime::{cache, warmup};

use super::House;
use crate::rig::soon;
use crate::shelf::eventually;

#[warmup]
async fn well(house: &House) {
    house.ask("well").await;
}

struct Missing;

#[warmup(priority = 9)]
async fn lacks(_missing: &Missing) {}

#[warmup(priority = 8, args_from = none()?, skip(house))]
async fn no_args(house: &House, _id: u32) {
    house.ask("never").await;
}

fn none() -> Result<Vec<u32>, fmt::Error> {
    Err(fmt::Error)
}

fn falls() -> Vec<u32> {
    panic!("over its own feet")
}

#[warmup(priority = 7, args_from = falls)]
async fn falls_over(_id: u32) {}

#[warmup(args = 0..5, priority = 6, skip(house))]
async fn fails(house: &House, id: u32) -> Result<(), String> {
    house.ask(id).await;
    match id {
        1 => Err("one is not to be had".to_owned()),
        2 => panic!("at two"),
        _ => Ok(()),
    }
}

#[warmup(args = [1], retries = 2, skip(house))]
async fn again(house: &House, id: u32) -> Result<(), String> {
    house.ask(id).await;
    if house.asked().len() < 3 { Err("not yet".to_owned()) } else { Ok(()) }
}

#[tokio::test]
async fn what_goes_wrong_is_told_and_stops_nothing() {
    let house = House::new();
    let jobs = ["lacks", "no_args", "falls_over", "fails", "well"].map(|job| format!("trouble.{job}"));
    let warmup = house.cache().warmup().with(house.clone()).silent().only(jobs);
    let warmer = soon("the start", warmup.run()).await.unwrap();
    let report = warmer.report();
    let ended = |job: &str| report.job(job).unwrap().ended.clone();
    let Ended::Unready(why) = ended("lacks") else { panic!("{report}") };
    assert_eq!(why, "nobody gave its `_missing`: add `.with(..)` of a `&Missing` to the warm-up");
    let Ended::Unready(why) = ended("no_args") else { panic!("{report}") };
    assert!(why.starts_with("its `args_from` failed"), "{why}");
    assert_eq!(ended("falls_over"), Ended::Panicked("over its own feet".to_owned()));
    let fails = report.job("fails").unwrap();
    assert_eq!((fails.done, fails.failed, &fails.ended), (3, 2, &Ended::Done));
    assert_eq!(fails.failures, ["one is not to be had", "it panicked: at two"]);
    assert!(report.job("well").unwrap().is_well() && !report.is_well());
    assert!(house.asked().contains(&"well".to_owned()));
    let table = report.to_string();
    assert!(table.contains("could not begin: nobody gave") && table.contains("5 jobs in"), "{table}");
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again() {
    let house = House::new();
    let warmer = house.warmup(&["trouble.again"]).run().await.unwrap();
    assert_eq!((warmer.report().jobs[0].done, house.asked().len()), (1, 3));
}

#[warmup(args = [1, 2], deadline = "1m", priority = 99, concurrency = 1, skip(house))]
async fn hangs(house: &House, id: u32) {
    house.note(id);
    if id == 2 {
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
async fn a_job_that_never_ends_keeps_no_other_from_its_end() {
    let house = House::new();
    let warmer = house.warmup(&["hangs", "well"]).at_once(1).start().unwrap();
    eventually("it hangs", || house.asked() == ["1", "2"]).await;
    house.clock().advance(Duration::from_secs(31));
    eventually("others go on", || warmer.report().job("well").is_some()).await;
    house.clock().advance(Duration::from_secs(30));
    soon("the deadline", warmer.ready()).await;
    let report = warmer.report();
    let hangs = report.job("hangs").unwrap();
    assert_eq!((&hangs.ended, hangs.done), (&Ended::Deadline, 1), "what it has done stays done");
}

#[tokio::test]
async fn an_end_lets_calls_come_to_theirs_and_begins_no_more() {
    let house = House::new();
    house.gate.close();
    let warmer = house.warmup(&["slow"]).start().unwrap();
    eventually("two are under way", || house.asked().len() == 2).await;
    let gate = house.gate.clone();
    let opens = async {
        tokio::task::yield_now().await;
        gate.open();
    };
    let ((), ()) = soon("the end", async { tokio::join!(warmer.shutdown(), opens) }).await;
    assert_eq!(house.asked().len(), 2, "of ten");
    assert_eq!(house.cache().stats().site("slow").unwrap().loads, 2);
}

#[warmup(args = 0..10, concurrency = 2)]
#[cache(skip(house), cache = house.cache())]
async fn slow(house: &House, id: u32) -> String {
    house.ask(id).await
}

#[tokio::test]
async fn dropping_a_warm_up_ends_it() {
    let house = House::new();
    house.gate.close();
    let warmer = house.warmup(&["slow"]).start().unwrap();
    eventually("two are under way", || house.asked().len() == 2).await;
    drop(warmer);
    house.gate.open();
    // What somebody else may have joined meanwhile comes to its end by itself.
    eventually("what was under way is there", || house.cache().stats().site("slow").unwrap().loads == 2).await;
    tokio::task::yield_now().await;
    assert_eq!(house.asked().len(), 2);
}

#[tokio::test]
async fn a_caller_joins_what_is_being_warmed() {
    let house = House::new();
    house.gate.close();
    let warmer = house.warmup(&["slow"]).start().unwrap();
    eventually("two are under way", || house.asked().len() == 2).await;
    let caller = tokio::spawn({
        let house = house.clone();
        async move { slow(&house, 1).await }
    });
    eventually("it has joined", || house.cache().stats().site("slow").unwrap().joins == 1).await;
    house.gate.open();
    assert_eq!(soon("the caller", caller).await.unwrap(), "1");
    soon("the rest", warmer.ready()).await;
    assert_eq!(house.counts()["1"], 1, "no second load");
    let warmed = house.warmed("slow");
    assert_eq!((warmed.brought, warmed.late), (9, 1));
}

#[tokio::test]
async fn a_value_that_is_invalidated_while_it_is_warmed_does_not_come_back() {
    let house = House::new();
    house.gate.close();
    let warmer = house.warmup(&["slow"]).start().unwrap();
    eventually("two are under way", || house.asked().len() == 2).await;
    slow::remove(&house, 0).await;
    house.gate.open();
    soon("the start", warmer.ready()).await;
    assert_eq!(slow::peek(&house, 0).await, None);
    assert_eq!(slow::peek(&house, 1).await.as_deref(), Some("1"), "control");
}

#[warmup(priority = 3)]
async fn first(house: &House) {
    house.ask("first").await;
}

#[warmup(priority = -3)]
async fn last(house: &House) {
    house.ask("last").await;
}

#[tokio::test]
async fn jobs_begin_by_their_priority() {
    let house = House::new();
    let warmer = house.warmup(&["trouble.last", "trouble.well", "trouble.first"]).at_once(1).run().await.unwrap();
    assert_eq!(house.asked(), ["first", "well", "last"]);
    assert_eq!(warmer.jobs(), ["first", "well", "last"].map(|job| format!("it.warmup.trouble.{job}")));
}

#[tokio::test]
async fn progress_is_told() {
    let house = House::new();
    let (told, hears) = std::sync::mpsc::channel();
    let warmup = house.warmup(&["slow"]).on_progress(move |job, far: EachProgress| {
        told.send((job.to_owned(), far)).unwrap();
    });
    warmup.run().await.unwrap().shutdown().await;
    let heard: Vec<_> = hears.try_iter().collect();
    assert_eq!(heard.len(), 10);
    let (job, far) = heard.last().unwrap();
    assert_eq!(job, "it.warmup.trouble.slow");
    assert_eq!(*far, EachProgress { done: 10, total: Some(10), failed: 0 });
}

#[test]
fn outside_a_runtime_it_says_so() {
    let house = House::new();
    let refused = house.warmup(&["trouble.well"]).start().unwrap_err();
    assert!(refused.to_string().contains("runtime"), "{refused}");
    let refused = house.warmup(&["no such job"]).start().unwrap_err();
    assert!(refused.to_string().contains("there is no job of this name"), "{refused}");
}

#[warmup(priority = -9, args_from = noted(house), skip(house))]
async fn waits_for_its_turn(house: &House, id: u32) {
    house.ask(id).await;
}

fn noted(house: &House) -> Vec<u32> {
    house.note("asked for arguments");
    vec![1]
}

#[tokio::test]
async fn what_waits_for_its_turn_does_not_begin_after_the_end() {
    let house = House::new();
    house.gate.close();
    let warmer = house.warmup(&["slow", "waits_for_its_turn"]).at_once(1).start().unwrap();
    eventually("two are under way", || house.asked().len() == 2).await;
    let gate = house.gate.clone();
    let opens = async {
        tokio::task::yield_now().await;
        gate.open();
    };
    soon("the end", async { tokio::join!(warmer.shutdown(), opens) }).await;
    assert!(!house.asked().contains(&"asked for arguments".to_owned()), "{:?}", house.asked());
}
