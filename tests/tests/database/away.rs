//! A server that ends connections, dies and comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::tier::BreakerState;
use cached_runtime::{Cache, ErrorKind, Result, cache_query};
use sqlx::Postgres;

use crate::rig::{figure, postgres};

#[cache_query(tables = ["video"])]
async fn titles(db: &Database<Postgres>, id: i64) -> Result<Vec<String>> {
    let rows = db.fetch_all::<(String,)>("SELECT title FROM video WHERE id = $1", (id,)).await?;
    Ok(rows.into_iter().map(|row| row.0).collect())
}

async fn home(place: &crate::rig::Place) -> Database<Postgres> {
    let cache = Cache::builder().build().unwrap();
    let options = DatabaseOptions::new().name(&place.url).cache(&cache).max_connections(4);
    let db = Database::open(&place.url, options.acquire_deadline(Duration::from_millis(500))).unwrap();
    db.execute("CREATE TABLE video (id BIGINT PRIMARY KEY, title TEXT NOT NULL)", ()).await.unwrap();
    db.execute("INSERT INTO video (id, title) VALUES (1, 'Dawn'), (2, 'Noon')", ()).await.unwrap();
    db
}

/// D6: all connections are ended by an operator, one in the middle of a query.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d6_reads_are_asked_again_when_their_connection_was_ended() {
    let server = postgres::server();
    let place = postgres::place_on(Arc::clone(&server));
    let db = home(&place).await;
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'd%' AND datname = current_database()";
    let end = end.replace("current_database()", &format!("'{}'", place.url.rsplit('/').next().unwrap()));
    let mut failed = Vec::new();
    for round in 0..20 {
        let slow = {
            let db = db.clone();
            tokio::spawn(async move { db.fetch_one::<(i32,)>("SELECT 1 FROM pg_sleep(0.05)", ()).await })
        };
        tokio::time::sleep(Duration::from_millis(10)).await;
        server.command(&end);
        failed.extend(db.fetch_all::<(i64,)>("SELECT id FROM video", ()).await.err());
        failed.extend(slow.await.unwrap().err());
        failed.extend(titles(&db, round).await.err());
    }
    figure("D6", format!("20 times all connections ended: {} of 60 reads failed", failed.len()));
    assert!(failed.is_empty(), "{failed:?}");
}

/// D6: the server is killed and comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d6_while_a_server_is_dead_only_what_is_not_cached_fails_and_soon() {
    let server = Arc::new(kit::Postgres::start());
    let place = postgres::place_on(Arc::clone(&server));
    let db = home(&place).await;
    assert_eq!(titles(&db, 1).await.unwrap(), ["Dawn"]);
    server.kill();
    let (mut longest, mut kinds) = (Duration::ZERO, Vec::new());
    for _ in 0..30 {
        let start = Instant::now();
        kinds.push(titles(&db, 2).await.unwrap_err().kind());
        longest = longest.max(start.elapsed());
        assert_eq!(titles(&db, 1).await.unwrap(), ["Dawn"], "what is cached is served");
    }
    assert!(kinds.iter().all(|kind| matches!(kind, ErrorKind::Connection | ErrorKind::Open)), "{kinds:?}");
    assert!(kinds.contains(&ErrorKind::Open), "the breaker has opened");
    server.restart();
    let start = Instant::now();
    while titles(&db, 2).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", db.breaker());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    figure("D6", format!("killed: longest call {longest:?}; served again {:?} after the restart", start.elapsed()));
    assert!(longest < Duration::from_secs(3), "{longest:?}");
    assert_eq!(db.breaker(), BreakerState::Closed);
}
