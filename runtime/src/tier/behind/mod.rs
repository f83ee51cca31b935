//! The write-behind shelf: what the stack above knows of a tier.

mod answer;
mod backlog;
mod newer;
mod notes;
mod options;
mod queue;
mod shared;
mod sweep;
mod walk;
mod worker;

use std::fmt;
#[cfg(feature = "_shared")]
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use self::answer::{Answer, within};
use self::shared::{Place, Shared, Watch};
use crate::codec::Frame;
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "_shared")]
use crate::group::Note;
use crate::group::Record;
use crate::key::Key;
use crate::tier::call::caught;
use crate::tier::{Recall, Tier};

pub use crate::applied::{Applied, Flushed};
pub use options::{BehindOptions, BehindStats};

/// Is this frame still valid against the log? Asked often, on any thread: it must be quick and must not wait.
pub type Judge = Arc<dyn Fn(&Frame) -> bool + Send + Sync>;

const RECALL: Duration = Duration::from_secs(2);
/// How long the worker goes on after the last handle was dropped, and how long the drop itself waits for it.
const LAST: Duration = Duration::from_millis(500);
const DROP: Duration = Duration::from_millis(250);

/// A tier behind a queue: reads go to the tier, writes and invalidations through one worker in order.
///
/// Promise: after [`Behind::apply`] has returned, no frame born before its records is answered by a [`Behind::get`]
/// that starts later, whatever was waiting or being written, and whether or not the tier works. For that the log above
/// must know the records, and its [`Judge`] refuse such frames, before they are handed to `apply`.
///
/// Cheap to clone; all clones are one shelf. The worker is a thread with a runtime of its own and outlives the caller's
/// runtime. The async methods use the timers of the tokio runtime they are awaited in; do not pause its time. When the
/// last handle is dropped without [`Behind::shutdown`], the worker writes what it can in half a second and ends; the
/// drop waits for half of that, and only if something is waiting.
///
/// The shelf alone writes to its tier. A tier must not let a dropped (late) write take effect after a later one.
#[derive(Clone)]
pub struct Behind(Arc<Handle>);

struct Handle(Arc<Shared>);

/// How the frame of a key stands.
#[cfg(feature = "_seen")]
#[derive(Debug)]
pub(crate) enum Stands {
    Nowhere,
    /// It is being removed.
    Leaving,
    /// It is of a newer version of this crate.
    Newer,
    /// It is no frame, or another key's.
    Unreadable,
    Here {
        frame: Frame,
        /// Does it wait to be written?
        waiting: bool,
        standing: Standing,
    },
}

/// May a frame be used?
#[cfg(feature = "_seen")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Usable,
    /// It is past its life, or born in the future.
    Expired,
    /// The log says no.
    Invalid,
}

impl Behind {
    /// The shelf over this tier, with its worker running.
    ///
    /// If the thread cannot be started, the shelf is as after [`Behind::shutdown`], and the log says so.
    #[must_use]
    pub fn start(tier: Arc<dyn Tier>, judge: Judge, options: BehindOptions) -> Self {
        let shared = Arc::new(Shared::new(tier, judge, options));
        if let Err(error) = worker::start(Arc::clone(&shared)) {
            tracing::error!(tier = shared.options.name, %error, "the shelf's worker could not start");
            shared.ended();
        }
        Self(Arc::new(Handle(shared)))
    }

    /// The frames of these keys, in their order: those waiting to be written, then those of the tier.
    ///
    /// Bytes that are no frame, or another key's, are counted and removed; a frame of a newer version of this crate is
    /// counted and left in place for an hour, for whoever can read it. Frames that the judge refuses, that are
    /// past their life, or that were born before the wall clock was set back, are not there.
    ///
    /// # Errors
    /// [`ErrorKind::Open`] while the tier has not taken all invalidations, [`ErrorKind::Closed`] after a shutdown, and
    /// what the tier answers.
    pub async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Frame>>> {
        let shared = &*self.0.0;
        let places = shared.places(keys)?;
        let in_tier = keys.iter().zip(&places).filter(|(_, place)| matches!(place, Place::Tier));
        let asked: Vec<Key> = in_tier.map(|(key, _)| key.clone()).collect();
        let mut stored = self.ask(&asked).await?.into_iter();
        let found = places.into_iter().map(|place| match place {
            Place::Queue(frame) => Some(frame),
            Place::Leaving => None,
            Place::Tier => stored.next().flatten(),
        });
        // Judged last: the log may have moved while the tier was reading.
        Ok(found.map(|frame| frame.filter(|f| shared.usable(f))).collect())
    }

    /// The frame of one key, as [`Behind::get`] would say.
    pub(crate) async fn get_one(&self, key: &Key) -> Result<Option<Frame>> {
        let shared = &*self.0.0;
        let found = match shared.place(key)? {
            Place::Queue(frame) => Some(frame),
            Place::Leaving => None,
            Place::Tier => self.ask(std::slice::from_ref(key)).await?.pop().flatten(),
        };
        Ok(found.filter(|frame| shared.usable(frame)))
    }

