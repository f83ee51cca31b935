//! Two nodes that disagree about the time, live in one process, or end while Redis does not answer.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cached_runtime::clock::{Clock, millis};
use cached_runtime::{Applied, Builder, cache};
use kit::{Connection, RedisServer};

use crate::rig::{LONG, Node, Source, eventually, figure, soon};

#[cache(key = "pair:{id}", tags = ["pair:{id}", "pair"], ttl = "1h", cache = node.cache, skip(node))]
async fn row(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

/// What is not there has no row; that is kept, too.
#[cache(key = "pair-found:{id}", ttl = "1h", cache_none = "1h", cache = node.cache, skip(node))]
async fn found(node: &Node, id: u64) -> Result<Option<u64>, String> {
    let truth = node.source.read().await?;
    Ok((truth > id).then_some(truth))
}

const QUARTER: i64 = 15 * 60 * 1_000;

/// A node whose clock is wrong by so many milliseconds, and stands still.
async fn skewed(redis: &RedisServer, source: &Arc<Source>, by: i64) -> Node {
    let clock = Clock::manual();
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    clock.set(millis(wall).saturating_add_signed(by));
    let node = Node::with(&redis.url(), source, |builder| builder.clock(clock));
    node.proven().await;
    node
}

/// How often a node still reads the old value before it reads this one.
async fn old_reads(node: &Node, id: u64, truth: u64) -> (u64, Duration) {
    let (start, mut old) = (Instant::now(), 0);
    while row(node, id).await != Ok(truth) {
        assert!(start.elapsed() < Duration::from_secs(2), "{truth} of {id} is not seen by the other node");
        old += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (old, start.elapsed())
}

/// L12: a quarter of an hour behind, and a quarter ahead. Each invalidates what the other has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l12_nodes_that_disagree_about_the_time_agree_about_what_was_invalidated() {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let behind = skewed(&redis, &source, -QUARTER).await;
    let ahead = skewed(&redis, &source, QUARTER).await;
    let nodes = [&behind, &ahead];
    let (mut violations, mut by_clocks, mut slowest) = (0, 0, Duration::ZERO);
    for version in 1..=200_u64 {
        let (id, by) = (version % 5, (version % 2) as usize);
        let (writer, other) = (nodes[by], nodes[1 - by]);
        // Both have the old value, near and below.
        row(writer, id).await.unwrap();
        row(other, id).await.unwrap();
        source.write(version);
        // The control: who compared times would find the other's entry younger than this invalidation, and keep it.
        by_clocks += u64::from(other.cache.clock().now() > writer.cache.clock().now());
        let applied = match version % 3 {
            0 => writer.cache.invalidate_tags(["pair"]).await,
            _ => writer.cache.invalidate_tags([format!("pair:{id}")]).await,
        };
        violations += u64::from(row(writer, id).await != Ok(version));
        let (_, took) = old_reads(other, id, version).await;
        // What was told to the log is not read again from Redis either, by whichever clock.
        if applied == Applied::Applied {
            violations += u64::from(row(other, id).await != Ok(version));
        }
        slowest = slowest.max(took);
    }
    figure(
        "L12",
        format!(
            "200 tag invalidations, clocks 30 minutes apart: {violations} violations, {by_clocks} if times were compared, \
             slowest {slowest:?}"
        ),
    );
    assert_eq!((violations, by_clocks), (0, 100));
}

/// L15: one node keeps that there is no row; another inserts it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l15_a_row_that_another_node_inserts_is_found() {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let nodes = [Node::joined(&redis.url(), &source).await, Node::joined(&redis.url(), &source).await];
    let (mut stale, mut slowest) = (0, Duration::ZERO);
    for id in 0..100 {
        let (reader, writer) = (&nodes[(id % 2) as usize], &nodes[1 - (id % 2) as usize]);
        assert_eq!((found(reader, id).await, found(writer, id).await), (Ok(None), Ok(None)));
        let reads = source.reads();
        assert_eq!(found(reader, id).await, Ok(None));
        assert_eq!(source.reads(), reads, "the control: that there is no row is kept");
        source.write(id + 1);
        writer.cache.invalidate_key(&found::key(writer, id)).await;
        stale += u64::from(found(writer, id).await != Ok(Some(id + 1)));
        let start = Instant::now();
        while found(reader, id).await != Ok(Some(id + 1)) {
            assert!(start.elapsed() < Duration::from_secs(2), "row {id} is not found by the other node");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        slowest = slowest.max(start.elapsed());
        source.write(id + 1);
    }
    figure("L15", format!("100 rows inserted: {stale} not found by who inserted, on the other node after {slowest:?}"));
    assert_eq!(stale, 0);
}

/// L10: two caches of one process over one Redis, in a single thread, and in runtimes that come and go.
#[test]
fn l10_two_caches_of_one_process_share_redis_from_single_threads() {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    let (a, b) = first
        .block_on(async { (Node::joined(&redis.url(), &source).await, Node::joined(&redis.url(), &source).await) });
    drop(first);
    for round in 1..=20 {
        let runtime = runtime();
        runtime.block_on(async {
            let (writer, reader) = if round % 2 == 0 { (&a, &b) } else { (&b, &a) };
            source.write(round);
            soon("an invalidation", writer.cache.invalidate_tags(["pair:1"])).await;
            assert_eq!(soon("a load", row(writer, 1)).await, Ok(round));
            old_reads(reader, 1, round).await;
            writer.settled().await;
            reader.settled().await;
        });
    }
    let third = runtime();
    third.block_on(async {
        let c = Node::joined(&redis.url(), &source).await;
        let reads = source.reads();
        assert_eq!(row(&c, 1).await, Ok(20));
        assert_eq!(source.reads(), reads, "the last value is in Redis");
    });
    figure("L10", "20 single-threaded runtimes, two caches over one Redis: each saw what the other had invalidated");
}

/// A node in whose queue values wait for a Redis that stands still, and how many of ten thousand it has accepted.
async fn waiting(redis: &RedisServer, source: &Arc<Source>, more: fn(Builder) -> Builder) -> (Node, usize) {
    let node = Node::with(&redis.url(), source, |builder| more(builder.max_pending(20_000)));
    node.proven().await;
    redis.freeze();
    node.cache.namespace::<u64>("pair-queue").unwrap().set_many((0..10_000_u64).map(|n| (n, n)));
    let accepted = node.cache.stats().tiers[0].pending as usize;
    assert!(accepted > 1_000, "{accepted}");
    (node, accepted)
}

/// L8: the process ends while ten thousand frames wait for a Redis that hangs, or that comes back in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l8_ten_thousand_frames_for_a_hung_redis_are_reported_in_time() {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    // Patient, so that what waits goes on waiting: else a breaker opens, and no more is accepted.
    let patient = |builder: Builder| builder.write_deadline(LONG).breaker_failures(1_000_000);
    let ((node, accepted), budget) = (waiting(&redis, &source, patient).await, Duration::from_millis(800));
    let start = Instant::now();
    let end = node.cache.shutdown(budget).await;
    let took = start.elapsed();
    figure("L8", format!("Redis hangs, {accepted} of 10,000 accepted: {end:?} after {took:?} of {budget:?}"));
    assert_eq!(end.written + end.spared + end.unwritten, accepted, "{end:?}");
    assert!(end.written == 0 && took < budget + Duration::from_secs(2), "{took:?}");
    redis.thaw();
    let (node, accepted) = waiting(&redis, &source, |builder| builder).await;
    let start = Instant::now();
    // The end is asked for first, so that all that waits is in its report.
    let (end, ()) = tokio::join!(biased; node.cache.shutdown(LONG), async { redis.thaw() });
    figure("L8", format!("Redis comes back, {accepted} of 10,000 accepted: {end:?} after {:?}", start.elapsed()));
    assert_eq!((end.written + end.spared + end.unwritten, end.unwritten), (accepted, 0), "{end:?}");
    let next = Node::joined(&redis.url(), &source).await;
    assert_eq!(next.cache.namespace::<u64>("pair-queue").unwrap().get(0_u64).await, Some(0));
}

