//! A process that is killed while its store is being written, again and again: the next one finds what was written, or
//! nothing, and never what was invalidated.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cached_runtime::chance::Chance;
use cached_runtime::{Applied, Cache, cache};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, Row as _, SqliteConnection};
use tempfile::TempDir;

use crate::rig::LONG;

const KEYS: u64 = 100;

/// A process over a store, and the version of all rows.
#[derive(Clone)]
struct Process {
    cache: Cache,
    version: Arc<AtomicU64>,
}

#[cache(key = "killed:{key}", tags = ["killed:{key}"], ttl = "1h", jitter = 0, cache = process.cache, skip(process))]
async fn row(process: &Process, key: u64) -> Vec<u64> {
    whole(key, process.version.load(SeqCst))
}

/// What a row of this version reads: of many lengths, and no part of it like the same part of another.
fn whole(key: u64, version: u64) -> Vec<u64> {
    let more =
        (0..(key * 37 + version * 11) % 600).map(|n| key ^ version.rotate_left(17) ^ n.wrapping_mul(0x9E37_79B9));
    [key, version].into_iter().chain(more).collect()
}

impl Process {
    fn over(engine: &str, store: &Path, version: u64) -> Self {
        let builder = Cache::builder();
        let builder = if engine == "disk" { builder.disk(store) } else { builder.sqlite(store) };
        Self { cache: builder.build().unwrap(), version: Arc::new(AtomicU64::new(version)) }
    }

    /// Loads and invalidates until it is killed. What was invalidated is written down when the cache has said so.
    async fn work(&self, ledger: &mut File, seed: u64) {
        let chance = Chance::new(seed);
        loop {
            for _ in 0..4 {
                row(self, chance.below(KEYS)).await;
            }
            let key = chance.below(KEYS);
            let version = self.version.fetch_add(1, SeqCst) + 1;
            let applied = match chance.below(2) {
                0 => self.cache.invalidate_key(&row::key(self, key)).await,
                _ => self.cache.invalidate_tags([format!("killed:{key}")]).await,
            };
            if applied == Applied::Applied {
                // In one go: the head of a torn line would become the beginning of the next process's first.
                ledger.write_all(format!("{key} {version}\n").as_bytes()).unwrap();
            }
        }
    }
}

/// The process to be killed: does nothing unless it is started as one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writing_process() {
    let Ok(plan) = std::env::var("KILLED_PLAN") else { return };
    let [engine, store, ledger, round] = plan.split(' ').collect::<Vec<_>>()[..] else { panic!("no plan: {plan}") };
    let mut ledger = OpenOptions::new().append(true).create(true).open(ledger).unwrap();
    let round: u64 = round.parse().unwrap();
    // Later processes write later versions, also where the earlier one had no time to write down its own.
    Process::over(engine, Path::new(store), round * 1_000_000).work(&mut ledger, round).await;
}

/// A store, what is known to have been invalidated in it, and what was found after the kills.
struct Trial {
    engine: &'static str,
    room: TempDir,
    found: usize,
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Trial {
    fn store(&self) -> PathBuf {
        self.room.path().join("store")
    }

    fn ledger(&self) -> PathBuf {
        self.room.path().join("ledger")
    }

    /// A process runs until it has written down so many invalidations, and is killed in the middle of the next.
    fn kill_one(&self, round: u64, lines: u64) {
        let plan = format!("{} {} {} {round}", self.engine, self.store().display(), self.ledger().display());
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["killed::writing_process", "--exact", "--nocapture"]).env("KILLED_PLAN", plan);
        let before = self.lines();
        let mut child = Killed(child.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
        let start = Instant::now();
        while self.lines() < before + lines as usize {
            let written = self.lines() - before;
            assert!(child.0.try_wait().unwrap().is_none(), "it ends when it is killed, and not before");
            assert!(start.elapsed() < LONG * 3, "round {round}: {written} of {lines} invalidations were taken in time");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn lines(&self) -> usize {
        fs::read(self.ledger()).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count()
    }

    /// The lowest version of each row that may still be read.
    fn floors(&self) -> Vec<u64> {
        let mut floors = vec![0; KEYS as usize];
        for line in fs::read_to_string(self.ledger()).unwrap().lines() {
            // The last line of a process may be torn.
            let Some((Ok(key), Ok(version))) = line.split_once(' ').map(|(k, v)| (k.parse::<usize>(), v.parse()))
            else {
                continue;
            };
            floors[key] = version;
        }
        floors
    }

    /// The next process reads all there is: how many rows it finds, and which of them are wrong.
    async fn look(&self, floors: &[u64]) -> (usize, Vec<String>) {
        let process = Process::over(self.engine, &self.store(), 0);
        let (mut found, mut wrong) = (0, Vec::new());
        for key in 0..KEYS {
            let Some(read) = row::peek(&process, key).await else { continue };
            found += 1;
            if read != whole(key, read[1]) || read[1] < floors[key as usize] {
                wrong.push(format!("row {key} reads {:?}, and {} is the floor", &read[..2], floors[key as usize]));
            }
        }
        process.cache.shutdown(LONG).await;
        (found, wrong)
    }

    fn asides(&self) -> usize {
        let names = fs::read_dir(self.room.path()).unwrap().flatten().map(|entry| entry.file_name());
        names.filter(|name| name.to_string_lossy().contains("set-aside")).count()
    }
}

async fn integrity(store: &Path) -> String {
    let mut file = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(store)).await.unwrap();
    let row = sqlx::query("PRAGMA integrity_check").fetch_one(&mut file).await.unwrap();
    row.get(0)
}

fn rounds() -> u64 {
    if std::env::var_os("CACHED_FULL").is_some() { 200 } else { 20 }
}

#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
async fn killed_again_and_again(engine: &'static str) {
    let mut trial = Trial { engine, room: TempDir::new().unwrap(), found: 0 };
    let chance = Chance::new(17);
    for round in 1..=rounds() {
        trial.kill_one(round, 1 + chance.below(60));
        let (found, wrong) = trial.look(&trial.floors()).await;
        assert!(wrong.is_empty(), "{engine}, round {round}: {wrong:?}");
        trial.found += found;
        if engine == "sqlite" {
            assert_eq!(integrity(&trial.store()).await, "ok", "round {round}");
        }
    }
    let (lines, found, asides) = (trial.lines(), trial.found, trial.asides());
    println!(
        "D9, {engine}: {} kills, {lines} invalidations, {found} rows found, 0 wrong, {asides} set aside",
        rounds()
    );
    assert!(found > 10, "the stores are not simply empty: {found}");
    // The control: had each row been invalidated once more, what is there now would be wrong.
    let raised: Vec<u64> = trial.floors().iter().map(|floor| floor + 1_000_000_000).collect();
    trial.kill_one(rounds() + 1, 60);
    let (found, wrong) = trial.look(&raised).await;
    assert!(found > 0 && wrong.len() == found, "{found} found, {} called wrong", wrong.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d9_a_disk_whose_process_is_killed_holds_nothing_wrong() {
    killed_again_and_again("disk").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d9_an_sqlite_whose_process_is_killed_holds_nothing_wrong() {
    killed_again_and_again("sqlite").await;
}
