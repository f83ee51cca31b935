//! A server that stands still: it keeps its connections and answers nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::clock::Clock;
use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::{Cache, Error, ErrorKind, Result, cache_query};

use super::here::{Db, Server, place_on, sql};
use crate::rig::{Place, connected, figure};

/// A machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);
/// What callers are promised is far less; without `timeout` it would be for ever.
const SOON: Duration = Duration::from_secs(5);

#[cache_query(tables = ["video"], ttl = "10s", stale = "1h", jitter = 0, timeout = "300ms")]
async fn patient(db: &Database<Db>, id: i64) -> Result<String> {
    title(db, id).await
}

#[cache_query(tables = ["video"], ttl = "10s", jitter = 0, timeout = "300ms")]
async fn strictly(db: &Database<Db>, id: i64) -> Result<String> {
    title(db, id).await
}

async fn title(db: &Database<Db>, id: i64) -> Result<String> {
    Ok(db.fetch_one::<(String,)>(sql("SELECT title FROM video WHERE id = ?"), (id,)).await?.0)
}

struct World {
    db: Database<Db>,
    clock: Clock,
    _cache: Cache,
    _place: Place,
    server: Arc<Server>,
}

/// Makes the table, by one who has time.
async fn made(place: &Place) {
    let db = Database::<Db>::open(&place.url, crate::rig::patient().name(&place.url)).unwrap();
    db.execute(sql("CREATE TABLE video (id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL)"), ()).await.unwrap();
}

impl World {
    async fn new() -> Self {
        let server = Arc::new(Server::start());
        let (place, clock) = (place_on(Arc::clone(&server)), Clock::manual());
        let cache = Cache::builder().clock(clock.clone()).build().unwrap();
        let options = DatabaseOptions::new().name(&place.url).cache(&cache).max_connections(2);
        made(&place).await;
        // No question before a statement: what is asked stands still with the server.
        let db = Database::open(&place.url, options.check_after(PATIENCE)).unwrap();
        connected(&db).await;
        let rows: Vec<_> = (0..20_i64).map(|id| (id, format!("title {id}"))).collect();
        let report = db.execute_batch(sql("INSERT INTO video (id, title) VALUES (?, ?)"), rows).await.unwrap();
        assert_eq!(report.written, 20);
        let start = Instant::now();
        while patient(&db, 1).await.is_err() || strictly(&db, 1).await.is_err() {
            assert!(start.elapsed() < PATIENCE, "{:?}", db.stats());
        }
        Self { db, clock, _cache: cache, _place: place, server }
    }

    /// Everything is answered again, by and by: the breaker may have to find out.
    async fn well(&self) {
        let start = Instant::now();
        for id in 2..20 {
            loop {
                match strictly(&self.db, id).await {
                    Ok(title) => break assert_eq!(title, format!("title {id}")),
                    Err(error) => assert!(start.elapsed() < PATIENCE, "{error}, {:?}", self.db.stats()),
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        figure("frozen", format!("all is served {:?} after the thaw", start.elapsed()));
    }
}

async fn timed<T>(call: impl Future<Output = T>) -> (T, Duration) {
    let start = Instant::now();
    (call.await, start.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_server_stands_still_callers_are_told_in_time_or_answered_from_what_was_kept() {
    let world = World::new().await;
    world.server.freeze();
    let (kept, took) = timed(strictly(&world.db, 1)).await;
    assert_eq!(kept.unwrap(), "title 1", "what is fresh needs no server");
    world.clock.advance(Duration::from_secs(11));
    let (told, took_told) = timed(strictly(&world.db, 1)).await;
    assert_eq!(told.unwrap_err().kind(), ErrorKind::Timeout);
    let (old, took_old) = timed(patient(&world.db, 1)).await;
    assert_eq!(old.unwrap(), "title 1", "where an old value is allowed");
    let unbounded = tokio::time::timeout(Duration::from_secs(1), title(&world.db, 1)).await;
    assert!(unbounded.is_err(), "the control: who set no limit waits");
    // More than there are connections: who waits for one is told as well.
    let calls: Vec<_> = (2..20_i64)
        .map(|id| {
            let db = world.db.clone();
            tokio::spawn(async move { timed(strictly(&db, id)).await })
        })
        .collect();
    let mut longest = took.max(took_told).max(took_old);
    for call in calls {
        let (answer, took) = call.await.unwrap();
        let kind = answer.unwrap_err().kind();
        let kinds = [ErrorKind::Timeout, ErrorKind::Connection, ErrorKind::Busy, ErrorKind::Open];
        assert!(kinds.contains(&kind), "{kind:?}");
        longest = longest.max(took);
    }
    figure("frozen", format!("longest call {longest:?}"));
    assert!(longest < SOON, "{longest:?}");
    world.server.thaw();
    world.well().await;
    assert_eq!(patient(&world.db, 1).await.unwrap(), "title 1");
}

/// What had been asked before is done, and told, when the server goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_was_asked_before_it_stood_still_is_done_when_it_goes_on() {
    let world = World::new().await;
    world.server.freeze();
    let db = world.db.clone();
    let write =
        tokio::spawn(async move { db.execute(sql("UPDATE video SET title = ? WHERE id = ?"), ("Dusk", 1_i64)).await });
    let db = world.db.clone();
    let given_up = tokio::time::timeout(Duration::from_millis(300), async move {
        db.transaction::<_, Error, _, _>(|tx| async move {
            tx.execute(sql("UPDATE video SET title = 'half' WHERE id = ?"), (2_i64,)).await
        })
        .await
    });
    assert!(given_up.await.is_err(), "nothing answers");
    assert!(!write.is_finished());
    assert_eq!(strictly(&world.db, 1).await.unwrap(), "title 1", "it is not done yet");
    world.server.thaw();
    assert_eq!(write.await.unwrap().unwrap().rows, 1);
    // Its limit is short: just after a thaw a busy machine may not answer within it. What it answers is new.
    let start = Instant::now();
    for strict in [false, true] {
        loop {
            match if strict { strictly(&world.db, 1).await } else { patient(&world.db, 1).await } {
                Ok(title) => break assert_eq!(title, "Dusk", "nothing older is answered"),
                Err(error) => assert!(start.elapsed() < PATIENCE, "{error}, {:?}", world.db.stats()),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    world.well().await;
}