/// L9: nobody calls `shutdown`; the runtime ends, then the last handle goes, where there is no runtime.
#[test]
fn l9_a_runtime_that_ends_over_redis_hangs_nobody() {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    for hung in [false, true] {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let node = runtime.block_on(async {
            let node = Node::joined(&redis.url(), &source).await;
            row(&node, 1).await.unwrap();
            if hung {
                redis.freeze();
            }
            source.gate.close();
            let under_way = node.clone();
            let seen = source.gate.arrivals();
            tokio::spawn(async move { row(&under_way, 2).await });
            source.gate.arrived(seen + 1).await;
            node
        });
        let start = Instant::now();
        drop(runtime);
        std::thread::spawn(move || drop(node)).join().expect("no panic where there is no runtime");
        let took = start.elapsed();
        figure("L9", format!("over a Redis that {}: gone after {took:?}", if hung { "hangs" } else { "is well" }));
        // The promise is a second; the rest is for a busy machine.
        assert!(took < Duration::from_secs(5), "{took:?}");
        source.gate.open();
        redis.thaw();
    }
    let mut spy = Connection::to(redis.port()).unwrap();
    let mut reading = || spy.command(&["CLIENT", "LIST"]).unwrap().text().unwrap().matches("cmd=xread").count();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        eventually("nobody follows the log for a node that is gone", || reading() == 0).await;
        let _node = Node::joined(&redis.url(), &source).await;
        eventually("the control: a node that is there follows it", || reading() > 0).await;
    });
}
