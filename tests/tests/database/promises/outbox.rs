//! The outbox: what a writer owes when it dies between its commit and the invalidation is paid by another.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::database::{Database, DatabaseOptions, OutboxOptions};
use cached_runtime::statement::Tables;
use cached_runtime::testing::{Chaos, Operation};
use cached_runtime::tier::disk::{Disk, DiskOptions};
use cached_runtime::{Cache, Error, ErrorKind, Result, SetOptions};

use super::here::{Db, place, sql};
use crate::rig::Home;

const LONG: Duration = Duration::from_secs(30);
const INSERT: &str = "INSERT INTO video (id, title) VALUES (?, ?)";

fn seldom() -> OutboxOptions {
    OutboxOptions::new().interval(Duration::from_secs(3_600))
}

async fn home(outbox: OutboxOptions) -> Home<Db> {
    let home = Home::new(place(), DatabaseOptions::new().outbox(outbox).acquire_deadline(LONG));
    create(&home.db).await;
    // What the tables owed is paid, and the first sweep is over.
    home.db.sweep_outbox().await.unwrap();
    settled(&home.db).await;
    for table in ["video", "song", "cached_outbox"] {
        home.keep(table, &[table]);
    }
    home
}

async fn create(db: &Database<Db>) {
    for table in ["video", "song"] {
        let text = format!("CREATE TABLE {table} (id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL)");
        db.execute(sql(&text), ()).await.unwrap();
    }
}

async fn owed(db: &Database<Db>) -> i64 {
    db.fetch_one::<(i64,)>(sql("SELECT count(*) FROM cached_outbox"), ()).await.unwrap().0
}

