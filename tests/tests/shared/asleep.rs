//! A node that stood still: its machine slept, or its process was stopped, while others invalidated (L11).

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::{Cache, cache};
use kit::{Proxy, RedisServer, now};

use crate::child::Child;
use crate::rig::{Node, Source, eventually, figure};

const HOUR: Duration = Duration::from_secs(3_600);

#[cache(key = "asleep-strict:{id}", tags = ["asleep"], ttl = "8h", strict, cache = node.cache, skip(node))]
async fn strict(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

#[cache(key = "asleep-available:{id}", tags = ["asleep"], ttl = "8h", cache = node.cache, skip(node))]
async fn available(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

#[cache(key = "asleep-short:{id}", ttl = "10m", cache = node.cache, skip(node))]
async fn short(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

/// The machine of one node sleeps for an hour, and wakes with connections that are dead and do not know it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l11_a_node_that_slept_an_hour_serves_nothing_that_was_invalidated_meanwhile() {
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.port());
    let (source, clock) = (Arc::new(Source::default()), Clock::manual());
    let builder = Cache::builder().clock(clock.clone()).redis(&proxy.url());
    let asleep = Node::of(builder, &source);
    asleep.proven().await;
    let awake = Node::joined(&redis.url(), &source).await;
    for id in 0..20 {
        assert_eq!((strict(&asleep, id).await, available(&asleep, id).await), (Ok(0), Ok(0)));
        assert_eq!(short(&asleep, id).await, Ok(0));
    }
    asleep.settled().await;
    let reads = source.reads();
    assert_eq!((strict(&asleep, 1).await, available(&asleep, 1).await), (Ok(0), Ok(0)));
    assert_eq!(source.reads(), reads, "the control: both are served from near");
    let suspicions = asleep.cache.shared().unwrap().suspicions;
    proxy.black_hole(true);
    source.write(1);
    awake.taken(awake.cache.invalidate_tags(["asleep"]).await).await;
    clock.advance(HOUR);
    for id in 0..20 {
        assert_eq!(strict(&asleep, id).await, Ok(1), "the first read after it, and each that follows");
        assert_eq!(short(&asleep, id).await, Ok(1), "what has expired meanwhile");
    }
    asleep.suspect().await;
    eventually("the cap is over as well", || asleep.cache.shared().unwrap().suspicions > suspicions).await;
    for id in 0..20 {
        let served = || async { available(&asleep, id).await };
        crate::rig::soon("nothing is served for longer than the cap", async {
            while served().await != Ok(1) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
    proxy.black_hole(false);
    asleep.proven().await;
    let reads = source.reads();
    for id in 0..20 {
        assert_eq!(available(&asleep, id).await, Ok(1));
    }
    figure("L11", format!("{} of 20 rows loaded again once the log was heard", source.reads() - reads));
    source.write(2);
    awake.cache.invalidate_tags(["asleep"]).await;
    eventually("it follows as before", || asleep.cache.shared().unwrap().heard >= 2).await;
    assert_eq!((strict(&asleep, 1).await, available(&asleep, 1).await), (Ok(2), Ok(2)));
    let reads = source.reads();
    assert_eq!((strict(&asleep, 1).await, available(&asleep, 1).await), (Ok(2), Ok(2)));
    assert_eq!(source.reads(), reads, "and near serves again, the strict site as well");
}

/// A node whose source is a file.
struct Reading {
    cache: Cache,
    truth: PathBuf,
    loads: AtomicU64,
}

impl Reading {
    async fn load(&self) -> Result<u64, String> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        fs::read_to_string(&self.truth).map_err(|e| e.to_string())?.parse().map_err(|_| "no number".to_owned())
    }
}

#[cache(key = "stopped-strict", tags = ["stopped"], ttl = "8h", strict, load = "inline", cache = node.cache, skip(node))]
async fn stopped_strict(node: &Reading) -> Result<u64, String> {
    node.load().await
}

#[cache(key = "stopped-available", tags = ["stopped"], ttl = "8h", load = "inline", cache = node.cache, skip(node))]
async fn stopped_available(node: &Reading) -> Result<u64, String> {
    node.load().await
}

/// A node that reads without a pause, and says when each site last answered the old value: does nothing unless it is
/// started as one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout, reason = "its parent reads it")]
async fn process_that_is_stopped() {
    let Ok(plan) = std::env::var("ASLEEP_NODE") else { return };
    let (redis, truth) = plan.split_once(' ').unwrap();
    let cache = Cache::builder().redis(redis).build().unwrap();
    let node = Reading { cache, truth: truth.into(), loads: AtomicU64::new(0) };
    eventually("the node follows the log", || node.cache.shared().is_some_and(|log| log.proven)).await;
    let (mut last, mut told, mut rounds) = ([now(); 2], [false; 2], 0);
    while told != [true; 2] {
        for site in 0..2 {
            let start = now();
            let read = if site == 0 { stopped_strict(&node).await } else { stopped_available(&node).await };
            if read == Ok(0) {
                last[site] = start;
            } else if !std::mem::replace(&mut told[site], true) {
                println!("site {site} last {} first {start}", last[site]);
            }
        }
        rounds += 1;
        if rounds == 10_000 {
            println!("reading {}", node.loads.load(Ordering::SeqCst));
        }
    }
}

/// A process is stopped for longer than an invalidation may take to reach it, and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l11_a_process_that_was_stopped_serves_nothing_older_than_promised() {
    let redis = RedisServer::start();
    let room = tempfile::tempdir().unwrap();
    let truth = room.path().join("truth");
    fs::write(&truth, "0").unwrap();
    let plan = format!("{} {}", redis.url(), truth.display());
    let mut child = Child::start("asleep::process_that_is_stopped", ("ASLEEP_NODE", &plan), None);
    let loads: u64 = child.says("reading ").parse().unwrap();
    assert!(loads < 1_000, "the control: near answers nearly all of 20,000 reads: {loads} loads");
    let writer = Node::joined(&redis.url(), &Arc::new(Source::default())).await;
    child.stop();
    fs::write(&truth, "1").unwrap();
    writer.taken(writer.cache.invalidate_tags(["stopped"]).await).await;
    // What is promised while Redis is there, and a little more.
    tokio::time::sleep(Duration::from_millis(2_300)).await;
    let thawed = now();
    child.go_on();
    for _ in 0..2 {
        let said = child.says("site ");
        let words: Vec<&str> = said.split(' ').collect();
        let (site, last, first): (u8, u64, u64) =
            (words[0].parse().unwrap(), words[2].parse().unwrap(), words[4].parse().unwrap());
        let late = Duration::from_nanos(last.saturating_sub(thawed));
        let name = if site == 0 { "strict" } else { "available" };
        let heard = Duration::from_nanos(first.saturating_sub(thawed));
        figure("L11", format!("stopped: a {name} site's last old read {late:?} after it went on, first new {heard:?}"));
        if site == 0 {
            assert!(last < thawed, "strict: no read that began after it went on is old, {late:?}");
        }
        assert!(late < Duration::from_secs(2), "{late:?}");
    }
}
