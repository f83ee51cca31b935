//! The one who writes: a thread of its own per shelf, with a runtime of its own.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::{sleep_until, timeout};

use super::answer::Answer;
use super::backlog::is_removal;
use super::notes::Pending;
use super::shared::{Phase, Shared, State, count};
use super::sweep::Sweep;
use crate::codec::Frame;
use crate::error::{Error, ErrorKind, Result};
use crate::group::{Group, Record};
use crate::key::Key;
use crate::tier::call::{caught, until};
use crate::tier::notice::Notice;
use crate::tier::{Recall, Step};

/// How many attempts a frame gets.
const ATTEMPTS: u32 = 4;
/// How many records go to the tier in one call, so that a long backlog comes through within a deadline.
const CHUNK: usize = 256;

/// Starts the worker of this shelf.
///
/// Being the only one who writes to the tier, and doing one thing at a time, it *is* the tier's write lock: a batch
/// judged before an invalidation was heard of is stored before that invalidation is applied, never after.
pub(super) fn start(shared: Arc<Shared>) -> io::Result<()> {
    let name = format!("cached-{}", shared.options.name);
    std::thread::Builder::new().name(name).spawn(move || run(shared)).map(drop)
}

fn run(shared: Arc<Shared>) {
    // Also when something below panics: nobody may wait for a worker that is gone.
    let _ended = Ended(Arc::clone(&shared));
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            runtime.block_on(Worker::new(shared).run());
            // Not dropped: that would wait for the blocking calls of a hung tier.
            runtime.shutdown_background();
        }
        Err(error) => tracing::error!(tier = shared.options.name, %error, "the shelf's worker could not start"),
    }
}

struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended();
    }
}

struct Worker {
    shared: Arc<Shared>,
    sweep: Sweep,
    applies: Pace,
    batches: Pace,
    tidy_at: Instant,
    notice: Notice,
}

enum Job {
    Recall(Vec<Answer<Result<Recall>>>),
    Apply(u64, Vec<Record>),
    Write(Vec<Frame>),
    Note(Pending),
    Tidy,
    Wait(Instant),
    End,
}

impl Worker {
    fn new(shared: Arc<Shared>) -> Self {
        let options = &shared.options;
        let notice = Notice::new(options.name, options.clock.clone());
        let tidy_at = Instant::now() + options.sweep_every;
        Self { sweep: Sweep::default(), applies: Pace::default(), batches: Pace::default(), tidy_at, notice, shared }
    }

    async fn run(mut self) {
        loop {
            match self.next() {
                Job::Recall(askers) => self.recall(askers).await,
                Job::Apply(place, records) => self.apply(place, &records).await,
                Job::Write(batch) => self.write(batch).await,
                Job::Note(note) => self.note(note).await,
                Job::Tidy => self.tidy().await,
                Job::Wait(at) => drop(until(sleep_until(at.into()), self.shared.wake.notified()).await),
                Job::End => {
                    // Files and locks are let go of, so that the next cache finds the store free.
                    if let Err(error) = self.call(async { self.shared.tier.close().await }).await {
                        self.notice.failed("close", &error);
                    }
                    return;
                }
            }
        }
    }

    /// Invalidations go before frames: no frame is written while one is outstanding.
    fn next(&mut self) -> Job {
        let mut state = self.shared.state();
        if std::mem::take(&mut state.hurried) {
            (self.applies, self.batches) = (Pace::default(), Pace::default());
        }
        let now = Instant::now();
        let end = match state.phase {
            Phase::Running => None,
            Phase::Draining(by) => Some(by),
            Phase::Ended => return Job::End,
        };
        let idle = state.backlog.len() == 0 && !state.queue.has_waiting() && state.notes.is_empty();
        if end.is_some_and(|by| idle || now >= by) {
            return Job::End;
        }
        if !state.recalls.is_empty() {
            return Job::Recall(std::mem::take(&mut state.recalls));
        }
        let State { notes, backlog, .. } = &mut *state;
        if let Some(note) = notes.due(|place| backlog.has_passed(place)) {
            return Job::Note(note);
        }
        let wait = |at: Instant| Job::Wait(end.map_or(at, |by| by.min(at)));
        if let Some((place, records)) = state.backlog.chunk(CHUNK) {
            return if self.applies.is_due(now) { Job::Apply(place, records) } else { wait(self.applies.at(now)) };
        }
        if state.queue.has_waiting() && self.batches.is_due(now) {
            state.crowded = false;
            return Job::Write(state.queue.take(self.shared.options.batch.max(1)));
        }
        match (end, now >= self.tidy_at, state.queue.has_waiting()) {
            (None, true, _) => Job::Tidy,
            (_, _, true) => wait(self.batches.at(now).min(self.tidy_at.max(now))),
            (_, _, false) => wait(self.tidy_at),
        }
    }

    async fn recall(&mut self, askers: Vec<Answer<Result<Recall>>>) {
        let answer = self.call(async { self.shared.tier.recall().await }).await;
        match &answer {
            Ok(recall) => {
                self.sweep.stored(&recall.records);
            }
            Err(error) => self.notice.failed("recall", error),
        }
        for asker in askers {
            asker.send(answer.clone());
        }
    }

