//! What the service said to who asked alone reaches him, and nobody else; and each request is counted once.

use std::time::Duration;

use crate::rig::{World, answer, eventually, get, slow, status};

#[tokio::test]
async fn who_asks_gets_the_fields_that_are_for_him_alone() {
    let world = World::of(|_, request| {
        let user = request.headers()["x-user"].to_str().unwrap().to_owned();
        let cookie = format!("session={user}");
        answer(
            "text",
            &[
                ("cache-control", "max-age=60, private=\"set-cookie, x-hop\", no-cache=\"x-user\""),
                ("set-cookie", &cookie),
                ("set-cookie", "second=1"),
                ("x-user", &user),
                ("connection", "x-hop"),
                ("x-hop", "1"),
            ],
        )
    });
    let first = world.ask(get("/login", &[("x-user", "one")])).await;
    let cookies: Vec<_> = first.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["session=one", "second=1"]);
    assert_eq!((first.field("x-user"), first.field("x-hop")), ("one", ""));
    let second = world.ask(get("/login", &[("x-user", "two")])).await;
    assert_eq!((second.field("set-cookie"), second.field("x-user"), second.text()), ("", "", "text"));
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn who_has_it_validated_gets_the_fields_that_are_for_him_alone() {
    let world = World::of(|n, request| {
        let fields = [
            ("cache-control", "max-age=1, private=\"x-user\""),
            ("etag", "\"a\""),
            ("x-user", if n == 1 { "one" } else { "two" }),
            ("set-cookie", "id=2"),
        ];
        match request.headers().contains_key("if-none-match") {
            true => status(304, &fields),
            false => answer("text", &fields[..3]),
        }
    });
    assert_eq!(world.get("/page").await.field("x-user"), "one");
    world.clock.advance(Duration::from_secs(2));
    let told = world.get("/page").await;
    assert_eq!((told.text(), told.field("x-user"), told.field("set-cookie")), ("text", "two", "id=2"));
    let next = world.get("/page").await;
    assert_eq!((next.field("x-user"), next.field("set-cookie"), world.asked()), ("", "", 2));
}

/// However a request ends, it is one of hits, stale, joined and misses.
#[tokio::test]
async fn each_request_is_counted_once() {
    let world = World::of(|n, _| match n {
        1 => answer(
            "a line that is there many times\n".repeat(200),
            &[
                ("cache-control", "max-age=1, stale-while-revalidate=9, stale-if-error=60"),
                ("content-type", "text/plain"),
                ("etag", "\"a\""),
            ],
        ),
        2 => status(304, &[]),
        _ => status(503, &[]),
    });
    let packed = [("accept-encoding", "br")];
    world.ask(get("/page", &packed)).await;
    world.clock.advance(Duration::from_secs(2));
    world.ask(get("/page", &packed)).await;
    eventually("it is validated behind", || world.responses.stats().stored + world.responses.stats().validated == 2)
        .await;
    world.ask(get("/page", &packed)).await;
    let before = world.responses.stats();
    assert_eq!((before.asked, before.misses, before.stale, before.hits), (3, 1, 1, 1));
    assert_eq!(before.packed, 3, "what nobody gets is not made");
    world.clock.advance(Duration::from_secs(20));
    world.ask(get("/page", &packed)).await;
    let after = world.responses.stats();
    assert_eq!((after.asked, after.misses, after.stale, after.hits), (4, 1, 2, 1), "the service was asked, and failed");
    let world = World::of(|_, _| Err(crate::rig::Down));
    world.try_ask(get("/page", &[])).await.unwrap_err();
    assert_eq!((world.responses.stats().asked, world.responses.stats().misses), (1, 1));
}

#[tokio::test]
async fn sums_of_other_bytes_are_not_sent_along() {
    let sums =
        [("content-digest", "sha-256=:x:"), ("repr-digest", "sha-256=:x:"), ("digest", "x"), ("content-md5", "x")];
    let world = World::of(move |_, _| {
        let fields = [("cache-control", "max-age=60"), ("content-type", "text/plain"), ("etag", "\"a\"")];
        answer("a line that is there many times\n".repeat(200), &[&fields[..], &sums].concat())
    });
    world.get("/page").await;
    let whole = world.get("/page").await;
    let packed = world.ask(get("/page", &[("accept-encoding", "br")])).await;
    assert_eq!(packed.field("content-encoding"), "br");
    let part = world.ask(get("/page", &[("range", "bytes=0-5")])).await;
    assert_eq!((part.status.as_u16(), part.field("vary")), (206, "Accept-Encoding"));
    for (name, said) in sums {
        assert_eq!(whole.field(name), said, "the control: of the whole as it is");
        assert_eq!(packed.field(name), "", "{name}");
        let is_of_whole = !name.starts_with("content-");
        assert_eq!(part.headers.contains_key(name), is_of_whole, "{name}");
    }
}

/// Two changes within one second have one date.
#[tokio::test]
async fn a_part_goes_with_a_date_only_if_that_names_one_state() {
    let date = |seconds: u64| httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(seconds));
    let changed = date(999_999_000);
    for (made, told) in [(999_999_060, 206), (999_999_059, 200)] {
        let (made, of) = (date(made), changed.clone());
        let world = World::of(move |_, _| {
            answer("0123456789", &[("cache-control", "max-age=6000"), ("date", &made), ("last-modified", &of)])
        });
        world.get("/page").await;
        let part = world.ask(get("/page", &[("range", "bytes=2-4"), ("if-range", &changed)])).await;
        assert_eq!((part.status.as_u16(), world.asked()), (told, 1));
    }
}

/// A stream of events, or what turns out to have no end, holds nobody up but who reads it.
#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_what_may_have_no_end() {
    for (media, longest) in [("text/event-stream", 0), ("application/x-ndjson", 1_000)] {
        let world = World::of(move |_, _| {
            let (sender, text) = slow();
            sender.send(Ok("event".into())).unwrap();
            // Nobody ends it.
            std::mem::forget(sender);
            Ok(crate::rig::response(text, &[("cache-control", "max-age=60"), ("content-type", media)]))
        });
        let first = world.begin(get("/events", &[])).await.unwrap();
        let begun = tokio::time::Instant::now();
        let second = world.begin(get("/events", &[])).await.unwrap();
        let waited = begun.elapsed().as_millis();
        assert!(waited <= longest + 10, "{media}: {waited} ms");
        let third = world.begin(get("/events", &[])).await.unwrap();
        assert_eq!(begun.elapsed().as_millis(), waited, "and the next one not at all: {media}");
        assert_eq!(world.asked(), 3);
        drop((first, second, third));
    }
}
