//! What was called new and then was not stored is taken back, wherever it was written.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::dedup::{Checked, Dedup, DedupOptions};
use cached_runtime::testing::Operation;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{ErrorKind, Tier};

use super::{at, dedup_of, hash, jpeg, png};
use crate::rig::World;

#[tokio::test]
async fn a_picture_that_was_not_stored_is_nobodys_original() {
    let world = World::near_only();
    let dedup = dedup_of(&world);
    assert_eq!(dedup.check_frame("v", at(1), png(1)).await.unwrap(), Checked::New);
    // The control: it is one, until it is taken back.
    assert_eq!(dedup.check_frame("v", at(2), jpeg(1)).await.unwrap(), Checked::DuplicateOf(at(1)));
    assert_eq!(dedup.forget_frame("v", at(1)).await.unwrap(), Some(vec![at(2)]), "who refers to it is told");
    let stats = dedup.video_stats("v").await;
    assert_eq!((stats.frames, stats.originals, stats.duplicates, stats.bytes_saved), (0, 0, 0, 0));
    assert_eq!(dedup.check_frame("v", at(3), png(1)).await.unwrap(), Checked::New);
    // Its own timestamps are compared anew: one was tried again, the other refers to what is there.
    assert_eq!(dedup.check_frame("v", at(1), png(2)).await.unwrap(), Checked::New);
    assert_eq!(dedup.check_frame("v", at(2), jpeg(1)).await.unwrap(), Checked::DuplicateOf(at(3)));
    assert_eq!(dedup.check_frame("v", at(4), png(2)).await.unwrap(), Checked::DuplicateOf(at(1)));
    assert_eq!(dedup.forget_frame("v", at(9)).await.unwrap(), None, "of this nothing was answered");
    assert_eq!(dedup.forget_frame("v", at(4)).await.unwrap(), Some(Vec::new()), "a duplicate, too");
    assert_eq!(dedup.forget_frame("v", at(4)).await.unwrap(), None, "once");
    assert_eq!(dedup.video_stats("v").await.frames, 3);
    assert_eq!(dedup.forget_frame("", at(1)).await.unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(dedup.forget_frame("v", Duration::MAX).await.unwrap_err().kind(), ErrorKind::TooLarge);
}

/// The next process over a tier.
fn process(tier: &Arc<dyn Tier>, clock: &Clock, seed: u64) -> (World, Dedup) {
    let world = World::built(Arc::clone(tier), clock.clone(), |builder| builder.seed(seed));
    let dedup = dedup_of(&world);
    (world, dedup)
}

#[tokio::test]
async fn what_was_taken_back_stays_so_in_the_next_process_and_the_one_after_it() {
    let (tier, clock): (Arc<dyn Tier>, _) = (Arc::new(MemoryTier::new()), Clock::manual());
    let (world, dedup) = process(&tier, &clock, 1);
    // On a page that is full, and on the one that is written on.
    for second in 0..150 {
        assert_eq!(dedup.check_hash("v", at(second), &hash(second), 1).await.unwrap(), Checked::New);
    }
    assert_eq!(dedup.check_hash("v", at(500), &hash(3), 1).await.unwrap(), Checked::DuplicateOf(at(3)));
    world.settle().await;
    let (world, dedup) = process(&tier, &clock, 2);
    assert_eq!(dedup.forget_frame("v", at(3)).await.unwrap(), Some(vec![at(500)]), "by another process");
    assert_eq!(dedup.forget_frame("v", at(140)).await.unwrap(), Some(Vec::new()));
    // One of them comes again, as another picture.
    assert_eq!(dedup.check_hash("v", at(140), &hash(900), 1).await.unwrap(), Checked::New);
    world.settle().await;
    for seed in [3, 4] {
        let (world, dedup) = process(&tier, &clock, seed);
        let before = dedup.video_stats("v").await;
        assert_eq!((before.originals, before.duplicates), (148 + seed - 2, 0), "process {seed}");
        assert_eq!(dedup.check_hash("v", at(600 + seed), &hash(900), 1).await.unwrap(), Checked::DuplicateOf(at(140)));
        assert_eq!(dedup.forget_frame("v", at(600 + seed)).await.unwrap(), Some(Vec::new()));
        let original = if seed == 3 { Checked::New } else { Checked::DuplicateOf(at(703)) };
        assert_eq!(dedup.check_hash("v", at(700 + seed), &hash(3), 1).await.unwrap(), original);
        if seed == 4 {
            assert_eq!(dedup.check_hash("v", at(3), &hash(3), 1).await.unwrap(), Checked::DuplicateOf(at(703)));
        }
        world.settle().await;
    }
}

#[tokio::test]
async fn what_many_processes_took_back_does_not_come_again_when_their_pages_are_put_together() {
    let (tier, clock): (Arc<dyn Tier>, _) = (Arc::new(MemoryTier::new()), Clock::manual());
    for seed in 0..80 {
        let (world, dedup) = process(&tier, &clock, seed);
        assert_eq!(dedup.check_hash("v", at(seed), &hash(seed), 1).await.unwrap(), Checked::New);
        if seed % 2 == 1 {
            assert_eq!(dedup.forget_frame("v", at(seed - 1)).await.unwrap(), Some(Vec::new()), "process {seed}");
        }
        assert_eq!(dedup.video_stats("v").await.originals, seed / 2 + 1, "process {seed}");
        world.settle().await;
    }
}

#[tokio::test]
async fn a_store_that_fails_again_and_again_fills_no_pages() {
    let (tier, clock): (Arc<dyn Tier>, _) = (Arc::new(MemoryTier::new()), Clock::manual());
    let (world, dedup) = process(&tier, &clock, 1);
    for _ in 0..1_000 {
        assert_eq!(dedup.check_hash("v", at(1), &hash(1), 1).await.unwrap(), Checked::New);
        assert_eq!(dedup.forget_frame("v", at(1)).await.unwrap(), Some(Vec::new()));
    }
    assert_eq!(dedup.check_hash("v", at(1), &hash(1), 1).await.unwrap(), Checked::New);
    world.settle().await;
    let (world, dedup) = process(&tier, &clock, 2);
    assert_eq!(dedup.video_stats("v").await.originals, 1);
    let read = world.chaos.counts(Operation::Get).calls;
    assert!(read <= 3, "a head, twice, and a page: {read}");
}

#[tokio::test]
async fn what_is_taken_back_makes_room_for_no_more_than_the_bound() {
    let world = World::new();
    let dedup = Dedup::open(&world.cache, "few", DedupOptions::new().max_frames(2)).unwrap();
    for second in [1, 2] {
        dedup.check_hash("v", at(second), &hash(second), 1).await.unwrap();
    }
    dedup.forget_frame("v", at(1)).await.unwrap();
    assert_eq!(dedup.check_hash("v", at(3), &hash(3), 1).await.unwrap(), Checked::New);
    assert_eq!(dedup.video_stats("v").await.frames, 1, "its place stays its own");
    assert_eq!(dedup.check_hash("v", at(1), &hash(3), 1).await.unwrap(), Checked::New);
    assert_eq!(dedup.video_stats("v").await.frames, 2);
}

#[tokio::test]
async fn what_is_taken_back_while_the_tiers_fail_is_so_when_they_are_well() {
    let (tier, clock): (Arc<dyn Tier>, _) = (Arc::new(MemoryTier::new()), Clock::manual());
    let (world, dedup) = process(&tier, &clock, 1);
    dedup.check_hash("v", at(1), &hash(1), 1).await.unwrap();
    world.settle().await;
    let (world, dedup) = process(&tier, &clock, 2);
    world.chaos.fail(Operation::Get, 1.0);
    assert_eq!(dedup.forget_frame("v", at(1)).await.unwrap(), None, "it is not known");
    world.chaos.calm();
    let mut seconds = 0;
    // It looks again when the tier's breaker lets it.
    while dedup.check_hash("v", at(2), &hash(2), 1).await.is_ok() && world.chaos.counts(Operation::Put).calls == 0 {
        clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(1)).await;
        seconds += 1;
        assert!(seconds < 600, "what is owed to the tier is written when it is well again");
    }
    world.settle().await;
    let (_world, dedup) = process(&tier, &clock, 3);
    assert_eq!(dedup.check_hash("v", at(3), &hash(1), 1).await.unwrap(), Checked::New);
}
