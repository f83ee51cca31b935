//! Random operations against a map that knows what may be read: sets, loads, invalidations of every kind, time, tiers
//! that fail and come back, restarts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::testing::Operation;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{SetOptions, Tier};
use proptest::prelude::*;

use crate::rig::{Down, World};

const SPACES: [&str; 2] = ["model-a", "model-b"];

/// A name: its namespace, and two segments.
type Name = (usize, u8, u8);

#[derive(Debug, Clone)]
enum Op {
    Set(Name, u64, Vec<u8>),
    Get(Name),
    GetMany(usize),
    Load(Name),
    Remove(Name),
    Tag(u8),
    Pattern(usize, u8),
    Namespace(usize),
    Everything,
    Advance(u64),
    Fail(Operation),
    Heal,
    Restart,
}

fn name() -> impl Strategy<Value = Name> {
    (0..2_usize, 0..2_u8, 0..2_u8)
}

fn op() -> impl Strategy<Value = Op> {
    let broken = prop_oneof![Just(Operation::Get), Just(Operation::Put), Just(Operation::Apply)];
    prop_oneof![
        6 => (name(), 1..200_000_u64, prop::collection::vec(0..3_u8, 0..3)).prop_map(|(n, t, g)| Op::Set(n, t, g)),
        8 => name().prop_map(Op::Get),
        2 => (0..2_usize).prop_map(Op::GetMany),
        4 => name().prop_map(Op::Load),
        2 => name().prop_map(Op::Remove),
        2 => (0..3_u8).prop_map(Op::Tag),
        1 => (0..2_usize, 0..2_u8).prop_map(|(s, a)| Op::Pattern(s, a)),
        1 => (0..2_usize).prop_map(Op::Namespace),
        1 => Just(Op::Everything),
        3 => (1..100_000_u64).prop_map(Op::Advance),
        2 => broken.prop_map(Op::Fail),
        2 => Just(Op::Heal),
        2 => Just(Op::Restart),
    ]
}

/// A value that was stored and not invalidated since.
#[derive(Debug, Clone)]
struct Held {
    value: u64,
    tags: Vec<u8>,
    /// Until when it must be there, and until when it may.
    must: u64,
    may: u64,
    /// Was a tier broken at any time since?
    doubtful: bool,
}

/// What may be read.
#[derive(Debug, Default)]
struct Reference {
    last: HashMap<Name, Held>,
    /// Overwritten, but maybe still in a tier that missed what came after.
    older: HashMap<Name, Vec<Held>>,
}

impl Reference {
    fn set(&mut self, name: Name, held: Held) {
        let before = self.last.insert(name, held);
        self.older.entry(name).or_default().extend(before);
    }

    fn forget(&mut self, named: impl Fn(&Name, &Held) -> bool) {
        self.last.retain(|name, held| !named(name, held));
        for (name, older) in &mut self.older {
            older.retain(|held| !named(name, held));
        }
    }

    fn doubt(&mut self) {
        self.last.values_mut().for_each(|held| held.doubtful = true);
        self.older.values_mut().flatten().for_each(|held| held.doubtful = true);
    }

    /// Fails if this may not be read now.
    fn check(&self, name: Name, seen: Option<u64>, now: u64) -> Result<(), TestCaseError> {
        let last = self.last.get(&name);
        match seen {
            None => {
                let missing = last.filter(|held| now < held.must && !held.doubtful);
                prop_assert!(missing.is_none(), "{name:?}: {missing:?} is not there at {now}");
            }
            Some(value) => {
                let older = self.older.get(&name).into_iter().flatten().filter(|held| held.doubtful);
                let allowed = last.into_iter().chain(older).any(|held| held.value == value && now < held.may);
                prop_assert!(allowed, "{name:?}: {value} may not be read at {now}; {last:?}");
            }
        }
        Ok(())
    }
}

/// The cache under test beside its reference.
struct Run {
    tier: Arc<dyn Tier>,
    clock: Clock,
    world: World,
    model: Reference,
    broken: bool,
    next: u64,
}

impl Run {
    fn new() -> Self {
        let (tier, clock): (Arc<dyn Tier>, _) = (Arc::new(MemoryTier::new()), Clock::manual());
        let world = Self::open(&tier, &clock, 1);
        Self { tier, clock, world, model: Reference::default(), broken: false, next: 0 }
    }

