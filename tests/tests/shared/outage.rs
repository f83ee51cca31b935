//! Redis killed, frozen, emptied, full, read-only: no call fails, nothing invalidated comes back, nothing queued is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::testing::{Chaos, Operation};
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Applied, Cache, Tier, cache};
use kit::{Proxy, RedisServer, Reply};

use crate::rig::{Node, Source, eventually, figure};

#[cache(key = "outage:{id}", tags = ["outage:{id}", "outage"], ttl = "1h", cache = node.cache, skip(node))]
async fn row(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

async fn over(redis: &RedisServer, n: usize) -> (Arc<Source>, Vec<Node>) {
    let source = Arc::new(Source::default());
    let mut nodes = Vec::new();
    for _ in 0..n {
        nodes.push(Node::joined(&redis.url(), &source).await);
    }
    (source, nodes)
}

/// The slowest of so many calls on keys that near does not have.
async fn slowest(node: &Node, ids: std::ops::Range<u64>) -> Duration {
    let mut slowest = Duration::ZERO;
    for id in ids {
        let start = Instant::now();
        row(node, id).await.unwrap();
        slowest = slowest.max(start.elapsed());
    }
    slowest
}

/// Other nodes see what this one invalidated, at the latest after this long.
async fn sees(node: &Node, id: u64, truth: u64, limit: Duration) -> Duration {
    let start = Instant::now();
    while row(node, id).await.unwrap() != truth {
        assert!(start.elapsed() < limit, "not within {limit:?}: {truth} on the other node");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    start.elapsed()
}

/// Invalidates all rows and waits until Redis knows: on a busy machine that may take longer than a caller waits for.
async fn told(node: &Node) {
    node.cache.invalidate_tags(["outage"]).await;
    node.settled().await;
}

/// R1: killed under load, and back with its data.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_no_call_fails_or_hangs_when_redis_is_killed() {
    let redis = RedisServer::persistent();
    let (source, nodes) = over(&redis, 2).await;
    source.write(1);
    slowest(&nodes[0], 0..50).await;
    redis.kill();
    let first = slowest(&nodes[0], 100..101).await;
    let then = slowest(&nodes[0], 101..300).await;
    let near = slowest(&nodes[0], 0..50).await;
    figure("R1", format!("killed: first call {first:?}, slowest of 199 more {then:?}, slowest hit {near:?}"));
    // A read may take 50 ms; the rest is for a busy machine.
    assert!(first < Duration::from_secs(5) && then < Duration::from_secs(5), "{first:?}, {then:?}");
    redis.restart();
    let back = Instant::now();
    for node in &nodes {
        node.proven().await;
    }
    figure("R1", format!("back: followed again after {:?}", back.elapsed()));
    source.write(2);
    told(&nodes[0]).await;
    sees(&nodes[1], 1, 2, Duration::from_secs(2)).await;
    assert_eq!(row(&nodes[0], 1).await, Ok(2));
}

/// R2: invalidations on every node while Redis is away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r2_what_was_invalidated_while_redis_was_away_reaches_it_when_it_is_back() {
    let redis = RedisServer::persistent();
    let (source, nodes) = over(&redis, 3).await;
    for id in 0..1_500 {
        row(&nodes[0], id).await.unwrap();
    }
    nodes[0].settled().await;
    for id in 0..1_500 {
        row(&nodes[1], id).await.unwrap();
        row(&nodes[2], id).await.unwrap();
    }
    redis.kill();
    for node in &nodes {
        node.suspect().await;
    }
    source.write(1);
    for (n, node) in nodes.iter().enumerate() {
        for id in (n as u64 * 500)..(n as u64 + 1) * 500 {
            let applied = match id % 2 {
                0 => node.cache.invalidate_key(&row::key(node, id)).await,
                _ => node.cache.invalidate_tags([format!("outage:{id}")]).await,
            };
            assert_eq!(applied, Applied::Queued);
            assert_eq!(row(node, id).await, Ok(1), "a node reads its own invalidation at once, also without Redis");
        }
    }
    redis.restart();
    let back = Instant::now();
    let told = |node: &Node| node.cache.stats().tiers.iter().all(|tier| tier.backlog == 0 && !tier.closed);
    eventually("all are told", || nodes.iter().all(told)).await;
    let drained = back.elapsed();
    for id in 0..1_500 {
        for node in &nodes {
            sees(node, id, 1, Duration::from_secs(2)).await;
        }
    }
    figure("R2", format!("1,500 queued on 3 nodes, drained {drained:?} after the server answered, 0 lost"));
    assert!(drained < Duration::from_secs(5), "{drained:?}");
}

