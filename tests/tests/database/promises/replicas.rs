//! Replicas that are behind: two databases of which the second gets what the first has when the test says so.

use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::database::{Database, DatabaseOptions};
use cached_runtime::{Cache, ErrorKind, Result, SetOptions, cache_query};

use super::here::{Db, frail, place, sql};
use crate::rig::{Place, patient};

type Handle = Database<Db>;

const LAG: Duration = Duration::from_secs(1);

/// A primary, and a replica that lags for ever.
struct World {
    db: Handle,
    cache: Cache,
    clock: Clock,
    replicas: Vec<Handle>,
    _places: Vec<Place>,
}

#[cache_query(tables = ["video"], ttl = "1h")]
async fn title(db: &Handle, id: i64) -> Result<String> {
    read(db, "video", id).await
}

/// A replica that does not answer in time, as on a busy machine, leaves it to the primary: then once more.
async fn read(db: &Handle, table: &str, id: i64) -> Result<String> {
    let text = format!("SELECT title FROM {table} WHERE id = ?");
    for _ in 0..3 {
        let failed = db.stats().replica_failed;
        let answer = db.fetch_one::<(String,)>(sql(&text), (id,)).await?.0;
        if db.stats().replica_failed == failed {
            return Ok(answer);
        }
    }
    Ok(db.fetch_one::<(String,)>(sql(&text), (id,)).await?.0)
}

async fn fill(db: &Handle, title: &str) {
    for table in ["video", "caption"] {
        let columns = "(id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL)";
        db.execute(sql(&format!("CREATE TABLE {table} {columns}")), ()).await.unwrap();
        db.execute(sql(&format!("INSERT INTO {table} (id, title) VALUES (1, ?)")), (title,)).await.unwrap();
    }
}

impl World {
    async fn new(lag: Duration) -> Self {
        Self::with(1, lag).await
    }

    async fn with(replicas: usize, lag: Duration) -> Self {
        let clock = Clock::manual();
        let cache = Cache::builder().clock(clock.clone()).build().unwrap();
        let mut places = vec![place()];
        let mut options = patient().name(&places[0].url).cache(&cache).clock(clock.clone());
        let mut own = Vec::new();
        for number in 1..=replicas {
            let place = place();
            let elsewhere = Cache::builder().build().unwrap();
            let replica = Database::open(&place.url, patient().name(&place.url).cache(&elsewhere)).unwrap();
            fill(&replica, &format!("replica {number}")).await;
            options = options.replica(&place.url);
            own.push(replica);
            places.push(place);
        }
        let db = Database::open(&places[0].url, options.max_replica_lag(lag)).unwrap();
        fill(&db, "primary").await;
        let world = Self { db, cache, clock, replicas: own, _places: places };
        world.rest().await;
        world
    }