/// Waits until nothing is owed.
async fn settled(db: &Database<Db>) {
    let start = Instant::now();
    while owed(db).await > 0 {
        assert!(start.elapsed() < LONG, "rows stay in the outbox");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A row, as it is written by another process.
async fn left_behind(home: &Home<Db>, id: &str, name: &str, body: &str) {
    // Past the handle, which would take it for a table like others.
    let insert = "INSERT INTO cached_outbox (id, name, invalidates) VALUES (?, ?, ?)";
    let values = (id, name, body);
    let other = Database::<Db>::around(home.db.pool().clone(), DatabaseOptions::new().name(&format!("{name}{id}")));
    other.unwrap().execute(sql(insert), values).await.unwrap();
}

async fn write(db: &Database<Db>, how: &str) -> Result<()> {
    match how {
        "execute" => drop(db.execute(sql(INSERT), (1_i64, "Dawn")).await?),
        "transaction" => {
            db.transaction(|tx| async move { tx.execute(sql(INSERT), (1_i64, "Dawn")).await }).await?;
        }
        "batch" => drop(db.execute_batch(sql(INSERT), [(1_i64, "Dawn"), (2, "Noon")]).await?),
        _ => drop(db.execute(sql("ALTER TABLE video ADD COLUMN more BIGINT"), ()).await?),
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_goes_when_its_invalidation_was_taken_and_invalidates_nothing_itself() {
    let home = home(seldom()).await;
    for how in ["execute", "transaction", "batch"] {
        home.keep("video", &["video"]);
        write(&home.db, how).await.unwrap();
        assert!(!home.has("video").await, "{how}");
        home.db.execute(sql("DELETE FROM video"), ()).await.unwrap();
        settled(&home.db).await;
        assert!(home.has("song").await && home.has("cached_outbox").await, "{how}");
    }
    write(&home.db, "schema").await.unwrap();
    assert!(!home.has("song").await, "a change of tables concerns all");
    settled(&home.db).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rolled_back_owes_nothing() {
    let home = home(seldom()).await;
    home.db.execute(sql("INSERT INTO song (id, title) VALUES (1, 'Dawn')"), ()).await.unwrap();
    settled(&home.db).await;
    home.keep("song", &["song"]);
    let back: Result<()> = home
        .db
        .transaction(|tx| async move {
            write(&tx, "execute").await?;
            Err(Error::new(ErrorKind::Database, "rolled back"))
        })
        .await;
    back.unwrap_err();
    let taken = home.db.execute(sql("INSERT INTO song (id, title) VALUES (?, ?)"), (1_i64, "taken")).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Database);
    assert_eq!((owed(&home.db).await, home.db.sweep_outbox().await.unwrap()), (0, 0));
    assert!(home.has("video").await);
    assert_eq!(home.db.fetch_one::<(i64,)>(sql("SELECT count(*) FROM video"), ()).await.unwrap(), (0,));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_invalidates_what_others_left_and_the_next_one_removes_it() {
    let home = home(seldom()).await;
    let name = home.db.name().to_owned();
    settled(&home.db).await;
    left_behind(&home, "a", &name, &format!("1\nt:sql:{name}:video\nt:sql:{name}:*")).await;
    left_behind(&home, "b", "another", "1\nt:sql:another:song").await;
    assert!(home.has("video").await);
    assert_eq!(home.db.sweep_outbox().await.unwrap(), 1);
    assert!(!home.has("video").await && home.has("song").await);
    assert_eq!(owed(&home.db).await, 2, "its writer may be at work");
    assert_eq!(home.db.sweep_outbox().await.unwrap(), 1);
    let start = Instant::now();
    while owed(&home.db).await > 1 {
        assert!(start.elapsed() < LONG);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (left,): (String,) = home.db.fetch_one(sql("SELECT name FROM cached_outbox"), ()).await.unwrap();
    assert_eq!(left, "another", "those of other databases are theirs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_cannot_be_read_is_the_whole_database() {
    let home = home(seldom()).await;
    left_behind(&home, "a", home.db.name(), "9\nsomething of a later version").await;
    left_behind(&home, "b", home.db.name(), "1\nt:sql:another:video").await;
    assert_eq!(home.db.sweep_outbox().await.unwrap(), 2);
    assert!(!home.has("video").await && !home.has("song").await);
    home.db.sweep_outbox().await.unwrap();
    settled(&home.db).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rows_are_swept_page_by_page_by_many_at_once() {
    let home = home(seldom()).await;
    let name = home.db.name().to_owned();
    let rows = (0..1_200).map(|n| (format!("{n:08}"), name.clone(), format!("1\nt:sql:{name}:t{n}")));
    let other = DatabaseOptions::new().name(&format!("other {name}"));
    let other = Database::<Db>::around(home.db.pool().clone(), other).unwrap();
    let insert = sql("INSERT INTO cached_outbox (id, name, invalidates) VALUES (?, ?, ?)");
    other.execute_batch(insert, rows).await.unwrap().complete().unwrap();
    home.keep("last", &["t1199"]);
    assert_eq!(home.db.sweep_outbox().await.unwrap(), 1_200);
    assert!(!home.has("last").await && home.has("song").await);
    let same = DatabaseOptions::new().name(&name).cache(&home.cache).outbox(seldom());
    let open = || Database::<Db>::open(home.url(), same.clone()).unwrap();
    let nodes = [home.db.clone(), open(), open()];
    for _ in 0..3 {
        let sweeps = nodes.clone().map(|node| tokio::spawn(async move { node.sweep_outbox().await }));
        for sweep in sweeps {
            let found = sweep.await.unwrap().unwrap();
            assert!(found <= 1_200, "{found}");
        }
    }
    home.keep("song", &["song"]);
    assert!(!home.has("last").await && home.has("song").await);
    settled(&home.db).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_leave_is_found_without_being_asked_for() {
    let home = home(OutboxOptions::new().interval(Duration::from_millis(10))).await;
    let name = home.db.name().to_owned();
    left_behind(&home, "a", &name, &format!("1\nt:sql:{name}:video")).await;
    settled(&home.db).await;
    assert!(!home.has("video").await && home.has("song").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_stays_until_every_tier_has_taken_what_it_stands_for() {
    let place = place();
    let shelf = Arc::new(cached_runtime::tier::memory::MemoryTier::new());
    let chaos = Arc::new(Chaos::new(shelf, 1));
    let cache = Cache::builder().tier(Arc::clone(&chaos)).build().unwrap();
    let options = DatabaseOptions::new().name(&place.url).cache(&cache).acquire_deadline(LONG);
    let outbox = OutboxOptions::new().interval(Duration::from_millis(20));
    let db = Database::<Db>::open(&place.url, options.outbox(outbox)).unwrap();
    create(&db).await;
    settled(&db).await;
    chaos.fail(Operation::Apply, 1.0);
    write(&db, "execute").await.unwrap();
    for _ in 0..5 {
        db.sweep_outbox().await.unwrap();
        tokio::time::sleep(Duration::from_millis(40)).await;
        assert_eq!(owed(&db).await, 1, "the tier has not taken it");
    }
    chaos.calm();
    settled(&db).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_open_a_new_database_at_once_all_find_a_table() {
    let place = place();
    let gate = Arc::new(tokio::sync::Barrier::new(6));
    let nodes: Vec<_> = (0..6)
        .map(|n| {
            let (url, gate) = (place.url.clone(), Arc::clone(&gate));
            tokio::spawn(async move {
                let options = DatabaseOptions::new().name(&format!("{url}{n}")).acquire_deadline(LONG);
                gate.wait().await;
                let db = Database::<Db>::open(&url, options.outbox(seldom())).unwrap();
                db.execute(sql(&format!("CREATE TABLE t{n} (id BIGINT)")), ()).await?;
                db.execute(sql(&format!("INSERT INTO t{n} (id) VALUES (1)")), ()).await
            })
        })
        .collect();
    for node in nodes {
        assert_eq!(node.await.unwrap().unwrap().rows, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sweeps_ends_with_the_last_handle_and_leaves_nothing() {
    let home = home(seldom()).await;
    let tasks = tokio::runtime::Handle::current().metrics();
    // What the handle that is there has begun ends, but for who sweeps.
    let mut before = usize::MAX;
    while tasks.num_alive_tasks() != before {
        before = tasks.num_alive_tasks();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let same = DatabaseOptions::new().name(home.db.name()).outbox(seldom()).min_connections(0);
    let db = Database::<Db>::open(home.url(), same).unwrap();
    write(&db, "execute").await.unwrap();
    assert!(tasks.num_alive_tasks() > before);
    drop(db);
    settled(&home.db).await;
    let start = Instant::now();
    while tasks.num_alive_tasks() > before {
        assert!(start.elapsed() < LONG, "{} tasks, {before} before", tasks.num_alive_tasks());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_has_gone_is_made_again() {
    let home = home(seldom()).await;
    let other =
        Database::<Db>::around(home.db.pool().clone(), DatabaseOptions::new().name(&format!("{} too", home.db.name())));
    other.unwrap().execute(sql("DROP TABLE cached_outbox"), ()).await.unwrap();
    let error = write(&home.db, "transaction").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Database, "nothing is written that cannot be owed: {error}");
    write(&home.db, "transaction").await.unwrap();
    settled(&home.db).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_named_by_a_name() {
    let place = place();
    for name in ["", "a b", "a.b.c", "x; DROP TABLE video", "1x", "\"x\""] {
        let options = DatabaseOptions::new().name(&place.url).outbox(OutboxOptions::new().table(name));
        let error = Database::<Db>::open(&place.url, options).unwrap_err();
        assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some("outbox")), "{name}");
    }
}

// A real death: a process of its own commits, and is killed before its cache has told the disk.

fn options(name: &str, cache: &Cache, outbox: bool) -> DatabaseOptions {
    let options = DatabaseOptions::new().name(name).cache(cache).acquire_deadline(LONG);
    if outbox { options.outbox(seldom()) } else { options }
}

/// The process to be killed: does nothing unless it is started as one. Its disk takes no invalidations.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dying_process() {
    let Ok(plan) = std::env::var("OUTBOX_PLAN") else { return };
    let [url, disk, name, outbox, how] = plan.split(' ').collect::<Vec<_>>()[..] else { panic!("no plan: {plan}") };
    let chaos = Arc::new(Chaos::new(Arc::new(Disk::open(DiskOptions::new(disk))), 1));
    // Long deadlines: as long as it lives it still waits, and has not marked the disk as one that was not told.
    let cache = Cache::builder().tier(Arc::clone(&chaos)).write_deadline(LONG * 9).apply_deadline(LONG * 9);
    let cache = cache.build().unwrap();
    let db = Database::<Db>::open(url, options(name, &cache, outbox == "true")).unwrap();
    chaos.hang(Operation::Apply);
    write(&db, how).await.unwrap();
    std::future::pending::<()>().await;
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn dying(plan: &str) -> Killed {
    let test = format!("{}::dying_process", module_path!().split_once("::").unwrap().1);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([&test, "--exact", "--nocapture"]).env("OUTBOX_PLAN", plan);
    Killed(child.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
}

fn on_disk(disk: &Path) -> Cache {
    Cache::builder().disk(disk).read_deadline(LONG).write_deadline(LONG).build().unwrap()
}

/// Is what was read before it still served after a writer died so?
async fn is_served_after_the_death_of_a_writer(how: &str, outbox: bool) -> bool {
    let (place, room) = (place(), tempfile::tempdir().unwrap());
    let disk = room.path().join("disk");
    let name = format!("dying-{how}-{outbox}-{}", std::any::type_name::<Db>().replace(':', "."));
    let watch = DatabaseOptions::new().name(&format!("{name}-watched")).acquire_deadline(LONG);
    let watch = Database::<Db>::open(&place.url, watch).unwrap();
    create(&watch).await;
    let cache = on_disk(&disk);
    let before = Database::<Db>::open(&place.url, options(&name, &cache, false)).unwrap();
    let mut kept = SetOptions::new();
    for tag in before.tags(&Tables::Named(["video".to_owned()].into())) {
        kept = kept.tag(tag);
    }
    let entries = cache.namespace::<u64>("kept").unwrap();
    entries.set_with("count", 0, kept);
    entries.set_with("apart", 0, SetOptions::new());
    cache.shutdown(LONG).await;
    drop((cache, before));
    let plan = format!("{} {} {name} {outbox} {how}", place.url, disk.display());
    let child = dying(&plan);
    let start = Instant::now();
    let column = if how == "schema" { "count(more) + 1" } else { "count(*)" };
    let written = format!("SELECT {column} FROM video");
    while !watch.fetch_one::<(i64,)>(sql(&written), ()).await.is_ok_and(|(count,)| count > 0) {
        assert!(start.elapsed() < LONG * 3, "{how}: it does not write");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(child);
    let cache = on_disk(&disk);
    let after = Database::<Db>::open(&place.url, options(&name, &cache, outbox)).unwrap();
    assert_eq!(after.sweep_outbox().await.unwrap(), u64::from(outbox), "{how}");
    // A disk that opens has nothing for a moment.
    let entries = cache.namespace::<u64>("kept").unwrap();
    let start = Instant::now();
    while entries.get("apart").await.is_none() {
        if start.elapsed() > LONG {
            let there: Vec<_> = std::fs::read_dir(room.path()).unwrap().flatten().map(|it| it.file_name()).collect();
            panic!("{how}: the disk is not found as it was left: {there:?} {:?}", cache.stats().tiers);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut served = false;
    for _ in 0..10 {
        served = served || entries.get("count").await.is_some();
    }
    cache.shutdown(LONG).await;
    served
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_writer_has_committed_is_not_served_from_before_by_the_next_process() {
    for how in ["execute", "transaction", "batch", "schema"] {
        assert!(!is_served_after_the_death_of_a_writer(how, true).await, "{how}");
    }
}

/// The control: without the outbox the death is one in which something is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_outbox_it_would_be() {
    for how in ["execute", "transaction", "batch", "schema"] {
        assert!(is_served_after_the_death_of_a_writer(how, false).await, "{how}");
    }
}
