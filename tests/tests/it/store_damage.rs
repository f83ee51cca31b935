//! A store that is damaged, gone, locked or full: opening never fails, calls answer quickly, nothing panics or hangs,
//! and what a store missed is not trusted later.

mod taken;
mod well;

use std::fs;
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
use tempfile::TempDir;

/// No call may take longer than this, whatever has happened to the store. The promise is a tenth of a second; the rest
/// is for a machine that is busy with other tests.
const QUICK: Duration = Duration::from_secs(20);

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
        tier.put(&[frame("v:new", b"new")]).await.map(drop),
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

/// Has the tier take these. A busy machine may let a connection wait too long; the store is what is tested here.
async fn applied(tier: &impl Tier, records: &[Record]) {
    let mut tries = 0;
    while let Err(error) = tier.apply(records).await {
        tries += 1;
        assert!(tries < 50, "apply: {error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the tier remembers, likewise.
async fn recalled(tier: &impl Tier) -> Recall {
    let mut tries = 0;
    loop {
        match tier.recall().await {
            Ok(recall) => return recall,
            Err(error) => assert!(tries < 50, "recall: {error}"),
        }
        tries += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Does the tier still have a frame of this key? Asked likewise.
async fn has(tier: &impl Tier, name: &str) -> bool {
    let mut tries = 0;
    loop {
        match tier.get(&[Key::from_stored(name)]).await {
            Ok(found) => return found[0].is_some(),
            Err(error) => assert!(tries < 50, "get: {error}"),
        }
        tries += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
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
    applied(&tier, &[tag(1), record(2, Group::Namespace("n".into()))]).await;
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
    let recall = recalled(&tier).await;
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
    applied(&tier, &[tag(5)]).await;
    drop(tier);
    assert_eq!(recalled(&E::start(&path)).await.records, [tag(5)]);
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
    applied(&tier, &[record(8, Group::Key(Key::from_stored("v:1")))]).await;
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
    assert!(!has(&tier, "v:1").await, "a removed key does not come back with an older copy of the store");
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
    assert_eq!(recalled(&tier).await, Recall::default());
    assert!(!has(&tier, "v:1").await);
    assert!(!marker(&path).is_symlink(), "the marker goes with the store");
    assert_eq!(fs::read_to_string(victim).expect("a file"), "untouched");
    drop(tier);
    let tier = E::start(&path);
    recalled(&tier).await;
    assert_eq!(tier.asides(), 0, "a fresh store is trusted");
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
