//! A server that refuses: rights taken away, passwords asked for, no room for connections, no disk, scripts forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cached_runtime::{Applied, Cache, ErrorKind, cache};
use kit::{Connection, RedisServer};

use crate::ear::Ear;
use crate::rig::{Node, Source, eventually, figure, within};

#[cache(key = "server:{id}", tags = ["server:{id}", "server"], ttl = "1h", cache = node.cache, skip(node))]
pub(crate) async fn row(node: &Node, id: u64) -> Result<(u64, u64), String> {
    Ok((id, node.source.read().await?))
}

pub(crate) async fn over(url: &str, n: usize) -> (Arc<Source>, Vec<Node>) {
    let source = Arc::new(Source::default());
    let mut nodes = Vec::new();
    for _ in 0..n {
        nodes.push(Node::joined(url, &source).await);
    }
    (source, nodes)
}

pub(crate) async fn sees(node: &Node, id: u64, truth: u64, limit: Duration) -> Duration {
    let start = Instant::now();
    while row(node, id).await.unwrap() != (id, truth) {
        assert!(start.elapsed() < limit, "not within {limit:?}: {truth} of {id} on the other node");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    start.elapsed()
}

/// The log takes records again, and others hear of them.
pub(crate) async fn heals(case: &str, nodes: &[Node], source: &Source, version: u64) -> Duration {
    let start = Instant::now();
    source.write(version);
    while nodes[0].cache.invalidate_tags(["server"]).await != Applied::Applied {
        assert!(start.elapsed() < Duration::from_secs(20), "{case}: the log takes no records again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = start.elapsed();
    for node in nodes {
        node.proven().await;
        sees(node, 1, version, Duration::from_secs(2)).await;
    }
    took
}

/// Calls of new and known keys by all nodes until dropped; none may fail.
struct Load {
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn on(nodes: &[Node]) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1_000_000);
        let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let task = |node: &Node| {
            let (node, stop, calls) = (node.clone(), Arc::clone(&stop), Arc::clone(&calls));
            tokio::spawn(async move {
                while !stop.load(SeqCst) {
                    let n = calls.fetch_add(1, SeqCst);
                    let id = if n.is_multiple_of(2) { n % 64 } else { NEXT.fetch_add(1, SeqCst) };
                    assert_eq!(row(&node, id).await.expect("no call fails").0, id);
                    tokio::time::sleep(Duration::from_micros(300)).await;
                }
            })
        };
        Self { tasks: nodes.iter().map(task).collect(), stop, calls }
    }

    async fn end(self) -> u64 {
        self.stop.store(true, SeqCst);
        for task in self.tasks {
            task.await.unwrap();
        }
        self.calls.load(SeqCst)
    }
}

/// R19: `SCRIPT FLUSH` again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r19_forgotten_scripts_are_loaded_again_without_anybody_noticing() {
    let redis = RedisServer::start();
    let (source, nodes) = over(&redis.url(), 2).await;
    let sessions: Vec<u64> = nodes.iter().map(|node| node.cache.shared().unwrap().sessions).collect();
    let load = Load::on(&nodes);
    for version in 1..=100 {
        assert!(redis.command(&["SCRIPT", "FLUSH"]).is_ok());
        source.write(version);
        nodes[0].taken(nodes[0].cache.invalidate_tags(["server"]).await).await;
        sees(&nodes[1], 1, version, Duration::from_secs(2)).await;
    }
    // Also by who only looks at the log.
    for _ in 0..30 {
        assert!(redis.command(&["SCRIPT", "FLUSH"]).is_ok());
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let calls = load.end().await;
    let now: Vec<u64> = nodes.iter().map(|node| node.cache.shared().unwrap().sessions).collect();
    figure(
        "R19",
        format!("130 SCRIPT FLUSH: {calls} calls, 0 failed, 100 invalidations taken, sessions {sessions:?} → {now:?}"),
    );
    // One may be lost to a busy machine; without that they would be lost each time.
    let kept = sessions.iter().zip(&now).all(|(before, now)| *now <= before + 1);
    assert!(kept, "no connection is given up: {sessions:?} → {now:?}");
}

const PASSWORD: &str = "canary-pw-55c1";

/// What a user of its own needs, as `RedisOptions` lists it.
const RIGHTS: &str = "~cached:* resetchannels -@all +ping +info +client|id +client|kill +script|load +evalsha +getrange \
                      +unlink +scan +xread +hgetall +zrangebyscore +type +exists +get +set +pttl +pexpire +hget +hset \
                      +hsetnx +hincrby +xadd +xrange +xrevrange +zadd +zcard +zpopmin +time";

fn admit(redis: &RedisServer, rights: &str) {
    let password = format!(">{PASSWORD}");
    let words = ["ACL", "SETUSER", "app", "reset", "on", password.as_str()];
    let words: Vec<&str> = words.into_iter().chain(rights.split_whitespace()).collect();
    let reply = redis.command(&words);
    assert!(reply.is_ok(), "{reply:?}");
}

fn app(redis: &RedisServer) -> String {
    format!("redis://app:{PASSWORD}@127.0.0.1:{}/", redis.port())
}

/// R19: rights are taken away while it runs, and given back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r19_rights_that_are_taken_away_cost_no_call_and_are_said() {
    let ear = Ear::open();
    let redis = RedisServer::start();
    admit(&redis, RIGHTS);
    let source = Arc::new(Source::default());
    let nodes = [Node::joined(&app(&redis), &source).await, Node::joined(&redis.url(), &source).await];
    let mut version = 0;
    for taken in ["-getrange", "-evalsha", "-xadd", "-hincrby", "-xread", "-set", "-@all", "off"] {
        for id in 0..20 {
            row(&nodes[1], id).await.unwrap();
        }
        let load = Load::on(&nodes);
        assert!(redis.command(&["ACL", "SETUSER", "app", taken]).is_ok());
        version += 1;
        source.write(version);
        let applied = nodes[0].cache.invalidate_tags(["server"]).await;
        assert_eq!(row(&nodes[0], 1).await, Ok((1, version)), "{taken}: a node reads its own invalidation at once");
        tokio::time::sleep(Duration::from_millis(700)).await;
        let told = row(&nodes[1], 1).await == Ok((1, version));
        admit(&redis, RIGHTS);
        let start = Instant::now();
        sees(&nodes[1], 1, version, Duration::from_secs(2)).await;
        let reached = start.elapsed();
        version += 1;
        let healed = heals(taken, &nodes, &source, version).await;
        let calls = load.end().await;
        figure(
            "R19",
            format!(
                "{taken}: {applied:?}, known to the other at once: {told}, {reached:?} after the rights were back; applied again {healed:?} after; {calls} calls, 0 failed"
            ),
        );
    }
    assert!(!ear.heard(&["NOPERM"]).is_empty(), "it is said what to change");
    assert!(ear.heard(&[PASSWORD]).is_empty());
}

