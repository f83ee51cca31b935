//! Loads that start in their caller: they end, whatever becomes of the caller, the runtime or each other.

use super::*;

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
