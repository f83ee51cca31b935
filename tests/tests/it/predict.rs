//! What usually follows is loaded ahead, where that proves to pay, and nowhere else.

mod again;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cached_runtime::cache;
use cached_runtime::chance::Chance;
use cached_runtime::session::in_session;
use cached_runtime::stats::{AheadStats, PredictStats};

use crate::rig::{World, soon};

/// Objects, and how often they were loaded.
#[derive(Clone)]
struct Shop {
    world: World,
    loads: Arc<AtomicU64>,
    fails: Arc<AtomicU64>,
}

impl Shop {
    fn new() -> Self {
        Self { world: World::near_only(), loads: Arc::default(), fails: Arc::default() }
    }

    fn load(&self, id: &str) -> Result<String, String> {
        self.loads.fetch_add(1, SeqCst);
        if self.fails.load(SeqCst) > 0 { Err("away".to_owned()) } else { Ok(format!("object {id}")) }
    }

    fn loads(&self) -> u64 {
        self.loads.load(SeqCst)
    }

    fn stats(&self, site: &str) -> (PredictStats, AheadStats) {
        let stats = self.world.cache.stats();
        let site = stats.site(site).unwrap();
        (site.prediction, site.predicted)
    }

    fn misses(&self, site: &str) -> u64 {
        self.world.cache.stats().site(site).unwrap().misses
    }
}

#[cache(key = "pred-object:{id}", skip(shop), cache = &shop.world.cache, ttl = "1m", jitter = 0, predict)]
async fn object(shop: &Shop, id: &str) -> Result<String, String> {
    shop.load(id)
}

#[cache(key = "pred-plain:{id}", skip(shop), cache = &shop.world.cache, ttl = "1m", jitter = 0)]
async fn plain(shop: &Shop, id: &str) -> Result<String, String> {
    shop.load(id)
}

#[cache(key = "pred-of:{kind}:{id}", skip(shop, user), cache = &shop.world.cache, ttl = "1m", jitter = 0, predict(by = user, precision = 0.7, ahead = 8))]
async fn object_of(shop: Shop, user: u64, kind: Option<&str>, id: u32) -> Result<String, String> {
    let _ = (user, kind);
    shop.load(&id.to_string())
}

/// What was begun ahead comes to its end.
async fn settled() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// Goes along the same way again and again; each time all is old.
async fn walked(shop: &Shop, rounds: u32) {
    for _ in 0..rounds {
        for id in 0..40 {
            assert_eq!(object(shop, &id.to_string()).await.unwrap(), format!("object {id}"));
            settled().await;
        }
        shop.world.clock.advance(Duration::from_secs(61));
    }
}

#[tokio::test]
async fn what_always_follows_is_there_when_it_is_asked_for() {
    let shop = Shop::new();
    in_session(1, walked(&shop, 60)).await;
    let before = shop.misses("object");
    in_session(1, walked(&shop, 10)).await;
    let misses = shop.misses("object") - before;
    let (prediction, ahead) = shop.stats("object");
    assert!(misses <= 100, "{misses} of 400: {prediction:?}");
    assert!(prediction.on && prediction.precision() > 0.9, "{prediction:?}");
    assert!(ahead.used > 300 && ahead.used * 10 >= ahead.brought * 9, "{ahead:?}");
    assert_eq!(shop.loads(), 70 * 40, "nothing is loaded twice");
}

#[tokio::test]
async fn control_without_it_each_is_a_miss() {
    let shop = Shop::new();
    for _ in 0..10 {
        for id in 0..40 {
            plain(&shop, &id.to_string()).await.unwrap();
        }
        shop.world.clock.advance(Duration::from_secs(61));
    }
    assert_eq!(shop.misses("plain"), 400);
    assert_eq!(shop.stats("plain").0, PredictStats::default());
}

#[tokio::test]
async fn where_nothing_follows_from_anything_nothing_is_loaded_ahead() {
    let (shop, chance) = (Shop::new(), Chance::new(7));
    in_session("noise", async {
        for n in 0..12_000_u32 {
            object(&shop, &chance.below(3_000).to_string()).await.unwrap();
            if n % 100 == 0 {
                shop.world.clock.advance(Duration::from_secs(1));
                settled().await;
            }
        }
    })
    .await;
    settled().await;
    let (prediction, _) = shop.stats("object");
    assert!(prediction.load_added() <= 0.01, "{prediction:?}");
}

#[tokio::test]
async fn each_session_follows_its_own_way() {
    let shop = Shop::new();
    // Two users, step by step in turns, on ways that have nothing in common.
    for _ in 0..80 {
        for step in 0..25_u32 {
            object_of(shop.clone(), 1, Some("a"), step).await.unwrap();
            object_of(shop.clone(), 2, None, 1_000 - step * 7 % 25).await.unwrap();
            settled().await;
        }
        shop.world.clock.advance(Duration::from_secs(61));
    }
    let (prediction, ahead) = shop.stats("object_of");
    assert!(prediction.precision() > 0.9 && ahead.used > 1_000, "{prediction:?} {ahead:?}");
}

#[tokio::test]
async fn failures_of_what_is_predicted_are_nobodys() {
    let shop = Shop::new();
    in_session(1, async {
        walked(&shop, 60).await;
        object(&shop, "0").await.unwrap();
        shop.fails.store(1, SeqCst);
        settled().await;
        object(&shop, "1").await.unwrap_or_default();
        settled().await;
        shop.fails.store(0, SeqCst);
        for id in 2..40 {
            let answer = soon("an answer", object(&shop, &id.to_string())).await;
            assert_eq!(answer.unwrap(), format!("object {id}"));
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_invalidated_after_it_was_predicted_does_not_come_back() {
    let shop = Shop::new();
    in_session(1, async {
        walked(&shop, 60).await;
        object(&shop, "0").await.unwrap();
        object(&shop, "1").await.unwrap();
        settled().await;
        assert!(object::peek(&shop, "2").await.is_some(), "it was predicted");
        object::remove(&shop, "2").await;
        assert!(object::peek(&shop, "2").await.is_none());
        let loads = shop.loads();
        object(&shop, "2").await.unwrap();
        assert!(shop.loads() > loads);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_are_sessions_and_wait_for_nobody() {
    let shop = Shop::new();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let shop = shop.clone();
            tokio::spawn(async move {
                for id in (0..20).cycle().take(2_000) {
                    assert!(object(&shop, &format!("t{id}")).await.is_ok());
                }
            })
        })
        .collect();
    for task in tasks {
        soon("a task", task).await.unwrap();
    }
    let (prediction, _) = shop.stats("object");
    assert!(prediction.wanted >= 20, "{prediction:?}");
}
