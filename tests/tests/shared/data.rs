//! What lies in Redis is evicted, damaged, of another type, too large or someone else's: a miss, never a wrong value.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cached_runtime::codec::{Frame, Head};
use cached_runtime::{Applied, Cache, cache};
use kit::{Connection, Proxy, RedisServer, Reply};

use crate::ear::Ear;
use crate::rig::{LONG, Node, Source, eventually, figure, full};

#[cache(key = "data:{id}", tags = ["data:{id}", "data"], ttl = "1h", cache = node.cache, skip(node))]
async fn row(node: &Node, id: u64) -> Result<(u64, u64), String> {
    Ok((id, node.source.read().await?))
}

#[cache(key = "hidden:{token}", ttl = "1h", cache = node.cache, skip(node), secret(token))]
async fn hidden(node: &Node, token: &str) -> Result<u64, String> {
    let _ = token;
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

/// For what asks a Redis that is well: a miss is what is there, and not a busy machine.
async fn patient(redis: &RedisServer, n: usize) -> (Arc<Source>, Vec<Node>) {
    let source = Arc::new(Source::default());
    let mut nodes = Vec::new();
    for _ in 0..n {
        nodes.push(Node::patient(&redis.url(), &source).await);
    }
    (source, nodes)
}

async fn sees(node: &Node, id: u64, truth: u64, limit: Duration) -> Duration {
    let start = Instant::now();
    while row(node, id).await.unwrap() != (id, truth) {
        assert!(start.elapsed() < limit, "not within {limit:?}: {truth} of {id} on the other node");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    start.elapsed()
}

fn stored(id: u64) -> String {
    format!("cached:v:{{data:{id}}}")
}

fn bytes_of(redis: &RedisServer, name: &str) -> Vec<u8> {
    match redis.command(&["GET", name]) {
        Reply::Bulk(bytes) => bytes,
        other => panic!("no frame at {name}: {other:?}"),
    }
}

fn plant(redis: &mut Connection, name: &str, bytes: &[u8]) {
    assert!(redis.command(&[b"SET".as_slice(), name.as_bytes(), bytes]).unwrap().is_ok());
}

/// R8: full, and evicting whatever it likes, the log with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r8_a_log_that_is_evicted_leaves_nothing_stale() {
    let ear = Ear::open();
    let redis = RedisServer::with(&["--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru"]);
    let (source, nodes) = over(&redis, 2).await;
    let warned = ear.heard(&["allkeys-lru", &redis.port().to_string(), "volatile-"]);
    assert!(!warned.is_empty(), "what Redis may do is said at the start");
    let (a, b) = (&nodes[0], &nodes[1]);
    let before = b.cache.shared().unwrap().adopted;
    let (mut slowest, mut queued, mut version) = (Duration::ZERO, 0, 0);
    let filler = "x".repeat(64 * 1024);
    let start = Instant::now();
    while version < 60 || (b.cache.shared().unwrap().adopted < before + 3 && start.elapsed() < Duration::from_secs(15))
    {
        if version == 30 {
            // What is used is not the first to go; this way everything goes.
            redis.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
        }
        for n in 0..40 {
            redis.command(&["SET", &format!("filler:{}", version * 40 + n), &filler]);
        }
        version += 1;
        source.write(version);
        let id = version % 7;
        queued += usize::from(
            match version % 2 {
                0 => a.cache.invalidate_key(&row::key(a, id)).await,
                _ => a.cache.invalidate_tags([format!("data:{id}")]).await,
            } == Applied::Queued,
        );
        assert_eq!(row(a, id).await, Ok((id, version)), "a node reads its own invalidation at once");
        slowest = slowest.max(sees(b, id, version, Duration::from_secs(3)).await);
    }
    let begun = b.cache.shared().unwrap().adopted - before;
    figure(
        "R8",
        format!("{version} invalidations, {queued} queued, log evicted {begun} times: 0 stale, slowest {slowest:?}"),
    );
    assert!(begun > 0, "the log was evicted");
}

/// R12: other types and other contents where ours should be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r12_what_is_not_ours_is_a_miss_or_a_new_log_and_heals() {
    let redis = RedisServer::start();
    let (source, nodes) = over(&redis, 2).await;
    let (a, b) = (&nodes[0], &nodes[1]);
    // At the place of a value.
    row(a, 1).await.unwrap();
    a.settled().await;
    redis.command(&["DEL", &stored(1)]);
    redis.command(&["LPUSH", &stored(1), "x"]);
    let reads = source.reads();
    assert_eq!(row(b, 1).await, Ok((1, 0)));
    assert_eq!(source.reads(), reads + 1, "a miss, once");
    b.settled().await;
    assert_eq!(redis.command(&["TYPE", &stored(1)]), Reply::Simple("string".into()), "and it heals");
    // At the place of a fence: it may have replaced one, so it stands for as long as one.
    let fence = stored(2).replace(":v:", ":f:");
    redis.command(&["LPUSH", &fence, "x"]);
    assert_eq!(row(a, 2).await, Ok((2, 0)));
    a.settled().await;
    assert_eq!(redis.command(&["EXISTS", &stored(2)]), Reply::Int(0), "nothing is stored beside it");
    assert!(matches!(redis.command(&["TTL", &fence]), Reply::Int(1..=60)), "and it ends");
    a.cache.invalidate_key(&row::key(a, 2)).await;
    assert_eq!(redis.command(&["TYPE", &fence]), Reply::Simple("string".into()), "an invalidation heals it at once");
    let (meta, stream, groups) = ("cached:{log}:meta", "cached:{log}:stream", "cached:{log}:groups");
    let damages: &[(&str, &[&[&str]])] = &[
        ("meta is a list", &[&["DEL", meta], &["LPUSH", meta, "x"]]),
        ("meta is gone", &[&["DEL", meta]]),
        ("meta has no number", &[&["HDEL", meta, "number"]]),
        ("meta has no epoch", &[&["HDEL", meta, "epoch"]]),
        ("the number is no number", &[&["HSET", meta, "number", "many"]]),
        ("the epoch is no number", &[&["HSET", meta, "epoch", "-"]]),
        ("the stream is a text", &[&["SET", stream, "x"]]),
        ("the stream is gone", &[&["DEL", stream]]),
        ("someone else wrote in the stream", &[&["XADD", stream, "*", "a", "b"]]),
        ("and took it back", &[&["XADD", stream, "99999999999999-1", "a", "b"], &["XDEL", stream, "99999999999999-1"]]),
        ("the groups are a text", &[&["SET", groups, "x"]]),
        ("the groups are gone", &[&["DEL", groups]]),
        ("there are strange groups", &[&["ZADD", groups, "1.5", "x", "+inf", "y"]]),
    ];
    let mut worst = (Duration::ZERO, "");
    for (version, (what, damage)) in (1..).zip(damages) {
        for id in 10..20 {
            row(a, id).await.unwrap();
            row(b, id).await.unwrap();
        }
        for command in *damage {
            let reply = redis.command(command);
            assert!(!matches!(reply, Reply::Error(_)), "{command:?}: {reply:?}");
        }
        source.write(version);
        a.cache.invalidate_tags(["data"]).await;
        assert_eq!(row(a, 10).await, Ok((10, version)), "{what}: a node reads its own invalidation at once");
        let start = Instant::now();
        for id in 10..20 {
            sees(b, id, version, Duration::from_secs(3)).await;
        }
        let took = start.elapsed();
        // And all is well again.
        a.settled().await;
        let start = Instant::now();
        eventually(what, || nodes.iter().all(|node| node.cache.shared().unwrap().proven)).await;
        while a.cache.invalidate_tags(["data"]).await != Applied::Applied {
            assert!(start.elapsed() < Duration::from_secs(3), "{what}: the log takes no records again");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let late = Node::joined(&redis.url(), &source).await;
        assert_eq!(row(&late, 10).await, Ok((10, version)), "{what}: nodes can join");
        if took > worst.0 {
            worst = (took, what);
        }
    }
    let (worst, what) = worst;
    figure(
        "R12",
        format!("{} damages of the log: 0 stale, all healed; slowest to be seen {worst:?} ({what})", damages.len()),
    );
}

/// R13: every byte changed in turn, every length cut; and a frame put to another key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r13_a_damaged_entry_is_loaded_again_and_replaced() {
    const FLIPPED: u64 = 10_000;
    const CUT: u64 = 20_000;
    let redis = RedisServer::start();
    let (source, nodes) = patient(&redis, 1).await;
    let a = &nodes[0];
    source.write(7);
    row(a, FLIPPED).await.unwrap();
    a.settled().await;
    let length = bytes_of(&redis, &stored(FLIPPED)).len() as u64;
    for n in 0..length {
        row(a, FLIPPED + n).await.unwrap();
        row(a, CUT + n).await.unwrap();
    }
    for id in 1..=3 {
        row(a, id).await.unwrap();
    }
    a.settled().await;
    let mut pen = Connection::to(redis.port()).unwrap();
    for n in 0..length {
        let (flipped, cut) = (stored(FLIPPED + n), stored(CUT + n));
        let mut bytes = bytes_of(&redis, &flipped);
        bytes[n as usize] ^= 1 << (n % 8);
        plant(&mut pen, &flipped, &bytes);
        let bytes = bytes_of(&redis, &cut);
        plant(&mut pen, &cut, &bytes[..n as usize]);
    }
    let foreign = bytes_of(&redis, &stored(1));
    plant(&mut pen, &stored(2), &foreign);
    // Whoever reads the damage would say 7, or something worse.
    source.write(8);
    let b = Node::patient(&redis.url(), &source).await;
    assert_eq!(row(&b, 3).await, Ok((3, 7)), "the control: a whole frame is read");
    assert_eq!(row(&b, 2).await, Ok((2, 8)), "another key's frame is a miss");
    for n in 0..length {
        for id in [FLIPPED + n, CUT + n] {
            assert_eq!(row(&b, id).await, Ok((id, 8)), "byte {n} of {length}");
        }
    }
    b.settled().await;
    let unreadable = b.cache.stats().tiers[0].unreadable;
    // The shortest cut is no entry at all.
    assert_eq!(unreadable, 2 * length, "each is counted, and the foreign one");
    let c = Node::patient(&redis.url(), &source).await;
    let reads = source.reads();
    for n in 0..length {
        assert_eq!(row(&c, FLIPPED + n).await, Ok((FLIPPED + n, 8)));
    }
    assert_eq!(source.reads(), reads, "what was damaged has been replaced");
    figure("R13", format!("{length} bytes flipped, {length} lengths cut: {unreadable} misses, 0 wrong values"));
}

