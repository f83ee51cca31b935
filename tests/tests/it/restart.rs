//! A restart comes back warm, whatever was invalidated before: nothing, or something else.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cached_runtime::{Builder, Cache, cache};

static LOADS: AtomicU64 = AtomicU64::new(0);

#[cache(key = "restart:{name}:{n}", ttl = "1h", skip(cache), cache = cache)]
async fn square(cache: &Cache, name: &str, n: u64) -> u64 {
    LOADS.fetch_add(1, Ordering::SeqCst);
    n * n
}

/// How many of ten values are loaded in each of two lives, with this done at the end of the first one.
async fn loads(name: &str, tiers: impl Fn(Builder, &Path) -> Builder, last: impl AsyncFn(&Cache)) -> [u64; 2] {
    let dir = tempfile::tempdir().unwrap();
    let mut lives = [0; 2];
    for (life, loads) in lives.iter_mut().enumerate() {
        let cache = tiers(Cache::builder(), dir.path()).build().unwrap();
        let before = LOADS.load(Ordering::SeqCst);
        for n in 0..10 {
            assert_eq!(square(&cache, name, n).await, n * n);
        }
        *loads = LOADS.load(Ordering::SeqCst) - before;
        if life == 0 {
            last(&cache).await;
        }
        let report = cache.shutdown(Duration::from_secs(20)).await;
        assert_eq!(report.unwritten, 0, "{report:?}");
    }
    lives
}

#[tokio::test]
async fn what_a_new_store_holds_is_believed_after_a_restart() {
    // One test, for the counter is shared.
    let disk = |builder: Builder, dir: &Path| builder.disk(dir.join("disk"));
    let sqlite = |builder: Builder, dir: &Path| builder.sqlite(dir.join("frames.db"));
    let both = |builder: Builder, dir: &Path| sqlite(disk(builder, dir), dir);
    assert_eq!(loads("disk", disk, async |_| ()).await, [10, 0]);
    assert_eq!(loads("sqlite", sqlite, async |_| ()).await, [10, 0]);
    assert_eq!(loads("both", both, async |_| ()).await, [10, 0]);
    let remove_one = async |cache: &Cache| drop(cache.invalidate_key(&square::key(cache, "one", 3)).await);
    assert_eq!(loads("one", disk, remove_one).await, [10, 1]);
    let remove_all = async |cache: &Cache| drop(cache.invalidate_namespace("restart").await);
    assert_eq!(loads("all", disk, remove_all).await, [10, 10]);
}
