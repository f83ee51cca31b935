//! Copies of hot values that each thread keeps: seen by nobody once the entry has changed, and bounded.
//!
//! Only an installed cache has them, so these tests share a process with no others and run one at a time.
#![allow(missing_docs, clippy::unwrap_used, missing_debug_implementations)]

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Barrier, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cached_runtime::audit::AuditOptions;
use cached_runtime::clock::Clock;
use cached_runtime::{Cache, cache};

/// Enough hits of one key for the shelf to notice that it is hot.
const HOT: usize = 8_000;

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn installed(clock: &Clock) -> Cache {
    let cache = Cache::builder().clock(clock.clone()).seed(1).build().unwrap();
    cache.install();
    cache
}

fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn fronted(cache: &Cache, site: &str) -> u64 {
    cache.stats().sites.iter().filter(|s| s.site.ends_with(site)).map(|s| s.fronted).sum()
}

static SOURCE: AtomicU64 = AtomicU64::new(0);

#[cache(key = "front:{id}", tags = ["front-tag:{id}"], ttl = "1h", jitter = 0)]
fn read(id: u32) -> u64 {
    let _ = id;
    SOURCE.load(SeqCst)
}

fn warm_up() {
    for _ in 0..HOT {
        read(1);
    }
}

/// What a second thread reads before and after a change, with its front warm.
fn read_around<T>(change: impl FnOnce(&Cache) -> T) -> (u64, u64) {
    let cache = installed(&Clock::manual());
    SOURCE.store(1, SeqCst);
    let (warm, changed) = (Barrier::new(2), Barrier::new(2));
    let (before, after, copied) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            warm_up();
            let before = read(1);
            warm.wait();
            changed.wait();
            (before, read(1))
        });
        warm.wait();
        let copied = fronted(&cache, "read");
        SOURCE.store(2, SeqCst);
        let _ = change(&cache);
        changed.wait();
        let (before, after) = reader.join().unwrap();
        (before, after, copied)
    });
    assert!(copied > 0, "the key is hot and copied");
    (before, after)
}

/// The control: without a change the copy goes on answering, whatever the source says.
#[test]
fn a_copy_answers_while_nothing_changed() {
    let _alone = alone();
    assert_eq!(read_around(|_| ()), (1, 1));
    assert_eq!(read_around(|cache| wait(cache.invalidate_tags(["another"]))), (1, 1));
}

#[test]
fn no_thread_reads_its_copy_after_an_invalidation() {
    let _alone = alone();
    assert_eq!(read_around(|cache| wait(cache.invalidate_key(&read::key(1)))), (1, 2), "key");
    assert_eq!(read_around(|cache| wait(cache.invalidate_tags(["front-tag:1"]))), (1, 2), "tag");
    assert_eq!(read_around(|cache| wait(cache.invalidate_pattern("front:*")).unwrap()), (1, 2), "pattern");
    assert_eq!(read_around(|cache| wait(cache.invalidate_namespace("front"))), (1, 2), "namespace");
    assert_eq!(read_around(|cache| wait(cache.clear())), (1, 2), "everything");
}

#[test]
fn no_thread_reads_its_copy_after_the_entry_was_replaced_or_removed() {
    let _alone = alone();
    assert_eq!(read_around(|_| read::refresh(1)), (1, 2), "refresh");
    assert_eq!(read_around(|_| read::remove(1)), (1, 2), "remove");
}

#[test]
fn a_copy_is_not_read_past_its_ttl() {
    let _alone = alone();
    let clock = Clock::manual();
    let cache = installed(&clock);
    SOURCE.store(1, SeqCst);
    warm_up();
    assert!(fronted(&cache, "read") > 0);
    SOURCE.store(2, SeqCst);
    clock.advance(Duration::from_secs(3_599));
    assert_eq!(read(1), 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(read(1), 2);
}

/// Readers with warm fronts against a writer: no read that starts after an invalidation returned sees an older value.
#[test]
fn readers_never_fall_behind_a_writer() {
    let _alone = alone();
    let cache = installed(&Clock::manual());
    SOURCE.store(1, SeqCst);
    warm_up();
    let published = AtomicU64::new(1);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let at_least = published.load(SeqCst);
                    for _ in 0..50 {
                        let seen = read(1);
                        assert!(seen >= at_least, "read {seen}, though {at_least} was published before");
                    }
                    if at_least == u64::from(u32::MAX) {
                        break;
                    }
                }
            });
        }
        for version in 2..2_000 {
            SOURCE.store(version, SeqCst);
            let _ = wait(cache.invalidate_key(&read::key(1)));
            published.store(version, SeqCst);
        }
        SOURCE.store(u32::MAX.into(), SeqCst);
        let _ = wait(cache.invalidate_key(&read::key(1)));
        published.store(u32::MAX.into(), SeqCst);
    });
    assert!(fronted(&cache, "read") > 0, "the readers used their fronts");
}