/// The journal of one node: 10,000.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_of_ten_thousand_is_drained_at_once() {
    let redis = RedisServer::start();
    let (_, nodes) = over(&redis, 1).await;
    redis.kill();
    nodes[0].suspect().await;
    for id in 0..9_999 {
        let _ = nodes[0].cache.invalidate(vec![cached_runtime::group::Group::Tag(format!("j:{id}").into())]).await;
    }
    let tiers = nodes[0].cache.stats().tiers;
    assert!(tiers[0].closed && tiers[0].backlog == 9_999, "{tiers:?}");
    redis.restart();
    nodes[0].proven().await;
    let start = Instant::now();
    eventually("all is told", || nodes[0].cache.stats().tiers[0].backlog == 0).await;
    figure("journal", format!("9,999 invalidations drained in {:?} once the log was followed again", start.elapsed()));
    assert!(start.elapsed() < Duration::from_secs(5));
    let groups = redis.command(&["ZCARD", "cached:{log}:groups"]);
    assert_eq!(groups, Reply::Int(9_999), "each of them is in the log");
}

/// R3: and the process that queued them ends before Redis returns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_what_was_queued_outlives_the_process_with_a_tier_of_its_own() {
    let redis = RedisServer::persistent();
    let source = Arc::new(Source::default());
    let room = tempfile::tempdir().unwrap();
    let of = |path: std::path::PathBuf| move |builder: cached_runtime::Builder| builder.disk(path);
    let first = Node::with(&redis.url(), &source, of(room.path().join("first")));
    let other = Node::with(&redis.url(), &source, of(room.path().join("other")));
    first.proven().await;
    other.proven().await;
    for id in 0..100 {
        row(&first, id).await.unwrap();
        first.settled().await;
        row(&other, id).await.unwrap();
    }
    redis.kill();
    first.suspect().await;
    source.write(1);
    for id in 0..100 {
        let key = row::key(&first, id);
        let applied = match id % 2 {
            0 => first.cache.invalidate_key(&key).await,
            _ => first.cache.invalidate_tags([format!("outage:{id}")]).await,
        };
        assert_eq!(applied, Applied::Queued);
    }
    // As killed: what it says in its last half second is said to nobody.
    drop(first);
    tokio::time::sleep(Duration::from_millis(800)).await;
    redis.restart();
    other.proven().await;
    assert_eq!(row(&other, 3).await, Ok(0), "nobody has told the other node yet");
    let again = Node::with(&redis.url(), &source, of(room.path().join("first")));
    again.proven().await;
    again.settled().await;
    for id in 0..100 {
        sees(&other, id, 1, Duration::from_secs(2)).await;
        assert_eq!(row(&again, id).await, Ok(1));
    }
    figure("R3", "100 queued, the process gone, 0 lost once it started again");
    // What was told is not owed any more.
    let owes = || redis.command(&["XLEN", "cached:{log}:stream"]);
    eventually("it is settled", || again.cache.stats().tiers.iter().all(|tier| tier.backlog == 0)).await;
    // That is noted when the log is next looked at, which a busy machine may put off.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let before = owes();
    drop(again);
    let third = Node::with(&redis.url(), &source, of(room.path().join("first")));
    third.proven().await;
    third.settled().await;
    assert_eq!(owes(), before, "the third process owes nothing");
}

