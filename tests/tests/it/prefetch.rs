//! Calls that come after others, begun before anybody asks: they delay nobody, fail nobody, and end.

use std::sync::Arc;

use cached_runtime::cache;
use cached_runtime::pages::{Page, Paged};
use cached_runtime::stats::{AheadStats, SiteStats};
use cached_runtime::testing::Gate;

use crate::rig::{World, soon};
use crate::shelf::eventually;

/// What is known of videos. Frames are never held up.
#[derive(Clone)]
struct Studio {
    world: World,
    /// What its captions wait for.
    gate: Gate,
    asked: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Studio {
    fn new() -> Self {
        Self { world: World::new(), gate: Gate::opened(), asked: Arc::default() }
    }

    fn with_room(prefetches: usize) -> Self {
        let tier = Arc::new(cached_runtime::tier::memory::MemoryTier::new());
        let clock = cached_runtime::clock::Clock::manual();
        let world = World::built(tier, clock, |builder| builder.prefetches(prefetches));
        Self { world, ..Self::new() }
    }

    fn ask(&self, what: &str, id: &str) -> String {
        self.asked.lock().unwrap().push(format!("{what} {id}"));
        format!("{what} of {id}")
    }

    fn times(&self, what: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.starts_with(what)).count()
    }

    fn site(&self, name: &str) -> SiteStats {
        self.world.cache.stats().site(name).cloned().unwrap_or_default()
    }

    fn prefetched(&self, name: &str) -> AheadStats {
        self.site(name).prefetched
    }

    /// Nothing is under way.
    async fn quiet(&self, site: &str, brought: u64) {
        eventually("it is there", || self.prefetched(site).brought + self.prefetched(site).late == brought).await;
    }
}

#[cache(key = "pre-frames:{id}", skip(studio), cache = &studio.world.cache, prefetch(captions(studio, id), objects(studio.clone(), id.to_owned())))]
async fn frames(studio: &Studio, id: &str) -> Result<String, String> {
    if id == "lost" {
        return Err("no such video".to_owned());
    }
    Ok(studio.ask("frames", id))
}

#[cache(key = "pre-captions:{id}", tags = ["pre-video:{id}"], skip(studio), cache = &studio.world.cache)]
async fn captions(studio: &Studio, id: &str) -> Result<String, String> {
    let captions = studio.ask("captions", id);
    studio.gate.pass().await;
    assert_ne!(id, "panics", "as it was told to");
    if id == "fails" { Err("no captions".to_owned()) } else { Ok(captions) }
}

#[cache(key = "pre-objects:{id}", skip(studio), cache = &studio.world.cache)]
async fn objects(studio: Studio, id: String) -> String {
    studio.ask("objects", &id)
}

#[tokio::test]
async fn after_this_those() {
    let studio = Studio::new();
    frames(&studio, "a").await.unwrap();
    studio.quiet("captions", 1).await;
    studio.quiet("objects", 1).await;
    assert_eq!((studio.site("captions").hits, studio.site("captions").misses), (0, 0), "nobody has asked");
    assert_eq!(captions(&studio, "a").await.unwrap(), "captions of a");
    assert_eq!(captions(&studio, "a").await.unwrap(), "captions of a");
    assert_eq!((studio.times("captions"), studio.times("objects")), (1, 1));
    assert_eq!((studio.site("captions").hits, studio.site("captions").misses), (2, 0));
    let stats = studio.prefetched("captions");
    assert_eq!((stats.brought, stats.used, stats.late, stats.wasted), (1, 1, 0, 0));
    frames(&studio, "a").await.unwrap();
    assert_eq!(studio.times("captions"), 1, "a hit prefetches nothing");
}

#[tokio::test]
async fn it_delays_nobody_and_who_asks_joins() {
    let studio = Studio::new();
    studio.gate.close();
    soon("the frames", frames(&studio, "a")).await.unwrap();
    eventually("the captions are on their way", || studio.times("captions") == 1).await;
    let caller = tokio::spawn({
        let studio = studio.clone();
        async move { captions(&studio, "a").await }
    });
    eventually("the caller has joined", || studio.site("captions").joins == 1).await;
    studio.gate.open();
    assert_eq!(soon("the captions", caller).await.unwrap().unwrap(), "captions of a");
    assert_eq!(studio.times("captions"), 1, "one load");
    let stats = studio.prefetched("captions");
    assert_eq!((stats.brought, stats.used, stats.late), (0, 0, 1));
}

