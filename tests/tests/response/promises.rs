//! What was invalidated is not served again: by tags, by writes, during a load, with a tier that fails.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::Cache;
use cached_runtime::clock::Clock;
use cached_runtime::key::escape;
use cached_runtime::testing::{Chaos, Operation};
use cached_runtime::tier::memory::MemoryTier;

use crate::rig::{World, answer, eventually, get, request, status};

/// Fresh for a minute, with the tag of its path's last segment.
fn tagged() -> World {
    World::of(|n, request| {
        let tag = format!("video:{}", escape(request.uri().path().trim_start_matches('/')));
        answer(format!("{n}"), &[("cache-control", "max-age=60"), ("cache-tag", &tag)])
    })
}

#[cached_runtime::invalidate(cache = cache.clone(), tags = ["video:{id}"])]
async fn rename(cache: &Cache, id: &str) {
    let _ = cache;
}

#[tokio::test]
async fn a_tag_of_a_response_is_invalidated_as_any_other() {
    let world = tagged();
    for path in ["/seven", "/eight"] {
        world.get(path).await;
    }
    rename(&world.cache, "seven").await;
    assert_eq!(world.get("/seven").await.text(), "3");
    assert_eq!(world.get("/eight").await.text(), "2");
    world.cache.invalidate_tags(["video:eight"]).await;
    assert_eq!(world.get("/eight").await.text(), "4");
}

/// P1 and P2: what was asked for before an invalidation is not what is served after it.
#[tokio::test]
async fn what_is_invalidated_while_it_is_asked_for_is_not_served_after() {
    let world = tagged();
    world.source.gate.close();
    let before = world.asking(get("/seven", &[]));
    world.source.gate.arrived(1).await;
    world.cache.invalidate_tags(["video:seven"]).await;
    let after = world.asking(get("/seven", &[]));
    // It does not wait for the one that is under way, which is as old as the service's first answer.
    world.source.gate.arrived(2).await;
    world.source.gate.open();
    assert_eq!(before.await.unwrap().text(), "1");
    assert_eq!(after.await.unwrap().text(), "2");
    assert_eq!(world.get("/seven").await.text(), "2");
    assert_eq!(world.asked(), 2);
}

