//! Values whose own code panics, or calls the cache, while they are dropped.

use super::*;

static DROPS_PANIC: AtomicBool = AtomicBool::new(false);

struct Grenade(u64);

impl Clone for Grenade {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl Drop for Grenade {
    fn drop(&mut self) {
        if self.0 == 1 && !std::thread::panicking() && DROPS_PANIC.swap(false, SeqCst) {
            panic!("a drop that panics");
        }
    }
}

#[cache(key = "hazard-grenade:{id}", local, ttl = "1h", jitter = 0)]
fn grenade(id: u32) -> Grenade {
    let _ = id;
    let seen = SOURCE.load(SeqCst);
    DROPS_PANIC.store(seen == 2, SeqCst);
    Grenade(seen)
}

#[test]
fn a_drop_that_panics_while_a_value_is_stored_frees_the_key() {
    let _alone = alone();
    let cache = installed(Eviction::Clock);
    SOURCE.store(1, SeqCst);
    assert_eq!(grenade(1).0, 1);
    SOURCE.store(2, SeqCst);
    let _ = wait(cache.invalidate_key(&grenade::key(1)));
    assert!(within("the first", || grenade(1).0).is_err());
    SOURCE.store(3, SeqCst);
    cache.clock().advance(Duration::from_secs(7_200));
    assert_eq!(within("the next call", || grenade(1).0).unwrap(), 3);
}

thread_local! {
    static MINE: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Its `drop` uses a thread-local, as handles of pools do.
struct Handle(u64);

impl Clone for Handle {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        MINE.with_borrow_mut(|mine| mine.push(self.0));
    }
}

#[cache(key = "hazard-handle:{id}", local, ttl = "1h")]
fn handle(id: u64) -> Handle {
    Handle(id)
}

/// In a process of its own: what goes wrong at a thread's end ends the process.
#[test]
fn a_value_that_cannot_be_dropped_at_a_threads_end_does_not_end_the_process() {
    if std::env::var_os("HAZARD_CHILD").is_some() {
        for first in [true, false] {
            std::thread::spawn(move || {
                if first {
                    MINE.with_borrow_mut(|mine| mine.push(0));
                }
                (0..HOT).for_each(|_| drop(handle(1)));
            })
            .join()
            .unwrap();
        }
        return;
    }
    let name = "values::a_value_that_cannot_be_dropped_at_a_threads_end_does_not_end_the_process";
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("HAZARD_CHILD", "1")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"), "the child ran this test");
}

struct Caller(u64);

impl Clone for Caller {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if self.0 == 1 && DROPS_PANIC.swap(false, SeqCst) {
            for id in 100..200 {
                assert_eq!(caller(id).0, 2);
            }
        }
    }
}

#[cache(key = "hazard-caller:{id}", local, ttl = "1h", jitter = 0)]
fn caller(id: u32) -> Caller {
    let seen = SOURCE.load(SeqCst);
    if id == 1 {
        DROPS_PANIC.store(seen == 2, SeqCst);
    }
    Caller(seen)
}

#[test]
fn a_replaced_value_whose_drop_calls_the_cache_hangs_nobody() {
    let _alone = alone();
    let cache = installed(Eviction::Clock);
    SOURCE.store(1, SeqCst);
    assert_eq!(caller(1).0, 1);
    SOURCE.store(2, SeqCst);
    let _ = wait(cache.invalidate_key(&caller::key(1)));
    assert_eq!(within("a drop that calls", || caller(1).0).unwrap(), 2);
}
