//! Nodes that hide their keys from the Redis that they share: what it hears, and that invalidations stay what they are.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cached_runtime::tier::redis::RedisOptions;
use cached_runtime::{Applied, Builder, Cache, KeySecrecy, Keys};
use kit::{Connection, RedisServer, Reply};

use crate::rig::{LONG, Node, Source, eventually, figure};
use crate::veiled::{
    CANARY, SECRET, STRANGERS, Secret, applied, applied_pattern, hiding, invalidate_four, key, leased, load, peek, row,
    there,
};

/// A node that hides names with this secret, once it follows the log.
async fn joined(redis: &RedisServer, source: &Arc<Source>, secret: Secret) -> Node {
    let node = Node::with(&redis.url(), source, |builder| hiding(builder, secret));
    node.proven().await;
    node
}

async fn two(secret: Secret) -> (RedisServer, Arc<Source>, Node, Node) {
    let (redis, source) = (RedisServer::start(), Arc::new(Source::default()));
    let (a, b) = (joined(&redis, &source, secret).await, joined(&redis, &source, secret).await);
    (redis, source, a, b)
}

fn flat(reply: &Reply, out: &mut Vec<u8>) {
    match reply {
        Reply::Array(replies) => replies.iter().for_each(|reply| flat(reply, out)),
        Reply::Bulk(bytes) => out.extend_from_slice(bytes),
        other => out.extend(other.text().unwrap_or_default().into_bytes()),
    }
    out.push(b'\n');
}

