//! The adviser finds what is unsafe, and is silent where nothing is.

use std::time::Duration;

use cached_runtime::adviser::Severity;
use cached_runtime::{Cache, cache};

use super::rig::of_text;

fn ids(cache: &Cache) -> Vec<(&'static str, Severity)> {
    cache
        .advise()
        .into_iter()
        .filter(|advice| advice.site.is_none())
        .map(|advice| (advice.id, advice.severity))
        .collect()
}

#[test]
fn a_cache_that_says_nothing_is_told_nothing_of_itself() {
    let cache = Cache::builder().build().unwrap();
    let told: Vec<_> = ids(&cache).into_iter().filter(|(id, _)| *id != "equal-lives").collect();
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn what_is_configured_unsafely_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!(
        "strict = false\n[redis]\nurl = \"redis://192.0.2.1\"\n[tiers]\nmax_pending = 10\nread_deadline = \"5s\"\n\
         max_value = \"8MiB\"\n[near]\nbytes = \"9000TiB\"\n[near.limits]\nviedo = \"1MiB\"\n[disk]\npath = \"{}\"\n",
        dir.path().join("store").display()
    );
    let cache = of_text(&text).unwrap().builder().unwrap().build().unwrap();
    let told = ids(&cache);
    for id in [
        "near-over-memory",
        "temporary-store",
        "short-queue",
        "long-deadline",
        "redis-readable",
        "shared-prefix",
        "values-over-frames",
        "limit-of-nobody",
    ] {
        assert!(told.iter().any(|(known, _)| *known == id), "{id} in {told:?}");
    }
    assert_eq!(told[0], ("near-over-memory", Severity::Danger), "the gravest first");
}

#[cache(key = "config-risky:{id}", refresh_ahead = "4m", stale = "1h", cache_none)]
async fn risky(id: u64) -> Option<u64> {
    Some(id)
}

#[tokio::test]
async fn a_function_is_told_what_is_wrong_with_it_here() {
    let told = |cache: &Cache| {
        let advice = cache.advise().into_iter();
        let mut ids: Vec<_> = advice
            .filter(|advice| advice.site.as_deref().is_some_and(|s| s.ends_with("risky")))
            .map(|a| a.id)
            .collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(risky(1).await, Some(1));
    let usual = Cache::builder().build().unwrap();
    assert_eq!(told(&usual), ["nothing-served-stale", "stale-without-ttl"]);
    let short = Cache::builder().ttl(Duration::from_secs(200)).build().unwrap();
    assert_eq!(told(&short), ["nothing-served-stale", "refresh-ahead-of-life", "stale-without-ttl"]);
    let configured = of_text("[sites.\"config.advice.risky\"]\nttl = \"10m\"\nstale = \"0s\"").unwrap();
    assert!(told(&configured.builder().unwrap().build().unwrap()).is_empty(), "what is tuned counts");
}

#[cache(key = "config-tagged:{id}", tags = ["config-nobody:{id}"], ttl = "1m")]
async fn tagged(id: u64) -> u64 {
    id
}

#[cache(key = "config-told-of:{id}", tags = ["config-somebody:{id}"], ttl = "1m")]
async fn told_of(id: u64) -> u64 {
    id
}

#[cached_runtime::invalidate(tags = ["config-somebody:{id}"])]
async fn rename(id: u64) -> u64 {
    id
}

#[tokio::test]
async fn tags_that_nobody_invalidates_are_told() {
    assert_eq!((tagged(1).await, told_of(1).await, rename(1).await), (1, 1, 1));
    let cache = Cache::builder().build().unwrap();
    let named: Vec<_> = cache.advise().into_iter().filter(|advice| advice.id == "tags-of-nobody").collect();
    let is_told = |end: &str| named.iter().any(|advice| advice.site.as_deref().is_some_and(|site| site.ends_with(end)));
    assert!(is_told("advice.tagged") && !is_told("advice.told_of"), "{named:?}");
}