/// R19: a password is asked for while it runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r19_a_password_that_is_suddenly_asked_for_costs_no_call() {
    let ear = Ear::open();
    let redis = RedisServer::start();
    let (source, nodes) = over(&redis.url(), 2).await;
    let load = Load::on(&nodes);
    let mut admin = Connection::to(redis.port()).unwrap();
    assert!(admin.command(&["CONFIG", "SET", "requirepass", "x"]).unwrap().is_ok());
    assert!(admin.command(&["AUTH", "x"]).unwrap().is_ok());
    admin.command(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
    for node in &nodes {
        node.suspect().await;
    }
    source.write(1);
    assert_eq!(nodes[0].cache.invalidate_tags(["server"]).await, Applied::Queued);
    assert_eq!(row(&nodes[0], 1).await, Ok((1, 1)));
    within(Duration::from_secs(3), "it is said why", || !ear.heard(&["NOAUTH"]).is_empty()).await;
    assert!(admin.command(&["CONFIG", "SET", "requirepass", ""]).unwrap().is_ok());
    let healed = heals("NOAUTH", &nodes, &source, 2).await;
    let calls = load.end().await;
    figure("R19", format!("NOAUTH: {calls} calls, 0 failed; applied again after {healed:?}"));
}

/// R19: no connection is to be had.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r19_a_server_without_room_for_connections_costs_no_call() {
    let ear = Ear::open();
    let redis = RedisServer::start();
    admit(&redis, RIGHTS);
    let (source, nodes) = over(&app(&redis), 2).await;
    let load = Load::on(&nodes);
    let mut admin = Connection::to(redis.port()).unwrap();
    assert!(admin.command(&["CONFIG", "SET", "maxclients", "1"]).unwrap().is_ok());
    admin.command(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
    for node in &nodes {
        node.suspect().await;
    }
    source.write(1);
    assert_eq!(nodes[0].cache.invalidate_tags(["server"]).await, Applied::Queued);
    within(Duration::from_secs(3), "it is said why", || !ear.heard(&["CONNECT", "maxclients"]).is_empty()).await;
    assert!(admin.command(&["CONFIG", "SET", "maxclients", "1000"]).unwrap().is_ok());
    let healed = heals("maxclients", &nodes, &source, 2).await;
    let calls = load.end().await;
    figure("R19", format!("maxclients: {calls} calls, 0 failed; applied again after {healed:?}"));
}

