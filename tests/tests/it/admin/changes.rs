//! What is changed, and what becomes of bodies that nobody should send.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::{Desk, WRITE, ask, page, request};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn what_is_cleared_is_cleared_by_each_of_its_names() {
    for body in [
        r#"{"key": "seen:1:page"}"#,
        r#"{"pattern": "seen:1:*"}"#,
        r#"{"tags": ["other", "seen:1"]}"#,
        r#"{"tag": "seen:1"}"#,
        r#"{"namespace": "seen"}"#,
        r#"{"all": true}"#,
    ] {
        for path in ["/api/v1/cache/clear", "/api/cache/clear"] {
            let desk = Desk::new();
            page(&desk.world, "1").await.unwrap();
            desk.world.source.write(7);
            assert_eq!(page(&desk.world, "1").await, Ok(0));
            let (status, told) = desk.post(path, body).await;
            assert_eq!((status, &told["applied"]), (StatusCode::OK, &Value::from("applied")), "{body}");
            assert_eq!(page(&desk.world, "1").await, Ok(7), "{body}");
        }
    }
}

#[tokio::test]
async fn a_tier_is_emptied_alone() {
    let desk = Desk::new();
    page(&desk.world, "1").await.unwrap();
    desk.world.settle().await;
    desk.world.source.write(7);
    let (status, told) = desk.post("/api/v1/cache/clear", r#"{"tier": "near"}"#).await;
    assert_eq!((status, told["removed"].as_u64()), (StatusCode::OK, Some(1)), "{told}");
    assert_eq!(page(&desk.world, "1").await, Ok(0), "the tier has it");
    let name = desk.world.cache.stats().tiers[0].tier.clone();
    let (status, told) = desk.post("/api/v1/cache/clear", &format!(r#"{{"tier": "{name}"}}"#)).await;
    assert_eq!((status, told["removed"].as_u64()), (StatusCode::OK, Some(1)), "{told}");
    desk.post("/api/v1/cache/clear", r#"{"tier": "near"}"#).await;
    assert_eq!(page(&desk.world, "1").await, Ok(7), "nobody has it");
    let (status, told) = desk.post("/api/v1/cache/clear", r#"{"tier": "nowhere"}"#).await;
    assert_eq!((status, &told["field"]), (StatusCode::UNPROCESSABLE_ENTITY, &Value::from("tier")));
    assert!(told["detail"].as_str().unwrap().contains(&name), "it names those that there are: {told}");
}

#[tokio::test]
async fn what_has_expired_is_removed() {
    let desk = Desk::new();
    for id in ["1", "2"] {
        page(&desk.world, id).await.unwrap();
    }
    desk.world.settle().await;
    desk.world.clock.advance(SECOND * 121);
    page(&desk.world, "3").await.unwrap();
    desk.world.settle().await;
    let (status, told) = desk.post("/api/cache/cleanup", "{}").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&told["cleaned"][0]["tier"], &told["cleaned"][0]["removed"]), (&Value::from("near"), &Value::from(2)));
    // The tier's own upkeep may have come first.
    assert_eq!(desk.explain("seen:1:page").await["tiers"][0]["state"], "absent", "{told}");
    assert_eq!(desk.explain("seen:3:page").await["verdict"], "hit");
}

#[tokio::test]
async fn numbers_of_a_site_change_while_it_runs() {
    let desk = Desk::new();
    page(&desk.world, "0").await.unwrap();
    let path = "/api/v1/cache/sites/it.admin.page";
    let (status, told) = desk.post(path, r#"{"ttl": "5s", "stale": 0, "capacity": 100000}"#).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    assert_eq!(
        (told["ttl"].as_f64(), told["stale"].as_f64(), told["capacity"].as_u64()),
        (Some(5.0), Some(0.0), Some(100_000))
    );
    page(&desk.world, "1").await.unwrap();
    let near = &desk.explain("seen:1:page").await["near"][0];
    assert_eq!((near["fresh_for"].as_f64(), near["usable_for"].as_f64()), (Some(5.0), Some(5.0)));
    let (_, sites) = desk.get("/api/v1/cache/sites").await;
    let site = sites["sites"].as_array().unwrap().iter().find(|site| site["site"] == "it.admin.page").unwrap();
    assert_eq!(site["tuned_ttl"].as_f64(), Some(5.0));
    let (_, told) = desk.post("/api/v1/cache/sites/admin.page", r#"{"paused": true}"#).await;
    assert_eq!(
        (&told["site"], &told["paused"]),
        (&Value::from("it.admin.page"), &Value::from(true)),
        "by its end, too"
    );
    assert_eq!(desk.explain("seen:1:page").await["near"][0]["state"], "paused");
    let (_, told) = desk.post(path, r#"{"reset": true}"#).await;
    assert_eq!((&told["ttl"], &told["paused"]), (&Value::Null, &Value::from(false)));
}

#[tokio::test]
async fn caching_and_prefetching_are_switched() {
    let desk = Desk::new();
    assert_eq!(desk.post("/api/v1/cache/pause", r#"{"paused": true}"#).await.0, StatusCode::OK);
    assert!(desk.world.cache.is_paused());
    assert_eq!(desk.get("/api/v1/cache/health").await.1["status"], "paused");
    desk.post("/api/v1/cache/pause", r#"{"paused": false}"#).await;
    assert!(!desk.world.cache.is_paused());
    desk.post("/api/v1/cache/prefetch", r#"{"on": false}"#).await;
    assert!(!desk.world.cache.is_prefetching());
    assert_eq!(desk.get("/api/v1/cache/stats").await.1["prefetching"], false);
    desk.post("/api/v1/cache/prefetch", r#"{"on": true}"#).await;
    assert!(desk.world.cache.is_prefetching());
}

/// A precise 4xx that names the field; and nothing is changed.
#[tokio::test]
async fn what_is_wrong_in_a_change_is_named() {
    let desk = Desk::new();
    page(&desk.world, "1").await.unwrap();
    let site = "/api/v1/cache/sites/it.admin.page";
    let long = "x".repeat(2_000);
    for (path, body, status, field) in [
        ("/api/v1/cache/clear", "{}", 422, "all"),
        ("/api/v1/cache/clear", r#"{"all": false}"#, 422, "all"),
        ("/api/v1/cache/clear", r#"{"all": "yes"}"#, 422, "all"),
        ("/api/v1/cache/clear", r#"{"all": true, "key": "seen:1:page"}"#, 422, "all"),
        ("/api/v1/cache/clear", r#"{"pattern": ""}"#, 422, "pattern"),
        ("/api/v1/cache/clear", r#"{"pattern": "a[bc]"}"#, 422, "pattern"),
        ("/api/v1/cache/clear", r#"{"pattern": "*****"}"#, 422, "pattern"),
        ("/api/v1/cache/clear", r#"{"pattern": 7}"#, 422, "pattern"),
        ("/api/v1/cache/clear", &format!(r#"{{"pattern": "{long}"}}"#), 422, "pattern"),
        ("/api/v1/cache/clear", r#"{"key": ""}"#, 422, "key"),
        ("/api/v1/cache/clear", &format!(r#"{{"key": "{long}"}}"#), 422, "key"),
        ("/api/v1/cache/clear", r#"{"tags": []}"#, 422, "tags"),
        ("/api/v1/cache/clear", r#"{"tags": [1]}"#, 422, "tags"),
        ("/api/v1/cache/clear", r#"{"namespace": "a:b"}"#, 422, "namespace"),
        ("/api/v1/cache/clear", r#"{"nobody": 1}"#, 422, "nobody"),
        (site, r#"{"ttl": -1}"#, 422, "ttl"),
        (site, r#"{"ttl": 0}"#, 422, "ttl"),
        (site, r#"{"ttl": 1e400}"#, 400, ""),
        (site, r#"{"ttl": 1e300}"#, 422, "ttl"),
        (site, r#"{"ttl": 1e18}"#, 422, "ttl"),
        (site, r#"{"ttl": "101years"}"#, 422, "ttl"),
        (site, r#"{"stale": 1e18}"#, 422, "stale"),
        (site, r#"{"ttl": 60, "stale": "500years"}"#, 422, "stale"),
        (site, r#"{"ttl": "soon"}"#, 422, "ttl"),
        (site, r#"{"ttl": "-5m"}"#, 422, "ttl"),
        (site, r#"{"ttl": [1]}"#, 422, "ttl"),
        (site, r#"{"stale": -0.5}"#, 422, "stale"),
        (site, r#"{"capacity": -1}"#, 422, "capacity"),
        (site, r#"{"capacity": 1.5}"#, 422, "capacity"),
        (site, r#"{"paused": 1}"#, 422, "paused"),
        (site, "{}", 422, "ttl"),
        (site, r#"{"ttl": 60, "tttl": 5}"#, 422, "tttl"),
        (site, "[]", 400, ""),
        (site, "{", 400, ""),
        (site, "null", 400, ""),
        ("/api/v1/cache/sites/nobody", r#"{"ttl": 60}"#, 404, ""),
        ("/api/v1/cache/prefetch", "{}", 422, "on"),
        ("/api/v1/cache/pause", r#"{"paused": "no"}"#, 422, "paused"),
        ("/api/v1/cache/cleanup", r#"{"deep": true}"#, 422, "deep"),
    ] {
        let (answered, told) = desk.post(path, body).await;
        assert_eq!(answered.as_u16(), status, "{path} {body}: {told}");
        assert_eq!(told["field"].as_str().unwrap_or_default(), field, "{path} {body}: {told}");
        assert!(!told["detail"].as_str().unwrap().is_empty());
    }
    assert_eq!(desk.world.cache.tuned("it.admin.page").unwrap().ttl, None, "nothing was changed");
    assert_eq!(desk.explain("seen:1:page").await["verdict"], "hit", "nothing was cleared");
}

/// A body over the limit, and one that nests beyond reason.
#[tokio::test]
async fn bodies_without_end_are_refused_and_the_cache_goes_on() {
    let desk = Desk::new();
    let large = format!(r#"{{"key": "{}"}}"#, "x".repeat(20_000));
    let (status, told) = desk.post("/api/v1/cache/clear", &large).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{told}");
    let deep = format!(r#"{{"key": {}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    assert_eq!(desk.post("/api/v1/cache/clear", &deep).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(desk.get("/api/v1/cache/health").await.0, StatusCode::OK);
}

/// Names that are made to hurt are answered as names.
#[tokio::test]
async fn hostile_names_are_names() {
    let desk = Desk::new();
    for hostile in [
        "%3Cimg%20src=x%20onerror=alert(1)%3E",
        "..%2F..%2Fetc%2Fpasswd",
        "%0d%0aset-cookie:x",
        "%00",
        "%FF",
        "%1b[31m",
    ] {
        for path in ["keys", "sites"] {
            let method = if path == "keys" { "GET" } else { "POST" };
            let uri = format!("/api/v1/cache/{path}/{hostile}");
            let (status, told) = ask(&desk.router, request(method, &uri, Some(WRITE), r#"{"ttl": 1}"#)).await;
            assert!(matches!(status.as_u16(), 200 | 400 | 404), "{uri}: {status} {told}");
            let detail = told["detail"].as_str().unwrap_or_default();
            assert!(!detail.contains(['\r', '\n', '\u{1b}', '\0']), "{uri}: {detail:?}");
        }
    }
}
