//! A fresh hit runs no body, and what is kept is what the return type says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cached_runtime::{Cache, cache};
use serde::{Deserialize, Serialize};

use crate::rig::World;

const SECOND: Duration = Duration::from_secs(1);

/// How often a body ran, and what it answers.
#[derive(Debug, Clone, Default)]
struct Body(Arc<AtomicU64>);

impl Body {
    fn run(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn runs(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Gone(u64);

#[cache(key = "hit-plain:{id}", cache = cache)]
async fn plain(cache: &Cache, body: Body, id: u32) -> u64 {
    let _cache: &Cache = cache;
    u64::from(id) * 100 + body.run()
}

#[tokio::test]
async fn a_fresh_hit_runs_no_body() {
    let (world, body) = (World::new(), Body::default());
    for _ in 0..10 {
        assert_eq!(plain(&world.cache, body.clone(), 7).await, 701);
    }
    assert_eq!(body.runs(), 1);
    assert_eq!(plain(&world.cache, body.clone(), 8).await, 802);
    let stats = world.cache.stats();
    let site = stats.site("plain").unwrap();
    assert_eq!((site.hits, site.misses, site.loads), (9, 2, 2));
}

#[tokio::test]
async fn an_entry_ends_with_its_ttl_and_no_sooner() {
    #[cache(key = "hit-ttl:{id}", ttl = "10s", jitter = 0, cache = cache)]
    async fn timed(cache: &Cache, body: Body, id: u32) -> u64 {
        let _ = (cache, id);
        body.run()
    }
    let (world, body) = (World::new(), Body::default());
    timed(&world.cache, body.clone(), 1).await;
    world.clock.advance(SECOND * 10 - Duration::from_millis(1));
    assert_eq!(timed(&world.cache, body.clone(), 1).await, 1);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(timed(&world.cache, body.clone(), 1).await, 2);
}

#[tokio::test]
async fn two_caches_of_one_function_share_nothing() {
    let (one, other, body) = (World::new(), World::new(), Body::default());
    assert_eq!(plain(&one.cache, body.clone(), 1).await, 101);
    assert_eq!(plain(&other.cache, body.clone(), 1).await, 102);
    assert_eq!(plain(&one.cache, body, 1).await, 101);
}

#[tokio::test]
async fn an_arc_comes_back_as_the_same_arc() {
    #[cache(key = "hit-arc:{id}", cache = cache)]
    async fn shared(cache: &Cache, id: u32) -> Arc<Vec<u8>> {
        let _ = cache;
        Arc::new(vec![id as u8; 1 << 16])
    }
    let world = World::new();
    let first = shared(&world.cache, 1).await;
    assert!(Arc::ptr_eq(&first, &shared(&world.cache, 1).await), "a hit copies nothing");
}

#[tokio::test]
async fn early_returns_and_question_marks_are_results_like_any_other() {
    #[cache(key = "hit-early:{text}", cache = cache)]
    async fn parse(cache: &Cache, body: Body, text: &str) -> Result<u64, std::num::ParseIntError> {
        let _ = cache;
        body.run();
        if text == "none" {
            return Ok(0);
        }
        let n: u64 = text.parse()?;
        Ok(n * 2)
    }
    let (world, body) = (World::new(), Body::default());
    let parsed = |text: &'static str| parse(&world.cache, body.clone(), text);
    assert_eq!((parsed("none").await, parsed("none").await), (Ok(0), Ok(0)));
    assert_eq!((parsed("21").await, parsed("21").await), (Ok(42), Ok(42)));
    assert_eq!(body.runs(), 2);
    assert!(parsed("x").await.is_err());
    assert!(parsed("x").await.is_err(), "an error is not kept");
    assert_eq!(body.runs(), 4);
}

/// Answers what a script says, one step a run.
async fn step<T: Clone>(body: &Body, script: &[T]) -> T {
    script[(body.run() as usize - 1) % script.len()].clone()
}

mod kept {
    use super::*;

    #[cache(key = "hit-some:{id}", cache = cache)]
    pub async fn option(cache: &Cache, body: Body, id: u32) -> Option<u64> {
        let _ = (cache, id);
        step(&body, &[None, Some(2), Some(3)]).await
    }

    #[cache(key = "hit-ok-some:{id}", cache = cache)]
    pub async fn nested(cache: &Cache, body: Body, id: u32) -> Result<Option<u64>, Gone> {
        let _ = (cache, id);
        step(&body, &[Err(Gone(1)), Ok(None), Ok(Some(3)), Ok(Some(4))]).await
    }

    #[cache(key = "hit-none:{id}", cache_none = "5s", ttl = "1m", jitter = 0, cache = cache)]
    pub async fn none(cache: &Cache, body: Body, id: u32) -> Option<u64> {
        let _ = (cache, id);
        step(&body, &[None, Some(2), Some(3)]).await
    }

    #[cache(key = "hit-err:{id}", cache_err = "5s", ttl = "1m", jitter = 0, cache = cache)]
    pub async fn err(cache: &Cache, body: Body, id: u32) -> Result<u64, Gone> {
        let _ = (cache, id);
        step(&body, &[Err(Gone(1)), Ok(2), Ok(3)]).await
    }

    #[cache(key = "hit-both:{id}", cache_none, cache_err = "5s", ttl = "1m", jitter = 0, cache = cache)]
    pub async fn both(cache: &Cache, body: Body, id: u32) -> Result<Option<u64>, Gone> {
        let _ = (cache, id);
        step(&body, &[Err(Gone(1)), Ok(None), Ok(Some(3))]).await
    }
}

#[tokio::test]
async fn options_and_results_keep_what_is_there() {
    let world = World::new();
    let (body, nested) = (Body::default(), Body::default());
    for expected in [None, Some(2), Some(2)] {
        assert_eq!(kept::option(&world.cache, body.clone(), 1).await, expected);
    }
    for expected in [Err(Gone(1)), Ok(None), Ok(Some(3)), Ok(Some(3))] {
        assert_eq!(kept::nested(&world.cache, nested.clone(), 1).await, expected);
    }
}

#[tokio::test]
async fn nothing_and_errors_are_kept_for_as_long_as_was_asked() {
    let world = World::new();
    let (none, err, both) = (Body::default(), Body::default(), Body::default());
    for _ in 0..2 {
        assert_eq!(kept::none(&world.cache, none.clone(), 1).await, None);
        assert_eq!(kept::err(&world.cache, err.clone(), 1).await, Err(Gone(1)));
        assert_eq!(kept::both(&world.cache, both.clone(), 1).await, Err(Gone(1)));
    }
    world.clock.advance(SECOND * 5);
    assert_eq!(kept::none(&world.cache, none.clone(), 1).await, Some(2));
    assert_eq!(kept::err(&world.cache, err.clone(), 1).await, Ok(2));
    assert_eq!(kept::both(&world.cache, both.clone(), 1).await, Ok(None));
    world.clock.advance(SECOND * 59);
    assert_eq!(kept::none(&world.cache, none, 1).await, Some(2));
    assert_eq!(kept::err(&world.cache, err, 1).await, Ok(2));
    assert_eq!(kept::both(&world.cache, both.clone(), 1).await, Ok(None), "None for as long as a value");
    world.clock.advance(SECOND);
    assert_eq!(kept::both(&world.cache, both, 1).await, Ok(Some(3)));
}

/// An error never leaves the process; `None` may.
#[tokio::test]
async fn a_kept_error_stays_in_near() {
    let world = World::new();
    kept::err(&world.cache, Body::default(), 1).await.unwrap_err();
    kept::none(&world.cache, Body::default(), 1).await;
    world.settle().await;
    assert_eq!(world.cache.stats().tiers[0].written, 1);
}

#[tokio::test]
async fn the_value_decides_with_cache_if_and_ttl_with() {
    #[cache(key = "hit-if:{n}", cache_if = |v: &u64| *v > 10, ttl_with = |v: &u64| Duration::from_secs(*v), jitter = 0,
        cache = cache)]
    async fn chosen(cache: &Cache, body: Body, n: u64) -> Result<u64, Gone> {
        let _ = cache;
        body.run();
        Ok(n)
    }
    let (world, body) = (World::new(), Body::default());
    for _ in 0..2 {
        assert_eq!(chosen(&world.cache, body.clone(), 3).await, Ok(3));
    }
    assert_eq!(body.runs(), 2, "not kept");
    for _ in 0..2 {
        assert_eq!(chosen(&world.cache, body.clone(), 20).await, Ok(20));
    }
    assert_eq!(body.runs(), 3, "kept");
    world.clock.advance(SECOND * 19);
    chosen(&world.cache, body.clone(), 20).await.unwrap();
    assert_eq!(body.runs(), 3, "for twenty seconds");
    world.clock.advance(SECOND);
    chosen(&world.cache, body.clone(), 20).await.unwrap();
    assert_eq!(body.runs(), 4, "and no longer");
}

#[tokio::test]
async fn local_values_need_no_serde_and_reach_no_tier() {
    #[derive(Clone)]
    struct Handle(#[allow(dead_code, reason = "cannot be serialized")] Arc<dyn Fn() -> u64 + Send + Sync>);

    #[cache(key = "hit-local:{id}", local, cache = cache)]
    async fn handle(cache: &Cache, body: Body, id: u32) -> Handle {
        let _ = (cache, id);
        let n = body.run();
        Handle(Arc::new(move || n))
    }
    let (world, body) = (World::new(), Body::default());
    for _ in 0..3 {
        assert_eq!((handle(&world.cache, body.clone(), 1).await.0)(), 1);
    }
    world.settle().await;
    assert_eq!(world.cache.stats().tiers[0].written, 0);
}

#[tokio::test]
async fn skipped_arguments_are_no_part_of_the_key() {
    #[cache(skip(cache, body, trace), name = "hit-skip", cache = cache)]
    async fn skipping(cache: &Cache, body: Body, id: u32, trace: &str) -> u64 {
        let _ = (cache, id, trace);
        body.run()
    }
    let (world, body) = (World::new(), Body::default());
    assert_eq!(skipping(&world.cache, body.clone(), 1, "a").await, 1);
    assert_eq!(skipping(&world.cache, body.clone(), 1, "b").await, 1);
    assert_eq!(skipping(&world.cache, body, 2, "a").await, 2);
    assert_eq!(skipping::site().name(), "hit-skip");
    assert_eq!(skipping::key(&world.cache, 1).as_str(), "it:hit-skip:1");
}

#[tokio::test]
async fn a_refresh_replaces_and_a_peek_only_looks() {
    let (world, body) = (World::new(), Body::default());
    assert_eq!(plain::peek(&world.cache, 1).await, None);
    assert_eq!(plain(&world.cache, body.clone(), 1).await, 101);
    assert_eq!(plain::peek(&world.cache, 1).await, Some(101));
    assert_eq!(plain::refresh(&world.cache, body.clone(), 1).await, 102);
    assert_eq!(plain(&world.cache, body.clone(), 1).await, 102);
    plain::remove(&world.cache, 1).await;
    assert_eq!(plain::peek(&world.cache, 1).await, None);
    assert_eq!(plain(&world.cache, body, 1).await, 103);
}

#[tokio::test]
async fn an_entry_nobody_asks_for_goes_before_its_time() {
    #[cache(key = "hit-idle:{id}", ttl = "1h", idle = "10s", local, jitter = 0, cache = cache)]
    async fn idle(cache: &Cache, body: Body, id: u32) -> u64 {
        let _ = (cache, id);
        body.run()
    }
    let (world, body) = (World::near_only(), Body::default());
    idle(&world.cache, body.clone(), 1).await;
    for _ in 0..5 {
        world.clock.advance(SECOND * 9);
        assert_eq!(idle(&world.cache, body.clone(), 1).await, 1, "each hit starts the time anew");
    }
    world.clock.advance(SECOND * 10);
    assert_eq!(idle(&world.cache, body.clone(), 1).await, 2);
}

#[tokio::test]
async fn jitter_spreads_within_its_part_and_repeats_with_its_seed() {
    #[cache(key = "hit-jitter:{id}", ttl = "100s", jitter = 0.2, cache = cache)]
    async fn spread(cache: &Cache, id: u32) -> u32 {
        let _ = cache;
        id
    }
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let world = World::built(memory(), cached_runtime::clock::Clock::manual(), |b| b.seed(seed));
        for id in 0..200 {
            spread(&world.cache, id).await;
        }
        let mut alive = Vec::new();
        for _ in 0..100 {
            world.clock.advance(SECOND);
            let mut n = 0;
            for id in 0..200 {
                n += u32::from(spread::entry(&world.cache, id).peek_near().is_some());
            }
            alive.push(n);
        }
        assert_eq!(alive[78], 200, "none ends before 80 s");
        assert_eq!(alive[99], 0, "none lives longer than its ttl");
        let most = alive.windows(2).map(|two| two[0] - two[1]).max().unwrap();
        assert!(most < 40, "{most} of 200 end in one second of twenty");
        runs.push(alive);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn any_depth_of_a_value_comes_back_from_a_tier() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Point,
        Circle { radius: f64 },
        Group(Vec<Shape>),
    }

    #[cache(key = "hit-deep:{id}", cache = cache)]
    async fn deep(cache: &Cache, body: Body, id: u32) -> Result<Option<Shape>, Gone> {
        let _ = (cache, id);
        body.run();
        Ok(Some(Shape::Group(vec![Shape::Point, Shape::Circle { radius: 0.1 }, Shape::Group(Vec::new())])))
    }
    let tier: Arc<dyn cached_runtime::Tier> = memory();
    let (first, body) = (World::over(Arc::clone(&tier)), Body::default());
    let made = deep(&first.cache, body.clone(), 1).await;
    first.settle().await;
    let clock = first.clock.clone();
    let second = World::built(tier, clock, |b| b);
    assert_eq!(deep(&second.cache, body.clone(), 1).await, made);
    assert_eq!(body.runs(), 1, "the second came from the tier");
    assert_eq!(second.cache.stats().site("deep").unwrap().promotions, 1);
}

#[test]
fn a_sync_function_needs_no_runtime() {
    #[cache(key = "hit-sync:{n}", cache = cache)]
    fn square(cache: &Cache, body: &Body, n: u64) -> u64 {
        let _ = cache;
        body.run();
        n * n
    }
    let (world, body) = (World::near_only(), Body::default());
    for _ in 0..3 {
        assert_eq!(square(&world.cache, &body, 12), 144);
    }
    assert_eq!(body.runs(), 1);
    assert_eq!(square::peek(&world.cache, 12), Some(144));
    square::remove(&world.cache, 12);
    assert_eq!(square(&world.cache, &body, 12), 144);
    assert_eq!(body.runs(), 2);
}

fn memory() -> Arc<dyn cached_runtime::Tier> {
    Arc::new(cached_runtime::tier::memory::MemoryTier::new())
}
