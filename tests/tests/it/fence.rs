//! After an invalidation has returned, no read that starts later gives what was there before: at every moment of a load,
//! for every way to name what is invalidated. The control is the same schedule without the invalidation.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cached_runtime::cache;
use cached_runtime::clock::Clock;
use cached_runtime::group::Group;
use cached_runtime::key::Pattern;
use cached_runtime::testing::Operation;
use cached_runtime::tier::Tier;
use cached_runtime::tier::memory::MemoryTier;
use tokio::task::JoinHandle;

use crate::rig::{Down, World, soon};
use crate::shelf::eventually;

const OLD: u64 = 1;
const NEW: u64 = 2;
const MINUTE: Duration = Duration::from_secs(60);

#[cache(key = "fence:{id}:value", tags = ["fenced:{id}"], ttl = "10m", stale = "1h", refresh_ahead = "1m",
    soft_timeout = "0s", jitter = 0, cache_if = between, cache = world.cache)]
async fn read(world: &World, id: u32) -> Result<u64, Down> {
    let _ = id;
    world.source.read().await
}

type Hook = Box<dyn FnOnce() + Send>;

/// What happens between the next load and its publication.
static HOOK: Mutex<Option<Hook>> = Mutex::new(None);
/// One cell at a time: the hook is one for all.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn between(_: &u64) -> bool {
    let hook = HOOK.lock().unwrap().take();
    if let Some(hook) = hook {
        hook();
    }
    true
}

/// Where the old value is when it is invalidated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    BeforeLoad,
    DuringLoad,
    BetweenLoadAndPublish,
    DuringPromotion,
    DuringRefreshAhead,
    DuringForcedRefresh,
    WhileStaleIsServed,
    WhileFrameWaits,
    BeforeTierWrites,
    AfterTierWrote,
}

impl Moment {
    const ALL: [Self; 10] = [
        Self::BeforeLoad,
        Self::DuringLoad,
        Self::BetweenLoadAndPublish,
        Self::DuringPromotion,
        Self::DuringRefreshAhead,
        Self::DuringForcedRefresh,
        Self::WhileStaleIsServed,
        Self::WhileFrameWaits,
        Self::BeforeTierWrites,
        Self::AfterTierWrote,
    ];

    /// Is the old value in the tier at the end, if nothing is invalidated?
    fn leaves_old_in_tier(self) -> bool {
        use Moment::{DuringForcedRefresh, DuringRefreshAhead, WhileStaleIsServed};
        !matches!(self, DuringRefreshAhead | DuringForcedRefresh | WhileStaleIsServed)
    }
}

/// One schedule: this moment, this group or none.
struct Cell {
    world: World,
    tier: Arc<dyn Tier>,
    group: Option<Group>,
    running: Vec<JoinHandle<Result<u64, Down>>>,
}

/// What reads that began after the invalidation gave.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// While everything else was still held.
    at_once: u64,
    /// When all that was held had come to its end.
    in_the_end: u64,
    /// Without a load.
    peeked: Option<u64>,
    /// By the next process over the same tier.
    restarted: u64,
}

impl Cell {
    fn new(group: Option<Group>) -> Self {
        let tier: Arc<dyn Tier> = Arc::new(MemoryTier::new());
        let world = World::over(Arc::clone(&tier));
        world.source.write(OLD);
        Self { world, tier, group, running: Vec::new() }
    }

    fn start(&self) -> JoinHandle<Result<u64, Down>> {
        let world = self.world.clone();
        tokio::spawn(async move { read(&world, 1).await })
    }

    async fn warm(&self) {
        assert_eq!(read(&self.world, 1).await, Ok(OLD));
        self.world.settle().await;
    }

    /// Another node over the same tier and time.
    fn next_process(&self, clock: Clock) -> World {
        World::built(Arc::clone(&self.tier), clock, |builder| builder)
    }

    /// The truth changes, and the cache is told.
    async fn change(&self) {
        self.world.source.write(NEW);
        if let Some(group) = &self.group {
            soon("an invalidation", self.world.cache.invalidate(vec![group.clone()])).await;
        }
    }

