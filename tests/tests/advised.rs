//! What a program that starts, and a file that changes, say in the log.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "shared/ear.rs"]
#[allow(dead_code, reason = "a part of it")]
mod ear;

use cached_runtime::Cache;
use cached_runtime::config::Config;

use crate::ear::Ear;

#[test]
fn a_cache_that_is_installed_tells_once_what_is_more_than_a_hint() {
    let ear = Ear::open();
    let cache = Cache::builder().near_bytes(1 << 60).paused(true).build().unwrap();
    assert!(ear.heard(&["near-over-memory"]).is_empty(), "not before");
    cache.install();
    let told = ear.heard(&["near-over-memory"]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("take a smaller `near_bytes`"), "{told:?}");
    assert!(ear.heard(&["all caching is switched off"]).is_empty(), "a hint is for who asks");
}

#[test]
fn a_wrong_file_is_told_with_its_setting_and_without_what_it_holds() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cached.toml");
    std::fs::write(&path, "").unwrap();
    let config = Config::from_file(&path).unwrap();
    let cache = config.builder().unwrap().build().unwrap();
    let watch = config.watch(&cache);
    let ear = Ear::open();
    std::fs::write(&path, "[near]\nbytes = \"hunter2\"").unwrap();
    assert!(watch.reload().is_err());
    let told = ear.heard(&["nothing was changed", "near.bytes", "is no size"]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(ear.heard(&["hunter2"]).is_empty());
    std::fs::write(&path, "prefetches = 3").unwrap();
    watch.reload().unwrap();
    assert_eq!(ear.heard(&["cannot change before the next start", "prefetches"]).len(), 1);
}
