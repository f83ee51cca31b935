//! What is stored, for whom, and for how long.

use std::time::Duration;

use crate::rig::{World, answer, get, request, status};

const MINUTE: (&str, &str) = ("cache-control", "max-age=60");

/// Is the second request answered from the cache?
async fn is_kept(fields: &[(&str, &str)], asks: &[(&str, &str)]) -> bool {
    let fields: Vec<(String, String)> = fields.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let world = World::of(move |n, _| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        answer(format!("{n}"), &fields)
    });
    world.ask(get("/page", asks)).await;
    world.ask(get("/page", asks)).await;
    world.asked() == 1
}

#[tokio::test]
async fn only_what_says_that_it_may_be_kept_is_kept() {
    assert!(is_kept(&[MINUTE], &[]).await);
    assert!(is_kept(&[("cdn-cache-control", "max-age=60"), ("cache-control", "no-store")], &[]).await);
    assert!(is_kept(&[("cache-control", "s-maxage=60, max-age=0")], &[]).await);
    for refused in ["no-store", "private", "private, max-age=60", "no-cache, max-age=60", "max-age=0", "max-age=x", ""]
    {
        assert!(!is_kept(&[("cache-control", refused)], &[]).await, "{refused}");
    }
    assert!(!is_kept(&[("cdn-cache-control", "no-store"), MINUTE], &[]).await);
    assert!(!is_kept(&[MINUTE, ("set-cookie", "id=1")], &[]).await);
    assert!(!is_kept(&[MINUTE, ("vary", "*")], &[]).await);
    assert!(!is_kept(&[MINUTE], &[("cache-control", "no-store")]).await);
    assert!(!is_kept(&[MINUTE], &[("if-match", "\"a\"")]).await);
}

#[tokio::test]
async fn who_is_authorized_gets_nothing_kept_but_what_says_that_it_is_for_all() {
    let authorized = &[("authorization", "Bearer one")];
    assert!(!is_kept(&[MINUTE], authorized).await);
    for said in ["public, max-age=60", "s-maxage=60", "must-revalidate, max-age=60"] {
        assert!(is_kept(&[("cache-control", said)], authorized).await, "{said}");
    }
    // Nor what was kept for one who is not.
    let world = World::of(|n, _| answer(format!("{n}"), &[MINUTE]));
    world.get("/page").await;
    assert_eq!(world.ask(get("/page", authorized)).await.text(), "2");
    assert_eq!(world.get("/page").await.text(), "1");
    // Nor what was said to be for all, once it is not any more.
    let world = World::of(|n, request| match request.headers().contains_key("if-none-match") {
        true => status(304, &[MINUTE]),
        false => answer(format!("{n}"), &[("cache-control", "public, max-age=1"), ("etag", "\"a\"")]),
    });
    world.ask(get("/page", authorized)).await;
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(world.ask(get("/page", authorized)).await.text(), "1", "it was asked for, and stands");
    assert_eq!(world.ask(get("/page", authorized)).await.text(), "3");
    let told = World::with(|layer| layer.store_authorized(true), |n, _| answer(format!("{n}"), &[MINUTE]));
    told.ask(get("/page", authorized)).await;
    assert_eq!(told.get("/page").await.text(), "1");
}

#[tokio::test]
async fn fields_that_are_for_one_alone_are_left_out() {
    let world = World::of(|_, _| {
        answer(
            "text",
            &[
                ("cache-control", "max-age=60, private=\"set-cookie, x-user\", no-cache=\"x-now\""),
                ("set-cookie", "id=1"),
                ("x-user", "one"),
                ("x-now", "1"),
                ("x-all", "all"),
                ("connection", "x-hop"),
                ("x-hop", "1"),
                ("keep-alive", "9"),
            ],
        )
    });
    assert_eq!(world.get("/page").await.text(), "text");
    let kept = world.get("/page").await;
    assert_eq!(world.asked(), 1);
    for name in ["set-cookie", "x-user", "x-now", "x-hop", "connection", "keep-alive"] {
        assert_eq!(kept.headers.get(name), None, "{name}");
    }
    assert_eq!(kept.field("x-all"), "all");
}

#[tokio::test]
async fn a_cookie_is_stored_only_where_that_was_asked_for() {
    let fields = &[MINUTE, ("set-cookie", "id=1")];
    let world = World::with(|layer| layer.store_set_cookie(true), move |n, _| answer(format!("{n}"), fields));
    world.get("/page").await;
    assert_eq!(world.get("/page").await.field("set-cookie"), "id=1");
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn a_response_is_served_while_it_is_fresh_and_tells_its_age() {
    let world = World::of(|n, _| answer(format!("{n}"), &[MINUTE, ("age", "20")]));
    world.get("/page").await;
    world.clock.advance(Duration::from_secs(39));
    let kept = world.get("/page").await;
    assert_eq!((kept.text(), kept.field("age")), ("1", "59"));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.get("/page").await.text(), "2");
}