/// R14: in a rolling deploy nodes of two versions share a Redis. The older one neither reads, nor removes, nor stores
/// over what the newer one wrote, whether it has looked at it before or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r14_a_newer_frame_is_left_to_newer_nodes() {
    let redis = RedisServer::start();
    let (source, nodes) = patient(&redis, 2).await;
    source.write(7);
    for id in 1..=3 {
        row(&nodes[0], id).await.unwrap();
    }
    nodes[0].settled().await;
    let mut pen = Connection::to(redis.port()).unwrap();
    let newer: Vec<Vec<u8>> = (1..=3).map(|id| newer_than(&bytes_of(&redis, &stored(id)))).collect();
    plant(&mut pen, &stored(1), &newer[0]);
    plant(&mut pen, &stored(2), &newer[1]);
    // The control: a frame that only says so, by accident, is replaced.
    let mut damaged = newer[2].clone();
    *damaged.last_mut().unwrap() ^= 1;
    plant(&mut pen, &stored(3), &damaged);
    source.write(8);
    let b = &nodes[1];
    assert_eq!((row(b, 1).await, row(b, 3).await), (Ok((1, 8)), Ok((3, 8))), "both are misses");
    // Without a look at the tier before.
    assert_eq!(row::refresh(b, 2).await, Ok((2, 8)));
    b.settled().await;
    nodes[0].cache.invalidate_pattern("data:*").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    for (n, newer) in newer[..2].iter().enumerate() {
        assert_eq!(&bytes_of(&redis, &stored(n as u64 + 1)), newer, "what a newer version wrote stays as it is");
    }
    assert_eq!(b.cache.stats().tiers[0].newer, 1);
    let reads = source.reads();
    assert_eq!(row(b, 1).await, Ok((1, 8)), "the older node goes on by itself");
    assert!(source.reads() <= reads + 1);
    // A key that is invalidated is free.
    row::remove(b, 1).await;
    row(b, 1).await.unwrap();
    b.settled().await;
    assert!(Frame::read(Bytes::from(bytes_of(&redis, &stored(1)))).is_ok(), "it was not stored anew");
    figure("R14", "1 read and 1 refresh of a newer frame: 2 misses, 0 frames lost");
}

