//! Functions that are warmed for what they are asked for most, also before a restart.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::testing::{Lie, Operation};
use cached_runtime::tier::Tier;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::warmup::Ended;
use cached_runtime::{KeyPart, ReadPart, cache, warmup};

use super::House;
use crate::rig::{LONG, World};
use crate::shelf::eventually;

/// Values of it end with the process: what is warmed is loaded, and can be counted.
#[warmup(hot = 20)]
#[cache(local, ttl = "1d", skip(house), cache = house.cache())]
async fn hottest(house: &House, id: u32) -> String {
    house.ask(id).await
}

/// What outlives a process.
struct Place {
    tier: Arc<dyn Tier>,
    clock: Clock,
}

impl Place {
    fn new() -> Self {
        Self { tier: Arc::new(MemoryTier::new()), clock: Clock::manual() }
    }

    /// A node here.
    fn node(&self) -> House {
        House { world: World::over_at(Arc::clone(&self.tier), &self.clock), ..House::new() }
    }

    /// A node with a secret of its own.
    fn keyed(&self, secret: [u8; 16]) -> House {
        let world = World::built(Arc::clone(&self.tier), self.clock.clone(), |builder| builder.key_secret(secret));
        House { world, ..House::new() }
    }

    /// A hundredth of a second passes: few calls are made here in one.
    fn tick(&self) {
        self.clock.advance(Duration::from_millis(10));
    }

    /// A node that was asked this, and ended.
    async fn asked(&self, job: &str, calls: impl AsyncFn(&House)) {
        let house = self.node();
        let warmer = house.warmup(&[job]).run().await.unwrap();
        calls(&house).await;
        warmer.shutdown().await;
        house.cache().flush(LONG).await;
    }
}

#[tokio::test]
async fn after_a_restart_what_was_asked_for_most_is_there_and_comes_first() {
    let place = Place::new();
    place
        .asked("hot.hottest", async |house| {
            for round in 0..30 {
                for id in 0..40 {
                    // The first ten are asked for always, the others now and then.
                    if id < 10 || (round + id) % 10 == 0 {
                        hottest(house, id).await;
                        place.tick();
                    }
                }
            }
        })
        .await;
    let house = place.node();
    let warmer = house.warmup(&["hot.hottest"]).loads(10).run().await.unwrap();
    let report = warmer.report();
    let asked: BTreeSet<u32> = house.asked().iter().map(|id| id.parse().unwrap()).collect();
    assert_eq!(asked, (0..10).collect(), "{report}");
    let job = &report.jobs[0];
    assert_eq!((job.loads, job.left, &job.ended), (10, 10, &Ended::Spent), "twenty at most, and ten of them\n{report}");
    for id in 0..10 {
        hottest(&house, id).await;
    }
    assert_eq!(house.asked().len(), 10, "they are there");
    let warmed = warmer.report().jobs[0].warmed;
    assert_eq!((warmed.brought, warmed.used, warmed.wasted), (10, 10, 0));
}

/// Which of a thousand calls answered near, of a node that began warm and of one that did not.
#[tokio::test]
#[allow(clippy::print_stdout, reason = "the share is there to be read")]
async fn a_warm_start_answers_most_of_the_first_thousand_requests() {
    let mut seed = 7_u64;
    // A few ids get most of the calls: the square of a number from 0 up to 1.
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let part = (seed >> 40) as f64 / (1_u64 << 24) as f64;
        (part.powi(8) * 5_000.0) as u32
    };
    let before: Vec<u32> = (0..20_000).map(|_| next()).collect();
    let first: Vec<u32> = (0..1_000).map(|_| next()).collect();
    let place = Place::new();
    place
        .asked("hot.thousand", async |house| {
            for &id in &before {
                thousand(house, id).await;
                place.tick();
            }
        })
        .await;
    let mut loads = [0, 0];
    for (loads, warm) in loads.iter_mut().zip([false, true]) {
        let house = place.node();
        let warmer = house.warmup(&["hot.thousand"]);
        let _warmer = if warm { Some(warmer.run().await.unwrap()) } else { None };
        let warmed = house.asked().len();
        for &id in &first {
            thousand(&house, id).await;
        }
        *loads = house.asked().len() - warmed;
    }
    let [cold, warm] = loads.map(|loads| 100.0 - loads as f64 / 10.0);
    println!("of the first 1,000 requests after a restart near answers {cold:.1} % cold, {warm:.1} % warm");
    // With a thousand of five thousand ids nobody could have more than 82.
    assert!(warm >= 76.0 && cold <= 62.0, "{cold} cold, {warm} warm");
}

#[warmup(hot = 1000)]
#[cache(local, ttl = "1d", skip(house), cache = house.cache())]
async fn thousand(house: &House, id: u32) -> String {
    house.ask(id).await
}

#[tokio::test]
async fn hits_count_as_loads_do() {
    let place = Place::new();
    place
        .asked("hot.hottest", async |house| {
            for id in 0..40 {
                hottest(house, id).await;
            }
            // Hits, so that whoever counts loads alone cannot tell.
            for _ in 0..1_000 {
                hottest(house, 33).await;
                place.tick();
            }
        })
        .await;
    let house = place.node();
    let _warmer = house.warmup(&["hot.hottest"]).loads(1).run().await.unwrap();
    assert_eq!(house.asked(), ["33"]);
}

#[derive(KeyPart, ReadPart, Debug, Clone, PartialEq, Eq, Hash)]
struct VideoId(String);

#[derive(KeyPart, ReadPart, Debug, Clone, PartialEq)]
enum Cut {
    Whole,
    From { second: u32, to: Option<u32> },
}

