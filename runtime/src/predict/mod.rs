//! Predicts which keys a session asks for next, from what followed what before.
//!
//! What is learned: the successors of each key and of each two keys in a row, one table for all sessions. What is
//! predicted: the likely path from here, some steps far. Each prediction is written down with the kind of evidence it
//! was made on, and is judged by what the session really asks for within the window, whether it was loaded ahead or not.
//! Only evidence that proved itself is acted upon, and has to prove itself anew when too much was wrong of late. An order
//! (one key, two keys) that spares too few misses is switched off; a sample of its contexts is watched on, to find out
//! when it would pay again.
//!
//! It costs about ten hits (two or three while it is off): some cache lines of the table, and locks that nobody waits for. An access that finds its
//! session's lock taken goes unseen. Everything is bounded, see [`Predictor::bytes`]. Not for functions whose callers
//! share one session on many threads: what follows on what is then chance, and it switches itself off.

mod classes;
mod door;
mod figures;
mod hash;
mod keys;
mod limits;
mod pairs;
mod sessions;
mod switch;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::atomic::Ordering::Relaxed;

pub(crate) use figures::Figures;
pub(crate) use limits::Limits;

use classes::{Classes, Order};
use figures::Tally;
use hash::{Context, Id};
use keys::Keys;
use pairs::Pairs;
use sessions::{Open, Session, Sessions};
use switch::{Switch, Verdict};
use walk::Walk;

/// Accesses after which the switches are looked at; some steps of those that are added up.
const REVIEW: u64 = 4_096;

/// A key that is predicted is remembered anew each so many times that it comes true.
const AGAIN: u8 = 4;

/// How an access went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// It was there.
    Hit,
    /// It had to be loaded.
    Miss,
    /// It was on its way already.
    Joined,
}

/// A key to load ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ahead<K> {
    /// The hash it was seen with.
    pub(crate) hash: u64,
    pub(crate) key: K,
}

/// The predictor of one cached function.
#[derive(Debug)]
pub(crate) struct Predictor<K> {
    limits: Limits,
    sessions: Sessions,
    pairs: Pairs,
    keys: Keys<K>,
    classes: Classes,
    switches: [Switch; 2],
    tally: Tally,
}