/// An intact frame of the next version, as far as this one can tell.
fn newer_than(frame: &[u8]) -> Vec<u8> {
    let mut body = frame[..frame.len() - 8].to_vec();
    body[2] += 1;
    body.extend_from_slice(b"what is new");
    let checksum = xxhash_rust::xxh3::xxh3_64(&body);
    [&body[..], &checksum.to_le_bytes()].concat()
}

/// R15: a value far larger than a frame may be is not read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r15_a_huge_value_is_refused_before_it_is_read() {
    const MOST: u64 = 2 << 20;
    // The longest value there can be, or one that a machine with less memory has room for.
    let last = if full() { (512 << 20) - 1 } else { 64 << 20 }.to_string();
    let redis = RedisServer::start();
    // Made before anyone is there: it takes the server seconds, and then it would be taken for a frozen one.
    let mut pen = Connection::to(redis.port()).unwrap();
    pen.patience(LONG).unwrap();
    for name in ["huge:1", "huge:2"] {
        assert!(matches!(pen.command(&["SETRANGE", name, &last, "x"]), Ok(Reply::Int(_))));
    }
    let (source, nodes) = over(&redis, 2).await;
    row(&nodes[0], 1).await.unwrap();
    nodes[0].settled().await;
    assert!(redis.command(&["RENAME", "huge:1", &stored(1)]).is_ok());
    let sent = || redis.info("total_net_output_bytes").unwrap().trim().parse::<u64>().unwrap();
    let (before, reads) = (sent(), source.reads());
    let start = Instant::now();
    assert_eq!(row(&nodes[1], 1).await, Ok((1, 0)));
    let took = start.elapsed();
    nodes[1].settled().await;
    let carried = sent() - before;
    assert_eq!(source.reads(), reads + 1, "it is a miss");
    assert!(carried < 2 * MOST, "{carried} bytes were read");
    let healed = |reply: Reply| matches!(reply, Reply::Int(1..1_000));
    eventually("a frame takes its place", || healed(redis.command(&["STRLEN", &stored(1)]))).await;
    // The same while the upkeep walks over it.
    row(&nodes[0], 2).await.unwrap();
    nodes[0].settled().await;
    assert!(redis.command(&["RENAME", "huge:2", &stored(2)]).is_ok());
    let before = sent();
    nodes[0].cache.invalidate_namespace("data").await.unwrap();
    let gone = || redis.command(&["EXISTS", &stored(2)]) == Reply::Int(0);
    eventually("the sweep removes it", gone).await;
    let swept = sent() - before;
    assert!(swept < 2 * MOST, "{swept} bytes were read");
    figure("R15", format!("{last} bytes at a key: {carried} read, {took:?}; swept reading {swept}"));
}

