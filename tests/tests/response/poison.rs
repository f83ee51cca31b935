//! One request decides for nobody else what he gets: not by how it names the host, the path or a parameter, not by a
//! part that is not there, not by what it makes fail.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{OriginalUri, Path};
use axum::routing::get as on_get;
use bytes::Bytes;
use cached_runtime::Cache;
use cached_runtime::response::ResponseCache;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use tower::ServiceExt as _;

use crate::rig::{Answer, Asked, World, answer, eventually, get, request, status};

const MINUTE: (&str, &str) = ("cache-control", "max-age=60");

async fn text_of(router: &Router, method: &str, path: &str) -> String {
    let request = Request::builder().method(method).uri(path).header("host", "site.test").body(Body::empty()).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn list(of: &'static str) -> Router {
    Router::new().route("/list", on_get(move || async move { ([MINUTE], of) }).put(|| async { StatusCode::NO_CONTENT }))
}

fn layer(builder: impl FnOnce(&Cache) -> cached_runtime::response::ResponseCacheBuilder) -> ResponseCache {
    builder(&Cache::builder().build().unwrap()).build().unwrap()
}

#[tokio::test]
async fn two_nested_routers_keep_their_responses_apart() {
    let responses = layer(ResponseCache::builder);
    let router = Router::new()
        .nest("/a", list("of a").layer(responses.clone()))
        .nest("/b", list("of b").layer(responses.clone()));
    for _ in 0..2 {
        assert_eq!(
            [text_of(&router, "GET", "/a/list").await, text_of(&router, "GET", "/b/list").await],
            ["of a", "of b"]
        );
    }
    assert_eq!((responses.stats().misses, responses.stats().hits), (2, 2));
    text_of(&router, "PUT", "/a/list").await;
    text_of(&router, "GET", "/b/list").await;
    assert_eq!(responses.stats().hits, 3, "what was changed is of the other");
    text_of(&router, "GET", "/a/list").await;
    assert_eq!(responses.stats().misses, 3);
}

#[tokio::test]
async fn tenants_of_one_nested_router_keep_their_responses_apart() {
    let bill = |Path(tenant): Path<String>| async move { ([MINUTE], format!("of {tenant}")) };
    let tenants = || Router::new().route("/bills", on_get(bill));
    let responses = layer(|cache| ResponseCache::builder(cache).exclude(["/tenants/3/*"]));
    let router = Router::new().nest("/tenants/{tenant}", tenants().layer(responses.clone()));
    for tenant in ["1", "2", "1", "3", "3"] {
        assert_eq!(text_of(&router, "GET", &format!("/tenants/{tenant}/bills")).await, format!("of {tenant}"));
    }
    let stats = responses.stats();
    assert_eq!((stats.asked, stats.hits), (3, 1), "globs are of the path as it is asked for");
}

/// The control: known by what is left of their paths, tenants share it.
#[tokio::test]
async fn control_by_what_a_router_leaves_of_it_an_address_is_another() {
    let bill = |Path(tenant): Path<String>| async move { ([MINUTE], format!("of {tenant}")) };
    let stripped = layer(|cache| ResponseCache::builder(cache).uri_of(|request| request.uri.clone()));
    let router = Router::new().nest("/tenants/{tenant}", Router::new().route("/bills", on_get(bill)).layer(stripped));
    text_of(&router, "GET", "/tenants/1/bills").await;
    assert_eq!(text_of(&router, "GET", "/tenants/2/bills").await, "of 1");
}

/// Somebody on the way writes the address by who asks: then what the service sees counts, too.
#[tokio::test]
async fn who_is_shown_another_address_is_told_what_is_there() {
    let responses = layer(ResponseCache::builder);
    let service = tower::service_fn(|request: Request<Body>| async move {
        Ok::<_, std::convert::Infallible>(axum::response::IntoResponse::into_response((
            [MINUTE],
            request.uri().path().to_owned(),
        )))
    });
    let cached = tower::Layer::layer(&responses, service);
    let ask = async |seen: &'static str| {
        let mut request = Request::builder().uri(seen).body(Body::empty()).unwrap();
        request.extensions_mut().insert(OriginalUri(Uri::from_static("/me")));
        let response = cached.clone().oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    };
    assert_eq!(
        [ask("/users/1").await, ask("/users/2").await, ask("/users/1").await],
        ["/users/1", "/users/2", "/users/1"]
    );
    assert_eq!(responses.stats().hits, 1);
}