#[tokio::test]
async fn its_failures_are_its_own() {
    let studio = Studio::new();
    for id in ["fails", "panics"] {
        assert_eq!(frames(&studio, id).await.unwrap(), format!("frames of {id}"));
    }
    eventually("both have failed", || studio.site("captions").load_errors + studio.site("captions").panics == 2).await;
    assert_eq!(studio.prefetched("captions").brought, 0);
    assert_eq!(captions(&studio, "fails").await, Err("no captions".to_owned()), "and who asks is told himself");
    assert_eq!(frames(&studio, "lost").await, Err("no such video".to_owned()));
}

#[tokio::test]
async fn what_is_invalidated_while_it_is_prefetched_does_not_come_back() {
    let studio = Studio::new();
    studio.gate.close();
    frames(&studio, "a").await.unwrap();
    frames(&studio, "b").await.unwrap();
    eventually("the captions are on their way", || studio.times("captions") == 2).await;
    studio.world.cache.invalidate_tags(["pre-video:a"]).await;
    studio.gate.open();
    eventually("both loads are over", || studio.site("captions").loads == 2).await;
    assert_eq!(captions::peek(&studio, "a").await, None);
    eventually("control", || studio.prefetched("captions").brought == 2).await;
    assert_eq!(captions::peek(&studio, "b").await.unwrap().unwrap(), "captions of b");
    assert_eq!(captions(&studio, "a").await.unwrap(), "captions of a");
    assert_eq!(studio.times("captions"), 3);
}