/// What the node's own tier cannot say at the start it may say later; till then nothing counts as told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_owed_is_told_also_where_it_is_remembered_late() {
    let (redis, source) = (RedisServer::persistent(), Arc::new(Source::default()));
    let own: Arc<dyn Tier> = Arc::new(MemoryTier::new());
    let first = Node::with(&redis.url(), &source, |builder| builder.tier(Arc::clone(&own)));
    let other = Node::joined(&redis.url(), &source).await;
    first.proven().await;
    row(&first, 1).await.unwrap();
    first.settled().await;
    row(&other, 1).await.unwrap();
    redis.kill();
    first.suspect().await;
    source.write(1);
    assert_eq!(first.cache.invalidate_key(&row::key(&first, 1)).await, Applied::Queued);
    // As killed: what it says in its last half second is said to nobody.
    drop(first);
    tokio::time::sleep(Duration::from_millis(800)).await;
    redis.restart();
    other.proven().await;
    let late = Arc::new(Chaos::new(own, 7));
    late.fail(Operation::Recall, 1.0);
    let again = Node::with(&redis.url(), &source, |builder| builder.tier(Arc::clone(&late)));
    again.proven().await;
    again.cache.invalidate_tags(["another"]).await;
    again.settled().await;
    // Longer than it takes to note that what this process owed was told.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(row(&other, 1).await, Ok(0), "nobody has told the other node yet");
    late.calm();
    sees(&other, 1, 1, Duration::from_secs(20)).await;
}

/// A process that takes over where nothing had been invalidated yet takes over all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_without_entries_is_taken_over_by_the_next_process() {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let room = tempfile::tempdir().unwrap();
    let start = || Node::with(&redis.url(), &source, |builder| builder.disk(room.path().join("own")));
    let first = start();
    first.proven().await;
    assert_eq!(row(&first, 1).await, Ok(0));
    // Till it has noted how far it has read, also on a busy machine.
    tokio::time::sleep(Duration::from_secs(6)).await;
    first.settled().await;
    assert_eq!(first.cache.shutdown(Duration::from_secs(5)).await.unwritten, 0);
    drop(first);
    let second = start();
    second.proven().await;
    source.write(1);
    assert_eq!(row(&second, 1).await, Ok(0), "and keeps what it has");
    second.taken(second.cache.invalidate_tags(["outage"]).await).await;
    assert_eq!(row(&second, 1).await, Ok(1));
}

/// How many reads of frames Redis has been sent. The script that stores a frame reads the fence with one `GET`, and then
/// a part of the frame with one `GETRANGE`.
pub(crate) fn asked(redis: &RedisServer) -> u64 {
    let stats = redis.command(&["INFO", "commandstats"]).text().unwrap();
    let calls = |command: &str| {
        let of = |line: &str| line.strip_prefix(command)?.split(',').next()?.parse().ok();
        stats.lines().find_map(of).unwrap_or(0_u64)
    };
    calls("cmdstat_getrange:calls=") - calls("cmdstat_get:calls=")
}

