//! Invalidations that the tier does not take: they wait, bounded, and nothing is trusted until it has taken them.

use std::time::{Duration, Instant};

use cached_runtime::error::ErrorKind;
use cached_runtime::group::{Group, Record};
use cached_runtime::testing::Operation;
use cached_runtime::tier::{Applied, BehindOptions};

use super::{LONG, kind, options, rig, rig_with};
use crate::shelf::{at, drop_key, drop_tag, eventually, frame, tagged};

#[tokio::test]
async fn a_tier_that_does_not_take_invalidations_is_not_trusted_until_it_does() {
    let rig = rig_with(BehindOptions { apply_deadline: LONG, ..options() }, None);
    for name in ["a:1", "b:1"] {
        rig.behind.put(tagged(name, 1, &["t"])).unwrap();
    }
    rig.behind.flush(LONG).await;
    rig.chaos.fail(Operation::Apply, 1.0);
    assert_eq!(rig.invalidate(drop_key("a:1", 2)).await, Applied::Queued);
    for n in 3..=5 {
        assert_eq!(rig.invalidate(drop_tag(&format!("u{n}"), n)).await, Applied::Queued);
    }
    assert_eq!(rig.invalidate(drop_tag("u3", 6)).await, Applied::Queued);
    assert_eq!(kind(rig.get("a:1").await), Some(ErrorKind::Open));
    assert_eq!(kind(rig.get("b:1").await), Some(ErrorKind::Open));
    assert_eq!(kind(rig.behind.put(frame("c:1", 6))), Some(ErrorKind::Open));
    let stats = rig.behind.stats();
    assert_eq!((stats.backlog, stats.closed), (4, true), "one record a group");
    let worked = rig.chaos.counts(Operation::Apply).failed;
    eventually("it is tried again", || rig.chaos.counts(Operation::Apply).failed > worked).await;
    rig.chaos.hang(Operation::Tidy);
    rig.chaos.fail(Operation::Apply, 0.0);
    eventually("the shelf opens", || !rig.behind.stats().closed).await;
    assert!(!rig.sees("a:1").await && rig.sees("b:1").await && !rig.shelf.has("a:1"));
    assert_eq!(rig.shelf.records(), [drop_tag("u4", 4), drop_tag("u5", 5), drop_tag("u3", 6)], "in order");
    rig.chaos.calm();
    assert_eq!(rig.invalidate(drop_key("a:1", 7)).await, Applied::Applied);
}

/// A process may end as soon as somebody was told `Queued`: by then the store says that it is not to be trusted.
#[tokio::test]
async fn nobody_is_told_queued_before_the_tier_is_marked() {
    let rig = rig_with(BehindOptions { apply_deadline: LONG, ..options() }, None);
    let (entered, marking) = std::sync::mpsc::channel();
    let (go_on, held) = std::sync::mpsc::channel();
    rig.shelf.when_trust_is_said(move |trusted| {
        let _said = entered.send(trusted);
        let _released = held.recv();
    });
    rig.chaos.fail(Operation::Apply, 1.0);
    let mut told = Box::pin(rig.invalidate(drop_tag("t", 1)));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(told.as_mut().poll(&mut context).is_pending());
    assert!(!marking.recv().unwrap(), "it is not to be trusted");
    assert!(told.as_mut().poll(&mut context).is_pending(), "the mark is not there yet");
    go_on.send(()).unwrap();
    assert_eq!(told.await, Applied::Queued);
    drop(go_on);
}

#[tokio::test]
async fn a_hung_write_does_not_hold_up_an_invalidation() {
    let rig = rig();
    rig.hold_writing(vec![frame("a:1", 1)]).await;
    let start = Instant::now();
    assert_eq!(rig.invalidate(drop_key("a:1", 2)).await, Applied::Queued);
    assert!(start.elapsed() < Duration::from_secs(5), "it does not wait for the write");
    assert_eq!(kind(rig.get("a:1").await), Some(ErrorKind::Open));
    assert_eq!(rig.invalidate(drop_key("a:1", 3)).await, Applied::Queued);
    rig.chaos.calm();
    eventually("the shelf opens", || !rig.behind.stats().closed).await;
    assert!(!rig.sees("a:1").await && !rig.shelf.has("a:1"));
}

#[tokio::test]
async fn a_cancelled_invalidation_is_applied_all_the_same() {
    let rig = rig();
    rig.behind.put(frame("a:1", 1)).unwrap();
    rig.behind.flush(LONG).await;
    let gate = rig.chaos.before(Operation::Apply);
    gate.close();
    let record = drop_key("a:1", 2);
    tokio::select! {
        biased;
        _ = rig.behind.apply(vec![record]) => panic!("the tier hangs"),
        () = gate.arrived(1) => {}
    }
    gate.open();
    eventually("it is applied", || !rig.shelf.has("a:1")).await;
}

#[tokio::test]
async fn a_backlog_that_overflows_invalidates_everything() {
    let rig = rig_with(BehindOptions { backlog: 10, ..options() }, None);
    rig.chaos.fail(Operation::Apply, 1.0);
    for n in 1..=25 {
        rig.invalidate(drop_tag(&format!("t{n}"), n)).await;
    }
    let stats = rig.behind.stats();
    assert!(stats.backlog <= 10 && stats.overflows >= 1, "{stats:?}");
    rig.chaos.hang(Operation::Tidy);
    rig.chaos.fail(Operation::Apply, 0.0);
    eventually("the shelf opens", || !rig.behind.stats().closed).await;
    let records = rig.shelf.records();
    let everything = records.iter().position(|r| r.group == Group::Everything).expect("the overflow");
    // Every invalidation is there by its name or below one of everything.
    let covered = records[everything].position.number;
    for n in covered + 1..=25 {
        assert!(records.contains(&drop_tag(&format!("t{n}"), n)));
    }
    assert_eq!(records.last().unwrap().position, at(25));
    rig.chaos.calm();
}

#[tokio::test]
async fn a_burst_over_the_bound_is_one_invalidation_of_everything() {
    let rig = rig_with(BehindOptions { backlog: 10, ..options() }, None);
    rig.chaos.fail(Operation::Apply, 1.0);
    let burst = (1..=11).map(|n| drop_tag(&format!("t{n}"), n)).collect();
    assert_eq!(rig.behind.apply(burst).await, Applied::Queued);
    rig.chaos.hang(Operation::Tidy);
    rig.chaos.fail(Operation::Apply, 0.0);
    eventually("the shelf opens", || !rig.behind.stats().closed).await;
    assert_eq!(rig.shelf.records(), [Record { group: Group::Everything, position: at(11) }]);
    rig.chaos.calm();
}
