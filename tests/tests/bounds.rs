//! Memory, tasks and files as the system sees them, each case in a process of its own: what comes is far more than what
//! may stay.
//!
//! `tests/run.sh --full` runs them at length.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use cached_runtime::chance::Chance;
use cached_runtime::clock::Clock;
use cached_runtime::pages::{self, After, Window};
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Cache, SetOptions, cache};

const MIB: u64 = 1 << 20;
const CAP: u64 = 64 * MIB;

/// Runs the body in a child, so that it has its memory to itself.
fn alone(name: &str, body: impl FnOnce()) {
    if std::env::var_os("BOUNDS_CHILD").is_some() {
        return body();
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("BOUNDS_CHILD", "1")
        // What is resident is then what is held, not what an allocator made of it: glibc gives large blocks back when
        // they are freed, and all threads share one arena. With one for each, a thread that stands still for a moment
        // on a busy machine leaves an arena full of holes while the other thread fills its own.
        .env("MALLOC_MMAP_THRESHOLD_", "65536")
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
    assert!(said.contains("1 passed"), "the child ran this test");
    said.lines().filter(|line| line.starts_with("  ")).for_each(|line| eprintln!("{name}:{line}"));
}

fn full() -> bool {
    std::env::var_os("CACHED_FULL").is_some()
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let pid = std::process::id().to_string();
    let output = Command::new("ps").args(["-o", "rss=", "-p", &pid]).output();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).map(str::to_owned);
    let text = line.unwrap_or_else(|| String::from_utf8_lossy(&output.unwrap().stdout).into_owned());
    text.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

/// The most that was resident while this ran, beyond what was before.
fn peak(work: impl FnOnce()) -> u64 {
    let before = resident();
    let (most, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let watch = std::thread::spawn({
        let (most, done) = (Arc::clone(&most), Arc::clone(&done));
        move || {
            while !done.load(Ordering::Relaxed) {
                most.fetch_max(resident(), Ordering::Relaxed);
                // A pause between two looks, that the watch may not take a core; nothing waits for it.
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    });
    work();
    most.fetch_max(resident(), Ordering::Relaxed);
    done.store(true, Ordering::Relaxed);
    watch.join().unwrap();
    most.load(Ordering::Relaxed).saturating_sub(before)
}

/// About so many bytes, written to, so that they are really there; in words, for they are weighed one by one.
fn bytes(len: u64) -> Vec<u64> {
    vec![1; usize::try_from(len.div_ceil(8)).unwrap()]
}

fn told(what: &str, bytes: u64) {
    println!("  {what}: {:.1} MiB", bytes as f64 / MIB as f64);
}

#[test]
fn hostile_sizes_stay_within_the_bound() {
    alone("hostile_sizes_stay_within_the_bound", || {
        type Sizes = fn(u64) -> (u64, u64);
        let patterns: [(&str, Sizes); 3] = [
            ("1 byte and 256 KiB in turn", |n| (n, if n % 2 == 0 { 1 } else { MIB / 4 })),
            ("256 KiB each", |n| (n, MIB / 4)),
            ("the same keys, growing to 1 MiB", |n| (n % 64, (n * 509) % MIB)),
        ];
        for (what, of) in patterns {
            let cache = Cache::builder().near_bytes(CAP).build().unwrap();
            let names = cache.namespace::<Vec<u64>>("hostile").unwrap();
            let inserted = AtomicU64::new(0);
            let most = peak(|| {
                std::thread::scope(|scope| {
                    // Eight tasks on two threads: what an allocator keeps for each of many threads is not the cache's.
                    for thread in 0..2_u64 {
                        let (names, inserted) = (&names, &inserted);
                        scope.spawn(move || {
                            for n in 0.. {
                                let (name, len) = of(n / 4);
                                if inserted.fetch_add(len, Ordering::Relaxed) > 1_000 * MIB {
                                    break;
                                }
                                names.set((n % 4 * 2 + thread, name), bytes(len));
                            }
                        });
                    }
                });
            });
            told(what, most);
            assert!(cache.stats().near_bytes <= CAP * 6 / 5, "{what}: {}", cache.stats().near_bytes);
            assert!(most <= CAP * 8 / 5, "{what}: {most} bytes were resident under a bound of {CAP}");
        }
    });
}

/// The control: the same without a bound.
#[test]
fn a_map_that_keeps_everything_grows_by_everything() {
    alone("a_map_that_keeps_everything_grows_by_everything", || {
        let mut all = std::collections::HashMap::new();
        let most = peak(|| {
            for n in 0..1_000 {
                all.insert(n, bytes(MIB / 4));
            }
        });
        told("1,000 values of 256 KiB", most);
        assert!(most > 200 * MIB, "{most}: what is measured is what is held");
    });
}

/// Few keys, written again and again by several threads: what is replaced must go as fast as it comes.
#[test]
fn keys_used_again_under_pressure_stay_within_the_bound() {
    alone("keys_used_again_under_pressure_stay_within_the_bound", || {
        let cache = Cache::builder().near_bytes(CAP).build().unwrap();
        let names = cache.namespace::<Vec<u64>>("pressure").unwrap();
        let end = Instant::now() + Duration::from_secs(if full() { 60 } else { 2 });
        let most = peak(|| {
            std::thread::scope(|scope| {
                for thread in 0..2_u64 {
                    let names = &names;
                    scope.spawn(move || {
                        for n in 0_u64.. {
                            if n.is_multiple_of(64) && Instant::now() > end {
                                break;
                            }
                            let task = n % 4 * 2 + thread;
                            names.set((n * 7 + task) % 20_000, bytes(4_096 + (n * 31 + task) % 8_192));
                        }
                    });
                }
            });
        });
        told("resident at most", most);
        told("weighed at the end", cache.stats().near_bytes);
        assert!(cache.stats().near_bytes <= CAP * 6 / 5, "{}", cache.stats().near_bytes);
        assert!(most <= CAP * 8 / 5, "{most} bytes were resident under a bound of {CAP}");
    });
}

/// Each key is used once and never again; lives are short, and the clock goes on.
#[test]
fn a_million_keys_that_are_used_once_leave_nothing() {
    alone("a_million_keys_that_are_used_once_leave_nothing", || {
        let clock = Clock::manual();
        let cache = Cache::builder().near_bytes(CAP).clock(clock.clone()).build().unwrap();
        let names = cache.namespace::<u64>("once").unwrap();
        let keys = if full() { 10_000_000 } else { 1_000_000 };
        let mut after = Vec::new();
        for n in 0..keys {
            names.set_with(n, n, SetOptions::new().ttl(Duration::from_secs(30)));
            if n % (keys / 10) == 0 {
                clock.advance(Duration::from_secs(65));
                after.push(resident());
            }
        }
        let (early, late) = (*after[..5].iter().max().unwrap(), after[9]);
        told("resident, first half", early);
        told("resident at the end", late);
        assert!(late <= early + early / 10, "{after:?}");
        let entries = cache.stats().total().entries;
        assert!(entries <= keys / 10 * 2, "{entries} entries are there, though all but the last tenth has expired");
    });
}

#[cache(key = "flood:{n}", ttl = "1h", weigh = |_: &u64| 1_000, cache = cache)]
fn flood(cache: &Cache, n: u64) -> u64 {
    let _ = cache;
    n
}

/// Hits on a thousand hot keys, in points, with so many one-hit keys between two of them.
fn hot_hits(scan: u64, calls: u64) -> f64 {
    let cache = Cache::builder().near_bytes(4 * MIB).build().unwrap();
    let misses = || cache.stats().total().misses;
    for n in 0..4_000 {
        flood(&cache, n % 1_000);
    }
    let (mut hot_misses, mut next) = (0, 1_000_000_u64);
    for n in 0..calls {
        for _ in 0..scan {
            flood(&cache, next);
            next += 1;
        }
        // One call of a hundred is looked at: statistics are not for nothing.
        if n % 100 == 0 {
            let before = misses();
            flood(&cache, n % 1_000);
            hot_misses += misses() - before;
        } else {
            flood(&cache, (n * 7) % 1_000);
        }
    }
    100.0 - hot_misses as f64 * 100.0 / (calls / 100) as f64
}

#[test]
fn a_flood_of_one_hit_keys_leaves_the_hot_ones() {
    alone("a_flood_of_one_hit_keys_leaves_the_hot_ones", || {
        // Four one-hit keys to each hot call: a million at full length.
        let calls = if full() { 250_000 } else { 50_000 };
        let (calm, flooded) = (hot_hits(0, calls), hot_hits(4, calls));
        println!("  hits on the hot keys: {calm:.1} points, under the flood {flooded:.1}");
        assert!(calm - flooded < 5.0, "{calm} fell to {flooded}");
    });
}

/// Waits a few times, as a source does, and holds what it was given meanwhile.
#[cache(key = "left:{n}", ttl = "1h", skip(held), cache = cache)]
async fn left(cache: &Cache, n: u64, held: Arc<()>) -> u64 {
    let _ = (cache, &held);
    for _ in 0..n % 4 {
        tokio::task::yield_now().await;
    }
    n
}

type Row = (u64, String);

/// A row of some hundred bytes, as a database would send it.
fn row(n: u64) -> Row {
    (n, format!("{n:0100}"))
}

#[cache(key = "export:{after}", tags = ["export"], cache = cache)]
async fn export(cache: &Cache, after: After<u64>) -> Result<Window<Row, u64>, std::convert::Infallible> {
    let _ = cache;
    let from = after.cursor().map_or(0, |n| n + 1);
    let rows = (from..ROWS).take(usize::try_from(after.limit_and_one()).unwrap()).map(row);
    Ok(after.of_and_one(rows, |row| row.0))
}

const ROWS: u64 = 1_000_000;

/// Reads them all in chunks of a thousand, one ahead, and says how many there were in their order.
async fn exported(cache: &Cache) -> u64 {
    let mut rows = pages::stream(After::start(1_000).unwrap(), |after| export(cache, after)).ahead();
    let mut count = 0;
    while let Some(Ok((n, text))) = rows.next().await {
        assert_eq!((n, text.len()), (count, 100));
        count += 1;
    }
    count
}

/// Twice: a cold stream that loads everything, and one that begins while what is left of the first is kept.
fn streamed(what: &str, cache: &Cache) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let most = peak(|| {
        for _ in 0..2 {
            assert_eq!(runtime.block_on(exported(cache)), ROWS);
        }
    });
    told(what, most);
    assert!(most <= CAP, "{most} bytes were resident while {ROWS} rows were streamed");
}

#[test]
fn a_million_rows_are_streamed_in_little_memory() {
    alone("a_million_rows_are_streamed_in_little_memory", || {
        let cache = Cache::builder().namespace_limit("export", 8 * MIB).build().unwrap();
        streamed("in memory, resident at most", &cache);
        let export = cache.stats().site("export").map(|site| site.bytes).unwrap();
        assert!(export > MIB && export <= 8 * MIB * 6 / 5, "chunks are kept, within their limit: {export}");
    });
}

#[test]
fn a_million_rows_are_streamed_over_a_disk_in_little_memory() {
    alone("a_million_rows_are_streamed_over_a_disk_in_little_memory", || {
        let dir = tempfile::tempdir().unwrap();
        let builder = Cache::builder().namespace_limit("export", 8 * MIB);
        let cache = builder.disk(dir.path()).build().unwrap();
        streamed("over a disk, resident at most", &cache);
    });
}

/// The control: the same rows held all together.
#[test]
fn a_million_rows_held_together_take_far_more() {
    alone("a_million_rows_held_together_take_far_more", || {
        let mut all = Vec::new();
        let most = peak(|| all.extend((0..ROWS).map(row)));
        told("resident at most", most);
        assert!(most > 2 * CAP, "{most} for {} rows", all.len());
    });
}

/// Files and sockets that this process has open.
fn open_files() -> usize {
    std::fs::read_dir("/dev/fd").map_or(0, Iterator::count)
}

async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(20), "still waiting: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// L3: each caller polls a few times and goes away.
async fn all_leave(callers: u64) {
    let cache = Cache::builder().tier(MemoryTier::new()).build().unwrap();
    let (held, chance) = (Arc::new(()), Chance::new(3));
    // What is started once and stays, such as the writer of the tier, is there before anything is counted.
    left(&cache, u64::MAX, Arc::clone(&held)).await;
    cache.flush(Duration::from_secs(20)).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = (tasks(), open_files());
    let mut unfinished = 0;
    for n in 0..callers {
        // Three callers to each key, so that most of them join what another has begun.
        let mut call = Box::pin(left(&cache, n / 3, Arc::clone(&held)));
        let polls = chance.below(6);
        let mut done = false;
        for _ in 0..polls {
            done = done || call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
            tokio::task::yield_now().await;
        }
        unfinished += u64::from(!done);
    }
    cache.flush(Duration::from_secs(20)).await;
    until("what the callers left behind ends", || Arc::strong_count(&held) == 1).await;
    until("their tasks end", || tasks() <= before.0).await;
    let (more_tasks, more_files) = (tasks().saturating_sub(before.0), open_files().abs_diff(before.1));
    println!(
        "  L3: {unfinished} of {callers} callers left: {more_tasks} tasks and {more_files} files more than before"
    );
    assert!(unfinished > callers / 4 && unfinished < callers, "at whatever poll: {unfinished}");
    assert_eq!(open_files(), before.1);
    for n in 0..callers / 3 {
        assert_eq!(left(&cache, n, Arc::clone(&held)).await, n, "each key can be used");
    }
}

#[test]
fn l3_callers_who_leave_at_whatever_poll_leave_nothing_behind() {
    alone("l3_callers_who_leave_at_whatever_poll_leave_nothing_behind", || {
        let callers = if full() { 100_000 } else { 10_000 };
        let one = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        one.block_on(all_leave(callers));
        let two = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        two.block_on(all_leave(callers));
    });
}

/// The control: a call that is forgotten and not dropped holds what it was given.
#[test]
fn a_caller_who_is_forgotten_is_noticed() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (cache, held) = (Cache::builder().build().unwrap(), Arc::new(()));
        let mut call = Box::pin(left(&cache, 3, Arc::clone(&held)));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(Arc::strong_count(&held) > 1);
        drop(call);
        until("its load ends without it", || Arc::strong_count(&held) == 1).await;
    });
}
