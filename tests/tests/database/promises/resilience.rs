//! A database that is away: what is kept answers, what is old answers where that is allowed, and all else fails at once.

use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::database::Database;
use cached_runtime::stats::SiteStats;
use cached_runtime::tier::{BreakerOptions, BreakerState};
use cached_runtime::{Cache, ErrorKind, Result, cache_query};

use super::here::{Db, frail, sql};
use crate::rig::{Frail, Place, connected};

const SECOND: Duration = Duration::from_secs(1);
const FAILURES: u32 = 2;

#[cache_query(tables = ["video"], ttl = "10s", stale = "1h", jitter = 0)]
async fn patient(db: &Database<Db>, id: i64) -> Result<String> {
    title(db, id).await
}

#[cache_query(tables = ["video"], ttl = "10s", jitter = 0)]
async fn strictly(db: &Database<Db>, id: i64) -> Result<String> {
    title(db, id).await
}

async fn title(db: &Database<Db>, id: i64) -> Result<String> {
    Ok(db.fetch_one::<(String,)>(sql("SELECT title FROM video WHERE id = ?"), (id,)).await?.0)
}

/// Makes the table, by one who has time.
async fn made(place: &Place) {
    let db = Database::<Db>::open(&place.url, crate::rig::patient().name(&place.url)).unwrap();
    db.execute(sql("CREATE TABLE video (id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL)"), ()).await.unwrap();
}

/// One clock for the cache and the breaker, moved by hand: what is refused is refused whenever that is asked.
struct World {
    db: Database<Db>,
    cache: Cache,
    clock: Clock,
    frail: Frail,
}

impl World {
    async fn new() -> Self {
        let (frail, clock) = (frail(), Clock::manual());
        let cache = Cache::builder().clock(clock.clone()).build().unwrap();
        let options = frail.options.clone().name(&frail.place.url).cache(&cache).clock(clock.clone());
        made(&frail.place).await;
        let breaker = BreakerOptions { failures: FAILURES, ..BreakerOptions::default() };
        let db = Database::open(&frail.place.url, options.breaker(breaker)).unwrap();
        connected(&db).await;
        db.execute(sql("INSERT INTO video (id, title) VALUES (1, 'Dawn'), (2, 'Noon')"), ()).await.unwrap();
        Self { db, cache, clock, frail }
    }

    fn site(&self, name: &str) -> SiteStats {
        self.cache.stats().site(name).unwrap().clone()
    }

    /// Asks for what is not there until the breaker opens.
    async fn open_the_breaker(&self) {
        for _ in 0..FAILURES {
            let error = strictly(&self.db, 2).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        }
        assert_eq!(self.db.breaker(), BreakerState::Open);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_database_is_away_what_is_cached_answers() {
    let world = World::new().await;
    for _ in 0..2 {
        assert_eq!(patient(&world.db, 1).await.unwrap(), "Dawn");
        assert_eq!(strictly(&world.db, 1).await.unwrap(), "Dawn");
    }
    world.frail.take_away();
    for _ in 0..2 {
        assert_eq!(patient(&world.db, 1).await.unwrap(), "Dawn");
        assert_eq!(strictly(&world.db, 1).await.unwrap(), "Dawn");
    }
    world.open_the_breaker().await;
    assert_eq!(strictly(&world.db, 1).await.unwrap(), "Dawn", "also while the breaker is open");
    assert_eq!(world.site("patient").stale_hits, 0, "all of it was fresh");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_database_is_away_an_old_value_answers_where_that_is_allowed() {
    let world = World::new().await;
    assert_eq!(patient(&world.db, 1).await.unwrap(), "Dawn");
    assert_eq!(strictly(&world.db, 1).await.unwrap(), "Dawn");
    world.frail.take_away();
    world.clock.advance(11 * SECOND);
    assert_eq!(patient(&world.db, 1).await.unwrap(), "Dawn");
    let told = world.site("patient");
    assert_eq!((told.stale_hits, told.load_errors), (1, 1), "and is counted as what it is");
    let error = strictly(&world.db, 1).await.expect_err("the control: where it is not, it is the error");
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert_eq!(world.db.breaker(), BreakerState::Open, "after {FAILURES} failures");
    assert_eq!(patient(&world.db, 1).await.unwrap(), "Dawn", "also while the breaker is open");
    let error = strictly(&world.db, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Open, "{error}");
    assert_eq!(world.site("patient").stale_hits, 2);
    assert_eq!(world.site("strictly").stale_hits, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_breaker_is_open_nobody_waits_for_a_connection() {
    let world = World::new().await;
    world.frail.take_away();
    world.open_the_breaker().await;
    let asked = |world: &World| {
        let stats = world.db.stats();
        (stats.acquired, stats.timed_out, stats.refused, stats.breaker_transitions)
    };
    let before = asked(&world);
    for id in 0..100 {
        assert_eq!(strictly(&world.db, id).await.unwrap_err().kind(), ErrorKind::Open);
        let written = world.db.execute(sql("UPDATE video SET title = 'x' WHERE id = ?"), (id,)).await;
        assert_eq!(written.unwrap_err().kind(), ErrorKind::Open);
        let transaction = world.db.transaction(|tx| async move { title(&tx, id).await }).await;
        assert_eq!(transaction.unwrap_err().kind(), ErrorKind::Open);
    }
    assert_eq!(asked(&world), before, "the database was not asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_database_is_back_the_probe_finds_it_and_answers_are_fresh() {
    let world = World::new().await;
    assert_eq!(patient(&world.db, 1).await.unwrap(), "Dawn");
    world.frail.take_away();
    world.open_the_breaker().await;
    world.clock.advance(11 * SECOND);
    let error = strictly(&world.db, 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connection, "the probe has asked, in vain: {error}");
    assert_eq!(world.db.breaker(), BreakerState::Open);
    world.frail.give_back();
    assert_eq!(strictly(&world.db, 1).await.unwrap_err().kind(), ErrorKind::Open, "not before its time");
    world.clock.advance(11 * SECOND);
    assert_eq!(strictly(&world.db, 2).await.unwrap(), "Noon", "the probe");
    assert_eq!(world.db.breaker(), BreakerState::Closed);
    let text = sql("UPDATE video SET title = 'Dusk' WHERE id = ?");
    world.db.execute(text, (1_i64,)).await.unwrap();
    assert_eq!(patient(&world.db, 1).await.unwrap(), "Dusk");
    assert_eq!(strictly(&world.db, 1).await.unwrap(), "Dusk");
}
