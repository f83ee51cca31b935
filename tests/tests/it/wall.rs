//! The wall clock steps while a process runs: lives are lived by another clock.
//!
//! The child process reads a wall clock that the test moves: a small library in front of the system's adds to it what
//! stands in a file.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use cached_runtime::{Cache, cache};

const TTL: Duration = Duration::from_secs(3);

/// The system's clock, and what is added to the wall's, and to the one that goes on while the machine sleeps.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, id, now);
    int wall = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
    const char *path = getenv(wall ? "WALL_STEP" : "SLEPT");
    if (result == 0 && path && (wall || id == CLOCK_BOOTTIME)) {
        char text[32] = {0};
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file >= 0 && read(file, text, sizeof text - 1) > 0)
            now->tv_sec += atoll(text);
        if (file >= 0)
            close(file);
    }
    return result;
}
"#;

#[cache(key = "wall:{id}", ttl = "3s", jitter = 0, local, cache = cache)]
async fn read(cache: &Cache, id: u64) -> Instant {
    let _ = (cache, id);
    Instant::now()
}

#[cache(key = "wall-stored:{id}", ttl = "1h", cache = cache)]
async fn stored(cache: &Cache, id: u64) -> u64 {
    let _ = cache;
    id
}

fn shim(room: &Path) -> PathBuf {
    let (source, library) = (room.join("wall.c"), room.join("wall.so"));
    fs::write(&source, SHIM).unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).status();
    assert!(built.is_ok_and(|status| status.success()), "the tests need a C compiler: run tests/run.sh");
    library
}

/// Loads, lets the wall clock step, and says how far from its ttl the entry ended.
async fn lived_through(cache: &Cache, step: &Path, seconds: i64, id: u64) -> Duration {
    let first = read(cache, id).await;
    let wall = SystemTime::now();
    fs::write(step, seconds.to_string()).unwrap();
    // The control: this process's wall clock has really stepped.
    let stepped = match SystemTime::now().duration_since(wall) {
        Ok(forward) => forward.as_secs() as i64,
        Err(back) => -(back.duration().as_secs() as i64),
    };
    assert!((stepped - seconds).abs() <= 1, "{seconds} s asked for, {stepped} s stepped");
    assert_eq!(read(cache, id).await, first, "a step of {seconds} s ends no life");
    while read(cache, id).await == first {
        assert!(first.elapsed() < TTL * 20, "a step of {seconds} s, and the entry lives on");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    fs::write(step, "0").unwrap();
    first.elapsed().abs_diff(TTL)
}

/// The process whose wall clock steps: does nothing unless it is started as one.
#[tokio::test]
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
async fn process_on_a_stepping_clock() {
    let Ok(step) = std::env::var("WALL_STEP") else { return };
    let step = Path::new(&step);
    let room = tempfile::tempdir().unwrap();
    let cache = Cache::builder().sqlite(room.path().join("store")).build().unwrap();
    for id in 0..1_000 {
        stored(&cache, id).await;
    }
    cache.flush(Duration::from_secs(20)).await;
    let mut worst = Duration::ZERO;
    for (id, seconds) in (0..).zip([3_600, -3_600, 5, -5]) {
        let error = lived_through(&cache, step, seconds, id).await;
        println!("  L11: a step of {seconds} s: ended {error:?} from its ttl");
        worst = worst.max(error);
    }
    // The promise is 50 ms; the rest is for a busy machine.
    assert!(worst < TTL / 2, "{worst:?}");
    fs::write(step, "-1800").unwrap();
    let hits = || cache.stats().site("stored").unwrap().hits;
    let before = hits();
    for id in 0..1_000 {
        stored(&cache, id).await;
    }
    println!("  L11: {} of 1,000 other entries are still there", hits() - before);
    assert_eq!(hits() - before, 1_000, "nothing expired with the steps");
}

#[cache(key = "slept:{id}", ttl = "10m", stale = "1m", jitter = 0, cache = cache)]
async fn slept(cache: &Cache, id: u64) -> Result<u64, String> {
    match (id, LOADS.fetch_add(1, Ordering::SeqCst)) {
        // A source that is down after the sleep: what is too old does not stand in for it either.
        (7, n) if n > 1_000 => Err("down".to_owned()),
        (_, n) => {
            let _ = cache;
            Ok(n)
        }
    }
}

static LOADS: AtomicU64 = AtomicU64::new(0);

/// The process whose machine sleeps: does nothing unless it is started as one.
#[tokio::test]
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
async fn process_on_a_sleeping_machine() {
    let Ok(sleep) = std::env::var("SLEPT") else { return };
    let room = tempfile::tempdir().unwrap();
    let cache = Cache::builder().sqlite(room.path().join("store")).build().unwrap();
    for id in 0..1_000 {
        slept(&cache, id).await.unwrap();
        stored(&cache, id).await;
    }
    let loads = cache.stats().total().loads;
    assert_eq!(slept(&cache, 1).await, Ok(1), "the control: near has it");
    cache.flush(Duration::from_secs(20)).await;
    let (monotonic, start) = (Instant::now(), cache.clock().now());
    // Half of one life, which is longer than the other.
    fs::write(sleep, "1800").unwrap();
    // A hit reads a number that is a few milliseconds old.
    while cache.clock().now() < start + 1_800_000 {
        assert!(monotonic.elapsed() < Duration::from_secs(20), "the clock does not notice that the machine slept");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    println!("  L11: a sleep of half an hour is noticed after {:?} of waking time", monotonic.elapsed());
    let mut old = 0;
    for id in 0..1_000 {
        old += u64::from(slept(&cache, id).await.is_ok_and(|read| read < 1_000));
        stored(&cache, id).await;
    }
    let loads = cache.stats().total().loads - loads;
    println!("  L11: {old} of 1,000 entries of ten minutes were served after it, {loads} loads for 2,000 entries");
    assert_eq!((old, loads), (0, 1_000), "what has expired in the sleep, and nothing else, is loaded");
    assert!(slept(&cache, 7).await.is_err(), "and is not served stale");
}

/// Runs this test where the clocks are those of the shim, which reads from the file of this variable how far they went.
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
fn in_a_process_of_its_own(test: &str, variable: &str) {
    let room = tempfile::tempdir().unwrap();
    let far = room.path().join("far");
    fs::write(&far, "0").unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env("LD_PRELOAD", shim(room.path()))
        .env(variable, &far)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
    said.lines().filter(|line| line.starts_with("  ")).for_each(|line| println!("{}", line.trim()));
    assert!(said.contains("1 passed"), "the child ran this test");
}

#[test]
fn l11_a_machine_that_sleeps_lengthens_no_life() {
    in_a_process_of_its_own("wall::process_on_a_sleeping_machine", "SLEPT");
}

#[test]
fn l11_a_wall_clock_that_steps_shortens_and_lengthens_no_life() {
    in_a_process_of_its_own("wall::process_on_a_stepping_clock", "WALL_STEP");
}
