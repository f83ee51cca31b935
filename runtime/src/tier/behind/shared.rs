//! What the callers of a shelf and its worker share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::Judge;
use super::answer::Answer;
use super::backlog::Backlog;
use super::newer::Newer;
use super::notes::Notes;
use super::options::{BehindOptions, BehindStats};
use super::queue::Queue;
use crate::applied::{Applied, Flushed};
use crate::clock::Millis;
use crate::codec::Frame;
use crate::error::{Error, ErrorKind, Result};
use crate::group::{Group, Position, Record};
use crate::key::Key;
use crate::tier::call::until;
use crate::tier::{Recall, Tier};

/// A frame said to be born further ahead of now than this was born before the wall clock was set back.
const BORN_AHEAD: Millis = 5_000;
/// How many entries that cannot be read may wait to be removed; the upkeep removes the others.
const MAX_REMOVALS: usize = 64;

pub(super) struct Shared {
    pub(super) tier: Arc<dyn Tier>,
    pub(super) judge: Judge,
    pub(super) options: BehindOptions,
    pub(super) counters: Counters,
    pub(super) newer: Newer,
    state: Mutex<State>,
    /// There is something to do.
    pub(super) wake: Notify,
    /// There is an end to heed, also in the middle of a call.
    stop: Notify,
    /// Held by who walks over the tier: it has one cursor, and a step that comes late would put it back.
    pub(super) walking: tokio::sync::Mutex<()>,
}

/// Held for a moment only: never while the judge or the tier is asked.
pub(super) struct State {
    pub(super) queue: Queue,
    pub(super) backlog: Backlog,
    pub(super) phase: Phase,
    pub(super) recalls: Vec<Answer<Result<Recall>>>,
    pub(super) ended: Vec<Answer<()>>,
    pub(super) notes: Notes,
    /// Is what failed to be tried again without its pause?
    pub(super) hurried: bool,
    /// Has a frame been turned away since the last batch was taken?
    pub(super) crowded: bool,
    /// Was the tier told that it is not to be trusted?
    pub(super) shunned: bool,
}

/// Where the newest frame of a key is.
#[derive(Debug)]
pub(super) enum Place {
    /// Not stored yet.
    Queue(Frame),
    /// Nowhere: what the tier has is older than one that was overwritten or invalidated, and is being removed.
    Leaving,
    /// In the tier, if it is anywhere.
    Tier,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Phase {
    Running,
    /// Nothing new is taken; what is here is written, if it can be by then.
    Draining(Instant),
    Ended,
}

/// What becomes of frames is counted under the lock of the state: who was told the end of a frame finds it counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) written: AtomicU64,
    pub(super) batches: AtomicU64,
    pub(super) failed_batches: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unreadable: AtomicU64,
    pub(super) newer: AtomicU64,
    pub(super) failed_applies: AtomicU64,
    pub(super) tidied: AtomicU64,
    pub(super) rounds: AtomicU64,
    pub(super) entries: AtomicU64,
    pub(super) bytes: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}

