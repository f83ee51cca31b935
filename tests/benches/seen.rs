//! What it costs to be seen: metrics, access patterns, curves and audits on a hit; the answers of the admin API for a cache
//! of many keys and sites.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axum::body::Body;
use cached_runtime::admin::Admin;
use cached_runtime::audit::AuditOptions;
use cached_runtime::metrics::Prometheus;
use cached_runtime::{Cache, cache};
use http::Request;
use http_body_util::BodyExt as _;
use kit::{Table, block_on, reach, summary, zipf};
use tower::ServiceExt as _;

const KEYS: u64 = 10_000;
const CALLS: usize = 200_000;
/// As the page that is asked for has it.
const ENTRIES: u64 = 100_000;
const SITES: u64 = 200;

#[cache(key = "bare:{id}", ttl = "1h", skip(cache), cache = cache)]
async fn bare(cache: &Cache, id: u64) -> Result<u64, Infallible> {
    Ok(id)
}

#[cache(key = "metered:{id}", ttl = "1h", skip(cache), cache = cache)]
async fn metered(cache: &Cache, id: u64) -> Result<u64, Infallible> {
    Ok(id)
}

#[cache(key = "watched:{id}", ttl = "1h", skip(cache), cache = cache)]
async fn watched(cache: &Cache, id: u64) -> Result<u64, Infallible> {
    Ok(id)
}

#[cache(key = "curved:{id}", ttl = "1h", skip(cache), cache = cache)]
async fn curved(cache: &Cache, id: u64) -> Result<u64, Infallible> {
    Ok(id)
}

#[cache(key = "audited:{id}", ttl = "1h", skip(cache), cache = cache)]
async fn audited(cache: &Cache, id: u64) -> Result<u64, Infallible> {
    Ok(id)
}

macro_rules! hits {
    ($function:ident, $cache:expr) => {
        |keys| {
            let cache = $cache;
            block_on(async {
                for &key in keys {
                    black_box($function(cache, black_box(key)).await.expect("it cannot fail"));
                }
            });
        }
    };
}

fn main() {
    println!("What it costs a hit, in nanoseconds; each row is another cache.\n");
    let plain = || Cache::builder().miss_ratio_curves(false);
    let [a, b, c] = std::array::from_fn(|_| plain().build().expect("a cache"));
    let with_curves = Cache::builder().miss_ratio_curves(true).build().expect("a cache");
    let with_audit = plain().audit(AuditOptions::new()).build().expect("a cache");
    let prometheus = Prometheus::new(&b);
    let _watched = c.access_patterns(1);
    for id in 0..KEYS {
        block_on(async {
            bare(&a, id).await.expect("it cannot fail");
            metered(&b, id).await.expect("it cannot fail");
            watched(&c, id).await.expect("it cannot fail");
            curved(&with_curves, id).await.expect("it cannot fail");
            audited(&with_audit, id).await.expect("it cannot fail");
        });
    }
    // Scraped a hundred times as often as usual.
    let stop = Arc::new(AtomicBool::new(false));
    let scraping = {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            while !stop.load(Relaxed) {
                black_box(prometheus.render());
                std::thread::sleep(Duration::from_millis(100));
            }
        })
    };
    let mut table = Table::new("a hit, seen and unseen");
    table
        .row("nothing", hits!(bare, &a))
        .row("metrics", hits!(metered, &b))
        .row("access patterns", hits!(watched, &c))
        .row("miss-ratio curve", hits!(curved, &with_curves))
        .row("audit of one in 1,000", hits!(audited, &with_audit))
        .column("zipf, 1 thread", 1, &zipf(KEYS, CALLS, 1))
        .run()
        .print();
    stop.store(true, Relaxed);
    scraping.join().expect("the scraper");
    let more = |row: &str| table.ns(row, "zipf, 1 thread") - table.ns("nothing", "zipf, 1 thread");
    println!("\nmiss-ratio curve {:+.1} ns, audit {:+.1} ns", more("miss-ratio curve"), more("audit of one in 1,000"));
    let stats = answers();
    summary();
    reach("metrics", "ns on a hit", more("metrics"), 5.0);
    reach("access patterns", "ns on a hit", more("access patterns"), 5.0);
    reach("/api/v1/cache/stats, 100,000 keys, 200 sites", "ms", stats, 10.0);
}

/// How long the admin API takes for a cache of 100,000 keys and 200 sites, all of them looked at.
fn answers() -> f64 {
    let mut stats = f64::NAN;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let cache = Cache::builder().near_bytes(256 << 20).build().expect("a cache");
        let router =
            Admin::new(&cache).open_reads(true).rate("1000000/s".parse().expect("a rate")).router().expect("a router");
        for site in 0..SITES {
            let names = cache.namespace::<String>(&format!("site-{site}")).expect("a namespace");
            for id in 0..ENTRIES / SITES {
                names.set(id, format!("the value of {id}"));
                names.get(id).await;
            }
        }
        let entries = cache.stats().total().entries;
        println!(
            "\nAnswers of the admin API for {entries} keys and {SITES} sites, the median of 30, in milliseconds.\n"
        );
        for path in [
            "/api/v1/cache/stats",
            "/api/v1/cache/health",
            "/api/v1/cache/performance",
            "/api/v1/cache/access-patterns",
            "/api/v1/cache/sites",
            "/api/v1/cache/keys/site-7:42",
            "/metrics",
        ] {
            let mut took: Vec<f64> = Vec::new();
            let mut bytes = 0;
            for _ in 0..30 {
                let request = Request::builder().uri(path).header("host", "localhost").body(Body::empty());
                let began = Instant::now();
                let response = router.clone().oneshot(request.expect("a request")).await.expect("an answer");
                assert!(response.status().is_success(), "{path}: {}", response.status());
                bytes = response.into_body().collect().await.expect("a body").to_bytes().len();
                took.push(began.elapsed().as_secs_f64() * 1e3);
            }
            took.sort_by(f64::total_cmp);
            println!("{path:<40} {:>8.2} {bytes:>9} bytes", took[15]);
            if path.ends_with("stats") {
                stats = took[15];
            }
        }
    });
    stats
}