/// What another build, or another secret, wrote is a miss; another prefix is another cache.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_versions_secrets_and_prefixes_share_nothing() {
    let redis = RedisServer::start();
    let (source, nodes) = over(&redis, 1).await;
    source.write(7);
    row(&nodes[0], 1).await.unwrap();
    row(&nodes[0], 2).await.unwrap();
    hidden(&nodes[0], "canary-token-4b1c").await.unwrap();
    nodes[0].settled().await;
    source.write(8);
    // A raised version is another fingerprint, and nothing else of the frame.
    let frame = Frame::read(Bytes::from(bytes_of(&redis, &stored(1)))).unwrap();
    let head = Head { fingerprint: frame.head().fingerprint ^ 1, ..frame.head().clone() };
    let other = Frame::seal(head, frame.payload()).unwrap();
    plant(&mut Connection::to(redis.port()).unwrap(), &stored(1), other.bytes());
    let node = Node::joined(&redis.url(), &source).await;
    assert_eq!(row(&node, 1).await, Ok((1, 8)), "another version is a miss");
    assert_eq!(row(&node, 2).await, Ok((2, 7)), "the control: the same version is not");
    let same = Node::joined(&redis.url(), &source).await;
    assert_eq!(hidden(&same, "canary-token-4b1c").await, Ok(7), "the control: the same secret");
    let secret = Node::with(&redis.url(), &source, |builder| builder.key_secret(*b"another secret 1"));
    secret.proven().await;
    assert_eq!(hidden(&secret, "canary-token-4b1c").await, Ok(8), "another secret is another key");
    // Another prefix: neither read, nor invalidated, nor swept.
    redis.command(&["SET", "other:v:{data:1}", "theirs"]);
    redis.command(&["SET", "cachedx:v:{data:1}", "theirs"]);
    redis.command(&["SET", "plain", "theirs"]);
    let options = cached_runtime::tier::redis::RedisOptions::new(&redis.url()).unwrap().prefix("mine").unwrap();
    let mine = Node { cache: Cache::builder().redis_with(options).build().unwrap(), source: Arc::clone(&source) };
    mine.proven().await;
    assert_eq!(row(&mine, 2).await, Ok((2, 8)), "another prefix is another cache");
    let mark = |key: &str| redis.command(&["HGET", key, "number"]);
    let before = mark("cached:{log}:meta");
    mine.cache.invalidate_namespace("data").await.unwrap();
    assert_eq!(mark("cached:{log}:meta"), before, "its invalidations are its own");
    assert_eq!(row(&node, 2).await, Ok((2, 7)));
    nodes[0].cache.clear().await;
    eventually("the sweep has removed what is ours", || {
        redis.command(&["EXISTS", &stored(1), &stored(2)]) == Reply::Int(0)
    })
    .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let theirs = redis.command(&["EXISTS", "other:v:{data:1}", "cachedx:v:{data:1}", "plain", "mine:{log}:meta"]);
    assert_eq!(theirs, Reply::Int(4), "what is not ours is not touched");
}

