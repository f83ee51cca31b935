//! Copies of hot values per thread: never behind, and given back whatever a value's code does.

use super::*;

static ARMED: AtomicBool = AtomicBool::new(false);
static HOOK: Mutex<Option<(Sender<()>, Receiver<()>)>> = Mutex::new(None);

/// A value that takes its time to go.
struct Slow(u64);

impl Clone for Slow {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        if self.0 == 1 && ARMED.swap(false, SeqCst) {
            let hook = HOOK.lock().unwrap().take();
            if let Some((there, go)) = hook {
                let _ = there.send(());
                let _ = go.recv_timeout(SOON);
            }
        }
    }
}

#[cache(key = "hazard-slow:{id}", local, ttl = "1h", jitter = 0)]
fn slow(id: u32) -> Slow {
    let _ = id;
    let seen = SOURCE.load(SeqCst);
    ARMED.store(seen == 2, SeqCst);
    Slow(seen)
}

#[test]
fn no_copy_is_revived_while_the_entry_that_replaces_it_is_being_stored() {
    let _alone = alone();
    let cache = installed(Eviction::Lru);
    SOURCE.store(1, SeqCst);
    for _ in 0..HOT {
        assert_eq!(slow(1).0, 1);
    }
    assert!(fronted(&cache, "slow") > 0);
    let (there, arrived) = mpsc::channel();
    let (release, go) = mpsc::channel();
    *HOOK.lock().unwrap() = Some((there, go));
    SOURCE.store(2, SeqCst);
    let _ = wait(cache.invalidate_key(&slow::key(1)));
    let writer = std::thread::spawn(|| slow(1).0);
    arrived.recv_timeout(SOON).expect("the old value goes while the new one is stored");
    let seen: Vec<u64> = (0..3).map(|_| slow(1).0).collect();
    release.send(()).unwrap();
    assert_eq!(writer.join().unwrap(), 2);
    assert_eq!(seen, [2, 2, 2], "what was invalidated before is read again");
}

thread_local! {
    static CLONES_LEFT: Cell<u32> = const { Cell::new(u32::MAX) };
}

struct Brittle(u32);

impl Clone for Brittle {
    fn clone(&self) -> Self {
        let left = CLONES_LEFT.get();
        CLONES_LEFT.set(left.wrapping_sub(1));
        assert!(left != 0, "a clone that panics");
        Self(self.0)
    }
}

#[cache(key = "hazard-brittle:{id}", local, ttl = "1h")]
fn brittle(id: u32) -> Brittle {
    Brittle(id)
}

#[test]
fn a_clone_that_panics_takes_no_room_of_copies_with_it() {
    let _alone = alone();
    let cache = installed(Eviction::Clock);
    std::thread::spawn(|| {
        for _ in 0..HOT {
            brittle(1);
        }
    })
    .join()
    .unwrap();
    assert_eq!(fronted(&cache, "brittle"), 0);
    std::thread::spawn(|| {
        brittle(1);
        for _ in 0..50 {
            CLONES_LEFT.set(1);
            let call = std::panic::catch_unwind(|| brittle(1).0);
            assert!(call.is_err());
            CLONES_LEFT.set(u32::MAX);
        }
    })
    .join()
    .unwrap();
    assert_eq!(fronted(&cache, "brittle"), 0, "bytes nobody holds");
}

#[cache(key = "hazard-versioned:{id}", tags = ["hazard-tag:{id}"], ttl = "1h", stale = "1h", jitter = 0)]
fn versioned(id: u32) -> u64 {
    let _ = id;
    SOURCE.load(SeqCst)
}

fn readers_against_changes(eviction: Eviction) {
    let cache = installed(eviction);
    SOURCE.store(1, SeqCst);
    for n in 0..HOT {
        versioned(n as u32 % 2);
    }
    let published = AtomicU64::new(1);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut worst = None;
                    while !stop.load(SeqCst) {
                        let at_least = published.load(SeqCst);
                        for n in 0..20 {
                            let seen = versioned(n % 2);
                            if seen < at_least {
                                worst = Some((seen, at_least));
                            }
                        }
                    }
                    worst
                })
            })
            .collect();
        for version in 2..3_000u64 {
            SOURCE.store(version, SeqCst);
            match version % 6 {
                0 => (0..2).for_each(|id| {
                    versioned::refresh(id);
                }),
                1 => (0..2).for_each(|id| {
                    let _ = versioned::remove(id);
                }),
                2 => drop(wait(cache.invalidate_tags(["hazard-tag:0", "hazard-tag:1"]))),
                3 => drop(wait(cache.invalidate_pattern("hazard-versioned:*"))),
                4 => drop(wait(cache.clear())),
                _ => {
                    cache.set_near_capacity(if version % 12 == 5 { 4096 } else { 64 << 20 });
                    let _ = wait(cache.invalidate_namespace("hazard-versioned"));
                }
            }
            published.store(version, SeqCst);
        }
        stop.store(true, SeqCst);
        for reader in readers {
            assert_eq!(reader.join().unwrap(), None, "{eviction:?}: (read, though published)");
        }
    });
    std::thread::sleep(Duration::from_millis(20));
}

#[test]
fn readers_are_never_behind_with_clock() {
    let _alone = alone();
    readers_against_changes(Eviction::Clock);
}

#[test]
fn readers_are_never_behind_with_lru() {
    let _alone = alone();
    readers_against_changes(Eviction::Lru);
}

#[test]
fn readers_are_never_behind_with_fifo() {
    let _alone = alone();
    readers_against_changes(Eviction::Fifo);
}

#[cache(key = "hazard-generic:{id}", local, ttl = "1h")]
fn generic<T: Default + Clone + Send + Sync + std::fmt::Debug + 'static>(id: u32) -> Vec<T> {
    vec![T::default(); id as usize]
}

#[test]
fn instances_and_caches_in_turn_keep_their_values_and_give_back_their_copies() {
    let _alone = alone();
    let caches = [installed(Eviction::Clock), installed(Eviction::Lru), installed(Eviction::Fifo)];
    std::thread::spawn({
        let caches = caches.clone();
        move || {
            for round in 0..12 {
                caches[round % 3].install();
                for _ in 0..HOT / 2 {
                    assert_eq!(generic::<u64>(3), [0, 0, 0]);
                    assert_eq!(generic::<String>(2), [String::new(), String::new()]);
                }
                let held = caches.iter().filter(|cache| fronted(cache, "generic") > 0).count();
                assert!(held <= 1, "only the cache in force has copies of this thread");
            }
        }
    })
    .join()
    .unwrap();
    for cache in &caches {
        assert_eq!(fronted(cache, "generic"), 0);
    }
}

#[test]
fn a_refresh_is_no_eviction() {
    let _alone = alone();
    let cache = installed(Eviction::Clock);
    for _ in 0..10 {
        let _ = versioned::refresh(1);
    }
    assert_eq!(cache.stats().sites.iter().map(|s| s.evictions).sum::<u64>(), 0);
}