#[cache(key = "front-large:{id}", skip(bytes), ttl = "1h")]
fn large(id: u32, bytes: usize) -> Vec<u8> {
    vec![id as u8; bytes]
}

#[test]
fn copies_are_bounded_and_end_with_their_thread() {
    let _alone = alone();
    let bytes = 4 << 20;
    let cache = Cache::builder().near_bytes(bytes).seed(1).build().unwrap();
    cache.install();
    let (full, seen) = (Barrier::new(9), Barrier::new(9));
    std::thread::scope(|scope| {
        let work = |thread: u32| {
            for n in 0..HOT {
                drop(large(thread * 4 + n as u32 % 2, 15_000));
            }
            full.wait();
            seen.wait();
        };
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(move || work(thread))).collect();
        full.wait();
        let held = fronted(&cache, "large");
        seen.wait();
        // Joined one by one: the scope itself does not wait for a thread's last moments.
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!((1..=bytes / 16).contains(&held), "{held} bytes in copies");
    });
    assert_eq!(fronted(&cache, "large"), 0, "threads that ended hold nothing");
    for n in 0..HOT {
        drop(large(n as u32 % 2, 20_000));
    }
    assert!(fronted(&cache, "large") < 20_000, "large values are not copied");
}

/// A value whose clone asks the cache for itself.
struct Curious(u32);

impl Clone for Curious {
    fn clone(&self) -> Self {
        if self.0 > 0 {
            assert_eq!(curious(self.0 - 1).0, self.0 - 1);
        }
        Self(self.0)
    }
}

#[cache(key = "front-curious:{id}", local, ttl = "1h")]
fn curious(id: u32) -> Curious {
    Curious(id)
}

#[test]
fn a_clone_that_calls_the_function_itself_is_answered() {
    let _alone = alone();
    installed(&Clock::manual());
    for _ in 0..HOT {
        assert_eq!(curious(2).0, 2);
    }
}

#[cache(key = "front-audited:{id}", tags = ["front-audited:{id}"], ttl = "1h", jitter = 0)]
async fn audited(id: u32) -> u64 {
    let _ = id;
    SOURCE.load(SeqCst)
}

/// A cache whose hits are audited, in a runtime in which audits can run.
fn auditing<T>(work: impl AsyncFnOnce(Cache, Clock) -> T) -> T {
    let clock = Clock::manual();
    let options = AuditOptions::new().each(1).bound(Duration::from_secs(2)).at_once(8);
    let cache = Cache::builder().clock(clock.clone()).seed(1).audit(options).build().unwrap();
    cache.install();
    SOURCE.store(1, SeqCst);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work(cache, clock))
}

async fn heat() {
    for _ in 0..HOT {
        assert_eq!(audited(1).await, 1);
        tokio::task::yield_now().await;
    }
}

/// Most hits of a hot key never reach the shelf: of these as many are audited, and each is counted once.
#[test]
fn hits_that_a_copy_answers_are_audited_too() {
    let _alone = alone();
    auditing(async |cache, _| {
        heat().await;
        assert!(fronted(&cache, "audited") > 0, "the key is hot and copied");
        let (hits, before) = (cache.stats().total().hits, cache.audit_report().unwrap());
        heat().await;
        let told = cache.audit_report().unwrap();
        assert_eq!(cache.stats().total().hits - hits, HOT as u64, "each is counted once");
        // One in 128 is a sample; a copy answers 32 calls for each that the shelf does.
        let audits = told.checked - before.checked + told.left_out - before.left_out;
        assert!(audits >= HOT as u64 / 128 / 2, "{audits} of {HOT}: {told:?}");
        assert_eq!((told.stale, told.met, cache.stats().total().loads), (0, true, 1));
    });
}

#[test]
fn a_planted_stale_copy_is_found() {
    let _alone = alone();
    auditing(async |cache, clock| {
        heat().await;
        assert!(fronted(&cache, "audited") > 0, "the key is hot and copied");
        // Behind the framework's back.
        SOURCE.store(2, SeqCst);
        heat().await;
        assert_eq!(cache.audit_report().unwrap().stale, 0, "not before the bound has passed");
        let mut turns = 0;
        while cache.audit_report().unwrap().stale == 0 {
            clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
            turns += 1;
            assert!(turns < 1_000, "{:?}", cache.audit_report());
        }
        let told = cache.audit_report().unwrap();
        assert_eq!(
            (told.found[0].key.as_str(), &told.found[0].places[..]),
            ("front-audited:1", &["near".to_owned()][..])
        );
        assert!(!told.met && told.found.len() == 1, "several audits found it: {told:?}");
        let _ = cache.invalidate_tags(["front-audited:1"]).await;
        assert_eq!(audited(1).await, 2, "and no copy outlives what names it");
        let mut turns = 0;
        while cache.audit_report().unwrap().found.iter().any(|found| found.lasted.is_none()) {
            clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
            turns += 1;
            assert!(turns < 1_000, "{:?}", cache.audit_report());
        }
    });
}