/// The cold address is asked for a part that is not there, of a service that lets all its answers be kept.
#[tokio::test]
async fn a_part_that_is_not_there_is_not_kept_as_the_whole() {
    for (asks, told) in
        [(("range", "bytes=99999999-"), 416), (("range", "bytes=0-1"), 500), (("range", "bytes=0-1"), 404)]
    {
        let world = World::of(move |_, request| match request.headers().contains_key("range") {
            true => status(told, &[MINUTE, ("content-range", "bytes */4")]),
            false => answer("text", &[MINUTE]),
        });
        for _ in 0..2 {
            assert_eq!(world.ask(get("/app.js", &[asks])).await.status.as_u16(), told);
        }
        let whole = world.get("/app.js").await;
        assert_eq!((whole.status, whole.text()), (StatusCode::OK, "text"), "{told}");
    }
    // The control: a whole that answers it is one.
    let world = World::of(|_, _| answer("text", &[MINUTE]));
    world.ask(get("/app.js", &[("range", "bytes=0-1")])).await;
    world.get("/app.js").await;
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_one_request_is_not_kept_and_puts_nothing_out() {
    for code in [408, 412, 413, 416, 417, 421, 425, 426, 428, 429, 431, 511] {
        let world =
            World::of(move |n, _| if n == 2 { status(code, &[MINUTE]) } else { answer(format!("{n}"), &[MINUTE]) });
        world.get("/page").await;
        // It wants the origin's word, and makes it refuse.
        assert_eq!(world.ask(get("/page", &[("cache-control", "no-cache")])).await.status.as_u16(), code);
        assert_eq!(world.get("/page").await.text(), "1", "{code}");
    }
    // The control: what says of the page that it is gone puts it out, and is kept as long as it says.
    let world = World::of(|n, _| if n == 2 { status(410, &[MINUTE]) } else { answer(format!("{n}"), &[MINUTE]) });
    world.get("/page").await;
    world.ask(get("/page", &[("cache-control", "no-cache")])).await;
    assert_eq!(world.get("/page").await.status, 410);
}

/// RFC 9111, section 3: without a word of how long, only some statuses may be kept, whatever the settings say of
/// windows.
#[tokio::test]
async fn a_status_that_says_nothing_of_its_time_does_not_put_out_what_is_kept() {
    for code in [302, 303, 307, 401, 403, 429, 500, 502, 503] {
        for fields in [&[][..], &[("etag", "\"a\"")], &[("last-modified", "Sun, 09 Sep 2001 01:00:00 GMT")]] {
            let windows = |layer: cached_runtime::response::ResponseCacheBuilder| {
                layer.stale_while_revalidate(Duration::from_secs(60)).stale_if_error(Duration::from_secs(60))
            };
            let world = World::with(windows, move |_, _| status(code, fields));
            for asked in 1..=3 {
                assert_eq!(world.get("/page").await.status.as_u16(), code);
                assert_eq!(world.asked(), asked, "each asks for himself: {code} {fields:?}");
            }
            assert_eq!(world.responses.stats().stored, 0, "{code} {fields:?}");
        }
    }
    // Who says how long is kept so long, and no longer: the windows are for what went well.
    let world = World::with(
        |layer| layer.stale_while_revalidate(Duration::from_secs(60)),
        |n, request| match request.uri().path() {
            "/gone" => status(404, &[("cache-control", "max-age=1"), ("x-n", &n.to_string())]),
            _ => answer(format!("{n}"), &[("cache-control", "max-age=1")]),
        },
    );
    for path in ["/gone", "/page"] {
        world.get(path).await;
        assert_eq!(world.responses.stats().misses, world.asked());
    }
    world.clock.advance(Duration::from_secs(2));
    assert_eq!(world.get("/gone").await.field("x-n"), "3", "it was asked for and waited for");
    assert_eq!(world.get("/page").await.text(), "2", "the control: what went well is served meanwhile");
    eventually("it is asked for behind", || world.asked() == 4).await;
}

/// Answers with the parameter that it reads, as form decoders do.
fn search(_: u64, request: &Asked) -> Answer {
    let query = request.uri().query().unwrap_or_default().replace("%71", "q");
    let found = query.split('&').find_map(|pair| pair.strip_prefix("q=")).unwrap_or_default().to_owned();
    answer(found, &[MINUTE])
}

#[tokio::test]
async fn a_parameter_counts_however_its_name_is_written() {
    let world = World::with(|layer| layer.query(["q"]), search);
    assert_eq!(world.get("/search?%71=evil").await.text(), "evil");
    assert_eq!(world.get("/search").await.text(), "");
    assert_eq!(world.get("/search?x=1").await.text(), "");
    assert_eq!(world.asked(), 2, "the control: what does not count makes no difference");
    for (one, other) in [("q=1&%71=2", "%71=2&q=1"), ("q=1;x", "q=1"), ("%q=1", "q=1"), ("q[]=1", "")] {
        let before = world.asked();
        world.get(&format!("/{one}?{one}")).await;
        world.get(&format!("/{one}?{other}")).await;
        assert_eq!(world.asked(), before + 2, "{one} {other}");
    }
}

#[tokio::test]
async fn who_names_two_hosts_is_answered_by_the_service_alone() {
    let named = |_, request: &Asked| {
        let host = request.headers().get_all("host").iter().next_back().unwrap().to_str().unwrap();
        answer(format!("links to {host}"), &[MINUTE])
    };
    let world = World::of(named);
    let both = |uri: &str, hosts: &[&str]| {
        let request = hosts.iter().fold(Request::builder().uri(uri), |request, host| request.header("host", *host));
        request.body(Full::default()).unwrap()
    };
    assert_eq!(world.ask(both("http://site.test/page", &["evil.test"])).await.text(), "links to evil.test");
    assert_eq!(world.ask(both("/page", &["site.test", "evil.test"])).await.text(), "links to evil.test");
    assert_eq!(world.get("/page").await.text(), "links to site.test");
    assert_eq!(world.ask(both("http://site.test/page", &["Site.Test"])).await.text(), "links to Site.Test");
    let (asked, stats) = (world.asked(), world.responses.stats());
    assert_eq!((asked, stats.asked, stats.stored), (4, 2, 2), "with its scheme it is kept apart");
    // A change may be one of either, and whatever the scheme.
    let mut change = both("https://site.test/page", &["evil.test"]);
    *change.method_mut() = http::Method::PUT;
    world.ask(change).await;
    world.get("/page").await;
    world.ask(both("http://site.test/page", &["site.test"])).await;
    assert_eq!(world.asked(), asked + 3);
}

#[tokio::test]
async fn a_request_with_a_body_is_answered_by_the_service_alone() {
    let world = World::of(|n, _| answer(format!("{n}"), &[MINUTE]));
    let with = |body: &'static str| {
        Request::builder().uri("/page").header("host", "site.test").body(Full::new(Bytes::from_static(body.as_bytes())))
    };
    assert_eq!(world.ask(with("evil").unwrap()).await.text(), "1");
    assert_eq!(world.get("/page").await.text(), "2");
    assert_eq!(world.ask(with("evil").unwrap()).await.text(), "3");
    assert_eq!(world.ask(with("").unwrap()).await.text(), "2", "the control: an empty one says nothing");
}

