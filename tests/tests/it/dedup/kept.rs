//! What is known of a video outlives the process; without tiers, and where they fail, memory serves.

use std::sync::Arc;
use std::time::Duration;

use cached_runtime::Tier;
use cached_runtime::clock::Clock;
use cached_runtime::dedup::{Checked, Dedup, DedupOptions};
use cached_runtime::testing::Operation;
use cached_runtime::tier::disk::{Disk, DiskOptions};
use cached_runtime::tier::memory::MemoryTier;
use tempfile::TempDir;

use super::{at, dedup_of, hash, jpeg, mixed, png};
use crate::rig::{LONG, World};

/// The next process over a store.
fn process(dir: &TempDir, clock: &Clock, seed: u64) -> World {
    let tier: Arc<dyn Tier> = Arc::new(Disk::open(DiskOptions::new(dir.path().join("store"))));
    World::built(tier, clock.clone(), |builder| builder.seed(seed))
}

#[tokio::test]
async fn a_restart_finds_the_index_on_disk() {
    let (dir, clock) = (TempDir::new().unwrap(), Clock::manual());
    let world = process(&dir, &clock, 1);
    let dedup = dedup_of(&world);
    assert_eq!(dedup.check_frame("intro", at(1), png(1)).await.unwrap(), Checked::New);
    assert_eq!(dedup.check_frame("intro", at(2), jpeg(1)).await.unwrap(), Checked::DuplicateOf(at(1)));
    let before = dedup.video_stats("intro").await;
    world.cache.shutdown(LONG).await;
    drop((dedup, world));
    // Also with the chance of the process before: nobody writes under its name.
    for seed in [1, 2] {
        let world = process(&dir, &clock, seed);
        let dedup = dedup_of(&world);
        assert_eq!(dedup.video_stats("intro").await.bytes_saved, before.bytes_saved);
        let junk = b"is not looked at".to_vec();
        assert_eq!(dedup.check_frame("intro", at(1), junk.clone()).await.unwrap(), Checked::New, "as it was");
        assert_eq!(dedup.check_frame("intro", at(2), junk).await.unwrap(), Checked::DuplicateOf(at(1)));
        let again = dedup.check_hash("intro", at(2 + seed), &dedup.hash(png(1)).await.unwrap(), 0).await.unwrap();
        assert_eq!(again, Checked::DuplicateOf(at(1)));
        assert_eq!(dedup.video_stats("intro").await.frames, 2 + seed);
        world.cache.shutdown(LONG).await;
    }
}

#[tokio::test]
async fn a_removal_outlives_the_process_too() {
    let (dir, clock) = (TempDir::new().unwrap(), Clock::manual());
    for seed in 1..4 {
        let world = process(&dir, &clock, seed);
        let dedup = dedup_of(&world);
        assert_eq!(dedup.check_frame("v", at(seed), png(1)).await.unwrap(), Checked::New, "process {seed}");
        world.settle().await;
        if seed == 1 {
            dedup.remove("v").await;
        } else {
            world.cache.invalidate_tags([dedup.group("v")]).await;
        }
        world.cache.shutdown(LONG).await;
    }
}

#[tokio::test]
async fn a_long_index_is_kept_in_pages() {
    let (tier, clock): (Arc<dyn Tier>, _) = (Arc::new(MemoryTier::new()), Clock::manual());
    let world = World::built(Arc::clone(&tier), clock.clone(), |builder| builder.max_value(9_000));
    let dedup = dedup_of(&world);
    // A third are duplicates, in no order of time.
    let picture = |i: u64| if i % 3 == 2 { i - 2 } else { i };
    let mut answers = Vec::new();
    for i in 0..900_u64 {
        answers.push(dedup.check_hash("v", at(mixed(i) >> 40), &hash(picture(i)), 5).await.unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| answer.is_duplicate()).count(), 300);
    world.settle().await;
    let next = World::built(tier, clock, |builder| builder.max_value(9_000).seed(8));
    let dedup_next = dedup_of(&next);
    assert_eq!(dedup_next.video_stats("v").await, dedup.video_stats("v").await);
    for i in 0..900_u64 {
        let again = dedup_next.check_hash("v", at(mixed(i) >> 40), &hash(1 << 40), 5).await.unwrap();
        assert_eq!(again, answers[i as usize], "picture {i}");
    }
    assert_eq!(dedup_next.stats().unwritten, 0);
}

#[tokio::test]
async fn a_video_that_is_gone_back_to_often_does_not_scatter() {
    let (tier, clock): (Arc<MemoryTier>, _) = (Arc::new(MemoryTier::new()), Clock::manual());
    for process in 0..100_u64 {
        let world = World::built(Arc::clone(&tier) as _, clock.clone(), |builder| builder.seed(process));
        let dedup = dedup_of(&world);
        assert_eq!(dedup.check_hash("v", at(process), &hash(process), 1).await.unwrap(), Checked::New);
        let first = dedup.check_hash("v", at(1_000 + process), &hash(0), 1).await.unwrap();
        assert_eq!(first, Checked::DuplicateOf(at(0)), "process {process}");
        let stats = dedup.video_stats("v").await;
        assert_eq!((stats.originals, stats.duplicates), (process + 1, process + 1), "process {process}");
        world.settle().await;
        if process == 99 {
            let read = world.chaos.counts(Operation::Get).calls;
            assert!(read < 60, "{read} reads for 200 pictures");
        }
    }
}

