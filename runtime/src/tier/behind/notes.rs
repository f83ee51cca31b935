//! What the tier is to remember of the log that nodes share, each after the invalidations before it.

use std::collections::VecDeque;

use super::answer::Answer;
use crate::group::Note;

/// Notes in their order.
#[derive(Debug, Default)]
pub(super) struct Notes(VecDeque<Pending>);

/// A note, and who waits until it is kept.
#[derive(Debug)]
pub(super) struct Pending {
    /// All invalidations before this place of the backlog go first.
    place: u64,
    pub(super) note: Note,
    pub(super) answer: Answer<bool>,
}

impl Notes {
    #[cfg(feature = "_shared")]
    pub(super) fn push(&mut self, place: u64, note: Note, answer: Answer<bool>) {
        // How far the log was read is said often; the last but one is enough while invalidations keep coming.
        let reads = |pending: &&Pending| matches!(pending.note, Note::Read(_));
        if matches!(note, Note::Read(_)) && self.0.iter().filter(reads).count() > 1 {
            let last = self.0.iter().rposition(|pending| reads(&pending));
            last.map(|at| self.0.remove(at));
        }
        self.0.push_back(Pending { place, note, answer });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next note, if its turn has come.
    pub(super) fn due(&mut self, passed: impl Fn(u64) -> bool) -> Option<Pending> {
        let due = self.0.front().is_some_and(|pending| passed(pending.place));
        due.then(|| self.0.pop_front()).flatten()
    }
}
