//! Nothing that others wrote ever runs, hides, or turns the text around it (S12).

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use cached_runtime::clock::Clock;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use kit::Browser;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::desk::{Desk, READ, Served, WRITE, admin, complaints, enter, fits, shown};
use crate::shop::Shop;

/// Each would set `window.__xss`, or open a dialog, if it were ever read as anything but text.
const HOSTILE: &[&str] = &[
    "<img src=x onerror=\"window.__xss=1\">",
    "<script>window.__xss=1</script>",
    "\"><svg onload=window.__xss=1>",
    "' autofocus onfocus=alert(1) x='",
    "javascript:window.__xss=1",
    "<iframe srcdoc='<script>parent.__xss=1</script>'>",
    "</title></textarea><style>*{display:none}</style>",
    "${window.__xss=1}{{window.__xss=1}}",
    "\u{202e}gpj.elcyc\u{2066}\u{2069}",
    "\u{1b}[31;1mred\u{1b}]8;;http://evil.example\u{7}\r\n\0\u{200b}",
];

/// All that the page was never to have: what only markup makes, and what ran.
const TRACES: &str = "const many = (selector) => document.querySelectorAll(selector).length; \
                      return [window.__xss ?? null, \
                              many('img, iframe, object, embed, body script, main style, main a[href^=javascript]'), \
                              many('[onerror], [onload], [onfocus], [autofocus]')];";

/// An answer in which every text that is a name, a key or a sentence is hostile, and as long as a key may be.
fn poisoned(value: Value, field: &str) -> Value {
    // By these the page itself tells states apart.
    let known = ["verdict", "kind", "status", "reads", "writes", "state"];
    match value {
        Value::String(text) if !known.contains(&field) => {
            // The same name is the same everywhere, so that what belongs together stays together.
            let number: usize = text.bytes().fold(7, |sum, byte| sum * 31 % 9_973 + usize::from(byte));
            let payload = HOSTILE[number % HOSTILE.len()];
            let long =
                if number.is_multiple_of(3) { "x".repeat(1_024 - payload.len().min(1_000)) } else { String::new() };
            Value::String(format!("{payload}{text}{long}"))
        }
        Value::Array(all) => Value::Array(all.into_iter().map(|value| poisoned(value, field)).collect()),
        Value::Object(all) => {
            let poison = |(name, value): (String, Value)| {
                let value = poisoned(value, &name);
                (name, value)
            };
            Value::Object(all.into_iter().map(poison).collect())
        }
        other => other,
    }
}

/// What the API does not answer yet everywhere is answered here, so that the page shows all its parts.
fn more(path: &str, value: &mut Value) -> bool {
    let warning = json!({ "code": "low_hit_rate", "about": "browser.shop.page", "text": "look at browser.shop.page" });
    let late = json!([{ "up_to_seconds": 1, "count": 1 }, { "up_to_seconds": null, "count": 0 }]);
    let entry = json!({ "site": "a site", "key": "product:1:page", "places": ["near"], "ago": 1.0, "lasted": null });
    let audit = json!({
        "checked": 1_000, "stale": 1, "unknown": 0, "left_out": 0, "consistent": 0.999, "nines": 3.0,
        "objective": 0.9995, "met": false, "histogram": late, "sites": [], "found": [entry],
    });
    match path {
        "/api/v1/openapi.json" => {
            for path in ["/api/v1/cache/history", "/api/v1/cache/sites/{site}/curve"] {
                value["paths"][path] = json!({});
            }
        }
        "/api/v1/cache/stats" => value["audit"] = audit,
        "/api/v1/cache/health" => value["warnings"] = json!([warning]),
        "/api/v1/cache/history" => {
            let point = |i: u64| {
                json!({
                    "at": 999_999_000_000 + i * 5_000, "hits": i, "misses": 1, "tier_hits": 0, "stale_hits": 0,
                    "loads": 1, "load_errors": 0, "load_seconds": 0.1, "joins": 0, "invalidations": 0,
                    "evictions": 0, "near_bytes": 9, "load_p50": 0.001, "load_p99": 0.1,
                    "tiers": [{ "tier": "a tier", "hits": 1, "misses": 0, "answered": 1, "read_p50": 0.0001, "read_p99": 0.002 }],
                })
            };
            *value = json!({ "step_seconds": 5, "points": (0..100).map(point).collect::<Vec<_>>() });
        }
        path if path.ends_with("/curve") => {
            let point = |i: u32| json!({ "bytes": i << 20, "miss_ratio": 1.0 / f64::from(i + 1) });
            let points: Vec<Value> = (0..64).map(point).collect();
            *value = json!({
                "site": "x", "capacity": 8 << 20, "measured": 0.11, "sampled": 500, "rate": 0.01, "points": points,
            });
        }
        _ => return false,
    }
    true
}

