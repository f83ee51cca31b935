//! From one connection to its loss: look at the log, catch up, let callers through, follow.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Follow, count};
use crate::chance::Chance;
use crate::clock::Millis;
use crate::error::{Error, ErrorKind, Result};
use crate::group::{Cursor, Group, Note, Record};
use crate::log::Adopted;
use crate::tier::behind::WeakBehind;
use crate::tier::shared::{Heard, Met, News};

/// How long one read of the log waits for news.
const WAIT: Duration = Duration::from_millis(400);
/// How often the log is looked at as a whole.
const LOOK: Duration = Duration::from_millis(400);
/// How often the connections of callers are checked.
const CHECK: Duration = Duration::from_secs(1);
/// How often the own tier is told how far the log was read.
const NOTE: Duration = Duration::from_secs(1);
/// Without news for so long it is not certain any more that all was seen.
const BOUND: Duration = Duration::from_millis(1_500);
/// The log is written to at most this often.
const SAY: Duration = Duration::from_secs(1);
/// The pause before connections are made again; doubled up to the most, and longer by up to half by chance.
const FIRST: Duration = Duration::from_millis(20);
const MOST: Duration = Duration::from_millis(500);

/// Follows until the shelf is gone.
pub(super) async fn run(follow: Follow) {
    let mut session = Session::new(follow);
    while session.is_wanted() {
        if let Err(error) = session.follow().await {
            session.lost(&error);
            session.rest().await;
        }
    }
}

struct Session {
    follow: Follow,
    chance: Chance,
    /// How far the log was read, in order.
    read: Cursor,
    /// Was any log met yet?
    met: bool,
    failures: u32,
    proven: Instant,
    capped: Millis,
    looked: Instant,
    checked: Instant,
    noted: (Instant, Cursor),
    /// Why the log is away, as it was said last, and when.
    said: (String, Option<Instant>),
}

