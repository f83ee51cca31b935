//! The layer around a router of axum.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::response::IntoResponse;
use axum::routing::get;
use cached_runtime::Cache;
use cached_runtime::key::escape;
use cached_runtime::response::ResponseCache;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

#[tokio::test]
async fn a_router_is_cached_and_its_tags_are_invalidated() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let video = move |Path(id): Path<String>| async move {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let tag = format!("video:{}", escape(&id));
        ([("cache-control", "max-age=60".to_owned()), ("cache-tag", tag)], number.to_string()).into_response()
    };
    let cache = Cache::builder().build().unwrap();
    let responses = ResponseCache::builder(&cache).paths(["/videos/*"]).build().unwrap();
    let router =
        Router::new().route("/videos/{id}", get(video).put(|| async { StatusCode::NO_CONTENT })).layer(responses);
    let ask = async |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    };
    assert_eq!([ask("GET", "/videos/a:b").await, ask("GET", "/videos/a:b").await], ["1", "1"]);
    cache.invalidate_tags([format!("video:{}", escape("a:b"))]).await;
    assert_eq!(ask("GET", "/videos/a:b").await, "2");
    ask("PUT", "/videos/a:b").await;
    assert_eq!(ask("GET", "/videos/a:b").await, "3");
    assert_eq!(ask("GET", "/videos/other").await, "4");
}
