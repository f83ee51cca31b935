//! What hostile values, callers and runtimes may do, and what is promised to everybody else meanwhile.
//!
//! Installed caches are the process's: these tests run one at a time.
#![allow(missing_docs, clippy::unwrap_used, missing_debug_implementations)]

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::testing::Gate;
use cached_runtime::{Cache, Eviction, cache};

const HOT: usize = 8_000;
const SOON: Duration = Duration::from_secs(5);

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn installed(eviction: Eviction) -> Cache {
    let cache = Cache::builder().clock(Clock::manual()).seed(1).eviction(eviction).build().unwrap();
    cache.install();
    cache
}

fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Without any runtime.
fn bare<F: Future>(future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    for _ in 0..1_000 {
        if let Poll::Ready(out) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return out;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    panic!("still waiting")
}

/// In a thread of its own, so that a hang fails the test and does not hang it.
fn within<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> std::thread::Result<T> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = tell.send(std::panic::catch_unwind(AssertUnwindSafe(work)));
    });
    told.recv_timeout(SOON).unwrap_or_else(|_| panic!("still waiting: {what}"))
}

fn fronted(cache: &Cache, site: &str) -> u64 {
    cache.stats().sites.iter().filter(|s| s.site.ends_with(site)).map(|s| s.fronted).sum()
}

// ---------------------------------------------------------------- a copy beside a store under way

static SOURCE: AtomicU64 = AtomicU64::new(0);
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

// ---------------------------------------------------------------- copies and panics

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
    if std::env::var_os("ATTACK_CHILD").is_some() {
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
    let name = "a_value_that_cannot_be_dropped_at_a_threads_end_does_not_end_the_process";
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env("ATTACK_CHILD", "1")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
}

// ---------------------------------------------------------------- copies against everything at once

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

// ---------------------------------------------------------------- loads that start in their caller

#[derive(Clone, Default)]
struct Body {
    runs: Arc<AtomicU64>,
    gate: Gate,
}

fn multi() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("still waiting: {what}"))
}

#[cache(key = "hazard-deep:{id}", ttl = "1h")]
async fn deep(id: u64) -> u64 {
    if id == 0 { 0 } else { deeper(id - 1).await + 1 }
}

fn deeper(id: u64) -> Boxed<u64> {
    Box::pin(async move {
        if id.is_multiple_of(3) {
            tokio::task::yield_now().await;
        }
        deep(id).await
    })
}

#[test]
fn a_thousand_loads_inside_each_other_end() {
    let _alone = alone();
    installed(Eviction::Clock);
    assert_eq!(wait(soon("deep, one thread", deep(1_000))), 1_000);
    installed(Eviction::Clock);
    assert_eq!(multi().block_on(soon("deep, threads", async { tokio::spawn(deep(1_000)).await.unwrap() })), 1_000);
}

#[cache(key = "hazard-ring:{id}", skip(gate, left), ttl = "1h")]
async fn ring(gate: Option<Gate>, left: u32, id: u32) -> u64 {
    if let Some(gate) = &gate {
        gate.pass().await;
    }
    let Some(left) = left.checked_sub(1) else { return 0 };
    let (a, b) = tokio::join!(ring_next(gate.clone(), left, (id + 1) % 4), ring_next(gate, left, (id + 2) % 4));
    a.min(b) + 1
}

fn ring_next(gate: Option<Gate>, left: u32, id: u32) -> Boxed<u64> {
    Box::pin(ring(gate, left, id))
}

#[test]
fn rings_of_loads_that_join_each_other_end() {
    let _alone = alone();
    let runtime = multi();
    for round in 0..20 {
        installed(Eviction::Clock);
        runtime.block_on(soon("a ring", async {
            let gate = (round % 2 == 0).then(Gate::opened);
            let calls: Vec<_> = (0..4).map(|id| tokio::spawn(ring(gate.clone(), 6, id))).collect();
            for call in calls {
                call.await.unwrap();
            }
        }));
    }
}

#[cache(key = "hazard-held:{id}", skip(body), ttl = "1h")]
async fn held(body: &Body, id: u64) -> u64 {
    let run = body.runs.fetch_add(1, SeqCst) + 1;
    body.gate.pass().await;
    let _ = id;
    run
}