/// R19: it cannot save and refuses writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r19_a_server_that_cannot_save_is_read_and_its_log_followed() {
    let ear = Ear::open();
    let redis = RedisServer::with(&["--save", "3600 1", "--dbfilename", "dump.rdb"]);
    let (source, nodes) = over(&redis.url(), 2).await;
    for id in 0..20 {
        row(&nodes[0], id).await.unwrap();
    }
    nodes[0].settled().await;
    let folder = redis.command(&["CONFIG", "GET", "dir"]).items()[1].text().unwrap();
    // Nothing can be renamed to where a folder with something in it stands.
    let blocked = std::path::Path::new(&folder).join("dump.rdb");
    std::fs::create_dir_all(blocked.join("full")).unwrap();
    redis.command(&["BGSAVE"]);
    let status = |word: &str| redis.info("rdb_last_bgsave_status").is_some_and(|status| status.trim() == word);
    eventually("the server cannot save", || status("err")).await;
    let sessions = nodes[1].cache.shared().unwrap().sessions;
    let load = Load::on(&nodes);
    source.write(1);
    assert_eq!(nodes[0].cache.invalidate_tags(["server"]).await, Applied::Queued);
    assert_eq!(row(&nodes[0], 1).await, Ok((1, 1)));
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let found = nodes[1].cache.stats().tiers[0].hits;
    row(&nodes[1], 7).await.unwrap();
    assert!(nodes[1].cache.stats().tiers[0].hits >= found, "what is there is still read");
    // One may be lost to a busy machine; without that they would be lost every second.
    assert!(nodes[1].cache.shared().unwrap().sessions <= sessions + 1, "connections that work are kept");
    std::fs::remove_dir_all(&blocked).unwrap();
    redis.command(&["BGSAVE"]);
    eventually("the server can save", || status("ok")).await;
    let start = Instant::now();
    sees(&nodes[1], 1, 1, Duration::from_secs(2)).await;
    let reached = start.elapsed();
    let healed = heals("MISCONF", &nodes, &source, 2).await;
    let calls = load.end().await;
    figure("R19", format!("MISCONF: {calls} calls, 0 failed; told {reached:?} after, applied again {healed:?}"));
    assert!(!ear.heard(&["MISCONF"]).is_empty());
}

/// R19: it has been started again and is still reading its data.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r19_a_server_that_is_still_loading_costs_no_call() {
    let ear = Ear::open();
    let settings = ["--appendonly", "yes", "--appendfsync", "always", "--key-load-delay", "1000"];
    let redis =
        Arc::new(RedisServer::with(&[&settings[..], &["--loading-process-events-interval-bytes", "1024"]].concat()));
    let (source, nodes) = over(&redis.url(), 2).await;
    for n in 0..1_500 {
        redis.command(&["SET", &format!("filler:{n}"), "x"]);
    }
    let load = Load::on(&nodes);
    redis.kill();
    for node in &nodes {
        node.suspect().await;
    }
    source.write(1);
    assert_eq!(nodes[0].cache.invalidate_tags(["server"]).await, Applied::Queued);
    let start = Instant::now();
    let starting = Arc::clone(&redis);
    tokio::task::spawn_blocking(move || starting.restart()).await.unwrap();
    let loading = start.elapsed();
    let healed = heals("LOADING", &nodes, &source, 2).await;
    let calls = load.end().await;
    figure("R19", format!("LOADING for {loading:?}: {calls} calls, 0 failed; applied again after {healed:?}"));
    assert!(loading > Duration::from_secs(1), "the fault is real");
    drop(ear);
}

/// Numbers of connections begin anew with the server: those that a node has given up are not to be ended when they have
/// become someone else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_connection_of_anyone_is_ended_after_a_restart() {
    let redis = RedisServer::start();
    let (_, nodes) = over(&redis.url(), 1).await;
    let (mut ended, mut queued) = (0, 0);
    for _ in 0..20 {
        redis.kill();
        nodes[0].suspect().await;
        redis.restart();
        // As many as there are numbers that the node may remember.
        let mut others: Vec<Connection> = (0..12).map(|_| Connection::to(redis.port()).unwrap()).collect();
        nodes[0].proven().await;
        // What it had invalidated lately is said again to a log that has lost it.
        nodes[0].settled().await;
        ended += others.iter_mut().filter_map(|other| other.command(&["PING"]).err()).count();
        let applied = nodes[0].cache.invalidate_tags(["server"]).await;
        queued += usize::from(applied == Applied::Queued);
        nodes[0].taken(applied).await;
    }
    figure("restart", format!("20 restarts, 240 connections of others: {ended} ended"));
    assert_eq!(ended, 0);
    // Some may take longer than a caller waits for, on a busy machine.
    assert!(queued <= 15, "nor one of its own: {queued} of 20");
}