    /// How the frame of one key stands here, whether it may be used or not. Nothing is removed.
    ///
    /// # Errors
    /// As [`Behind::get`].
    #[cfg(feature = "_seen")]
    pub(crate) async fn look(&self, key: &Key) -> Result<Stands> {
        let shared = &*self.0.0;
        let here = |frame: Frame, waiting| Stands::Here { standing: shared.standing(&frame), frame, waiting };
        match shared.place(key)? {
            Place::Queue(frame) => return Ok(here(frame, true)),
            Place::Leaving => return Ok(Stands::Leaving),
            Place::Tier => {}
        }
        let found = caught(async { shared.tier.get(std::slice::from_ref(key)).await }).await?.pop().flatten();
        Ok(match found {
            None => Stands::Nowhere,
            Some(bytes) if Frame::is_newer(&bytes) => Stands::Newer,
            Some(bytes) => match Frame::read(bytes) {
                Ok(frame) if frame.key() == key => here(frame, false),
                _ => Stands::Unreadable,
            },
        })
    }

    async fn ask(&self, keys: &[Key]) -> Result<Vec<Option<Frame>>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let stored = caught(async { self.0.0.tier.get(keys).await }).await?;
        if stored.len() != keys.len() {
            return Err(Error::new(ErrorKind::Tier, "the tier answered for another number of keys"));
        }
        Ok(self.read(keys, stored))
    }

    /// Reads the bytes of these keys as the frames of these keys; has those removed that are not.
    fn read(&self, asked: &[Key], stored: Vec<Option<Bytes>>) -> Vec<Option<Frame>> {
        let (shared, mut bad) = (&*self.0.0, Vec::new());
        let mut read = |(key, bytes): (&Key, Option<Bytes>)| {
            let found = bytes.map(|bytes| (Frame::is_newer(&bytes), Frame::read(bytes)));
            match found {
                Some((true, _)) if shared.leave(key) => return None,
                Some((_, Ok(frame))) if frame.key() == key => {
                    shared.newer.gone(key);
                    return Some(frame);
                }
                Some(_) => bad.push(key.clone()),
                None => {}
            }
            shared.newer.gone(key);
            None
        };
        let frames = asked.iter().zip(stored).map(&mut read).collect();
        if !bad.is_empty() {
            shared.remove(bad);
        }
        frames
    }

    /// Takes a frame to be written soon, in place of one of the same key that still waits. Never waits itself.
    ///
    /// # Errors
    /// The frame is dropped and counted: [`ErrorKind::Full`] if too much waits already, [`ErrorKind::Open`] while the
    /// tier has not taken all invalidations, [`ErrorKind::Closed`] after a shutdown.
    pub fn put(&self, frame: Frame) -> Result<()> {
        self.0.0.put(frame)
    }

    /// Brings these invalidations to the tier, in order, and waits for it up to `apply_deadline`.
    ///
    /// Waiting frames they name are dropped at once. If the tier fails or is late, they are kept and tried again until
    /// it takes them, and until then the shelf is closed. A caller that goes away changes nothing of this.
    pub async fn apply(&self, records: Vec<Record>) -> Applied {
        let shared = &*self.0.0;
        let (answer, from) = Answer::task();
        let place = shared.apply(records, answer);
        match within(shared.options.apply_deadline, from).await {
            Some(applied) => applied,
            None => shared.give_up(place),
        }
    }

    /// [`Behind::apply`] for code without a runtime. Blocks its thread up to `apply_deadline`.
    pub fn apply_blocking(&self, records: Vec<Record>) -> Applied {
        let shared = &*self.0.0;
        let (answer, from) = Answer::thread();
        let place = shared.apply(records, answer);
        match from.recv_timeout(shared.options.apply_deadline) {
            Ok(applied) => applied,
            Err(_) => shared.give_up(place),
        }
    }

    /// Takes invalidations to be brought to the tier when it can take them, and closes the shelf until it has: for what
    /// an earlier process, or an earlier log, still owed, or a task that was ended. Does not wait.
    pub(crate) fn queue(&self, records: Vec<Record>) {
        let (answer, _from) = Answer::task();
        let place = self.0.0.apply(records, answer);
        self.0.0.give_up(place);
    }

    /// Takes invalidations to be brought to the tier in their turn. Does not wait.
    #[cfg(feature = "_shared")]
    pub(crate) fn apply_behind(&self, records: Vec<Record>) {
        let (answer, _from) = Answer::task();
        self.0.0.apply(records, answer);
    }

    /// Is the shelf at its end? While it is being shut down it is not: what waits still has to get through.
    #[cfg(feature = "_shared")]
    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.0.0.state().phase, shared::Phase::Ended)
    }

    /// Has the tier remember something, after all invalidations that were handed over before. Waits for it up to
    /// `apply_deadline`; false if that was not long enough.
    #[cfg(feature = "_shared")]
    pub(crate) fn note(&self, note: Note) -> impl Future<Output = bool> + use<> {
        let (answer, from) = Answer::task();
        self.0.0.note(note, answer);
        let deadline = self.0.0.options.apply_deadline;
        async move { within(deadline, from).await == Some(true) }
    }

    /// The same for code without a runtime: what it answers blocks its thread up to `apply_deadline`.
    #[cfg(feature = "_shared")]
    pub(crate) fn note_blocking(&self, note: Note) -> impl FnOnce() -> bool + use<> {
        let (answer, from) = Answer::thread();
        self.0.0.note(note, answer);
        let deadline = self.0.0.options.apply_deadline;
        move || from.recv_timeout(deadline) == Ok(true)
    }

    /// The same without waiting.
    #[cfg(feature = "_shared")]
    pub(crate) fn note_behind(&self, note: Note) {
        let (answer, _from) = Answer::task();
        self.0.0.note(note, answer);
    }

    /// The tier may have come back: what waits for its turn to be tried again is tried now.
    #[cfg(feature = "_shared")]
    pub(crate) fn hurry(&self) {
        self.0.0.hurry();
    }

    /// Has the tier been told of everything?
    #[cfg(feature = "_shared")]
    pub(crate) fn has_told_all(&self) -> bool {
        self.0.0.state().backlog.len() == 0
    }

    /// A handle that does not keep the shelf running.
    #[cfg(feature = "_shared")]
    pub(crate) fn downgrade(&self) -> WeakBehind {
        WeakBehind(Arc::downgrade(&self.0))
    }

    /// The same without blocking, with the tier's own patience.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after a shutdown, and what the tier answers.
    #[cfg(feature = "_shared")]
    pub(crate) fn recall_later(&self) -> impl Future<Output = Result<Recall>> + use<> {
        let (answer, from) = Answer::task();
        self.0.0.recall(answer);
        async move { from.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Closed, "the shelf was shut down"))) }
    }

    /// What the last process left in force. Blocks its thread up to two seconds: for the start, before anything else.
    ///
    /// # Errors
    /// [`ErrorKind::Deadline`] if the tier is late, [`ErrorKind::Closed`] after a shutdown, and what the tier answers.
    pub fn recall(&self) -> Result<Recall> {
        let (answer, from) = Answer::thread();
        self.0.0.recall(answer);
        from.recv_timeout(RECALL).unwrap_or_else(|error| {
            Err(match error {
                std::sync::mpsc::RecvTimeoutError::Timeout => {
                    Error::new(ErrorKind::Deadline, "the tier did not tell in time what it remembers")
                }
                std::sync::mpsc::RecvTimeoutError::Disconnected => {
                    Error::new(ErrorKind::Closed, "the shelf was shut down")
                }
            })
        })
    }

    /// Waits until the tier has stored every frame put before this call, or until the deadline.
    ///
    /// Frames put later do not make it longer, except that a newer frame of a key stands in for the older one.
    pub async fn flush(&self, deadline: Duration) -> Flushed {
        let (answer, from) = Answer::task();
        let watch = Watch::new(&self.0.0, Some(answer));
        within(deadline, from).await;
        watch.report()
    }

    /// Takes nothing more, writes what waits, ends the worker, and says what was left over; by the deadline.
    ///
    /// What was left over is lost to this shelf: frames are loaded again one day, and a tier that has not taken its
    /// invalidations has seen to it that the next process does not trust it.
    pub async fn shutdown(&self, deadline: Duration) -> Flushed {
        let shared = &*self.0.0;
        let watch = Watch::new(shared, None);
        let (answer, from) = Answer::task();
        // The worker gives up a little earlier, so that its last word is in the report.
        let margin = (deadline / 10).min(Duration::from_millis(20));
        shared.end(Instant::now() + deadline.saturating_sub(margin), answer);
        within(deadline, from).await;
        watch.report()
    }

    /// The counts now.
    #[must_use]
    pub fn stats(&self) -> BehindStats {
        self.0.0.stats()
    }
}

/// A shelf that may be gone.
#[cfg(feature = "_shared")]
#[derive(Clone)]
pub(crate) struct WeakBehind(std::sync::Weak<Handle>);

#[cfg(feature = "_shared")]
impl WeakBehind {
    pub(crate) fn upgrade(&self) -> Option<Behind> {
        self.0.upgrade().map(Behind)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let (answer, from) = Answer::thread();
        let waiting = {
            let state = self.0.state();
            state.queue.len() > 0 || state.backlog.len() > 0
        };
        self.0.end(Instant::now() + LAST, answer);
        if waiting {
            // Late or not makes no difference to the worker; it ends by itself.
            let _ = from.recv_timeout(DROP);
        }
    }
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "behind({})", self.0.0.tier)
    }
}

impl fmt::Debug for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { tier, options, .. } = &*self.0.0;
        f.debug_struct("Behind").field("tier", tier).field("options", options).field("stats", &self.stats()).finish()
    }
}
