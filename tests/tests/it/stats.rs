//! The counters say what happened, as a table and as data.

use std::sync::LazyLock;

use cached_runtime::{Cache, Stats, cache};

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