#[tokio::test]
async fn what_says_nothing_is_fresh_as_the_settings_say() {
    let settings = [
        (None, &[][..], false),
        (Some(60), &[], true),
        (Some(60), &[("cache-control", "no-store")], false),
        (Some(60), &[("cache-control", "max-age=1")], false),
    ];
    for (ttl, fields, is_fresh) in settings {
        let ttl = ttl.map(Duration::from_secs);
        let world = World::with(
            |layer| ttl.map_or(layer.clone(), |ttl| layer.default_ttl(ttl)),
            move |n, _| answer(format!("{n}"), fields),
        );
        world.get("/page").await;
        world.clock.advance(Duration::from_secs(50));
        world.get("/page").await;
        assert_eq!(world.asked() == 1, is_fresh, "{ttl:?} {fields:?}");
    }
    // A status that has to say it itself.
    let world = World::with(|layer| layer.default_ttl(Duration::from_secs(60)), |_, _| status(403, &[]));
    world.get("/page").await;
    world.get("/page").await;
    assert_eq!(world.asked(), 2);
}

#[tokio::test]
async fn by_its_looks_a_response_is_fresh_for_a_tenth_of_its_time() {
    let looks = |guess: bool| {
        let (now, modified) = (Duration::from_secs(1_000_000_000), Duration::from_secs(1_000_000_000 - 1_000));
        let date = move |at| httpdate::fmt_http_date(std::time::UNIX_EPOCH + at);
        World::with(
            |layer| layer.heuristic(guess),
            move |n, _| answer(format!("{n}"), &[("date", &date(now)), ("last-modified", &date(modified))]),
        )
    };
    let world = looks(true);
    world.get("/page").await;
    world.clock.advance(Duration::from_secs(99));
    assert_eq!(world.get("/page").await.text(), "1");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.get("/page").await.text(), "2");
    let world = looks(false);
    world.get("/page").await;
    assert_eq!(world.get("/page").await.text(), "2");
}

#[tokio::test]
async fn while_it_is_asked_for_anew_a_stale_response_is_served() {
    let said = ("cache-control", "max-age=10, stale-while-revalidate=5");
    let world = World::of(move |n, _| answer(format!("{n}"), &[said]));
    world.get("/page").await;
    world.clock.advance(Duration::from_secs(14));
    world.source.gate.close();
    for _ in 0..5 {
        assert_eq!(world.get("/page").await.text(), "1", "nobody waits");
    }
    world.source.gate.arrived(2).await;
    assert_eq!(world.asked(), 2, "and one asks behind");
    world.source.gate.open();
    crate::rig::eventually("it is there", || world.responses.stats().stored == 2).await;
    assert_eq!(world.get("/page").await.text(), "2");
    world.clock.advance(Duration::from_secs(15));
    assert_eq!(world.get("/page").await.text(), "3", "beyond its window it is waited for");
}

#[tokio::test]
async fn a_stale_response_is_served_if_the_origin_fails_and_it_may_be() {
    let cases = [
        ("max-age=10, stale-if-error=50", true),
        ("max-age=10", false),
        ("max-age=10, stale-if-error=50, must-revalidate", false),
        ("no-cache, stale-if-error=50", false),
        ("s-maxage=10, stale-if-error=50", true),
    ];
    for (said, is_served) in cases {
        for failure in ["500", "503", "down"] {
            let world = World::of(move |n, _| match failure {
                _ if n == 1 => answer("old", &[("cache-control", said), ("etag", "\"a\"")]),
                "down" => Err(crate::rig::Down),
                code => status(code.parse().unwrap(), &[]),
            });
            world.get("/page").await;
            world.clock.advance(Duration::from_secs(59));
            let told = world.try_ask(get("/page", &[])).await;
            assert_eq!(told.is_ok_and(|told| told.text() == "old"), is_served, "{said} {failure}");
            world.clock.advance(Duration::from_secs(2));
            let told = world.try_ask(get("/page", &[])).await;
            assert!(!told.is_ok_and(|told| told.text() == "old"), "never beyond its window: {said}");
        }
    }
    // A failing source is not asked by every request.
    let world = World::of(|n, _| match n {
        1 => answer("old", &[("cache-control", "max-age=10, stale-if-error=50")]),
        _ => status(500, &[]),
    });
    world.get("/page").await;
    world.clock.advance(Duration::from_secs(20));
    for _ in 0..5 {
        assert_eq!(world.get("/page").await.text(), "old");
    }
    assert_eq!(world.asked(), 2);
    world.clock.advance(Duration::from_secs(1));
    world.get("/page").await;
    assert_eq!(world.asked(), 3);
    let world = World::with(
        |layer| layer.stale_if_error(Duration::from_secs(60)),
        |n, _| if n == 1 { answer("old", &[MINUTE]) } else { status(502, &[]) },
    );
    world.get("/page").await;
    world.clock.advance(Duration::from_secs(100));
    assert_eq!(world.get("/page").await.text(), "old", "as the settings say");
}

