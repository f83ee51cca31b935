//! The state of one flight, and what it tells those who wait.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::Waker;

use super::chain::FlightId;
use super::relay::Relay;
use crate::clock::Millis;
use crate::error::Error;
use crate::log::Birth;
use crate::outcome::Share;
use crate::sync::{Condvar, Mutex};

/// One load in the air.
pub(crate) struct Flight<V, R> {
    pub(crate) id: FlightId,
    pub(crate) birth: Birth,
    /// By the cache's clock.
    pub(crate) began: Millis,
    pub(crate) relay: Relay,
    /// Has anybody asked for what it brings, if it began before that?
    pub(crate) asked: AtomicBool,
    /// The tags that its load was given, and those of what a tier had of it, where others who ask for the key may not
    /// know them. Said once it is led.
    pub(crate) given: Mutex<Option<Vec<Arc<str>>>>,
    pub(super) state: Mutex<State<V, R>>,
    pub(super) landed: Condvar,
}

pub(super) enum State<V, R> {
    Flying {
        wakers: Vec<Option<Waker>>,
        /// An old value that may be served to those who do not want to wait longer.
        fallback: Option<Fallback<V>>,
    },
    Landed(Landing<V, R>),
}

/// A value past its ttl.
#[derive(Debug, Clone)]
pub(crate) struct Fallback<V> {
    pub(crate) value: V,
    pub(crate) stale_until: Millis,
    /// Up to which local application it is known to be valid.
    pub(crate) checked: u64,
    /// Its tags, as far as they are not computed from its key.
    pub(crate) tags: Arc<[Arc<str>]>,
}

/// How a load ended.
pub(crate) enum Landing<V, R> {
    /// With a value that may be kept.
    Kept(V),
    /// It failed, and an old value may be served instead.
    Stale(V),
    /// With a result that is not kept: an error, or nothing.
    Passed { result: Option<R>, share: Share<R> },
    /// With a result that nobody may have but who leads.
    Withheld(Option<R>),
    /// It panicked; the first to ask gets the payload, the others its text.
    Panicked { payload: Option<Box<dyn Any + Send>>, message: Arc<str> },
    /// The tier below or the clock above said no.
    Refused(Error),
    /// Whoever led it went away: somebody else must lead.
    Lost,
}

/// What one waiter is told.
pub(crate) enum Told<V, R> {
    Kept(V),
    Stale(V),
    Passed(R),
    /// The same, and it is not to be told on.
    Withheld(R),
    /// The result is the leader's and cannot be copied.
    Unshared,
    Panicked(Box<dyn Any + Send>),
    Refused(Error),
    Lost,
}

impl<V: Clone, R> Flight<V, R> {
    pub(crate) fn new(id: FlightId, birth: Birth, began: Millis) -> Self {
        Self {
            id,
            birth,
            began,
            relay: Relay::default(),
            asked: AtomicBool::new(false),
            given: Mutex::new(None),
            state: Mutex::new(State::Flying { wakers: Vec::new(), fallback: None }),
            landed: Condvar::new(),
        }
    }

    /// Offers an old value to those who will not wait.
    pub(crate) fn offer(&self, old: Fallback<V>) {
        if let State::Flying { fallback, .. } = &mut *self.state.lock() {
            *fallback = Some(old);
        }
    }

    /// The old value on offer.
    pub(crate) fn fallback(&self) -> Option<Fallback<V>> {
        match &*self.state.lock() {
            State::Flying { fallback, .. } => fallback.clone(),
            State::Landed(_) => None,
        }
    }

    /// Ends the flight and wakes all who wait. The first landing counts.
    pub(crate) fn land(&self, landing: Landing<V, R>) {
        let mut state = self.state.lock();
        if matches!(*state, State::Landed(_)) {
            return;
        }
        let before = std::mem::replace(&mut *state, State::Landed(landing));
        drop(state);
        self.landed.notify_all();
        if let State::Flying { wakers, .. } = before {
            wakers.into_iter().flatten().for_each(Waker::wake);
        }
    }
}

impl<V: Clone, R> Landing<V, R> {
    /// What one more waiter is told.
    ///
    /// A result that cannot be copied waits for the one who leads: its body is used up, and only the others can load
    /// for themselves.
    pub(super) fn tell(&mut self, leads: bool) -> Told<V, R> {
        match self {
            Self::Kept(value) => Told::Kept(value.clone()),
            Self::Stale(value) => Told::Stale(value.clone()),
            Self::Passed { result, share } => match (&result, share) {
                (Some(shared), Some(copy)) => Told::Passed(copy(shared)),
                _ if leads => result.take().map_or(Told::Unshared, Told::Passed),
                _ => Told::Unshared,
            },
            Self::Withheld(result) if leads => result.take().map_or(Told::Unshared, Told::Withheld),
            Self::Withheld(_) => Told::Unshared,
            Self::Panicked { payload, message } => {
                Told::Panicked(payload.take().unwrap_or_else(|| Box::new(message.to_string())))
            }
            Self::Refused(error) => Told::Refused(error.clone()),
            Self::Lost => Told::Lost,
        }
    }
}

impl<V, R> std::fmt::Debug for Flight<V, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flight").field("id", &self.id).field("birth", &self.birth).finish_non_exhaustive()
    }
}
