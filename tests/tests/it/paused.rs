//! While a site is paused nothing is loaded ahead for it: what nobody has asked for and nobody would keep costs the source nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

use cached_runtime::namespace::Warmed;
use cached_runtime::pages::{self, Page, Paged};
use cached_runtime::session::in_session;
use cached_runtime::warmup::{Ended, JobReport};
use cached_runtime::{Access, Cache, Tuning, Warmup, cache, warmup};

use crate::rig::{Down, World};
use crate::shelf::eventually;

/// A shop with a cache of its own, which counts how its source is asked.
#[derive(Clone)]
struct Shop {
    world: World,
    loads: Arc<AtomicU64>,
}

impl Shop {
    fn new() -> Self {
        Self { world: World::new(), loads: Arc::default() }
    }

    /// The same shop through a handle that only reads.
    fn reading(&self) -> Self {
        let cache = self.world.cache.restricted(Access::new().read("*")).unwrap();
        Self { world: World { cache, ..self.world.clone() }, loads: Arc::clone(&self.loads) }
    }

    fn cache(&self) -> &Cache {
        &self.world.cache
    }

    fn load(&self, id: u32) -> u32 {
        self.loads.fetch_add(1, SeqCst);
        id
    }

    fn loads(&self) -> u64 {
        self.loads.load(SeqCst)
    }

    /// How often the source is asked while this is done.
    async fn loads_of<T>(&self, done: impl Future<Output = T>) -> (T, u64) {
        let before = self.loads();
        let done = done.await;
        (done, self.loads() - before)
    }

    fn pause(&self, site: &str, paused: bool) {
        self.cache().tune(&format!("it.paused.{site}"), &Tuning::new().paused(paused)).unwrap();
    }

    fn warmup(&self, job: &str) -> Warmup {
        self.cache().warmup().with(self.clone()).silent().only([job.to_owned()])
    }

    async fn warm(&self, job: &str) -> JobReport {
        self.warmup(job).run().await.unwrap().report().jobs[0].clone()
    }

    /// Frames in near and in the tier, of this site.
    async fn stored(&self, site: &str) -> u64 {
        self.world.settle().await;
        let stats = self.cache().stats();
        stats.site(&format!("paused.{site}")).map_or(0, |site| site.entries) + stats.tiers[0].written
    }
}

/// What was begun ahead comes to its end.
async fn settled() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[warmup(args = 0..20, concurrency = 4)]
#[cache(key = "paused-warm:{id}", ttl = "1h", skip(shop), cache = shop.cache())]
async fn warmed(shop: &Shop, id: u32) -> u32 {
    shop.load(id)
}

#[warmup(args = 0..20, concurrency = 4)]
#[cache(key = "paused-inline:{id}", ttl = "1h", load = "inline", skip(shop), cache = shop.cache())]
async fn inline(shop: &Shop, id: u32) -> u32 {
    shop.load(id)
}

#[warmup(args = 0..20, concurrency = 4)]
#[cache(batch = ids, max_batch = 5, ttl = "1h", skip(shop), cache = shop.cache())]
async fn many(shop: &Shop, ids: &[u32]) -> HashMap<u32, u32> {
    ids.iter().map(|id| (*id, shop.load(*id))).collect()
}

#[warmup(args = 0..20, concurrency = 4)]
#[cache(key = "paused-blocking:{id}", ttl = "1h", skip(shop), cache = shop.cache())]
fn blocking(shop: &Shop, id: u32) -> u32 {
    shop.load(id)
}

#[tokio::test]
async fn a_job_of_a_paused_site_asks_the_source_for_nothing_and_says_so() {
    for (job, loads) in [("paused.warmed", 20), ("paused.inline", 20), ("paused.many", 20)] {
        let (shop, site) = (Shop::new(), job.split('.').next_back().unwrap());
        shop.pause(site, true);
        let (report, asked) = shop.loads_of(shop.warm(job)).await;
        assert_eq!((asked, report.loads, report.bytes), (0, 0, 0), "{job}: nothing is billed that was not done");
        assert_eq!((&report.ended, report.done, report.failed), (&Ended::Unkept, 0, 0), "{job}");
        assert!(report.left > 0 && !report.is_well(), "{job}: {report:?}");
        assert!(report.ended.to_string().contains("paused"));
        assert_eq!(shop.stored(site).await, 0, "{job}");
        // As ever after it.
        shop.pause(site, false);
        let (report, asked) = shop.loads_of(shop.warm(job)).await;
        assert_eq!((asked, &report.ended, report.left), (loads, &Ended::Done, 0), "{job}: {report:?}");
        assert!(report.loads > 0 && report.is_well(), "{job}: {report:?}");
        assert!(shop.stored(site).await >= 20, "{job}");
    }
}