/// R4: frozen, and thawed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r4_a_frozen_redis_costs_a_few_deadlines_and_then_nothing() {
    let redis = RedisServer::start();
    let (source, nodes) = over(&redis, 2).await;
    slowest(&nodes[0], 0..50).await;
    nodes[0].settled().await;
    let before = asked(&redis);
    redis.freeze();
    let froze = Instant::now();
    let mut slow = 0;
    let mut longest = Duration::ZERO;
    for id in 100..1_100 {
        let start = Instant::now();
        row(&nodes[0], id).await.unwrap();
        longest = longest.max(start.elapsed());
        slow += usize::from(start.elapsed() > Duration::from_millis(20));
    }
    let calling = froze.elapsed();
    nodes[0].suspect().await;
    let noticed = froze.elapsed();
    source.write(5);
    assert_eq!(nodes[0].cache.invalidate_tags(["outage"]).await, Applied::Queued);
    assert_eq!(row(&nodes[0], 1).await, Ok(5));
    figure("R4", format!("frozen: {slow} of 1,000 calls slow, longest {longest:?}, suspect after {noticed:?}"));
    // Who waits for a Redis that is frozen waits for ever; how many waited for it at all is counted below.
    assert!(longest < Duration::from_secs(5), "{slow} slow, longest {longest:?}");
    assert!(noticed < Duration::from_secs(2), "{noticed:?}");
    redis.thaw();
    let thawed = Instant::now();
    // A call is slow for what Redis did not answer, or because this machine is busy: those that asked Redis are told by
    // Redis itself, which now reads what it was sent meanwhile.
    let waited = asked(&redis) - before;
    let probes = 1 + calling.as_secs();
    figure("R4", format!("frozen: {waited} calls asked Redis in {calling:?}: 5 until the breaker opened, and probes"));
    assert!((5..=5 + probes).contains(&waited), "{waited} calls waited, in {calling:?}");
    nodes[0].proven().await;
    nodes[1].proven().await;
    sees(&nodes[1], 1, 5, Duration::from_secs(2)).await;
    figure("R4", format!("thawed: the other node sees what was queued after {:?}", thawed.elapsed()));
}

/// R5: a black hole, and a new server behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r5_a_connection_that_only_looks_alive_is_replaced() {
    let (redis, other) = (RedisServer::start(), RedisServer::start());
    let proxy = Proxy::to(redis.port());
    let source = Arc::new(Source::default());
    let node = Node::joined(&proxy.url(), &source).await;
    slowest(&node, 0..20).await;
    proxy.black_hole(true);
    let start = Instant::now();
    node.suspect().await;
    let noticed = start.elapsed();
    proxy.retarget(other.port());
    proxy.black_hole(false);
    let start = Instant::now();
    node.proven().await;
    figure("R5", format!("black hole: noticed after {noticed:?}, on the new server {:?} later", start.elapsed()));
    assert!(noticed < Duration::from_secs(2), "{noticed:?}");
    source.write(3);
    node.cache.invalidate_tags(["outage"]).await;
    assert_eq!(row(&node, 1).await, Ok(3));
}

/// R6: back without its data, and flushed while it runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r6_an_emptied_redis_is_a_new_log_and_nothing_old_is_served_by_it() {
    let redis = RedisServer::start();
    let (source, nodes) = over(&redis, 2).await;
    for round in 0..2 {
        slowest(&nodes[0], 0..50).await;
        slowest(&nodes[1], 0..50).await;
        let reads = source.reads();
        let adopted: Vec<u64> = nodes.iter().map(|node| node.cache.shared().unwrap().adopted).collect();
        if round == 0 {
            redis.restart_empty();
        } else {
            assert_eq!(redis.command(&["FLUSHALL"]), Reply::Simple("OK".into()));
        }
        let start = Instant::now();
        let anew = || nodes.iter().zip(&adopted).all(|(node, before)| node.cache.shared().unwrap().adopted > *before);
        eventually("both nodes begin anew", anew).await;
        let noticed = start.elapsed();
        nodes[0].proven().await;
        nodes[1].proven().await;
        source.write(10 + round);
        slowest(&nodes[0], 0..50).await;
        assert_eq!(row(&nodes[0], 1).await, Ok(10 + round), "what could not be checked was dropped");
        let loads = source.reads() - reads;
        figure("R6", format!("emptied: noticed after {noticed:?}, {loads} loads for 50 keys on this node"));
        assert!(loads <= 100, "at most one load for each key and node: {loads}");
        source.write(20 + round);
        told(&nodes[1]).await;
        sees(&nodes[0], 1, 20 + round, Duration::from_secs(2)).await;
    }
}

