//! Tiers of this node that are emptied by hand, beside their own upkeep.

use std::time::Duration;

use cached_runtime::{Builder, Cache, cache};
use tempfile::TempDir;

use crate::rig::soon;

const LONG: Duration = Duration::from_secs(20);

#[cache(key = "by-hand:{id}", tags = ["by-hand:{id}"], ttl = "1h", cache = cache, skip(cache))]
async fn row(cache: &Cache, id: u64) -> u64 {
    let _ = cache;
    id
}

fn with(tier: &str, fresh: &TempDir) -> Builder {
    // A machine that is busy is no failure.
    let builder = Cache::builder().read_deadline(LONG).write_deadline(LONG);
    match tier {
        "disk" => builder.disk(fresh.path().join("disk")),
        _ => builder.sqlite(fresh.path().join("file.db")),
    }
}

async fn stored(cache: &Cache, ids: std::ops::Range<u64>) {
    for id in ids {
        row(cache, id).await;
    }
    assert_eq!(cache.flush(LONG).await.unwritten, 0);
}

/// How many of these a tier still has.
async fn there(cache: &Cache, ids: std::ops::Range<u64>) -> u64 {
    cache.clear_tier("near").await.unwrap();
    let mut there = 0;
    for id in ids {
        there += u64::from(row::peek(cache, id).await.is_some());
    }
    cache.clear_tier("near").await.unwrap();
    there
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_engine_is_emptied_and_forgets_no_invalidation() {
    for tier in ["disk", "sqlite"] {
        let fresh = TempDir::new().unwrap();
        let cache = with(tier, &fresh).build().unwrap();
        stored(&cache, 0..1_400).await;
        cache.invalidate_tags(["by-hand:7"]).await;
        cache.invalidate_key(&row::key(&cache, 8)).await;
        let before = there(&cache, 0..20).await;
        assert_eq!(before, 18, "{tier}");
        // The own upkeep may have removed what was invalidated.
        let removed = soon("it ends", cache.clear_tier(tier)).await.unwrap();
        assert!((1_398..=1_399).contains(&removed), "{tier}: {removed}");
        assert_eq!(there(&cache, 0..1_400).await, 0, "{tier}");
        stored(&cache, 0..20).await;
        assert_eq!(there(&cache, 0..20).await, 20, "{tier}: it goes on");
        cache.shutdown(LONG).await;
        drop(cache);
        let next = with(tier, &fresh).build().unwrap();
        assert_eq!(there(&next, 0..20).await, 20, "{tier}: and the next process believes it");
        assert_eq!(soon("it ends", next.clear_tier(tier)).await.unwrap(), 20, "{tier}");
    }
}

/// Writes, which bring upkeep with them, go on while it is emptied; what was there before is gone, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tier_is_emptied_beside_its_own_upkeep() {
    for tier in ["disk", "sqlite"] {
        let fresh = TempDir::new().unwrap();
        let cache = with(tier, &fresh).build().unwrap();
        stored(&cache, 0..3_000).await;
        let writer = {
            let cache = cache.clone();
            tokio::spawn(async move {
                for id in 10_000..10_800 {
                    row(&cache, id).await;
                    tokio::task::yield_now().await;
                }
            })
        };
        let removed = soon("it ends", cache.clear_tier(tier)).await.unwrap();
        soon("the writer", writer).await.unwrap();
        assert_eq!(cache.flush(LONG).await.unwritten, 0);
        assert!(removed >= 3_000, "{tier}: {removed}");
        assert_eq!(there(&cache, 0..3_000).await, 0, "{tier}: what was there is gone");
        let cleaned = cache.cleanup().await;
        assert!(cleaned.iter().all(|cleaned| cleaned.error.is_none()), "{tier}: {cleaned:?}");
        let level = cache.stats().tiers[0].clone();
        assert_eq!((level.unreadable, level.errors), (0, 0), "{tier}: {level:?}");
    }
}