#[warmup(hot = 20)]
#[cache(key = "hot:{page}:{video}:{cut}:{lang}:{flags}", local, ttl = "1d", skip(house), cache = house.cache())]
async fn typed(house: &House, video: &VideoId, cut: Cut, lang: Option<&str>, page: i64, flags: &[bool]) -> String {
    house.ask(format!("{video:?} {cut:?} {lang:?} {page} {flags:?}")).await
}

#[tokio::test]
async fn arguments_come_back_as_they_were() {
    let place = Place::new();
    let before = place.node();
    let warmer = before.warmup(&["hot.typed"]).run().await.unwrap();
    let hostile = ["", "~", "~e", "(", ",", "a,b", "%2C", ":", "#", "ünï", "\u{0}", "()", "~~"];
    for text in hostile {
        let cut = Cut::From { second: 7, to: (text.len() == 1).then_some(9) };
        typed(&before, &VideoId(text.to_owned()), cut, Some(text), -1, &[true, false]).await;
    }
    typed(&before, &VideoId("x".to_owned()), Cut::Whole, None, i64::MIN, &[]).await;
    warmer.shutdown().await;
    before.cache().flush(LONG).await;
    let house = place.node();
    let warmer = house.warmup(&["hot.typed"]).run().await.unwrap();
    assert_eq!(house.counts(), before.counts(), "{}", warmer.report());
}

#[warmup(hot = 20)]
#[cache(batch = ids, local, ttl = "1d", skip(house), cache = house.cache())]
async fn several(house: &House, ids: &[u32]) -> Vec<Option<String>> {
    house.note(format!("{} ids", ids.len()));
    ids.iter().map(|id| Some(id.to_string())).collect()
}

#[tokio::test]
async fn a_batch_is_warmed_as_one() {
    let place = Place::new();
    place
        .asked("hot.several", async |house| {
            several(house, &[1, 2, 3]).await;
            several(house, &[3, 4]).await;
        })
        .await;
    let house = place.node();
    let warmer = house.warmup(&["hot.several"]).run().await.unwrap();
    assert_eq!(house.asked(), ["4 ids"], "{}", warmer.report());
}

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

#[warmup(hot = 20, every = "30m")]
#[cache(local, ttl = "10m", jitter = 0, skip(house), cache = house.cache())]
async fn often(house: &House, id: u32) -> String {
    house.ask(id).await
}

#[tokio::test]
async fn without_a_tier_and_while_it_runs_what_is_gone_comes_back_and_what_is_there_is_left() {
    let house = House { world: World::near_only(), ..House::new() };
    let warmer = house.warmup(&["hot.often"]).run().await.unwrap();
    often(&house, 1).await;
    house.clock().advance(Duration::from_secs(25 * 60));
    often(&house, 2).await;
    house.clock().advance(Duration::from_secs(5 * 60));
    eventually("told", || warmer.report().jobs.len() == 1).await;
    assert_eq!(house.asked(), ["1", "2", "1"], "{}", warmer.report());
    assert_eq!(warmer.report().jobs[0].done, 2);
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

#[warmup(hot = 20)]
#[cache(local, skip(house), cache = house.cache())]
async fn wordy(house: &House, text: &str) -> usize {
    house.note(text.len());
    text.len()
}

#[tokio::test]
async fn what_is_too_long_is_left_out_and_the_rest_is_kept() {
    let place = Place::new();
    place
        .asked("hot.wordy", async |house| {
            for length in [900, 1_100, 100_000, 5] {
                wordy(house, &"x".repeat(length)).await;
            }
        })
        .await;
    let house = place.node();
    let _warmer = house.warmup(&["hot.wordy"]).run().await.unwrap();
    let counts = house.counts();
    let warmed: Vec<_> = counts.keys().map(String::as_str).collect();
    assert_eq!(warmed, ["5", "900"]);
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
        .asked("hot.long_named", async |house| {
            for n in 0..1_500 {
                long_named(house, &named(n)).await;
                place.tick();
            }
        })
        .await;
    let house = place.node();
    let _warmer = house.warmup(&["hot.long_named"]).run().await.unwrap();
    assert!((700..1_500).contains(&house.asked().len()), "{}", house.asked().len());
}

#[warmup(hot = 20, skip(pin))]
#[cache(local, secret(pin), skip(house), cache = house.cache())]
async fn pinned(house: &House, pin: &u32, id: u32) -> String {
    house.ask(format!("{pin} {id}")).await
}

#[tokio::test]
async fn of_keys_of_several_tenants_a_job_warms_those_of_the_one_it_is_given_and_secrets_stay_hashed() {
    let place = Place::new();
    let keyed = || place.keyed([9; 16]);
    let before = keyed();
    let warmer = before.warmup(&["hot.pinned"]).with(1_u32).run().await.unwrap();
    for (pin, id) in [(1, 10), (2, 20), (2, 21), (1, 11)] {
        pinned(&before, &pin, id).await;
    }
    warmer.shutdown().await;
    before.cache().flush(LONG).await;
    let house = keyed();
    let _warmer = house.warmup(&["hot.pinned"]).with(2_u32).run().await.unwrap();
    assert_eq!(house.counts().into_keys().collect::<Vec<_>>(), ["2 20", "2 21"]);
    // The hash is that of the cache's own secret: who does not know it finds no key of a tenant.
    let stranger = place.node();
    let _warmer = stranger.warmup(&["hot.pinned"]).with(2_u32).run().await.unwrap();
    assert!(stranger.asked().is_empty());
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
    let warmer = house.warmup(&["hot.once"]).run().await.unwrap();
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