/// One node sweeps what it has invalidated while the other loads it anew: what stands in the place of a dead frame by the
/// time it is to be removed is left alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_node_loads_while_it_is_swept_stays() {
    let redis = RedisServer::start();
    let proxy = Proxy::to(redis.port());
    let source = Arc::new(Source::default());
    let (a, b) = (Node::joined(&redis.url(), &source).await, Node::joined(&proxy.url(), &source).await);
    for id in 0..20 {
        row(&a, id).await.unwrap();
    }
    a.settled().await;
    source.write(1);
    let mut spy = Connection::to(redis.port()).unwrap();
    assert!(spy.command(&["MONITOR"]).unwrap().is_ok());
    spy.patience(LONG).unwrap();
    b.taken(b.cache.invalidate_namespace("data").await.unwrap()).await;
    // What the sweep reads, a quarter of a second later at most, it hears a while after that.
    proxy.latency(Duration::from_millis(300), Duration::ZERO);
    let (mut spy, reads) = tokio::task::spawn_blocking(move || {
        let reads = overheard(&mut spy, 1, "\"GETRANGE\" \"cached:v:{data:");
        (spy, reads)
    })
    .await
    .unwrap();
    assert_eq!(reads, 1, "the sweep reads what it may have to remove");
    eventually("the other node has heard of it", || a.cache.shared().is_some_and(|log| log.heard == 1)).await;
    a.proven().await;
    for id in 0..20 {
        assert_eq!(row(&a, id).await, Ok((id, 1)));
    }
    a.settled().await;
    let removes = move || overheard(&mut spy, 20, "\"1\" \"cached:v:{data:");
    let removes = tokio::task::spawn_blocking(removes).await.unwrap();
    assert_eq!(removes, 20, "it would remove them");
    for id in 0..20 {
        assert!(bytes_of(&redis, &stored(id)).len() > 8, "a frame that was loaded since was swept");
    }
}

/// Waits until so many commands were said to the server that hold this; how many there were.
fn overheard(spy: &mut Connection, n: usize, what: &str) -> usize {
    let start = Instant::now();
    let mut heard = 0;
    while heard < n && start.elapsed() < LONG {
        let said = spy.receive().unwrap().text();
        heard += usize::from(said.is_some_and(|said| said.contains(what)));
    }
    heard
}