#[tokio::test]
async fn without_tiers_memory_serves() {
    let world = World::near_only();
    let dedup = dedup_of(&world);
    assert_eq!(dedup.check_frame("v", at(1), png(1)).await.unwrap(), Checked::New);
    assert_eq!(dedup.check_frame("v", at(2), png(1)).await.unwrap(), Checked::DuplicateOf(at(1)));
    dedup.remove("v").await;
    assert_eq!(dedup.check_frame("v", at(3), png(1)).await.unwrap(), Checked::New);
}

#[tokio::test]
async fn tiers_that_fail_are_nobodys_failure_and_are_asked_again() {
    let (tier, clock): (Arc<dyn Tier>, _) = (Arc::new(MemoryTier::new()), Clock::manual());
    let before = World::over_at(Arc::clone(&tier), &clock);
    dedup_of(&before).check_hash("v", at(1), &hash(1), 1).await.unwrap();
    before.settle().await;
    let world = World::built(tier, clock.clone(), |builder| builder.seed(8));
    let dedup = dedup_of(&world);
    for operation in [Operation::Get, Operation::Put] {
        world.chaos.fail(operation, 1.0);
    }
    assert_eq!(dedup.check_hash("v", at(2), &hash(2), 1).await.unwrap(), Checked::New);
    assert_eq!(dedup.check_hash("v", at(3), &hash(2), 1).await.unwrap(), Checked::DuplicateOf(at(2)));
    assert_eq!(dedup.check_hash("v", at(4), &hash(1), 1).await.unwrap(), Checked::New, "it cannot know better");
    world.chaos.calm();
    let mut seconds = 0;
    while dedup.video_stats("v").await.frames < 4 {
        clock.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(1)).await;
        seconds += 1;
        assert!(seconds < 600, "what the tier has is read when it is well again");
    }
    assert_eq!(dedup.check_hash("v", at(4), &hash(1), 1).await.unwrap(), Checked::New, "as it was answered");
    let nearest = dedup.check_hash("v", at(5), &hash(1), 1).await.unwrap();
    assert_eq!(nearest, Checked::DuplicateOf(at(1)), "the earliest of equals");
}

#[tokio::test]
async fn what_is_kept_has_an_end() {
    let world = World::new();
    let ttl = Duration::from_secs(3_600);
    let dedup = Dedup::open(&world.cache, "brief", DedupOptions::new().ttl(ttl)).unwrap();
    dedup.check_hash("v", at(1), &hash(1), 1).await.unwrap();
    world.settle().await;
    world.clock.advance(ttl - Duration::from_millis(1));
    assert_eq!(dedup.check_hash("v", at(2), &hash(1), 1).await.unwrap(), Checked::DuplicateOf(at(1)));
    world.settle().await;
    world.clock.advance(ttl);
    assert_eq!(dedup.check_hash("v", at(3), &hash(1), 1).await.unwrap(), Checked::New);
}

/// Minutes from the beginning, on the clock of all processes.
fn minute(clock: &Clock, from: u64, minute: u64) {
    clock.set(from + minute * 60_000);
}

fn hourly(tier: &Arc<dyn Tier>, clock: &Clock, seed: u64) -> (World, Dedup) {
    let world = World::built(Arc::clone(tier), clock.clone(), |builder| builder.seed(seed));
    let options = DedupOptions::new().ttl(Duration::from_secs(3_600));
    let dedup = Dedup::open(&world.cache, "hourly", options).unwrap();
    (world, dedup)
}

#[tokio::test]
async fn pages_that_are_put_together_live_no_longer_than_they_did() {
    let (tier, clock): (Arc<dyn Tier>, _) = (Arc::new(MemoryTier::new()), Clock::manual());
    let from = clock.now();
    // As many as are just not put together yet.
    for process in 0..33 {
        let (world, dedup) = hourly(&tier, &clock, process);
        assert_eq!(dedup.check_hash("v", at(process), &hash(process), 1).await.unwrap(), Checked::New);
        world.settle().await;
    }
    minute(&clock, from, 50);
    let (world, dedup) = hourly(&tier, &clock, 50);
    assert_eq!(dedup.video_stats("v").await.frames, 33, "they are put together now");
    world.settle().await;
    minute(&clock, from, 59);
    let (world, next) = hourly(&tier, &clock, 51);
    assert_eq!(next.video_stats("v").await.frames, 33);
    let read = world.chaos.counts(Operation::Get).calls;
    assert!(read <= 4, "the control: they were, for it took {read} reads");
    minute(&clock, from, 60);
    let (_world, later) = hourly(&tier, &clock, 52);
    assert_eq!(later.video_stats("v").await.frames, 0);
    // In memory it is known for an eighth longer at the most.
    minute(&clock, from, 60 + 8);
    assert_eq!((dedup.video_stats("v").await.frames, next.video_stats("v").await.frames), (0, 0));
}

#[tokio::test]
async fn the_last_of_a_page_is_found_to_its_end() {
    let (tier, clock): (Arc<dyn Tier>, _) = (Arc::new(MemoryTier::new()), Clock::manual());
    let from = clock.now();
    let (world, dedup) = hourly(&tier, &clock, 1);
    for (second, at_minute) in [(1, 0), (2, 20), (3, 40)] {
        minute(&clock, from, at_minute);
        assert_eq!(dedup.check_hash("v", at(second), &hash(second), 1).await.unwrap(), Checked::New);
        world.settle().await;
    }
    // An hour after the page was begun, and the head was written that leads to it.
    for (at_minute, frames) in [(61, 3), (99, 3), (100, 0)] {
        minute(&clock, from, at_minute);
        let (_world, next) = hourly(&tier, &clock, at_minute);
        assert_eq!(next.video_stats("v").await.frames, frames, "minute {at_minute}");
    }
}
