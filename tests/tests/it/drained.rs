//! The end of a cache: what was accepted is written or reported, in time, whatever else ends before it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::cache;
use cached_runtime::clock::Clock;
use cached_runtime::testing::Operation;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::tier::sql::{Sql, SqlOptions};
use cached_runtime::{Cache, Tier};

use crate::rig::{Down, LONG, World, soon};

const FRAMES: u32 = 10_000;
const QUEUE: &str = "drained-queue";
const BUDGET: Duration = Duration::from_secs(5);

#[cache(key = "drained:{id}", ttl = "1h", cache = world.cache)]
async fn read(world: &World, id: u32) -> Result<u64, Down> {
    let _ = id;
    world.source.read().await
}

/// A process in whose queue ten thousand frames wait, the first of them being written.
fn waiting(tier: Arc<dyn Tier>) -> World {
    let world = World::built(tier, Clock::manual(), |builder| builder.max_pending(2 * FRAMES as usize));
    world.chaos.before(Operation::Put).close();
    world.cache.namespace::<u32>(QUEUE).unwrap().set_many((0..FRAMES).map(|n| (n, n)));
    assert_eq!(world.cache.stats().tiers[0].pending, u64::from(FRAMES));
    world
}

/// L8: a tier that is well takes all that waits before the process ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
async fn l8_ten_thousand_frames_that_wait_are_written_before_the_end() {
    let room = tempfile::tempdir().unwrap();
    let memory: Arc<dyn Tier> = Arc::new(MemoryTier::new());
    let open = |name| match name {
        "sqlite" => Arc::new(Sql::open(SqlOptions::sqlite(room.path().join("store")).unwrap())),
        _ => Arc::clone(&memory),
    };
    for name in ["memory", "sqlite"] {
        let world = waiting(open(name));
        let start = Instant::now();
        // The end is asked for first, so that all that waits is in its report.
        let open_the_gate = async { world.chaos.before(Operation::Put).open() };
        let (end, ()) = tokio::join!(biased; world.cache.shutdown(LONG * 6), open_the_gate);
        println!("L8, {name}: {FRAMES} frames pending, {} written in {:?}", end.written, start.elapsed());
        assert_eq!((end.written + end.spared + end.unwritten, end.unwritten), (FRAMES as usize, 0), "{name}: {end:?}");
        let next = World::over_at(open(name), &world.clock);
        let last = next.cache.namespace::<u32>(QUEUE).unwrap().get(FRAMES - 1).await;
        assert_eq!(last, Some(FRAMES - 1), "{name}: the next process finds the last of them");
    }
}

/// L8: one that hangs takes nothing; the process ends in time and says how much was lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
async fn l8_ten_thousand_frames_over_a_hung_tier_are_reported_in_time() {
    let world = waiting(Arc::new(MemoryTier::new()));
    let budget = Duration::from_millis(500);
    let start = Instant::now();
    let end = world.cache.shutdown(budget).await;
    let took = start.elapsed();
    println!("L8, hung: {FRAMES} frames pending, {} reported as lost after {took:?} of {budget:?}", end.unwritten);
    assert_eq!(end.written + end.spared + end.unwritten, FRAMES as usize, "{end:?}");
    assert_eq!(end.written, 0);
    assert!(took < BUDGET, "{took:?}");
    assert_eq!(read(&world, 1).await, Ok(0), "near goes on");
}

/// L9: nobody has called `shutdown`. The runtime ends with a load and a write under way, and the last handle of the
/// cache is dropped where there is no runtime at all.
#[test]
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
fn l9_a_runtime_that_ends_without_a_word_hangs_nobody() {
    let room = tempfile::tempdir().unwrap();
    let tiers: [(&str, Arc<dyn Tier>); 2] = [
        ("memory", Arc::new(MemoryTier::new())),
        ("sqlite", Arc::new(Sql::open(SqlOptions::sqlite(room.path().join("store")).unwrap()))),
    ];
    for (name, tier) in tiers {
        for hung in [false, true] {
            let took = ended(Arc::clone(&tier), hung);
            println!("L9, {name}, {}: gone after {took:?}", if hung { "hung" } else { "well" });
            // The promise is a second; the rest is for a busy machine.
            assert!(took < BUDGET, "{name}, hung: {hung}: {took:?}");
        }
    }
}

fn ended(tier: Arc<dyn Tier>, hung: bool) -> Duration {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = World::over(tier);
    if hung {
        world.chaos.hang(Operation::Put);
    }
    runtime.block_on(async {
        for id in 0..100 {
            read(&world, id).await.unwrap();
        }
        world.source.gate.close();
        let (under_way, arrivals) = (world.clone(), world.source.gate.arrivals());
        tokio::spawn(async move { read(&under_way, 1_000).await });
        world.source.gate.arrived(arrivals + 1).await;
    });
    let start = Instant::now();
    drop(runtime);
    std::thread::spawn(move || drop(world)).join().expect("no panic where there is no runtime");
    start.elapsed()
}

/// L10: two caches in one process, each called from single-threaded runtimes that come and go.
#[test]
fn l10_caches_are_called_from_one_runtime_after_another() {
    let room = tempfile::tempdir().unwrap();
    let worlds: Vec<World> = ["one", "two"]
        .map(|name| Arc::new(Sql::open(SqlOptions::sqlite(room.path().join(name)).unwrap())) as Arc<dyn Tier>)
        .into_iter()
        .map(World::over)
        .collect();
    for round in 0..20 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for (n, world) in (1..).zip(&worlds) {
                let truth = round * 10 + n;
                world.source.write(truth);
                read::remove(world, 1).await;
                assert_eq!(soon("a load", read(world, 1)).await, Ok(truth), "round {round}, cache {n}");
                assert_eq!(soon("a hit", read(world, 1)).await, Ok(truth));
            }
        });
    }
    assert!(worlds.iter().all(|world| world.source.reads() == 20), "neither takes the other's values");
    let caches: Vec<Cache> = worlds.into_iter().map(|world| world.cache).collect();
    let last = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for cache in &caches {
        assert_eq!(last.block_on(cache.shutdown(LONG)).unwritten, 0);
    }
}