#[tokio::test]
async fn a_job_spends_nothing_of_its_budget_on_a_paused_site() {
    let shop = Shop::new();
    shop.pause("warmed", true);
    let warmer = shop.warmup("paused.warmed").loads(5).run().await.unwrap();
    assert_eq!(warmer.report().jobs[0].ended, Ended::Unkept, "nothing was spent, so nothing was spent up");
    shop.pause("warmed", false);
    let warmer = shop.warmup("paused.warmed").loads(5).run().await.unwrap();
    let report = warmer.report();
    assert_eq!((&report.jobs[0].ended, report.jobs[0].loads, shop.loads()), (&Ended::Spent, 5, 5));
}

/// A schedule loads anew what is there. In a pause it leaves it as it is: it is there again when the pause is over.
#[tokio::test]
async fn a_schedule_that_falls_into_a_pause_makes_nothing_untrue() {
    let shop = Shop::new();
    let warmer = shop.warmup("paused.warmed").run().await.unwrap();
    assert_eq!(shop.loads(), 20);
    shop.pause("warmed", true);
    let (report, asked) = shop.loads_of(warmer.run_job("paused.warmed")).await;
    assert_eq!((asked, report.unwrap().ended), (0, Ended::Unkept));
    shop.pause("warmed", false);
    assert_eq!(shop.loads_of(warmed(&shop, 3)).await, (3, 0), "still there");
    // The control: without a pause it is loaded anew.
    let (report, asked) = shop.loads_of(warmer.run_job("paused.warmed")).await;
    assert_eq!((asked, report.unwrap().ended), (20, Ended::Done));
}

/// Who blocks his thread waits for an answer: its body runs. That is paid for, and nothing is kept.
#[tokio::test]
async fn what_blocks_is_paid_for_and_not_kept() {
    let shop = Shop::new();
    shop.pause("blocking", true);
    let warmer = shop.warmup("paused.blocking").loads(7).run().await.unwrap();
    let report = warmer.report();
    assert_eq!((report.jobs[0].loads, &report.jobs[0].ended, shop.loads()), (7, &Ended::Spent, 7), "{report}");
    assert_eq!(shop.stored("blocking").await, 0);
    shop.pause("blocking", false);
    assert_eq!(shop.loads_of(async { blocking(&shop, 1) }).await, (1, 1));
    assert_eq!(shop.loads_of(async { blocking(&shop, 1) }).await, (1, 0));
}

#[tokio::test]
async fn a_whole_cache_that_is_paused_is_not_warmed() {
    let shop = Shop::new();
    shop.cache().pause(true);
    let (report, asked) = shop.loads_of(shop.warm("paused.warmed")).await;
    assert_eq!((asked, report.ended), (0, Ended::Unkept));
    shop.cache().pause(false);
    assert_eq!(shop.loads_of(shop.warm("paused.warmed")).await.1, 20);
}

/// The same for a handle that stores nothing.
#[tokio::test]
async fn who_may_not_store_warms_nothing() {
    let shop = Shop::new();
    let (report, asked) = shop.loads_of(shop.reading().warm("paused.warmed")).await;
    assert_eq!((asked, report.ended), (0, Ended::Unkept));
    assert_eq!(shop.loads_of(shop.warm("paused.warmed")).await.1, 20, "the control");
}

/// Who asks in a pause is answered, also while a job gives up.
#[tokio::test]
async fn a_job_that_gives_up_takes_nothing_from_those_who_ask() {
    let shop = Shop::new();
    shop.pause("warmed", true);
    let asking = async {
        for id in 0..20 {
            assert_eq!(warmed(&shop, id).await, id);
            tokio::task::yield_now().await;
        }
    };
    let job = {
        let shop = shop.clone();
        tokio::spawn(async move { shop.warm("paused.warmed").await })
    };
    let ((), asked) = shop.loads_of(asking).await;
    assert_eq!((asked, job.await.unwrap().ended), (20, Ended::Unkept));
}

#[tokio::test]
async fn names_of_a_paused_namespace_are_not_warmed() {
    let shop = Shop::new();
    let names = shop.cache().namespace::<u32>("paused-names").unwrap();
    let load = |name: &u32| {
        let (shop, name) = (shop.clone(), *name);
        async move { Ok::<_, Down>(shop.load(name)) }
    };
    shop.cache().pause(true);
    let left = Warmed { left: 20, ..Warmed::default() };
    assert_eq!(shop.loads_of(names.warm(0..20_u32, load)).await, (left, 0));
    shop.cache().pause(false);
    let loaded = Warmed { loaded: 20, ..Warmed::default() };
    assert_eq!(shop.loads_of(names.warm(0..20_u32, load)).await, (loaded, 20));
}

