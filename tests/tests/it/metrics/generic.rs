//! A generic function is one site, whatever its instances are: one row wherever sites are told.

use std::time::Duration;

use cached_runtime::cache;
use cached_runtime::metrics::Prometheus;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::ServiceExt as _;

use super::text;
use super::{Down, World};
use crate::shelf::eventually;

const SITE: &str = "it.metrics.generic.typed";

#[cache(key = "generic:{id}", ttl = "1h", jitter = 0, skip(world, value), cache = &world.cache)]
async fn typed<T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static>(
    world: &World,
    id: u32,
    value: T,
) -> Result<T, Down> {
    world.source.read().await?;
    Ok(value)
}

/// Three instances: four loads, and so many hits.
async fn called(world: &World, hits: u32) {
    for id in 0..2 {
        typed(world, id, 7_u64).await.unwrap();
    }
    typed(world, 0, "seven".to_owned()).await.unwrap();
    typed(world, 0, vec![7_u8]).await.unwrap();
    for _ in 0..hits {
        typed(world, 0, 7_u64).await.unwrap();
        typed(world, 0, String::new()).await.unwrap();
    }
}

fn rows<'a>(of: &'a Value, list: &str) -> Vec<&'a Value> {
    of[list].as_array().unwrap().iter().filter(|row| row["site"] == SITE).collect()
}

#[tokio::test]
async fn instances_are_one_row_in_stats_and_quantiles_and_metrics() {
    let world = World::near_only();
    world.source.gate.open();
    called(&world, 10).await;
    let stats = world.cache.stats();
    let row = stats.sites.iter().filter(|row| row.site == SITE).collect::<Vec<_>>();
    assert_eq!((row.len(), row[0].loads, row[0].hits, row[0].entries), (1, 4, 20, 4));
    let performance = world.cache.performance();
    let row = performance.sites.iter().filter(|row| row.site == SITE).collect::<Vec<_>>();
    assert_eq!((row.len(), row[0].loads.count), (1, 4), "the times of all instances");
    let scraped = text::read(&Prometheus::new(&world.cache).render()).unwrap();
    assert_eq!(scraped.of("cached_loads_total").map(|(_, loads)| loads).collect::<Vec<_>>(), [4.0]);
    assert_eq!(scraped.of("cached_load_seconds").count(), 4, "one for each quantile");
}

#[tokio::test]
async fn instances_are_one_row_in_access_patterns_and_each_key_is_one() {
    let world = World::near_only();
    world.source.gate.open();
    let _noted = world.cache.access_patterns(1);
    called(&world, 500).await;
    let patterns = world.cache.access_patterns(100);
    assert_eq!(patterns.worst.iter().filter(|worst| worst.site == SITE).count(), 1, "{patterns:?}");
    let hot: Vec<&str> = patterns.hot.iter().map(|asked| asked.key.as_str()).collect();
    assert!(hot.contains(&"generic:0:u64") && hot.len() == 4, "a key of an instance says which: {patterns:?}");
}

/// Names for values of several types share what they are called: what both were asked for is one row.
#[tokio::test]
async fn a_name_for_values_of_two_types_is_one_key() {
    let world = World::near_only();
    let _noted = world.cache.access_patterns(1);
    let numbers = world.cache.namespace::<u64>("generic-names").unwrap();
    let texts = world.cache.namespace::<String>("generic-names").unwrap();
    for n in 0..50_u64 {
        assert_eq!(numbers.get_or_load("a", || async move { Ok::<_, Down>(n) }).await.unwrap(), 0);
        assert_eq!(texts.get_or_load("a", || async { Ok::<_, Down>(String::new()) }).await.unwrap(), "");
    }
    let patterns = world.cache.access_patterns(100);
    let hot: Vec<_> = patterns.hot.iter().filter(|asked| asked.key == "generic-names:a").collect();
    assert!(hot.len() == 1 && hot[0].times > 90.0, "{patterns:?}");
    assert_eq!(patterns.worst.iter().filter(|worst| worst.site == "generic-names").count(), 1);
}

/// A step of the chronicle is what all instances did, once.
#[tokio::test]
async fn the_chronicle_counts_each_call_of_each_instance_once() {
    let world = World::near_only();
    world.source.gate.open();
    world.cache.watch();
    called(&world, 10).await;
    let later = || {
        world.clock.advance(Duration::from_secs(5));
        !world.cache.moments(false).is_empty()
    };
    eventually("a step is over", later).await;
    let moments = world.cache.moments(false);
    assert_eq!(moments.iter().map(|moment| moment.hits).sum::<u64>(), 20);
    assert_eq!(moments.iter().map(|moment| moment.loads).sum::<u64>(), 4);
}

#[tokio::test]
async fn the_admin_api_lists_a_generic_function_once() {
    let world = World::near_only();
    world.source.gate.open();
    let router = cached_runtime::admin::Admin::new(&world.cache).open_reads(true).router().unwrap();
    called(&world, 200).await;
    let get = async |path: &str| -> Value {
        let request = Request::get(format!("/api/v1/cache/{path}")).header("host", "localhost");
        let response = router.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    };
    let stats = get("stats").await;
    let stats = rows(&stats, "sites");
    assert_eq!((stats.len(), stats[0]["loads"].as_u64()), (1, Some(4)));
    let sites = get("sites").await;
    let sites = rows(&sites, "sites");
    assert_eq!((sites.len(), sites[0]["stats"]["loads"].as_u64()), (1, Some(4)));
    assert_eq!(rows(&get("performance").await, "sites").len(), 1);
    assert_eq!(rows(&get("access-patterns").await, "worst").len(), 1);
    let health = get("health").await;
    assert_eq!(health["stats_summary"].as_object().unwrap().keys().filter(|site| *site == SITE).count(), 1);
    let key = get("keys/generic:0:u64").await;
    assert_eq!((key["verdict"].as_str(), key["near"].as_array().unwrap().len()), (Some("hit"), 1), "{key}");
    assert_eq!(key["sites"], serde_json::json!([SITE]));
}
