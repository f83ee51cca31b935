//! Bad configuration is an error at build that names the setting, never a silent no-op.

use std::time::Duration;

use cached_runtime::builder::Builder;
use cached_runtime::codec::Compression;
use cached_runtime::{Cache, ErrorKind, Eviction};

#[test]
fn every_wrong_setting_is_an_error_that_names_it() {
    type Set = fn(Builder) -> Builder;
    let wrong: [(&str, Set); 25] = [
        ("near_bytes", |b| b.near_bytes(0)),
        ("ttl", |b| b.ttl(Duration::ZERO)),
        ("ttl_for", |b| b.ttl_for("query:[ab]", Duration::from_secs(1))),
        ("ttl_for", |b| b.ttl_for("", Duration::from_secs(1))),
        ("ttl_for", |b| b.ttl_for("query:*", Duration::ZERO)),
        ("ttl", |b| b.ttl(Duration::MAX)),
        ("ttl_for", |b| b.ttl_for("query:*", Duration::from_secs(u64::MAX))),
        ("profile", |b| b.profile("query", Duration::MAX)),
        ("profile", |b| b.profile("query", Duration::ZERO)),
        ("namespace_limit", |b| b.namespace_limit("video", 0)),
        ("max_value", |b| b.max_value(0)),
        ("read_deadline", |b| b.read_deadline(Duration::ZERO)),
        ("write_deadline", |b| b.write_deadline(Duration::ZERO)),
        ("apply_deadline", |b| b.apply_deadline(Duration::ZERO)),
        ("breaker_failures", |b| b.breaker_failures(0)),
        ("max_pending", |b| b.max_pending(0)),
        ("compression_level", |b| b.compression_level(99)),
        ("namespace_limit", |b| b.namespace_limit("a:b", 1)),
        ("remembered_groups", |b| b.remembered_groups(0)),
        ("disk", |b| b.disk("")),
        ("disk", |b| b.disk_with("never-made", 0)),
        ("sqlite", |b| b.sqlite("")),
        ("sqlite", |b| b.sqlite_with("never-made", 0)),
        ("sqlite", |b| b.disk("never-made").sqlite("never-made")),
        ("rate", |b| b.rate("no.such.function", None)),
    ];
    for (setting, set) in wrong {
        let error = set(Cache::builder()).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{setting}");
        assert_eq!(error.context("setting"), Some(setting), "{error}");
        assert!(error.to_string().contains(setting), "{error}");
    }
    assert!(!std::path::Path::new("never-made").exists(), "what is refused is not opened");
}

#[tokio::test]
async fn what_is_no_namespace_is_refused_and_not_taken_for_an_empty_one() {
    let cache = Cache::builder().build().unwrap();
    for name in ["", "a:b", "a*", "a b", "a%3A"] {
        assert_eq!(cache.invalidate_namespace(name).await.unwrap_err().context("setting"), Some("namespace"), "{name}");
        assert_eq!(cache.namespace::<u64>(name).unwrap_err().context("setting"), Some("namespace"), "{name}");
    }
    for name in ["video", "größe", "a/b", "tenant@1"] {
        cache.invalidate_namespace(name).await.unwrap();
        cache.namespace::<u64>(name).unwrap();
    }
}

#[test]
fn a_level_that_the_compressor_does_not_have_is_refused() {
    for (compression, level) in [(Compression::Zlib, 10), (Compression::Zlib, -1), (Compression::Zstd, 23)] {
        let error = Cache::builder().compression(compression).compression_level(level).build().unwrap_err();
        assert_eq!(error.context("setting"), Some("compression_level"), "{compression:?}, {level}");
    }
    for compression in [Compression::None, Compression::Lz4] {
        let error = Cache::builder().compression(compression).compression_level(1).build().unwrap_err();
        assert_eq!(error.context("setting"), Some("compression_level"), "{compression:?} has no levels");
    }
    Cache::builder().compression(Compression::Zlib).compression_level(9).build().unwrap();
    Cache::builder().compression(Compression::Zstd).compression_level(22).build().unwrap();
}

#[test]
fn words_of_configuration_are_read_or_refused() {
    assert_eq!("clock".parse::<Eviction>().unwrap(), Eviction::Clock);
    assert_eq!("fifo".parse::<Eviction>().unwrap(), Eviction::Fifo);
    assert_eq!("lru".parse::<Eviction>().unwrap(), Eviction::Lru);
    assert_eq!("arc".parse::<Eviction>().unwrap_err().context("setting"), Some("eviction"));
    assert_eq!("100/s".parse::<cached_runtime::Rate>().unwrap().to_string(), "100/s");
    for wrong in ["", "100", "0/s", "-1/s", "+1/s", "1/w", "1 /s", "1.5/s", "1000000001/s", "/s"] {
        let error = wrong.parse::<cached_runtime::Rate>().unwrap_err();
        assert_eq!(error.context("setting"), Some("rate"), "{wrong}");
    }
    assert_eq!("xml".parse::<cached_runtime::codec::Format>().unwrap_err().context("setting"), Some("format"));
}