#[cache(key = "paused-first:{id}", ttl = "1h", skip(shop), cache = shop.cache(), prefetch(second(shop, id)))]
async fn first(shop: &Shop, id: u32) -> u32 {
    id
}

#[cache(key = "paused-second:{id}", ttl = "1h", skip(shop), cache = shop.cache())]
async fn second(shop: &Shop, id: u32) -> u32 {
    shop.load(id)
}

#[tokio::test]
async fn nothing_is_prefetched_for_or_by_a_paused_site() {
    for paused in ["first", "second"] {
        let shop = Shop::new();
        shop.pause(paused, true);
        for id in 0..10 {
            first(&shop, id).await;
            settled().await;
        }
        assert_eq!(shop.loads(), 0, "{paused}");
        assert_eq!(shop.cache().stats().site("second").map_or(0, |site| site.prefetched.brought), 0);
        assert_eq!(
            shop.cache().stats().site("first").map_or(0, |site| site.prefetch_refused),
            0,
            "room was given back"
        );
        shop.pause(paused, false);
        first(&shop, 77).await;
        let brought = || shop.cache().stats().site("second").map_or(0, |site| site.prefetched.brought) == 1;
        eventually("as ever after it", brought).await;
        assert_eq!(shop.loads_of(second(&shop, 77)).await, (77, 0));
    }
}

#[cache(key = "paused-object:{id}", skip(shop), cache = shop.cache(), ttl = "1m", jitter = 0, predict)]
async fn object(shop: &Shop, id: u32) -> u32 {
    shop.load(id)
}

/// Along the same way again and again; each time all is old.
async fn walked(shop: &Shop, rounds: u32) {
    for _ in 0..rounds {
        for id in 0..40 {
            assert_eq!(object(shop, id).await, id);
            settled().await;
        }
        shop.world.clock.advance(Duration::from_secs(61));
    }
}

#[tokio::test]
async fn nothing_is_predicted_while_a_site_is_paused() {
    let shop = Shop::new();
    in_session(1, async {
        walked(&shop, 60).await;
        let brought = || shop.cache().stats().site("object").unwrap().predicted.brought;
        let before = brought();
        assert!(before > 300, "it predicts");
        shop.pause("object", true);
        assert_eq!(shop.loads_of(walked(&shop, 3)).await.1, 120, "one for each call, and none ahead");
        assert_eq!(brought(), before);
        shop.pause("object", false);
        walked(&shop, 3).await;
        assert!(brought() > before, "as ever after it");
    })
    .await;
}

#[cache(key = "paused-page:{page}", ttl = "1h", skip(shop, asked), cache = shop.cache(), prefetch(leafed(shop, page.next(), asked)))]
async fn leafed(shop: &Shop, page: Page, asked: &Arc<AtomicUsize>) -> Paged<u32> {
    asked.fetch_add(1, SeqCst);
    let first = (page.number() - 1) * 20;
    page.of((first..first + 20).map(|id| shop.load(id)), 1_000)
}

#[tokio::test]
async fn the_next_page_is_not_loaded_ahead_while_pages_are_paused() {
    let (shop, asked) = (Shop::new(), Arc::default());
    shop.pause("leafed", true);
    for number in 1..=5 {
        leafed(&shop, Page::new(number, 20).unwrap(), &asked).await;
        settled().await;
        assert_eq!(asked.load(SeqCst), number as usize, "this one, and no other");
    }
    shop.pause("leafed", false);
    leafed(&shop, Page::new(1, 20).unwrap(), &asked).await;
    eventually("this one and the next", || asked.load(SeqCst) == 7).await;
}

#[cache(key = "paused-chunk:{page}", ttl = "1h", skip(shop), cache = shop.cache())]
async fn chunk(shop: &Shop, page: Page) -> Result<Paged<u32>, Down> {
    shop.load(0);
    let first = (page.number() - 1) * page.size();
    Ok(page.of((first..(first + page.size()).min(250)).collect::<Vec<_>>(), 250))
}

/// The chunk that a stream has ahead is one that it comes to: in a pause, too, each is loaded once.
#[tokio::test]
async fn a_stream_loads_each_chunk_once_in_a_pause() {
    let shop = Shop::new();
    shop.pause("chunk", true);
    let mut rows = pages::stream(Page::chunks(), |page| chunk(&shop, page)).ahead();
    let mut read = Vec::new();
    while let Some(row) = rows.next().await {
        read.push(row.unwrap());
    }
    assert_eq!((read, shop.loads()), ((0..250).collect(), 3));
    assert_eq!(shop.stored("chunk").await, 0);
}
