//! What is known of a video goes with the video, and does not come back.

use std::sync::Arc;

use cached_runtime::clock::Clock;
use cached_runtime::dedup::Checked;
use cached_runtime::key::escape;
use cached_runtime::testing::Operation;
use cached_runtime::tier::memory::MemoryTier;
use cached_runtime::{Applied, SetOptions, Tier, cache};

use super::{at, dedup_of, hash, png};
use crate::rig::{Down, World, soon};
use crate::shelf::eventually;

/// Something else that is cached of a video.
#[cache(key = "dedup_gone:{video}:title", tags = ["video:{video}"], ttl = "1h", jitter = 0, cache = world.cache)]
async fn title(world: &World, video: &str) -> Result<u64, Down> {
    let _ = video;
    world.source.read().await
}

#[tokio::test]
async fn a_video_that_is_removed_begins_anew() {
    let world = World::new();
    let dedup = dedup_of(&world);
    for video in ["gone", "kept"] {
        dedup.check_frame(video, at(1), png(1)).await.unwrap();
    }
    world.source.write(1);
    title(&world, "gone").await.unwrap();
    world.source.write(2);
    assert_eq!(dedup.remove("gone").await, Applied::Applied);
    assert_eq!(dedup.video_stats("gone").await.frames, 0);
    assert_eq!(dedup.check_frame("gone", at(2), png(1)).await.unwrap(), Checked::New);
    assert_eq!(dedup.check_frame("kept", at(2), png(1)).await.unwrap(), Checked::DuplicateOf(at(1)));
    assert_eq!(title(&world, "gone").await.unwrap(), 1, "what else is cached of it stays");
}

#[tokio::test]
async fn whatever_names_the_video_or_its_index_empties_it() {
    let world = World::new();
    let dedup = dedup_of(&world);
    let hostile = "a:*";
    assert_eq!(dedup.group(hostile), format!("video:{}", escape(hostile)), "as an attribute writes it");
    for round in 0..5 {
        assert_eq!(dedup.check_frame(hostile, at(1), png(1)).await.unwrap(), Checked::New, "round {round}");
        assert_eq!(dedup.check_frame(hostile, at(2), png(1)).await.unwrap(), Checked::DuplicateOf(at(1)));
        match round {
            0 => drop(world.cache.invalidate_tags([dedup.group(hostile)]).await),
            1 => drop(world.cache.invalidate_namespace("stills").await.unwrap()),
            2 => drop(world.cache.invalidate_pattern("stills:*").await.unwrap()),
            3 => drop(world.cache.clear().await),
            _ => drop(world.cache.invalidate_tags([format!("video:{}", escape(hostile))]).await),
        }
        assert_eq!(dedup.video_stats(hostile).await.frames, 0, "round {round}");
    }
}

#[tokio::test]
async fn an_index_from_before_is_not_written_back() {
    let (tier, clock): (Arc<dyn Tier>, _) = (Arc::new(MemoryTier::new()), Clock::manual());
    let world = World::over_at(Arc::clone(&tier), &clock);
    let dedup = dedup_of(&world);
    for second in 0..200 {
        dedup.check_hash("v", at(second), &hash(second), 1).await.unwrap();
    }
    world.cache.invalidate_tags([dedup.group("v")]).await;
    // The next writes: of these alone there is to be something left.
    for second in 300..303 {
        assert_eq!(dedup.check_hash("v", at(second), &hash(second - 300), 1).await.unwrap(), Checked::New);
    }
    world.settle().await;
    let next = World::over_at(tier, &clock);
    let stats = dedup_of(&next).video_stats("v").await;
    assert_eq!((stats.frames, stats.originals), (3, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_is_being_read_when_its_video_goes_is_not_believed() {
    let (tier, clock): (Arc<dyn Tier>, _) = (Arc::new(MemoryTier::new()), Clock::manual());
    let before = World::over_at(Arc::clone(&tier), &clock);
    dedup_of(&before).check_hash("v", at(1), &hash(1), 1).await.unwrap();
    before.settle().await;
    // The control: nothing is invalidated, and what was read is believed.
    for invalidated in [false, true] {
        let world = World::over_at(Arc::clone(&tier), &clock);
        let dedup = dedup_of(&world);
        let gate = world.chaos.after(Operation::Get);
        gate.close();
        let check = tokio::spawn({
            let dedup = dedup.clone();
            async move { dedup.check_hash("v", at(2), &hash(1), 1).await.unwrap() }
        });
        eventually("the head was read, and waits", || gate.arrivals() > 0).await;
        if invalidated {
            soon("an invalidation", world.cache.invalidate_tags([dedup.group("v")])).await;
        }
        gate.open();
        let checked = soon("a check", check).await.unwrap();
        assert_eq!(checked, if invalidated { Checked::New } else { Checked::DuplicateOf(at(1)) });
    }
}

#[tokio::test]
async fn what_is_kept_elsewhere_of_the_video_goes_with_it() {
    let world = World::new();
    let dedup = dedup_of(&world);
    let names = world.cache.namespace::<u64>("dedup_beside").unwrap();
    names.set_with("v", 1, SetOptions::new().tag(dedup.group("v")));
    dedup.remove("v").await;
    assert_eq!(names.get("v").await, Some(1));
    world.cache.invalidate_tags([dedup.group("v")]).await;
    assert_eq!(names.get("v").await, None);
}
