//! What the server and its other clients notice of us.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::codec::{Frame, Head};
use kit::{Connection, RedisServer, Reply};

use crate::outage::asked;
use crate::rig::{LONG, Node, Source, figure, full};
use crate::server::{heals, over, row, sees};

/// S8: what is said to the server in a day's work, word by word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_no_command_walks_over_all_keys_at_once() {
    let redis = RedisServer::start();
    let mut spy = Connection::to(redis.port()).unwrap();
    assert!(spy.command(&["MONITOR"]).unwrap().is_ok());
    spy.patience(LONG).unwrap();
    let spying = std::thread::spawn(move || {
        let mut said = Vec::new();
        while let Ok(reply) = spy.receive() {
            said.push(reply.text().unwrap());
            if said.last().is_some_and(|line| line.contains("the end")) {
                break;
            }
        }
        said
    });
    let (source, nodes) = over(&redis.url(), 2).await;
    for version in 1..=5 {
        source.write(version);
        for id in 0..300 {
            row(&nodes[0], id).await.unwrap();
        }
        nodes[0].settled().await;
        nodes[0].cache.invalidate_tags(["server:1"]).await;
        nodes[0].cache.invalidate_namespace("server").await.unwrap();
        nodes[0].cache.invalidate_pattern("server:1*").await.unwrap();
        nodes[0].cache.clear().await;
        sees(&nodes[1], 1, version, Duration::from_secs(2)).await;
    }
    redis.command(&["LPUSH", "cached:{log}:meta", "x"]);
    redis.command(&["DEL", "cached:{log}:meta"]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    redis.command(&["ECHO", "the end"]);
    let said = spying.join().unwrap();
    let words = |line: &String| -> Vec<String> { line.split('"').skip(1).step_by(2).map(str::to_uppercase).collect() };
    let commands: Vec<Vec<String>> = said.iter().map(words).collect();
    let bad = |command: &&Vec<String>| command.first().is_some_and(|word| word == "KEYS" || word.starts_with("FLUSH"));
    assert_eq!(commands.iter().find(bad), None);
    let scans: Vec<usize> = commands
        .iter()
        .filter(|command| command.first().is_some_and(|word| word == "SCAN"))
        .map(|command| command.iter().skip_while(|word| *word != "COUNT").nth(1).unwrap().parse().unwrap())
        .collect();
    let most = scans.iter().max().copied().unwrap_or_default();
    figure(
        "S8",
        format!("{} commands overheard: 0 KEYS, 0 FLUSH*, {} SCAN, COUNT at most {most}", commands.len(), scans.len()),
    );
    assert!((1..=512).contains(&most), "{most}");
}

/// S8: many keys are swept, and another client hardly notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_a_hundred_thousand_keys_are_swept_beside_another_client() {
    let keys = if full() { 1_000_000 } else { 100_000 };
    let mut tries = Vec::new();
    // What else runs on this machine is in these times, too.
    while tries.len() < 3 {
        let (each, during, quiet) = swept(keys).await;
        if each < 1_000.0 && during < Duration::from_millis(5) + 4 * quiet {
            return;
        }
        tries.push((each, during, quiet));
    }
    panic!("µs of one SCAN, p99 of another client beside the sweep, and without it: {tries:?}");
}

/// So many keys are swept: what one SCAN costs in µs, and the p99 of another client meanwhile, and without a sweep.
async fn swept(keys: u64) -> (f64, Duration, Duration) {
    let redis = RedisServer::start();
    let source = Arc::new(Source::default());
    let node = Node::patient(&redis.url(), &source).await;
    let node = &node;
    row(node, 0).await.unwrap();
    node.settled().await;
    let Reply::Bulk(bytes) = redis.command(&["GET", "cached:v:{server:0}"]) else { panic!("a frame") };
    let frame = Frame::read(bytes.into()).unwrap();
    let mut pen = Connection::to(redis.port()).unwrap();
    for id in 0..keys {
        let head = Head { key: row::key(node, id), ..frame.head().clone() };
        let frame = Frame::seal(head, frame.payload()).unwrap();
        let name = format!("cached:v:{{server:{id}}}");
        pen.send(&[b"SET".as_slice(), name.as_bytes(), frame.bytes(), b"PX", b"3600000"]).unwrap();
        if id % 500 == 499 {
            for _ in 0..500 {
                assert!(pen.receive().unwrap().is_ok());
            }
        }
    }
    // Their payload is the one frame's.
    assert_eq!(row(node, 5).await, Ok((0, 0)));
    assert_eq!(node.cache.stats().sites.iter().map(|site| site.tier_hits).sum::<u64>(), 1, "they are frames");
    let (before, _) = other_client(&redis, || false).await;
    source.write(1);
    let start = Instant::now();
    node.taken(node.cache.invalidate_namespace("server").await.unwrap()).await;
    let invalidated = start.elapsed();
    let left = || match redis.command(&["DBSIZE"]) {
        Reply::Int(left) => left,
        other => panic!("{other:?}"),
    };
    let mut looked = Instant::now();
    let goes_on = || {
        if looked.elapsed() < Duration::from_millis(200) {
            return true;
        }
        looked = Instant::now();
        assert!(start.elapsed() < Duration::from_micros(900 * keys), "{} keys left", left());
        left() > 10
    };
    let (during, reads) = other_client(&redis, goes_on).await;
    let swept = start.elapsed();
    let (after, _) = other_client(&redis, || false).await;
    let stats = redis.command(&["INFO", "commandstats"]).text().unwrap();
    let cost = stats.lines().find(|line| line.starts_with("cmdstat_scan:")).unwrap();
    let each = cost.split("usec_per_call=").nth(1).and_then(|text| text.split(',').next());
    let each: f64 = each.unwrap().parse().unwrap();
    figure(
        "S8",
        format!(
            "{keys} keys: invalidated in {invalidated:?}, swept in {swept:?}; p99 of {reads} reads of another client {during:?}, before {before:?}, after {after:?}; one SCAN {each} µs"
        ),
    );
    (each, during, before.max(after))
}