/// The answers of the real API, all of them hostile.
async fn answer(State(router): State<Router>, request: Request) -> Response {
    changed(router, request, |value| poisoned(value, "")).await
}

/// The answers of the real API, with what it does not answer yet.
async fn fuller(State(router): State<Router>, request: Request) -> Response {
    changed(router, request, |value| value).await
}

async fn changed(router: Router, request: Request, change: fn(Value) -> Value) -> Response {
    let path = request.uri().path().to_owned();
    if !path.starts_with("/api/") || request.method() != http::Method::GET {
        return router.oneshot(request).await.unwrap().into_response();
    }
    let allowed = request.headers().contains_key("authorization") || path.ends_with("openapi.json");
    let (mut head, body) = router.oneshot(request).await.unwrap().into_parts();
    if !allowed {
        return Response::from_parts(head, body);
    }
    let body = body.collect().await.unwrap().to_bytes();
    let mut value: Value = serde_json::from_slice(&body).unwrap_or_default();
    if more(&path, &mut value) {
        head.status = http::StatusCode::OK;
    }
    if !path.ends_with("openapi.json") {
        value = change(value);
    }
    head.headers.remove("content-length");
    head.headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    Response::from_parts(head, Body::from(value.to_string()))
}

fn unharmed(browser: &Browser, when: &str) {
    assert_eq!(browser.alert(), None, "{when}: no dialog");
    assert_eq!(browser.run(TRACES), json!([null, 0, 0]), "{when}");
    fits(browser, when);
    let complaints = complaints(browser);
    assert!(complaints.is_empty(), "{when}: {complaints:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_are_hostile_in_every_text_are_shown_as_text() {
    let desk = Desk::new().await;
    desk.get("access-patterns").await;
    desk.shop.morning().await;
    let served = Served::new(Router::new().fallback(any(answer)).with_state(desk.router.clone())).await;
    let browser = Browser::start(1440, 900);
    browser.open(&served.url("/admin/cache"));
    enter(&browser, WRITE);
    shown(&browser);
    browser.until("document.querySelectorAll('#sites-table tbody tr').length > 3");
    browser.until("document.querySelector('#missed-table tbody tr')");
    browser.run("for (const more of document.querySelectorAll('details')) more.open = true;");
    let text = browser.text("main");
    for payload in &HOSTILE[..8] {
        assert!(
            text.contains(payload) || !all_names(&desk).await.contains(payload),
            "{payload} is shown as it is written"
        );
    }
    assert!(text.contains("<img src=x onerror=") || text.contains("<script>"), "the answers were hostile");
    for spelled in ["\u{202e}", "\u{1b}", "\0", "\u{200b}"] {
        assert!(!text.contains(spelled), "{spelled:?} is spelled out");
    }
    let apart = browser.run("return getComputedStyle(document.querySelector('bdi.name')).unicodeBidi;");
    assert_eq!(apart, "isolate");
    unharmed(&browser, "the page");
    browser.run("document.querySelector('#sites-table tbody button').click();");
    browser.until("document.getElementById('site-dialog').open && document.querySelector('#site-curve canvas')");
    assert!(browser.text("#site-curve").contains("with twice that"));
    unharmed(&browser, "a site");
    browser.run("document.querySelector('#site-pause').click();");
    browser.until("document.getElementById('confirm').open");
    unharmed(&browser, "a confirmation");
    browser.keys(kit::keys::ESCAPE);
    browser.keys(kit::keys::ESCAPE);
    browser.until("!document.querySelector('dialog[open]')");
    for list in ["hot", "missed", "slow"] {
        browser.run_with("document.querySelector(`#${arguments[0]}-table tbody button`).click();", &[list.into()]);
        browser.until("document.querySelector('[data-figure=verdict]') || document.querySelector('#explained .error')");
        unharmed(&browser, list);
    }
    browser.resize(360, 740, true);
    unharmed(&browser, "on a phone");
}

/// The control: a page that took one of these texts for markup would be found out, and the policy would stop what runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_took_text_for_markup_would_be_found_out() {
    let desk = Desk::new().await;
    desk.shop.morning().await;
    let browser = desk.open(WRITE);
    unharmed(&browser, "before");
    browser.run_with(
        "document.querySelector('main').insertAdjacentHTML('beforeend', arguments[0]);",
        &[HOSTILE[0].into()],
    );
    assert_ne!(browser.run(TRACES), json!([null, 0, 0]), "the element is seen");
    let refused = || complaints(&browser).iter().any(|entry| entry.to_string().contains("Content Security Policy"));
    kit::until("the policy has refused to run it", std::time::Duration::from_secs(20), refused);
    assert_eq!(browser.run("return window.__xss ?? null;"), Value::Null);
}