/// A redirection to the same address with another scheme does not lead there for ever.
#[tokio::test]
async fn a_redirection_to_another_scheme_is_not_given_to_who_is_there() {
    let world = World::with(
        |layer| layer.default_ttl(Duration::from_secs(60)),
        |_, request| match request.uri().scheme_str() {
            Some("https") => answer("here", &[]),
            _ => status(301, &[("location", "https://site.test/page")]),
        },
    );
    for (uri, told) in [("http://site.test/page", 301), ("https://site.test/page", 200), ("http://site.test/page", 301)]
    {
        assert_eq!(world.ask(request("GET", uri, &[])).await.status.as_u16(), told);
    }
    assert_eq!(world.asked(), 2);
}

/// What a quote without an end hides may be that nothing is to be kept.
#[tokio::test]
async fn a_field_that_breaks_off_in_a_quote_lets_nothing_be_kept() {
    for (said, is_kept) in [("ext=\"x, no-store, private", false), ("ext=\"x\"", true)] {
        let world = World::with(
            |layer| layer.default_ttl(Duration::from_secs(60)),
            move |n, _| answer(format!("{n}"), &[("cache-control", said)]),
        );
        world.get("/page").await;
        world.get("/page").await;
        assert_eq!(world.asked() == 1, is_kept, "{said}");
    }
}