#[tokio::test]
async fn requests_say_how_fresh_they_want_it_unless_that_is_not_heard() {
    for honour in [true, false] {
        let world = World::with(|layer| layer.honour_requests(honour), |n, _| answer(format!("{n}"), &[MINUTE]));
        for (wish, value) in [
            ("cache-control", "no-cache"),
            ("cache-control", "max-age=5"),
            ("cache-control", "min-fresh=55"),
            ("pragma", "no-cache"),
        ] {
            let before = world.get("/page").await.text().to_owned();
            world.clock.advance(Duration::from_secs(6));
            let after = world.ask(get("/page", &[(wish, value)])).await;
            assert_eq!(after.text() != before, honour, "{wish}: {value}");
        }
    }
    let world = World::of(|n, _| answer(format!("{n}"), &[MINUTE]));
    assert_eq!(world.ask(get("/page", &[("cache-control", "only-if-cached")])).await.status, 504);
    assert_eq!(world.asked(), 0);
    world.get("/page").await;
    world.clock.advance(Duration::from_secs(70));
    assert_eq!(world.ask(get("/page", &[("cache-control", "max-stale=20")])).await.text(), "1");
    assert_eq!(world.ask(get("/page", &[("cache-control", "max-stale=5")])).await.text(), "2");
}

#[tokio::test]
async fn paths_and_parameters_tell_responses_apart_as_asked() {
    let world = World::with(
        |layer| layer.paths(["/api/*"]).exclude(["/api/live*"]).ignore_query(["utm"]),
        |n, _| answer(format!("{n}"), &[MINUTE]),
    );
    for (path, other, is_same) in [
        ("/api/a?b=1&c=2", "/api/a?c=2&b=1&utm=5", true),
        ("/api/a?b=1", "/api/a?b=2", false),
        ("/api/live/a", "/api/live/a", false),
        ("/page", "/page", false),
    ] {
        let (first, second) = (world.get(path).await, world.get(other).await);
        assert_eq!(first.text() == second.text(), is_same, "{path} {other}");
    }
    let elsewhere = request("GET", "http://other.test/api/a?b=1", &[]);
    let here = world.get("/api/a?b=1").await;
    assert_ne!(world.ask(elsewhere).await.text(), here.text());
}

#[tokio::test]
async fn variants_are_bounded_and_the_oldest_goes() {
    let world = World::with(
        |layer| layer.max_variants(2),
        |n, _| answer(format!("{n}"), &[MINUTE, ("vary", "x-kind, accept-language")]),
    );
    let ask = async |kind: &str| world.ask(get("/page", &[("x-kind", kind)])).await.text().to_owned();
    assert_eq!([ask("a").await, ask("b").await, ask("a").await, ask("b").await], ["1", "2", "1", "2"]);
    assert_eq!([ask("c").await, ask("b").await, ask("c").await], ["3", "2", "3"]);
    assert_eq!(ask("a").await, "4", "it was the oldest");
}

#[tokio::test]
async fn what_is_wrong_with_the_settings_is_said() {
    let cache = cached_runtime::Cache::builder().build().unwrap();
    let builder = || cached_runtime::response::ResponseCache::builder(&cache);
    for (wrong, setting) in [
        (builder().paths(["[a]"]), "paths"),
        (builder().exclude(["*****"]), "exclude"),
        (builder().targets(["a b"]), "targets"),
        (builder().tag_headers([""]), "tag_headers"),
        (builder().max_variants(0), "max_variants"),
        (builder().cache_status("a b"), "cache_status"),
        (builder().namespace("a:b"), "namespace"),
    ] {
        let error = wrong.build().unwrap_err();
        assert!(error.to_string().contains(setting), "{setting}: {error}");
    }
}
