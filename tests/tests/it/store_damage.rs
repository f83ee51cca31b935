//! A store that is damaged, gone, locked or full: opening never fails, calls answer quickly, nothing panics or hangs,
//! and what a store missed is not trusted later.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cached_runtime::codec::Frame;
use cached_runtime::error::ErrorKind;
use cached_runtime::group::{Group, Position, Record};
use cached_runtime::key::Key;
use cached_runtime::testing::contract::frame;
use cached_runtime::tier::disk::{Disk, DiskOptions};
use cached_runtime::tier::sql::{Sql, SqlOptions};
use cached_runtime::tier::{Recall, Step, Tier};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

/// No call may take longer than this, whatever has happened to the store. The promise is a tenth of a second; the rest
/// is for a machine that is busy with other tests.
const QUICK: Duration = Duration::from_secs(2);

/// The two engines, so that each hazard is written once.
pub(crate) trait Engine: Tier + Sized {
    fn start(path: &Path) -> Self;
    fn asides(&self) -> u64;
    /// The files in which frames are kept.
    fn files(path: &Path) -> Vec<PathBuf>;
}

impl Engine for Disk {
    fn start(path: &Path) -> Self {
        // Small, so that tables are written as well as journals.
        Self::open(DiskOptions { write_buffer_bytes: 256 << 10, ..DiskOptions::new(path) })
    }

    fn asides(&self) -> u64 {
        self.times_set_aside()
    }

    fn files(path: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut dirs = vec![path.to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(dir).expect("a directory").flatten() {
                if entry.path().is_dir() { dirs.push(entry.path()) } else { files.push(entry.path()) }
            }
        }
        files.retain(|file| !file.ends_with("lock") && file.metadata().is_ok_and(|m| m.len() > 0));
        files.sort();
        files
    }
}

impl Engine for Sql {
    fn start(path: &Path) -> Self {
        Self::open(SqlOptions::sqlite(path).expect("options"))
    }

    fn asides(&self) -> u64 {
        self.times_set_aside()
    }

    fn files(path: &Path) -> Vec<PathBuf> {
        vec![path.to_owned()]
    }
}

pub(crate) fn store() -> (TempDir, PathBuf) {
    let dir = TempDir::new().expect("a temporary directory");
    let path = dir.path().join("cache");
    (dir, path)
}

fn record(number: u64, group: Group) -> Record {
    Record { group, position: Position { epoch: 1, number } }
}

fn tag(number: u64) -> Record {
    record(number, Group::Tag("t".into()))
}

/// One of each call; `Err` must be of the tier's kind, and quick.
async fn exercise(tier: &impl Tier) -> Result<(), ErrorKind> {
    let start = Instant::now();
    let keep = |_: &Frame| true;
    let mut first = Ok(());
    let keys = [Key::from_stored("v:0"), Key::from_stored("v:1")];
    for done in [
        tier.put(&[frame("v:new", b"new")]).await,
        tier.get(&keys).await.map(drop),
        tier.get(&keys[..1]).await.map(drop),
        tier.tidy(Step { entries: 10_000, now: 0, keep: &keep, forget: None }).await.map(drop),
        tier.recall().await.map(drop),
    ] {
        if let Err(e) = done {
            assert_eq!(e.kind(), ErrorKind::Tier, "{e:?}");
            first = first.and(Err(e.kind()));
        }
    }
    assert!(start.elapsed() < QUICK, "calls took {:?}", start.elapsed());
    first
}

