//! The write-behind shelf: nothing invalidated comes back, nothing is lost unreported, nobody waits for long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cached_runtime::chance::Chance;
use cached_runtime::clock::Clock;
use cached_runtime::codec::Frame;
use cached_runtime::error::{ErrorKind, Result};
use cached_runtime::group::{Group, Record};
use cached_runtime::testing::{Chaos, Operation};
use cached_runtime::tier::{Applied, Behind, BehindOptions, Flushed, GuardOptions, Guarded, Judge, Tier};

use crate::shelf::{Log, NOW, Shelf, at, credulous, drop_key, drop_tag, eventually, frame, key, tagged, timed};

const LONG: Duration = Duration::from_secs(5);

struct Rig {
    shelf: Arc<Shelf>,
    chaos: Arc<Chaos>,
    log: Log,
    behind: Behind,
}

fn options() -> BehindOptions {
    let ms = Duration::from_millis;
    BehindOptions {
        clock: Clock::manual(),
        retry: ms(5),
        sweep_every: ms(1),
        idle_every: ms(1),
        ..BehindOptions::default()
    }
}

fn rig() -> Rig {
    rig_with(options(), None)
}

fn rig_with(options: BehindOptions, judge: Option<Judge>) -> Rig {
    let shelf = Arc::new(Shelf::default());
    let chaos = Arc::new(Chaos::new(Arc::clone(&shelf) as Arc<dyn Tier>, 1));
    let log = Log::default();
    let judge = judge.unwrap_or_else(|| log.judge());
    let behind = Behind::start(Arc::clone(&chaos) as Arc<dyn Tier>, judge, options);
    Rig { shelf, chaos, log, behind }
}

impl Rig {
    async fn get(&self, name: &str) -> Result<Option<Frame>> {
        self.behind.get(&[key(name)]).await.map(|mut found| found.remove(0))
    }

    async fn sees(&self, name: &str) -> bool {
        self.get(name).await.unwrap().is_some()
    }

    /// As the stack does it: the log first, then the shelf.
    async fn invalidate(&self, record: Record) -> Applied {
        self.log.add(&record);
        self.behind.apply(vec![record]).await
    }

    /// Lets the worker go on when the flush has begun to count.
    async fn release_and_flush(&self) -> Flushed {
        tokio::join!(self.behind.flush(LONG), async { self.chaos.calm() }).0
    }

    /// Holds the worker in the middle of writing a batch of these frames.
    async fn hold_writing(&self, frames: Vec<Frame>) {
        let gate = self.chaos.before(Operation::Put);
        gate.close();
        let before = gate.arrivals();
        for frame in frames {
            self.behind.put(frame).unwrap();
        }
        gate.arrived(before + 1).await;
    }
}

fn kind<T>(answer: Result<T>) -> Option<ErrorKind> {
    answer.err().map(|e| e.kind())
}

fn written(written: usize) -> Flushed {
    Flushed { written, ..Flushed::default() }
}

// Reading and writing

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
    assert!(start.elapsed() < Duration::from_millis(100));
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
    let rig = rig_with(BehindOptions { sweep_every: LONG, idle_every: LONG, ..options() }, None);
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

// Invalidation

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
        let rig = rig_with(options(), judge);
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
    let rig = rig();
    assert_eq!(rig.invalidate(drop_key("a:1", 2)).await, Applied::Applied);
    rig.behind.put(frame("a:1", 2)).unwrap();
    assert_eq!(rig.behind.flush(LONG).await.unwritten, 0);
    assert!(rig.sees("a:1").await);
}

