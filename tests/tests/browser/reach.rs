//! Everybody reaches everything: by keyboard, with a screen reader, on a phone, by day and by night.

use kit::{Browser, keys};
use serde_json::Value;

use crate::desk::{Desk, WRITE, complaints, fits};

/// Looks for what keeps people out, by the rules of WCAG 2.2 A and AA. Version 4.14.1, under the MPL; see axe.LICENSE.
const AXE: &str = include_str!("axe.min.js");

/// What axe finds in what is shown now.
fn hurdles(browser: &Browser) -> Vec<Value> {
    if browser.run("return typeof axe;") != "object" {
        // Its own text is all that is run here, outside the policy of the page.
        browser.run(&format!("{AXE}; window.axe = axe;"));
    }
    let found = browser.run_async(
        "const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']; \
         const found = await axe.run(document, { runOnly: rules }); \
         const where = (nodes) => nodes.slice(0, 3).map((node) => node.html + ' ' + node.failureSummary); \
         return found.violations.map(({ id, impact, nodes }) => ({ id, impact, nodes: where(nodes) }));",
    );
    found.as_array().unwrap_or_else(|| panic!("axe has failed: {found}")).clone()
}

pub(crate) fn is_open_to_all(browser: &Browser, when: &str) {
    let found = hurdles(browser);
    assert!(found.is_empty(), "{when}: {found:#?}");
}

/// How light the ground of the page is, from 0 to 765.
fn lightness(browser: &Browser) -> u64 {
    let sum = "const parts = getComputedStyle(document.body).backgroundColor.match(/\\d+/g); \
               return parts.slice(0, 3).reduce((a, b) => a + Number(b), 0);";
    browser.run(sum).as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_every_width_by_day_and_by_night_nothing_keeps_anybody_out() {
    let desk = Desk::new().await;
    desk.get("access-patterns").await;
    desk.shop.morning().await;
    let browser = desk.open(WRITE);
    browser.run("for (const more of document.querySelectorAll('details')) more.open = true;");
    for (width, height, phone) in [(360, 740, true), (768, 1_024, true), (1_440, 900, false), (1_920, 1_080, false)] {
        browser.resize(width, height, phone);
        fits(&browser, &width.to_string());
        for scheme in ["light", "dark"] {
            browser.prefer(scheme);
            is_open_to_all(&browser, &format!("{width} px, {scheme}"));
        }
        browser.run("document.querySelector('#sites-table tbody button').click();");
        browser.until("document.getElementById('site-dialog').open");
        fits(&browser, &format!("a site, {width}"));
        is_open_to_all(&browser, &format!("a site, {width} px"));
        browser.run("document.getElementById('site-pause').click();");
        browser.until("document.getElementById('confirm').open");
        fits(&browser, &format!("a confirmation, {width}"));
        browser.run("for (const open of document.querySelectorAll('dialog[open]')) open.close();");
    }
    browser.run("document.getElementById('token').click();");
    is_open_to_all(&browser, "the token");
    assert!(complaints(&browser).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn day_and_night_follow_the_system_until_somebody_chooses() {
    let desk = Desk::new().await;
    let browser = desk.open(WRITE);
    browser.prefer("dark");
    assert!(lightness(&browser) < 150);
    browser.prefer("light");
    assert!(lightness(&browser) > 600);
    browser.fill("#theme", "dark");
    assert!(lightness(&browser) < 150, "somebody chose");
    browser.open(&desk.served.url("/admin/cache"));
    crate::desk::shown(&browser);
    assert!(lightness(&browser) < 150, "and that is remembered");
    assert_eq!(browser.run("return document.getElementById('theme').value;"), "dark");
    browser.prefer("dark");
    browser.fill("#theme", "light");
    assert!(lightness(&browser) > 600, "also against the system");
    browser.fill("#theme", "system");
    assert!(lightness(&browser) < 150);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_reached_by_keyboard_and_is_seen_to_have_the_focus() {
    let desk = Desk::new().await;
    desk.get("access-patterns").await;
    desk.shop.morning().await;
    let browser = desk.open(WRITE);
    // What can be used, in the order of the page; that it is asked for anew meanwhile takes no focus away.
    let many = browser.run(
        "const all = [...document.querySelectorAll('a[href], button, input, select, summary, [tabindex=\"0\"]')]; \
         const can = (e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled; \
         const used = all.filter((e) => can(e) && !e.closest('dialog')); \
         used.forEach((e, i) => { e.dataset.stop = i; }); document.activeElement.blur(); return used.length;",
    );
    let many = many.as_u64().unwrap();
    assert!(many > 50, "{many}");
    for stop in 0..many {
        browser.keys(keys::TAB);
        let at = browser.run(
            "const { activeElement: e } = document; const { outlineStyle, outlineWidth } = getComputedStyle(e); \
             const seen = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2; \
             return [e.dataset.stop ?? e.outerHTML.slice(0, 200), seen];",
        );
        assert_eq!((at[0].as_str(), &at[1]), (Some(&*stop.to_string()), &Value::Bool(true)), "stop {stop} of {many}");
    }
    browser.back_tab();
    assert_eq!(browser.run("return document.activeElement.dataset.stop;"), (many - 2).to_string().as_str());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_keyboard_alone_a_key_is_cleared_and_a_dialog_is_left() {
    let desk = Desk::new().await;
    crate::shop::page(&desk.shop, 1).await.unwrap();
    let browser = desk.open(WRITE);
    let focus = || browser.run("return document.activeElement.id;").as_str().unwrap_or_default().to_owned();
    let clear_by_keys = || {
        browser.run("document.getElementById('clear-what').focus();");
        browser.keys(keys::TAB);
        assert_eq!(focus(), "clear-name");
        browser.run("document.getElementById('clear-name').select();");
        browser.keys("product:1:page");
        browser.keys(keys::ENTER);
        browser.until("document.getElementById('confirm').open");
    };
    clear_by_keys();
    for _ in 0..4 {
        browser.keys(keys::TAB);
        assert!(["confirm-no", "confirm-yes", ""].contains(&&*focus()), "the focus stays in the dialog: {}", focus());
    }
    browser.keys(keys::ESCAPE);
    browser.until("!document.getElementById('confirm').open");
    assert_eq!((focus().as_str(), desk.changes()), ("clear-name", 0), "back to where it was");
    clear_by_keys();
    browser.keys(keys::ENTER);
    browser.until("!document.getElementById('confirm').open");
    assert_eq!(desk.changes(), 0, "Enter alone agrees to nothing: Cancel has the focus");
    clear_by_keys();
    browser.keys(keys::TAB);
    assert_eq!(focus(), "confirm-yes");
    browser.keys(keys::ENTER);
    browser.until("document.getElementById('done').textContent.includes('Cleared')");
    assert_eq!(desk.changes(), 1);
    assert_eq!(
        browser.run("return document.getElementById('done').getAttribute('role');"),
        "status",
        "and it is said aloud"
    );
    // A table is sorted by its heads, and says how.
    let sorted = "const heads = [...document.querySelectorAll('#sites-table th[aria-sort]')]; \
                  return heads.map((head) => head.getAttribute('aria-sort')).filter((order) => order !== 'none');";
    browser.run("document.querySelector('#sites-table th button').focus();");
    browser.keys(keys::ENTER);
    assert_eq!(browser.run(sorted), serde_json::json!(["ascending"]));
    browser.keys(keys::ENTER);
    assert_eq!(browser.run(sorted), serde_json::json!(["descending"]));
}
