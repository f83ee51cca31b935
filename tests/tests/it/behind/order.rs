//! Nothing that was invalidated comes back, wherever it was when the invalidation came.

use cached_runtime::group::{Group, Record};
use cached_runtime::testing::Operation;
use cached_runtime::tier::{Applied, BehindOptions, Judge, Tier};

use super::{LONG, options, rig, rig_with};
use crate::shelf::{NOW, at, credulous, drop_key, drop_tag, eventually, frame, tagged, timed};

/// Where the old frame is when the invalidation comes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Waiting,
    Writing,
    Stored,
    PutLater,
}

/// Puts a frame born at 1 and applies a record at 2, with the frame at this stage. Is it readable afterwards?
async fn race(stage: Stage, record: Record, judge: Option<Judge>) -> bool {
    let rig = rig_with(BehindOptions { apply_deadline: LONG, ..options() }, judge);
    let old = tagged("a:1", 1, &["t"]);
    match stage {
        Stage::Waiting => {
            rig.hold_writing(vec![frame("b:1", 1)]).await;
            rig.behind.put(old.clone()).unwrap();
        }
        Stage::Writing => rig.hold_writing(vec![old.clone()]).await,
        Stage::Stored => {
            rig.behind.put(old.clone()).unwrap();
            assert_eq!(rig.behind.flush(LONG).await.unwritten, 0);
        }
        Stage::PutLater => {}
    }
    let release = async {
        // The invalidation is on its way, and waits for the batch.
        eventually("the record waits", || rig.behind.stats().backlog >= 1).await;
        assert!(!rig.sees("a:1").await || stage == Stage::Stored, "waiting frames are dropped at once");
        rig.chaos.calm();
    };
    let held = matches!(stage, Stage::Waiting | Stage::Writing);
    let apply = rig.invalidate(record);
    let applied = if held { tokio::join!(apply, release).0 } else { apply.await };
    assert_eq!(applied, Applied::Applied);
    if stage == Stage::PutLater {
        rig.behind.put(old).unwrap();
    }
    let early = rig.sees("a:1").await;
    rig.behind.flush(LONG).await;
    early || rig.sees("a:1").await
}

#[tokio::test]
async fn nothing_invalidated_is_read_again_wherever_it_was() {
    for stage in [Stage::Waiting, Stage::Writing, Stage::Stored, Stage::PutLater] {
        for record in [drop_key("a:1", 2), drop_tag("t", 2), Record { group: Group::Everything, position: at(2) }] {
            assert!(!race(stage, record.clone(), None).await, "{stage:?} {record:?}");
        }
    }
}

#[tokio::test]
async fn control_without_a_judge_the_old_frame_comes_back() {
    assert!(race(Stage::PutLater, drop_key("a:1", 2), Some(credulous())).await);
    assert!(race(Stage::Stored, drop_tag("t", 2), Some(credulous())).await);
    // These need no judge: the queue drops the one, and the order of the worker removes the others.
    assert!(!race(Stage::Writing, drop_tag("t", 2), Some(credulous())).await);
    assert!(!race(Stage::Waiting, drop_tag("t", 2), Some(credulous())).await);
    assert!(!race(Stage::Writing, drop_key("a:1", 2), Some(credulous())).await);
}

#[tokio::test]
async fn control_without_the_workers_order_a_batch_lands_after_the_removal() {
    let rig = rig();
    let gate = rig.chaos.before(Operation::Put);
    gate.close();
    let old = [frame("a:1", 1)];
    let removal = async {
        gate.arrived(1).await;
        rig.chaos.apply(&[drop_key("a:1", 2)]).await.unwrap();
        gate.open();
    };
    let (put, ()) = tokio::join!(rig.chaos.put(&old), removal);
    put.unwrap();
    assert!(rig.shelf.has("a:1"), "straight to the tier, the removed frame is stored again");
}