#[tokio::test]
async fn there_is_room_for_so_many_and_more_are_left_out() {
    let studio = Studio::with_room(3);
    studio.gate.close();
    for id in ["a", "b", "c", "d", "e"] {
        soon("nobody waits for room", frames(&studio, id)).await.unwrap();
    }
    eventually("those that fit", || studio.times("captions") + studio.times("objects") >= 3).await;
    let refused = studio.site("frames").prefetch_refused;
    assert!((4..=7).contains(&refused), "{refused} of ten left out");
    studio.gate.open();
    let none = Studio::with_room(0);
    frames(&none, "a").await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!((none.times("captions"), none.site("frames").prefetch_refused), (0, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_prefetches_once() {
    let studio = Studio::new();
    let crowd = (0..50).map(|_| {
        let studio = studio.clone();
        tokio::spawn(async move { frames(&studio, "a").await })
    });
    for caller in crowd.collect::<Vec<_>>() {
        caller.await.unwrap().unwrap();
    }
    studio.quiet("captions", 1).await;
    assert_eq!(studio.times("captions"), 1);
}

#[cache(key = "pre-one:{n}", skip(studio), cache = &studio.world.cache, prefetch(round_one(studio, n + 1)))]
async fn round(studio: &Studio, n: u32) -> String {
    let answer = studio.ask("round", &n.to_string());
    studio.gate.pass().await;
    answer
}

/// Through another function, so that it is not seen to be itself.
fn round_one(studio: &Studio, n: u32) -> std::pin::Pin<Box<dyn Future<Output = String> + Send + '_>> {
    Box::pin(round(studio, n % 2))
}

#[cache(key = "pre-chain:{n}", skip(studio), cache = &studio.world.cache, prefetch(next(studio, n + 1)))]
async fn chain(studio: &Studio, n: u32) -> String {
    studio.ask("chain", &n.to_string())
}

fn next(studio: &Studio, n: u32) -> std::pin::Pin<Box<dyn Future<Output = String> + Send + '_>> {
    Box::pin(chain(studio, n))
}

#[tokio::test]
async fn circles_end_and_chains_too() {
    let studio = Studio::new();
    studio.gate.close();
    let caller = tokio::spawn({
        let studio = studio.clone();
        async move { round(&studio, 0).await }
    });
    eventually("both are on their way", || studio.times("round") == 2).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    studio.gate.open();
    soon("the caller", caller).await.unwrap();
    eventually("the other is there", || studio.prefetched("round").brought == 1).await;
    assert_eq!(studio.times("round"), 2, "each once, round and round");
    chain(&studio, 0).await;
    eventually("three more", || studio.times("chain") == 4).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(studio.times("chain"), 4, "and no further");
}

/// Page after page, of which the next is always on its way.
#[cache(key = "pre-page:{page}", skip(studio), cache = &studio.world.cache, prefetch(page_of(studio, page.next())))]
async fn page_of(studio: &Studio, page: Page) -> Paged<u32> {
    studio.ask("page", &page.number().to_string());
    let first = (page.number() - 1) * 20;
    page.of(first..(first + 20).min(95), 95)
}

#[tokio::test]
async fn who_turns_pages_finds_the_next_one_there() {
    let studio = Studio::new();
    let mut page = Some(Page::first(20).unwrap());
    let mut rows = Vec::new();
    while let Some(at) = page {
        let found = page_of(&studio, at).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(studio.times("page"), at.number() as usize + 1, "this one and the next, and no further");
        rows.extend(found.iter().copied());
        page = found.next_page();
    }
    assert_eq!(rows, (0..95).collect::<Vec<_>>());
    let site = studio.site("page_of");
    assert_eq!((site.misses, site.hits), (1, 4), "only the first was waited for");
    assert_eq!((site.prefetched.brought, site.prefetched.used), (5, 4), "and the page past the end was for nothing");
}

struct Service {
    studio: Studio,
}

impl Service {
    #[cache(key = "pre-self:{id}", skip(self), cache = &self.studio.world.cache, prefetch(self.more(id), async { self.more(id + 1).await }))]
    async fn some(self: &Arc<Self>, id: u32) -> String {
        self.studio.ask("some", &id.to_string())
    }

    #[cache(key = "pre-more:{id}", skip(self), cache = &self.studio.world.cache)]
    async fn more(self: &Arc<Self>, id: u32) -> String {
        self.studio.ask("more", &id.to_string())
    }
}

#[tokio::test]
async fn methods_prefetch_methods() {
    let service = Arc::new(Service { studio: Studio::new() });
    service.some(7).await;
    service.studio.quiet("more", 2).await;
    assert_eq!((service.more(7).await.as_str(), service.more(8).await.as_str()), ("more of 7", "more of 8"));
    assert_eq!(service.studio.times("more"), 2);
}

#[test]
fn outside_a_runtime_nothing_is_prefetched() {
    let studio = Studio::new();
    let mut call = std::pin::pin!(frames(&studio, "a"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.as_mut().poll(&mut context).is_ready());
    assert_eq!(studio.times("captions"), 0);
}

#[cache(key = "pre-crawl:{n}", skip(studio), cache = &studio.world.cache, prefetch(crawl(studio, n + 1)))]
async fn crawled(studio: &Studio, n: u32) -> String {
    studio.ask("crawled", &n.to_string())
}

/// Not cached, and it waits before it calls: nothing on its way says that nobody has asked.
async fn crawl(studio: &Studio, n: u32) -> String {
    tokio::task::yield_now().await;
    studio.gate.pass().await;
    Box::pin(crawled(studio, n)).await
}

#[tokio::test]
async fn what_waits_before_it_calls_leads_no_further_than_others() {
    let studio = Studio::new();
    crawled(&studio, 0).await;
    eventually("three more", || studio.times("crawled") == 4).await;
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(studio.times("crawled"), 4, "and no further");
}

#[tokio::test]
async fn who_turns_pages_faster_than_they_load_leads_on() {
    let studio = Studio::new();
    page_held(&studio, Page::first(20).unwrap()).await;
    studio.gate.close();
    page_held(&studio, Page::new(1, 20).unwrap()).await;
    let second = Page::new(2, 20).unwrap();
    studio.gate.open();
    page_held(&studio, second).await;
    eventually("the third is on its way", || studio.times("held") >= 3).await;
}

#[cache(key = "pre-held:{page}", skip(studio), cache = &studio.world.cache, prefetch(page_held(studio, page.next())))]
async fn page_held(studio: &Studio, page: Page) -> Paged<u32> {
    studio.ask("held", &page.number().to_string());
    if page.number() > 1 {
        studio.gate.pass().await;
    }
    page.of(0..20, 1_000)
}
