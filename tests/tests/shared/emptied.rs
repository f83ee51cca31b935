//! A Redis that nodes share is emptied by hand: its frames go and nothing else of it, and nobody is served what is old.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use cached_runtime::tier::redis::RedisOptions;
use cached_runtime::{Cache, ErrorKind, KeySecrecy, Keys, cache};
use kit::{Connection, RedisServer, Reply};

use crate::rig::{LONG, Node, Source, eventually, soon};

#[cache(key = "emptied:{id}", tags = ["emptied:{id}", "emptied"], ttl = "1h", cache = node.cache, skip(node))]
async fn row(node: &Node, id: u64) -> Result<(u64, u64), String> {
    Ok((id, node.source.read().await?))
}

async fn two(redis: &RedisServer) -> (Node, Node) {
    let source = Arc::new(Source::default());
    (Node::joined(&redis.url(), &source).await, Node::joined(&redis.url(), &source).await)
}

fn names(redis: &RedisServer, glob: &str) -> Vec<String> {
    let mut names: Vec<String> = redis.command(&["KEYS", glob]).items().iter().filter_map(Reply::text).collect();
    names.sort();
    names
}

/// All there is but frames, as the server would write it to its disk.
fn others(redis: &RedisServer) -> BTreeMap<String, Vec<u8>> {
    let dump = |name: &String| match redis.command(&["DUMP", name]) {
        Reply::Bulk(bytes) => bytes,
        other => panic!("{name}: {other:?}"),
    };
    names(redis, "*")
        .iter()
        .filter(|name| !name.starts_with("cached:v:"))
        .map(|name| (name.clone(), dump(name)))
        .collect()
}

fn stored(id: u64) -> String {
    format!("cached:v:{{emptied:{id}}}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_go_and_nothing_else_of_the_server() {
    let mut doubts = Vec::new();
    // On a busy machine a node may doubt for other reasons; if it did so for this one, it would each time.
    while doubts.len() < 3 && doubts.last() != Some(&0) {
        doubts.push(doubts_of_an_emptying().await);
    }
    assert_eq!(doubts.last(), Some(&0), "the log is followed as ever: {doubts:?}");
}

/// How often two nodes came to doubt while all frames went, and nothing else.
async fn doubts_of_an_emptying() -> u64 {
    let redis = RedisServer::start();
    let (a, b) = two(&redis).await;
    for id in 0..1_500 {
        row(&a, id).await.unwrap();
    }
    for id in 0..3 {
        row(&b, id).await.unwrap();
    }
    a.cache.invalidate_tags(["emptied:1499"]).await;
    a.cache.invalidate_key(&row::key(&a, 1498)).await;
    // Another cache in the same server, and what was never a cache's.
    let other = RedisOptions::new(&redis.url()).unwrap().prefix("cached2").unwrap();
    let other = Node::of(Cache::builder().redis_with(other), &a.source);
    other.proven().await;
    row(&other, 1).await.unwrap();
    for node in [&a, &b, &other] {
        node.settled().await;
    }
    for stranger in ["stranger", "cached:v:{no end", "cached:l:{emptied:7}", "cached:x:{emptied:7}", "Cached:v:{a}"] {
        redis.command(&["SET", stranger, "theirs"]);
    }
    // Of a newer version, of nobody, and of another type: all in the place of frames.
    for (name, words) in [("{new}", ["SET", "cf\u{7f}.."]), ("{junk}", ["SET", "x"]), ("{list}", ["LPUSH", "x"])] {
        redis.command(&[words[0], &format!("cached:v:{name}"), words[1]]);
    }
    let (before, frames) = (others(&redis), names(&redis, "cached:v:*}").len() as u64);
    assert!(frames > 1_400 && before.len() >= 10, "{frames} {:?}", before.keys());
    let doubts = || a.cache.shared().unwrap().suspicions + b.cache.shared().unwrap().suspicions;
    let doubted = doubts();
    let removed = soon("it ends", a.cache.clear_tier("redis")).await.unwrap();
    // What was invalidated may have been swept meanwhile.
    assert!((frames - 2..=frames).contains(&removed), "{removed} of {frames}");
    assert_eq!(names(&redis, "cached:v:*"), ["cached:v:{no end"], "no frame is left");
    assert_eq!(others(&redis), before, "log, fences, leases, another cache and strangers are as they were");
    // Near of both goes on, and what is asked for again is stored again.
    let reads = a.source.reads();
    row(&b, 2).await.unwrap();
    row(&a, 7).await.unwrap();
    row(&other, 1).await.unwrap();
    assert_eq!(a.source.reads(), reads, "near has it");
    assert_eq!(row(&b, 8).await, Ok((8, 0)));
    assert_eq!(a.source.reads(), reads + 1, "and Redis has not");
    b.settled().await;
    assert_eq!(names(&redis, "cached:v:*}"), [stored(8)]);
    // The log is followed as ever.
    a.source.write(1);
    a.taken(a.cache.invalidate_tags(["emptied"]).await).await;
    eventually("the other node hears of it", || b.cache.shared().unwrap().heard > 0).await;
    let mut seen = 0;
    while seen != 1 {
        seen = row(&b, 2).await.unwrap().1;
    }
    doubts() - doubted
}

/// What was invalidated before stays so, also when somebody puts the old frame back after the tier was emptied.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_frame_that_is_put_back_is_still_invalid() {
    let redis = RedisServer::start();
    let (a, b) = two(&redis).await;
    for id in 1..=3 {
        row(&a, id).await.unwrap();
    }
    a.settled().await;
    let old: Vec<Reply> = (1..=3).map(|id| redis.command(&["GET", &stored(id)])).collect();
    a.source.write(7);
    a.cache.invalidate_tags(["emptied:1"]).await;
    a.cache.invalidate_key(&row::key(&a, 2)).await;
    a.cache.clear_tier("redis").await.unwrap();
    let mut direct = Connection::to(redis.port()).unwrap();
    for (id, frame) in (1..).zip(&old) {
        let Reply::Bulk(bytes) = frame else { panic!("{frame:?}") };
        direct.command(&[b"SET".as_slice(), stored(id).as_bytes(), bytes]).unwrap();
    }
    let late = Node::joined(&redis.url(), &a.source).await;
    for node in [&b, &late] {
        assert_eq!(row(node, 1).await, Ok((1, 7)), "its tag was invalidated");
        assert_eq!(row(node, 3).await, Ok((3, 0)), "the control: this one was not, and is served");
    }
    // A key's record is its removal: who writes it back past the script does so behind everybody's back. By the script:
    redis.command(&["DEL", &stored(2)]);
    assert_eq!(row(&late, 2).await, Ok((2, 7)));
}

