//! What is made of a stored response: no news, a head, a part, an encoding; and values that nobody expects.

use std::io::Read as _;
use std::time::Duration;

use cached_runtime::response::Encoding;
use http::{HeaderValue, StatusCode};

use crate::rig::{World, answer, get, request, status};

const MINUTE: (&str, &str) = ("cache-control", "max-age=60");

#[tokio::test]
async fn who_has_it_already_is_told_so() {
    let world = World::of(|_, _| {
        answer("text", &[MINUTE, ("etag", "\"a\""), ("last-modified", "Sun, 09 Sep 2001 01:00:00 GMT"), ("x-a", "1")])
    });
    world.get("/page").await;
    for (name, value, is_known) in [
        ("if-none-match", "\"a\"", true),
        ("if-none-match", "\"b\", W/\"a\"", true),
        ("if-none-match", "*", true),
        ("if-none-match", "\"b\"", false),
        ("if-none-match", "\"b, \\\"a\\\"\"", false),
        ("if-modified-since", "Sun, 09 Sep 2001 01:00:00 GMT", true),
        ("if-modified-since", "Sunday, 09-Sep-01 01:00:00 GMT", true),
        ("if-modified-since", "Sun, 09 Sep 2001 00:59:59 GMT", false),
        ("if-modified-since", "yesterday", false),
    ] {
        let told = world.ask(get("/page", &[(name, value)])).await;
        assert_eq!(told.status == StatusCode::NOT_MODIFIED, is_known, "{name}: {value}");
        assert_eq!(told.body.is_empty(), is_known);
        assert_eq!(told.field("etag"), "\"a\"");
        assert_eq!(told.headers.contains_key("content-length"), !is_known);
    }
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn what_still_stands_is_freshened_and_not_sent_again() {
    let world = World::of(|n, request| {
        let fields = [MINUTE, ("etag", "\"a\""), ("x-turn", if n == 1 { "one" } else { "two" })];
        match request.headers().get("if-none-match") {
            Some(tag) if tag == "\"a\"" => status(304, &fields),
            _ => answer("text", &fields),
        }
    });
    world.get("/page").await;
    world.clock.advance(Duration::from_secs(61));
    // The client's own question is another one.
    let told = world.ask(get("/page", &[("if-none-match", "\"old\"")])).await;
    assert_eq!(
        (told.status, told.text(), told.field("x-turn"), told.field("age")),
        (StatusCode::OK, "text", "two", "")
    );
    world.clock.advance(Duration::from_secs(59));
    assert_eq!(world.get("/page").await.field("x-turn"), "two");
    assert_eq!((world.asked(), world.responses.stats().validated), (2, 1));
}

#[tokio::test]
async fn a_herd_that_is_to_be_validated_asks_for_each() {
    let world = World::of(|_, request| match request.headers().contains_key("if-none-match") {
        true => status(304, &[]),
        false => answer("text", &[("cache-control", "no-cache"), ("etag", "\"a\"")]),
    });
    world.get("/page").await;
    let asking: Vec<_> = (0..5).map(|_| world.asking(get("/page", &[]))).collect();
    for one in asking {
        assert_eq!(one.await.unwrap().text(), "text");
    }
    assert_eq!(world.asked(), 6);
}

#[tokio::test]
async fn a_head_is_answered_from_the_whole_and_freshens_it() {
    let world = World::of(|n, request| match request.method().as_str() {
        "HEAD" => status(200, &[MINUTE, ("etag", if n == 2 { "\"a\"" } else { "\"b\"" }), ("x-turn", "head")]),
        _ => answer("text", &[MINUTE, ("etag", "\"a\"")]),
    });
    world.get("/page").await;
    let head = world.ask(request("HEAD", "/page", &[])).await;
    assert_eq!((head.field("content-length"), head.body.len(), world.asked()), ("4", 0, 1));
    world.clock.advance(Duration::from_secs(61));
    world.ask(request("HEAD", "/page", &[])).await;
    assert_eq!(world.get("/page").await.field("x-turn"), "head", "it was about the same");
    assert_eq!(world.asked(), 2);
    world.clock.advance(Duration::from_secs(61));
    world.ask(request("HEAD", "/page", &[])).await;
    world.get("/page").await;
    assert_eq!(world.asked(), 4, "it was about another");
}

#[tokio::test]
async fn parts_are_cut_from_the_whole() {
    let world = World::of(|n, request| match request.headers().contains_key("range") {
        true => status(206, &[MINUTE, ("content-range", "bytes 0-0/1")]),
        false => answer("0123456789", &[MINUTE, ("etag", "\"a\""), ("x-n", &n.to_string())]),
    });
    world.ask(get("/page", &[("range", "bytes=0-0")])).await;
    assert_eq!(world.get("/page").await.text(), "0123456789", "a part is not kept as the whole");
    let asked = world.asked();
    let part = world.ask(get("/page", &[("range", "bytes=2-4")])).await;
    assert_eq!((part.status, part.text()), (StatusCode::PARTIAL_CONTENT, "234"));
    assert_eq!((part.field("content-range"), part.field("content-length")), ("bytes 2-4/10", "3"));
    let beyond = world.ask(get("/page", &[("range", "bytes=20-")])).await;
    assert_eq!((beyond.status.as_u16(), beyond.field("content-range")), (416, "bytes */10"));
    for (tag, status) in [("\"a\"", 206), ("\"b\"", 200), ("W/\"a\"", 200)] {
        let told = world.ask(get("/page", &[("range", "bytes=2-4"), ("if-range", tag)])).await;
        assert_eq!(told.status.as_u16(), status, "{tag}");
    }
    assert_eq!(world.asked(), asked);
}

fn long() -> String {
    "a line that is there many times\n".repeat(200)
}

#[tokio::test]
async fn a_body_is_compressed_once_for_each_encoding() {
    let fields = &[MINUTE, ("content-type", "text/plain; charset=utf-8"), ("etag", "\"a\""), ("vary", "x-kind")];
    let world = World::of(move |_, _| answer(long(), fields));
    let plain = world.get("/page").await;
    assert_eq!((plain.text(), plain.field("etag")), (long().as_str(), "\"a\""));
    assert!(plain.headers.get_all("vary").iter().any(|vary| vary == "Accept-Encoding"), "caches behind have to know");
    for (accept, encoding) in [("br;q=0.5, gzip", "gzip"), ("gzip, br", "br"), ("zstd", "zstd"), ("x-gzip", "gzip")] {
        let told = world.ask(get("/page", &[("accept-encoding", accept)])).await;
        assert_eq!(told.field("content-encoding"), encoding, "{accept}");
        assert_eq!(told.field("etag"), "W/\"a\"", "a strong tag names other bytes");
        assert_eq!(told.field("content-length"), told.body.len().to_string());
        assert_eq!(unpacked(encoding, &told.body), long());
        let again = world.ask(get("/page", &[("accept-encoding", accept)])).await;
        assert_eq!(again.body.as_ptr(), told.body.as_ptr(), "it was made once, and is the same");
    }
    for accept in ["identity", "br;q=0", "gzip;q=0.1, identity"] {
        let told = world.ask(get("/page", &[("accept-encoding", accept)])).await;
        assert_eq!((told.field("content-encoding"), told.body.len()), ("", long().len()), "{accept}");
    }
    let known = world.ask(get("/page", &[("accept-encoding", "br"), ("if-none-match", "W/\"a\"")])).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    let part = world.ask(get("/page", &[("accept-encoding", "br"), ("range", "bytes=0-5")])).await;
    assert_eq!((part.text(), part.field("content-encoding")), ("a line", ""), "a part is one of the whole as it is");
    assert_eq!(world.asked(), 1);
}

fn unpacked(encoding: &str, body: &[u8]) -> String {
    let mut text = String::new();
    match encoding {
        "gzip" => drop(flate2::read::GzDecoder::new(body).read_to_string(&mut text).unwrap()),
        "zstd" => text = String::from_utf8(zstd::decode_all(body).unwrap()).unwrap(),
        _ => {
            let mut out = Vec::new();
            brotli::BrotliDecompress(&mut { body }, &mut out).unwrap();
            text = String::from_utf8(out).unwrap();
        }
    }
    text
}

#[tokio::test]
async fn what_may_not_be_or_need_not_be_compressed_is_sent_as_it_came() {
    let cases: &[(&str, &str, &str, usize)] = &[
        ("max-age=60, no-transform", "text/plain", "", 200),
        ("max-age=60", "image/png", "", 200),
        ("max-age=60", "", "", 200),
        ("max-age=60", "text/event-stream", "", 200),
        ("max-age=60", "text/plain", "gzip", 200),
        ("max-age=60", "text/plain", "", 2),
    ];
    for (said, media, encoding, lines) in cases {
        let world = World::of(move |_, _| {
            let fields = [("cache-control", *said), ("content-type", *media), ("content-encoding", *encoding)];
            let fields: Vec<_> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
            answer("a line that is there many times\n".repeat(*lines), &fields)
        });
        for _ in 0..2 {
            let told = world.ask(get("/page", &[("accept-encoding", "br, gzip")])).await;
            assert_eq!((told.field("content-encoding"), told.body.len()), (*encoding, 32 * lines), "{said} {media}");
            assert!(!told.headers.contains_key("vary"));
        }
        assert_eq!(world.asked(), 1);
    }
    let world = World::with(
        |layer| layer.compress([Encoding::Gzip]),
        |_, _| answer(long(), &[MINUTE, ("content-type", "application/json")]),
    );
    let told = world.ask(get("/page", &[("accept-encoding", "br, gzip;q=0.2")])).await;
    assert_eq!(told.field("content-encoding"), "gzip");
}

/// A large body is compressed on another thread, and for a herd once.
#[tokio::test]
async fn a_herd_that_wants_an_encoding_gets_the_one_that_was_made() {
    let world = World::with(
        |layer| layer.max_body(4 << 20),
        |_, _| answer("many lines, and long ones\n".repeat(20_000), &[MINUTE, ("content-type", "text/css")]),
    );
    world.get("/page").await;
    let asking: Vec<_> = (0..20).map(|_| world.asking(get("/page", &[("accept-encoding", "br")]))).collect();
    let mut made = Vec::new();
    for one in asking {
        made.push(one.await.unwrap().body.as_ptr() as usize);
    }
    made.dedup();
    assert_eq!(made.len(), 1);
}

#[tokio::test]
async fn values_that_nobody_expects_come_back_as_they_were_or_are_not_kept() {
    let world = World::of(|n, _| {
        let mut response = answer(format!("{n}"), &[MINUTE])?;
        response.headers_mut().insert("x-bytes", HeaderValue::from_bytes(b"\xff\xfe \x80").unwrap());
        response.headers_mut().insert("x-long", HeaderValue::from_str(&"x".repeat(60_000)).unwrap());
        Ok(response)
    });
    let long = "y".repeat(60_000);
    let paths = [format!("/{}", "p".repeat(5_000)), "/a%0d%0aSet-Cookie:%20x".to_owned(), "/a:b*?c=%".to_owned()];
    for (n, path) in paths.iter().enumerate() {
        let first = world.ask(get(path, &[("x-anything", &long)])).await;
        let second = world.get(path).await;
        assert_eq!(first.text(), second.text());
        assert_eq!(second.headers["x-bytes"].as_bytes(), b"\xff\xfe \x80");
        assert_eq!(second.headers["x-long"].len(), 60_000);
        assert_eq!(world.asked(), n as u64 + 1, "each is its own");
    }
    // Fields of requests that are no text select as others do.
    let varied = World::of(|n, _| answer(format!("{n}"), &[MINUTE, ("vary", "x-kind")]));
    let of = |bytes: &[u8]| {
        let mut request = get("/page", &[]);
        request.headers_mut().insert("x-kind", HeaderValue::from_bytes(bytes).unwrap());
        request
    };
    for (bytes, expected) in [(&b"\xff"[..], "1"), (b"\xfe", "2"), (b"\xff", "1"), (b"", "3")] {
        assert_eq!(varied.ask(of(bytes)).await.text(), expected);
    }
}

#[tokio::test]
async fn fields_that_make_no_sense_harm_nobody() {
    for (name, value) in [
        ("cache-control", "max-age=60, ,,,=,\"\\"),
        ("expires", "Thu, 99 Nov 2099 99:99:99 GMT"),
        ("age", "-1"),
        ("date", "now"),
        ("vary", "a b, \u{e9}"),
        ("etag", "\""),
        ("content-length", "7"),
        ("cache-tag", "\u{e9}, a"),
        ("content-type", "\u{e9}/x"),
        ("last-modified", "0"),
    ] {
        let world = World::of(move |_, _| answer("text", &[MINUTE, (name, value)]));
        for asks in [&[][..], &[("range", "bytes=9-")], &[("if-none-match", "\"")], &[("if-modified-since", "x")]] {
            for _ in 0..2 {
                world.ask(get("/page", asks)).await;
            }
        }
        assert_eq!(world.get("/page").await.text(), "text", "{name}: {value}");
    }
}

#[tokio::test]
async fn what_was_done_is_told_and_tags_are_hidden_where_that_is_asked_for() {
    let world = World::with(
        |layer| layer.cache_status("edge").hide_tags(true).tag_headers(["x-tags"]),
        |n, _| answer(format!("{n}"), &[MINUTE, ("x-tags", "a b")]),
    );
    let first = world.get("/page").await;
    assert_eq!((first.field("cache-status"), first.field("x-tags")), ("edge; fwd=miss; ttl=60; stored", ""));
    world.clock.advance(Duration::from_secs(20));
    let second = world.get("/page").await;
    assert_eq!((second.field("cache-status"), second.field("x-tags")), ("edge; hit; ttl=40", ""));
    world.cache.invalidate_tags(["b"]).await;
    assert_eq!(world.get("/page").await.text(), "2");
    let stats = world.responses.stats();
    assert_eq!((stats.asked, stats.hits, stats.misses, stats.stored), (3, 1, 2, 2));
}
