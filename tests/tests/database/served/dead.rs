//! A server that dies and comes back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::tier::BreakerState;
use cached_runtime::{Cache, ErrorKind, Result, cache_query};

use super::here::{Db, Server, place_on, sql};
use crate::rig::{Place, connected, figure, patient};

#[cache_query(tables = ["video"])]
async fn title(db: &Database<Db>, id: i64) -> Result<String> {
    Ok(db.fetch_one::<(String,)>(sql("SELECT title FROM video WHERE id = ?"), (id,)).await?.0)
}

/// Makes the table, by one who has time.
async fn made(place: &Place) {
    let db = Database::<Db>::open(&place.url, patient().name(&place.url)).unwrap();
    db.execute(sql("CREATE TABLE video (id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL)"), ()).await.unwrap();
}

/// D6: the server is killed and comes back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d6_while_a_server_is_dead_only_what_is_not_cached_fails_and_soon() {
    let server = Arc::new(Server::start());
    let place = place_on(Arc::clone(&server));
    let cache = Cache::builder().build().unwrap();
    made(&place).await;
    let options = DatabaseOptions::new().name(&place.url).cache(&cache).max_connections(4);
    let db = Database::open(&place.url, options.acquire_deadline(Duration::from_millis(500))).unwrap();
    connected(&db).await;
    db.execute(sql("INSERT INTO video (id, title) VALUES (1, 'Dawn'), (2, 'Noon')"), ()).await.unwrap();
    assert_eq!(title(&db, 1).await.unwrap(), "Dawn");
    server.kill();
    let (mut longest, mut kinds) = (Duration::ZERO, Vec::new());
    for _ in 0..30 {
        let start = Instant::now();
        kinds.push(title(&db, 2).await.unwrap_err().kind());
        longest = longest.max(start.elapsed());
        assert_eq!(title(&db, 1).await.unwrap(), "Dawn", "what is cached is served");
    }
    assert!(kinds.iter().all(|kind| matches!(kind, ErrorKind::Connection | ErrorKind::Open)), "{kinds:?}");
    assert!(kinds.contains(&ErrorKind::Open), "the breaker has opened");
    server.restart();
    let start = Instant::now();
    while title(&db, 2).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", db.breaker());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    figure("D6", format!("killed: longest call {longest:?}; served again {:?} after the restart", start.elapsed()));
    assert!(longest < Duration::from_secs(3), "{longest:?}");
    assert_eq!(db.breaker(), BreakerState::Closed);
}
