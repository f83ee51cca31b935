//! What was forgotten stays so, over processes that end, tiers that fail, and more pages than are read.

use std::sync::Arc;
use std::time::Duration;

use super::{Checked, Dedup, DedupOptions, PictureHash};
use crate::cache::Cache;
use crate::chance::Chance;
use crate::clock::Clock;
use crate::testing::{Chaos, Operation};
use crate::tier::Tier;
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
        let cache = builder.tier(Arc::clone(&chaos)).build().expect("the options are in range");
        let dedup = Dedup::open(&cache, "stills", options).expect("they are open once");
        Self { cache, dedup, chaos }
    }

    async fn check(&self, second: u64, picture: u64) -> Checked {
        self.dedup.check_hash("v", at(second), &hash(picture), 1).await.expect("of the right length")
    }

    async fn forget(&self, second: u64) -> Option<Vec<Duration>> {
        self.dedup.forget_frame("v", at(second)).await.expect("it has a name")
    }

    /// The tier is well again, and was given what is owed to it.
    async fn recover(&self, clock: &Clock) {
        self.chaos.calm();
        for second in 1_000_000..1_000_600 {
            if self.chaos.counts(Operation::Put).calls > 0 {
                return self.settle().await;
            }
            self.check(second, second).await;
            clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("what is owed to the tier is written when it is well again");
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
async fn a_file_that_cannot_be_read_is_named() {
    let process = Process::new(&Arc::new(MemoryTier::new()), &Clock::manual(), 1, DedupOptions::new());
    let refused = process.dedup.check_frame_duplicate("v", at(3), "no/such/file.jpg").await.expect_err("no file");
    let named = ["video", "timestamp", "path"].map(|name| refused.context(name));
    assert_eq!(named, [Some("v"), Some("3s"), Some("no/such/file.jpg")]);
}

#[tokio::test]
async fn an_import_that_fails_again_and_again_leaves_no_original_and_few_pages() {
    let (tier, clock) = (Arc::new(MemoryTier::new()), Clock::manual());
    let options = || DedupOptions::new().max_frames(128);
    let first = Process::new(&tier, &clock, 1, options());
    // Twice as many pages as passes.
    for pass in 0..70 {
        for second in 0..128 {
            assert_eq!(first.check(second, second).await, Checked::New, "pass {pass}");
        }
        for second in 0..128 {
            assert_eq!(first.forget(second).await, Some(Vec::new()), "pass {pass}");
        }
        first.settle().await;
    }
    let next = Process::new(&tier, &clock, 2, options());
    assert_eq!(next.dedup.video_stats("v").await.frames, 0, "none of any pass");
    let read = next.chaos.counts(Operation::Get).calls;
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
    // As many pages as passes, about, and that is too many.
    for _ in 0..100 {
        for second in 100..200 {
            assert_eq!(first.check(second, second).await, Checked::New);
        }
        for second in 100..200 {
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
    let read = next.chaos.counts(Operation::Get).calls;
    assert!(read < 70, "{read} pages are read");
}

#[tokio::test]
async fn what_is_forgotten_while_it_cannot_be_read_is_void_in_whichever_round_it_was_answered() {
    let (tier, clock) = (Arc::new(MemoryTier::new()), Clock::manual());
    let first = Process::new(&tier, &clock, 1, DedupOptions::new());
    for _ in 0..2 {
        assert_eq!(first.check(1, 1).await, Checked::New);
        assert_eq!(first.forget(1).await, Some(Vec::new()));
    }
    // The third round of the one, the first one of the other.
    assert_eq!(first.check(1, 1).await, Checked::New);
    assert_eq!(first.check(2, 2).await, Checked::New);
    assert_eq!(first.check(3, 3).await, Checked::New);
    first.settle().await;
    let second = Process::new(&tier, &clock, 2, DedupOptions::new());
    second.chaos.fail(Operation::Get, 1.0);
    for _ in 0..2 {
        assert_eq!(second.forget(1).await, None, "it is not known");
        assert_eq!(second.forget(2).await, None, "it is not known");
    }
    second.recover(&clock).await;
    let third = Process::new(&tier, &clock, 3, DedupOptions::new());
    assert_eq!(third.check(11, 1).await, Checked::New);
    assert_eq!(third.check(12, 2).await, Checked::New);
    assert_eq!(third.check(13, 3).await, Checked::DuplicateOf(at(3)), "the control");
}

#[tokio::test]
async fn what_is_forgotten_while_a_tier_takes_nothing_is_not_lost_among_what_is_answered() {
    let (tier, clock) = (Arc::new(MemoryTier::new()), Clock::manual());
    let first = Process::new(&tier, &clock, 1, DedupOptions::new());
    for second in 0..3 {
        assert_eq!(first.check(second, second).await, Checked::New);
    }
    first.settle().await;
    let second = Process::new(&tier, &clock, 2, DedupOptions::new());
    second.chaos.fail(Operation::Get, 1.0);
    // More pages than wait for a tier.
    let begin = 1_000;
    for time in begin..begin + 128 * 70 {
        if time == begin + 128 * 66 {
            assert_eq!(second.forget(0).await, None, "it is not known");
            assert_eq!(second.forget(1).await, None, "it is not known");
        }
        second.check(time, time).await;
    }
    second.recover(&clock).await;
    let third = Process::new(&tier, &clock, 3, DedupOptions::new());
    assert_eq!(third.check(10, 0).await, Checked::New);
    assert_eq!(third.check(11, 1).await, Checked::New);
    assert_eq!(third.check(12, 2).await, Checked::DuplicateOf(at(2)), "the control");
}