    /// Brings the old value to where the moment wants it, held there.
    async fn arrange(&mut self, moment: Moment) {
        let (source, chaos) = (Arc::clone(&self.world.source), Arc::clone(&self.world.chaos));
        match moment {
            Moment::BeforeLoad => self.warm().await,
            Moment::DuringLoad => {
                source.gate.close();
                self.running.push(self.start());
                source.gate.arrived(1).await;
            }
            Moment::BetweenLoadAndPublish => {
                let (world, group) = (self.world.clone(), self.group.take());
                *HOOK.lock().unwrap() = Some(Box::new(move || {
                    world.source.write(NEW);
                    if let Some(group) = group {
                        world.cache.invalidate_blocking(vec![group]);
                    }
                }));
                assert_eq!(read(&self.world, 1).await, Ok(OLD));
            }
            Moment::DuringPromotion => {
                self.warm().await;
                self.world = self.next_process(self.world.clock.clone());
                self.world.source.write(OLD);
                let gate = self.world.chaos.after(Operation::Get);
                gate.close();
                self.running.push(self.start());
                gate.arrived(1).await;
            }
            Moment::DuringRefreshAhead | Moment::WhileStaleIsServed => {
                self.warm().await;
                let minutes = if moment == Moment::DuringRefreshAhead { 9 } else { 11 };
                self.world.clock.advance(minutes * MINUTE + MINUTE / 2);
                source.gate.close();
                assert_eq!(read(&self.world, 1).await, Ok(OLD));
                source.gate.arrived(2).await;
            }
            Moment::DuringForcedRefresh => {
                self.warm().await;
                source.gate.close();
                let world = self.world.clone();
                self.running.push(tokio::spawn(async move { read::refresh(&world, 1).await }));
                source.gate.arrived(2).await;
            }
            Moment::WhileFrameWaits => {
                let gate = chaos.before(Operation::Put);
                gate.close();
                read(&self.world, 2).await.unwrap();
                gate.arrived(1).await;
                assert_eq!(read(&self.world, 1).await, Ok(OLD));
            }
            Moment::BeforeTierWrites | Moment::AfterTierWrote => {
                let before = moment == Moment::BeforeTierWrites;
                let gate = if before { chaos.before(Operation::Put) } else { chaos.after(Operation::Put) };
                gate.close();
                assert_eq!(read(&self.world, 1).await, Ok(OLD));
                gate.arrived(1).await;
            }
        }
    }

    /// A read that begins now, and has come to wherever it waits before anything held is let go.
    async fn late_read(&mut self) -> u64 {
        let get = self.world.chaos.after(Operation::Get);
        let world = self.world.clone();
        let marks = move || (world.source.gate.arrivals(), get.arrivals(), world.cache.stats().total().joins);
        let before = marks();
        let late = self.start();
        eventually("the late read waits or is answered", || late.is_finished() || marks() != before).await;
        self.world.source.gate.open();
        self.world.chaos.calm();
        soon("the late read", late).await.unwrap().unwrap()
    }

    async fn run(mut self, moment: Moment) -> Seen {
        self.arrange(moment).await;
        self.change().await;
        let at_once = self.late_read().await;
        for running in self.running.drain(..) {
            soon("who began before", running).await.unwrap().unwrap();
        }
        let source = &self.world.source;
        eventually("loads behind have ended", || source.gate.passages() == source.gate.arrivals()).await;
        self.world.settle().await;
        let in_the_end = read(&self.world, 1).await.unwrap();
        let peeked = read::peek(&self.world, 1).await.map(Result::unwrap);
        let next = self.next_process(self.world.clock.clone());
        next.source.write(NEW);
        let restarted = read(&next, 1).await.unwrap();
        Seen { at_once, in_the_end, peeked, restarted }
    }
}

