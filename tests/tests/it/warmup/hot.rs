//! Functions that are warmed for what they are asked for most, also before a restart.

mod again;
mod arguments;
mod kept;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::tier::Tier;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::warmup::Ended;
use cached_runtime::{cache, warmup};

use super::House;
use crate::rig::{LONG, World};

/// Another one of the same name, which is not warmed.
#[derive(Clone)]
struct Shadow;

impl Shadow {
    #[cache(local, name = "hot.shadow", skip(self))]
    async fn hottest(&self, id: u32) -> u32 {
        id
    }
}

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

#[tokio::test]
async fn a_method_of_the_same_name_is_another_one() {
    let place = Place::new();
    let call = async |house: &House| {
        assert_eq!(Shadow.hottest(1).await, 1);
        hottest(house, 2).await;
    };
    place.asked("hot.hottest", call).await;
    let house = place.node();
    let warmer = house.warmup(&["hot.hottest"]).run().await.unwrap();
    assert_eq!(house.asked(), ["2"]);
    hottest(&house, 2).await;
    assert_eq!(warmer.report().jobs[0].warmed.used, 1);
}
