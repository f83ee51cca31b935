//! What is answered is what was counted.

use http::StatusCode;
use serde_json::Value;

use super::{Desk, page, rewrite};
use crate::rig::{Down, World};

#[tokio::test]
async fn the_figures_are_those_of_the_cache() {
    let desk = Desk::new();
    for _ in 0..3 {
        page(&desk.world, "1").await.unwrap();
    }
    page(&desk.world, "2").await.unwrap();
    let stats = desk.world.cache.stats().total();
    for path in ["/api/v1/cache/stats", "/api/cache/stats"] {
        let (status, told) = desk.get(path).await;
        assert_eq!(status, StatusCode::OK);
        let cache = &told["cache"];
        assert_eq!((cache["hits"].as_u64(), cache["misses"].as_u64()), (Some(2), Some(2)));
        assert_eq!((cache["hits"].as_u64(), cache["loads"].as_u64()), (Some(stats.hits), Some(stats.loads)));
        assert_eq!(cache["hit_rate"].as_f64(), Some(stats.hit_rate()));
        assert_eq!(cache["local_cache_size"].as_u64(), Some(2));
        assert_eq!(told["sites"][0]["site"], "it.admin.page");
        assert_eq!(told["tiers"][0]["reads"], "closed");
    }
}

#[tokio::test]
async fn health_says_what_is_wrong_and_what_to_do() {
    let desk = Desk::new();
    assert_eq!(desk.get("/api/cache/health").await.1["status"], "healthy");
    for id in 0..1_200 {
        page(&desk.world, &id.to_string()).await.unwrap();
    }
    let (_, told) = desk.get("/api/v1/cache/health").await;
    assert_eq!(told["status"], "warning", "{told}");
    let warning = &told["warnings"][0];
    assert_eq!((&warning["code"], &warning["about"]), (&Value::from("low_hit_rate"), &Value::from("it.admin.page")));
    assert_eq!(told["stats_summary"]["it.admin.page"].as_f64(), Some(0.0));
    assert_eq!(told["redis_available"], Value::Null, "there is none");
    desk.world.chaos.fail(cached_runtime::testing::Operation::Get, 1.0);
    for id in 2_000..2_010 {
        page(&desk.world, &id.to_string()).await.unwrap();
    }
    let (_, told) = desk.get("/api/v1/cache/health").await;
    assert_eq!((&told["status"], &told["warnings"][0]["code"]), (&Value::from("degraded"), &Value::from("tier_away")));
}

#[tokio::test]
async fn hot_keys_and_missed_ones_are_told_as_keys() {
    let desk = Desk::new();
    for _ in 0..400 {
        page(&desk.world, "hot").await.unwrap();
    }
    for id in 0..3 {
        page(&desk.world, &format!("cold%{id}")).await.unwrap();
    }
    let (_, told) = desk.get("/api/v1/cache/access-patterns?limit=2").await;
    assert_eq!(told["hot"][0]["key"], "seen:hot:page", "{told}");
    let missed: Vec<&str> = told["missed"].as_array().unwrap().iter().filter_map(|m| m["key"].as_str()).collect();
    assert_eq!(missed.len(), 2);
    assert!(missed.iter().all(|key| key.starts_with("seen:")), "{missed:?}");
    for (query, field) in [("?limit=0", "limit"), ("?limit=1001", "limit"), ("?limit=x", "limit"), ("?most=1", "most")]
    {
        let (status, told) = desk.get(&format!("/api/v1/cache/access-patterns{query}")).await;
        assert_eq!((status, told["field"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some(field)));
    }
}

#[tokio::test]
async fn the_graph_says_who_makes_what_untrue() {
    let desk = Desk::new();
    rewrite(&desk.world, "1").await.unwrap();
    let (_, told) = desk.get("/api/v1/cache/sites").await;
    let site = told["sites"].as_array().unwrap().iter().find(|site| site["site"] == "it.admin.page").unwrap();
    assert_eq!(site["invalidated_by"][0]["function"], "it.admin.rewrite");
    assert_eq!(site["invalidated_by"][0]["by"], "tag seen:{}");
    assert_eq!((site["policy"]["ttl"].as_f64(), &site["key"]), (Some(60.0), &Value::from("seen:{}:page")));
    assert_eq!(site["stats"], Value::Null, "it was not called");
    let writers = told["graph"]["writers"].as_array().unwrap();
    assert!(writers.iter().any(|writer| writer["function"] == "it.admin.rewrite"));
}

#[tokio::test]
async fn the_loads_that_took_long_are_named() {
    let desk = Desk::over(World::near_only());
    page(&desk.world, "slow").await.unwrap();
    desk.world.source.fail(true);
    assert_eq!(page(&desk.world, "failing").await, Err(Down));
    let (_, told) = desk.get("/api/v1/cache/performance").await;
    let slow: Vec<&str> = told["slow_loads"].as_array().unwrap().iter().filter_map(|s| s["key"].as_str()).collect();
    assert!(slow.contains(&"seen:slow:page"), "{told}");
    assert_eq!(told["sites"][0]["loads"]["count"].as_u64(), Some(2));
    assert!(told["sites"][0]["loads"]["p99"].as_f64() >= told["sites"][0]["loads"]["p50"].as_f64());
}

/// What is asked for over time comes in steps, and steps are what happened in them.
#[tokio::test]
async fn the_last_hour_is_told_in_steps() {
    let desk = Desk::new();
    page(&desk.world, "1").await.unwrap();
    let points = async |step: u64| {
        let (status, told) = desk.get(&format!("/api/v1/cache/history?step={step}")).await;
        assert_eq!((status, told["step_seconds"].as_u64()), (StatusCode::OK, Some(step)));
        told["points"].as_array().unwrap().clone()
    };
    // It was looked at before the call was made, or after it: each step is told apart from the next by one more call.
    for calls in 1..=3 {
        let known = points(5).await.len();
        for _ in 0..calls {
            page(&desk.world, "1").await.unwrap();
        }
        while points(5).await.len() == known {
            desk.world.clock.advance(std::time::Duration::from_secs(5));
            tokio::task::yield_now().await;
        }
    }
    let hits: u64 = points(5).await.iter().filter_map(|point| point["hits"].as_u64()).sum();
    assert_eq!(hits, 6);
    assert_eq!(points(300).await.len(), 0);
    let (status, told) = desk.get("/api/v1/cache/history?step=7").await;
    assert_eq!((status, told["field"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("step")));
}

/// The description names every path, and each of its operations is told apart.
#[tokio::test]
async fn the_description_is_whole() {
    let desk = Desk::new();
    let (_, document) = desk.get("/api/v1/openapi.json").await;
    assert_eq!(document["openapi"], "3.1.0");
    let clear = &document["paths"]["/api/v1/cache/clear"]["post"];
    let fields = &clear["requestBody"]["content"]["application/json"]["schema"]["properties"];
    for field in ["key", "pattern", "tags", "namespace", "tier", "all"] {
        assert!(fields[field]["description"].is_string(), "{field}");
    }
    let mut ids: Vec<&str> = Vec::new();
    for methods in document["paths"].as_object().unwrap().values() {
        for operation in methods.as_object().unwrap().values().filter(|operation| operation["deprecated"] != true) {
            ids.push(operation["operationId"].as_str().unwrap());
        }
    }
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}
