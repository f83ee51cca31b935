//! What tiers say of themselves: one question for all who look, and none that a call could feel.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use cached_runtime::codec::Frame;
use cached_runtime::error::{Error, ErrorKind};
use cached_runtime::group::Record;
use cached_runtime::key::Key;
use cached_runtime::testing::Gate;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::tier::{Note, Recall, Reply, Step, Tidied, TierState};
use cached_runtime::{Cache, Tier};

use crate::rig::{World, soon};

/// A tier that says something of itself, as it is told to.
#[derive(Debug, Default)]
struct Talking {
    tier: MemoryTier,
    asked: AtomicU64,
    gate: Gate,
    fails: AtomicU64,
}

impl Tier for Talking {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        self.tier.get(keys)
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        self.tier.put(frames)
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        self.tier.apply(records)
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        self.tier.remove(keys)
    }

    fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()> {
        self.tier.note(note)
    }

    fn recall(&self) -> Reply<'_, Recall> {
        self.tier.recall()
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        self.tier.tidy(step)
    }

    fn state(&self) -> Reply<'_, TierState> {
        Box::pin(async move {
            let asked = self.asked.fetch_add(1, SeqCst) + 1;
            self.gate.pass().await;
            match self.fails.load(SeqCst) {
                0 => {
                    let mut state = TierState::default();
                    state.used_bytes = Some(asked);
                    Ok(state)
                }
                1 => Err(Error::new(ErrorKind::Tier, "it fails on command")),
                _ => panic!("it panics on command"),
            }
        })
    }

    fn trust(&self, trusted: bool) {
        self.tier.trust(trusted);
    }

    fn close(&self) -> Reply<'_, ()> {
        self.tier.close()
    }
}

impl fmt::Display for Talking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("talking")
    }
}

fn talking() -> (Arc<Talking>, World) {
    let tier = Arc::new(Talking { gate: Gate::closed(), ..Talking::default() });
    let world = World::over(Arc::clone(&tier) as Arc<dyn Tier>);
    world.source.gate.open();
    (tier, world)
}

async fn said(cache: &Cache) -> Option<u64> {
    let mut views = soon("it is bounded", cache.tier_states()).await;
    assert_eq!(views.len(), 1);
    views.pop().unwrap().state.and_then(|state| state.used_bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_look_a_tier_is_asked_once_a_second() {
    let (tier, world) = talking();
    let look = || {
        let cache = world.cache.clone();
        tokio::spawn(async move { said(&cache).await })
    };
    let looks: Vec<_> = (0..1_000).map(|_| look()).collect();
    soon("the tier is asked", tier.gate.arrived(1)).await;
    // One who goes away leaves the question to the others.
    tier.gate.open();
    for look in looks {
        assert_eq!(soon("a look", look).await.unwrap(), Some(1));
    }
    world.clock.advance(Duration::from_millis(999));
    assert_eq!((said(&world.cache).await, tier.asked.load(SeqCst)), (Some(1), 1), "it still counts");
    world.clock.advance(Duration::from_millis(1));
    assert_eq!((said(&world.cache).await, tier.asked.load(SeqCst)), (Some(2), 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_goes_away_leaves_the_question_to_the_others() {
    let (tier, world) = talking();
    let cache = world.cache.clone();
    let first = tokio::spawn(async move { said(&cache).await });
    soon("the tier is asked", tier.gate.arrived(1)).await;
    let cache = world.cache.clone();
    let second = tokio::spawn(async move { said(&cache).await });
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    tier.gate.open();
    assert_eq!(soon("the other", second).await.unwrap(), Some(2));
}

/// A tier that hangs, fails or panics over the question is silent, and no worse for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tier_that_cannot_say_anything_is_silent_and_calls_know_nothing_of_it() {
    let (tier, world) = talking();
    let names = world.cache.namespace::<u64>("states").unwrap();
    assert_eq!(said(&world.cache).await, None, "it hangs, and is given up");
    tier.gate.open();
    for how in [1, 2] {
        tier.fails.store(how, SeqCst);
        for _ in 0..20 {
            world.clock.advance(Duration::from_secs(1));
            assert_eq!(said(&world.cache).await, None);
        }
    }
    names.set("a", 1);
    world.settle().await;
    world.cache.clear_tier("near").await.unwrap();
    assert_eq!(names.get("a").await, Some(1), "the tier is read");
    let level = &world.cache.stats().tiers[0];
    assert_eq!((level.errors, level.reads.as_str(), level.writes.as_str()), (0, "closed", "closed"), "{level:?}");
    tier.fails.store(0, SeqCst);
    world.clock.advance(Duration::from_secs(1));
    assert!(said(&world.cache).await.is_some());
}

/// The tiers of this process and of its disk say how full they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_tiers_say_how_full_they_are() {
    let fresh = tempfile::TempDir::new().unwrap();
    let (disk, file) = (fresh.path().join("disk"), fresh.path().join("file.db"));
    let cache = Cache::builder().disk_with(disk, 1 << 20).build().unwrap();
    let lower = Cache::builder().sqlite_with(file, 1 << 20).build().unwrap();
    for cache in [&cache, &lower] {
        let names = cache.namespace::<Vec<u8>>("full").unwrap();
        names.set("a", vec![7; 10_000]);
        assert_eq!(cache.flush(Duration::from_secs(20)).await.unwritten, 0);
        let state = cache.tier_states().await.pop().unwrap().state.unwrap();
        assert_eq!((state.max_bytes, state.servers), (Some(1 << 20), 0));
        assert!(
            state.used_bytes.is_some_and(|used| used > 0) && state.fullest.is_some_and(|part| part > 0.0),
            "{state:?}"
        );
    }
    let version = lower.tier_states().await.pop().unwrap().state.unwrap().version;
    assert!(version.is_some_and(|version| version.starts_with("3.")));
}
