//! What is put is read at once, in order, and bounded; what is no good is not there.

use std::time::{Duration, Instant};

use cached_runtime::error::ErrorKind;
use cached_runtime::testing::Operation;
use cached_runtime::tier::{Applied, BehindOptions, Flushed};

use super::{LONG, kind, options, rig, rig_with, written};
use crate::shelf::{NOW, at, drop_key, eventually, frame, key, timed};

#[tokio::test]
async fn a_frame_is_there_from_the_moment_it_is_put() {
    let rig = rig();
    rig.hold_writing(vec![frame("a:1", 1)]).await;
    rig.behind.put(frame("a:2", 1)).unwrap();
    assert!(rig.sees("a:1").await, "while it is being written");
    assert!(rig.sees("a:2").await, "while it waits");
    assert_eq!(rig.shelf.len(), 0);
    assert_eq!(rig.release_and_flush().await, written(2));
    assert!(rig.sees("a:1").await && rig.shelf.has("a:1") && rig.shelf.has("a:2"));
    assert_eq!((rig.behind.stats().written, rig.behind.stats().pending_bytes), (2, 0));
}

#[tokio::test]
async fn answers_come_in_the_order_of_the_keys() {
    let rig = rig();
    for n in [1, 2] {
        rig.behind.put(frame(&format!("a:{n}"), n)).unwrap();
    }
    rig.behind.flush(LONG).await;
    rig.hold_writing(vec![frame("a:3", 3)]).await;
    let found = rig.behind.get(&["a:3", "a:9", "a:1", "a:3", "a:2"].map(key)).await.unwrap();
    let births: Vec<Option<u64>> = found.iter().map(|f| f.as_ref().map(|f| f.head().birth.number)).collect();
    assert_eq!(births, [Some(3), None, Some(1), Some(3), Some(2)]);
    rig.chaos.calm();
}

#[tokio::test]
async fn the_latest_frame_of_a_key_wins_also_over_one_that_failed() {
    let rig = rig();
    rig.chaos.fail(Operation::Put, 1.0);
    rig.hold_writing(vec![frame("a:1", 1)]).await;
    rig.behind.put(frame("a:1", 2)).unwrap();
    rig.behind.put(frame("a:1", 3)).unwrap();
    assert_eq!(rig.behind.stats().pending_frames, 2);
    rig.chaos.release(Operation::Put);
    eventually("the older one gives way", || rig.behind.stats().pending_frames == 1).await;
    rig.chaos.calm();
    assert_eq!(rig.behind.flush(LONG).await.unwritten, 0);
    assert_eq!(rig.get("a:1").await.unwrap().unwrap().head().birth, at(3));
}

#[tokio::test]
async fn put_never_waits_and_the_queue_is_bounded() {
    let rig = rig_with(BehindOptions { max_pending_frames: 10, ..options() }, None);
    rig.hold_writing(vec![frame("a:0", 1)]).await;
    let start = Instant::now();
    for n in 1..10 {
        rig.behind.put(frame(&format!("a:{n}"), 1)).unwrap();
    }
    assert_eq!(kind(rig.behind.put(frame("a:10", 1))), Some(ErrorKind::Full));
    rig.behind.put(frame("a:9", 2)).expect("in place of an older one there is room");
    assert!(start.elapsed() < Duration::from_secs(5), "nothing waits for the write");
    assert_eq!(rig.behind.stats().dropped, 1);
    assert_eq!(rig.release_and_flush().await, written(10));
    rig.behind.put(frame("a:10", 1)).unwrap();
}

#[tokio::test]
async fn the_queue_is_bounded_in_bytes() {
    let one = frame("a:0", 1).bytes().len();
    let rig = rig_with(BehindOptions { max_pending_bytes: 3 * one, ..options() }, None);
    rig.hold_writing(vec![frame("a:0", 1)]).await;
    rig.behind.put(frame("a:1", 1)).unwrap();
    rig.behind.put(frame("a:2", 1)).unwrap();
    assert_eq!(kind(rig.behind.put(frame("a:3", 1))), Some(ErrorKind::Full));
    assert_eq!(rig.behind.stats().pending_bytes, 3 * one);
    rig.chaos.calm();
}

#[tokio::test]
async fn what_is_no_frame_or_anothers_is_a_counted_miss_and_removed() {
    // Without upkeep, which would find them as well.
    let rig = rig_with(BehindOptions { sweep_every: LONG, idle_every: LONG, apply_deadline: LONG, ..options() }, None);
    rig.shelf.plant("a:1", "not a frame");
    rig.shelf.plant("a:2", frame("a:3", 1).bytes().clone());
    // A record of this log, so that the shelf has a position to remove them at.
    assert_eq!(rig.invalidate(drop_key("b:0", 1)).await, Applied::Applied);
    let found = rig.behind.get(&["a:1", "a:2"].map(key)).await.unwrap();
    assert!(found.iter().all(Option::is_none));
    assert_eq!(rig.behind.stats().unreadable, 2);
    eventually("they are removed", || rig.shelf.len() == 0).await;
}

#[tokio::test]
async fn what_is_past_its_life_or_born_in_the_future_is_not_there() {
    let rig = rig_with(BehindOptions { idle_every: LONG, ..options() }, None);
    let frames = [
        timed("a:old", 1, &[], NOW - 100, NOW - 1),
        timed("a:last", 1, &[], NOW - 100, NOW),
        timed("a:skew", 1, &[], NOW + 5_000, NOW + 60_000),
        timed("a:future", 1, &[], NOW + 5_001, NOW + 60_000),
    ];
    for frame in &frames {
        rig.shelf.plant(frame.key().as_str(), frame.bytes().clone());
    }
    assert!(!rig.sees("a:old").await && rig.sees("a:last").await);
    assert!(rig.sees("a:skew").await && !rig.sees("a:future").await);
}

/// What the tier left out is counted as that, and not as written; nobody waits for it, and nothing is tried again.
#[tokio::test]
async fn what_the_tier_leaves_out_is_not_counted_as_written() {
    let rig = rig();
    rig.shelf.leave_out("a:2");
    rig.hold_writing(vec![frame("a:0", 1)]).await;
    for n in 1..=3 {
        rig.behind.put(frame(&format!("a:{n}"), 1)).unwrap();
    }
    assert_eq!(rig.release_and_flush().await, Flushed { written: 3, spared: 1, ..Flushed::default() });
    let stats = rig.behind.stats();
    assert_eq!((stats.written, stats.dropped, stats.failed_batches), (3, 1, 0), "{stats:?}");
    assert_eq!((stats.pending_frames, stats.pending_bytes, rig.shelf.len()), (0, 0, 3));
    assert!(rig.sees("a:1").await && !rig.sees("a:2").await && rig.sees("a:3").await);
}
