//! What each session asked for last, what it is expected to ask for, and what is still to be judged.

use std::collections::VecDeque;

use parking_lot::{Mutex, MutexGuard};

use super::classes::{Class, Order};
use super::hash::{Id, mix};

/// Sessions under one lock.
const WAYS: usize = 8;
/// Accesses are added up over all sessions in steps of this size: one counter for each would be shared by all threads.
pub(super) const STEP: u32 = 64;
/// Predictions of one session that may be open at a time.
pub(super) const OPEN: usize = 64;

/// The sessions of late, bounded. A lock that is taken is not waited for.
#[derive(Debug)]
pub(super) struct Sessions(Box<[Mutex<Bucket>]>);

/// Sessions that share a lock.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    sessions: Vec<Session>,
    /// Accesses so far.
    clock: u32,
}

#[derive(Debug, Default)]
pub(super) struct Session {
    hash: u64,
    touched: u32,
    /// Accesses so far: the clock by which predictions run out.
    pub(super) clock: u32,
    pub(super) last: Id,
    pub(super) before: Id,
    /// What is expected from here on, step by step.
    pub(super) path: VecDeque<Step>,
    /// Nothing is known of what comes after the path.
    pub(super) dead_end: bool,
    /// Predictions that neither came true nor ran out, oldest first.
    pub(super) open: VecDeque<Open>,
}

/// One key that may come next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guess {
    pub(super) id: Id,
    pub(super) order: Order,
    /// How often it came next so far.
    pub(super) count: u8,
    /// How sure it is if all before it comes true.
    pub(super) confidence: f32,
}

/// One step of the expected path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) guess: Guess,
    /// Written down, but not trusted so far.
    pub(super) waits: bool,
}

/// A prediction that is to be judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub(super) id: Id,
    pub(super) until: u32,
    /// The evidence of each order that first led to it, and the last.
    pub(super) far: [Option<Class>; 2],
    pub(super) near: [Option<Class>; 2],
    /// The order to whose credit it goes: the first that was trusted.
    pub(super) credit: Option<Order>,
    /// Was it loaded, or only written down?
    pub(super) issued: bool,
}

impl Sessions {
    pub(super) fn new(sessions: usize) -> Self {
        Self((0..buckets(sessions)).map(|_| Mutex::default()).collect())
    }

    pub(super) const fn bytes(sessions: usize, ahead: usize) -> usize {
        let path = ahead.next_power_of_two() * size_of::<Step>();
        let session = size_of::<Session>() + OPEN * size_of::<Open>() + path;
        buckets(sessions) * (size_of::<Mutex<Bucket>>() + WAYS * session)
    }

    /// The sessions this one is among, unless another thread is there.
    #[allow(clippy::cast_possible_truncation, reason = "any bits do")]
    pub(super) fn bucket(&self, hash: u64) -> Option<MutexGuard<'_, Bucket>> {
        self.0[mix(hash) as usize & (self.0.len() - 1)].try_lock()
    }
}

#[cfg(test)]
impl Sessions {
    pub(super) fn held(&self) -> usize {
        let of_bucket = |bucket: &Mutex<Bucket>| {
            let sessions = &bucket.lock().sessions;
            let heap = |session: &Session| {
                session.path.capacity() * size_of::<Step>() + session.open.capacity() * size_of::<Open>()
            };
            sessions.capacity() * size_of::<Session>() + sessions.iter().map(heap).sum::<usize>()
        };
        size_of_val(&*self.0) + self.0.iter().map(of_bucket).sum::<usize>()
    }
}

impl Bucket {
    /// One access more. Gives how many to add to those of all sessions.
    pub(super) const fn count(&mut self) -> Option<u32> {
        self.clock = self.clock.wrapping_add(1);
        if self.clock.is_multiple_of(STEP) { Some(STEP) } else { None }
    }

    /// The session of this hash, and the one that had to go for it.
    pub(super) fn session(&mut self, hash: u64) -> (&mut Session, Option<Session>) {
        let clock = self.clock;
        let (place, gone) = match self.sessions.iter().position(|session| session.hash == hash) {
            Some(place) => (place, None),
            None => self.admit(Session { hash, ..Session::default() }),
        };
        let session = &mut self.sessions[place];
        session.touched = clock;
        (session, gone)
    }