/// R7: full, and refusing every write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r7_a_full_redis_still_learns_of_every_invalidation() {
    let redis = RedisServer::start();
    let (source, nodes) = over(&redis, 2).await;
    slowest(&nodes[0], 0..20).await;
    nodes[0].settled().await;
    slowest(&nodes[1], 0..20).await;
    // Less than it holds: no write that takes memory passes.
    assert!(redis.command(&["CONFIG", "SET", "maxmemory", "100kb"]).is_ok());
    source.write(1);
    let applied = nodes[0].cache.invalidate_tags(["outage"]).await;
    assert_eq!(applied, Applied::Queued, "Redis took no record");
    assert_eq!(row(&nodes[0], 1).await, Ok(1));
    let took = sees(&nodes[1], 1, 1, Duration::from_secs(3)).await;
    for id in 0..20 {
        assert_eq!(row(&nodes[0], id).await, Ok(1), "no call fails");
        assert_eq!(row(&nodes[1], id).await, Ok(1), "no call fails");
    }
    assert!(redis.command(&["CONFIG", "SET", "maxmemory", "0"]).is_ok());
    let start = Instant::now();
    nodes[0].proven().await;
    nodes[0].settled().await;
    figure("R7", format!("full: the other node knew after {took:?}; with room again told after {:?}", start.elapsed()));
    source.write(2);
    told(&nodes[0]).await;
    sees(&nodes[1], 1, 2, Duration::from_secs(2)).await;
}

/// R9: turned into a replica, and back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r9_a_read_only_redis_keeps_nothing_back_for_ever() {
    let redis = RedisServer::start();
    let (source, nodes) = over(&redis, 2).await;
    slowest(&nodes[0], 0..20).await;
    slowest(&nodes[1], 0..20).await;
    assert!(redis.command(&["REPLICAOF", "127.0.0.1", "1"]).is_ok());
    source.write(1);
    assert_eq!(nodes[0].cache.invalidate_tags(["outage"]).await, Applied::Queued);
    for id in 0..20 {
        assert_eq!(row(&nodes[0], id).await, Ok(1));
    }
    assert!(redis.command(&["REPLICAOF", "NO", "ONE"]).is_ok());
    let start = Instant::now();
    nodes[0].settled().await;
    nodes[1].proven().await;
    let took = sees(&nodes[1], 1, 1, Duration::from_secs(2)).await;
    figure("R9", format!("writable again: told after {:?}, seen {took:?} later", start.elapsed()));
}

/// Redis is not there at the start, and comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_later_is_joined() {
    let redis = RedisServer::start();
    redis.kill();
    let source = Arc::new(Source::default());
    let start = Instant::now();
    let node = Node::with(&redis.url(), &source, |builder| builder);
    assert!(start.elapsed() < Duration::from_secs(5), "building waits for nobody");
    source.write(4);
    assert_eq!(row(&node, 1).await, Ok(4));
    assert_eq!(node.cache.invalidate_tags(["outage"]).await, Applied::Queued);
    redis.restart();
    node.proven().await;
    node.settled().await;
    assert_eq!(row(&node, 2).await, Ok(4));
    node.settled().await;
    assert_eq!(redis.command(&["EXISTS", "cached:v:{outage:2}"]), Reply::Int(1));
}

/// The negative control of all above: a node that does not follow the log goes on with what it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_a_node_without_the_log_does_not_learn_of_anything() {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let node = Node::joined(&redis.url(), &source).await;
    let alone = Node { cache: Cache::builder().build().unwrap(), source: Arc::clone(&source) };
    row(&alone, 1).await.unwrap();
    source.write(1);
    node.cache.invalidate_tags(["outage"]).await;
    assert_eq!(row(&node, 1).await, Ok(1));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(row(&alone, 1).await, Ok(0));
}
