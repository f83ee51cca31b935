//! How the page is come by: its parts, its token, its prefix, and that nothing of it comes from elsewhere.

use axum::Router;
use axum::body::Body;
use cached_runtime::admin::Admin;
use cached_runtime::clock::Clock;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use kit::Browser;
use tower::ServiceExt as _;

use crate::desk::{Desk, READ, Served, WRITE, admin, complaints, enter, shown};
use crate::shop::Shop;

const PAGE: &str = include_str!("../../../runtime/src/admin/page/page.html");

async fn fetch(router: &Router, path: &str, host: &str, token: Option<&str>) -> (StatusCode, http::HeaderMap, String) {
    let mut request = Request::builder().uri(path).header("host", host);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, headers, String::from_utf8_lossy(&body).into_owned())
}

/// What a page needs: `cache/page.css` of its links, `./dom.js` of its scripts.
fn named(text: &str, before: &str, after: char) -> Vec<String> {
    text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn every_part_is_there_is_what_it_says_and_holds_nothing_that_runs_from_elsewhere() {
    let router = Desk::new().await.router;
    let (status, headers, page) = fetch(&router, "/admin/cache", "localhost", None).await;
    assert_eq!((status, headers["content-type"].to_str().unwrap()), (StatusCode::OK, "text/html; charset=utf-8"));
    assert_eq!(page, PAGE);
    let handlers = page.match_indices(" on").filter(|(at, _)| {
        page[at + 3..].split(['=', ' ', '>']).next().is_some_and(|name| page[at + 3 + name.len()..].starts_with('='))
    });
    assert!(
        handlers.count() == 0 && !page.contains("style=") && !page.contains("http"),
        "no inline code, no addresses"
    );
    let mut left: Vec<String> = [named(&page, "href=\"cache/", '"'), named(&page, "src=\"cache/", '"')].concat();
    let mut seen = Vec::new();
    while let Some(name) = left.pop() {
        if seen.contains(&name) {
            continue;
        }
        let (status, headers, text) = fetch(&router, &format!("/admin/cache/{name}"), "localhost", None).await;
        assert_eq!(status, StatusCode::OK, "{name}");
        let kind = match name.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "text/plain; charset=utf-8",
        };
        assert_eq!(headers["content-type"], kind, "{name}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{name}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{name}: {policy}");
        if name.ends_with(".js") {
            left.extend(named(&text, "from \"./", '"'));
            for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
                assert!(!text.contains(way), "{name} has {way}");
            }
        }
        seen.push(name);
    }
    assert!(seen.len() > 20 && seen.iter().any(|name| name == "uplot.LICENSE"), "{seen:?}");
}