    /// The session of this hash, if it is still there.
    pub(super) fn known(&mut self, hash: u64) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|session| session.hash == hash)
    }

    /// In place of the session that was quiet for longest.
    fn admit(&mut self, new: Session) -> (usize, Option<Session>) {
        if self.sessions.len() < WAYS {
            self.sessions.push(new);
            return (self.sessions.len() - 1, None);
        }
        let quiet = |session: &Session| self.clock.wrapping_sub(session.touched);
        let place = (0..self.sessions.len()).max_by_key(|&place| quiet(&self.sessions[place])).unwrap_or(0);
        (place, self.sessions.get_mut(place).map(|old| std::mem::replace(old, new)))
    }
}

impl Open {
    /// Notes evidence that leads to it.
    pub(super) fn note(&mut self, order: Order, class: Class, trusted: bool) {
        match self.far[order as usize] {
            Some(far) if far != class => self.near[order as usize] = Some(class),
            Some(_) => {}
            None => self.far[order as usize] = Some(class),
        }
        if trusted {
            self.credit.get_or_insert(order);
        }
    }
}

impl Session {
    /// One more access to this key. The path goes on from there, or ends.
    pub(super) fn moves_to(&mut self, id: Id) {
        (self.before, self.last) = (self.last, id);
        match self.path.iter().position(|step| step.guess.id == id) {
            Some(place) => drop(self.path.drain(..=place)),
            None => self.path.clear(),
        }
    }

    /// The last two keys of the path, as if it had come true.
    pub(super) fn end_of_path(&self) -> (Id, Id) {
        let mut back = self.path.iter().rev().map(|step| step.guess.id).chain([self.last, self.before]);
        let last = back.next().unwrap_or_default();
        (back.next().unwrap_or_default(), last)
    }

    /// The oldest prediction, if its time is over.
    pub(super) fn run_out(&mut self) -> Option<Open> {
        let over = self.open.front().is_some_and(|open| self.clock.wrapping_sub(open.until) < u32::MAX / 2);
        if over { self.open.pop_front() } else { None }
    }

    /// The prediction of this key.
    pub(super) fn take(&mut self, id: Id) -> Option<Open> {
        let place = self.open.iter().position(|open| open.id == id)?;
        self.open.remove(place)
    }

    /// Writes a prediction down. Gives the oldest if there are too many.
    pub(super) fn push(&mut self, open: Open) -> Option<Open> {
        let oldest = if self.open.len() < OPEN { None } else { self.open.pop_front() };
        self.open.push_back(open);
        oldest
    }
}

const fn buckets(sessions: usize) -> usize {
    sessions.div_ceil(WAYS).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(session: &mut Session, ids: &[Id]) {
        let guess = |id| Guess { id, order: Order::One, count: 3, confidence: 1.0 };
        session.path = ids.iter().map(|&id| Step { guess: guess(id), waits: false }).collect();
    }

    #[test]
    fn the_path_goes_on_over_what_was_left_out_and_ends_where_it_is_left() {
        let mut session = Session::default();
        path(&mut session, &[2, 3, 4]);
        session.moves_to(3);
        assert_eq!((session.path.len(), session.end_of_path()), (1, (3, 4)));
        session.moves_to(9);
        assert_eq!((session.path.len(), session.end_of_path()), (0, (3, 9)));
    }

    #[test]
    fn the_session_that_was_quiet_for_longest_gives_way() {
        let mut bucket = Bucket::default();
        let mut gone = |hash| {
            bucket.count();
            bucket.session(hash).1.map(|gone| gone.hash)
        };
        (0..8).for_each(|hash| assert_eq!(gone(hash), None));
        assert_eq!([gone(0), gone(8), gone(0)], [None, Some(1), None]);
    }

    #[test]
    fn the_oldest_prediction_gives_way() {
        let mut session = Session::default();
        let open = |id| Open { id, until: 1_000, far: [None; 2], near: [None; 2], credit: None, issued: false };
        let most = OPEN as Id;
        let gone = (0..2 * most).filter_map(|id| session.push(open(id))).map(|open| open.id);
        assert!(gone.eq(0..most));
        assert_eq!(session.open.len(), OPEN);
    }

    #[test]
    fn a_prediction_runs_out_also_where_the_clock_starts_again() {
        let mut session = Session { clock: u32::MAX - 1, ..Session::default() };
        let until = session.clock.wrapping_add(100);
        session.push(Open { id: 1, until, far: [None; 2], near: [None; 2], credit: None, issued: false });
        for _ in 0..99 {
            session.clock = session.clock.wrapping_add(1);
            assert!(session.run_out().is_none());
        }
        session.clock = session.clock.wrapping_add(1);
        assert!(session.run_out().is_some());
    }
}