impl Shared {
    pub(super) fn new(tier: Arc<dyn Tier>, judge: Judge, options: BehindOptions) -> Self {
        let state = State {
            queue: Queue::default(),
            backlog: Backlog::new(options.backlog),
            phase: Phase::Running,
            recalls: Vec::new(),
            ended: Vec::new(),
            notes: Notes::default(),
            hurried: false,
            crowded: false,
            shunned: false,
        };
        let counters = Counters::default();
        let (wake, stop, newer) = (Notify::new(), Notify::new(), Newer::default());
        let walking = tokio::sync::Mutex::new(());
        Self { tier, judge, options, counters, newer, state: Mutex::new(state), wake, stop, walking }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the log says of this frame. A judge that panics has not said yes.
    pub(super) fn valid(&self, frame: &Frame) -> bool {
        catch_unwind(AssertUnwindSafe(|| (self.judge)(frame))).unwrap_or(false)
    }

    /// Is it past its life, or born before the wall clock was set back?
    fn is_past(&self, frame: &Frame) -> bool {
        let (now, head) = (self.options.clock.now(), frame.head());
        head.stale_until < now || head.born > now.saturating_add(BORN_AHEAD)
    }

    /// The same as [`Shared::usable`], uncounted, and why not.
    #[cfg(feature = "_seen")]
    pub(super) fn standing(&self, frame: &Frame) -> super::Standing {
        match (self.is_past(frame), self.valid(frame)) {
            (_, false) => super::Standing::Invalid,
            (true, true) => super::Standing::Expired,
            (false, true) => super::Standing::Usable,
        }
    }

    /// May this frame be served, or written, now?
    pub(super) fn usable(&self, frame: &Frame) -> bool {
        if self.is_past(frame) {
            return false;
        }
        let valid = self.valid(frame);
        if !valid {
            count(&self.counters.refused, 1);
        }
        valid
    }

    /// Where these keys are to be looked for.
    pub(super) fn places(&self, keys: &[Key]) -> Result<Vec<Place>> {
        let state = self.state();
        state.check_open()?;
        Ok(keys.iter().map(|key| state.place(key)).collect())
    }

    /// Where this key is to be looked for.
    pub(super) fn place(&self, key: &Key) -> Result<Place> {
        let state = self.state();
        state.check_open()?;
        Ok(state.place(key))
    }

    pub(super) fn put(&self, frame: Frame) -> Result<()> {
        if self.newer.holds(frame.key(), self.options.clock.now()) {
            return Ok(());
        }
        let taken = self.state().put(frame, &self.options);
        match &taken {
            Ok(()) => self.wake.notify_one(),
            Err(_) => count(&self.counters.dropped, 1),
        }
        taken
    }

    /// Takes the records; the answer comes when the tier has them. Answers the waiter's place.
    pub(super) fn apply(&self, mut records: Vec<Record>, answer: Answer<Applied>) -> u64 {
        for record in &records {
            if let Group::Key(key) = &record.group {
                self.newer.gone(key);
            }
        }
        let mut state = self.state();
        let overshadowed = state.queue.invalidate(&records);
        records.extend(State::removals(overshadowed));
        state.backlog.push(records);
        if matches!(state.phase, Phase::Ended) {
            state.backlog.close();
        }
        let place = state.backlog.wait(answer);
        self.say_trust(&mut state);
        drop(state);
        self.wake.notify_one();
        place
    }

    /// A waiter at this place has waited long enough.
    pub(super) fn give_up(&self, place: u64) -> Applied {
        let mut state = self.state();
        let applied = state.backlog.give_up(place);
        self.say_trust(&mut state);
        applied
    }

    /// Lets the tier know, when that changes, whether a later process may trust it: not while invalidations are
    /// outstanding that somebody is told are only queued. They are told afterwards: the process may end then.
    pub(super) fn say_trust(&self, state: &mut State) {
        let shunned = state.backlog.is_closed() && state.backlog.len() > 0;
        if shunned != state.shunned {
            state.shunned = shunned;
            // Under the lock, so that two changes reach the tier in their order.
            if catch_unwind(AssertUnwindSafe(|| self.tier.trust(!shunned))).is_err() {
                count(&self.counters.failed_applies, 1);
            }
        }
        state.backlog.tell_queued();
    }

    /// An entry that a newer version wrote was met: is it left in place?
    pub(super) fn leave(&self, key: &Key) -> bool {
        count(&self.counters.newer, 1);
        self.newer.meet(key, self.options.clock.now())
    }

    /// Has these entries removed from the tier: they hold what nobody can read.
    pub(super) fn remove(&self, keys: Vec<Key>) {
        count(&self.counters.unreadable, keys.len());
        let mut state = self.state();
        if state.backlog.is_closed() || state.backlog.len() + keys.len() > MAX_REMOVALS {
            return;
        }
        state.backlog.push(State::removals(keys));
        self.say_trust(&mut state);
        drop(state);
        self.wake.notify_one();
    }

    /// These frames are not stored after all: what the tier holds of their keys is older still, and goes.
    pub(super) fn spared(&self, batch: &[Frame]) {
        let mut state = self.state();
        state.queue.spared(batch);
        state.backlog.push(State::removals(batch.iter().map(|frame| frame.key().clone())));
        self.say_trust(&mut state);
    }

    /// The tier has stored this batch, but for what it left out at these places.
    pub(super) fn written(&self, mut stored: Vec<Frame>, left_out: &[usize]) {
        let mut places = 0..;
        let is_left_out = |_: &mut Frame| places.next().is_some_and(|place| left_out.contains(&place));
        let left: Vec<Frame> = stored.extract_if(.., is_left_out).collect();
        let mut state = self.state();
        count(&self.counters.written, stored.len());
        count(&self.counters.dropped, left.len());
        count(&self.counters.batches, 1);
        state.queue.written(&stored);
        state.queue.spared(&left);
    }

    #[cfg(feature = "_shared")]
    pub(super) fn note(&self, note: crate::group::Note, answer: Answer<bool>) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Ended) {
            return;
        }
        let place = state.backlog.end();
        state.notes.push(place, note, answer);
        drop(state);
        self.wake.notify_one();
    }

    #[cfg(feature = "_shared")]
    pub(super) fn hurry(&self) {
        self.state().hurried = true;
        self.wake.notify_one();
    }

    pub(super) fn recall(&self, answer: Answer<Result<Recall>>) {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Ended) {
            state.recalls.push(answer);
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Starts the end, or brings it forward. The answer comes when the worker has stopped.
    pub(super) fn end(&self, by: Instant, answer: Answer<()>) {
        let mut state = self.state();
        match state.phase {
            Phase::Ended => return answer.send(()),
            Phase::Running => state.phase = Phase::Draining(by),
            Phase::Draining(before) => state.phase = Phase::Draining(before.min(by)),
        }
        state.ended.push(answer);
        drop(state);
        self.wake.notify_one();
        self.stop.notify_one();
    }

    /// Over when the end has come.
    pub(super) async fn stopped(&self) {
        loop {
            let phase = self.state().phase;
            match phase {
                Phase::Ended => return,
                Phase::Running => self.stop.notified().await,
                Phase::Draining(by) => {
                    // The end may still be brought forward.
                    if until(tokio::time::sleep_until(by.into()), self.stop.notified()).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// The worker is gone: what is left is lost, and everyone who waits is told.
    pub(super) fn ended(&self) {
        let mut state = self.state();
        state.phase = Phase::Ended;
        let lost = state.queue.abandon();
        state.backlog.close();
        self.say_trust(&mut state);
        state.recalls.clear();
        state.notes = Notes::default();
        count(&self.counters.dropped, lost);
        let waiting = std::mem::take(&mut state.ended);
        drop(state);
        for answer in waiting {
            answer.send(());
        }
    }

    pub(super) fn stats(&self) -> BehindStats {
        let state = self.state();
        let Counters {
            written,
            batches,
            failed_batches,
            dropped,
            refused,
            unreadable,
            newer,
            failed_applies,
            tidied,
            rounds,
            entries,
            bytes,
        } = &self.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BehindStats {
            pending_frames: state.queue.len(),
            pending_bytes: state.queue.bytes(),
            backlog: state.backlog.len(),
            closed: state.backlog.is_closed(),
            overflows: state.backlog.overflows(),
            written: read(written),
            batches: read(batches),
            failed_batches: read(failed_batches),
            dropped: read(dropped),
            refused: read(refused),
            unreadable: read(unreadable),
            newer: read(newer),
            failed_applies: read(failed_applies),
            tidied: read(tidied),
            rounds: read(rounds),
            entries: read(entries),
            bytes: read(bytes),
        }
    }
}

impl State {
    /// What removes these keys from this tier, and invalidates nothing.
    fn removals(keys: impl IntoIterator<Item = Key>) -> impl Iterator<Item = Record> {
        keys.into_iter().map(|key| Record { group: Group::Key(key), position: Position::NOWHERE })
    }

    fn place(&self, key: &Key) -> Place {
        match self.queue.get(key) {
            Some(frame) => Place::Queue(frame.clone()),
            None if self.backlog.removes(key) => Place::Leaving,
            None => Place::Tier,
        }
    }

    /// Fails while nothing stored may be trusted.
    fn check_open(&self) -> Result<()> {
        match self.phase {
            Phase::Ended => Err(Error::new(ErrorKind::Closed, "the shelf was shut down")),
            _ if self.backlog.is_closed() => {
                Err(Error::new(ErrorKind::Open, "the shelf is closed until the tier has taken all invalidations"))
            }
            _ => Ok(()),
        }
    }

    fn put(&mut self, frame: Frame, options: &BehindOptions) -> Result<()> {
        if !matches!(self.phase, Phase::Running) {
            return Err(Error::new(ErrorKind::Closed, "the shelf was shut down"));
        }
        self.check_open()?;
        if !self.queue.has_room(&frame, options.max_pending_frames, options.max_pending_bytes) {
            self.crowded = true;
            return Err(Error::new(
                ErrorKind::Full,
                "too many frames wait to be written; the tier is too slow for them",
            ));
        }
        self.queue.put(frame);
        Ok(())
    }
}

/// Counts what becomes of the frames that were waiting when it was made. Dropped, it leaves no trace.
pub(super) struct Watch<'a> {
    shared: &'a Shared,
    mark: u64,
}

impl<'a> Watch<'a> {
    pub(super) fn new(shared: &'a Shared, answer: Option<Answer<()>>) -> Self {
        let mark = shared.state().queue.watch(answer);
        Self { shared, mark }
    }

    pub(super) fn report(&self) -> Flushed {
        let mut state = self.shared.state();
        let records = state.backlog.len();
        Flushed { records, ..state.queue.report(self.mark) }
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.shared.state().queue.report(self.mark);
    }
}
