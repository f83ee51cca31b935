//! A load that its first caller drives while a tier is read goes on when that caller leaves, sleeps, panics or ends.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Waker};

use cached_runtime::cache;
use cached_runtime::testing::{Gate, Operation};
use cached_runtime::tier::memory::MemoryTier;
use tokio::runtime::Runtime;

use crate::rig::{Down, World, soon};
use crate::shelf::eventually;

#[cache(key = "relay:{id}", ttl = "1h", jitter = 0, cache = world.cache)]
async fn read(world: &World, id: u32) -> Result<u64, Down> {
    let _ = id;
    world.source.read().await
}

#[cache(key = "relay-inline:{id}", ttl = "1h", load = "inline", local, cache = world.cache)]
async fn inline(world: &World, id: u32) -> Result<u64, Down> {
    read(world, id).await
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Polls a call once: it starts, and waits for the tier.
fn start(call: Pin<&mut (impl Future + ?Sized)>) {
    assert!(call.poll(&mut Context::from_waker(Waker::noop())).is_pending(), "the tier is held");
}

/// A world whose tier has the value 7 of this key and near has not, and whose source would say 8.
async fn stored_below(id: u32) -> World {
    let tier = Arc::new(MemoryTier::new());
    let first = World::over(Arc::<MemoryTier>::clone(&tier));
    first.source.write(7);
    assert_eq!(read(&first, id).await, Ok(7));
    first.settle().await;
    let world = World::over_at(tier, &first.clock);
    world.source.write(8);
    world
}

/// The control: how a load that a tier answers goes when nothing is in its way.
#[tokio::test]
async fn a_tier_answers_the_first_caller_and_the_second_is_a_hit() {
    let world = stored_below(1).await;
    assert_eq!(read(&world, 1).await, Ok(7));
    assert_eq!(read(&world, 1).await, Ok(7));
    assert_eq!((world.source.reads(), world.chaos.counts(Operation::Get).calls), (0, 1));
}

/// It needs no task of its own: while it waits for the tier, there is none.
#[tokio::test]
async fn a_first_caller_alone_drives_its_load_itself() {
    let world = stored_below(1).await;
    world.chaos.hang(Operation::Get);
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks() - before;
    let mut first = Box::pin(read(&world, 1));
    start(first.as_mut());
    assert_eq!(alive(), 0);
    let mut second = Box::pin(read(&world, 1));
    start(second.as_mut());
    assert_eq!(alive(), 1, "the control: who joins gives it one");
    world.chaos.release(Operation::Get);
    assert_eq!(soon("both", async { (first.await, second.await) }).await, (Ok(7), Ok(7)));
}

#[tokio::test]
async fn a_first_caller_who_leaves_during_a_read_neither_ends_nor_repeats_it() {
    for (missing, told) in [(false, 7), (true, 8)] {
        let world = if missing { World::new() } else { stored_below(1).await };
        world.source.write(8);
        world.chaos.hang(Operation::Get);
        let first = tokio::spawn({
            let world = world.clone();
            async move { read(&world, 1).await }
        });
        soon("the read", world.chaos.before(Operation::Get).arrived(1)).await;
        first.abort();
        assert!(first.await.is_err());
        world.chaos.release(Operation::Get);
        eventually("the load lands", || read::entry(&world, 1).peek_near().is_some()).await;
        assert_eq!(read(&world, 1).await, Ok(told));
        assert_eq!(world.source.reads(), u64::from(missing));
        assert_eq!(world.chaos.counts(Operation::Get).calls, 1);
    }
}

#[tokio::test]
async fn fifty_who_leave_during_a_read_cost_one() {
    let world = World::new();
    world.chaos.hang(Operation::Get);
    for _ in 0..50 {
        start(pin!(read(&world, 1)));
    }
    world.chaos.release(Operation::Get);
    assert_eq!(soon("the patient one", read(&world, 1)).await, Ok(0));
    assert_eq!((world.source.reads(), world.chaos.counts(Operation::Get).calls), (1, 1));
}

/// A future that was polled once and is then kept, unpolled, holds nothing that others need: not while its tier is
/// read, not when the tier has answered, and not when the source is asked next.
#[tokio::test]
async fn a_first_caller_who_sleeps_during_a_read_keeps_nobody_waiting() {
    for (missing, told) in [(false, 7), (true, 8)] {
        let world = if missing { World::new() } else { stored_below(1).await };
        world.source.write(8);
        world.chaos.hang(Operation::Get);
        let (mut asleep, turn) = (Box::pin(read(&world, 1)), Gate::opened());
        tokio::select! {
            biased;
            _ = &mut asleep => unreachable!("the tier is held"),
            () = turn.pass() => {}
        }
        let joined = tokio::spawn({
            let world = world.clone();
            async move { read(&world, 1).await }
        });
        eventually("one more waits", || world.cache.stats().total().joins == 1).await;
        world.chaos.release(Operation::Get);
        assert_eq!(soon("who joined early", joined).await.unwrap(), Ok(told));
        assert_eq!(soon("the sleeper", asleep).await, Ok(told));
        assert_eq!(world.source.reads(), u64::from(missing));
    }
}

#[tokio::test]
async fn who_joins_after_the_tier_has_answered_a_sleeper_is_answered() {
    let world = stored_below(1).await;
    world.chaos.hang(Operation::Get);
    let mut asleep = Box::pin(read(&world, 1));
    start(asleep.as_mut());
    world.chaos.release(Operation::Get);
    assert_eq!(soon("who joined late", read(&world, 1)).await, Ok(7));
    assert_eq!(soon("the sleeper", asleep).await, Ok(7));
    // A sleeper that is dropped, or never, is no different.
    world.cache.set_near_capacity(1);
    world.chaos.hang(Operation::Get);
    let mut forgotten = Box::pin(read(&world, 1));
    start(forgotten.as_mut());
    std::mem::forget(forgotten);
    world.chaos.release(Operation::Get);
    assert_eq!(soon("who joined one that is forgotten", read(&world, 1)).await, Ok(7));
}

/// Who joins from another runtime, inline, or from inside another load is answered as well.
#[test]
fn a_sleeper_keeps_nobody_waiting_in_another_runtime() {
    let (one, other) = (runtime(), runtime());
    let world = one.block_on(stored_below(1));
    world.chaos.hang(Operation::Get);
    let mut asleep = {
        let _entered = one.enter();
        let mut asleep = Box::pin(read(&world, 1));
        start(asleep.as_mut());
        asleep
    };
    let joined = other.spawn({
        let world = world.clone();
        async move { inline(&world, 1).await }
    });
    other.block_on(eventually("the inner one waits", || world.cache.stats().total().joins == 1));
    world.chaos.release(Operation::Get);
    assert_eq!(other.block_on(soon("the one inside", joined)).unwrap(), Ok(7));
    start_or_end(asleep.as_mut());
    assert_eq!(world.source.reads(), 0);
}

fn start_or_end(call: Pin<&mut (impl Future<Output = Result<u64, Down>> + ?Sized)>) {
    assert!(call.poll(&mut Context::from_waker(Waker::noop())).is_ready(), "it has landed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tier_that_panics_while_the_first_caller_drives_is_passed_by() {
    for operation_joined in [false, true] {
        let world = stored_below(1).await;
        world.chaos.hang(Operation::Get);
        world.chaos.panic(Operation::Get, 1.0);
        let calls: Vec<_> = (0..=u32::from(operation_joined))
            .map(|_| {
                let world = world.clone();
                tokio::spawn(async move { read(&world, 1).await })
            })
            .collect();
        soon("the read", world.chaos.before(Operation::Get).arrived(1)).await;
        eventually("all wait", || world.cache.stats().total().joins == u64::from(operation_joined)).await;
        world.chaos.release(Operation::Get);
        for call in calls {
            assert_eq!(soon("a caller", call).await.unwrap(), Ok(8), "the source answers");
        }
        assert_eq!(world.source.reads(), 1);
        assert_eq!(world.cache.stats().total().panics, 0);
    }
}

#[cache(key = "relay-panic:{id}", cache = world.cache)]
async fn faulty(world: &World, id: u32) -> u64 {
    assert!(world.source.read().await != Ok(0), "the body panics");
    u64::from(id)
}

/// The body starts where its first caller has driven the reads, and its panic is still the load's alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_panics_after_a_read_frees_its_key() {
    let world = World::new();
    world.chaos.hang(Operation::Get);
    let call = tokio::spawn({
        let world = world.clone();
        async move { faulty(&world, 1).await }
    });
    soon("the read", world.chaos.before(Operation::Get).arrived(1)).await;
    world.chaos.release(Operation::Get);
    let panic = soon("the caller", call).await.unwrap_err().into_panic();
    assert!(panic.downcast_ref::<&str>().is_some_and(|text| text.contains("the body panics")));
    world.source.write(1);
    assert_eq!(soon("the next", faulty(&world, 1)).await, 1);
    assert_eq!(world.cache.stats().total().panics, 1);
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[cache(key = "relay-ring:{id}", skip(left), cache = world.cache)]
async fn ring(world: &World, left: u32, id: u32) -> u64 {
    let Some(left) = left.checked_sub(1) else { return 0 };
    ring_next(world.clone(), left, (id + 1) % 3).await + 1
}

fn ring_next(world: World, left: u32, id: u32) -> Boxed<u64> {
    Box::pin(async move { ring(&world, left, id).await })
}

/// Loads inside each other, in a circle, each of which waits for a tier first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loads_that_ask_for_their_own_keys_end_over_a_slow_tier() {
    for alone in [true, false] {
        let world = World::new();
        let millis = std::time::Duration::from_millis;
        world.chaos.delay(Operation::Get, millis(1), millis(3));
        let calls: Vec<_> =
            (0..if alone { 1 } else { 6 }).map(|id| tokio::spawn(ring_next(world.clone(), 12, id % 3))).collect();
        for call in calls {
            assert!(soon("a ring", call).await.unwrap() >= 3, "as far as the ring is long");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loads_deep_inside_each_other_end_over_a_slow_tier() {
    #[cache(key = "relay-deep:{id}", cache = world.cache)]
    async fn deep(world: &World, id: u64) -> u64 {
        if id == 0 { 0 } else { deeper(world.clone(), id - 1).await + 1 }
    }
    fn deeper(world: World, id: u64) -> Boxed<u64> {
        Box::pin(async move { deep(&world, id).await })
    }
    let world = World::new();
    let micros = std::time::Duration::from_micros;
    world.chaos.delay(Operation::Get, micros(1), micros(2));
    assert_eq!(soon("deep", tokio::spawn(deeper(world, 100))).await.unwrap(), 100);
}

/// The first caller, and with it the future it drives, goes down with its runtime: the key is free for the next.
#[test]
fn a_runtime_that_ends_during_a_read_frees_its_keys() {
    for waits in [false, true] {
        let (first, second) = (runtime(), runtime());
        let world = first.block_on(stored_below(1));
        world.chaos.hang(Operation::Get);
        let gate = world.chaos.before(Operation::Get);
        first.spawn({
            let world = world.clone();
            async move { read(&world, 1).await }
        });
        first.block_on(gate.arrived(1));
        let joined = waits.then(|| {
            let world = world.clone();
            second.spawn(async move { read(&world, 1).await })
        });
        if waits {
            second.block_on(eventually("one waits", || world.cache.stats().total().joins == 1));
        }
        drop(first);
        world.chaos.release(Operation::Get);
        if let Some(joined) = joined {
            assert_eq!(second.block_on(soon("who waits elsewhere", joined)).unwrap(), Ok(7));
        }
        assert_eq!(second.block_on(soon("the next runtime", read(&world, 1))), Ok(7));
    }
}

/// A sleeper outlives its runtime; who joins it then loads for itself.
#[test]
fn a_sleeper_whose_runtime_has_ended_keeps_nobody_waiting() {
    let (first, second) = (runtime(), runtime());
    let world = first.block_on(stored_below(1));
    world.chaos.hang(Operation::Get);
    let mut asleep = Box::pin(read(&world, 1));
    {
        let _entered = first.enter();
        start(asleep.as_mut());
    }
    drop(first);
    world.chaos.release(Operation::Get);
    assert_eq!(second.block_on(soon("who joins a lost load", read(&world, 1))), Ok(7));
}

/// Callers who leave at any moment, beside others who stay: nobody is left waiting, and nothing is loaded twice at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wakeup_is_lost_between_those_who_leave_and_those_who_stay() {
    for round in 0..500_u32 {
        let world = World::new();
        let gate = world.chaos.before(Operation::Get);
        gate.close();
        let call = || {
            let world = world.clone();
            tokio::spawn(async move { read(&world, round).await })
        };
        let calls = [call(), call(), call()];
        gate.arrived(1).await;
        let opener = tokio::spawn({
            let gate = gate.clone();
            async move {
                for _ in 0..round % 40 {
                    std::hint::spin_loop();
                }
                gate.open();
            }
        });
        calls[round as usize % 3].abort();
        for call in calls {
            if let Ok(answer) = soon("who stays", call).await {
                assert_eq!(answer, Ok(0));
            }
        }
        opener.await.unwrap();
        assert_eq!(world.source.peak(), 1);
        assert_eq!(soon("a later one", read(&world, round)).await, Ok(0));
        assert_eq!(world.source.reads(), 1);
    }
}
