//! A cursor over the frames in order of arrival.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::key::Key;
use crate::tier::Step;
use crate::tier::memory::stays;

/// How far the walk over all entries has come.
#[derive(Debug, Default)]
pub(super) struct Walk(Mutex<Option<Round>>);

/// One round: the last id seen, and the highest id when it began. What comes later is for the next round, so that a
/// round ends also while entries come in faster than they are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) seen: i64,
    pub(super) last: i64,
}

/// An entry met on the walk.
pub(super) struct Found {
    pub(super) id: i64,
    pub(super) key: String,
    pub(super) frame: Bytes,
}

impl Walk {
    pub(super) fn round(&self) -> Option<Round> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on after what was found, or begins anew when the round has ended.
    pub(super) fn step(&self, round: Round, found: &[Found], wrapped: bool) {
        let seen = found.last().map_or(round.seen, |last| last.id);
        let next = (!wrapped).then_some(Round { seen, ..round });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = next;
    }
}

impl Found {
    /// Does this entry stay, as far as one step of upkeep can tell?
    pub(super) fn stays(&self, step: &Step<'_>) -> bool {
        stays(&Key::from_stored(&self.key), &self.frame, step)
    }
}
