//! The auditor finds what nobody invalidated, and blames nobody else.

mod hanging;

use std::time::Duration;

use cached_runtime::audit::{AuditOptions, AuditReport};
use cached_runtime::clock::Clock;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Cache, ErrorKind, cache, invalidate};
use std::sync::Arc;

use crate::rig::{Down, World};
use crate::shelf::eventually;

const SECOND: Duration = Duration::from_secs(1);

#[cache(key = "audited:{id}", ttl = "1h", jitter = 0.0, tags = ["audited:{id}"], skip(world), cache = &world.cache)]
async fn audited(world: &World, id: u32) -> Result<u64, Down> {
    world.source.read().await
}

#[invalidate(tags = ["audited:{id}"], cache = &world.cache)]
async fn rewrite(world: &World, id: u32, truth: u64) -> Result<(), Down> {
    world.source.write(truth);
    Ok(())
}

/// Every hit that is sampled is audited; the bound is two seconds of a clock that stands still.
fn world() -> World {
    let options = AuditOptions::new().each(1).bound(SECOND * 2).at_once(64);
    let world = World::built(Arc::new(MemoryTier::new()), Clock::manual(), |builder| builder.audit(options));
    world.source.gate.open();
    world
}

fn report(world: &World) -> AuditReport {
    world.cache.audit_report().unwrap()
}

/// Hits until one is audited.
async fn hit(world: &World, id: u32) {
    let began = world.source.reads();
    while world.source.reads() == began {
        audited(world, id).await.unwrap();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_the_source_still_says_is_consistent() {
    let world = world();
    audited(&world, 1).await.unwrap();
    for _ in 0..3 {
        hit(&world, 1).await;
    }
    eventually("the audits are over", || report(&world).checked == 3).await;
    let told = report(&world);
    assert_eq!((told.stale, told.consistent, told.met), (0, 1.0, true));
    assert_eq!(told.sites[0].site, "it.audit.audited");
    assert_eq!(world.cache.stats().total().loads, 1, "an audit is no load of the cache's");
}

/// A planted stale entry: somebody writes behind the framework's back. It is found in near and in the tier, and watched
/// until it is gone.
#[tokio::test]
async fn a_planted_stale_entry_is_found_wherever_it_is() {
    let world = world();
    audited(&world, 1).await.unwrap();
    world.settle().await;
    world.source.write(7);
    hit(&world, 1).await;
    assert_eq!(audited(&world, 1).await, Ok(0), "a caller is answered as ever");
    tokio::task::yield_now().await;
    assert_eq!(report(&world).stale, 0, "not before the bound has passed");
    let moved = || {
        world.clock.advance(SECOND);
        report(&world).stale == 1
    };
    eventually("it is found", moved).await;
    let told = report(&world);
    let found = &told.found[0];
    assert_eq!((found.site.as_str(), found.key.as_str()), ("it.audit.audited", "audited:1"));
    assert_eq!(found.places, ["near", "chaos(memory)"]);
    assert_eq!((found.lasted, told.met), (None, false), "it still is");
    let health = world.cache.health();
    assert_eq!((health.status.as_str(), health.warnings[0].code.as_str()), ("degraded", "stale_entries"));
    world.cache.invalidate_tags(["audited:1"]).await;
    let over = || {
        world.clock.advance(SECOND);
        report(&world).found[0].lasted.is_some()
    };
    eventually("it is gone", over).await;
    let told = report(&world);
    assert_eq!(told.histogram.iter().map(|bucket| bucket.count).sum::<u64>(), 1);
    assert_eq!(audited(&world, 1).await, Ok(7));
}

/// What changes and is invalidated as it should is no fault, though an audit sees the change before the invalidation.
#[tokio::test]
async fn a_change_that_is_invalidated_in_time_is_no_fault() {
    let world = world();
    audited(&world, 1).await.unwrap();
    world.settle().await;
    world.source.write(7);
    hit(&world, 1).await;
    rewrite(&world, 1, 7).await.unwrap();
    let over = || {
        world.clock.advance(SECOND);
        report(&world).checked > 0
    };
    eventually("the audit is over", over).await;
    let told = report(&world);
    assert_eq!((told.stale, told.sites[0].changed > 0), (0, true), "{told:?}");
}

/// A tier that brings back what was invalidated, because it never was told the truth by its store.
#[tokio::test]
async fn what_was_invalidated_is_looked_for_in_the_tiers() {
    let world = world();
    audited(&world, 1).await.unwrap();
    world.settle().await;
    rewrite(&world, 1, 7).await.unwrap();
    assert_eq!(audited(&world, 1).await, Ok(7));
    let over = || {
        world.clock.advance(SECOND);
        report(&world).checked > 0
    };
    eventually("the audit is over", over).await;
    assert_eq!(report(&world).stale, 0);
}

#[tokio::test]
async fn a_source_that_fails_or_panics_proves_nothing_and_harms_nobody() {
    let world = world();
    audited(&world, 1).await.unwrap();
    world.source.fail(true);
    hit(&world, 1).await;
    eventually("the audit is over", || report(&world).unknown == 1).await;
    assert_eq!(audited(&world, 1).await, Ok(0));
    assert_eq!((report(&world).checked, report(&world).met), (0, true));
}

/// More are not begun than may be, and those are counted.
#[tokio::test]
async fn audits_are_bounded() {
    let options = AuditOptions::new().each(1).at_once(1);
    let world = World::built(Arc::new(MemoryTier::new()), Clock::manual(), |builder| builder.audit(options));
    world.source.gate.open();
    for id in 0..4 {
        audited(&world, id).await.unwrap();
    }
    world.source.gate.close();
    let mut calls = 0;
    while report(&world).left_out == 0 {
        audited(&world, calls % 4).await.unwrap();
        tokio::task::yield_now().await;
        calls += 1;
        assert!(calls < 100_000, "one is under way, and another is due");
    }
    world.source.gate.open();
    eventually("the one is over", || report(&world).checked == 1).await;
}

#[tokio::test]
async fn nothing_is_audited_unasked_and_nonsense_is_refused() {
    let world = World::new();
    assert_eq!(world.cache.audit_report(), None);
    for wrong in [AuditOptions::new().each(0), AuditOptions::new().at_once(0), AuditOptions::new().objective(1.5)] {
        assert_eq!(Cache::builder().audit(wrong).build().unwrap_err().kind(), ErrorKind::Config);
    }
}