fn groups() -> Vec<Group> {
    let world = World::near_only();
    vec![
        Group::Key(read::key(&world, 1)),
        Group::Tag("fenced:1".into()),
        Group::Pattern(Pattern::new("fence:1:*").unwrap()),
        Group::Namespace("fence".into()),
        Group::Everything,
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_old_is_read_after_an_invalidation() {
    let fresh = Seen { at_once: NEW, in_the_end: NEW, peeked: Some(NEW), restarted: NEW };
    for moment in Moment::ALL {
        for group in groups() {
            let _turn = TURN.lock().await;
            let what = format!("{moment:?}, {group}");
            let seen = soon(&what, Cell::new(Some(group)).run(moment)).await;
            assert_eq!(seen, fresh, "{what}");
        }
    }
}

/// The control: each moment really has an old value that only the fence keeps from being read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_invalidation_every_moment_gives_the_old_value() {
    for moment in Moment::ALL {
        let _turn = TURN.lock().await;
        let seen = soon("the control", Cell::new(None).run(moment)).await;
        assert_eq!(seen.at_once, OLD, "{moment:?}");
        if moment.leaves_old_in_tier() {
            assert_eq!(seen.restarted, OLD, "{moment:?}: the next process reads the tier");
        }
    }
}

/// The control: what others do. A load that began before an invalidation brings the old value back.
#[tokio::test]
async fn a_plain_cache_brings_the_old_value_back() {
    let world = World::near_only();
    world.source.write(OLD);
    world.source.gate.close();
    let kept = quick_cache::sync::Cache::<u32, u64>::new(10);
    let load = async {
        let value = world.source.read().await.unwrap();
        kept.insert(1, value);
    };
    let change = async {
        world.source.gate.arrived(1).await;
        world.source.write(NEW);
        kept.remove(&1);
        world.source.gate.open();
    };
    tokio::join!(load, change);
    assert_eq!(kept.get(&1), Some(OLD));
}

/// A name that is not the entry's leaves it alone, in near and below.
#[tokio::test]
async fn an_invalidation_names_no_more_than_it_says() {
    let _turn = TURN.lock().await;
    let others = [
        Group::Key(read::key(&World::near_only(), 2)),
        Group::Tag("fenced:2".into()),
        Group::Tag("fenced".into()),
        Group::Pattern(Pattern::new("fence:2:*").unwrap()),
        Group::Pattern(Pattern::new("fence:1:other").unwrap()),
        Group::Namespace("fenc".into()),
        Group::Namespace("fence:1".into()),
    ];
    let cell = Cell::new(None);
    cell.warm().await;
    cell.world.source.write(NEW);
    for group in others {
        cell.world.cache.invalidate(vec![group.clone()]).await;
        assert_eq!(read(&cell.world, 1).await, Ok(OLD), "{group}");
        let next = cell.next_process(cell.world.clock.clone());
        next.source.write(NEW);
        assert_eq!(read(&next, 1).await, Ok(OLD), "{group}, the next process");
    }
    assert_eq!(cell.world.source.reads(), 1);
}

/// More invalidations than are remembered one by one are coarser, and still nothing old is read.
#[tokio::test]
async fn an_overflowing_memory_of_invalidations_forgets_none() {
    let _turn = TURN.lock().await;
    let tier: Arc<dyn Tier> = Arc::new(MemoryTier::new());
    let world = World::built(tier, Clock::manual(), |builder| builder.remembered_groups(8));
    world.source.write(OLD);
    for id in 0..100 {
        read(&world, id).await.unwrap();
    }
    world.source.write(NEW);
    assert_eq!(read(&world, 0).await, Ok(OLD), "the control: until then the old one is kept");
    for id in 0..100 {
        world.cache.invalidate_tags([format!("fenced:{id}")]).await;
    }
    for id in 0..100 {
        assert_eq!(read(&world, id).await, Ok(NEW), "{id}");
    }
}

/// Many writers and readers at once: a reader never sees a number smaller than one whose invalidation had returned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_never_goes_back_behind_an_invalidation() {
    use std::sync::atomic::{AtomicU64, Ordering};
    let _turn = TURN.lock().await;
    let world = World::new();
    let (told, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (world, told, done) = (world.clone(), Arc::clone(&told), Arc::clone(&done));
            tokio::spawn(async move {
                let mut reads = 0_u64;
                while done.load(Ordering::SeqCst) == 0 {
                    let known = told.load(Ordering::SeqCst);
                    let seen = read(&world, 1).await.unwrap();
                    assert!(seen >= known, "{seen} was read after {known} was told");
                    reads += 1;
                    tokio::task::yield_now().await;
                }
                reads
            })
        })
        .collect();
    let groups = groups();
    for n in 1..=500_u64 {
        world.source.write(n);
        world.cache.invalidate(vec![groups[n as usize % groups.len()].clone()]).await;
        told.store(n, Ordering::SeqCst);
        if n % 3 == 0 {
            tokio::task::yield_now().await;
        }
    }
    done.store(1, Ordering::SeqCst);
    for reader in readers {
        assert!(soon("a reader", reader).await.unwrap() > 0);
    }
}

/// The control: a map that is filled by readers and emptied by the writer goes back, by the schedule that the cache is
/// held to above.
#[tokio::test]
async fn control_a_map_that_is_emptied_on_write_goes_back() {
    use std::collections::HashMap;
    use std::sync::Mutex;
    let world = World::new();
    let map = Arc::new(Mutex::new(HashMap::new()));
    world.source.write(1);
    let gate = &world.source.gate;
    gate.close();
    let reader = tokio::spawn({
        let (source, map) = (Arc::clone(&world.source), Arc::clone(&map));
        async move {
            let read = source.read().await.unwrap();
            map.lock().unwrap().insert(1, read);
        }
    });
    gate.arrived(1).await;
    world.source.write(2);
    map.lock().unwrap().remove(&1);
    gate.open();
    soon("the reader", reader).await.unwrap();
    assert_eq!(map.lock().unwrap().get(&1), Some(&1), "2 was told, and 1 is read");
}
