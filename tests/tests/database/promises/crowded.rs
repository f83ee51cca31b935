//! More callers than connections.

use std::time::{Duration, Instant};

use cached_runtime::clock::Clock;
use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::tier::BreakerState;
use cached_runtime::{Cache, ErrorKind, Result, cache_query};

use super::here::{Db, SLOW, place, sql};
use crate::rig::{Home, Place, connected, connection};

async fn slow(db: &Database<Db>) -> Result<(i64,)> {
    db.fetch_one(sql(SLOW), ()).await
}

/// D5: two connections, fifty slow queries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_who_gets_no_connection_in_time_is_told_and_others_are_served() {
    let options = DatabaseOptions::new().max_connections(2).acquire_deadline(Duration::from_millis(500));
    let home = Home::<Db>::new(place(), options.most_waiting(40));
    // The first connection of a busy machine may take longer.
    while slow(&home.db).await.is_err() {}
    let start = Instant::now();
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let db = home.db.clone();
            tokio::spawn(async move { (slow(&db).await, Instant::now()) })
        })
        .collect();
    let (mut served, mut late, mut refused) = (0, 0, 0);
    for call in calls {
        let (answer, at) = call.await.unwrap();
        match answer {
            Ok(_) => served += 1,
            Err(error) => {
                // On a busy machine the second connection may not be made in time either.
                let unmade = error.kind() == ErrorKind::Connection;
                assert!(unmade || error.kind() == ErrorKind::Busy, "{error}");
                refused += usize::from(error.context("waiting").is_some());
                late += usize::from(unmade || error.context("connections").is_some());
                assert!(at - start < Duration::from_secs(10), "{:?}", at - start);
            }
        }
    }
    assert_eq!(served + late + refused, 50);
    assert!(served >= 2 && late > 0 && refused > 0, "{served} served, {late} late, {refused} refused");
    while slow(&home.db).await.is_err() {}
}

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

async fn videos(place: &Place, cache: &Cache, deadline: Duration) -> Database<Db> {
    made(place).await;
    let options = DatabaseOptions::new().name(&place.url).cache(cache).max_connections(2).acquire_deadline(deadline);
    let db = Database::<Db>::open(&place.url, options).unwrap();
    connected(&db).await;
    let rows: Vec<_> = (0..25_i64).map(|id| (id, format!("title {id}"))).collect();
    let report = db.execute_batch(sql("INSERT INTO video (id, title) VALUES (?, ?)"), rows).await.unwrap();
    assert_eq!(report.written, 25);
    db
}

/// Makes the table, by one who has time.
async fn made(place: &Place) {
    let db = Database::<Db>::open(&place.url, crate::rig::patient().name(&place.url)).unwrap();
    db.execute(sql("CREATE TABLE video (id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL)"), ()).await.unwrap();
}

/// D5: while all connections are taken an old value answers where that is allowed, what is fresh answers anywhere, and
/// another database on the same cache is as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_while_no_connection_is_to_be_had_old_values_answer_and_other_databases_go_on() {
    let (first, second, clock) = (place(), place(), Clock::manual());
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let db = videos(&first, &cache, Duration::from_millis(500)).await;
    let other = videos(&second, &cache, Duration::from_secs(30)).await;
    for id in 0..25 {
        assert_eq!(patient(&db, id).await.unwrap(), format!("title {id}"));
    }
    clock.advance(Duration::from_secs(11));
    assert_eq!(strictly(&db, 0).await.unwrap(), "title 0", "this one is fresh");
    let taken = (connection(&db).await, connection(&db).await);
    let start = Instant::now();
    let calls: Vec<_> = (1..25)
        .map(|id| {
            let (db, other) = (db.clone(), other.clone());
            tokio::spawn(async move {
                let answers = tokio::join!(patient(&db, id), strictly(&db, id), strictly(&other, id), strictly(&db, 0));
                (id, answers, start.elapsed())
            })
        })
        .collect();
    for call in calls {
        let (id, (old, none, others, fresh), took) = call.await.unwrap();
        assert_eq!(old.unwrap(), format!("title {id}"), "an old value");
        assert_eq!(none.unwrap_err().kind(), ErrorKind::Busy, "the control: where none is allowed");
        assert_eq!(others.unwrap(), format!("title {id}"), "the other database");
        assert_eq!(fresh.unwrap(), "title 0");
        assert!(took < Duration::from_secs(5), "{took:?}");
    }
    assert_eq!(cache.stats().site("patient").unwrap().stale_hits, 24, "each is counted as what it is");
    assert_eq!((db.breaker(), other.stats().timed_out), (BreakerState::Closed, 0), "busy is not away");
    drop(taken);
    db.execute(sql("UPDATE video SET title = 'Dusk' WHERE id = ?"), (1_i64,)).await.unwrap();
    assert_eq!((patient(&db, 1).await.unwrap(), strictly(&db, 1).await.unwrap()), ("Dusk".into(), "Dusk".into()));
    assert_eq!(strictly(&other, 1).await.unwrap(), "title 1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_the_pool_are_made_when_all_are_at_work_and_end_after_use() {
    let options = DatabaseOptions::new().max_connections(1).overflow(3);
    let home = Home::<Db>::new(place(), options.acquire_deadline(Duration::from_secs(10)));
    slow(&home.db).await.unwrap();
    let calls: Vec<_> = (0..4)
        .map(|_| {
            let db = home.db.clone();
            tokio::spawn(async move { slow(&db).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(home.db.pool().size(), 1);
    let stats = home.db.stats();
    assert!(stats.overflowed >= 1, "{stats:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_is_there_already_serves_too() {
    let place = place();
    let pool = sqlx::Pool::<Db>::connect(&place.url).await.unwrap();
    let db = Database::around(pool.clone(), DatabaseOptions::new().name(&place.url)).unwrap();
    db.execute(sql("CREATE TABLE t (id BIGINT)"), ()).await.unwrap();
    db.execute(sql("INSERT INTO t (id) VALUES (?)"), (7_i64,)).await.unwrap();
    let count: (i64,) = db.fetch_one(sql("SELECT count(*) FROM t"), ()).await.unwrap();
    assert_eq!(count, (1,));
    pool.close().await;
    let closed = db.fetch_one::<(i64,)>(sql("SELECT count(*) FROM t"), ()).await.unwrap_err();
    assert_eq!(closed.kind(), ErrorKind::Closed);
}