    fn open(tier: &Arc<dyn Tier>, clock: &Clock, seed: u64) -> World {
        World::built(Arc::clone(tier), clock.clone(), |b| b.seed(seed).breaker_failures(u32::MAX))
    }

    fn space(&self, at: usize) -> cached_runtime::Namespace<u64> {
        self.world.cache.namespace(SPACES[at]).unwrap()
    }

    fn value(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    async fn step(&mut self, op: &Op) -> Result<(), TestCaseError> {
        let now = self.clock.now();
        match op {
            Op::Set(name, ttl, tags) => {
                let value = self.value();
                let texts = tags.iter().map(|t| format!("model:{t}"));
                let options = texts.fold(SetOptions::new().ttl(Duration::from_millis(*ttl)), SetOptions::tag);
                self.space(name.0).set_with((name.1, name.2), value, options);
                let dies = now + ttl;
                let held = Held { value, tags: tags.clone(), must: dies, may: dies, doubtful: self.broken };
                self.model.set(*name, held);
            }
            Op::Get(name) => {
                let seen = self.space(name.0).get((name.1, name.2)).await;
                self.model.check(*name, seen, now)?;
            }
            Op::GetMany(space) => {
                let names: Vec<(u8, u8)> = vec![(0, 0), (0, 1), (1, 0), (1, 1)];
                let seen = self.space(*space).get_many(&names).await;
                for ((a, b), seen) in names.into_iter().zip(seen) {
                    self.model.check((*space, a, b), seen, now)?;
                }
            }
            Op::Load(name) => self.load(*name, now).await?,
            Op::Remove(name) => {
                self.space(name.0).remove((name.1, name.2)).await;
                self.model.forget(|other, _| other == name);
            }
            Op::Tag(tag) => {
                self.world.cache.invalidate_tags([format!("model:{tag}")]).await;
                self.model.forget(|_, held| held.tags.contains(tag));
            }
            Op::Pattern(space, a) => {
                self.space(*space).invalidate_pattern(&format!("{a}:*")).await.unwrap();
                self.model.forget(|name, _| (name.0, name.1) == (*space, *a));
            }
            Op::Namespace(space) => {
                self.space(*space).clear().await;
                self.model.forget(|name, _| name.0 == *space);
            }
            Op::Everything => {
                self.world.cache.clear().await;
                self.model.forget(|_, _| true);
            }
            Op::Advance(ms) => self.clock.advance(Duration::from_millis(*ms)),
            Op::Fail(operation) => {
                self.world.chaos.fail(*operation, 1.0);
                self.broken = true;
                self.model.doubt();
            }
            Op::Heal => self.heal().await,
            Op::Restart => {
                self.heal().await;
                let seed = self.value() + 1_000;
                self.world = Self::open(&self.tier, &self.clock, seed);
            }
        }
        Ok(())
    }

    /// A load answers what may be read, or the value it makes.
    async fn load(&mut self, name: Name, now: u64) -> Result<(), TestCaseError> {
        let value = self.value();
        let loaded = self.space(name.0).get_or_load((name.1, name.2), || async move { Ok::<_, Down>(value) }).await;
        let seen = loaded.unwrap();
        if seen != value {
            return self.model.check(name, Some(seen), now);
        }
        self.model.check(name, None, now)?;
        // Five minutes, less a tenth at most.
        let held = Held { value, tags: Vec::new(), must: now + 270_000, may: now + 300_000, doubtful: self.broken };
        self.model.set(name, held);
        Ok(())
    }

    async fn heal(&mut self) {
        self.world.chaos.calm();
        self.world.settle().await;
        self.broken = false;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_cache_reads_what_the_reference_allows(ops in prop::collection::vec(op(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let outcome: Result<(), TestCaseError> = runtime.block_on(async {
            let mut run = Run::new();
            for op in &ops {
                run.step(op).await?;
            }
            Ok(())
        });
        outcome?;
    }
}

/// The control: a reference that forgets an invalidation is found out.
#[tokio::test]
async fn a_wrong_reference_is_found_out() {
    let mut run = Run::new();
    let name = (0, 0, 0);
    run.step(&Op::Set(name, 1_000, vec![1])).await.unwrap();
    run.step(&Op::Get(name)).await.unwrap();
    run.world.cache.invalidate_tags(["model:1"]).await;
    assert!(run.step(&Op::Get(name)).await.is_err(), "the cache has forgotten it, the reference has not");
}