/// As for the API: other hosts and what there is not are refused; what a token may is told to who may read.
#[tokio::test]
async fn the_page_is_for_our_hosts_and_tells_rights_to_those_that_may_read() {
    let router = Desk::new().await.router;
    for path in ["/admin/cache", "/admin/cache/page.js", "/admin/cache/rights"] {
        assert_eq!(fetch(&router, path, "evil.example", Some(WRITE)).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    for path in
        ["/admin/cache/nothing.js", "/admin/cache/..%2f..%2fmod.rs", "/admin/cache/%00", "/admin/cache/page.html"]
    {
        let (status, headers, _) = fetch(&router, path, "localhost", None).await;
        assert_eq!(
            (status, headers["content-type"].to_str().unwrap()),
            (StatusCode::NOT_FOUND, "application/problem+json"),
            "{path}"
        );
    }
    let (status, headers, _) = fetch(&router, "/admin/cache/", "localhost", None).await;
    assert_eq!((status.as_u16(), &headers["location"]), (308, &http::HeaderValue::from_static("../cache")));
    let rights = async |token| fetch(&router, "/admin/cache/rights", "localhost", token).await;
    assert_eq!(rights(None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(rights(Some("a token of nobody at all")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(rights(Some(READ)).await.2, r#"{"can_be_changed":true,"changes":false}"#);
    assert_eq!(rights(Some(WRITE)).await.2, r#"{"can_be_changed":true,"changes":true}"#);
    let shop = Shop::open(Clock::manual()).await;
    let open = Admin::new(&shop.cache).open_reads(true).router().unwrap();
    assert_eq!(
        fetch(&open, "/admin/cache/rights", "localhost", None).await.2,
        r#"{"can_be_changed":false,"changes":false}"#
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_nothing_before_it_has_a_token_that_is_known() {
    let desk = Desk::new().await;
    desk.shop.morning().await;
    let browser = Browser::start(1440, 900);
    browser.open(&desk.served.url("/admin/cache"));
    browser.until("document.getElementById('token-dialog').open");
    assert!(!browser.text("main").contains("browser.shop"), "no figures without a token");
    for (wrong, said) in [
        ("a token of nobody", "Nobody here knows this token"),
        ("  ", "Type or paste"),
        ("\u{fc}\u{2603}", "could not be sent"),
    ] {
        browser.fill("#token-text", wrong);
        browser.click("#token-form [type=submit]");
        browser.run_with("window.__said = arguments[0];", &[said.into()]);
        browser.until("document.getElementById('token-error').textContent.includes(window.__said)");
    }
    assert_eq!(browser.run("return sessionStorage.length;"), 0, "what nobody knows is not kept");
    browser.keys(kit::keys::ESCAPE);
    browser.until("!document.getElementById('token-dialog').open");
    assert!(browser.text("#trouble").contains("asks for a token"));
    browser.click("#token");
    enter(&browser, READ);
    shown(&browser);
    let kept =
        browser.run("return [Object.keys(sessionStorage), Object.keys(localStorage), document.cookie, location.href];");
    assert_eq!(
        kept,
        serde_json::json!([["cached.token"], [], "", desk.served.url("/admin/cache")]),
        "in this tab, nowhere else"
    );
    browser.open(&desk.served.url("/admin/cache"));
    shown(&browser);
    browser.click("#token");
    browser.click("#token-forget");
    browser.until("document.getElementById('trouble').textContent.includes('asks for a token')");
    assert_eq!(browser.run("return sessionStorage.length;"), 0);
    assert!(complaints(&browser).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_a_prefix_it_works_as_at_the_root_and_asks_nobody_else() {
    let shop = Shop::open(Clock::manual()).await;
    shop.morning().await;
    let router = admin(&shop).router().unwrap();
    let own = Router::new().route("/", axum::routing::get(async || "the application"));
    let served = Served::new(own.nest("/ops/of/shop", router)).await;
    let browser = Browser::start(1440, 900);
    for path in ["/ops/of/shop/admin/cache", "/ops/of/shop/admin/cache/", "/ops/of/shop/admin/cache?x=1#tiers"] {
        browser.open(&served.url(path));
        if path.ends_with("/cache") {
            enter(&browser, WRITE);
        }
        shown(&browser);
    }
    browser.fill("#clear-what", "all");
    browser.click("#clear [type=submit]");
    browser.click("#confirm-yes");
    browser.until("document.getElementById('done').textContent.includes('Cleared everything')");
    let asked = browser.asked();
    assert!(asked.len() > 30, "the log has what was asked: {asked:?}");
    let elsewhere: Vec<&String> = asked.iter().filter(|url| !url.starts_with(&served.url("/ops/of/shop/"))).collect();
    assert!(elsewhere.iter().all(|url| url.starts_with("data:") || url.starts_with("chrome")), "{elsewhere:?}");
    let entries = browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name);");
    let entries = entries.as_array().unwrap();
    assert!(entries.iter().all(|name| name.as_str().unwrap().starts_with(&served.url("/ops/of/shop/"))), "{entries:?}");
    assert!(complaints(&browser).is_empty());
}

/// Thousands who look at once are told to come again, and their pages do, more and more seldom.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_asks_too_often_says_so_and_waits() {
    let shop = Shop::open(Clock::manual()).await;
    let router = admin(&shop).rate("1/h".parse().unwrap()).router().unwrap();
    let desk = Desk::over(shop, router).await;
    let browser = Browser::start(1440, 900);
    browser.open(&desk.served.url("/admin/cache"));
    browser.until("document.getElementById('trouble').textContent.includes('too many requests')");
    let times =
        "performance.getEntriesByType('resource').filter((e) => /rights$/.test(e.name)).map((e) => e.startTime)";
    browser.until(&format!("{times}.length > 2"));
    let times = browser.run(&format!("return {times};"));
    let at = |i: usize| times[i].as_f64().unwrap();
    assert!(at(2) - at(1) > at(1) - at(0), "each time it waits longer: {times}");
    assert!(complaints(&browser).is_empty());
}