#[test]
fn a_caller_who_leaves_after_the_first_poll_takes_nothing_along() {
    let _alone = alone();
    installed(Eviction::Clock);
    let runtime = multi();
    for id in 0..200 {
        let body = Body::default();
        body.gate.close();
        {
            let _entered = runtime.enter();
            let mut call = pin!(held(&body, id));
            assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        body.gate.open();
        assert_eq!(runtime.block_on(soon("the next", held(&body, id))), 1);
        assert_eq!(body.runs.load(SeqCst), 1);
    }
}

#[cache(key = "hazard-oneshot:{id}", skip(from), ttl = "1h")]
async fn oneshot(from: Arc<Mutex<Option<tokio::sync::oneshot::Receiver<u64>>>>, id: u64) -> u64 {
    let _ = id;
    let from = from.lock().unwrap().take().unwrap();
    from.await.unwrap()
}

#[test]
fn no_wakeup_is_lost_between_the_first_poll_and_the_task() {
    let _alone = alone();
    installed(Eviction::Clock);
    let runtime = multi();
    for id in 0..2_000 {
        let (send, from) = tokio::sync::oneshot::channel();
        let from = Arc::new(Mutex::new(Some(from)));
        let sender = runtime.spawn(async move {
            for _ in 0..id % 50 {
                std::hint::spin_loop();
            }
            send.send(id).unwrap();
        });
        let answer = runtime.block_on(soon("a oneshot", async {
            let call = tokio::spawn(oneshot(from.clone(), id));
            tokio::select! { answer = oneshot(from, id) => answer, answer = call => answer.unwrap() }
        }));
        assert_eq!(answer, id);
        runtime.block_on(sender).unwrap();
    }
}

#[test]
fn a_load_starts_in_a_local_set_and_in_one_thread() {
    let _alone = alone();
    installed(Eviction::Clock);
    let body = Body::default();
    body.gate.close();
    wait(async {
        let local = tokio::task::LocalSet::new();
        let (one, gate) = (body.clone(), body.gate.clone());
        let here = local.run_until(async move {
            let calls: Vec<_> = (0..5)
                .map(|_| {
                    let one = one.clone();
                    tokio::task::spawn_local(async move { held(&one, 1_000).await })
                })
                .collect();
            gate.arrived(1).await;
            gate.open();
            for call in calls {
                assert_eq!(call.await.unwrap(), 1);
            }
        });
        soon("a local set", here).await;
    });
    assert_eq!(body.runs.load(SeqCst), 1);
}

#[cache(key = "hazard-blocking:{id}", ttl = "1h")]
async fn blocking(id: u64) -> u64 {
    tokio::task::block_in_place(|| {
        if id == 0 { 0 } else { tokio::runtime::Handle::current().block_on(blocking_next(id - 1)) + 1 }
    })
}

fn blocking_next(id: u64) -> Boxed<u64> {
    Box::pin(blocking(id))
}

#[test]
fn loads_that_block_in_place_inside_each_other_end() {
    let _alone = alone();
    installed(Eviction::Clock);
    assert_eq!(multi().block_on(soon("blocking", async { tokio::spawn(blocking(20)).await.unwrap() })), 20);
}

#[test]
fn a_runtime_that_ends_in_the_middle_frees_the_key_for_those_of_another() {
    let _alone = alone();
    installed(Eviction::Clock);
    for id in 2_000..2_020 {
        let body = Body::default();
        body.gate.close();
        let (first, second) = (multi(), multi());
        let leader = first.spawn({
            let body = body.clone();
            async move { held(&body, id).await }
        });
        second.block_on(soon("the leader", body.gate.arrived(1)));
        let joiner = second.spawn({
            let body = body.clone();
            async move { held(&body, id).await }
        });
        std::thread::sleep(Duration::from_millis(2));
        first.shutdown_background();
        std::thread::sleep(Duration::from_millis(1));
        body.gate.open();
        assert!(second.block_on(soon("the joiner", joiner)).unwrap() <= 2);
        drop(leader);
    }
}

fn no_opinion(_: &u64) -> bool {
    panic!("cache_if")
}
fn no_life(_: &u64) -> Duration {
    panic!("ttl_with")
}
fn no_weight(_: &u64) -> usize {
    panic!("weigh")
}

#[cache(key = "hazard-if:{id}", cache_if = no_opinion, skip(gate), ttl = "1h")]
async fn bad_if(gate: Gate, id: u64) -> u64 {
    gate.pass().await;
    id
}
#[cache(key = "hazard-ttl:{id}", ttl_with = no_life, skip(gate))]
async fn bad_ttl(gate: Gate, id: u64) -> u64 {
    gate.pass().await;
    id
}
#[cache(key = "hazard-weigh:{id}", weigh = no_weight, skip(gate), ttl = "1h")]
async fn bad_weigh(gate: Gate, id: u64) -> u64 {
    gate.pass().await;
    id
}

#[test]
fn a_policy_that_panics_hangs_nobody_at_whatever_poll() {
    let _alone = alone();
    installed(Eviction::Clock);
    let runtime = multi();
    type Read = fn(Gate, u64) -> Boxed<u64>;
    let reads: [Read; 3] =
        [|g, i| Box::pin(bad_if(g, i)), |g, i| Box::pin(bad_ttl(g, i)), |g, i| Box::pin(bad_weigh(g, i))];
    for read in reads {
        for close in [false, true] {
            let gate = Gate::opened();
            if close {
                gate.close();
            }
            let calls: Vec<_> = (0..6).map(|_| runtime.spawn(read(gate.clone(), 1))).collect();
            std::thread::sleep(Duration::from_millis(5));
            gate.open();
            for call in calls {
                assert!(runtime.block_on(soon("a caller", call)).unwrap_err().is_panic());
            }
        }
    }
}

/// An error that cannot be copied.
#[derive(Debug)]
struct Down;

impl From<cached_runtime::Error> for Down {
    fn from(_: cached_runtime::Error) -> Self {
        Self
    }
}

#[derive(Clone, Default)]
struct Tree {
    parent: Gate,
    child: Gate,
}

/// The source is down; a parent asks for its child before it knows.
#[cache(key = "hazard-tree:{level}:{id}", skip(tree, again), ttl = "1h")]
async fn node(tree: &Tree, again: bool, level: u32, id: u32) -> Result<u64, Down> {
    let _ = again;
    if level == 0 {
        tree.child.pass().await;
        return Err(Down);
    }
    if again {
        return child(tree.clone(), id).await;
    }
    tree.parent.pass().await;
    Err(Down)
}

fn child(tree: Tree, id: u32) -> Boxed<Result<u64, Down>> {
    Box::pin(async move { node(&tree, true, 0, id).await })
}

#[test]
fn those_who_load_for_themselves_inside_each_other_end() {
    let _alone = alone();
    let cache = installed(Eviction::Clock);
    let runtime = multi();
    let tree = Tree::default();
    tree.parent.close();
    tree.child.close();
    let start = |again: bool, level: u32, id: u32| {
        let tree = tree.clone();
        runtime.spawn(async move { node(&tree, again, level, id).await.is_err() })
    };
    let leaders: Vec<_> = (0..4).map(|id| start(false, 1, id)).collect();
    runtime.block_on(soon("parents", tree.parent.arrived(4)));
    let children: Vec<_> = (0..4).map(|id| start(true, 0, id)).collect();
    runtime.block_on(soon("children", tree.child.arrived(4)));
    let joiners: Vec<_> = (0..4).map(|id| start(true, 1, id)).collect();
    let joins = |n: u64| {
        for _ in 0..500 {
            if cache.stats().total().joins >= n {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("{} joined", cache.stats().total().joins);
    };
    joins(4);
    tree.parent.open();
    joins(8);
    tree.child.open();
    for call in leaders.into_iter().chain(children).chain(joiners) {
        assert!(runtime.block_on(soon("one of a tree", call)).unwrap());
    }
}

#[cache(key = "hazard-soft:{id}", ttl = "1h", stale = "1h", soft_timeout = "50ms")]
async fn soft(id: u64) -> u64 {
    id
}

#[cache(key = "hazard-hard:{id}", ttl = "1h", timeout = "5s")]
async fn hard(id: u64) -> Result<u64, Down> {
    Ok(id)
}

#[test]
fn without_timers_a_load_that_never_waits_is_answered_all_the_same() {
    let _alone = alone();
    installed(Eviction::Clock);
    let untimed = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let tried = [
        ("soft, bare", std::panic::catch_unwind(|| bare(soft(1)) == 1).is_ok()),
        ("hard, bare", std::panic::catch_unwind(|| bare(hard(1)).is_ok()).is_ok()),
        ("hard, untimed", std::panic::catch_unwind(AssertUnwindSafe(|| untimed.block_on(hard(2)).is_ok())).is_ok()),
    ];
    let failed: Vec<_> = tried.iter().filter(|(_, fine)| !fine).map(|(what, _)| *what).collect();
    assert!(failed.is_empty(), "{failed:?}");
}

#[cache(key = "hazard-outer:{id}", skip(inner), ttl = "1h")]
async fn outer(inner: &Body, id: u64) -> u64 {
    held(inner, id).await
}

#[test]
fn a_refresh_is_not_inherited_by_loads_inside() {
    let _alone = alone();
    installed(Eviction::Clock);
    let body = Body::default();
    wait(async {
        assert_eq!(outer(&body, 5_000).await, 1);
        assert_eq!(outer::refresh(&body, 5_000).await, 1);
    });
    assert_eq!(body.runs.load(SeqCst), 1);
}

#[test]
fn many_calls_in_one_task_are_all_answered() {
    let _alone = alone();
    installed(Eviction::Clock);
    let body = Body::default();
    body.gate.close();
    multi().block_on(soon("many", async {
        let both = async {
            tokio::join!(held(&body, 6_000), held(&body, 6_000), held(&body, 6_001), async {
                body.gate.arrived(2).await;
                body.gate.open();
            })
        };
        let (a, b, c, ()) = both.await;
        assert_eq!((a, a + c), (b, 3));
    }));
    assert_eq!(body.runs.load(SeqCst), 2);
}
// ---------------------------------------------------------------- values that call the cache

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

#[test]
fn a_refresh_is_no_eviction() {
    let _alone = alone();
    let cache = installed(Eviction::Clock);
    for _ in 0..10 {
        let _ = versioned::refresh(1);
    }
    assert_eq!(cache.stats().sites.iter().map(|s| s.evictions).sum::<u64>(), 0);
}
