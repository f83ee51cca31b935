//! A network that is slow, narrow, cut and reset: calls take no longer than their deadline, no caller gets another's
//! value, and no invalidation is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::tier::redis::RedisOptions;
use cached_runtime::{Applied, Cache, cache};
use kit::{FrameFaults, Frames, Proxy, RedisServer};

use crate::rig::{Node, Source, eventually, figure, full, within};

/// A value that says whose it is.
#[cache(key = "net:{id}", tags = ["net:{id}", "net"], ttl = "1h", cache = node.cache, skip(node))]
async fn row(node: &Node, id: u64) -> Result<(u64, u64), String> {
    Ok((id, node.source.read().await?))
}

/// What calls may take whatever Redis does: the deadline of a read, and what a busy machine adds.
const BOUND: Duration = Duration::from_millis(150);

fn quantile(times: &mut [Duration], q: f64) -> Duration {
    times.sort_unstable();
    times[((times.len() - 1) as f64 * q) as usize]
}

async fn sees(node: &Node, id: u64, truth: u64, limit: Duration) -> Duration {
    let start = Instant::now();
    loop {
        let seen = row(node, id).await.unwrap();
        if seen == (id, truth) {
            return start.elapsed();
        }
        assert!(start.elapsed() < limit, "not within {limit:?}: {truth} of {id} on the other node, which has {seen:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// How long each of these misses takes.
async fn misses(node: &Node, ids: std::ops::Range<u64>) -> Vec<Duration> {
    let mut calls = Vec::new();
    for id in ids {
        let start = Instant::now();
        assert_eq!(row(node, id).await, Ok((id, 0)));
        calls.push(start.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    calls
}

/// What a fault of the network does to one node: calls and invalidations while it lasts, and the end of it.
async fn worn(case: &str, drains: bool, fault: impl FnOnce(&Proxy)) {
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.port());
    let source = Arc::new(Source::default());
    let (slow, other) = (Node::joined(&proxy.url(), &source).await, Node::joined(&redis.url(), &source).await);
    for id in 0..20 {
        row(&slow, id).await.unwrap();
    }
    slow.settled().await;
    for id in 0..20 {
        row(&other, id).await.unwrap();
    }
    fault(&proxy);
    let mut tries = Vec::new();
    // What else runs on this machine is in these times, too; a fault is in all of them.
    while tries.len() < 3 && tries.last().is_none_or(|p99| *p99 >= BOUND) {
        let first = 100 + 400 * tries.len() as u64;
        let mut calls = misses(&slow, first..first + 400).await;
        let (p50, p99, max) = (quantile(&mut calls, 0.5), quantile(&mut calls, 0.99), quantile(&mut calls, 1.0));
        figure("R10", format!("{case}: 400 misses p50 {p50:?}, p99 {p99:?}, slowest {max:?}"));
        assert!(max < Duration::from_secs(5), "{case}: a call took {max:?}");
        tries.push(p99);
    }
    assert!(tries.last().is_some_and(|p99| *p99 < BOUND), "{case}: calls took {tries:?}");
    source.write(1);
    let (mut queued, mut invalidated) = (0, Vec::new());
    for id in 0..20 {
        let start = Instant::now();
        queued += usize::from(slow.cache.invalidate_tags([format!("net:{id}")]).await == Applied::Queued);
        invalidated.push(start.elapsed());
        assert_eq!(row(&slow, id).await, Ok((id, 1)), "{case}: a node reads its own invalidation at once");
    }
    let (half, longest) = (quantile(&mut invalidated, 0.5), quantile(&mut invalidated, 1.0));
    assert!(half < Duration::from_millis(500) && longest < Duration::from_secs(5), "{case}: {half:?}, {longest:?}");
    let start = Instant::now();
    let told = || slow.cache.stats().tiers[0].backlog == 0;
    let drained = if drains {
        format!("{:?} with the fault", within(Duration::from_secs(15), "drained", told).await)
    } else {
        proxy.heal();
        format!("{:?} after it", within(Duration::from_secs(5), "drained", told).await)
    };
    for id in 0..20 {
        sees(&other, id, 1, Duration::from_secs(2)).await;
    }
    let reached = start.elapsed();
    figure("R10", format!("{case}: {queued} of 20 queued, slowest {longest:?}; drained {drained}, seen {reached:?}"));
    proxy.heal();
    slow.proven().await;
    source.write(2);
    other.taken(other.cache.invalidate_tags(["net"]).await).await;
    sees(&slow, 1, 2, Duration::from_secs(2)).await;
}

fn late(millis: u64) -> impl FnOnce(&Proxy) {
    move |proxy| proxy.latency(Duration::from_millis(millis), Duration::from_millis(millis / 4))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r10_fifty_milliseconds_more_delay_no_call_for_longer_than_its_deadline() {
    worn("+50 ms", true, late(50)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r10_two_hundred_milliseconds_more_and_the_journal_still_drains() {
    worn("+200 ms", true, late(200)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r10_with_a_second_more_invalidations_wait_for_better_times() {
    worn("+1000 ms", false, late(1_000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r10_ten_kilobytes_a_second_are_enough_for_invalidations() {
    worn("10 KB/s", true, |proxy| proxy.bandwidth(Some(10_000))).await;
}

/// A node that starts on a slow network joins all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r10_a_node_joins_over_a_network_of_two_hundred_milliseconds() {
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.port());
    proxy.latency(Duration::from_millis(200), Duration::from_millis(20));
    let start = Instant::now();
    let node = Node::joined(&proxy.url(), &Arc::new(Source::default())).await;
    figure("R10", format!("+200 ms: joined after {:?}", start.elapsed()));
    node.cache.invalidate_tags(["net"]).await;
    node.settled().await;
}

/// Reads these keys with many callers at once. Every value says whose it is.
async fn many(node: &Node, ids: std::ops::Range<u64>) -> u64 {
    let callers: Vec<_> = (0..16)
        .map(|caller| {
            let (node, ids) = (node.clone(), ids.clone());
            tokio::spawn(async move {
                for id in ids.filter(|id| id % 16 == caller) {
                    assert_eq!(row(&node, id).await.unwrap().0, id, "another key's value");
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    ids.end - ids.start
}

const STORED: u64 = 3_000;

/// R11: replies that break off anywhere, arrive byte by byte, or are followed by a reset.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r11_no_caller_ever_gets_the_value_of_another_key() {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let writer = Node::joined(&redis.url(), &source).await;
    many(&writer, 0..STORED).await;
    writer.settled().await;
    let part = |part: u64| {
        let (proxy, url) = (Proxy::seeded(redis.port(), part), redis.url());
        let source = Arc::clone(&source);
        async move {
            let (mut calls, mut found) = (0, 0);
            // Each round has a node that has nothing near, so that it asks Redis.
            for n in (1..=200).filter(|n| n % 4 == part) {
                let node = Node::joined(&proxy.url(), &source).await;
                calls += many(&node, 0..16).await;
                proxy.cut_after(Some(n));
                calls += many(&node, 16..64).await;
                proxy.heal();
                found += node.cache.stats().sites.iter().map(|site| site.tier_hits).sum::<u64>();
            }
            let sliced = Node::joined(&proxy.url(), &source).await;
            proxy.slice(Some(1));
            calls += many(&sliced, 0..500).await;
            proxy.heal();
            for round in 0..5 {
                eventually("the node is back", || sliced.cache.shared().unwrap().connected).await;
                let reading = tokio::spawn({
                    let node = sliced.clone();
                    async move { many(&node, 500 + round * 200..700 + round * 200).await }
                });
                tokio::time::sleep(Duration::from_millis(3)).await;
                proxy.reset_all();
                calls += reading.await.unwrap();
            }
            found += sliced.cache.stats().sites.iter().map(|site| site.tier_hits).sum::<u64>();
            drop(url);
            (calls, found)
        }
    };
    let parts = [part(0), part(1), part(2), part(3)].map(tokio::spawn);
    let (mut calls, mut found) = (0, 0);
    for part in parts {
        let (more, hits) = part.await.unwrap();
        (calls, found) = (calls + more, found + hits);
    }
    figure("R11", format!("{calls} calls with replies cut, sliced and reset: {found} from Redis, 0 of another key"));
    assert!(calls >= 10_000 && found > 2_000, "{calls} calls, {found} from Redis");
}

/// The control of R11: where replies do change places, a plain client takes one key's value for another's; a frame
/// says whose it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r11_a_reply_that_reaches_the_wrong_caller_is_a_miss() {
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.port());
    let source = Arc::new(Source::default());
    let writer = Node::joined(&redis.url(), &source).await;
    many(&writer, 0..1_000).await;
    writer.settled().await;
    for id in 0..1_000 {
        redis.command(&["SET", &format!("plain:{id}"), &id.to_string()]);
    }
    let node = Node::joined(&proxy.url(), &source).await;
    many(&node, 0..16).await;
    let plain = redis::Client::open(proxy.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    proxy.frames(Some(FrameFaults { reorder: 0.2, which: Frames::All, ..FrameFaults::default() }));
    many(&node, 16..1_000).await;
    let reads: Vec<_> = (0..1_000_u64)
        .map(|id| {
            let mut plain = plain.clone();
            tokio::spawn(async move {
                let got: Option<u64> = redis::cmd("GET").arg(format!("plain:{id}")).query_async(&mut plain).await.ok();
                got.is_some_and(|got| got != id)
            })
        })
        .collect();
    let mut wrong = 0;
    for read in reads {
        wrong += u64::from(read.await.unwrap());
    }
    figure("R11", format!("replies out of order: 0 wrong values of 984 here, {wrong} of 1,000 with a plain client"));
    assert!(wrong > 0, "the control: the fault is real");
    proxy.heal();
}

/// What one reader saw of a number that grows: how old the oldest value was that it was still given.
struct Watched {
    oldest: Duration,
    reads: u64,
}

/// Reads until told to stop. `returned[v]` is when the invalidation that made `v` visible had returned.
async fn watch(
    node: Node,
    returned: Arc<std::sync::Mutex<Vec<Instant>>>,
    stop: Arc<std::sync::atomic::AtomicBool>,
    proven: bool,
) -> Watched {
    let mut seen = Watched { oldest: Duration::ZERO, reads: 0 };
    while !stop.load(std::sync::atomic::Ordering::SeqCst) {
        let start = Instant::now();
        let sure = node.cache.shared().is_none_or(|log| log.proven);
        let (_, value) = row(&node, 1).await.expect("no call fails");
        seen.reads += 1;
        let newer = returned.lock().unwrap().get(value as usize + 1).copied();
        if let Some(at) = newer.filter(|_| sure || !proven) {
            seen.oldest = seen.oldest.max(start.saturating_duration_since(at));
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    seen
}

/// R16: all connections are killed five times a second.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r16_values_stay_young_while_connections_are_killed_all_the_time() {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let (a, b) = (Node::joined(&redis.url(), &source).await, Node::joined(&redis.url(), &source).await);
    let alone = Node { cache: Cache::builder().build().unwrap(), source: Arc::clone(&source) };
    let returned = Arc::new(std::sync::Mutex::new(vec![Instant::now()]));
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let watching = |node: &Node| tokio::spawn(watch(node.clone(), Arc::clone(&returned), Arc::clone(&stop), false));
    let (own, others, unconnected) = (watching(&a), watching(&b), watching(&alone));
    let (start, mut kills, mut killed, mut queued, mut version) = (Instant::now(), 0, Instant::now(), 0, 0);
    while start.elapsed() < Duration::from_secs(5) {
        if killed.elapsed() >= Duration::from_millis(200) {
            redis.command(&["CLIENT", "KILL", "TYPE", "normal"]);
            (kills, killed) = (kills + 1, Instant::now());
        }
        version += 1;
        source.write(version);
        queued += usize::from(a.cache.invalidate_tags(["net:1"]).await == Applied::Queued);
        returned.lock().unwrap().push(Instant::now());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let healed = sees(&b, 1, version, Duration::from_secs(2)).await;
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    let (own, others, unconnected) = (own.await.unwrap(), others.await.unwrap(), unconnected.await.unwrap());
    figure(
        "R16",
        format!(
            "{kills} times killed, {version} invalidations, {queued} queued: oldest value {:?} in {} reads on the other node, \
             {:?} on the own, converged {healed:?}; a node without the log {:?}",
            others.oldest, others.reads, own.oldest, unconnected.oldest
        ),
    );
    assert_eq!(own.oldest, Duration::ZERO, "a node reads its own invalidations at once");
    assert!(others.oldest < Duration::from_secs(2), "{:?}", others.oldest);
    assert!(unconnected.oldest > Duration::from_secs(4), "the control: {:?}", unconnected.oldest);
}

/// R16: a burst of invalidations, and a node whose network is too narrow for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r16_a_reader_too_slow_for_a_burst_says_so_and_misses_nothing() {
    let burst: u64 = if full() { 100_000 } else { 10_000 };
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.port());
    let source = Arc::new(Source::default());
    let (a, slow) = (Node::joined(&redis.url(), &source).await, Node::joined(&proxy.url(), &source).await);
    for id in 0..500 {
        row(&slow, id).await.unwrap();
    }
    let returned = Arc::new(std::sync::Mutex::new(vec![Instant::now()]));
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let watching = tokio::spawn(watch(slow.clone(), Arc::clone(&returned), Arc::clone(&stop), true));
    proxy.bandwidth(Some(20_000));
    let (mut version, mut queued) = (0, 0);
    for n in 0..burst {
        let tag = if n % 100 == 0 { 1 } else { n };
        if tag == 1 {
            version += 1;
            source.write(version);
        }
        let applied = a.cache.invalidate_tags([format!("net:{tag}")]).await;
        if tag == 1 {
            returned.lock().unwrap().push(Instant::now());
        }
        queued += usize::from(applied == Applied::Queued);
    }
    source.write(version + 1);
    a.cache.invalidate_tags((0..500).map(|id| format!("net:{id}"))).await;
    a.settled().await;
    proxy.heal();
    let start = Instant::now();
    for id in 0..500 {
        sees(&slow, id, version + 1, Duration::from_secs(10)).await;
    }
    let caught_up = start.elapsed();
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    let (seen, shared) = (watching.await.unwrap(), slow.cache.shared().unwrap());
    figure(
        "R16",
        format!(
            "{burst} invalidations at 20 KB/s, {queued} queued: oldest value while it vouched {:?}, {} suspicions, {} heard, caught up {caught_up:?}, 0 missed",
            seen.oldest, shared.suspicions, shared.heard
        ),
    );
    assert!(seen.oldest < Duration::from_secs(2), "{:?}", seen.oldest);
    assert!(caught_up < Duration::from_secs(10), "{caught_up:?}");
}

/// A node that stood still while the log was trimmed past it must not go on as if nothing lay in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_the_trimming_of_the_log_overtook_misses_nothing() {
    let redis = RedisServer::with(&["--stream-node-max-entries", "10"]);
    let proxy = Proxy::to(redis.port());
    let source = Arc::new(Source::default());
    let short = |url: &str| {
        let options = RedisOptions::new(url).unwrap().log_length(16);
        Node { cache: Cache::builder().redis_with(options).build().unwrap(), source: Arc::clone(&source) }
    };
    let (a, slow) = (short(&redis.url()), short(&proxy.url()));
    a.proven().await;
    slow.proven().await;
    let mut adopted = 0;
    for round in 1..=10 {
        for id in 0..200 {
            row(&slow, id).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(37 * round % 400)).await;
        proxy.black_hole(true);
        source.write(round);
        for id in 0..200 {
            a.cache.invalidate_tags([format!("net:{id}")]).await;
        }
        proxy.black_hole(false);
        for id in 0..200 {
            sees(&slow, id, round, Duration::from_secs(4)).await;
        }
        slow.proven().await;
        adopted = slow.cache.shared().unwrap().adopted;
    }
    figure("log", format!("10 times overtaken by trimming: begun anew {adopted} times, 0 of 2,000 missed"));
    assert!(adopted > 1);
    assert_eq!(a.cache.shared().unwrap().adopted, 1, "one node is late: no other has to begin anew");
}

/// R17: replies to one node are dropped, repeated and swapped. The log is asked for and never pushed, so a reply that is
/// not the one that was asked for ends the session, or is asked for again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r17_replies_that_are_dropped_repeated_or_swapped_hide_no_invalidation() {
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.port());
    let source = Arc::new(Source::default());
    let (a, b) = (Node::joined(&redis.url(), &source).await, Node::joined(&proxy.url(), &source).await);
    let mut version = 0;
    for (which, part) in [(Frames::Pushes, 0.5), (Frames::All, 0.01), (Frames::All, 0.5)] {
        let returned = Arc::new(std::sync::Mutex::new(vec![Instant::now(); version as usize + 1]));
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let watching = tokio::spawn(watch(b.clone(), Arc::clone(&returned), Arc::clone(&stop), true));
        let third = part / 3.0;
        proxy.frames(Some(FrameFaults { drop: third, duplicate: third, reorder: third, which }));
        let before = b.cache.shared().unwrap().sessions;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            version += 1;
            source.write(version);
            a.cache.invalidate_tags(["net:1"]).await;
            returned.lock().unwrap().push(Instant::now());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        proxy.heal();
        let healed = sees(&b, 1, version, Duration::from_secs(10)).await;
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
        let (seen, sessions) = (watching.await.unwrap(), b.cache.shared().unwrap().sessions - before);
        figure(
            "R17",
            format!(
                "{which:?}, {part} of them: {sessions} sessions, oldest value of a node that is sure {:?} in {} reads, \
                 converged {healed:?} after",
                seen.oldest, seen.reads
            ),
        );
        assert!(seen.oldest < Duration::from_secs(2), "{:?}", seen.oldest);
    }
}
