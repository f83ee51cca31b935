//! Two nodes and one log: what one of them writes before it has heard that the other has changed the tables.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cached_runtime::clock::Clock;
use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::{Cache, Result, cache_query};
use sqlx::Sqlite;

use crate::rig::sqlite;

/// With room for a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

type Db = Database<Sqlite>;

#[cache_query(sql = "SELECT count(*) FROM noted", ttl = "1h")]
async fn noted(db: &Db) -> Result<i64>;

fn options(cache: &Cache) -> DatabaseOptions {
    DatabaseOptions::new().name("told in hindsight").cache(cache)
}

async fn is_certain(cache: &Cache) {
    wait("the log is followed", async || cache.shared().is_some_and(|shared| shared.proven)).await;
}

async fn wait(what: &str, is_so: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < LIMIT, "not after {LIMIT:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The other node: what is written to one table is noted in another from now on.
#[tokio::test]
async fn changing_node() {
    let Ok(plan) = std::env::var("HINDSIGHT_PLAN") else { return };
    let (url, redis) = plan.split_once(' ').unwrap();
    let cache = Cache::builder().redis(redis).build().unwrap();
    let db = Db::open(url, options(&cache)).unwrap();
    is_certain(&cache).await;
    let change = "CREATE TRIGGER notes AFTER INSERT ON said BEGIN INSERT INTO noted VALUES (new.word); END";
    db.execute(change, ()).await.unwrap();
    cache.shutdown(LIMIT).await;
}

/// In a process of its own: in one process all handles know at once.
fn change_elsewhere(url: &str, redis: &str) {
    let test = format!("{}::changing_node", module_path!().split_once("::").unwrap().1);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([&test, "--exact", "--nocapture"]).env("HINDSIGHT_PLAN", format!("{url} {redis}"));
    let ended = child.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert!(ended.success(), "the other node has failed");
}

/// A node whose log comes late, and one beside it whose log comes at once.
struct Nodes {
    late: Db,
    prompt: Db,
    caches: [Cache; 2],
    clock: Clock,
}

impl Nodes {
    async fn new(url: &str, late: &str, prompt: &str) -> Self {
        let clock = Clock::manual();
        let caches = [late, prompt].map(|redis| Cache::builder().redis(redis).build().unwrap());
        let open = |cache: &Cache| Db::open(url, options(cache).clock(clock.clone())).unwrap();
        let nodes = Self { late: open(&caches[0]), prompt: open(&caches[1]), caches, clock };
        for cache in &nodes.caches {
            is_certain(cache).await;
        }
        nodes
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_before_a_node_hears_of_another_s_change_of_tables_is_told_again_as_all() {
    // A machine that halts for seconds lets the node doubt what it knows, and it tells all at once.
    for _ in 0..5 {
        if is_told_again_as_all().await {
            return;
        }
    }
    panic!("the control: it is told too much each time, so nothing is shown");
}

/// False if there was nothing to look back at.
async fn is_told_again_as_all() -> bool {
    let (place, redis) = (sqlite::place(), kit::RedisServer::start());
    let proxy = kit::Proxy::to(redis.port());
    let nodes = Nodes::new(&place.url, &proxy.url(), &redis.url()).await;
    nodes.late.execute("CREATE TABLE said (word TEXT)", ()).await.unwrap();
    nodes.late.execute("CREATE TABLE noted (word TEXT)", ()).await.unwrap();
    nodes.late.execute("INSERT INTO said VALUES ('dawn')", ()).await.unwrap();
    assert_eq!(noted(&nodes.prompt).await.unwrap(), 0);

    proxy.black_hole(true);
    change_elsewhere(&place.url, &redis.url());
    // The prompt node has heard, and keeps what it reads now.
    wait("it has heard of the change", async || {
        let before = nodes.prompt.stats().acquired;
        noted(&nodes.prompt).await.unwrap();
        nodes.prompt.stats().acquired > before
    })
    .await;
    noted(&nodes.prompt).await.unwrap();
    nodes.late.execute("INSERT INTO said VALUES ('dusk')", ()).await.unwrap();
    // The control: this is the moment in which the writer could not know.
    let could_not_know = noted(&nodes.prompt).await.unwrap() == 0;

    proxy.heal();
    wait("what was read before the write is no more served", async || {
        nodes.clock.advance(Duration::from_secs(1));
        noted(&nodes.prompt).await.unwrap() == 1
    })
    .await;
    for cache in &nodes.caches {
        cache.shutdown(LIMIT).await;
    }
    could_not_know
}
