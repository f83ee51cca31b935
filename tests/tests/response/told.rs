//! What became of a request is told: in `Cache-Status`, in statistics, in metrics.

use cached_runtime::metrics::Prometheus;
use http::StatusCode;

use crate::rig::{Answer, Text, World, answer, get, request, response, slow};

const MINUTE: (&str, &str) = ("cache-control", "max-age=60");

/// A layer that keeps short bodies of all paths but one.
fn world(handler: impl Fn() -> Answer + Send + Sync + 'static) -> World {
    World::with(|layer| layer.cache_status("edge").max_body(100).exclude(["/out"]), move |_, _| handler())
}

fn of_status(status: u16) -> Answer {
    let mut made = response(Text::Whole(Some("text".into())), &[MINUTE]);
    *made.status_mut() = StatusCode::from_u16(status).unwrap();
    Ok(made)
}

type Handler = Box<dyn Fn() -> Answer + Send + Sync>;

/// One response for each reason.
fn refused() -> Vec<(&'static str, Handler)> {
    let with =
        |fields: &'static [(&'static str, &'static str)]| -> Handler { Box::new(move || answer("text", fields)) };
    vec![
        ("status", Box::new(|| of_status(429))),
        ("status", Box::new(|| of_status(206))),
        ("no-store", with(&[("cache-control", "no-store, max-age=60")])),
        ("private", with(&[("cache-control", "private, max-age=60")])),
        ("set-cookie", with(&[MINUTE, ("set-cookie", "a=b")])),
        ("vary", with(&[MINUTE, ("vary", "*")])),
        ("unsaid", with(&[])),
        (
            "unsaid",
            Box::new(|| {
                let mut made = response(Text::Whole(None), &[]);
                *made.status_mut() = StatusCode::CREATED;
                Ok(made)
            }),
        ),
        ("spent", with(&[("cache-control", "max-age=0")])),
        ("spent", with(&[("cache-control", "no-cache")])),
        ("tags", Box::new(|| answer("text", &[MINUTE, ("cache-tag", &"t".repeat(100_000))]))),
        ("endless", Box::new(|| Ok(response(slow().1, &[MINUTE, ("content-type", "text/event-stream")])))),
        ("too-long", Box::new(|| answer("x".repeat(101), &[MINUTE]))),
        ("broken", with(&[MINUTE, ("content-length", "5")])),
    ]
}

#[tokio::test]
async fn who_is_not_kept_is_told_why() {
    for (why, handler) in refused() {
        let world = world(handler);
        let told = world.begin(get("/page", &[])).await.unwrap();
        assert_eq!(told.headers()["cache-status"], format!("edge; fwd=miss; detail={why}"));
        let stats = world.cache.stats().responses.remove("responses").unwrap();
        assert_eq!((stats.stored, stats.not_kept.total()), (0, 1), "{why}");
        let line = format!("cached_response_not_kept_total{{namespace=\"responses\",reason=\"{why}\"}} 1\n");
        assert!(Prometheus::new(&world.cache).render().contains(&line), "{why}");
    }
    let world = world(|| answer("text", &[MINUTE]));
    let asked = [("authorization", "Bearer one")];
    assert_eq!(world.ask(get("/page", &asked)).await.field("cache-status"), "edge; fwd=miss; detail=authorized");
    assert_eq!(world.get("/page").await.field("cache-status"), "edge; fwd=miss; ttl=60; stored", "the control");
}

/// Nor is it said of anything that it was stored while nothing is.
#[tokio::test]
async fn what_is_asked_for_in_a_pause_is_not_counted_as_stored() {
    let world = world(|| answer("text", &[MINUTE]));
    let stored = || world.cache.stats().responses["responses"].stored;
    world.cache.pause(true);
    world.get("/page").await;
    assert_eq!(stored(), 0);
    world.cache.pause(false);
    world.get("/page").await;
    assert_eq!(stored(), 1, "the control");
}

#[tokio::test]
async fn who_is_handed_on_is_told_why() {
    let world = world(|| answer("text", &[MINUTE]));
    let two = http::Request::get("http://one.test/page").header("host", "two.test");
    for (asked, told) in [
        (request("POST", "/page", &[]), "fwd=method"),
        (request("OPTIONS", "/page", &[]), "fwd=method"),
        (get("/out", &[]), "fwd=bypass; detail=path"),
        (get("/page", &[("cache-control", "no-store")]), "fwd=bypass; detail=request"),
        (two.body(http_body_util::Full::default()).unwrap(), "fwd=bypass; detail=host"),
    ] {
        assert_eq!(world.ask(asked).await.field("cache-status"), format!("edge; {told}"));
    }
    world.get("/page").await;
    world.cache.pause(true);
    assert_eq!(world.get("/page").await.field("cache-status"), "edge; fwd=bypass; detail=paused");
    world.cache.pause(false);
    assert_eq!(world.get("/page").await.field("cache-status"), "edge; hit; ttl=60");
}

#[tokio::test]
async fn layers_of_one_namespace_are_counted_together_and_others_apart() {
    let first = world(|| answer("text", &[MINUTE]));
    let of = |name: &str| {
        let cache = first.cache.clone();
        World::over(cache, |layer| layer.namespace(name), |_, _| answer("text", &[MINUTE]))
    };
    let (same, other) = (of("responses"), of("pages"));
    first.get("/page").await;
    same.get("/page").await;
    other.get("/page").await;
    let stats = first.cache.stats().responses;
    assert_eq!((stats["responses"].asked, stats["responses"].hits, stats["pages"].misses), (2, 1, 1));
    assert_eq!((first.responses.stats(), other.responses.stats()), (stats["responses"], stats["pages"]));
    let text = Prometheus::new(&first.cache).render();
    for line in [
        "cached_response_requests_total{namespace=\"responses\",result=\"hit\"} 1\n",
        "cached_response_requests_total{namespace=\"pages\",result=\"miss\"} 1\n",
        "cached_response_stored_total{namespace=\"pages\"} 1\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}