/// The control: without an invalidation in between, the first answer serves all.
#[tokio::test]
async fn control_what_is_not_invalidated_meanwhile_is_served_to_all() {
    let world = tagged();
    world.source.gate.close();
    let before = world.asking(get("/seven", &[]));
    world.source.gate.arrived(1).await;
    world.cache.invalidate_key(&cached_runtime::Key::from_stored("another:key")).await;
    let after = world.asking(get("/seven", &[]));
    eventually("both have come", || world.responses.stats().asked == 2).await;
    world.source.gate.open();
    assert_eq!(before.await.unwrap().text(), "1");
    assert_eq!(after.await.unwrap().text(), "1");
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn a_change_takes_back_what_is_kept_of_its_address_and_of_those_it_names() {
    let world = World::of(|n, request| match request.method().as_str() {
        "GET" => answer(format!("{n}"), &[("cache-control", "max-age=60"), ("vary", "x-kind")]),
        "POST" => status(201, &[("location", "/new"), ("content-location", "http://other.test/far")]),
        "PATCH" => status(request.uri().query().map_or(500, |code| code.parse().unwrap()), &[("location", "/new")]),
        "DELETE" => Err(crate::rig::Down),
        _ => status(204, &[]),
    });
    for (method, path, is_gone) in [
        ("PUT", "/page", true),
        ("POST", "/new", true),
        ("POST", "/far", false),
        ("PATCH", "/page", false),
        ("PATCH", "/page?501", false),
        ("PATCH", "/page?409", false),
        // Who waited in vain does not know whether it was done.
        ("PATCH", "/page?408", true),
        ("PATCH", "/page?502", true),
        ("PATCH", "/page?503", true),
        ("PATCH", "/page?504", true),
        ("PATCH", "/new", false),
        ("OPTIONS", "/page", false),
        // Nobody knows whether what failed was done.
        ("DELETE", "/page", true),
        ("M-SEARCH", "/page", true),
    ] {
        let kinds = ["one", "two"];
        let mut before = Vec::new();
        for kind in kinds {
            before.push(world.ask(get(path, &[("x-kind", kind)])).await.text().to_owned());
        }
        drop(
            world
                .try_ask(request(
                    method,
                    if method == "POST" {
                        "/list"
                    } else if path == "/new" {
                        "/page?504"
                    } else {
                        path
                    },
                    &[],
                ))
                .await,
        );
        for (kind, before) in kinds.iter().zip(before) {
            let after = world.ask(get(path, &[("x-kind", kind)])).await;
            assert_eq!(after.text() != before, is_gone, "{method} {path}");
        }
    }
}

/// Every group that is invalidated is remembered: what cannot be stored is none.
#[tokio::test]
async fn a_change_of_what_is_not_cached_is_no_invalidation() {
    let world = World::with(|layer| layer.paths(["/api/*"]), |_, _| status(204, &[("location", "/list")]));
    for _ in 0..3 {
        world.ask(request("POST", "/form", &[])).await;
    }
    assert_eq!((world.cache.stats().invalidations, world.responses.stats().invalidating), (0, 0));
    world.ask(request("POST", "/api/a", &[])).await;
    assert_eq!((world.cache.stats().invalidations, world.responses.stats().invalidating), (1, 1));
}

/// A caller who gives up in the middle of a change may have made it.
#[tokio::test]
async fn a_change_that_is_given_up_takes_back_what_is_kept() {
    let world = World::of(|n, _| answer(format!("{n}"), &[("cache-control", "max-age=60")]));
    world.get("/page").await;
    world.source.gate.close();
    let change = world.asking(request("PUT", "/page", &[]));
    world.source.gate.arrived(2).await;
    change.abort();
    assert!(change.await.unwrap_err().is_cancelled());
    world.source.gate.open();
    assert_eq!(world.get("/page").await.text(), "3");
}

#[tokio::test]
async fn a_stale_answer_is_not_served_when_it_was_invalidated() {
    let fields = &[("cache-control", "max-age=1, stale-if-error=60, stale-while-revalidate=60"), ("cache-tag", "a")];
    let world = World::of(move |n, _| if n == 1 { answer("old", fields) } else { status(503, &[]) });
    world.get("/page").await;
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(world.get("/page").await.text(), "old", "the control: nothing was invalidated");
    eventually("the refresh behind is over", || world.asked() == 2).await;
    world.cache.invalidate_tags(["a"]).await;
    assert_eq!(world.get("/page").await.status, 503);
}

/// Invalidated while the origin is asked whether it still stands: its answer was made before that.
#[tokio::test]
async fn what_is_validated_is_not_kept_if_it_was_invalidated_meanwhile() {
    let fields = &[("cache-control", "max-age=1"), ("etag", "\"a\""), ("cache-tag", "a")];
    let world = World::of(move |n, request| match request.headers().contains_key("if-none-match") {
        true => status(304, fields),
        false => answer(format!("{n}"), fields),
    });
    world.get("/page").await;
    world.clock.advance(Duration::from_secs(2));
    world.source.gate.close();
    let asking = world.asking(get("/page", &[]));
    world.source.gate.arrived(2).await;
    world.cache.invalidate_tags(["a"]).await;
    world.source.gate.open();
    assert_eq!(asking.await.unwrap().text(), "1", "it was asked for before");
    assert_eq!(world.get("/page").await.text(), "3");
}

#[tokio::test]
async fn responses_outlive_the_layer_in_a_tier_and_what_is_invalidated_goes_there_too() {
    let tier = Arc::new(MemoryTier::new());
    let (clock, chaos) = (Clock::manual(), Arc::new(Chaos::new(tier, 7)));
    let cache = || Cache::builder().clock(clock.clone()).tier(Arc::clone(&chaos)).build().unwrap();
    let handler = |n, _: &_| {
        answer(
            format!("{n} {}", "x".repeat(2_000)),
            &[
                ("cache-control", "max-age=60"),
                ("content-type", "text/plain"),
                ("x-bytes", "caf\u{e9}"),
                ("vary", "x-kind"),
                ("cache-tag", "a"),
            ],
        )
    };
    let first = World::over(cache(), |layer| layer, handler);
    let known = first.ask(get("/page", &[("x-kind", "one"), ("accept-encoding", "br")])).await;
    first.cache.flush(Duration::from_secs(5)).await;
    let second = World::over(cache(), |layer| layer, handler);
    let found = second.ask(get("/page", &[("x-kind", "one"), ("accept-encoding", "br")])).await;
    assert_eq!((second.asked(), &found.body), (0, &known.body));
    assert_eq!(found.headers["x-bytes"].as_bytes(), "caf\u{e9}".as_bytes());
    assert_eq!(second.ask(get("/page", &[("x-kind", "two")])).await.text()[..2], *"1 ");
    second.cache.invalidate_tags(["a"]).await;
    let third = World::over(cache(), |layer| layer, handler);
    third.ask(get("/page", &[("x-kind", "one")])).await;
    assert_eq!(third.asked(), 1);
}

#[tokio::test]
async fn a_tier_that_fails_costs_no_request() {
    let (clock, chaos) = (Clock::manual(), Arc::new(Chaos::new(Arc::new(MemoryTier::new()), 7)));
    let cache = Cache::builder().clock(clock).tier(Arc::clone(&chaos)).build().unwrap();
    let world = World::over(cache, |layer| layer, |n, _| answer(format!("{n}"), &[("cache-control", "max-age=60")]));
    for operation in [Operation::Get, Operation::Put, Operation::Apply] {
        chaos.fail(operation, 1.0);
    }
    assert_eq!(world.get("/page").await.text(), "1");
    assert_eq!(world.get("/page").await.text(), "1");
    world.ask(request("PUT", "/page", &[])).await;
    assert_eq!(world.get("/page").await.text(), "3");
}
