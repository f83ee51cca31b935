//! What was forgotten stays so, over processes that end, tiers that fail, and more pages than are read.

use std::sync::Arc;
use std::time::Duration;

use super::{Checked, Dedup, DedupOptions, PictureHash};
use crate::Tier;
use crate::cache::Cache;
use crate::chance::Chance;
use crate::clock::Clock;
use crate::testing::Chaos;
use crate::tier::memory::MemoryTier;

const LONG: Duration = Duration::from_secs(60);

/// One process over a tier.
struct Process {
    cache: Cache,
    dedup: Dedup,
    chaos: Arc<Chaos>,
}

impl Process {
    fn new(tier: &Arc<MemoryTier>, clock: &Clock, seed: u64, options: DedupOptions) -> Self {
        let chaos = Arc::new(Chaos::new(Arc::clone(tier) as Arc<dyn Tier>, 7));
        let builder = Cache::builder().clock(clock.clone()).seed(seed).read_deadline(LONG).write_deadline(LONG);
        let cache = builder.tier(Arc::clone(&chaos)).build().unwrap();
        let dedup = Dedup::open(&cache, "stills", options).unwrap();
        Self { cache, dedup, chaos }
    }

    async fn check(&self, second: u64, picture: u64) -> Checked {
        self.dedup.check_hash("v", at(second), &hash(picture), 1).await.unwrap()
    }

    async fn forget(&self, second: u64) -> Option<Vec<Duration>> {
        self.dedup.forget_frame("v", at(second)).await.unwrap()
    }

    async fn settle(&self) {
        assert_eq!(self.cache.flush(LONG).await.unwritten, 0);
    }
}

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A hash unlike that of any other number.
fn hash(seed: u64) -> PictureHash {
    let chance = Chance::new(seed);
    PictureHash::new(std::array::from_fn(|_| chance.next()), 224)
}

#[tokio::test]
async fn an_import_that_fails_again_and_again_leaves_no_original_and_few_pages() {
    let (tier, clock) = (Arc::new(MemoryTier::new()), Clock::manual());
    let options = || DedupOptions::new().max_frames(128);
    let first = Process::new(&tier, &clock, 1, options());
    for pass in 0..200 {
        for second in 0..128 {
            assert_eq!(first.check(second, second).await, Checked::New, "pass {pass}");
            assert_eq!(first.forget(second).await, Some(Vec::new()), "pass {pass}");
        }
        first.settle().await;
    }
    let next = Process::new(&tier, &clock, 2, options());
    assert_eq!(next.dedup.video_stats("v").await.frames, 0, "none of any pass");
    let read = next.chaos.counts(crate::testing::Operation::Get).calls;
    assert!(read <= 2 + super::page::many_pages(128) as u64 + 1, "{read} pages are read");
}

#[tokio::test]
async fn answers_outlive_that_their_pages_are_put_together() {
    let (tier, clock) = (Arc::new(MemoryTier::new()), Clock::manual());
    let options = || DedupOptions::new().max_frames(256);
    let first = Process::new(&tier, &clock, 1, options());
    for second in 0..20 {
        assert_eq!(first.check(second, second).await, Checked::New);
    }
    assert_eq!(first.check(20, 3).await, Checked::DuplicateOf(at(3)));
    for _ in 0..150 {
        for second in 100..200 {
            assert_eq!(first.check(second, second).await, Checked::New);
            assert_eq!(first.forget(second).await, Some(Vec::new()));
        }
        first.settle().await;
    }
    assert_eq!(first.check(21, 4).await, Checked::DuplicateOf(at(4)));
    first.settle().await;
    let next = Process::new(&tier, &clock, 2, options());
    let stats = next.dedup.video_stats("v").await;
    assert_eq!((stats.originals, stats.duplicates), (20, 2));
    assert_eq!(next.check(300, 7).await, Checked::DuplicateOf(at(7)));
}