/// Calls until the tier works again: it may try once a second only.
pub(crate) async fn recovered(tier: &impl Tier) {
    let start = Instant::now();
    while exercise(tier).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "the tier does not come back: {tier:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What comes back is either absent or exactly what was put.
pub(crate) async fn nothing_false(tier: &impl Tier) {
    for i in 0..160 {
        let key = Key::from_stored(&format!("v:{i}"));
        if let Ok(found) = tier.get(std::slice::from_ref(&key)).await
            && let Some(bytes) = &found[0]
            && let Ok(read) = Frame::read(bytes.clone())
        {
            assert_eq!(read.key(), &key);
            assert_eq!(read.payload(), vec![i as u8; 3_000], "an intact frame is the one that was put");
        }
    }
}

/// A store with frames and records, closed.
pub(crate) async fn filled<E: Engine>(path: &Path) {
    let tier = E::start(path);
    let frames: Vec<Frame> = (0..160).map(|i| frame(&format!("v:{i}"), &vec![i as u8; 3_000])).collect();
    for some in frames.chunks(10) {
        // A busy machine may let a connection wait too long; the store is what is tested here.
        let mut tries = 0;
        while let Err(error) = tier.put(some).await {
            tries += 1;
            assert!(tries < 50, "put: {error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    tier.apply(&[tag(1), record(2, Group::Namespace("n".into()))]).await.expect("apply");
}

pub(crate) async fn survives<E: Engine>(path: &Path, what: &str) {
    let start = Instant::now();
    let tier = E::start(path);
    assert!(start.elapsed() < Duration::from_secs(10), "{what}: opening took {:?}", start.elapsed());
    nothing_false(&tier).await;
    recovered(&tier).await;
    // It may be the one to meet the damage; then it is said again, as whoever stands above the tier does.
    while let Err(error) = tier.apply(&[tag(9)]).await {
        assert!(start.elapsed() < Duration::from_secs(40), "{what}: {error:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(tier);
    let tier = E::start(path);
    recovered(&tier).await;
    let recall = tier.recall().await.expect("recall");
    assert!(recall.records.contains(&tag(9)), "{what}: what was applied after the damage is kept");
}

/// Damages every file of a store in turn, each time on a fresh copy.
async fn each_file_damaged<E: Engine>(what: &str, damage: fn(Vec<u8>) -> Vec<u8>) {
    let (dir, path) = store();
    filled::<E>(&path).await;
    let files: Vec<PathBuf> =
        E::files(&path).iter().map(|f| f.strip_prefix(dir.path()).expect("inside").to_owned()).collect();
    assert!(!files.is_empty());
    // Side by side: most of the time is spent waiting until a tier may try again.
    let mut running = tokio::task::JoinSet::new();
    for file in files {
        let copy = TempDir::new().expect("a temporary directory");
        copy_all(dir.path(), copy.path());
        let target = copy.path().join(&file);
        let bytes = fs::read(&target).expect("a file of the store");
        fs::write(&target, damage(bytes)).expect("writing the damage");
        let what = format!("{what} of {}", file.display());
        running.spawn(async move { survives::<E>(&copy.path().join("cache"), &what).await });
    }
    while let Some(done) = running.join_next().await {
        done.expect("the tier survives");
    }
}

pub(crate) fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn cut_one(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.pop();
    bytes
}

fn cut_half(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 2);
    bytes
}

fn flip_first(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.iter_mut().take(8192).for_each(|b| *b = !*b);
    bytes
}

fn flip_middle(mut bytes: Vec<u8>) -> Vec<u8> {
    let half = bytes.len() / 2;
    bytes.iter_mut().skip(half).take(64).for_each(|b| *b = !*b);
    bytes
}

fn zero(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.fill(0);
    bytes
}

macro_rules! hazards {
    ($engine:ident: $type:ty) => {
        mod $engine {
            use super::*;

            #[tokio::test]
            async fn cut_by_one_byte() {
                each_file_damaged::<$type>("cut by one byte", cut_one).await;
            }

            #[tokio::test]
            async fn cut_in_half() {
                each_file_damaged::<$type>("cut in half", cut_half).await;
            }

            #[tokio::test]
            async fn first_pages_flipped() {
                each_file_damaged::<$type>("first pages flipped", flip_first).await;
            }

            #[tokio::test]
            async fn middle_flipped() {
                each_file_damaged::<$type>("middle flipped", flip_middle).await;
            }

            #[tokio::test]
            async fn zeroed() {
                each_file_damaged::<$type>("zeroed", zero).await;
            }

            #[tokio::test]
            async fn deleted_while_open() {
                super::deleted_while_open::<$type>().await;
            }

            #[tokio::test]
            async fn replaced_by_an_older_copy_while_open() {
                super::replaced_while_open::<$type>().await;
            }

            #[tokio::test]
            async fn marker_is_honoured() {
                super::marker_is_honoured::<$type>().await;
            }

            #[tokio::test]
            async fn one_store_set_aside_at_most() {
                super::one_aside_at_most::<$type>().await;
            }

            #[tokio::test]
            async fn place_that_cannot_be_made() {
                super::impossible_place::<$type>().await;
            }
        }
    };
}

hazards!(disk: Disk);
hazards!(sqlite: Sql);

async fn deleted_while_open<E: Engine>() {
    let (dir, path) = store();
    filled::<E>(&path).await;
    let tier = E::start(&path);
    remove(&path);
    // Until it looks at the path, at most a second later, the tier may go on with the deleted files.
    let start = Instant::now();
    while tier.recall().await.ok() != Some(Recall::default()) {
        let _ = exercise(&tier).await;
        assert!(start.elapsed() < Duration::from_secs(20), "the deletion is not noticed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    recovered(&tier).await;
    assert!(path.exists(), "a fresh store is where the deleted one was");
    // What the engine itself puts back into the deleted place before the tier looks is set aside, once.
    assert!(tier.asides() <= 1, "there was nothing more to set aside");
    tier.apply(&[tag(5)]).await.expect("apply");
    drop(tier);
    assert_eq!(E::start(&path).recall().await.expect("recall").records, [tag(5)]);
    drop(dir);
}

async fn replaced_while_open<E: Engine>() {
    let (dir, path) = store();
    filled::<E>(&path).await;
    let old = dir.path().join("old");
    fs::create_dir_all(&old).expect("a directory");
    for file in siblings(&path) {
        copy_any(&file, &old.join(file.file_name().expect("a name")));
    }
    let tier = E::start(&path);
    tier.apply(&[record(8, Group::Key(Key::from_stored("v:1")))]).await.expect("apply");
    remove(&path);
    for file in siblings(&old.join("cache")) {
        fs::rename(&file, dir.path().join(file.file_name().expect("a name"))).expect("a rename");
    }
    let start = Instant::now();
    while tier.asides() == 0 {
        let _ = exercise(&tier).await;
        assert!(start.elapsed() < Duration::from_secs(20), "the replacement is not noticed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    recovered(&tier).await;
    let found = tier.get(&[Key::from_stored("v:1")]).await.expect("get");
    assert_eq!(found, [None], "a removed key does not come back with an older copy of the store");
}

/// The store's path and what is named after it.
fn siblings(path: &Path) -> Vec<PathBuf> {
    let all = ["", "-wal", "-shm"].map(|suffix| PathBuf::from(format!("{}{suffix}", path.display())));
    all.into_iter().filter(|file| file.exists()).collect()
}

fn remove(path: &Path) {
    for file in siblings(path) {
        if file.is_dir() {
            // Away in one step: nobody sees half a store.
            let away = file.with_extension("away");
            fs::rename(&file, &away).expect("a rename");
            fs::remove_dir_all(away).expect("a removal");
        } else {
            fs::remove_file(file).expect("a removal");
        }
    }
}

fn copy_any(from: &Path, to: &Path) {
    if from.is_dir() {
        copy_all(from, to);
    } else {
        fs::copy(from, to).expect("a copy");
    }
}

fn marker(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}.distrust", path.display()))
}

async fn marker_is_honoured<E: Engine>() {
    let (dir, path) = store();
    filled::<E>(&path).await;
    // A link in the marker's place is a marker; what it points to is left alone.
    let victim = dir.path().join("victim");
    fs::write(&victim, "untouched").expect("a file");
    std::os::unix::fs::symlink(&victim, marker(&path)).expect("a link");
    let tier = E::start(&path);
    assert_eq!(tier.asides(), 1, "a marked store is set aside");
    assert_eq!(tier.recall().await.expect("recall"), Recall::default());
    assert_eq!(tier.get(&[Key::from_stored("v:1")]).await.expect("get"), [None]);
    assert!(!marker(&path).is_symlink(), "the marker goes with the store");
    assert_eq!(fs::read_to_string(victim).expect("a file"), "untouched");
    drop(tier);
    let tier = E::start(&path);
    assert_eq!((tier.asides(), tier.recall().await.is_ok()), (0, true), "a fresh store is trusted");
}

async fn one_aside_at_most<E: Engine>() {
    let (dir, path) = store();
    for _ in 0..3 {
        filled::<E>(&path).await;
        fs::write(marker(&path), "").expect("a marker");
        assert_eq!(E::start(&path).asides(), 1);
    }
    let names = fs::read_dir(dir.path()).expect("a directory").flatten().map(|e| e.file_name());
    let asides = names.filter(|n| n.to_string_lossy().starts_with("cache.set-aside-")).count();
    assert_eq!(asides, 1, "an older store set aside is deleted");
}

/// Below a file nothing can be made. The answer is `Err`, at once, each time.
async fn impossible_place<E: Engine>() {
    let (dir, _) = store();
    let file = dir.path().join("file");
    fs::write(&file, "a file").expect("a file");
    let tier = E::start(&file.join("cache"));
    for _ in 0..50 {
        assert_eq!(exercise(&tier).await, Err(ErrorKind::Tier));
        assert_eq!(tier.apply(&[tag(1)]).await.map_err(|e| e.kind()), Err(ErrorKind::Tier));
    }
    assert_eq!(fs::read_to_string(file).expect("a file"), "a file");
}

#[tokio::test]
async fn a_directory_of_others_is_neither_written_nor_moved() {
    let (dir, path) = store();
    fs::create_dir(&path).expect("a directory");
    fs::write(path.join("photo.jpg"), "precious").expect("a file");
    fs::write(marker(&path), "").expect("a marker");
    let disk = Disk::start(&path);
    assert_eq!(exercise(&disk).await, Err(ErrorKind::Tier));
    assert_eq!(fs::read_to_string(path.join("photo.jpg")).expect("a file"), "precious");
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 2);
}

#[tokio::test]
async fn a_database_of_others_is_neither_written_nor_moved() {
    let (_dir, path) = store();
    let mut other = connect(&path).await;
    sqlx::query("CREATE TABLE users (name TEXT)").execute(&mut other).await.expect("a table");
    other.close().await.expect("closed");
    let before = fs::read(&path).expect("a file");
    let sql = Sql::start(&path);
    assert_eq!(exercise(&sql).await, Err(ErrorKind::Tier));
    assert_eq!((sql.asides(), fs::read(&path).expect("a file") == before), (0, true));
}

async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.expect("a connection")
}

#[tokio::test]
async fn disk_store_open_elsewhere() {
    let (_dir, path) = store();
    let first = Disk::start(&path);
    first.put(&[frame("v:1", b"first")]).await.expect("put");
    let second = Disk::start(&path);
    assert!(!second.is_open());
    assert_eq!(exercise(&second).await, Err(ErrorKind::Tier));
    assert!(exercise(&first).await.is_ok(), "the one who has the store is not disturbed");
    // What the second one missed must not be served from this store by anyone later.
    assert!(second.apply(&[record(3, Group::Key(Key::from_stored("v:1")))]).await.is_err());
    assert!(marker(&path).exists());
    drop(first);
    recovered(&second).await;
    assert_eq!(second.asides(), 1);
    assert_eq!(second.get(&[Key::from_stored("v:1")]).await.expect("get"), [None]);
    assert!(!marker(&path).exists());
}

#[tokio::test]
async fn sqlite_shared_by_two() {
    let (_dir, path) = store();
    let (one, two) = (Sql::start(&path), Sql::start(&path));
    one.put(&[frame("v:1", b"one")]).await.expect("put");
    let key = [Key::from_stored("v:1")];
    assert!(two.get(&key).await.expect("get")[0].is_some());
    two.apply(&[record(3, Group::Key(key[0].clone())), tag(4)]).await.expect("apply");
    assert_eq!(one.get(&key).await.expect("get"), [None]);
    assert_eq!(one.recall().await.expect("recall"), two.recall().await.expect("recall"));
}

#[tokio::test]
async fn sqlite_locked_by_another_connection() {
    let (_dir, path) = store();
    let sql = Sql::start(&path);
    sql.put(&[frame("v:1", b"1"), frame("v:2", b"2")]).await.expect("put");
    let mut other = connect(&path).await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.expect("the lock");
    assert_eq!(exercise(&sql).await, Err(ErrorKind::Tier));
    assert!(sql.apply(&[tag(1)]).await.is_err());
    assert!(marker(&path).exists(), "an apply that failed marks the store");
    sqlx::query("COMMIT").execute(&mut other).await.expect("unlocked");
    assert!(exercise(&sql).await.is_ok(), "a lock is no reason to close");
    sql.apply(&[record(2, Group::Everything)]).await.expect("apply");
    assert!(marker(&path).exists(), "another record does not settle what is owed");
    sql.apply(&[tag(1)]).await.expect("apply");
    assert!(!marker(&path).exists(), "the same record, applied later, does");
    assert_eq!(sql.asides(), 0);
}

#[tokio::test]
async fn sqlite_locked_when_it_opens() {
    let (_dir, path) = store();
    let mut other = connect(&path).await;
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.expect("the lock");
    let start = Instant::now();
    let sql = Sql::start(&path);
    assert!(start.elapsed() < QUICK && !sql.is_open());
    assert_eq!(exercise(&sql).await, Err(ErrorKind::Tier));
    sqlx::query("COMMIT").execute(&mut other).await.expect("unlocked");
    recovered(&sql).await;
    assert_eq!(sql.asides(), 0, "a lock is not damage");
}

#[tokio::test]
async fn sqlite_full() {
    let (_dir, path) = store();
    let sql = Sql::open(SqlOptions::sqlite(&path).expect("options").max_bytes(1_000));
    sql.put(&[frame("v:1", b"1")]).await.expect("put");
    // One write beyond the hard bound of the file, which is three times the soft one and 64 MiB.
    let huge: Vec<Frame> = (0..80).map(|i| frame(&format!("h:{i}"), &vec![1; 1 << 20])).collect();
    let refused = sql.put(&huge).await.expect_err("a full database refuses");
    assert_eq!(refused.kind(), ErrorKind::Tier);
    assert!(refused.to_string().contains("full"), "{refused}");
    assert!(fs::metadata(&path).expect("a file").len() < 70 << 20, "the file has a bound of its own");
    assert!(exercise(&sql).await.is_ok(), "a full database goes on with what fits");
    assert_eq!(sql.asides(), 0, "a full database is not damaged");
}

#[tokio::test]
async fn tables_missing() {
    let (_dir, path) = store();
    let sql = Sql::start(&path);
    let mut other = connect(&path).await;
    sqlx::query("DROP TABLE cached_frames").execute(&mut other).await.expect("a drop");
    other.close().await.expect("closed");
    recovered(&sql).await;
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_connection_usable() {
    let (_dir, path) = store();
    let sql = Sql::start(&path);
    let frames: Vec<Frame> = (0..50).map(|i| frame(&format!("v:{i}"), &[1; 10_000])).collect();
    for _ in 0..50 {
        // Polled once, so that it is under way, then dropped.
        let mut put = sql.put(&frames);
        let waker = std::task::Waker::noop();
        let _ = put.as_mut().poll(&mut std::task::Context::from_waker(waker));
        drop(put);
    }
    let start = Instant::now();
    while sql.put(&[frame("v:last", b"last")]).await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(20), "abandoned writes end");
    }
    assert!(exercise(&sql).await.is_ok());
    let found = sql.get(&[Key::from_stored("v:49"), Key::from_stored("v:last")]).await.expect("get");
    assert!(found.iter().all(Option::is_some), "abandoned writes run to their end");
}

#[test]
fn the_runtime_of_the_first_caller_may_end() {
    let (_dir, path) = store();
    let runtime = || tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let sql = runtime().block_on(async { Sql::start(&path) });
    runtime().block_on(async { sql.put(&[frame("v:1", b"1")]).await }).expect("put");
    let found = runtime().block_on(async { sql.get(&[Key::from_stored("v:1")]).await }).expect("get");
    assert!(found[0].is_some());
}

#[test]
fn table_names_are_checked() {
    let options = || SqlOptions::sqlite("/nowhere/cache.db").expect("options");
    for bad in ["", "x; DROP TABLE users; --", "Upper", "a-b", "1a", "ä", "a b", "\"q\"", &"x".repeat(49)] {
        let refused = options().table_prefix(bad).expect_err(bad);
        assert_eq!(refused.kind(), ErrorKind::Config);
        assert_eq!(refused.context("setting"), Some("table_prefix"));
    }
    for good in ["cached", "a_1", "_x", &"x".repeat(48)] {
        assert!(options().table_prefix(good).is_ok(), "{good}");
    }
    for bad in ["oracle://host/db", "sqlite::memory:", "sqlite:", "file.db", "sqlite:a.db?mode=ro"] {
        assert_eq!(SqlOptions::url(bad).expect_err(bad).kind(), ErrorKind::Config);
    }
    assert!(SqlOptions::url("sqlite:///tmp/a.db").is_ok());
}

#[tokio::test]
async fn two_prefixes_share_a_file_and_nothing_else() {
    let (_dir, path) = store();
    let with = |prefix| Sql::open(SqlOptions::sqlite(&path).and_then(|o| o.table_prefix(prefix)).expect("options"));
    let (one, two) = (with("one"), with("two"));
    one.put(&[frame("v:1", b"1")]).await.expect("put");
    assert_eq!(two.get(&[Key::from_stored("v:1")]).await.expect("get"), [None]);
}

#[tokio::test]
async fn stores_are_private() {
    let (dir, path) = store();
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    filled::<Disk>(&path).await;
    assert_eq!(mode(&path), 0o700);
    let file = dir.path().join("cache.db");
    let sql = Sql::start(&file);
    sql.put(&[frame("v:1", b"1")]).await.expect("put");
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&dir.path().join("cache.db-wal")), 0o600);
}
