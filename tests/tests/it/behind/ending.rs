//! Flush, shutdown and the last handle: all that was accepted is written or reported, in time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::error::ErrorKind;
use cached_runtime::testing::Operation;
use cached_runtime::tier::{Applied, BehindOptions, Flushed};

use super::{LONG, Rig, kind, options, rig, rig_with, written};
use crate::shelf::{at, drop_key, drop_tag, eventually, frame};

#[tokio::test]
async fn flush_reports_exactly_what_it_saw() {
    let rig = rig_with(BehindOptions { batch: 2, ..options() }, None);
    rig.hold_writing(vec![frame("b:0", 1)]).await;
    let gate = rig.chaos.before(Operation::Put);
    for n in 1..=7 {
        rig.behind.put(frame(&format!("a:{n}"), 1)).unwrap();
    }
    let flush = rig.behind.flush(Duration::from_millis(300));
    let others = async {
        rig.behind.put(frame("b:1", 1)).unwrap();
        rig.behind.put(frame("a:7", 2)).unwrap();
        rig.log.add(&drop_key("a:6", 2));
        gate.release();
        gate.release();
        gate.arrived(3).await;
    };
    let (flushed, ()) = tokio::join!(flush, others);
    assert_eq!(flushed, Flushed { written: 3, unwritten: 5, ..Flushed::default() });
    assert_eq!(rig.release_and_flush().await, Flushed { written: 5, spared: 1, ..Flushed::default() });
    assert_eq!(rig.get("a:7").await.unwrap().unwrap().head().birth, at(2));
}

#[tokio::test]
async fn flush_does_not_wait_for_what_comes_later() {
    let rig = rig_with(BehindOptions { batch: 1, ..options() }, None);
    let gate = rig.chaos.before(Operation::Put);
    gate.close();
    rig.behind.put(frame("a:1", 1)).unwrap();
    gate.arrived(1).await;
    let others = async {
        for n in 0..100 {
            rig.behind.put(frame(&format!("b:{n}"), 1)).unwrap();
        }
        gate.release();
    };
    let (flushed, ()) = tokio::join!(rig.behind.flush(LONG), others);
    assert_eq!(flushed, written(1));
    assert!(rig.behind.stats().pending_frames >= 99);
    rig.chaos.calm();
}

#[tokio::test]
async fn every_accepted_frame_is_accounted_for() {
    let rig = rig_with(BehindOptions { max_pending_frames: 50, batch: 7, ..options() }, None);
    rig.chaos.fail(Operation::Put, 0.3);
    let mut accepted = 0;
    for n in 0..500 {
        accepted += u64::from(rig.behind.put(frame(&format!("a:{n}"), 1)).is_ok());
        if n % 50 == 0 {
            rig.behind.flush(LONG).await;
        }
    }
    let report = rig.behind.shutdown(LONG).await;
    assert_eq!(report.records, 0);
    let stats = rig.behind.stats();
    let refused_at_the_door = 500 - accepted;
    assert_eq!(accepted, stats.written + (stats.dropped - refused_at_the_door), "{stats:?}");
    assert_eq!(rig.shelf.len() as u64, stats.written);
}

#[tokio::test]
async fn shutdown_writes_what_waits_and_then_takes_nothing_more() {
    let rig = rig();
    for n in 0..1_000 {
        rig.behind.put(frame(&format!("a:{n}"), 1)).unwrap();
    }
    let report = rig.behind.shutdown(LONG).await;
    assert_eq!((report.unwritten, report.records), (0, 0));
    assert_eq!(rig.shelf.len(), 1_000);
    assert_eq!(kind(rig.behind.put(frame("b:1", 1))), Some(ErrorKind::Closed));
    assert_eq!(kind(rig.get("a:1").await), Some(ErrorKind::Closed));
    assert_eq!(kind(rig.behind.recall()), Some(ErrorKind::Closed));
    assert_eq!(rig.behind.apply(vec![drop_key("a:1", 2)]).await, Applied::Queued);
    assert_eq!(rig.behind.shutdown(LONG).await.records, 1);
}

#[tokio::test]
async fn shutdown_of_a_hung_tier_ends_by_the_deadline_and_says_what_is_lost() {
    let rig = rig();
    rig.hold_writing((0..100).map(|n| frame(&format!("a:{n}"), 1)).collect()).await;
    rig.invalidate(drop_tag("t", 2)).await;
    rig.invalidate(drop_tag("u", 3)).await;
    let start = Instant::now();
    let report = rig.behind.shutdown(Duration::from_millis(300)).await;
    assert!(start.elapsed() < Duration::from_secs(5), "it does not wait for the tier");
    assert_eq!(report, Flushed { unwritten: 100, records: 2, ..Flushed::default() });
    assert_eq!(rig.behind.stats().dropped, 100);
    rig.chaos.calm();
    assert_eq!(rig.shelf.len(), 0, "a call given up is not made later");
}

#[tokio::test]
async fn a_hung_call_is_given_up_one_day() {
    let rig = rig_with(BehindOptions { call_deadline: Duration::from_millis(50), ..options() }, None);
    rig.hold_writing(vec![frame("a:1", 1)]).await;
    eventually("it is given up", || rig.behind.stats().failed_batches == 1).await;
    rig.chaos.calm();
    assert_eq!(rig.behind.flush(LONG).await.unwritten, 0);
    assert!(rig.shelf.has("a:1"));
}

#[test]
fn the_last_handle_dropped_writes_what_waits() {
    let Rig { shelf, behind, chaos, .. } = rig();
    let clone = behind.clone();
    for n in 0..200 {
        behind.put(frame(&format!("a:{n}"), 1)).unwrap();
    }
    drop(behind);
    drop(clone);
    assert_eq!(shelf.len(), 200);
    drop(chaos);
}

#[test]
fn the_last_handle_dropped_over_a_hung_tier_ends_within_a_second() {
    let Rig { shelf, behind, chaos, .. } = rig();
    chaos.hang(Operation::Put);
    behind.put(frame("a:1", 1)).unwrap();
    let start = Instant::now();
    drop(behind);
    assert!(start.elapsed() < Duration::from_secs(5), "the drop itself");
    let gone = || Arc::strong_count(&chaos) == 1;
    while !gone() && start.elapsed() < LONG {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(start.elapsed() < Duration::from_secs(1), "the worker let go of the tier");
    assert_eq!(shelf.len(), 0);
}

#[test]
fn the_shelf_outlives_the_callers_runtime_and_needs_none() {
    let Rig { shelf, behind, .. } = rig_with(BehindOptions { apply_deadline: LONG, ..options() }, None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        behind.put(frame("a:1", 1)).unwrap();
        assert_eq!(behind.flush(LONG).await.unwritten, 0);
        behind.put(frame("a:2", 1)).unwrap();
    });
    drop(runtime);
    assert_eq!(behind.apply_blocking(vec![drop_tag("t", 2)]), Applied::Applied);
    assert_eq!(behind.recall().unwrap().position, Some(at(2)));
    behind.put(frame("a:3", 2)).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(runtime.block_on(behind.flush(LONG)).unwritten, 0);
    assert_eq!(shelf.len(), 3);
}

#[test]
fn a_blocking_invalidation_of_a_hung_tier_is_queued() {
    let Rig { behind, chaos, .. } = rig();
    chaos.hang(Operation::Apply);
    let start = Instant::now();
    assert_eq!(behind.apply_blocking(vec![drop_key("a:1", 2)]), Applied::Queued);
    assert!(start.elapsed() >= Duration::from_millis(200) && start.elapsed() < Duration::from_secs(5));
    assert!(behind.stats().closed);
    chaos.calm();
}