/// All names and all that stands under them.
fn dump(redis: &RedisServer) -> Vec<u8> {
    let mut out = Vec::new();
    let Reply::Array(names) = redis.command(&["KEYS", "*"]) else { panic!("names") };
    for name in names.iter().filter_map(Reply::text) {
        out.extend_from_slice(name.as_bytes());
        let kind = redis.command(&["TYPE", &name]).text().unwrap();
        let whole: &[&str] = match kind.as_str() {
            "string" => &["GET", &name],
            "hash" => &["HGETALL", &name],
            "stream" => &["XRANGE", &name, "-", "+"],
            "zset" => &["ZRANGE", &name, "0", "-1", "WITHSCORES"],
            // Swept since its name was told.
            "none" => continue,
            other => panic!("{name} is a {other}"),
        };
        flat(&redis.command(whole), &mut out);
    }
    out
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Writes down all that is said to the server, until "the end".
fn overhear(redis: &RedisServer) -> JoinHandle<String> {
    let mut spy = Connection::to(redis.port()).unwrap();
    assert!(spy.command(&["MONITOR"]).unwrap().is_ok());
    spy.patience(LONG).unwrap();
    std::thread::spawn(move || {
        let mut said = String::new();
        while let Ok(reply) = spy.receive() {
            said.push_str(&reply.text().unwrap());
            said.push('\n');
            if said.ends_with("\"the end\"\n") {
                break;
            }
        }
        said
    })
}

/// What nodes do in a day: loads, leases, hits, and invalidations by all that can be named.
async fn work(a: &Node, b: &Node) {
    load(a, 0..20).await;
    leased(a, CANARY, 1).await.unwrap();
    a.settled().await;
    assert_eq!((peek(b, 3).await, leased(b, CANARY, 1).await), (Some(0), Ok(0)), "the other node finds them");
    applied(a, "a key", a.cache.invalidate_key(&key(a, 1))).await;
    applied(a, "a tag", a.cache.invalidate_tags([format!("veiled-of:{CANARY}")])).await;
    for glob in [format!("veiled:{CANARY}:1*"), format!("*{CANARY}*")] {
        applied_pattern(a, &glob).await;
    }
    load(b, 10..30).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_neither_hears_nor_holds_the_name_of_an_entry() {
    for (secret, readable) in [(Some(SECRET), false), (None, true)] {
        let redis = RedisServer::start();
        let said = overhear(&redis);
        let source = Arc::new(Source::default());
        let (a, b) = (joined(&redis, &source, secret).await, joined(&redis, &source, secret).await);
        work(&a, &b).await;
        let held = dump(&redis);
        redis.command(&["ECHO", "the end"]);
        let said = said.join().unwrap();
        assert_eq!(holds(&held, CANARY), readable, "what it holds");
        assert_eq!(said.contains(CANARY), readable, "what is said to it");
        for word in ["veiled", "cached:f:{", "groups", "stream"] {
            assert!(holds(&held, word), "the control: {word}");
        }
        assert!(said.contains("cached:l:{leased"), "the control: a lease was taken");
        figure("secrecy", format!("{} bytes held, {} bytes said, readable: {readable}", held.len(), said.len()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalidation_reaches_the_other_node_and_names_nothing_else() {
    let (_redis, source, a, b) = two(Some(SECRET)).await;
    load(&a, 0..8).await;
    assert_eq!(there(&b, 0..8).await.len(), 8, "near has them on both nodes");
    invalidate_four(&a).await;
    let heard = || b.cache.shared().unwrap().heard == 4;
    eventually("the other node has heard all of it", heard).await;
    for node in [&a, &b] {
        assert_eq!(there(node, 0..8).await, [0, 5, 6, 7]);
    }
    source.write(1);
    let start = Instant::now();
    b.taken(b.cache.invalidate_namespace("veiled").await.unwrap()).await;
    while row(&a, CANARY, 5).await != Ok(1) {
        assert!(start.elapsed() < Duration::from_secs(2), "a namespace");
    }
    // What is loaded before it has heard of that, because it is not sure to have heard of everything, is for its caller alone.
    eventually("the first node has heard of it", || a.cache.shared().unwrap().heard == 1).await;
    a.proven().await;
    assert_eq!(row(&a, CANARY, 5).await, Ok(1));
    a.settled().await;
    // A read of Redis that takes too long on a busy machine is a miss.
    let start = Instant::now();
    while there(&b, 0..8).await != [5] {
        assert!(start.elapsed() < LONG, "the other node finds what was loaded since, and nothing else");
    }
}

/// A node that starts later knows of groups what the log remembers, and no more of them than that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_later_knows_what_was_invalidated_and_nothing_else() {
    let (redis, _, a, _b) = two(Some(SECRET)).await;
    load(&a, 0..8).await;
    let frames = frames(&redis);
    assert_eq!(frames.len(), 8);
    invalidate_four(&a).await;
    // Swept frames stand there again, as if upkeep had not come so far; a key is removed at once, and stays so.
    let name = row_name(&redis, &frames, &a, 1).await;
    for (stored, bytes) in frames.iter().filter(|(stored, _)| *stored != name) {
        let mut connection = Connection::to(redis.port()).unwrap();
        assert!(connection.command(&[b"SET", stored.as_bytes(), bytes]).unwrap().is_ok());
    }
    let later = joined(&redis, &a.source, Some(SECRET)).await;
    assert_eq!(there(&later, 0..8).await, [0, 5, 6, 7]);
}

/// The frames in Redis, each with its name.
fn frames(redis: &RedisServer) -> Vec<(String, Vec<u8>)> {
    let Reply::Array(names) = redis.command(&["KEYS", "cached:v:*"]) else { panic!("names") };
    let frame = |name: String| match redis.command(&["GET", &name]) {
        Reply::Bulk(bytes) => (name, bytes),
        other => panic!("{name}: {other:?}"),
    };
    names.iter().filter_map(Reply::text).map(frame).collect()
}

/// The name of the frame that is gone of those that were there, once a key was removed.
async fn row_name(redis: &RedisServer, before: &[(String, Vec<u8>)], node: &Node, id: u64) -> String {
    assert_eq!(peek(node, id).await, None);
    let fenced: Vec<String> = before.iter().map(|(name, _)| name.replace(":v:", ":f:")).collect();
    let fence = fenced.iter().find(|fence| redis.command(&["EXISTS", fence]) == Reply::Int(1));
    fence.expect("a removed key is fenced under its hidden name").replace(":f:", ":v:")
}

/// Groups that are no longer remembered one by one become coarser, hidden as they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_folds_hidden_groups_forgets_none() {
    let (redis, source) = (RedisServer::start(), Arc::new(Source::default()));
    let options = RedisOptions::new(&redis.url()).unwrap().remembered_groups(4);
    let cache = hiding(Cache::builder().redis_with(options), Some(SECRET)).build().unwrap();
    let node = Node { cache, source: Arc::clone(&source) };
    node.proven().await;
    load(&node, 0..3).await;
    let before = frames(&redis);
    applied(&node, "a tag", node.cache.invalidate_tags(["veiled-id:1"])).await;
    applied_pattern(&node, &format!("veiled:{CANARY}:2")).await;
    for n in 0..20 {
        applied(&node, "others", node.cache.invalidate_tags([format!("something else {n}")])).await;
    }
    let mut meta = Vec::new();
    flat(&redis.command(&["HGETALL", "cached:{log}:meta"]), &mut meta);
    assert!(holds(&meta, "fT:") && holds(&meta, "fn:veiled"), "they were folded, the pattern into its namespace");
    for (name, bytes) in &before {
        Connection::to(redis.port()).unwrap().command(&[b"SET", name.as_bytes(), bytes]).unwrap();
    }
    let later = joined(&redis, &source, Some(SECRET)).await;
    assert!(there(&later, 0..3).await.is_empty(), "coarser, and none forgotten");
}

/// What a node with other names invalidates is everything for the others: those that hear it, and those that come later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_with_other_secrets_miss_each_others_frames_and_heed_each_others_invalidations() {
    for (first, second) in STRANGERS {
        let (redis, source) = (RedisServer::start(), Arc::new(Source::default()));
        let (a, b) = (joined(&redis, &source, first).await, joined(&redis, &source, second).await);
        load(&a, 0..4).await;
        assert!(there(&b, 0..4).await.is_empty(), "{first:?}, {second:?}: a frame under another name is a miss");
        let control = joined(&redis, &source, first).await;
        assert_eq!(there(&control, 0..4).await.len(), 4, "the control: nothing was invalidated yet");
        source.write(1);
        applied(&b, "a key", b.cache.invalidate_key(&key(&b, 1))).await;
        for node in [&a, &control] {
            let start = Instant::now();
            while row(node, CANARY, 1).await != Ok(1) {
                assert!(start.elapsed() < Duration::from_secs(2), "{first:?}, {second:?}: it is not heeded");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        drop((a, control));
        let later = joined(&redis, &source, first).await;
        let found = row(&later, CANARY, 2).await;
        assert_eq!(found, Ok(1), "{first:?}, {second:?}: nor is a frame of before served to one who comes later");
    }
}

/// What was invalidated under other names while none of ours was there.
/// As while keys are changed: the one node has the new key already, and the other cannot read what it writes yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_sealed_with_a_key_that_a_node_lacks_stays_for_those_who_have_it() {
    let (redis, source) = (RedisServer::start(), Arc::new(Source::default()));
    let a = joined(&redis, &source, Some(SECRET)).await;
    load(&a, 0..4).await;
    let lacks = |builder: Builder| {
        let builder = builder.read_deadline(LONG).write_deadline(LONG);
        builder.encryption(Keys::new(2, [8; 32])).key_secrecy(KeySecrecy::hmac(SECRET))
    };
    let b = Node::with(&redis.url(), &source, lacks);
    b.proven().await;
    assert_eq!(there(&b, 0..4).await, [0_u64; 0]);
    b.settled().await;
    let c = joined(&redis, &source, Some(SECRET)).await;
    assert_eq!(there(&c, 0..4).await, [0, 1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_invalidated_under_other_names_does_not_come_back() {
    for (first, second) in STRANGERS {
        for what in ["nothing", "key", "tag", "pattern"] {
            let (redis, source) = (RedisServer::start(), Arc::new(Source::default()));
            let a = joined(&redis, &source, first).await;
            load(&a, 0..2).await;
            drop(a);
            let b = joined(&redis, &source, second).await;
            match what {
                "key" => applied(&b, what, b.cache.invalidate_key(&key(&b, 1))).await,
                "tag" => applied(&b, what, b.cache.invalidate_tags(["veiled-id:1"])).await,
                "pattern" => {
                    let glob = format!("veiled:{CANARY}:1");
                    applied_pattern(&b, &glob).await;
                }
                _ => {}
            }
            drop(b);
            let later = joined(&redis, &source, first).await;
            let expected = if what == "nothing" { Some(0) } else { None };
            assert_eq!(peek(&later, 1).await, expected, "{first:?}, {second:?}: {what}");
        }
    }
}

/// What Redis is still to be told waits in the node's own tier, hidden there as well, and reaches the others exactly.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_owed_outlives_the_process_and_is_hidden_meanwhile() {
    let (redis, source) = (RedisServer::persistent(), Arc::new(Source::default()));
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("own");
    let of = |path: std::path::PathBuf| move |builder: Builder| hiding(builder.disk(path), Some(SECRET));
    let a = Node::with(&redis.url(), &source, of(path.clone()));
    let b = joined(&redis, &source, Some(SECRET)).await;
    a.proven().await;
    load(&a, 0..8).await;
    assert_eq!(there(&b, 0..8).await.len(), 8);
    redis.kill();
    a.suspect().await;
    assert_eq!(a.cache.invalidate_key(&key(&a, 1)).await, Applied::Queued);
    assert_eq!(a.cache.invalidate_tags(["veiled-id:2", CANARY]).await, Applied::Queued);
    assert_eq!(a.cache.invalidate_pattern(&format!("veiled:{CANARY}:3")).await.unwrap(), Applied::Queued);
    a.cache.shutdown(Duration::from_secs(5)).await;
    drop(a);
    assert!(!holds_below(&path, CANARY), "the journal of what is owed");
    assert!(holds_below(&path, "veiled"), "the control: a namespace can be read");
    redis.restart();
    let next = Node::with(&redis.url(), &source, of(path));
    next.proven().await;
    next.settled().await;
    b.proven().await;
    eventually("the other node hears of it", || b.cache.shared().unwrap().heard >= 4).await;
    assert_eq!(there(&b, 0..8).await, [0, 4, 5, 6, 7], "and of nothing else");
    assert_eq!(there(&next, 0..8).await, [0, 4, 5, 6, 7]);
}

fn holds_below(dir: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(dir).unwrap().flatten().any(|entry| match entry.path() {
        path if path.is_dir() => holds_below(&path, text),
        path => holds(&std::fs::read(path).unwrap(), text),
    })
}
