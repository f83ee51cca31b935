//! The shop's dashboard, open in a browser.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use cached_runtime::admin::Admin;
use cached_runtime::clock::Clock;
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use kit::Browser;
use serde_json::Value;
use tower::ServiceExt as _;

use crate::shop::Shop;

pub(crate) const READ: &str = "a token that reads";
pub(crate) const WRITE: &str = "a token that writes";

/// A router that is served on a port of its own, until this is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Served {
    pub(crate) async fn new(router: Router) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What stands between the browser and the API.
#[derive(Default)]
pub(crate) struct Doorman {
    changes: AtomicU64,
    away: AtomicBool,
}

/// The shop, its admin API, and who looks at it.
pub(crate) struct Desk {
    pub(crate) shop: Shop,
    pub(crate) served: Served,
    pub(crate) router: Router,
    doorman: Arc<Doorman>,
}

pub(crate) fn admin(shop: &Shop) -> Admin {
    Admin::new(&shop.cache).read_token(READ).write_token(WRITE).database(&shop.db)
}

impl Desk {
    pub(crate) async fn new() -> Self {
        let shop = Shop::open(Clock::manual()).await;
        let warmer = shop.warmed().await;
        let router = admin(&shop).warmer(&warmer).rate("100000/s".parse().unwrap()).router().unwrap();
        Self::over(shop, router).await
    }

    /// With this router in the place of the usual one.
    pub(crate) async fn over(shop: Shop, router: Router) -> Self {
        let doorman = Arc::new(Doorman::default());
        let router = router.layer(from_fn_with_state(Arc::clone(&doorman), pass));
        let served = Served::new(router.clone()).await;
        Self { shop, served, router, doorman }
    }

    /// What the API says, to who has the write token.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let request = Request::builder().uri(format!("/api/v1/cache/{path}")).header("host", "localhost");
        let request = request.header("authorization", format!("Bearer {WRITE}")).body(Body::empty()).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    /// So much time passes, and what happened in it is noted.
    pub(crate) async fn pass(&self, time: Duration) {
        self.shop.clock.advance(time);
        let noted = format!("history?since={}", self.shop.clock.now() - 1);
        while self.get(&noted).await["points"].as_array().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    }

    /// How many changes were sent.
    pub(crate) fn changes(&self) -> u64 {
        self.doorman.changes.load(Ordering::SeqCst)
    }

    /// The API answers nothing but 503, or is back.
    pub(crate) fn take_away(&self, away: bool) {
        self.doorman.away.store(away, Ordering::SeqCst);
    }

    /// The page, open in a browser that has given this token.
    pub(crate) fn open(&self, token: &str) -> Browser {
        let browser = Browser::start(1440, 900);
        browser.open(&self.served.url("/admin/cache"));
        enter(&browser, token);
        shown(&browser);
        browser
    }
}

async fn pass(State(doorman): State<Arc<Doorman>>, request: Request, next: Next) -> Response {
    if request.method() == Method::POST {
        doorman.changes.fetch_add(1, Ordering::SeqCst);
    }
    if doorman.away.load(Ordering::SeqCst) && request.uri().path().starts_with("/api/") {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    next.run(request).await
}

/// Gives the token that the page asks for.
pub(crate) fn enter(browser: &Browser, token: &str) {
    browser.until("document.getElementById('token-dialog')?.open");
    browser.fill("#token-text", token);
    browser.click("#token-form [type=submit]");
}

/// The figures are there.
pub(crate) fn shown(browser: &Browser) {
    browser.until("/[0-9]/.test(document.querySelector('[data-figure=calls]')?.textContent ?? '')");
    browser.until("document.querySelector('#graph-table tbody')?.rows.length > 0");
}

/// A row of a table as texts by the heads of its columns: the first row that begins with this.
pub(crate) fn row(browser: &Browser, table: &str, head: &str) -> Value {
    let code = "const table = document.querySelector(`#${arguments[0]} table`); \
                const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent); \
                const is = (row) => row.cells[0].textContent.startsWith(arguments[1]); \
                const row = [...table.tBodies[0].rows].find(is); \
                const cells = [...(row?.cells ?? [])].map((cell, i) => [heads[i], cell.textContent.trim()]); \
                return row && Object.fromEntries(cells);";
    let row = browser.run_with(code, &[table.into(), head.into()]);
    assert!(row.is_object(), "#{table} has no row of {head}: {}", browser.text(&format!("#{table}")));
    row
}

/// Nothing makes the page wider than its window; what is wide is scrolled in a place of its own.
pub(crate) fn fits(browser: &Browser, when: &str) {
    let code = "const { scrollWidth, clientWidth } = document.documentElement; \
                if (scrollWidth <= clientWidth) return []; \
                const right = (e) => e.getBoundingClientRect().right; \
                const all = [...document.querySelectorAll('body *')].filter((e) => !e.closest('.scroll, nav, svg')); \
                const out = all.filter((e) => right(e) > clientWidth); \
                return out.map((e) => `${e.tagName} ${e.id} ${e.className}: ${right(e)} of ${clientWidth}`);";
    let wide = browser.run(code);
    assert_eq!(wide, serde_json::json!([]), "{when}: wider than the window");
}

/// What the browser complained of: errors of scripts, what the policy refused. That a request was refused is said there
/// as well, and is the API's own answer.
pub(crate) fn complaints(browser: &Browser) -> Vec<Value> {
    let complaints = browser.log("browser").into_iter();
    complaints
        .filter(|entry| !entry["message"].as_str().unwrap_or_default().contains("Failed to load resource"))
        .collect()
}