#[tokio::test]
async fn a_tier_that_does_not_take_invalidations_is_not_trusted_until_it_does() {
    let rig = rig();
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
    assert!(start.elapsed() < Duration::from_millis(400));
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
        let rig = rig_with(options(), judge);
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

// Failure of writes

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

// Flush, shutdown, the end of things

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
    assert!(start.elapsed() < Duration::from_millis(600));
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
    assert!(start.elapsed() < Duration::from_millis(500), "the drop itself");
    let gone = || Arc::strong_count(&chaos) == 1;
    while !gone() && start.elapsed() < LONG {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(start.elapsed() < Duration::from_secs(1), "the worker let go of the tier");
    assert_eq!(shelf.len(), 0);
}

#[test]
fn the_shelf_outlives_the_callers_runtime_and_needs_none() {
    let Rig { shelf, behind, .. } = rig();
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
    assert!(start.elapsed() >= Duration::from_millis(200) && start.elapsed() < Duration::from_millis(400));
    assert!(behind.stats().closed);
    chaos.calm();
}

// Upkeep

#[tokio::test]
async fn a_record_is_forgotten_only_after_a_whole_round() {
    let rig = rig_with(BehindOptions { tidy_entries: 3, apply_deadline: LONG, ..options() }, None);
    let gate = rig.chaos.before(Operation::Tidy);
    gate.close();
    let step = gate.passages() + 1;
    gate.arrived(step).await;
    for n in 0..20 {
        rig.shelf.plant(&format!("a:{n:02}"), tagged(&format!("a:{n:02}"), 1, &["t"]).bytes().clone());
    }
    // The cursor stands in the middle of a round when the record comes.
    for _ in 0..3 {
        gate.release();
    }
    gate.arrived(step + 3).await;
    let record = drop_tag("t", 2);
    assert_eq!(tokio::join!(rig.invalidate(record), async { gate.open() }).0, Applied::Applied);
    eventually("the record is forgotten", || {
        let forgotten = rig.shelf.records().is_empty();
        assert!(!forgotten || rig.shelf.len() == 0, "forgotten while entries it names are stored");
        forgotten
    })
    .await;
    assert_eq!(rig.behind.stats().tidied, 20);
}

#[tokio::test]
async fn a_recalled_record_is_swept_like_a_new_one() {
    let rig = rig_with(options(), None);
    let record = drop_tag("t", 9);
    rig.shelf.apply(std::slice::from_ref(&record)).await.unwrap();
    rig.shelf.plant("a:1", tagged("a:1", 3, &["t"]).bytes().clone());
    let recall = rig.behind.recall().unwrap();
    assert_eq!(recall.records, std::slice::from_ref(&record));
    rig.log.add(&record);
    assert!(!rig.sees("a:1").await);
}

// All at once

/// Four tasks load, invalidate and read eight keys over a tier that fails; how often was something old read?
async fn storm(seed: u64, judge: Option<Judge>) -> (u64, u64) {
    let rig = Arc::new(rig_with(BehindOptions { batch: 3, ..options() }, judge));
    for operation in [Operation::Put, Operation::Apply, Operation::Get, Operation::Tidy] {
        rig.chaos.fail(operation, 0.05);
        rig.chaos.lose_reply(operation, 0.05);
        rig.chaos.panic(operation, 0.005);
        rig.chaos.delay(operation, Duration::ZERO, Duration::from_micros(200));
    }
    let head = Arc::new(AtomicU64::new(0));
    let floors: Arc<[AtomicU64; 8]> = Arc::default();
    let (old, reads) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let mut tasks = Vec::new();
    for task in 0..4 {
        let (rig, head, floors) = (Arc::clone(&rig), Arc::clone(&head), Arc::clone(&floors));
        let (old, reads) = (Arc::clone(&old), Arc::clone(&reads));
        let chance = Chance::new(seed * 4 + task);
        tasks.push(tokio::spawn(async move {
            for _ in 0..400 {
                let n = chance.below(8) as usize;
                let name = format!("a:{n}");
                match chance.below(20) {
                    0 => {
                        let group = match chance.below(8) {
                            0 => Group::Tag("all".into()),
                            _ => Group::Key(key(&name)),
                        };
                        let all = matches!(group, Group::Tag(_));
                        let record = rig.log.append(group);
                        let number = record.position.number;
                        head.fetch_max(number, Ordering::SeqCst);
                        rig.behind.apply(vec![record]).await;
                        for (k, floor) in floors.iter().enumerate() {
                            if all || k == n {
                                floor.fetch_max(number, Ordering::SeqCst);
                            }
                        }
                    }
                    1..=8 => {
                        // A load knows only the log of its beginning, which was up to three records ago.
                        let birth = head.load(Ordering::SeqCst).saturating_sub(chance.below(4));
                        if kind(rig.behind.put(tagged(&name, birth, &["all"]))) == Some(ErrorKind::Open) {
                            // Closed: without a pause the whole storm would be over before it opens.
                            tokio::time::sleep(Duration::from_millis(1)).await;
                        }
                    }
                    _ => {
                        let floor = floors[n].load(Ordering::SeqCst);
                        if let Ok(Some(frame)) = rig.get(&name).await {
                            reads.fetch_add(1, Ordering::SeqCst);
                            old.fetch_add(u64::from(frame.head().birth.number < floor), Ordering::SeqCst);
                        }
                    }
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    rig.chaos.calm();
    (old.load(Ordering::SeqCst), reads.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_storm_of_faults_nothing_old_is_ever_read() {
    let mut reads = 0;
    for seed in 0..4 {
        let (old, read) = storm(seed, None).await;
        assert_eq!(old, 0, "seed {seed}");
        reads += read;
    }
    assert!(reads > 200, "the storm still lets something through: {reads}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_in_a_storm_without_a_judge_old_frames_are_read() {
    assert!(storm(0, Some(credulous())).await.0 > 0);
}