/// What is no answer of this API is said to be none, and asked for again; nothing breaks for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_of_another_shape_are_said_to_be_none() {
    let desk = Desk::new().await;
    desk.shop.morning().await;
    let router = Router::new().fallback(any(misshapen)).with_state(desk.router.clone());
    let served = Served::new(router).await;
    let browser = Browser::start(1440, 900);
    browser.open(&served.url("/admin/cache"));
    enter(&browser, WRITE);
    browser.until("document.getElementById('trouble').textContent.includes('does not understand')");
    let asked = "performance.getEntriesByType('resource').filter((entry) => /stats$/.test(entry.name)).length";
    browser.until(&format!("{asked} > 1"));
    assert_eq!(browser.run(TRACES), json!([null, 0, 0]));
}

/// Values are shown where somebody switched that on, to the write token, and as text whatever they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_are_hostile_are_shown_as_text() {
    let shop = Shop::open(Clock::manual()).await;
    let notes = shop.cache.namespace::<String>("notes").unwrap();
    notes.set("hostile", HOSTILE.concat());
    notes.set("long", HOSTILE[0].repeat(1_000));
    let router = admin(&shop).show_values(true).rate("100000/s".parse().unwrap()).router().unwrap();
    let desk = Desk::over(shop, router).await;
    let explain = |browser: &Browser, key: &str| {
        browser.run("document.getElementById('explained').replaceChildren();");
        browser.fill("#explain-key", key);
        browser.click("#explain [type=submit]");
        browser.until("document.querySelector('[data-figure=verdict]')");
    };
    let browser = desk.open(WRITE);
    explain(&browser, "notes:hostile");
    let text = browser.text(".value-text");
    for payload in [HOSTILE[1], HOSTILE[4], HOSTILE[5]] {
        assert!(text.contains(payload), "{payload} of {text}");
    }
    assert!(!text.contains('\u{202e}') && text.contains("U+202E"), "{text}");
    assert!(!browser.text("#explained").contains("cut after"));
    unharmed(&browser, "a value");
    explain(&browser, "notes:long");
    assert!(browser.text("#explained").contains("Value, cut after 4 KiB"));
    assert_eq!(browser.run("return document.querySelector('.value-text').textContent.length;"), 4_096);
    unharmed(&browser, "a long value");
    crate::reach::is_open_to_all(&browser, "a long value");
    browser.resize(360, 740, true);
    unharmed(&browser, "a long value on a phone");
    let browser = desk.open(READ);
    explain(&browser, "notes:hostile");
    assert_eq!(browser.run("return document.querySelectorAll('.value-text').length;"), 0, "who reads is shown none");
}

