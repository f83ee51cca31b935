//! Promise 5: a tier that is slow, hung or away costs a bounded delay, then nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::error::ErrorKind;
use cached_runtime::testing::{Chaos, Operation};
use cached_runtime::tier::{BreakerOptions, BreakerState, Deadlines, GuardOptions, Guarded, Metered, Tier};
use tokio::time::Instant;

use crate::shelf::{Shelf, drop_key, frame, key};

struct Rig {
    clock: Clock,
    chaos: Arc<Chaos>,
    guarded: Guarded,
}

fn rig() -> Rig {
    let clock = Clock::manual();
    let chaos = Arc::new(Chaos::new(Arc::new(Shelf::default()), 1));
    let options = GuardOptions { name: "shelf", clock: clock.clone(), ..GuardOptions::default() };
    let guarded = Guarded::new(Arc::clone(&chaos) as Arc<dyn Tier>, options);
    Rig { clock, chaos, guarded }
}

impl Rig {
    async fn kind_of_get(&self) -> Option<ErrorKind> {
        self.guarded.get(&[key("a:b")]).await.err().map(|e| e.kind())
    }

    async fn open(&self) {
        self.chaos.fail(Operation::Get, 1.0);
        for _ in 0..5 {
            assert_eq!(self.kind_of_get().await, Some(ErrorKind::Tier));
        }
        assert_eq!(self.guarded.breaker().state(), BreakerState::Open);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hung_tier_costs_its_deadline_and_opens_the_breaker() {
    let rig = rig();
    rig.chaos.hang(Operation::Get);
    let start = Instant::now();
    for _ in 0..5 {
        assert_eq!(rig.kind_of_get().await, Some(ErrorKind::Deadline));
    }
    assert!(start.elapsed() >= Duration::from_millis(250));
    assert_eq!(rig.guarded.breaker().state(), BreakerState::Open);
    let start = Instant::now();
    assert_eq!(rig.kind_of_get().await, Some(ErrorKind::Open));
    assert!(start.elapsed() < Duration::from_millis(40), "an open breaker does not wait");
    assert_eq!(rig.chaos.counts(Operation::Get).calls, 5, "an open breaker does not ask");
}

#[tokio::test]
async fn successes_between_failures_keep_it_closed() {
    let rig = rig();
    for _ in 0..4 {
        rig.chaos.fail(Operation::Get, 1.0);
        for _ in 0..4 {
            rig.kind_of_get().await;
        }
        rig.chaos.calm();
        assert_eq!(rig.kind_of_get().await, None);
    }
    assert_eq!(rig.guarded.breaker().transitions(), 0);
}

#[tokio::test]
async fn it_opens_probes_and_closes_with_waits_that_double() {
    let rig = rig();
    rig.open().await;
    for wait in [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000] {
        rig.clock.advance(Duration::from_millis(wait - 1));
        assert_eq!(rig.kind_of_get().await, Some(ErrorKind::Open), "before {wait} ms are over");
        rig.clock.advance(Duration::from_millis(1 + wait / 4));
        assert_eq!(rig.kind_of_get().await, Some(ErrorKind::Tier), "the probe after {wait} ms");
    }
    rig.chaos.calm();
    rig.clock.advance(Duration::from_secs(7));
    assert_eq!(rig.kind_of_get().await, None);
    assert_eq!(rig.guarded.breaker().state(), BreakerState::Closed);
    // Opened once; eight probes half-opened it, seven of which opened it again and one closed it.
    assert_eq!(rig.guarded.breaker().transitions(), 1 + 8 + 8);
}

#[tokio::test]
async fn one_probe_at_a_time() {
    let rig = rig();
    rig.open().await;
    rig.chaos.calm();
    rig.clock.advance(Duration::from_secs(1));
    let gate = rig.chaos.before(Operation::Get);
    gate.close();
    let keys = [key("a:b")];
    let probe = rig.guarded.get(&keys);
    let rival = async {
        gate.arrived(6).await;
        assert_eq!(rig.guarded.breaker().state(), BreakerState::HalfOpen);
        assert_eq!(rig.kind_of_get().await, Some(ErrorKind::Open));
        gate.open();
    };
    let (probe, ()) = tokio::join!(probe, rival);
    assert!(probe.is_ok());
    assert_eq!(rig.guarded.breaker().state(), BreakerState::Closed);
    // The control: a closed breaker lets both of them in at once.
    gate.close();
    let open = async {
        gate.arrived(8).await;
        gate.open();
    };
    let (one, two, ()) = tokio::join!(rig.guarded.get(&keys), rig.guarded.get(&keys), open);
    assert!(one.is_ok() && two.is_ok());
}

/// A probe whose future is kept and not polled.
#[tokio::test]
async fn a_probe_that_sleeps_gives_way_to_another() {
    let rig = rig();
    rig.open().await;
    rig.chaos.calm();
    rig.clock.advance(Duration::from_secs(1));
    let gate = rig.chaos.before(Operation::Get);
    gate.close();
    let keys = [key("a:b")];
    let mut asleep = rig.guarded.get(&keys);
    tokio::select! {
        biased;
        _ = &mut asleep => panic!("the probe hangs"),
        () = gate.arrived(6) => {}
    }
    gate.open();
    rig.clock.advance(Duration::from_millis(249));
    assert_eq!(rig.kind_of_get().await, Some(ErrorKind::Open), "it may still answer");
    rig.clock.advance(Duration::from_millis(1));
    assert_eq!(rig.kind_of_get().await, None, "the next is a probe as well");
    assert_eq!(rig.guarded.breaker().state(), BreakerState::Closed);
    assert!(asleep.await.is_ok());
    assert_eq!(rig.guarded.breaker().state(), BreakerState::Closed);
}

#[tokio::test]
async fn a_cancelled_probe_leaves_the_place_to_the_next_call() {
    let rig = rig();
    rig.open().await;
    rig.chaos.calm();
    rig.clock.advance(Duration::from_secs(1));
    rig.chaos.hang(Operation::Get);
    let keys = [key("a:b")];
    let gate = rig.chaos.before(Operation::Get);
    let mut probe = rig.guarded.get(&keys);
    tokio::select! {
        biased;
        _ = &mut probe => panic!("the probe hangs"),
        () = gate.arrived(6) => {}
    }
    // The control: as long as it is held, nobody else may probe.
    assert_eq!(rig.kind_of_get().await, Some(ErrorKind::Open));
    drop(probe);
    rig.chaos.release(Operation::Get);
    assert_eq!(rig.kind_of_get().await, None);
}

#[tokio::test]
async fn cancelled_calls_count_as_nothing() {
    let rig = rig();
    let gate = rig.chaos.before(Operation::Get);
    gate.close();
    for n in 1..=20 {
        let keys = [key("a:b")];
        tokio::select! {
            biased;
            _ = rig.guarded.get(&keys) => panic!("the tier hangs"),
            () = gate.arrived(n) => {}
        }
    }
    assert_eq!(rig.guarded.breaker().state(), BreakerState::Closed);
}

#[tokio::test]
async fn a_late_answer_from_before_the_opening_is_no_news() {
    let rig = rig();
    let gate = rig.chaos.after(Operation::Put);
    gate.close();
    let frames = [frame("a:b", 1)];
    let old = rig.guarded.put(&frames);
    let between = async {
        gate.arrived(1).await;
        rig.chaos.fail(Operation::Put, 1.0);
        for _ in 0..5 {
            rig.guarded.put(&frames).await.unwrap_err();
        }
        gate.open();
    };
    let (old, ()) = tokio::join!(old, between);
    assert!(old.is_ok());
    assert_eq!(rig.guarded.breaker_of_writes().state(), BreakerState::Open);
}

#[tokio::test]
async fn apply_is_refused_aloud_while_open() {
    let rig = rig();
    rig.chaos.fail(Operation::Apply, 1.0);
    for _ in 0..5 {
        rig.guarded.apply(&[drop_key("a:b", 1)]).await.unwrap_err();
    }
    let refused = rig.guarded.apply(&[drop_key("a:b", 1)]).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Open);
    assert_eq!(rig.chaos.counts(Operation::Apply).calls, 5);
}

/// A tier whose reads hang and whose writes work: the writes do not make every reader wait.
#[tokio::test]
async fn writes_that_work_do_not_keep_failing_reads_alive() {
    let rig = rig();
    rig.chaos.fail(Operation::Get, 1.0);
    for _ in 0..20 {
        rig.kind_of_get().await;
        rig.guarded.put(&[frame("a:b", 1)]).await.unwrap();
    }
    assert_eq!(rig.chaos.counts(Operation::Get).calls, 5);
    assert_eq!(rig.chaos.counts(Operation::Put).done, 20);
}

#[tokio::test]
async fn a_panicking_tier_is_a_failing_tier() {
    let rig = rig();
    rig.chaos.panic(Operation::Get, 1.0);
    for _ in 0..5 {
        assert_eq!(rig.kind_of_get().await, Some(ErrorKind::Tier));
    }
    assert_eq!(rig.guarded.breaker().state(), BreakerState::Open);
}

#[test]
fn a_stack_of_wrappers_prints_itself() {
    let metered = Metered::new(Arc::new(Shelf::default()));
    let guarded = Guarded::new(Arc::new(metered), GuardOptions::default());
    assert_eq!(guarded.to_string(), "breaker(deadline(50ms, metered(shelf)))");
}

#[tokio::test]
async fn a_dead_tier_is_logged_once_a_second() {
    let lines = Lines::default();
    let _here = tracing::subscriber::set_default(lines.clone());
    let rig = rig_that_never_opens();
    rig.chaos.fail(Operation::Get, 1.0);
    for expected in 1..=3 {
        for _ in 0..100 {
            rig.kind_of_get().await;
        }
        assert_eq!(lines.0.load(Ordering::SeqCst), expected);
        rig.clock.advance(Duration::from_secs(1));
    }
}

fn rig_that_never_opens() -> Rig {
    let Rig { clock, chaos, .. } = rig();
    let options = GuardOptions {
        clock: clock.clone(),
        breaker: BreakerOptions { failures: u32::MAX, ..BreakerOptions::default() },
        deadlines: Deadlines::default(),
        ..GuardOptions::default()
    };
    let guarded = Guarded::new(Arc::clone(&chaos) as Arc<dyn Tier>, options);
    Rig { clock, chaos, guarded }
}

#[tokio::test]
async fn a_meter_counts_what_went_through() {
    let shelf = Arc::new(Shelf::default());
    shelf.leave_out("a:3");
    let chaos = Arc::new(Chaos::new(shelf, 1));
    let metered = Metered::new(Arc::clone(&chaos) as Arc<dyn Tier>);
    let stored = frame("a:1", 1);
    let left_out = metered.put(&[frame("a:3", 1), stored.clone(), frame("a:2", 1)]).await.unwrap();
    assert_eq!(left_out, [0]);
    metered.get(&[key("a:1"), key("a:9")]).await.unwrap();
    metered.apply(&[drop_key("a:2", 2)]).await.unwrap();
    chaos.fail(Operation::Get, 1.0);
    metered.get(&[key("a:1")]).await.unwrap_err();
    let stats = metered.snapshot();
    assert_eq!((stats.gets, stats.hits, stats.misses, stats.puts, stats.applied), (3, 1, 1, 2, 1));
    assert_eq!((stats.bytes_in, stats.bytes_out), (2 * stored.bytes().len() as u64, stored.bytes().len() as u64));
    assert_eq!((stats.errors.get("tier"), stats.reads.calls, stats.writes.calls), (Some(&1), 2, 2));
    assert!(stats.reads.max_micros <= stats.reads.total_micros);
    assert!(serde_json::to_string(&stats).unwrap().contains("\"hits\":1"));
}

/// Counts the lines of the log.
#[derive(Debug, Default, Clone)]
struct Lines(Arc<AtomicU64>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        if event.metadata().target().starts_with("cached_runtime") {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}
