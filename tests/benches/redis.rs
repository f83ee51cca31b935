//! A hit in Redis: through the whole stack, and by the bare client, side by side on one server of the bench's own.

#![allow(clippy::print_stdout, clippy::expect_used, missing_docs)]

mod kit;

use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use ::kit::RedisServer;
use ::redis::AsyncCommands;
use ::redis::aio::MultiplexedConnection;
use cached_runtime::tier::redis::RedisOptions;
use cached_runtime::{Cache, Namespace, cache};
use kit::{Random, median, reach, summary};

const KEYS: u64 = 20_000;
const ROUNDS: usize = 7;
const CALLS: [(usize, usize); 3] = [(1, 4_000), (16, 32_000), (256, 64_000)];

static REDIS: LazyLock<RedisServer> = LazyLock::new(RedisServer::start);

/// Near so small that what is asked for is hardly ever there.
fn cache_over(connections: usize) -> Cache {
    let options = RedisOptions::new(&REDIS.url()).expect("an address").connections(connections);
    let builder = Cache::builder().near_bytes(64 << 10).max_pending(1 << 20).compression_threshold(1 << 20);
    // A bench asks for what the server can give at most: waiting is no failure here.
    builder.read_deadline(Duration::from_secs(5)).redis_with(options).build().expect("a cache")
}

static ONE: LazyLock<Cache> = LazyLock::new(|| cache_over(1));
static FOUR: LazyLock<Cache> = LazyLock::new(|| cache_over(4));

/// 1 KB.
fn value(id: u64) -> String {
    let mut random = Random(id);
    (0..64).map(|_| format!("{:016x}", random.next())).collect()
}

#[cache(ttl = "1h", cache = &*ONE, key = "bench:{id}")]
async fn one(id: u64) -> String {
    value(id)
}

#[cache(ttl = "1h", cache = &*FOUR, name = "four", key = "four:{id}")]
async fn four(id: u64) -> String {
    value(id)
}

struct Run {
    per_second: f64,
    micros: Vec<f64>,
}

impl Run {
    fn at(&self, part: f64) -> f64 {
        let last = self.micros.len() - 1;
        self.micros[((last as f64 * part) as usize).min(last)]
    }
}

/// So many calls by so many callers at once.
async fn run<F: Future<Output = ()> + Send>(
    callers: usize,
    calls: usize,
    call: impl Fn(u64) -> F + Clone + Send + Sync + 'static,
) -> Run {
    let start = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let call = call.clone();
            tokio::spawn(async move {
                let mut random = Random(caller as u64 + 1);
                let mut micros = Vec::with_capacity(calls / callers);
                for _ in 0..calls / callers {
                    let start = Instant::now();
                    call(random.next() % KEYS).await;
                    micros.push(start.elapsed().as_secs_f64() * 1e6);
                }
                micros
            })
        })
        .collect();
    let mut micros = Vec::with_capacity(calls);
    for task in tasks {
        micros.extend(task.await.expect("a caller"));
    }
    let per_second = micros.len() as f64 / start.elapsed().as_secs_f64();
    micros.sort_by(f64::total_cmp);
    Run { per_second, micros }
}

fn line(name: &str, callers: usize, runs: &[Run], raw: f64) -> f64 {
    let each = |part| median(runs.iter().map(|run| run.at(part)).collect::<Vec<_>>());
    let per_second = median(runs.iter().map(|run| run.per_second).collect::<Vec<_>>());
    let ratio = if raw == 0.0 { 1.0 } else { per_second / raw };
    println!(
        "{callers:>7} callers  {name:<22} {per_second:>9.0}/s  p50 {:>6.0} us  p99 {:>6.0} us  {ratio:.2} x raw",
        each(0.5),
        each(0.99)
    );
    per_second
}

async fn fill() {
    for id in 0..KEYS {
        one(id).await;
        four(id).await;
        if id % 512 == 0 {
            ONE.flush(Duration::from_secs(20)).await;
            FOUR.flush(Duration::from_secs(20)).await;
        }
    }
    assert_eq!(ONE.flush(Duration::from_secs(20)).await.unwritten, 0);
    assert_eq!(FOUR.flush(Duration::from_secs(20)).await.unwritten, 0);
}

async fn follows(cache: &Cache) {
    while !cache.shared().is_some_and(|log| log.proven) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn hits(raw: &MultiplexedConnection) -> Vec<(String, f64, f64)> {
    let mut reached = Vec::new();
    for (callers, calls) in CALLS {
        let (mut raws, mut ones, mut fours) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let connection = raw.clone();
            raws.push(
                run(callers, calls, move |id| {
                    let mut connection = connection.clone();
                    async move {
                        let got: Vec<u8> = connection.get(format!("raw:{id}")).await.expect("a reply");
                        assert!(!got.is_empty());
                    }
                })
                .await,
            );
            ones.push(run(callers, calls, |id| async move { drop(one(id).await) }).await);
            fours.push(run(callers, calls, |id| async move { drop(four(id).await) }).await);
        }
        let bare = line("redis-rs, bare GET", callers, &raws, 0.0);
        let ours = line("one connection", callers, &ones, bare);
        line("four connections", callers, &fours, bare);
        let bar = 1.0 / if callers == 256 { 0.95 } else { 0.85 };
        reached.push((format!("a hit in Redis, {callers} callers"), bare / ours, bar));
    }
    reached
}

async fn batches() {
    let names: Namespace<String> = ONE.namespace("batch").expect("a namespace");
    for id in 0..2_000_u64 {
        names.set(id, value(id));
    }
    ONE.flush(Duration::from_secs(20)).await;
    let (mut many, mut single) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS as u64 * 2 {
        let ids: Vec<u64> = (0..100).map(|n| (round * 100 + n) % 2_000).collect();
        ONE.set_near_capacity(1);
        let start = Instant::now();
        assert!(names.get_many(&ids).await.iter().all(Option::is_some));
        many.push(start.elapsed().as_secs_f64() * 1e6);
        ONE.set_near_capacity(1);
        let start = Instant::now();
        for id in &ids {
            assert!(names.get(*id).await.is_some());
        }
        single.push(start.elapsed().as_secs_f64() * 1e6);
    }
    ONE.set_near_capacity(64 << 10);
    let (many, single) = (median(many), median(single));
    println!("100 keys at once {many:.0} us, one after the other {single:.0} us: {:.1} x as fast", single / many);
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let client = ::redis::Client::open(REDIS.url()).expect("an address");
    let raw = client.get_multiplexed_async_connection().await.expect("a connection");
    follows(&ONE).await;
    follows(&FOUR).await;
    fill().await;
    let mut connection = raw.clone();
    for id in 0..KEYS {
        let _: () = connection.set(format!("raw:{id}"), value(id)).await.expect("a reply");
    }
    let reached = hits(&raw).await;
    batches().await;
    let stats = Arc::new(ONE.stats());
    println!("{stats}");
    summary();
    for (case, ours, bar) in reached {
        reach(&case, "bare GET per second, in ours", ours, bar);
    }
}