/// Reads by someone else while this goes on, for half a second at the least: the p99 of their times, and how many.
async fn other_client(redis: &RedisServer, mut goes_on: impl FnMut() -> bool) -> (Duration, usize) {
    let mut other = Connection::to(redis.port()).unwrap();
    let (start, mut times) = (Instant::now(), Vec::new());
    while goes_on() || start.elapsed() < Duration::from_millis(500) {
        let start = Instant::now();
        other.command(&["GET", "of-another"]).unwrap();
        times.push(start.elapsed());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    times.sort_unstable();
    (times[(times.len() - 1) * 99 / 100], times.len())
}

/// A Unix socket is an address like any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_is_enough() {
    let (redis, source) = (RedisServer::start(), Arc::new(Source::default()));
    let (a, b) = (Node::patient(&redis.unix_url(), &source).await, Node::patient(&redis.unix_url(), &source).await);
    row(&a, 1).await.unwrap();
    a.settled().await;
    assert_eq!(row(&b, 1).await, Ok((1, 0)));
    assert_eq!(source.reads(), 1, "found in Redis");
    source.write(1);
    a.taken(a.cache.invalidate_tags(["server"]).await).await;
    sees(&b, 1, 1, Duration::from_secs(2)).await;
    drop((a, b));
    let (source, nodes) = over(&redis.unix_url(), 2).await;
    redis.restart_empty();
    heals("socket", &nodes, &source, 2).await;
}

/// Keeps the server busy for so many seconds, from now on: it answers nobody.
fn asleep(redis: &RedisServer, seconds: &'static str) -> std::thread::JoinHandle<Reply> {
    let mut sleeper = Connection::to(redis.port()).unwrap();
    sleeper.patience(LONG).unwrap();
    let mut other = Connection::to(redis.port()).unwrap();
    other.patience(Duration::from_millis(100)).unwrap();
    let sleeping = std::thread::spawn(move || sleeper.command(&["DEBUG", "SLEEP", seconds]).unwrap());
    while other.command(&["PING"]).is_ok() {}
    sleeping
}

/// A server that is busy for longer than a read may take.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_server_costs_one_deadline_and_no_more() {
    let redis = RedisServer::with(&["--enable-debug-command", "yes"]);
    let (source, nodes) = over(&redis.url(), 2).await;
    for id in 0..20 {
        row(&nodes[0], id).await.unwrap();
    }
    nodes[0].settled().await;
    let before = asked(&redis);
    let sleeping = asleep(&redis, "3");
    let (calling, mut times) = (Instant::now(), Vec::new());
    for id in 100..130 {
        let start = Instant::now();
        assert_eq!(row(&nodes[0], id).await, Ok((id, 0)));
        times.push(start.elapsed());
    }
    source.write(1);
    let start = Instant::now();
    let applied = nodes[0].cache.invalidate_tags(["server"]).await;
    let invalidated = start.elapsed();
    assert_eq!(row(&nodes[0], 1).await, Ok((1, 1)));
    let called = calling.elapsed();
    assert!(sleeping.join().unwrap().is_ok());
    // Those that asked Redis are told by Redis itself, which now reads what it was sent meanwhile.
    let (waited, probes) = (asked(&redis) - before, 1 + called.as_secs());
    times.sort_unstable();
    let longest = times[29];
    let slow = times.iter().filter(|time| **time > Duration::from_millis(20)).count();
    figure(
        "busy",
        format!(
            "DEBUG SLEEP 3: {waited} of 30 calls asked, {slow} slow, longest {longest:?}; {applied:?} after {invalidated:?}"
        ),
    );
    assert!(longest >= Duration::from_millis(45) && longest < Duration::from_secs(2), "{longest:?}");
    assert!((1..=5 + probes).contains(&waited), "{waited} of 30 calls waited, in {called:?}");
    assert!(invalidated < Duration::from_secs(2), "{invalidated:?}");
    sees(&nodes[1], 1, 1, Duration::from_secs(2)).await;
    heals("busy", &nodes, &source, 2).await;
}
