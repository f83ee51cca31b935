//! The counters say what happened, as a table and as data.

use std::sync::{Arc, LazyLock};

use cached_runtime::clock::Clock;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Cache, Stats, Tier, cache};

use crate::rig::{Down, World};

static CACHE: LazyLock<Cache> = LazyLock::new(|| Cache::builder().build().unwrap());

#[cache(cache = CACHE, ttl = "1h", weigh = |_| 1_000)]
async fn counted(n: u32) -> Result<u32, String> {
    if n == 13 { Err("unlucky".to_owned()) } else { Ok(n) }
}

#[tokio::test]
async fn hits_misses_loads_and_errors_add_up() {
    for n in [1, 2, 1, 1, 13] {
        let _answer = counted(n).await;
    }
    let stats = CACHE.stats();
    let site = stats.site("stats.counted").expect("a line of its own");
    assert_eq!((site.hits, site.misses, site.loads, site.load_errors), (2, 3, 3, 1));
    assert_eq!((site.entries, site.evictions, site.joins), (2, 0, 0));
    assert!((2_000..4_000).contains(&site.bytes), "{} bytes", site.bytes);
    assert!((site.hit_rate() - 0.4).abs() < 1e-9);
    assert_eq!(stats.near_bytes, site.bytes);

    let table = stats.to_string();
    assert!(table.contains("it.stats.counted") && table.contains("40.0"), "{table}");
    let copy: Stats = serde_json::from_str(&serde_json::to_string(&stats).unwrap()).unwrap();
    assert_eq!(copy, stats);
}

/// However often an old value answers for a failing source, no more is answered than was asked.
#[tokio::test]
async fn a_rate_is_never_over_one() {
    #[cache(ttl = "10s", stale = "1h", skip(world), cache = world.cache)]
    async fn held(world: &World, n: u32) -> Result<u64, Down> {
        let _ = n;
        world.source.read().await
    }
    let world = World::near_only();
    held(&world, 1).await.unwrap();
    world.source.fail(true);
    world.clock.advance(std::time::Duration::from_secs(20));
    for _ in 0..9 {
        held(&world, 1).await.unwrap();
    }
    let site = world.cache.stats().total();
    assert_eq!((site.hits, site.stale_hits, site.misses), (0, 9, 10));
    assert!((site.hit_rate() - 0.9).abs() < 1e-9, "{}", site.hit_rate());
}

/// What a tier did is told by tier and by site, in the data and in the table.
#[tokio::test]
async fn a_tier_tells_its_hits_its_misses_and_its_bytes() {
    #[cache(key = "told:{n}", ttl = "1h", skip(world), cache = world.cache)]
    async fn told(world: &World, n: u32) -> Result<u64, Down> {
        let _ = n;
        world.source.read().await
    }
    let (tier, clock): (Arc<dyn Tier>, _) = (Arc::new(MemoryTier::new()), Clock::manual());
    let first = World::over_at(Arc::clone(&tier), &clock);
    for n in 0..4 {
        told(&first, n).await.unwrap();
    }
    first.settle().await;
    let before = first.cache.stats();
    let level = &before.tiers[0];
    assert_eq!((level.hits, level.misses, level.written, level.pending, level.errors), (0, 4, 4, 0, 0));
    assert!(level.bytes_written > 0 && level.entries == 4 && level.bytes > 0, "{level:?}");

    let second = World::over_at(tier, &clock);
    for n in 0..8 {
        told(&second, n).await.unwrap();
    }
    second.settle().await;
    let after = second.cache.stats();
    let (site, level) = (after.site("told").unwrap(), &after.tiers[0]);
    assert_eq!((site.misses, site.tier_hits, site.promotions, site.tier_misses, site.loads), (8, 4, 4, 4, 4));
    assert_eq!((level.hits, level.misses, level.written), (4, 4, 4));
    assert!((level.hit_rate() - 0.5).abs() < 1e-9 && (site.hit_rate() - 0.5).abs() < 1e-9);
    assert!(level.bytes_read > 0);

    let table = after.to_string();
    for word in ["promoted", "evicted", "KiB", "written", "waiting", "memory"] {
        assert!(table.contains(word), "no `{word}` in\n{table}");
    }
    let line = table.lines().find(|line| line.contains(".told")).expect("a line of the site");
    assert!(line.contains("50.0"), "{line}");
}