#[tokio::test]
async fn a_read_under_way_does_not_bring_back_what_was_invalidated_meanwhile() {
    for (judge, comes_back) in [(None, false), (Some(credulous()), true)] {
        let rig = rig_with(BehindOptions { apply_deadline: LONG, ..options() }, judge);
        rig.shelf.plant("a:1", frame("a:1", 1).bytes().clone());
        let gate = rig.chaos.after(Operation::Get);
        gate.close();
        let invalidation = async {
            gate.arrived(1).await;
            assert_eq!(rig.invalidate(drop_key("a:1", 2)).await, Applied::Applied);
            gate.open();
        };
        let (read, ()) = tokio::join!(rig.sees("a:1"), invalidation);
        assert_eq!(read, comes_back);
    }
}

#[tokio::test]
async fn a_frame_born_after_the_invalidation_stays() {
    let rig = rig_with(BehindOptions { apply_deadline: LONG, ..options() }, None);
    assert_eq!(rig.invalidate(drop_key("a:1", 2)).await, Applied::Applied);
    rig.behind.put(frame("a:1", 2)).unwrap();
    assert_eq!(rig.behind.flush(LONG).await.unwritten, 0);
    assert!(rig.sees("a:1").await);
}

#[tokio::test]
async fn an_invalidation_overtakes_the_frames_that_wait() {
    let rig = rig_with(BehindOptions { batch: 1, apply_deadline: LONG, ..options() }, None);
    rig.hold_writing(vec![frame("a:0", 1)]).await;
    for n in 1..50 {
        rig.behind.put(frame(&format!("a:{n}"), 1)).unwrap();
    }
    let release = async { rig.chaos.before(Operation::Put).release() };
    let (applied, ()) = tokio::join!(rig.invalidate(drop_key("b:1", 2)), release);
    assert_eq!(applied, Applied::Applied);
    assert_eq!((rig.shelf.len(), rig.behind.stats().pending_frames), (1, 49));
    rig.chaos.calm();
}

#[tokio::test]
async fn what_an_invalidation_named_is_not_stored_for_the_next_process() {
    // A key leaves no record behind: a frame stored after its removal would be believed after a restart.
    for (judge, stored) in [(None, false), (Some(credulous()), true)] {
        let rig = rig_with(BehindOptions { apply_deadline: LONG, ..options() }, judge);
        assert_eq!(rig.invalidate(drop_key("a:1", 2)).await, Applied::Applied);
        rig.behind.put(frame("a:1", 1)).unwrap();
        rig.behind.flush(LONG).await;
        assert_eq!(rig.shelf.has("a:1"), stored);
    }
}

#[tokio::test]
async fn a_batch_that_failed_is_judged_again() {
    let rig = rig();
    rig.chaos.fail(Operation::Put, 1.0);
    rig.hold_writing(vec![frame("a:1", 1), tagged("a:2", 1, &["t"])]).await;
    rig.log.add(&drop_key("a:1", 2));
    rig.log.add(&drop_tag("t", 3));
    rig.chaos.release(Operation::Put);
    eventually("it has failed", || rig.behind.stats().failed_batches >= 1).await;
    rig.chaos.calm();
    assert_eq!(rig.behind.flush(LONG).await.written, 0);
    assert_eq!(rig.chaos.counts(Operation::Put).done, 0);
}

/// The newer frame is not stored, for its life is over. What the tier has of the key is older still and is on its way
/// out: nobody reads it meanwhile.
#[tokio::test]
async fn what_a_frame_overwrote_is_not_read_while_it_is_being_removed() {
    let rig = rig_with(BehindOptions { idle_every: LONG, ..options() }, None);
    rig.behind.put(frame("a:1", 2)).unwrap();
    rig.behind.flush(LONG).await;
    rig.hold_writing(vec![frame("b:1", 2)]).await;
    rig.behind.put(timed("a:1", 3, &[], NOW - 100, NOW - 1)).unwrap();
    let gate = rig.chaos.before(Operation::Apply);
    gate.close();
    let before = gate.arrivals();
    rig.chaos.release(Operation::Put);
    gate.arrived(before + 1).await;
    assert!(rig.shelf.has("a:1"), "the older one is still in the tier");
    assert!(!rig.sees("a:1").await);
    rig.chaos.calm();
    rig.behind.flush(LONG).await;
}
