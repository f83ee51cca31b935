//! Three nodes as processes of their own, each read and each write written down, and the whole looked through afterwards.
//!
//! The source is a second Redis: one counter for each key. A writer counts up, then invalidates.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cached_runtime::{Cache, cache};
use kit::{Log, RedisCluster, RedisServer, check, now, read_logs};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;

use crate::rig::{figure, full};

const KEYS: u64 = 500;

#[derive(Clone)]
struct Audited {
    cache: Cache,
    source: MultiplexedConnection,
}

#[cache(key = "audit:{key}", tags = ["audit:{key}"], ttl = "1h", cache = node.cache, skip(node))]
async fn audited(node: &Audited, key: u64) -> Result<u64, String> {
    let mut source = node.source.clone();
    let version: Option<u64> = source.get(format!("row:{key}")).await.map_err(|e| e.to_string())?;
    Ok(version.unwrap_or(0))
}

/// A node: does nothing unless it is started as one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn node_process() {
    let Ok(plan) = std::env::var("AUDIT_NODE") else { return };
    let mut words = plan.split(' ');
    let mut word = || words.next().unwrap().to_owned();
    let (number, redis, source, file, reads): (u32, _, _, _, u64) =
        (word().parse().unwrap(), word(), word(), word(), word().parse().unwrap());
    let cache = Cache::builder().redis(&redis).build().unwrap();
    while !cache.shared().is_some_and(|log| log.proven) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let client = redis::Client::open(source).unwrap();
    let source = client.get_multiplexed_async_connection().await.unwrap();
    let node = Audited { cache, source };
    let log = Log::create(&file, number).unwrap();
    let writes = async {
        for n in 0..reads / 400 {
            write(&node, &log, (n * 7 + u64::from(number)) % KEYS).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::join!(read(&node, &log, reads), writes);
    log.flush();
}

async fn read(node: &Audited, log: &Log, reads: u64) {
    let mut chance = kit::Chance::seeded(reads ^ u64::from(std::process::id()));
    for n in 0..reads {
        // Most ask for few.
        let key = (chance.draw() % KEYS).min(chance.draw() % KEYS);
        let start = now();
        let version = audited(node, key).await.unwrap();
        log.read(&format!("row:{key}"), version, start);
        if n % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
}

async fn write(node: &Audited, log: &Log, key: u64) {
    let mut source = node.source.clone();
    let called = now();
    let version: u64 = source.incr(format!("row:{key}"), 1).await.unwrap();
    let _ = node.cache.invalidate_tags([format!("audit:{key}")]).await;
    log.wrote(&format!("row:{key}"), version, called);
}

struct Nodes {
    children: Vec<Child>,
    logs: Vec<PathBuf>,
}

impl Nodes {
    fn start(room: &Path, redis: &str, source: &str, reads: u64) -> Self {
        let (mut children, mut logs) = (Vec::new(), Vec::new());
        for number in 0..3 {
            let file = room.join(format!("node-{number}.log"));
            let mut node = Command::new(std::env::current_exe().unwrap());
            node.args(["audit::node_process", "--exact", "--nocapture"]).stdin(Stdio::null()).stdout(Stdio::null());
            node.env("AUDIT_NODE", format!("{number} {redis} {source} {} {reads}", file.display()));
            children.push(node.spawn().unwrap());
            logs.push(file);
        }
        Self { children, logs }
    }

    /// Do all of them still run?
    fn run(&mut self) -> bool {
        self.children.iter_mut().all(|child| child.try_wait().unwrap().is_none())
    }

    fn join(&mut self) {
        for child in &mut self.children {
            assert!(child.wait().unwrap().success(), "a node failed");
        }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// So many reads for each node: a million in all for `tests/run.sh --full`.
fn reads() -> u64 {
    if full() { 400_000 } else { 60_000 }
}

#[test]
fn nodes_never_read_what_they_invalidated_and_others_only_for_moments() {
    let (redis, source) = (RedisServer::start(), RedisServer::start());
    let room = tempfile::tempdir().unwrap();
    let mut nodes = Nodes::start(room.path(), &redis.url(), &source.url(), reads());
    nodes.join();
    let report = check(&read_logs(&nodes.logs));
    figure("audit", &report);
    assert!(report.violations.is_empty(), "{:?}", report.violations.first());
    assert!(report.stale.max < Duration::from_secs(2), "{:?}", report.stale.max);
    assert_eq!(report.reads as u64, 3 * reads());
}

/// The same while Redis is killed, comes back with its data, and comes back without.
#[test]
fn nodes_never_read_what_they_invalidated_while_redis_comes_and_goes() {
    let (redis, source) = (RedisServer::persistent(), RedisServer::start());
    let room = tempfile::tempdir().unwrap();
    let mut nodes = Nodes::start(room.path(), &redis.url(), &source.url(), 2 * reads());
    for round in 0..3 {
        std::thread::sleep(Duration::from_millis(700));
        redis.kill();
        std::thread::sleep(Duration::from_millis(500));
        if round == 1 { redis.restart_empty() } else { redis.restart() }
    }
    nodes.join();
    let report = check(&read_logs(&nodes.logs));
    figure("audit under faults", &report);
    assert!(report.violations.is_empty(), "{:?}", report.violations.first());
}

/// The same over a cluster, while slots move and servers without the log freeze and come back.
#[test]
fn nodes_never_read_what_they_invalidated_while_a_cluster_moves_its_slots() {
    let cluster = RedisCluster::with(&["--cluster-require-full-coverage", "no"]);
    let source = RedisServer::start();
    let room = tempfile::tempdir().unwrap();
    let places: Vec<String> = cluster.nodes().iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
    let url = format!("redis+cluster://{}", places.join(","));
    let mut nodes = Nodes::start(room.path(), &url, &source.url(), 2 * reads());
    let log = cluster.owner(cluster.slot("cached:{log}:meta"));
    let (mut moves, mut freezes) = (0, 0);
    while nodes.run() {
        for key in (0..40).filter(|key| key % 3 == freezes % 3) {
            let slot = cluster.slot(&format!("cached:v:{{audit:{key}}}"));
            let from = cluster.owner(slot);
            cluster.move_slot(slot, from, (from + 1) % 3);
            moves += 1;
        }
        let frozen = &cluster.nodes()[(log + 1 + freezes % 2) % 3];
        frozen.freeze();
        std::thread::sleep(Duration::from_millis(300));
        frozen.thaw();
        cluster.await_whole();
        freezes += 1;
    }
    nodes.join();
    let report = check(&read_logs(&nodes.logs));
    figure("audit of a cluster", format!("{moves} slots moved, a server frozen {freezes} times: {report}"));
    assert!(report.violations.is_empty(), "{:?}", report.violations.first());
}
