//! What was counted, for those who scrape: the figures of the cache, under few labels.

mod generic;
mod late;
mod meter;
mod otel;
mod text;

use std::collections::BTreeSet;

use cached_runtime::cache;
use cached_runtime::metrics::Prometheus;
use cached_runtime::response::ResponseCache;

use crate::rig::{Down, World};

#[cache(key = "metered:{id}", ttl = "60s", skip(world), cache = &world.cache)]
async fn metered(world: &World, id: u64) -> Result<u64, Down> {
    world.source.read().await
}

/// The number behind a metric with these labels.
fn number(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(series));
    let line = line.unwrap_or_else(|| panic!("no `{series}` in\n{text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn what_is_scraped_is_what_was_counted() {
    let world = World::new();
    world.source.gate.open();
    let prometheus = Prometheus::new(&world.cache);
    for _ in 0..5 {
        metered(&world, 1).await.unwrap();
    }
    let text = prometheus.render();
    assert_eq!(number(&text, "cached_hits_total{site=\"it.metrics.metered\"}"), 4.0);
    assert_eq!(number(&text, "cached_loads_total{site=\"it.metrics.metered\"}"), 1.0);
    assert_eq!(number(&text, "cached_tier_breaker_open{tier=\"chaos(memory)\",way=\"reads\"}"), 0.0);
    assert!(text.contains("# TYPE cached_hits_total counter") && text.contains("# HELP cached_hits_total Calls"));
    metered(&world, 1).await.unwrap();
    assert_eq!(number(&prometheus.render(), "cached_hits_total{site=\"it.metrics.metered\"}"), 5.0, "and it follows");
}

/// However many keys, tags and namespaces there are, there are only so many series (S14).
#[tokio::test]
async fn neither_keys_nor_tags_nor_namespaces_without_end_make_series_without_end() {
    let world = World::near_only();
    world.source.gate.open();
    let prometheus = Prometheus::new(&world.cache);
    metered(&world, 0).await.unwrap();
    let series = || prometheus.render().lines().filter(|line| !line.starts_with('#') && !line.is_empty()).count();
    let before = series();
    for id in 0..20_000 {
        metered(&world, id).await.unwrap();
    }
    world.cache.invalidate_tags((0..1_000).map(|tag| format!("tag:{tag}"))).await;
    assert_eq!(series(), before, "keys and tags are no labels");
    for name in 0..400 {
        world.cache.namespace::<u64>(&format!("metered-{name}")).unwrap().set("a", 1);
    }
    let text = prometheus.render();
    let sites: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("cached_entries{site=\""))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(sites.len(), 256);
    assert_eq!(number(&text, "cached_entries{site=\"other\"}"), 401.0 - 255.0, "nothing is lost");
}

#[tokio::test]
async fn nor_do_response_caches_without_end() {
    let world = World::near_only();
    for name in 0..400 {
        let _layer = ResponseCache::builder(&world.cache).namespace(&format!("paged-{name}")).build().unwrap();
    }
    let text = Prometheus::new(&world.cache).render();
    assert_eq!(text.matches("\ncached_response_stored_total{").count(), 256);
    assert!(text.contains("\ncached_response_stored_total{namespace=\"other\"} 0\n"));
}

/// Secrets stand in no metric (S13).
#[tokio::test]
async fn what_is_secret_is_in_no_metric() {
    #[cache(ttl = "60s", skip(world), secret(token), cache = &world.cache)]
    async fn by_token(world: &World, token: &str) -> Result<u64, Down> {
        let _ = token;
        world.source.read().await
    }
    let world = World::near_only();
    world.source.gate.open();
    by_token(&world, "canary").await.unwrap();
    assert!(!Prometheus::new(&world.cache).render().contains("canary"));
}

/// The ready dashboard and the alerts of the examples ask for metrics that there are.
#[test]
fn dashboards_and_alerts_ask_for_what_there_is() {
    let table = cached_runtime::metrics::table();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/grafana");
    for file in ["dashboard.json", "alerts.yml"] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        let named: BTreeSet<&str> = text
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| word.starts_with("cached_"))
            .collect();
        assert!(named.len() >= 8, "{file}: {named:?}");
        for name in named {
            assert!(table.contains(&format!("`{name}`")), "{file} asks for `{name}`, which nobody counts");
        }
    }
}
