//! What is asked for takes effect: formats, lives by pattern, thresholds, bounds, secrets.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::codec::{Compression, Format, Frame};
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Builder, Cache, Tier, cache};

const SECOND: Duration = Duration::from_secs(1);

/// A cache over a tier in memory, and that tier, to look at what is stored.
fn over_memory(more: impl FnOnce(Builder) -> Builder) -> (Cache, Arc<MemoryTier>, Clock) {
    let (tier, clock) = (Arc::new(MemoryTier::new()), Clock::manual());
    let cache = more(Cache::builder().clock(clock.clone()).seed(1).tier(Arc::clone(&tier))).build().unwrap();
    (cache, tier, clock)
}

async fn stored(cache: &Cache, tier: &MemoryTier, key: &cached_runtime::Key) -> Frame {
    assert_eq!(cache.flush(5 * SECOND).await.unwritten, 0);
    let found = tier.get(std::slice::from_ref(key)).await.unwrap().remove(0);
    Frame::read(found.expect("the entry is stored")).unwrap()
}

#[cache(key = "option-plain:{id}", cache = cache)]
async fn plain(cache: &Cache, id: u32) -> Vec<String> {
    let _ = cache;
    vec![format!("value {id}"); 200]
}

#[cache(key = "option-json:{id}", format = "json", cache = cache)]
async fn json(cache: &Cache, id: u32) -> Vec<String> {
    plain(cache, id).await
}

#[cache(key = "option-msgpack:{id}", format = "msgpack", cache = cache)]
async fn msgpack(cache: &Cache, id: u32) -> Vec<String> {
    plain(cache, id).await
}

#[tokio::test]
async fn a_function_chooses_its_format_and_the_cache_the_others() {
    for (of_cache, named) in [(Format::Postcard, "postcard"), (Format::Json, "json")] {
        let (cache, tier, _clock) = over_memory(|b| b.format(of_cache).compression(Compression::None));
        let want = plain(&cache, 1).await;
        assert_eq!((json(&cache, 1).await, msgpack(&cache, 1).await), (want.clone(), want.clone()));
        let bytes = |frame: &Frame| frame.payload().to_vec();
        let as_json = bytes(&stored(&cache, &tier, &json::key(&cache, 1)).await);
        assert_eq!(serde_json::from_slice::<Vec<String>>(&as_json).unwrap(), want, "other programs read it");
        let as_msgpack = bytes(&stored(&cache, &tier, &msgpack::key(&cache, 1)).await);
        assert!(serde_json::from_slice::<Vec<String>>(&as_msgpack).is_err());
        let as_default = bytes(&stored(&cache, &tier, &plain::key(&cache, 1)).await);
        assert_eq!(as_default == as_json, of_cache == Format::Json, "the cache's own is {named}");
    }
}

#[tokio::test]
async fn values_under_the_threshold_are_not_compressed() {
    for (threshold, compressed) in [(1_000_000, false), (100, true)] {
        let (cache, tier, _clock) = over_memory(|b| b.compression(Compression::Zlib).compression_threshold(threshold));
        plain(&cache, 1).await;
        let frame = stored(&cache, &tier, &plain::key(&cache, 1)).await;
        assert_eq!(frame.payload().len() < frame.head().raw_len as usize, compressed, "threshold {threshold}");
    }
}

#[tokio::test]
async fn a_value_larger_than_allowed_is_answered_and_not_stored() {
    let (cache, tier, _clock) = over_memory(|b| b.max_value(100));
    assert_eq!(plain(&cache, 1).await.len(), 200);
    assert_eq!(cache.flush(5 * SECOND).await.unwritten, 0);
    assert_eq!(tier.get(&[plain::key(&cache, 1)]).await.unwrap(), [None]);
    assert_eq!(cache.stats().total().not_stored, 1);
}

#[cache(key = "option-life:short:{id}", jitter = 0, cache = cache)]
async fn short(cache: &Cache, id: u32) -> u32 {
    let _ = cache;
    id
}

#[cache(key = "option-life:own:{id}", ttl = "1h", jitter = 0, cache = cache)]
async fn own(cache: &Cache, id: u32) -> u32 {
    let _ = cache;
    id
}

#[cache(key = "option-other:{id}", jitter = 0, cache = cache)]
async fn other(cache: &Cache, id: u32) -> u32 {
    let _ = cache;
    id
}

/// The function's own ttl, else that of the key's pattern, else the cache's.
#[tokio::test]
async fn a_life_is_chosen_by_function_then_pattern_then_cache() {
    let set = |b: Builder| b.ttl(100 * SECOND).ttl_for("option-life:*", 10 * SECOND);
    let (cache, _tier, clock) = over_memory(set);
    assert_eq!((short(&cache, 1).await, own(&cache, 1).await, other(&cache, 1).await), (1, 1, 1));
    let mut passed = 0;
    for (second, alive) in [(9, [true; 3]), (10, [false, true, true]), (100, [false, true, false]), (3_600, [false; 3])]
    {
        clock.advance((second - passed) * SECOND);
        passed = second;
        let found = [short::peek(&cache, 1).await, own::peek(&cache, 1).await, other::peek(&cache, 1).await]
            .map(|v| v.is_some());
        assert_eq!(found, alive, "after {second} seconds: by pattern, by function, by cache");
    }
}

#[cache(key = "option-secret:{token}", secret(token), cache = cache)]
async fn secret(cache: &Cache, token: &str) -> usize {
    let _ = cache;
    token.len()
}

#[tokio::test]
async fn a_secret_part_depends_on_the_key_it_is_hashed_with() {
    let key = |secret: u8| {
        let (cache, _tier, _clock) = over_memory(|b| b.key_secret([secret; 16]));
        secret::key(&cache, "hunter2")
    };
    assert_eq!(key(1), key(1));
    assert_ne!(key(1), key(2));
    assert!(!key(1).as_str().contains("hunter2"));
}