/// What cannot work is an error at once, and none that repeats a password; what may come to work is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_address_is_an_error_and_a_wrong_password_a_warning() {
    let ear = Ear::all();
    for url in [
        format!("http://app:{PASSWORD}@localhost/"),
        format!("redis://app:{PASSWORD}@localhost:port/"),
        format!("redis+sentinel://app:{PASSWORD}@localhost:1"),
        format!("redis+cluster://app:{PASSWORD}@localhost"),
        format!("app:{PASSWORD}"),
        String::new(),
    ] {
        let error = Cache::builder().redis(&url).build().unwrap_err();
        assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some("redis")), "{url}");
        let said = format!("{error} {error:?} {:?}", std::error::Error::source(&error));
        assert!(!said.contains("canary"), "{said}");
    }
    let redis = RedisServer::start();
    admit(&redis, RIGHTS);
    let source = Arc::new(Source::default());
    let wrong = [
        (format!("redis://app:canary-wrong@127.0.0.1:{}/", redis.port()), "WRONGPASS"),
        (format!("redis://canary-user:{PASSWORD}@127.0.0.1:{}/", redis.port()), "WRONGPASS"),
        (app(&redis), "NOPERM"),
    ];
    for (n, (url, word)) in wrong.iter().enumerate() {
        let one = Ear::all();
        if *word == "NOPERM" {
            admit(&redis, &RIGHTS.replace("+evalsha", ""));
        }
        let node = Node::with(url, &source, |builder| builder);
        source.write(n as u64);
        assert_eq!(row(&node, 1).await, Ok((1, n as u64)), "the cache starts and calls work");
        assert_eq!(node.cache.invalidate_tags(["server"]).await, Applied::Queued);
        within(Duration::from_secs(3), "a warning says why", || !one.heard(&["WARN", word]).is_empty()).await;
        let shown = format!("{:?} {:?}", node.cache, Cache::builder().redis(url));
        assert!(!shown.contains("canary"), "{shown}");
        figure("start", one.heard(&["WARN", word]).first().unwrap());
    }
    // And one that works, so that all that is said is heard.
    admit(&redis, RIGHTS);
    let node = Node::joined(&app(&redis), &source).await;
    source.write(9);
    node.taken(node.cache.invalidate_tags(["server"]).await).await;
    redis.kill();
    node.suspect().await;
    assert!(!ear.heard(&["TRACE"]).is_empty() || !ear.heard(&["DEBUG"]).is_empty(), "the control: it listens");
    let leaked = ear.heard(&["canary"]);
    assert!(leaked.is_empty(), "{leaked:?}");
}

/// S16: all of it under a user who may do nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s16_a_user_with_the_fewest_rights_is_enough() {
    let redis = RedisServer::start();
    // The driver says its name to servers that take it.
    let named = format!("{RIGHTS} +client|setinfo");
    let takes_names = redis.command(&["ACL", "SETUSER", "anyone", "+client|setinfo"]).is_ok();
    let rights = if takes_names { named.as_str() } else { RIGHTS };
    admit(&redis, rights);
    let (source, nodes) = over(&app(&redis), 2).await;
    let [a, b] = &nodes[..] else { panic!("two nodes") };
    for version in 1..=30 {
        source.write(version);
        let applied = match version % 3 {
            0 => a.cache.invalidate_key(&row::key(a, 1)).await,
            1 => a.cache.invalidate_tags(["server:1"]).await,
            _ => a.cache.invalidate_namespace("server").await.unwrap(),
        };
        a.taken(applied).await;
        sees(b, 1, version, Duration::from_secs(2)).await;
        assert_eq!(row(a, 1).await, Ok((1, version)));
    }
    a.settled().await;
    b.settled().await;
    let reads = source.reads();
    let c = Node::patient(&app(&redis), &source).await;
    assert_eq!(row(&c, 1).await, Ok((1, 30)));
    assert_eq!(source.reads(), reads, "found in Redis");
    // Connections that are lost, a log that is damaged, a fence that is none, and a sweep need rights of their own.
    redis.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    redis.command(&["LPUSH", "cached:f:{server:2}", "x"]);
    redis.command(&["DEL", "cached:{log}:meta"]);
    heals("fewest rights", &nodes, &source, 31).await;
    row(a, 2).await.unwrap();
    a.settled().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let refused = redis.command(&["ACL", "LOG"]);
    assert_eq!(refused.items(), [], "what it asked for and may not: {refused:?}");
    figure("S16", format!("ACL SETUSER app on >password {rights}"));
    // The control: any right less is missed.
    assert!(redis.command(&["ACL", "SETUSER", "app", "-xadd"]).is_ok());
    a.cache.invalidate_tags(["server"]).await;
    assert!(!redis.command(&["ACL", "LOG"]).items().is_empty());
}
