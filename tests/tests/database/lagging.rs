//! Real replication that lags: PostgreSQL, whose standby applies each commit half a second late; two nodes, one log.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::{Cache, Result, cache_query};
use sqlx::Postgres;

use crate::rig::{figure, postgres};

const LAG: Duration = Duration::from_millis(500);
/// What the nodes are told, with room for a busy machine.
const MOST: Duration = Duration::from_secs(3);

#[cache_query(tables = ["counter"], ttl = "1h")]
async fn count(db: &Database<Postgres>, id: i64) -> Result<i64> {
    Ok(db.fetch_one::<(i64,)>("SELECT n FROM counter WHERE id = $1", (id,)).await?.0)
}

struct Nodes {
    writer: Database<Postgres>,
    reader: Database<Postgres>,
    caches: [Cache; 2],
}

impl Nodes {
    async fn new(primary: &str, standby: &str, redis: &kit::RedisServer, lag: Duration) -> Self {
        let cache = || Cache::builder().redis(&redis.url()).build().unwrap();
        let caches = [cache(), cache()];
        let open = |cache: &Cache| {
            let options = DatabaseOptions::new().name("counters").cache(cache).replica(standby).max_replica_lag(lag);
            Database::open(primary, options).unwrap()
        };
        let nodes = Self { writer: open(&caches[0]), reader: open(&caches[1]), caches };
        nodes.follow().await;
        nodes
    }

    /// Both are certain of the log.
    async fn follow(&self) {
        let start = Instant::now();
        while !self.caches.iter().all(|cache| cache.shared().is_some_and(|shared| shared.proven)) {
            assert!(start.elapsed() < Duration::from_secs(20), "the log is not followed");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn write(&self, n: i64) -> Instant {
        self.writer.execute("UPDATE counter SET n = $1 WHERE id = 1", (n,)).await.unwrap();
        Instant::now()
    }

    async fn end(self) {
        for cache in &self.caches {
            cache.shutdown(Duration::from_secs(5)).await;
        }
    }
}

/// What was read after a write, until well after the replica has it.
#[derive(Default)]
struct Seen {
    /// By the node that wrote.
    old_there: u32,
    /// By the other, and how long after.
    old_here: u32,
    last_old: Duration,
    /// Later than the lag.
    old_after_lag: u32,
    reads: u32,
}

async fn watch(nodes: &Nodes, rounds: i64) -> Seen {
    let mut seen = Seen::default();
    for n in 1..=rounds {
        let written = nodes.write(n).await;
        while written.elapsed() < MOST + LAG {
            seen.old_there += u32::from(count(&nodes.writer, 1).await.unwrap() != n);
            let asked = written.elapsed();
            seen.reads += 1;
            if count(&nodes.reader, 1).await.unwrap() != n {
                seen.old_here += 1;
                seen.last_old = seen.last_old.max(asked);
                seen.old_after_lag += u32::from(asked > MOST);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    seen
}

/// D10. The control is the same with replicas that are taken to be in step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_nothing_old_stays_of_what_was_read_from_a_replica_that_lags() {
    let server = Arc::new(kit::Postgres::start());
    let place = postgres::place_on(Arc::clone(&server));
    let standby = server.standby(LAG);
    let (_, name) = place.url.rsplit_once('/').unwrap();
    let replica = format!("{}/{name}", standby.url().rsplit_once('/').unwrap().0);
    let redis = kit::RedisServer::start();
    {
        let db = Database::<Postgres>::open(&place.url, DatabaseOptions::new().name("counters")).unwrap();
        db.execute("CREATE TABLE counter (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)", ()).await.unwrap();
        db.execute("INSERT INTO counter (id, n) VALUES (1, 0)", ()).await.unwrap();
    }
    let copy = Database::<Postgres>::open(&replica, DatabaseOptions::new().name("the copy")).unwrap();
    let start = Instant::now();
    while copy.fetch_optional::<(i64,)>("SELECT n FROM counter", ()).await.ok().flatten().is_none() {
        assert!(start.elapsed() < Duration::from_secs(20), "nothing is replicated");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let guarded = Nodes::new(&place.url, &replica, &redis, MOST).await;
    let seen = watch(&guarded, 6).await;
    let (answered, withheld) = (guarded.reader.stats().replica_reads, guarded.reader.stats().replica_withheld);
    let (reads, last) = (seen.reads, seen.last_old);
    figure("D10", format!("{reads} reads by the other node: {} old, the last {last:?} after the write", seen.old_here));
    figure("D10", format!("of its loads {withheld} went to the primary, {answered} to the replica"));
    assert_eq!((seen.old_there, seen.old_after_lag), (0, 0), "{reads} reads");
    assert!(withheld > 0, "the guard was needed");
    let start = Instant::now();
    while guarded.reader.stats().replica_reads == answered {
        assert!(start.elapsed() < Duration::from_secs(60), "when nobody writes, nothing is read from the replica");
        guarded.reader.fetch_one::<(i64,)>("SELECT n FROM counter", ()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    guarded.end().await;

    let control = Nodes::new(&place.url, &replica, &redis, Duration::ZERO).await;
    let mut seen = Seen::default();
    for _ in 0..4 {
        // Whether an old row is read goes by chance.
        seen = watch(&control, 3).await;
        if seen.old_after_lag > 0 && seen.old_there > 0 {
            break;
        }
    }
    figure("D10", format!("without the guard {} of {} reads after the lag are old", seen.old_after_lag, seen.reads));
    assert!(seen.old_after_lag > 0 && seen.old_there > 0, "the control: an old row was read, and stayed");
    control.end().await;
}
