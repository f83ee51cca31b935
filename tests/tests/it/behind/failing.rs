//! Writes that fail are tried again, judged again, and counted when they are given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::error::ErrorKind;
use cached_runtime::testing::{Chaos, Operation};
use cached_runtime::tier::{Applied, Behind, Flushed, GuardOptions, Guarded, Judge, Tier};

use super::{LONG, kind, options, rig, rig_with, written};
use crate::shelf::{Shelf, credulous, drop_key, eventually, frame, key};

#[tokio::test]
async fn a_failed_batch_is_tried_again() {
    let rig = rig();
    rig.chaos.fail(Operation::Put, 1.0);
    rig.behind.put(frame("a:1", 1)).unwrap();
    eventually("two attempts", || rig.behind.stats().failed_batches >= 2).await;
    rig.chaos.calm();
    assert_eq!(rig.behind.flush(LONG).await.unwritten, 0);
    assert!(rig.shelf.has("a:1"));
}

#[tokio::test]
async fn a_batch_that_fails_again_and_again_is_dropped_and_counted() {
    let rig = rig();
    rig.chaos.fail(Operation::Put, 1.0);
    rig.behind.put(frame("a:1", 1)).unwrap();
    rig.behind.put(frame("a:2", 1)).unwrap();
    let flushed = rig.behind.flush(LONG).await;
    assert_eq!(flushed, Flushed { unwritten: 2, ..Flushed::default() });
    assert_eq!((rig.behind.stats().dropped, rig.behind.stats().pending_frames), (2, 0));
    rig.chaos.calm();
    assert!(!rig.sees("a:1").await);
}

#[tokio::test]
async fn frames_and_invalidations_wait_for_a_guarded_tier_to_come_back() {
    let (clock, chaos) = (Clock::manual(), Arc::new(Chaos::new(Arc::new(Shelf::default()), 1)));
    let guard = GuardOptions { clock: clock.clone(), ..GuardOptions::default() };
    let guarded = Arc::new(Guarded::new(Arc::clone(&chaos) as Arc<dyn Tier>, guard));
    let behind = Behind::start(Arc::clone(&guarded) as Arc<dyn Tier>, credulous(), options());
    for operation in [Operation::Put, Operation::Get] {
        chaos.fail(operation, 1.0);
    }
    for _ in 0..5 {
        assert_eq!(kind(behind.get(&[key("a:1")]).await), Some(ErrorKind::Tier));
    }
    for _ in 0..5 {
        guarded.put(&[frame("a:0", 1)]).await.unwrap_err();
    }
    behind.put(frame("a:1", 1)).unwrap();
    // More refusals than a frame has attempts: a refusal is none.
    eventually("the breaker refuses", || behind.stats().failed_batches > 5).await;
    assert_eq!((behind.stats().pending_frames, chaos.counts(Operation::Put).calls), (1, 5));
    assert_eq!(behind.apply(vec![drop_key("b:1", 2)]).await, Applied::Queued);
    chaos.calm();
    clock.advance(Duration::from_secs(1));
    assert_eq!(behind.flush(LONG).await, written(1));
    assert_eq!((behind.stats().backlog, behind.stats().closed), (0, false));
}

#[tokio::test]
async fn the_worker_survives_a_tier_and_a_judge_that_panic() {
    let judged = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&judged);
    let judge: Judge = Arc::new(move |frame| {
        counter.fetch_add(1, Ordering::SeqCst);
        assert_ne!(frame.key().as_str(), "a:evil", "the judge panics on command");
        true
    });
    let rig = rig_with(options(), Some(judge));
    for operation in [Operation::Put, Operation::Apply, Operation::Get, Operation::Tidy, Operation::Recall] {
        rig.chaos.panic(operation, 1.0);
    }
    rig.behind.put(frame("a:1", 1)).unwrap();
    assert_eq!(rig.behind.apply(vec![drop_key("a:9", 2)]).await, Applied::Queued);
    assert_eq!(kind(rig.behind.recall()), Some(ErrorKind::Tier));
    rig.chaos.calm();
    eventually("the shelf opens", || !rig.behind.stats().closed).await;
    rig.chaos.panic(Operation::Get, 1.0);
    assert_eq!(kind(rig.get("a:7").await), Some(ErrorKind::Tier));
    rig.chaos.calm();
    rig.behind.put(frame("a:evil", 1)).unwrap();
    rig.behind.put(frame("a:2", 1)).unwrap();
    assert_eq!(rig.behind.flush(LONG).await.unwritten, 0);
    assert!(rig.sees("a:2").await && !rig.shelf.has("a:evil") && judged.load(Ordering::SeqCst) > 0);
}