impl Session {
    fn new(follow: Follow) -> Self {
        let (now, capped) = (Instant::now(), follow.clock.now());
        let read = follow.read.unwrap_or_default();
        let noted = (now, read);
        let chance = Chance::unknown();
        let (met, failures, said) = (false, 0, Default::default());
        Self { follow, chance, read, met, failures, proven: now, capped, looked: now, checked: now, noted, said }
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
        while !self.read_on(Duration::ZERO).await? {}
        // Callers first: who sees that the log is followed may count on them.
        self.open();
        self.prove();
        while self.is_wanted() {
            let complete = self.read_on(WAIT).await?;
            if self.looked.elapsed() >= LOOK {
                self.look().await?;
            }
            if self.checked.elapsed() >= CHECK || shared.is_late() {
                self.checked = Instant::now();
                if shared.check().await? {
                    self.say_again();
                }
            }
            if complete {
                self.prove();
            } else if self.proven.elapsed() > BOUND {
                self.doubt();
            }
            self.keep_books();
        }
        shared.admit(false);
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

    /// Is the log still the one that was read? If not, begins anew with the one there is.
    async fn look(&mut self) -> Result<()> {
        let (shared, log) = (self.follow.shared.clone(), self.follow.log.clone());
        let known = if self.met { log.shared_top() } else { self.read };
        let mut met = shared.meet(known, self.read).await?;
        let same = met.top.position.epoch == known.position.epoch;
        if same && !met.holds_known && self.met {
            // A failover lost what this node knows to have been there.
            shared.renew(known.position.epoch).await?;
            met = shared.meet(Cursor::default(), Cursor::default()).await?;
            self.adopt(met, true).await?;
        } else if !self.met && same && met.holds_read {
            // An earlier process of this node had read so far, if only to the beginning: what came since is read from
            // there, and if the log does not reach back to there any more, that is seen then.
            let read = self.read;
            self.adopt(Met { top: read, ..met }, false).await?;
        } else if !same || !met.holds_read {
            self.adopt(met, true).await?;
        }
        self.looked = Instant::now();
        Ok(())
    }

    async fn adopt(&mut self, met: Met, drops: bool) -> Result<()> {
        let groups = self.follow.shared.groups().await?;
        // Groups of another epoch than the one that was met would say nothing of its frames.
        let again = self.follow.shared.meet(Cursor::default(), Cursor::default()).await?;
        if again.top.position.epoch != met.top.position.epoch {
            return Err(
                Error::new(ErrorKind::Tier, "the shared log began anew while it was read").with("code", "EPOCH")
            );
        }
        let records = self.follow.log.adopt(Adopted { top: met.top, groups }, drops);
        self.tell_own(records);
        self.read = met.top;
        if std::mem::replace(&mut self.met, true) && drops {
            self.say_again();
        }
        count(&self.follow.seen.adopted, 1);
        Ok(())
    }

    /// A log that was lost, or a server of frames, may have taken this node's last invalidations with it.
    fn say_again(&self) {
        let groups = self.follow.shared.remembered();
        if let (false, Some(tier)) = (groups.is_empty(), self.follow.tier.upgrade()) {
            tier.queue(self.follow.log.append(groups));
        }
    }

    /// Reads what comes next, waiting for it so long, and applies it. False if there may be more to read.
    async fn read_on(&mut self, wait: Duration) -> Result<bool> {
        let News { heard, complete, moved } = self.follow.shared.read(self.read, wait).await?;
        if moved {
            self.look().await?;
            return Ok(false);
        }
        let next = self.read.position.number + 1;
        if heard.first().is_some_and(|first| first.at.position.number != next) && !self.is_joined().await? {
            // What was read is from before the log was begun anew: it is dropped with all else.
            return Ok(false);
        }
        self.take(heard);
        Ok(complete)
    }

    /// Does the log still hold what was read last? If so, an append that failed half way has used up a number; if not,
    /// entries in between were trimmed before they could be read, and all begins anew.
    async fn is_joined(&mut self) -> Result<bool> {
        let met = self.follow.shared.meet(Cursor::default(), self.read).await?;
        let joined = met.top.position.epoch == self.read.position.epoch
            && met.holds_read
            // Before the first entry there is none to look for.
            && self.read.position.number > 0;
        if !joined {
            self.adopt(met, true).await?;
        }
        Ok(joined)
    }

    /// Applies what was read.
    fn take(&mut self, heard: Vec<Heard>) {
        let Some(last) = heard.last().map(|heard| heard.at) else { return };
        let others = heard.into_iter().filter(|heard| !heard.own);
        let records: Vec<(Group, Cursor)> =
            others.flat_map(|heard| heard.groups.into_iter().map(move |group| (group, heard.at))).collect();
        count(&self.follow.seen.heard, records.len());
        if !records.is_empty() {
            let records = self.follow.log.hear(records);
            self.tell_own(records);
        }
        self.read = last;
    }

    fn tell_own(&self, records: Vec<Record>) {
        if let (false, Some(own)) = (records.is_empty(), self.follow.own.as_ref().and_then(WeakBehind::upgrade)) {
            own.apply_behind(records);
        }
    }

    fn prove(&mut self) {
        self.proven = Instant::now();
        self.capped = self.follow.clock.now();
        if self.follow.log.prove() {
            tracing::info!("the shared log is followed");
        }
    }

    fn doubt(&mut self) {
        if self.follow.log.suspect() {
            count(&self.follow.seen.suspicions, 1);
        }
        if self.follow.clock.now().saturating_sub(self.capped) >= self.follow.cap {
            self.capped = self.follow.clock.now();
            self.follow.log.cap();
        }
    }

    /// The connection is lost, or was not made. The reason is said when it is another than the last: that a connection
    /// broke is not all there is to say if then no password is known for it.
    fn lost(&mut self, error: &Error) {
        self.follow.shared.admit(false);
        self.follow.seen.connected.store(false, Ordering::Release);
        self.failures += 1;
        self.doubt();
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
            self.doubt();
        }
    }

    /// Tells the node's own tier what to remember.
    fn keep_books(&mut self) {
        let Some(own) = self.follow.own.as_ref().and_then(WeakBehind::upgrade) else { return };
        let mut owing = self.follow.seen.owing.lock();
        if *owing && self.follow.tier.upgrade().is_some_and(|tier| tier.has_told_all()) {
            own.note_behind(Note::Told);
            *owing = false;
        }
        drop(owing);
        let (at, cursor) = self.noted;
        if cursor != self.read && at.elapsed() >= NOTE {
            own.note_behind(Note::Read(self.read));
            self.noted = (Instant::now(), self.read);
        }
    }
}
