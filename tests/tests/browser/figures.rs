//! The numbers on the page are those of the API.

use serde_json::Value;

use crate::desk::{Desk, READ, complaints, row};

/// A whole number as the page writes it.
fn count(n: &Value) -> String {
    let digits = n.as_u64().unwrap_or_else(|| panic!("{n} is counted")).to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

fn sum(a: &Value, b: &Value) -> Value {
    (a.as_u64().unwrap() + b.as_u64().unwrap()).into()
}

fn site<'a>(stats: &'a Value, name: &str) -> &'a Value {
    stats["sites"].as_array().unwrap().iter().find(|site| site["site"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_numbers_on_the_page_are_those_of_the_api() {
    let desk = Desk::new().await;
    desk.shop.morning().await;
    let browser = desk.open(READ);
    let stats = desk.get("stats").await;
    let cache = &stats["cache"];
    let figure = |id: &str| browser.text(&format!("[data-figure={id}]"));
    let calls = sum(&cache["hits"], &cache["misses"]);
    assert!(calls.as_u64().unwrap() > 1_000, "thousands are set apart");
    assert_eq!(figure("calls"), count(&calls));
    assert_eq!(figure("hit-rate"), percent(cache["hit_rate"].as_f64().unwrap()));
    assert_eq!((figure("stale"), cache["stale_hits"].as_u64()), ("3".to_owned(), Some(3)));
    for (id, field) in
        [("loads", "loads"), ("joins", "joins"), ("invalidations", "invalidations"), ("errors", "errors")]
    {
        assert_eq!(figure(id), count(&cache[field]), "{field}");
    }
    let performance = desk.get("performance").await;
    let saved = performance["sites"].as_array().unwrap().iter().map(|site| site["saved_seconds"].as_f64().unwrap());
    assert!((cache["saved_seconds"].as_f64().unwrap() - saved.sum::<f64>()).abs() < 1e-9, "what all sites saved");
    let query = site(&stats, "browser.shop.price");
    assert_eq!(figure("avoided"), count(&sum(&query["hits"], &query["tier_hits"])));
    assert_eq!(figure("backlog"), "0");

    let page = site(&stats, "browser.shop.page");
    let line = row(&browser, "sites-table", "browser.shop.page");
    let all = page["hits"].as_u64().unwrap() + page["misses"].as_u64().unwrap();
    assert_eq!(line["Calls"], count(&all.into()));
    assert_eq!(line["Hit rate"], percent(page["hit_rate"].as_f64().unwrap()));
    for (column, field) in [("Near", "hits"), ("Tiers", "tier_hits"), ("Stale", "stale_hits")] {
        assert_eq!(line[column], percent(page[field].as_f64().unwrap() / all as f64), "{column}");
    }
    for (column, field) in [("Loads", "loads"), ("Joined", "joins"), ("Evicted", "evictions")] {
        assert_eq!(line[column], count(&page[field]), "{column}");
    }
    assert!(row(&browser, "sites-table", "browser.shop.price")["Site"].as_str().unwrap().contains("query"));

    let tier = &stats["tiers"][0];
    let line = row(&browser, "tiers-table", tier["tier"].as_str().unwrap());
    for (column, field) in [("Hits", "hits"), ("Misses", "misses"), ("Written", "written"), ("Backlog", "backlog")] {
        assert_eq!(line[column], count(&tier[field]), "{column}");
    }
    assert_eq!(line["Reads"], "well");

    let warmed = &site(&stats, "browser.shop.shelf")["warmed"];
    let line = row(&browser, "ahead-table", "browser.shop.shelf");
    assert_eq!((line["How"].as_str(), &line["Brought"]), (Some("warm-up"), &count(&warmed["brought"]).into()));
    assert_eq!(row(&browser, "warmup-table", "browser.shop.shelf")["Done"], "5");
    assert!(complaints(&browser).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_responses_is_shown_where_there_are_any() {
    let desk = Desk::new().await;
    let browser = desk.open(READ);
    assert_eq!(browser.run("return document.getElementById('responses').hidden;"), true);
    drop(browser);
    desk.shop.window().await;
    let browser = desk.open(READ);
    assert_eq!(browser.run("return document.getElementById('responses').hidden;"), false);
    let told = &desk.get("stats").await["responses"]["responses"];
    let line = row(&browser, "responses-table", "responses");
    for (column, field) in [("Asked", "asked"), ("Hits", "hits"), ("Misses", "misses"), ("Stored", "stored")] {
        assert_eq!(line[column], count(&told[field]), "{column}");
    }
    assert_eq!((&line["From the cache"], &line["Not kept"]), (&"33.3 %".into(), &"3".into()));
    let line = row(&browser, "not-kept-table", "private");
    assert_eq!(
        (&line["Namespace"], &line["Responses"]),
        (&"responses".into(), &count(&told["not_kept"]["private"]).into())
    );
    assert!(complaints(&browser).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lists_on_the_page_are_those_of_the_api() {
    let desk = Desk::new().await;
    // From when somebody looks it is noted what is asked for.
    desk.get("access-patterns").await;
    desk.shop.morning().await;
    let browser = desk.open(READ);
    let patterns = desk.get("access-patterns").await;
    for (table, list) in [("hot-table", "hot"), ("missed-table", "missed")] {
        for asked in patterns[list].as_array().unwrap().iter().take(5) {
            assert_eq!(row(&browser, table, asked["key"].as_str().unwrap())["Site"], asked["site"], "{table}");
        }
    }
    let performance = desk.get("performance").await;
    for slow in performance["slow_loads"].as_array().unwrap().iter().take(5) {
        assert_eq!(row(&browser, "slow-table", slow["key"].as_str().unwrap())["Site"], slow["site"]);
    }
    for verdict in desk.get("databases").await["databases"][0]["queries"].as_array().unwrap() {
        let line = row(&browser, "queries-table", verdict["shape"].as_str().unwrap());
        assert!(line["Verdict"].as_str().unwrap().contains(verdict["verdict"]["text"].as_str().unwrap()), "{line}");
    }
    assert_eq!(row(&browser, "databases-table", desk.shop.db.name())["State"], "well");
    for invalidated in desk.get("invalidations").await["invalidations"].as_array().unwrap() {
        row(&browser, "invalidations-table", invalidated["group"].as_str().unwrap());
    }
    browser.click("#invalidation summary");
    let line = row(&browser, "graph-table", "browser.shop.rename");
    assert_eq!((&line["Names"], &line["Reaches"]), (&"tag product:{}".into(), &"browser.shop.page".into()));
    let picture = browser.run(
        "const lines = [...document.querySelectorAll('#graph path')]; \
         return lines.map((line) => [line.dataset.from, line.dataset.to].join('>'));",
    );
    let lines: Vec<&str> = picture.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for line in
        ["browser.shop.rename>tag product:{}", "tag product:{}>browser.shop.page", "table price>browser.shop.price"]
    {
        assert!(lines.contains(&line), "{line} of {lines:?}");
    }
}

/// How long things took, and which tier answered, over time: as far back as the API knows, and on from there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_charts_show_each_tier_and_how_long_things_took() {
    const STEP: std::time::Duration = std::time::Duration::from_secs(5);
    let desk = Desk::new().await;
    desk.pass(STEP).await;
    desk.shop.morning().await;
    desk.pass(STEP).await;
    let browser = desk.open(READ);
    let chart = |title: &str| {
        let code = "const all = [...document.querySelectorAll('#charts figure')]; \
                    const one = all.find((figure) => figure.textContent.includes(arguments[0])); \
                    return one?.querySelector('.canvas').getAttribute('aria-label');";
        browser.run_with(code, &[title.into()]).as_str().unwrap_or_default().to_owned()
    };
    let is_told = "document.querySelectorAll('#charts .canvas')[2].getAttribute('aria-label').match(/p99 [0-9]/)";
    browser.until(is_told);
    let point = desk.get("history").await["points"].as_array().unwrap().last().unwrap().clone();
    assert!(point["load_p99"].as_f64() > Some(0.0) && point["tiers"][0]["read_p99"].as_f64() > Some(0.0), "{point}");
    let tier: String = point["tiers"][0]["tier"].as_str().unwrap().chars().take(24).collect();
    for line in ["near p50", "near p99", &format!("{tier} p50"), &format!("{tier} p99")] {
        assert!(chart("Time of a look-up").contains(line), "{line}: {}", chart("Time of a look-up"));
    }
    for line in ["all", "near", &tier, "stale"] {
        assert!(chart("Hit rate").contains(line), "{line}: {}", chart("Hit rate"));
    }
    // Nothing is loaded in the next step, and a tier answers in the one after it.
    desk.pass(STEP).await;
    browser.until(&format!("!{is_told}"));
    desk.shop.cache.clear_tier("near").await.unwrap();
    crate::shop::page(&desk.shop, 1).await.unwrap();
    desk.pass(STEP).await;
    let looked = "document.querySelectorAll('#charts .canvas')[3].getAttribute('aria-label')";
    browser.until(&format!("{looked}.match(/[^r] p99 [0-9]/)"));
    assert!(complaints(&browser).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hours_of_the_day_on_the_page_are_those_of_the_api() {
    const HALF: std::time::Duration = std::time::Duration::from_secs(1_800);
    let desk = Desk::new().await;
    desk.pass(HALF).await;
    for step in 0..50 {
        for _ in 0..=step % 7 {
            crate::shop::page(&desk.shop, 1).await.unwrap();
        }
        desk.pass(HALF).await;
    }
    crate::shop::session(&desk.shop, "ann").await;
    desk.pass(HALF).await;
    let browser = desk.open(READ);
    let daily = desk.get("access-patterns").await["daily"].clone();
    assert!((daily["days"].as_f64().unwrap() - 52.0 / 48.0).abs() < 1e-6, "{}", daily["days"]);
    browser.until("document.querySelector('#daily-table tbody')?.rows.length === 24");
    assert!(browser.text("#daily-seen").contains("1.08 days were watched, too few"), "{}", browser.text("#daily-seen"));
    let is_as_told = |hours: &Value| {
        for hour in hours.as_array().unwrap() {
            let line = row(&browser, "daily-table", &format!("{:02}:00", hour["hour"].as_u64().unwrap()));
            let calls = hour["calls"].as_f64().unwrap();
            assert_eq!(line["Calls an hour"], count(&(calls.round() as u64).into()), "{hour}");
            let rate = hour["hit_rate"].as_f64().map_or("\u{2013}".to_owned(), percent);
            assert_eq!(line["Hit rate"], rate.as_str(), "{hour}");
        }
    };
    is_as_told(&daily["hours"]);
    let of_page =
        daily["sites"].as_array().unwrap().iter().position(|site| site["site"] == "browser.shop.page").unwrap();
    browser.fill("#daily-site", "browser.shop.page");
    is_as_told(&daily["sites"][of_page]["hours"]);
    let label = browser.run("return document.getElementById('daily-chart').getAttribute('aria-label');");
    assert!(label.as_str().unwrap().contains("most at ") && label.as_str().unwrap().contains("fewest at "), "{label}");
    assert!(browser.run("return document.querySelector('#daily-chart canvas').width;").as_u64() > Some(200));
    assert!(complaints(&browser).is_empty());
}

/// A page that nobody sees asks nothing, and asks at once when it is seen again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_other_windows_it_asks_nothing() {
    let desk = Desk::new().await;
    desk.shop.morning().await;
    let browser = desk.open(READ);
    let hide = "const [hidden] = arguments; \
                Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden }); \
                document.dispatchEvent(new Event('visibilitychange'));";
    let asked = "performance.getEntriesByType('resource').filter((entry) => /stats$/.test(entry.name)).length";
    browser.until(&format!("{asked} > 1"));
    browser.run_with(hide, &[true.into()]);
    let before = browser.run(&format!("return {asked};"));
    // After ten seconds without an answer figures are not called live.
    browser.until("document.getElementById('age').textContent.endsWith('old')");
    let after = browser.run(&format!("return {asked};"));
    assert!(after.as_u64().unwrap() <= before.as_u64().unwrap() + 1, "at most what was on its way: {before}, {after}");
    browser.run_with(hide, &[false.into()]);
    browser.until("document.getElementById('age').textContent.startsWith('live')");
}

/// What happens while somebody looks is shown without a word of theirs: figures, charts, warnings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_follows_what_happens() {
    use cached_runtime::testing::Operation;
    let desk = Desk::new().await;
    desk.shop.morning().await;
    let browser = desk.open(READ);
    assert_eq!(browser.text("#status"), "healthy");
    // The first of them is a load.
    for _ in 0..101 {
        crate::shop::session(&desk.shop, "ann").await;
    }
    // All of it belongs to these two seconds, whenever the page asks.
    desk.shop.clock.advance(std::time::Duration::from_secs(2));
    browser.until("document.querySelector('#charts .canvas').getAttribute('aria-label').includes('near 50.0')");
    desk.shop.chaos.fail(Operation::Get, 1.0);
    for id in 1_000..1_020 {
        crate::shop::page(&desk.shop, id).await.unwrap();
    }
    browser.until("document.getElementById('status').textContent === 'degraded'");
    assert!(browser.text("#warnings").contains("its breaker is open"), "{}", browser.text("#warnings"));
    browser.until("document.querySelector('#tiers-table tbody').textContent.includes('open')");
    browser.click("#warnings button");
    assert_eq!(browser.run("return document.activeElement.id;"), "tiers");
    desk.take_away(true);
    browser.until("!document.getElementById('trouble').hidden");
    let trouble = browser.text("#trouble");
    assert!(trouble.contains("Not answered") && trouble.contains("stale"), "{trouble}");
    desk.take_away(false);
    browser.until("document.getElementById('trouble').hidden");
    browser.click("#hold");
    browser.until("document.getElementById('age').textContent.startsWith('held')");
    assert!(complaints(&browser).is_empty());
}
