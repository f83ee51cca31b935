//! Vectors below near: after a restart, and with tiers that fail.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::Cache;
use cached_runtime::embed::{CachedModel, Precision};
use cached_runtime::testing::Operation;
use cached_runtime::tier::disk::{Disk, DiskOptions};
use cached_runtime::tier::memory::MemoryTier;
use tempfile::TempDir;

use super::{Failing, Model, meaning, texts};
use crate::rig::{LONG, World};

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::F16, Precision::I8];

/// One process after the other over one directory.
async fn process<T>(dir: &TempDir, run: impl AsyncFnOnce(&Cache) -> T) -> T {
    let disk = Disk::open(DiskOptions::new(dir.path().join("store")));
    let cache = Cache::builder().tier(Arc::new(disk)).read_deadline(LONG).write_deadline(LONG).build().unwrap();
    let out = run(&cache).await;
    assert_eq!(cache.shutdown(LONG).await.unwritten, 0);
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restart_no_text_reaches_the_model() {
    let (dir, texts) = (TempDir::new().unwrap(), texts(0, 150));
    for precision in PRECISIONS {
        let base = Model::new();
        let of = |cache: &Cache| base.options().precision(precision).build(cache).unwrap();
        let before = process(&dir, async |cache| of(cache).embed(&texts).await.unwrap()).await;
        assert_eq!(base.asked().concat().len(), 150);
        let (after, stats) = process(&dir, async |cache| {
            let model = of(cache);
            (model.embed(&texts).await.unwrap(), model.stats())
        })
        .await;
        assert_eq!(base.times(), 0, "{precision:?}");
        assert_eq!((stats.asked, stats.tier_hits, stats.near_hits), (0, 150, 0));
        let bits = |all: &[Arc<[f32]>]| all.concat().iter().map(|n| n.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&before), bits(&after), "a caller cannot tell a hit from a miss: {precision:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_forgotten_stays_so_after_a_restart() {
    let (dir, base) = (TempDir::new().unwrap(), Model::new());
    process(&dir, async |cache| {
        let model = base.cached(cache);
        model.embed(&["a", "b"]).await.unwrap();
        assert_eq!(cache.flush(LONG).await.unwritten, 0);
        model.forget("b").await;
    })
    .await;
    base.asked();
    process(&dir, async |cache| base.cached(cache).embed(&["a", "b"]).await.unwrap()).await;
    assert_eq!(base.asked(), [["b"]]);
}

/// Whoever changed a model without telling gets the new vectors, not two lengths.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_vectors_of_another_length_make_room() {
    let (dir, base) = (TempDir::new().unwrap(), Model::new());
    process(&dir, async |cache| base.cached(cache).embed(&["a", "b", "c"]).await.unwrap()).await;
    base.set_dimensions(12);
    base.asked();
    process(&dir, async |cache| {
        let model = base.cached(cache);
        assert_eq!(model.embed_one("new").await.unwrap().len(), 12);
        let vectors = model.embed(&["b", "new", "a"]).await.unwrap();
        assert!(vectors.iter().all(|vector| vector.len() == 12));
        assert_eq!(*vectors[2], *meaning("a", 12));
        assert_eq!(base.asked().concat(), ["new", "b", "a"]);
    })
    .await;
}

/// One wrong vector, at the worst moment, costs no right one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_vectors_stay_until_the_model_has_given_others() {
    let (dir, base) = (TempDir::new().unwrap(), Model::new());
    process(&dir, async |cache| base.cached(cache).embed(&["a", "b", "c"]).await.unwrap()).await;
    process(&dir, async |cache| {
        let model = base.cached(cache);
        base.fail("odd", Failing::Short);
        base.fail("a", Failing::Error);
        assert_eq!(model.embed_one("odd").await.unwrap().len(), 7, "nobody can know");
        let told = model.embed_each(&["a", "b", "c"]).await.unwrap();
        assert!(told.iter().all(Result::is_err), "the model is asked who is right, and says nothing");
    })
    .await;
    base.mend();
    base.asked();
    process(&dir, async |cache| {
        let vectors = base.cached(cache).embed(&["a", "b", "c"]).await.unwrap();
        assert!(vectors.iter().all(|vector| vector.len() == 8));
        assert_eq!(base.times(), 0);
    })
    .await;
}

async fn over(tier: &Arc<MemoryTier>) -> (World, Model, CachedModel<Model>) {
    let (world, base) = (World::over(Arc::clone(tier) as _), Model::new());
    let model = base.options().max_batch(8).build(&world.cache).unwrap();
    (world, base, model)
}

#[tokio::test]
async fn a_tier_that_fails_is_no_failure_of_the_callers() {
    for operation in [Operation::Get, Operation::Put] {
        let tier = Arc::new(MemoryTier::new());
        let (world, _base, model) = over(&tier).await;
        model.embed(&texts(0, 30)).await.unwrap();
        world.settle().await;
        let (world, base, model) = over(&tier).await;
        world.chaos.fail(operation, 1.0);
        let vectors = model.embed(&texts(0, 40)).await.unwrap();
        assert_eq!(vectors.len(), 40);
        assert_eq!(*vectors[39], *meaning("text 39", 8));
        let asked = base.asked().concat().len();
        assert_eq!(asked, if operation == Operation::Get { 40 } else { 10 });
        // Near has them all the same.
        model.embed(&texts(0, 40)).await.unwrap();
        assert_eq!(base.times(), 0);
    }
}

#[tokio::test]
async fn a_dead_tier_and_a_bad_batch_at_once_fail_for_the_batch_alone() {
    let (world, base, model) = over(&Arc::new(MemoryTier::new())).await;
    world.chaos.fail(Operation::Get, 1.0);
    world.chaos.fail(Operation::Put, 1.0);
    base.fail("text 9", Failing::Error);
    let told = model.embed_each(&texts(0, 24)).await.unwrap();
    let failed: Vec<usize> = (0..24).filter(|&i| told[i].is_err()).collect();
    assert_eq!(failed, (8..16).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_vector_that_nobody_asks_for_is_not_read_again_when_its_life_is_over() {
    let tier = Arc::new(MemoryTier::new());
    let (world, base) = (World::over(Arc::clone(&tier) as _), Model::new());
    let model = base.options().ttl(Duration::from_secs(60)).build(&world.cache).unwrap();
    model.embed(&["a"]).await.unwrap();
    world.settle().await;
    let next = World::over_at(tier, &world.clock);
    world.clock.advance(Duration::from_secs(61));
    base.options().ttl(Duration::from_secs(60)).build(&next.cache).unwrap().embed(&["a"]).await.unwrap();
    assert_eq!(base.times(), 2);
}

/// Who has another secret finds nothing, and cannot try texts against keys.
#[tokio::test]
async fn another_secret_makes_other_keys() {
    let base = Model::new();
    let key = |secret: [u8; 16]| {
        let cache = Cache::builder().key_secret(secret).build().unwrap();
        base.cached(&cache).key("guess me")
    };
    assert_ne!(key([1; 16]), key([2; 16]));
    assert_eq!(key([1; 16]), key([1; 16]));
}
