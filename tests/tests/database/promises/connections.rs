//! How many connections there are, how old one grows, and what becomes of one that died while it rested.

use std::time::{Duration, Instant};

use cached_runtime::ErrorKind;
use cached_runtime::database::{Database, DatabaseOptions};

use super::here::{Db, SLOW, end_sessions, place, sessions, sql};
use crate::rig::Home;

/// A machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(100);

/// Without the plans of slow statements: those are asked for on a connection of their own.
fn options() -> DatabaseOptions {
    DatabaseOptions::new().acquire_deadline(PATIENCE).slow(None)
}

fn home(options: DatabaseOptions) -> Home<Db> {
    Home::new(place(), options)
}

async fn until(awaited: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "waited in vain: {awaited}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Opens so many, and leaves them at rest.
async fn open(db: &Database<Db>, connections: u32) {
    let mut held = Vec::new();
    for _ in 0..connections {
        held.push(db.pool().acquire().await.unwrap());
    }
    assert_eq!(db.pool().size(), connections);
    drop(held);
    until("they are back", || db.pool().num_idle() == connections as usize).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_are_there_more_connections_than_are_allowed() {
    const MOST: u32 = 3;
    let home = home(options().max_connections(MOST));
    // One alone makes what is there anew.
    home.db.execute(sql("CREATE TABLE t (id BIGINT)"), ()).await.unwrap();
    let calls: Vec<_> = (0..4 * MOST)
        .map(|_| {
            let db = home.db.clone();
            tokio::spawn(async move { db.fetch_one::<(i64,)>(sql(SLOW), ()).await })
        })
        .collect();
    let (mut most, mut most_told) = (0, None);
    while !calls.iter().all(tokio::task::JoinHandle::is_finished) {
        most = most.max(home.db.pool().size());
        most_told = most_told.max(sessions(home.url()));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(most, MOST, "all of them were needed");
    assert!(most_told.is_none_or(|told| told == MOST as usize), "the server tells of {most_told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_nobody_uses_are_closed_down_to_the_fewest() {
    for (fewest, left) in [(0, 0), (2, 2)] {
        let home = home(options().max_connections(5).min_connections(fewest).idle_timeout(SHORT));
        // Where the writer's stands apart it is closed as well.
        home.db.execute(sql("CREATE TABLE t (id BIGINT)"), ()).await.unwrap();
        open(&home.db, 5).await;
        until("they are closed", || home.db.stats().connections == left).await;
        if let Some(told) = sessions(home.url()) {
            assert!(told <= left as usize, "the server tells of {told}");
        }
        home.db.execute(sql("INSERT INTO t (id) VALUES (1)"), ()).await.unwrap();
        assert_eq!(home.db.fetch_one::<(i64,)>(sql("SELECT count(*) FROM t"), ()).await.unwrap(), (1,));
    }
    let control = home(options().max_connections(5).idle_timeout(None));
    open(&control.db, 5).await;
    tokio::time::sleep(4 * SHORT).await;
    assert_eq!(control.db.pool().size(), 5);
}

/// Is the only connection still the one that was marked? A table of its own goes with it.
async fn is_marked(home: &Home<Db>) -> bool {
    let mut held = home.db.pool().acquire().await.unwrap();
    sqlx::query(sql("SELECT count(*) FROM mark")).execute(&mut *held).await.is_ok()
}

async fn marked(options: DatabaseOptions) -> Home<Db> {
    let home = home(options.max_connections(1).idle_timeout(None));
    home.db.execute(sql("CREATE TABLE t (id BIGINT)"), ()).await.unwrap();
    let mut held = home.db.pool().acquire().await.unwrap();
    sqlx::query(sql("CREATE TEMPORARY TABLE mark (id BIGINT)")).execute(&mut *held).await.unwrap();
    drop(held);
    home
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_of_its_age_is_replaced_and_no_caller_is_told() {
    let home = marked(options().max_lifetime(3 * SHORT)).await;
    let since = Instant::now();
    let mut asked = 0;
    while is_marked(&home).await {
        assert!(since.elapsed() < PATIENCE, "it is as old as that");
        home.db.fetch_one::<(i64,)>(sql("SELECT count(*) FROM t"), ()).await.unwrap();
        home.db.execute(sql("INSERT INTO t (id) VALUES (?)"), (asked,)).await.unwrap();
        asked += 1_i64;
    }
    assert_eq!(home.db.fetch_one::<(i64,)>(sql("SELECT count(*) FROM t"), ()).await.unwrap(), (asked,));
    assert_eq!(home.db.pool().size(), 1, "in its place");
    let control = marked(options().max_lifetime(None)).await;
    assert!(is_marked(&control).await);
    tokio::time::sleep(5 * SHORT).await;
    assert!(is_marked(&control).await, "where no age is too high");
}

/// What writes say after the server has ended all connections that rested; nothing, where there is no server. They are not
/// asked a second time by themselves, as reads are: they may have run. With an outbox they are transactions, whose `BEGIN`
/// is.
async fn after_the_end(check_after: Duration) -> Option<Vec<Result<(), ErrorKind>>> {
    const CONNECTIONS: u32 = 4;
    let place = place();
    let options = options().name(&format!("{} {check_after:?}", place.url)).max_connections(CONNECTIONS);
    let db = Database::<Db>::open(&place.url, options.check_after(check_after)).unwrap();
    db.execute(sql("CREATE TABLE t (id BIGINT)"), ()).await.unwrap();
    db.execute(sql("INSERT INTO t (id) VALUES (0)"), ()).await.unwrap();
    open(&db, CONNECTIONS).await;
    tokio::time::sleep(2 * SHORT).await;
    if !end_sessions(&place.url) {
        return None;
    }
    let mut told = Vec::new();
    for id in 1..=i64::from(CONNECTIONS) {
        let written = db.execute(sql("INSERT INTO t (id) VALUES (?)"), (id,)).await;
        told.push(written.map(drop).map_err(|error| error.kind()));
    }
    Some(told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_died_while_it_rested_is_found_before_it_is_used() {
    let Some(told) = after_the_end(SHORT).await else { return };
    assert!(told.iter().all(Result::is_ok), "{told:?}");
    let control = after_the_end(PATIENCE).await.unwrap();
    assert_eq!(control[0], Err(ErrorKind::Connection), "where it is not asked: {control:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fewest_connections_are_there_before_anybody_asks() {
    let home = home(options().min_connections(3).max_connections(5));
    until("they are open", || home.db.pool().num_idle() == 3).await;
    assert!(sessions(home.url()).is_none_or(|told| told == 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_takes_too_long_fails_and_so_goes_its_connection() {
    let home = home(options().read_deadline(Duration::from_millis(30)).max_connections(1));
    let late = home.db.fetch_one::<(i64,)>(sql(SLOW), ()).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Deadline, "{late}");
    assert_eq!(home.db.fetch_one::<(i64,)>(sql("SELECT count(*) FROM (SELECT 1) s"), ()).await.unwrap(), (1,));
    home.db.transaction(|tx| async move { tx.fetch_one::<(i64,)>(sql(SLOW), ()).await }).await.unwrap();
}
