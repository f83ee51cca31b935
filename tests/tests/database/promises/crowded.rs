//! More callers than connections.

use std::time::{Duration, Instant};

use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::{ErrorKind, Result};

use super::here::{Db, SLOW, place, sql};
use crate::rig::Home;

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
                assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
                refused += usize::from(error.context("waiting").is_some());
                late += usize::from(error.context("connections").is_some());
                assert!(at - start < Duration::from_secs(3), "{:?}", at - start);
            }
        }
    }
    assert_eq!(served + late + refused, 50);
    assert!(served >= 2 && late > 0 && refused > 0, "{served} served, {late} late, {refused} refused");
    slow(&home.db).await.unwrap();
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