    async fn note(&mut self, pending: Pending) {
        let kept = self.call(async { self.shared.tier.note(&pending.note).await }).await;
        if let Err(error) = &kept {
            count(&self.shared.counters.failed_applies, 1);
            self.notice.failed("note", error);
        }
        pending.answer.send(kept.is_ok());
    }

    async fn apply(&mut self, place: u64, records: &[Record]) {
        match self.tell(records).await {
            Ok(()) => {
                self.applies = Pace::default();
                self.sweep.stored(records);
                if self.sweep.has_work() {
                    self.tidy_at = self.tidy_at.min(Instant::now() + self.shared.options.sweep_every);
                }
                let mut state = self.shared.state();
                state.backlog.applied(place);
                self.shared.say_trust(&mut state);
            }
            Err(error) => {
                count(&self.shared.counters.failed_applies, 1);
                let mut state = self.shared.state();
                state.backlog.close();
                self.shared.say_trust(&mut state);
                drop(state);
                self.applies.failed(self.shared.options.retry);
                self.notice.failed("apply", &error);
            }
        }
    }

    /// Brings one chunk to the tier: all of it is removals, or none.
    async fn tell(&self, records: &[Record]) -> Result<()> {
        let tier = &self.shared.tier;
        if !records.first().is_some_and(is_removal) {
            return self.call(async { tier.apply(records).await }).await;
        }
        let keys: Vec<Key> = records.iter().filter_map(key_of).collect();
        self.call(async { tier.remove(&keys).await }).await
    }

    async fn write(&mut self, batch: Vec<Frame>) {
        let shared = &self.shared;
        let (good, bad): (Vec<Frame>, Vec<Frame>) = batch.into_iter().partition(|frame| shared.usable(frame));
        if !bad.is_empty() {
            shared.spared(&bad);
        }
        if good.is_empty() {
            return;
        }
        match self.call(async { shared.tier.put(&good).await }).await {
            Ok(left_out) => {
                shared.written(good, &left_out);
                self.batches = Pace::default();
                self.tidy().await;
            }
            Err(error) => self.not_written(&good, &error),
        }
    }

    fn not_written(&mut self, batch: &[Frame], error: &Error) {
        // A breaker that refuses has not tried: such frames wait for as long as there is room.
        let attempts = if error.kind() == ErrorKind::Open { u32::MAX } else { ATTEMPTS };
        let mut state = self.shared.state();
        let room = !state.crowded;
        let lost = state.queue.failed(batch, attempts, room);
        count(&self.shared.counters.dropped, lost);
        count(&self.shared.counters.failed_batches, 1);
        drop(state);
        self.batches.failed(self.shared.options.retry);
        self.notice.failed("put", error);
    }

    async fn tidy(&mut self) {
        let (options, forget) = (&self.shared.options, self.sweep.forget());
        let keep = |frame: &Frame| self.shared.valid(frame);
        let step = Step { entries: options.tidy_entries, now: options.clock.now(), keep: &keep, forget };
        let walk = async {
            let _walking = self.shared.walking.lock().await;
            self.shared.tier.tidy(step).await
        };
        match self.call(walk).await {
            Ok(tidied) => {
                self.sweep.stepped(forget, tidied.wrapped);
                count(&self.shared.counters.tidied, tidied.removed);
                count(&self.shared.counters.rounds, usize::from(tidied.wrapped));
                self.shared.counters.entries.store(tidied.entries, Ordering::Relaxed);
                self.shared.counters.bytes.store(tidied.bytes, Ordering::Relaxed);
            }
            Err(error) => {
                self.sweep.failed();
                self.notice.failed("tidy", &error);
            }
        }
        let pause = if self.sweep.has_work() { options.sweep_every } else { options.idle_every };
        self.tidy_at = Instant::now() + pause;
    }

    /// One call of the tier: its panic is an error, and it ends with the shelf or when it takes far too long.
    ///
    /// The call is made inside the given block, so that a tier that panics before its first await is caught as well.
    async fn call<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        let limit = self.shared.options.call_deadline;
        match until(self.shared.stopped(), timeout(limit, caught(call))).await {
            Some(Ok(answer)) => answer,
            Some(Err(_)) => Err(Error::new(ErrorKind::Deadline, "the tier did not answer its shelf in time")),
            None => Err(Error::new(ErrorKind::Closed, "the shelf was shut down before the tier answered")),
        }
    }
}

fn key_of(record: &Record) -> Option<Key> {
    match &record.group {
        Group::Key(key) => Some(key.clone()),
        _ => None,
    }
}

/// When to try again: after a pause that doubles with each failure.
#[derive(Debug, Default)]
struct Pace {
    failures: u32,
    next: Option<Instant>,
}

impl Pace {
    fn is_due(&self, now: Instant) -> bool {
        self.next.is_none_or(|at| now >= at)
    }

    fn at(&self, now: Instant) -> Instant {
        self.next.unwrap_or(now)
    }

    fn failed(&mut self, first: Duration) {
        let pause = first.saturating_mul(1_u32 << self.failures.min(5)).min(first.saturating_mul(20));
        self.failures += 1;
        self.next = Some(Instant::now() + pause);
    }
}