async fn misshapen(State(router): State<Router>, request: Request) -> Response {
    let shape =
        |value: Value| if value.get("cache").is_some() { json!({ "cache": [[[[]]]], "sites": "none" }) } else { value };
    changed(router, request, shape).await
}

/// What-if, consistency and the past, where the server answers them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_curve_says_what_twice_the_memory_would_be_worth() {
    let desk = Desk::new().await;
    desk.shop.morning().await;
    let served = Served::new(Router::new().fallback(any(fuller)).with_state(desk.router.clone())).await;
    let browser = Browser::start(1440, 900);
    browser.open(&served.url("/admin/cache"));
    enter(&browser, WRITE);
    shown(&browser);
    browser.until("document.querySelector('#range [value=\"86400\"]')");
    let audit = browser.text("[data-figure=audit]");
    for said in ["1 of 1,000 checked answers", "99.9 % consistent", "99.95 %", "missed"] {
        assert!(audit.contains(said), "{said} of {audit}");
    }
    browser.run("document.querySelector('#sites-table tbody button').click();");
    browser.until("document.querySelector('#site-curve table')");
    // One of n + 1 misses with n MiB; near has 8 of them.
    let row = |head: &str| crate::desk::row(&browser, "site-curve", head);
    assert_eq!((&row("as now")["Bytes"], &row("as now")["Misses"]), (&json!("8.00 MiB"), &json!("11.1 %")));
    assert_eq!((&row("2 times")["Bytes"], &row("2 times")["Misses"]), (&json!("16.0 MiB"), &json!("5.9 %")));
    assert!(browser.text("#site-curve").contains("11.1 % with 8.00 MiB, 5.9 % with twice that"));
    assert!(complaints(&browser).is_empty());
}

/// Every text that the API has now.
async fn all_names(desk: &Desk) -> String {
    let mut all = String::new();
    for path in ["stats", "sites", "databases", "access-patterns", "performance", "invalidations"] {
        all.push_str(&poisoned(desk.get(path).await, "").to_string());
    }
    all
}

/// What an operator pastes is no more trusted than what the API says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_keys_and_tags_that_are_typed_are_text_to_the_end() {
    let desk = Desk::new().await;
    desk.shop.morning().await;
    let browser = desk.open(WRITE);
    let long = "y".repeat(1_024);
    for typed in HOSTILE.iter().copied().chain(["\u{1f4a9}\u{644}\u{627}", "%00%2e%2e/../..;?#&", "a\\b\"c'd", &long]) {
        browser.fill("#explain-key", typed);
        browser.run("document.getElementById('explained').replaceChildren();");
        browser.run("document.querySelector('#explain [type=submit]').click();");
        browser.until("document.querySelector('[data-figure=verdict]') || document.querySelector('#explained .error')");
        // A field of one line drops its line feeds; the key that is asked for is the one that is shown.
        let told = browser.run(
            "const shown = document.querySelector('#explained-title')?.textContent ?? ''; \
             return [document.getElementById('explain-key').value, shown];",
        );
        if typed.chars().all(|c| !c.is_control()) && !typed.contains(['\u{202e}', '\u{200b}']) {
            assert_eq!(told[0], told[1], "{typed:?}");
        }
        browser.fill("#clear-what", "tags");
        browser.fill("#clear-name", typed);
        browser.click("#clear [type=submit]");
        browser.until("document.getElementById('confirm').open");
        browser.run("document.getElementById('done').textContent = '';");
        browser.click("#confirm-yes");
        browser.until(
            "document.querySelector('#done').textContent || document.querySelector('#confirm-error').textContent",
        );
        browser.run("document.getElementById('confirm').close();");
        unharmed(&browser, typed);
    }
    // They are in the list of what was invalidated, as they were written.
    browser.until(
        "document.querySelector('#invalidations-table').textContent.includes('<script>window.__xss=1</script>')",
    );
    unharmed(&browser, "the list");
}