/// Calls and invalidations go on while it is emptied again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_meanwhile_never_fail_and_never_see_what_is_old() {
    let redis = RedisServer::start();
    let (a, b) = two(&redis).await;
    let over = Arc::new(AtomicBool::new(false));
    let task = |node: &Node, at: u64| {
        let (node, over) = (node.clone(), Arc::clone(&over));
        tokio::spawn(async move {
            let (mut truth, mut calls) = (0, 0_u64);
            while !over.load(SeqCst) {
                for id in at..at + 40 {
                    let (seen, version) = row(&node, id).await.expect("no call fails");
                    assert_eq!(seen, id);
                    assert!(version >= truth, "{version} was served after {truth} was invalidated");
                    calls += 1;
                }
                truth = node.source.reads();
                node.source.write(truth);
                node.cache.invalidate_tags(["emptied"]).await;
            }
            calls
        })
    };
    // Each writes what it then must read, so each has a source of its own.
    let c = Node { cache: b.cache.clone(), source: Arc::new(Source::default()) };
    let tasks = [task(&a, 0), task(&c, 1_000)];
    let mut removed = 0;
    for _ in 0..60 {
        removed += soon("it ends", a.cache.clear_tier("redis")).await.unwrap();
    }
    over.store(true, SeqCst);
    for task in tasks {
        assert!(soon("the calls", task).await.unwrap() > 0);
    }
    assert!(removed > 0);
    for node in [&a, &b] {
        let level = &node.cache.stats().tiers[0];
        assert_eq!((level.reads.as_str(), level.writes.as_str()), ("closed", "closed"), "{level:?}");
    }
}

/// Whatever the names are, and also where keys are hidden.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tier_with_secret_keys_is_emptied_too() {
    let redis = RedisServer::start();
    let options = RedisOptions::new(&redis.url()).unwrap().prefix("a-b.c:d").unwrap();
    let builder = Cache::builder().encryption(Keys::new(1, [7; 32])).key_secrecy(KeySecrecy::hmac([8; 32]));
    let node = Node::of(builder.redis_with(options), &Arc::default());
    node.proven().await;
    for id in 0..50 {
        row(&node, id).await.unwrap();
    }
    node.settled().await;
    assert_eq!(names(&redis, "a-b.c:d:v:*").len(), 50);
    redis.command(&["SET", "aXb.c:d:v:{x}", "a stranger whose name a careless glob would match"]);
    assert_eq!(node.cache.clear_tier("redis").await.unwrap(), 50);
    assert!(names(&redis, "a-b.c:d:v:*").is_empty() && redis.has("aXb.c:d:v:{x}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_away_is_an_error_and_costs_nothing_else() {
    let redis = RedisServer::start();
    let (a, _b) = two(&redis).await;
    row(&a, 1).await.unwrap();
    a.settled().await;
    redis.kill();
    a.suspect().await;
    let error = soon("it ends", a.cache.clear_tier("redis")).await.unwrap_err();
    assert_ne!(error.kind(), ErrorKind::Config, "{error}");
    assert_eq!(row(&a, 1).await, Ok((1, 0)), "near goes on");
    redis.restart();
    a.proven().await;
    row(&a, 2).await.unwrap();
    assert_eq!(a.cache.flush(LONG).await.unwritten, 0);
    let cleared = async || a.cache.clear_tier("redis").await;
    let mut done = cleared().await;
    for _ in 0..100 {
        if done.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        done = cleared().await;
    }
    done.unwrap();
    assert!(names(&redis, "cached:v:*").is_empty());
}