impl<K: Clone> Predictor<K> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            sessions: Sessions::new(limits.sessions),
            pairs: Pairs::new(limits.pairs),
            keys: Keys::new(limits.pairs / 2),
            classes: Classes::default(),
            switches: [Switch::default(), Switch::default()],
            tally: Tally::new(limits.ahead),
        }
    }

    /// The most memory a predictor of these limits takes, without what its keys hold on the heap: under 2 MiB for the
    /// default and keys of 16 bytes, and up to 1.6 KiB for each session (7 MiB for all 4,096).
    pub(crate) const fn bytes(limits: &Limits) -> usize {
        size_of::<Self>()
            + Sessions::bytes(limits.sessions, limits.ahead)
            + Pairs::bytes(limits.pairs)
            + Keys::<K>::bytes(limits.pairs / 2)
    }

    /// One access: whose it is and which key, by good hashes of 64 bits, and how it went. `own` is called if the key has
    /// to be remembered, `has` to find out whether one is there or on its way already; both under a lock, so neither may
    /// come back here. Gives the keys to load ahead; nothing is allocated when there are none.
    pub(crate) fn access(
        &self,
        session: u64,
        key: u64,
        how: How,
        own: impl FnOnce() -> K,
        has: impl Fn(u64, &K) -> bool,
    ) -> Vec<Ahead<K>> {
        let Some(mut bucket) = self.sessions.bucket(session) else {
            Tally::add(&self.tally.skipped);
            return Vec::new();
        };
        if how != How::Hit {
            Tally::add(&self.tally.wants);
        }
        if let Some(more) = bucket.count() {
            self.count(more);
        }
        let (session, gone) = bucket.session(session);
        gone.into_iter().flat_map(|gone| gone.open).for_each(|open| self.never_asked_for(&open));
        let id = hash::id(key);
        self.judge(session, id, how);
        // The same key again says nothing of what follows.
        if id == session.last {
            return Vec::new();
        }
        self.learn(session, id, key, own);
        session.moves_to(id);
        Walk { predictor: self, session, has, there: None, ahead: Vec::new() }.go()
    }

    /// What was given out is not loaded after all, say for want of budget: it is judged, but counts as not issued.
    pub(crate) fn not_loaded(&self, session: u64, key: u64) {
        let Some(mut bucket) = self.sessions.bucket(session) else { return };
        let id = hash::id(key);
        let mut open = bucket.known(session).into_iter().flat_map(|session| &mut session.open);
        if let Some(open) = open.find(|open| open.id == id && open.issued) {
            open.issued = false;
            self.tally.issued.fetch_sub(1, Relaxed);
        }
    }

    /// What it did so far. Looks through the whole table: not for each access.
    pub(crate) fn figures(&self) -> Figures {
        self.tally.figures([0, 1].map(|order: usize| self.switches[order].is_on()), self.pairs.len())
    }

    /// The memory it takes, without what its keys hold on the heap.
    #[cfg(test)]
    fn held(&self) -> usize {
        size_of::<Self>() + Pairs::bytes(self.limits.pairs) + self.sessions.held() + self.keys.held()
    }

    fn count(&self, more: u32) {
        let accesses = self.tally.accesses.fetch_add(more.into(), Relaxed) + u64::from(more);
        if accesses.is_multiple_of(REVIEW) {
            self.review(accesses);
        }
    }

    fn review(&self, accesses: u64) {
        let wants = self.tally.wants.load(Relaxed);
        for (switch, order) in self.switches.iter().zip(Order::BOTH) {
            match switch.review(accesses, wants, &self.limits) {
                Verdict::Stays => {}
                Verdict::Switched => Tally::add(&self.tally.switched),
                Verdict::Doubted => {
                    Tally::add(&self.tally.doubted);
                    self.classes.forget(order);
                }
            }
        }
        self.tally.look_ahead(self.limits.ahead);
    }

    /// Which predictions this access decides: those that ran out, and the one of its key.
    fn judge(&self, session: &mut Session, id: Id, how: How) {
        session.clock = session.clock.wrapping_add(1);
        while let Some(open) = session.run_out() {
            self.outcome(&open, false, false);
        }
        let Some(open) = session.take(id) else { return };
        match (open.issued, how) {
            (true, How::Hit) => {
                Tally::add(&self.tally.wants);
                self.outcome(&open, true, false);
            }
            (true, How::Joined) => self.outcome(&open, true, true),
            // It is gone again.
            (true, How::Miss) => self.outcome(&open, false, false),
            (false, How::Miss) => self.outcome(&open, true, false),
            // Another loaded it in the meantime: neither right nor wrong.
            (false, How::Hit | How::Joined) => {}
        }
    }

    fn outcome(&self, open: &Open, came_true: bool, late: bool) {
        for class in open.far.into_iter().chain(open.near).flatten() {
            self.classes.judge(class, came_true);
        }
        if let Some(order) = open.credit {
            let switch = &self.switches[order as usize];
            if came_true { switch.right(late) } else { switch.wrong() }
        }
        if open.issued {
            Tally::add(match (came_true, late) {
                (true, false) => &self.tally.used,
                (true, true) => &self.tally.late,
                (false, _) => &self.tally.wasted,
            });
        }
    }

    /// A prediction whose session or place is gone: only what was loaded for it can be said to be wrong.
    fn never_asked_for(&self, open: &Open) {
        if open.issued {
            self.outcome(open, false, false);
        }
    }

    /// This key follows on what came last.
    fn learn(&self, session: &Session, id: Id, key: u64, own: impl FnOnce() -> K) {
        let contexts = [Context::one(session.last), Context::two(session.before, session.last)];
        let mut likely = false;
        for (switch, context) in self.switches.iter().zip(contexts) {
            if switch.is_on() || context.is_sampled() {
                let more = self.pairs.learn(context, id).checked_sub(self.limits.seen);
                // Now and then again: it may have been put out.
                likely |= more.is_some_and(|more| more % AGAIN == 0);
            }
        }
        if likely {
            self.keys.remember(id, key, own);
        }
    }
}
