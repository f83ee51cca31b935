//! What a job calls, and with what.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use cached_runtime::{cache, warmup};

use super::House;

#[warmup(args = ["intro", "outro"])]
#[cache(key = "warm-frames:{id}", skip(house), cache = house.cache())]
async fn frames(house: &House, id: &str) -> String {
    house.ask(id).await
}

#[tokio::test]
async fn what_was_warmed_is_there_when_somebody_asks() {
    let house = House::new();
    let warmer = house.warmup(&["called.frames"]).run().await.unwrap();
    let report = warmer.report();
    let job = report.job("frames").unwrap();
    assert_eq!((job.done, job.failed, job.left, job.loads), (2, 0, 0, 2), "{report}");
    assert!(job.is_well() && job.bytes > 0, "{report}");
    assert_eq!(job.job, "it.warmup.called.frames");
    let before = house.cache().stats();
    assert_eq!(before.site("frames").unwrap().misses, 0, "who warms does not ask");
    assert_eq!(frames(&house, "intro").await, "intro");
    assert_eq!(frames(&house, "intro").await, "intro");
    assert_eq!(house.asked(), ["intro", "outro"]);
    let after = house.cache().stats();
    let site = after.site("frames").unwrap();
    assert_eq!((site.hits, site.misses, site.loads), (2, 0, 2));
    let warmed = house.warmed("frames");
    assert_eq!((warmed.brought, warmed.used, warmed.late, warmed.wasted), (2, 1, 0, 0));
    house.cache().clear().await;
    assert_eq!(house.warmed("frames").wasted, 1, "one was asked for, the other never");
}

#[tokio::test]
async fn what_a_tier_has_is_brought_without_a_load() {
    let house = House::new();
    frames(&house, "intro").await;
    house.world.settle().await;
    house.cache().set_near_capacity(0);
    house.cache().set_near_capacity(1 << 20);
    let warmer = house.warmup(&["called.frames"]).run().await.unwrap();
    let report = warmer.report();
    assert_eq!((report.jobs[0].done, report.jobs[0].loads), (2, 1), "{report}");
    assert_eq!(house.counts()["intro"], 1);
    frames(&house, "intro").await;
    assert_eq!(house.warmed("frames").used, 1);
}

async fn popular(house: &House) -> Result<Vec<(u32, String)>, Infallible> {
    house.note("popular");
    Ok(vec![(1, "en".to_owned()), (2, "de".to_owned())])
}

fn all() -> impl Iterator<Item = (u32, &'static str, Option<&'static str>)> {
    (1..4).map(|video| (video, "en", None))
}

#[warmup(args_from = all, name = "captions-of-all")]
#[cache(skip(house), cache = house.cache())]
async fn captions_of_all(house: House, video: u32, lang: &str, note: Option<&str>) -> String {
    assert!(note.is_none());
    house.ask(format!("{video} {lang}")).await
}

#[tokio::test]
async fn arguments_are_asked_for_when_the_job_runs() {
    let house = House::new();
    let warmer = house.warmup(&["captions-of-all"]).run().await.unwrap();
    assert_eq!(warmer.report().jobs[0].done, 3);
    captions_of_all(house.clone(), 3, "en", None).await;
    let mut asked = house.asked();
    asked.sort();
    assert_eq!(asked, ["1 en", "2 en", "3 en"]);
}

#[warmup(args_from = popular(house).await?, name = "pairs")]
#[cache(skip(house), cache = house.cache())]
async fn pairs(video: u32, house: &House, lang: &str) -> Result<String, Infallible> {
    Ok(house.ask(format!("{video} {lang}")).await)
}

#[tokio::test]
async fn arguments_are_asked_of_what_was_given() {
    let house = House::new();
    house.warmup(&["pairs"]).run().await.unwrap().shutdown().await;
    assert_eq!(pairs(2, &house, "de").await.unwrap(), "2 de");
    assert_eq!(house.asked(), ["popular", "1 en", "2 de"]);
}

#[warmup(args = 0..250)]
#[cache(batch = ids, max_batch = 100, skip(house), cache = house.cache())]
async fn titles(house: &House, ids: &[u32]) -> HashMap<u32, String> {
    house.note(ids.len());
    ids.iter().map(|id| (*id, id.to_string())).collect()
}

#[tokio::test]
async fn a_batch_is_warmed_in_batches() {
    let house = House::new();
    let warmer = house.warmup(&["called.titles"]).run().await.unwrap();
    let report = warmer.report();
    assert_eq!((report.jobs[0].done, report.jobs[0].loads), (3, 3), "{report}");
    let mut asked = house.asked();
    asked.sort();
    assert_eq!(asked, ["100", "100", "50"]);
    assert_eq!(titles(&house, &[3, 249]).await.len(), 2);
    assert_eq!(house.asked().len(), 3);
    let warmed = house.warmed("titles");
    assert_eq!((warmed.brought, warmed.used), (250, 2));
}

#[warmup(args = [3, 4])]
#[cache(skip(house), cache = house.cache())]
fn squares(house: &House, n: u64) -> u64 {
    house.note(n);
    n * n
}

#[warmup(name = "blocks")]
#[allow(clippy::needless_pass_by_value, reason = "a job may be given things by value")]
fn blocks(house: &House, other: Arc<str>) -> Result<(), String> {
    house.note(&other);
    Ok(())
}

#[tokio::test]
async fn functions_that_block_are_called_where_they_may() {
    let house = House::new();
    let other: Arc<str> = "other".into();
    let warmer = house.warmup(&["called.squares", "blocks"]).with(other).run().await.unwrap();
    assert!(warmer.report().is_well(), "{}", warmer.report());
    assert_eq!(squares(&house, 4), 16);
    assert_eq!(house.counts(), [("3", 1), ("4", 1), ("other", 1)].map(|(what, n)| (what.to_owned(), n)).into());
    assert_eq!(house.warmed("squares").used, 1);
}

struct Settings {
    what: &'static str,
}

#[warmup]
async fn reports(house: &House, settings: &Settings, cache: &cached_runtime::Cache) {
    assert_eq!(cache.stats().total().hits, 0);
    house.ask(settings.what).await;
}

#[tokio::test]
async fn a_job_of_its_own_is_given_what_it_takes() {
    let house = House::new();
    let warmer = house.warmup(&["called.reports"]).with(Arc::new(Settings { what: "reports" })).run().await.unwrap();
    assert!(warmer.report().is_well(), "{}", warmer.report());
    assert_eq!(house.asked(), ["reports"]);
    let again = warmer.run_job("reports").await.unwrap();
    assert_eq!((again.done, house.asked().len()), (1, 2), "and again whenever somebody wants it");
    assert!(warmer.run_job("no such job").await.is_err());
}
