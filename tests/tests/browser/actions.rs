//! What can be done from the page: each action says first what will happen, and does it when somebody agrees.

use kit::Browser;
use serde_json::json;

use crate::desk::{Desk, READ, WRITE, complaints};
use crate::shop::{page, price};

/// The confirmation is open, and says this.
fn asks(browser: &Browser, says: &str) {
    browser.until("document.getElementById('confirm').open");
    let text = browser.text("#confirm");
    assert!(text.contains(says), "{says:?} of {text:?}");
    assert_eq!(
        browser.run("return document.activeElement.id;"),
        "confirm-no",
        "who hits Enter by mistake does nothing"
    );
}

/// Agrees, and waits until it is said what was done.
fn agree(browser: &Browser, done: &str) {
    browser.run("document.getElementById('done').textContent = '';");
    browser.click("#confirm-yes");
    browser.run_with("window.__done = arguments[0];", &[done.into()]);
    browser.until("document.getElementById('done').textContent.includes(window.__done)");
    browser.until("!document.getElementById('confirm').open");
}

fn clear(browser: &Browser, what: &str, name: &str) {
    browser.fill("#clear-what", what);
    if what != "all" {
        browser.fill("#clear-name", name);
    }
    browser.click("#clear [type=submit]");
}

async fn verdict(desk: &Desk, key: &str) -> String {
    desk.get(&format!("keys/{key}")).await["verdict"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_way_to_clear_is_asked_first_and_clears() {
    let desk = Desk::new().await;
    let browser = desk.open(WRITE);
    for (what, name, says) in [
        ("key", "product:1:page", "The key product:1:page is invalidated"),
        ("pattern", "product:*", "Every key that matches product:* is invalidated"),
        ("tags", "product:1", "Every entry with the tag product:1 is invalidated"),
        ("namespace", "product", "Every key of the namespace product is invalidated"),
        ("all", "", "Everything is invalidated"),
    ] {
        page(&desk.shop, 1).await.unwrap();
        assert_eq!(verdict(&desk, "product:1:page").await, "hit", "{what}");
        let before = desk.changes();
        for _ in 0..2 {
            clear(&browser, what, name);
            asks(&browser, says);
            browser.click("#confirm-no");
            browser.until("!document.getElementById('confirm').open");
        }
        assert_eq!(desk.changes(), before, "nothing was sent before somebody agreed: {what}");
        assert_eq!(verdict(&desk, "product:1:page").await, "hit", "{what}");
        clear(&browser, what, name);
        asks(&browser, says);
        agree(&browser, "Cleared");
        assert_eq!(desk.changes(), before + 1, "{what}");
        assert_eq!(verdict(&desk, "product:1:page").await, "miss", "{what}");
    }
    page(&desk.shop, 1).await.unwrap();
    clear(&browser, "tier", "near");
    asks(&browser, "Nothing is invalidated");
    agree(&browser, "1 removed");
    assert_eq!(verdict(&desk, "product:1:page").await, "hit", "the tier has it");
    assert!(complaints(&browser).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_said_with_its_field() {
    let desk = Desk::new().await;
    let browser = desk.open(WRITE);
    for (what, name, field) in
        [("tier", "nowhere", "tier: "), ("pattern", "a[", "pattern: "), ("namespace", "a b", "namespace: ")]
    {
        clear(&browser, what, name);
        browser.until("document.getElementById('confirm').open");
        browser.click("#confirm-yes");
        browser.until("document.getElementById('confirm-error').textContent !== ''");
        let error = browser.text("#confirm-error");
        assert!(error.starts_with(field), "{error}");
        assert_eq!(browser.run("return document.getElementById('confirm-error').getAttribute('role');"), "alert");
        browser.click("#confirm-no");
    }
    browser.click("#sites-table tbody button");
    browser.until("document.getElementById('site-dialog').open");
    for (field, value) in
        [("ttl", "-5"), ("ttl", "soon"), ("stale", "1 parsec"), ("capacity", "lots"), ("capacity", "-1")]
    {
        browser.fill(&format!("#site-{field}"), value);
        browser.click("#site-form [type=submit]");
        browser.until("document.getElementById('confirm').open");
        browser.click("#confirm-yes");
        browser.until("document.getElementById('confirm-error').textContent !== ''");
        let error = browser.text("#confirm-error");
        assert!(error.starts_with(&format!("{field}: ")), "{field} {value}: {error}");
        browser.click("#confirm-no");
        browser.fill(&format!("#site-{field}"), "");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_is_paused_tuned_and_reset() {
    let desk = Desk::new().await;
    page(&desk.shop, 1).await.unwrap();
    let browser = desk.open(WRITE);
    let site = async || {
        let sites = desk.get("sites").await;
        sites["sites"].as_array().unwrap().iter().find(|site| site["site"] == "browser.shop.page").unwrap().clone()
    };
    browser.run(
        "const sites = [...document.querySelectorAll('#sites-table tbody button')]; \
         sites.find((site) => site.textContent === 'browser.shop.page').click();",
    );
    browser.until("document.getElementById('site-dialog').open");
    let text = browser.text("#site-body");
    for known in ["product:{}:page", "product:{}", "10.0 min", "browser.shop.rename", "shop.rs:"] {
        assert!(text.contains(known), "{known} of {text}");
    }
    browser.fill("#site-ttl", "5m");
    browser.fill("#site-stale", "90");
    browser.fill("#site-capacity", "2 MiB");
    browser.click("#site-form [type=submit]");
    asks(&browser, "ttl: 5m");
    browser.keys(kit::keys::ESCAPE);
    browser.until("!document.getElementById('confirm').open");
    assert_eq!(desk.changes(), 0, "who went away has not agreed");
    assert_eq!(browser.run("return document.getElementById('site-ttl').value;"), "5m", "and may go on");
    browser.click("#site-form [type=submit]");
    agree(&browser, "changes to what you said");
    let told = site().await;
    assert_eq!(
        (told["tuned_ttl"].as_f64(), told["tuned_stale"].as_f64(), told["tuned_capacity"].as_u64()),
        (Some(300.0), Some(90.0), Some(2 << 20))
    );
    browser.until("document.getElementById('site-ttl-now').textContent === 'now 5.00 min, changed here'");
    browser.click("#site-pause");
    asks(&browser, "its calls go by the cache");
    agree(&browser, "is paused");
    assert_eq!(site().await["paused"], true);
    browser.until("document.getElementById('site-pause').textContent.startsWith('Let it go on')");
    browser.run(
        "[...document.querySelectorAll('#site-form button')].find((b) => b.textContent.startsWith('Reset')).click();",
    );
    asks(&browser, "goes back to what its attribute asks for");
    agree(&browser, "goes back");
    let told = site().await;
    assert_eq!((&told["tuned_ttl"], &told["paused"]), (&json!(null), &json!(false)));
    browser.click("#site-close");
    browser.until("!document.getElementById('site-dialog').open");
    assert!(complaints(&browser).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_is_cleaned_paused_warmed_and_told_to_load_ahead() {
    let desk = Desk::new().await;
    page(&desk.shop, 1).await.unwrap();
    desk.shop.clock.advance(std::time::Duration::from_secs(7_200));
    let browser = desk.open(WRITE);
    browser.click("#cleanup");
    asks(&browser, "past their life");
    agree(&browser, "Removed what had expired: near 6");
    browser.click("#pause");
    asks(&browser, "All calls go by the cache");
    agree(&browser, "Everything is paused");
    assert!(desk.shop.cache.is_paused());
    browser.until("document.getElementById('status').textContent === 'paused'");
    browser.until("document.getElementById('pause').textContent.startsWith('Let the cache')");
    browser.click("#pause");
    agree(&browser, "goes on");
    assert!(!desk.shop.cache.is_paused());
    browser.click("#prefetching-switch");
    asks(&browser, "nothing is loaded any more");
    browser.keys(kit::keys::ESCAPE);
    browser.click("#prefetching-switch");
    agree(&browser, "Loading ahead is off");
    assert_eq!(desk.get("stats").await["prefetching"], false);
    for button in ["#warm-all", "#warmup-table tbody button"] {
        browser.click(button);
        asks(&browser, "begin");
        agree(&browser, "browser.shop.shelf");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_explained_and_cleared_from_there() {
    let desk = Desk::new().await;
    desk.get("access-patterns").await;
    for _ in 0..3 {
        price(&desk.shop.db, 2).await.unwrap();
    }
    page(&desk.shop, 1).await.unwrap();
    let browser = desk.open(WRITE);
    browser.click("#explain-key");
    browser.keys("product:1:page");
    browser.keys(kit::keys::ENTER);
    browser.until("document.querySelector('[data-figure=verdict]')");
    let told = desk.get("keys/product:1:page").await;
    let shown = browser.text("#explained");
    assert!(shown.contains("hit") && shown.contains(told["reason"].as_str().unwrap()), "{shown}");
    assert!(shown.contains("browser.shop.page") && shown.contains("product:1"), "{shown}");
    browser.click("#explained .danger");
    asks(&browser, "product:1:page");
    agree(&browser, "Cleared the key");
    browser.until("document.querySelector('[data-figure=verdict]').textContent.startsWith('miss')");
    assert!(browser.text("#explained").contains("Last invalidated by key product:1:page"));
    // A key of the list is explained, too.
    let before = browser.text("#explained-title");
    browser.run(
        "const missed = [...document.querySelectorAll('#missed-table button')]; \
         missed.find((key) => !key.textContent.startsWith('product')).click();",
    );
    browser.run_with("window.__before = arguments[0];", &[before.into()]);
    browser.until("document.getElementById('explained-title')?.textContent.includes(window.__before) === false");
    assert!(complaints(&browser).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_only_read_is_told_so_and_changes_nothing() {
    let desk = Desk::new().await;
    page(&desk.shop, 1).await.unwrap();
    let browser = desk.open(READ);
    assert!(browser.text("#rights").contains("needs the write token"));
    clear(&browser, "key", "product:1:page");
    browser.until("document.getElementById('confirm').open");
    assert!(browser.text("#confirm").contains("changes need the write token"), "{}", browser.text("#confirm"));
    browser.click("#confirm-yes");
    crate::desk::enter(&browser, WRITE);
    browser.until("document.getElementById('rights').hidden");
    assert_eq!(desk.changes(), 0);
    assert_eq!(verdict(&desk, "product:1:page").await, "hit");
    clear(&browser, "key", "product:1:page");
    asks(&browser, "product:1:page");
    agree(&browser, "Cleared");
}
