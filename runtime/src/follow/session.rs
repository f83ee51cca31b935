//! From one connection to its loss: look at the log, catch up, let callers through, follow.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::certainty::{Certainty, Moment};
use super::reader::Reader;
use super::{Follow, count, owed};
use crate::chance::Chance;
use crate::error::{Error, Result};
use crate::group::{Cursor, Note};
use crate::tier::behind::{Behind, WeakBehind};

/// How long one read of the log waits for news.
const WAIT: Duration = Duration::from_millis(400);
/// How often the log is looked at as a whole.
const LOOK: Duration = Duration::from_millis(400);
/// How often the connections of callers are checked.
const CHECK: Duration = Duration::from_secs(1);
/// How often the own tier is told how far the log was read.
const NOTE: Duration = Duration::from_secs(1);
/// How often the own tier is asked what an earlier process owed, if it could not say so.
const ASK: Duration = Duration::from_secs(5);
/// The log is written to at most this often.
const SAY: Duration = Duration::from_secs(1);
/// The pause before connections are made again; doubled up to the most, and longer by up to half by chance.
const FIRST: Duration = Duration::from_millis(20);
const MOST: Duration = Duration::from_millis(500);

/// Follows until the shelf is gone.
pub(super) async fn run(follow: Follow) {
    let mut session = Session::new(follow);
    let watch = tokio::spawn(Arc::clone(&session.certainty).watch());
    while session.is_wanted() {
        if let Err(error) = session.follow().await {
            session.lost(&error);
            session.rest().await;
        }
    }
    watch.abort();
}

struct Session {
    follow: Arc<Follow>,
    reader: Reader,
    certainty: Arc<Certainty>,
    chance: Chance,
    failures: u32,
    looked: Instant,
    checked: Instant,
    noted: (Instant, Cursor),
    asked: Option<(Instant, JoinHandle<()>)>,
    /// Why the log is away, as it was said last, and when.
    said: (String, Option<Instant>),
}

impl Session {
    fn new(follow: Follow) -> Self {
        let (now, follow) = (Instant::now(), Arc::new(follow));
        let certainty = Arc::new(Certainty::new(&follow));
        let reader = Reader::new(&follow, follow.read);
        let noted = (now, reader.read());
        let (chance, failures, asked, said) = (Chance::unknown(), 0, None, Default::default());
        Self { follow, reader, certainty, chance, failures, looked: now, checked: now, noted, asked, said }
    }

    fn is_wanted(&self) -> bool {
        self.follow.tier.upgrade().is_some_and(|tier| !tier.is_ended())
    }

    /// One connection, from its beginning to its loss.
    async fn follow(&mut self) -> Result<()> {
        let shared = self.follow.shared.clone();
        shared.connect().await?;
        count(&self.follow.seen.sessions, 1);
        self.look().await?;
        let asked = self.catch_up().await?;
        // Callers first: who sees that the log is followed may count on them.
        self.open();
        self.certainty.prove(asked);
        while self.is_wanted() {
            let asked = self.certainty.now();
            let complete = self.reader.read_on(WAIT).await?;
            if self.looked.elapsed() >= LOOK {
                self.look().await?;
            }
            if complete {
                self.certainty.prove(asked);
            }
            if self.checked.elapsed() >= CHECK || shared.is_late() {
                self.checked = Instant::now();
                if shared.check().await? {
                    self.reader.say_again();
                }
            }
            self.keep_books();
        }
        shared.admit(false);
        Ok(())
    }

    /// Reads all there is, and answers when it was asked for last.
    async fn catch_up(&mut self) -> Result<Moment> {
        loop {
            let asked = self.certainty.now();
            if self.reader.read_on(Duration::ZERO).await? {
                return Ok(asked);
            }
        }
    }

    async fn look(&mut self) -> Result<()> {
        self.reader.look().await?;
        self.looked = Instant::now();
        Ok(())
    }

    /// Callers get through, and what waits for the tier need not wait for its next turn.
    fn open(&mut self) {
        self.failures = 0;
        self.said.0.clear();
        self.follow.shared.admit(true);
        self.follow.seen.connected.store(true, Ordering::Release);
        (self.follow.breakers)();
        if let Some(tier) = self.follow.tier.upgrade() {
            tier.hurry();
        }
    }

    /// The connection is lost, or was not made. The reason is said when it is another than the last: that a connection
    /// broke is not all there is to say if then no password is known for it.
    fn lost(&mut self, error: &Error) {
        self.follow.shared.admit(false);
        self.follow.seen.connected.store(false, Ordering::Release);
        self.failures += 1;
        self.certainty.doubt();
        let code = error.context("code").unwrap_or_else(|| error.kind().word());
        let why = error.context("code").unwrap_or_else(|| error.message());
        if why != self.said.0 && self.said.1.is_none_or(|at| at.elapsed() >= SAY) {
            tracing::warn!(code, %error, "the shared log is away: invalidations of other nodes may be missing");
            self.said = (why.to_owned(), Some(Instant::now()));
        }
    }

    async fn rest(&mut self) {
        let pause = (FIRST * (1 << self.failures.min(5))).min(MOST);
        let end = Instant::now() + pause + self.chance.between(Duration::ZERO, pause / 2);
        while Instant::now() < end && self.is_wanted() {
            tokio::time::sleep((end - Instant::now()).min(Duration::from_millis(50))).await;
        }
    }

    /// Tells the node's own tier what to remember.
    fn keep_books(&mut self) {
        let Some(own) = self.follow.own.as_ref().and_then(WeakBehind::upgrade) else { return };
        self.ask_for_owed(&own);
        let mut owing = self.follow.seen.owing.lock();
        let known = !self.follow.seen.unasked.load(Ordering::Acquire);
        if *owing && known && self.follow.tier.upgrade().is_some_and(|tier| tier.has_told_all()) {
            own.note_behind(Note::Told);
            *owing = false;
        }
        drop(owing);
        let (at, cursor) = self.noted;
        let read = self.reader.read();
        if cursor != read && at.elapsed() >= NOTE {
            own.note_behind(Note::Read(read));
            self.noted = (Instant::now(), read);
        }
    }

    /// Beside what is read of the log, which does not wait for it.
    fn ask_for_owed(&mut self, own: &Behind) {
        let due = self.asked.as_ref().is_none_or(|(at, asked)| at.elapsed() >= ASK && asked.is_finished());
        if due && self.follow.seen.unasked.load(Ordering::Acquire) {
            let asked = tokio::spawn(owed::ask(Arc::clone(&self.follow), own.clone()));
            self.asked = Some((Instant::now(), asked));
        }
    }
}