    /// Lets so much time pass that all that was written has been told twice, and is no news any more.
    async fn rest(&self) {
        for _ in 0..100 {
            let before = self.db.stats().replica_reads;
            let _answer = read(&self.db, "caption", 1).await;
            let _answer = read(&self.db, "video", 1).await;
            if self.db.stats().replica_reads == before + 2 {
                return;
            }
            self.clock.advance(LAG);
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        panic!("no read goes to the replica: {:?}", self.db.stats());
    }

    async fn write(&self, title: &str) {
        let text = sql("UPDATE video SET title = ? WHERE id = 1");
        self.db.execute(text, (title,)).await.unwrap();
    }

    /// The replica has it now.
    async fn replicate(&self, title: &str) {
        for replica in &self.replicas {
            replica.execute(sql("UPDATE video SET title = ? WHERE id = 1"), (title,)).await.unwrap();
        }
    }

    /// An entry that another node made of what it read from the table, too late.
    fn keep(&self, key: &str) {
        let tables = cached_runtime::statement::Tables::Named(["video".to_owned()].into());
        let options = self.db.tags(&tables).into_iter().fold(SetOptions::new(), SetOptions::tag);
        self.cache.namespace::<u64>("kept").unwrap().set_with(key, 1, options);
    }

    async fn has(&self, key: &str) -> bool {
        self.cache.namespace::<u64>("kept").unwrap().get(key).await.is_some()
    }

    async fn forgets(&self, key: &str) {
        for _ in 0..3_000 {
            if !self.has(key).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("`{key}` is still there: {:?}", self.db.stats());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_lately_is_read_from_the_primary_and_all_else_from_the_replica() {
    let world = World::new(LAG).await;
    assert_eq!(title(&world.db, 1).await.unwrap(), "replica 1");
    world.write("new").await;
    assert_eq!(read(&world.db, "video", 1).await.unwrap(), "new");
    assert_eq!(title(&world.db, 1).await.unwrap(), "new", "and that is what is kept");
    assert_eq!(read(&world.db, "caption", 1).await.unwrap(), "replica 1", "nobody wrote that");
    assert!(world.db.stats().replica_withheld >= 2);
    world.clock.advance(LAG - Duration::from_millis(1));
    assert_eq!(read(&world.db, "video", 1).await.unwrap(), "new", "to the last moment");
    world.replicate("replicated").await;
    world.rest().await;
    assert_eq!(read(&world.db, "video", 1).await.unwrap(), "replicated");
}

/// Without the guard the old row is read after the write, and kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_a_replica_that_is_taken_to_be_in_step_gives_old_rows_to_the_cache() {
    let world = World::new(Duration::ZERO).await;
    world.write("new").await;
    assert_eq!(title(&world.db, 1).await.unwrap(), "replica 1", "it was invalidated, and read again too soon");
    world.replicate("new").await;
    world.clock.advance(10 * LAG);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(title(&world.db, 1).await.unwrap(), "replica 1", "and stays");
    assert_eq!(world.db.stats().told_again, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_library_says_it_has_written_is_read_from_the_primary_too() {
    let world = World::new(LAG).await;
    let tables = cached_runtime::statement::Tables::Named(["caption".to_owned()].into());
    let tags = world.db.tags(&tables);
    assert_eq!(read(&world.db, "caption", 1).await.unwrap(), "replica 1");
    world.cache.invalidate_tags(tags.last()).await;
    assert_eq!(read(&world.db, "caption", 1).await.unwrap(), "primary");
    assert_eq!(read(&world.db, "video", 1).await.unwrap(), "replica 1", "of that nobody has said so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_reads_from_the_primary() {
    let world = World::new(LAG).await;
    let inside = world.db.transaction(|tx| async move { read(&tx, "video", 1).await }).await.unwrap();
    assert_eq!(inside, "primary");
    assert_eq!(read(&world.db, "video", 1).await.unwrap(), "replica 1");
    world
        .db
        .transaction(|tx| async move { tx.execute(sql("UPDATE video SET title = ? WHERE id = 1"), ("in it",)).await })
        .await
        .unwrap();
    assert_eq!(title(&world.db, 1).await.unwrap(), "in it", "a commit is a write");
    world.rest().await;
    let rolled_back: Result<()> = world
        .db
        .transaction(|tx| async move {
            tx.execute(sql("UPDATE video SET title = ? WHERE id = 1"), ("never",)).await?;
            Err(cached_runtime::Error::new(ErrorKind::Closed, "after all"))
        })
        .await;
    assert!(rolled_back.is_err());
    assert_eq!(read(&world.db, "video", 1).await.unwrap(), "replica 1", "and a rollback is none");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalidation_is_told_once_more_when_the_replica_has_what_was_written() {
    let world = World::new(LAG).await;
    let before = world.db.stats().told_again;
    for n in 0..50 {
        world.write(&format!("new {n}")).await;
    }
    world.keep("late");
    world.clock.advance(LAG - Duration::from_millis(1));
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(world.has("late").await, "not before its time");
    world.clock.advance(Duration::from_millis(1));
    world.forgets("late").await;
    let told = world.db.stats().told_again - before;
    assert!((1..10).contains(&told), "each group once for all of them: {told}");
    world.keep("later");
    world.clock.advance(10 * LAG);
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(world.has("later").await, "and only once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_to_be_told_once_more_outlives_the_handle() {
    let world = World::new(LAG).await;
    world.write("new").await;
    world.keep("late");
    let World { db, cache, clock, replicas, _places } = world;
    let tables = cached_runtime::statement::Tables::Named(["video".to_owned()].into());
    let tags = db.tags(&tables);
    drop(db);
    assert!(!tags.is_empty());
    clock.advance(LAG);
    for _ in 0..3_000 {
        if cache.namespace::<u64>("kept").unwrap().get("late").await.is_none() {
            drop(replicas);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it is still there");
}

/// Too early, which is all that can be done: the process may end.
#[test]
fn what_is_to_be_told_once_more_is_told_when_its_runtime_ends() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let first = runtime();
    let world = first.block_on(World::new(LAG));
    first.block_on(world.write("new"));
    world.keep("late");
    first.shutdown_timeout(Duration::from_secs(10));
    let second = runtime();
    second.block_on(world.forgets("late"));
    let _inside = second.enter();
    drop(world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_away_is_replaced_by_the_primary() {
    let (primary, gone) = (place(), frail());
    gone.take_away();
    let clock = Clock::manual();
    let cache = Cache::builder().clock(clock.clone()).build().unwrap();
    let options = DatabaseOptions::new().name(&primary.url).cache(&cache).clock(clock.clone());
    let db = Handle::open(&primary.url, options.replica(&gone.place.url)).unwrap();
    fill(&db, "primary").await;
    for _ in 0..10 {
        clock.advance(LAG);
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(read(&db, "video", 1).await.unwrap(), "primary");
    }
    let stats = db.stats();
    assert!(stats.replica_failed > 0 && stats.replica_reads == 0, "{stats:?}");
    gone.give_back();
    let elsewhere = Cache::builder().build().unwrap();
    let replica =
        Handle::open(&gone.place.url, DatabaseOptions::new().name(&gone.place.url).cache(&elsewhere)).unwrap();
    fill(&replica, "replica").await;
    for _ in 0..100 {
        clock.advance(10 * LAG);
        if read(&db, "video", 1).await.unwrap() == "replica" {
            return;
        }
    }
    panic!("it is not found again: {:?}", db.stats());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_replica_does_not_have_yet_is_asked_of_the_primary() {
    let world = World::new(LAG).await;
    world.db.execute(sql("CREATE TABLE fresh (id BIGINT PRIMARY KEY, title VARCHAR(100))"), ()).await.unwrap();
    world.db.execute(sql("INSERT INTO fresh (id, title) VALUES (1, 'primary')"), ()).await.unwrap();
    world.rest().await;
    assert_eq!(read(&world.db, "fresh", 1).await.unwrap(), "primary");
    let error = read(&world.db, "nowhere", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Database, "and what nobody has is the primary's error: {error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_replicas_take_turns() {
    let world = World::with(2, LAG).await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..4 {
        seen.insert(read(&world.db, "video", 1).await.unwrap());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["replica 1", "replica 2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_cannot_be_meant_is_an_error_and_its_password_stays_hidden() {
    let place = place();
    let options =
        DatabaseOptions::new().name(&place.url).replica("sqlite://me:canary-r3plica@host:port/db?mode=canary-r3plica");
    assert!(!format!("{options:?}").contains("r3plica"), "{options:?}");
    let error = Handle::open(&place.url, options).unwrap_err();
    assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some("replica")), "{error}");
    assert!(!format!("{error} {error:?}").contains("r3plica"), "{error:?}");
}
