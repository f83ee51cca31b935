//! What is told of time: steps of an hour and of a day, and the hours of the day.

use std::time::Duration;

use cached_runtime::Access;
use http::StatusCode;
use serde_json::Value;

use super::{Desk, READ, admin, ask, page, request};

const STEP: Duration = Duration::from_secs(5);

/// So much time passes, and what happened in it is noted.
async fn pass(desk: &Desk, time: Duration) -> Value {
    desk.world.clock.advance(time);
    let since = desk.world.clock.now() - 1;
    loop {
        let (status, told) = desk.get(&format!("/api/v1/cache/history?since={since}")).await;
        assert_eq!(status, StatusCode::OK, "{told}");
        let points = told["points"].as_array().unwrap();
        assert!(points.len() <= 1, "what came before is not told again: {told}");
        if let Some(point) = points.first() {
            return point.clone();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_step_tells_how_long_things_took_and_what_each_tier_did() {
    let desk = Desk::new();
    page(&desk.world, "1").await.unwrap();
    page(&desk.world, "1").await.unwrap();
    desk.world.settle().await;
    let point = pass(&desk, STEP).await;
    assert_eq!((point["hits"].as_u64(), point["loads"].as_u64()), (Some(1), Some(1)), "{point}");
    assert!(point["load_p50"].as_f64() > Some(0.0) && point["load_p99"].as_f64() >= point["load_p50"].as_f64());
    let tier = &point["tiers"][0];
    let name = desk.world.cache.stats().tiers[0].tier.clone();
    assert_eq!((tier["tier"].as_str(), tier["hits"].as_u64()), (Some(&*name), Some(0)), "{point}");
    assert_eq!(tier["misses"].as_u64(), Some(1));
    assert!(tier["read_p50"].as_f64() > Some(0.0) && tier["read_p99"].as_f64() > Some(0.0), "{point}");
    desk.post("/api/v1/cache/clear", r#"{"tier": "near"}"#).await;
    page(&desk.world, "1").await.unwrap();
    let point = pass(&desk, STEP).await;
    assert_eq!(
        (point["load_p50"].clone(), point["load_p99"].clone()),
        (Value::Null, Value::Null),
        "nothing was loaded"
    );
    assert_eq!((point["tiers"][0]["hits"].as_u64(), point["tiers"][0]["answered"].as_u64()), (Some(1), Some(1)));
    // A frame past its ttl is a hit of the tier, and answers nobody.
    pass(&desk, Duration::from_secs(61)).await;
    desk.post("/api/v1/cache/clear", r#"{"tier": "near"}"#).await;
    page(&desk.world, "1").await.unwrap();
    let point = pass(&desk, STEP).await;
    assert_eq!(
        (point["tiers"][0]["hits"].as_u64(), point["tiers"][0]["answered"].as_u64()),
        (Some(1), Some(0)),
        "{point}"
    );
    desk.world.settle().await;
    let point = pass(&desk, STEP).await;
    assert_eq!((&point["tiers"][0]["read_p50"], &point["near_p50"]), (&Value::Null, &Value::Null), "nothing happened");
    for wrong in ["-1", "soon", "1.5", ""] {
        let (status, told) = desk.get(&format!("/api/v1/cache/history?since={wrong}")).await;
        assert_eq!((status, told["field"].as_str()), (StatusCode::UNPROCESSABLE_ENTITY, Some("since")), "{wrong}");
    }
    let (_, document) = desk.get("/api/v1/openapi.json").await;
    let parameters = document["paths"]["/api/v1/cache/history"]["get"]["parameters"].as_array().unwrap().clone();
    assert_eq!(parameters.iter().map(|parameter| &parameter["name"]).collect::<Vec<_>>(), ["step", "since"]);
}

/// A day and a half of busy days and quiet nights.
#[tokio::test]
async fn the_hours_of_the_day_are_told_as_far_as_they_were_watched() {
    let desk = Desk::new();
    let patterns = async || desk.get("/api/v1/cache/access-patterns").await.1["daily"].clone();
    let told = patterns().await;
    assert_eq!((told["days"].as_f64(), told["hours"].as_array().unwrap().len()), (Some(0.0), 24));
    assert!(told["hours"].as_array().unwrap().iter().all(|hour| hour["calls"].is_null() && hour["hit_rate"].is_null()));
    // Who counted the calls of the hour in which the clock jumped would count too many.
    page(&desk.world, "1").await.unwrap();
    let midnight = Duration::from_secs(12_000 * 86_400);
    pass(&desk, midnight - Duration::from_millis(desk.world.clock.now())).await;
    let half = Duration::from_secs(1_800);
    for step in 0..72 {
        let calls = if (8..20).contains(&(step / 2 % 24)) { 10 } else { 1 };
        for _ in 0..calls {
            page(&desk.world, "1").await.unwrap();
        }
        pass(&desk, half).await;
    }
    let told = patterns().await;
    let near = |value: &Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 1e-6;
    assert!(near(&told["days"], 1.5), "{}", told["days"]);
    for (hour, days, calls, hit_rate) in
        [(3, 2.0, 2.0, 0.0), (10, 2.0, 20.0, 0.9), (12, 1.0, 20.0, 0.9), (22, 1.0, 2.0, 0.0)]
    {
        let told = &told["hours"][hour];
        assert!(near(&told["hour"], hour as f64) && near(&told["days"], days), "{told}");
        assert!(near(&told["calls"], calls) && near(&told["hit_rate"], hit_rate), "{told}");
    }
    assert_eq!(told["sites"][0]["site"], "it.admin.page");
    assert!(near(&told["sites"][0]["hours"][12]["calls"], 20.0));
    // Who may see nothing of it is told of the hours, and of no call.
    let theirs = desk.world.cache.restricted(Access::new().read("theirs")).unwrap();
    let router = admin(&theirs).router().unwrap();
    let (_, told) = ask(&router, request("GET", "/api/v1/cache/access-patterns", Some(READ), "")).await;
    let hours = told["daily"]["hours"].as_array().unwrap();
    assert!(hours.iter().all(|hour| hour["calls"].as_f64() == Some(0.0)), "{told}");
    assert_eq!(told["daily"]["sites"], serde_json::json!([]));
}
