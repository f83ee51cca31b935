//! Which invalidations the upkeep has finished with.

use crate::group::{Group, Position, Record};

/// Follows the tier's cursor: a record may be forgotten once a whole round has begun and ended after it was stored.
///
/// Nothing older than the record can appear behind the cursor: every batch is judged right before it is written.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    /// Stored, but not before the round now under way began.
    stored: Option<Position>,
    /// Stored before the round now under way began.
    swept: Option<Position>,
    /// Stored before a round that has ended.
    forget: Option<Position>,
}

impl Sweep {
    /// The tier has stored these. Keys are removed at once and leave nothing to sweep.
    pub(super) fn stored(&mut self, records: &[Record]) {
        let groups = records.iter().filter(|r| !matches!(r.group, Group::Key(_)));
        if let Some(last) = groups.map(|r| r.position).reduce(later) {
            self.stored = Some(self.stored.map_or(last, |before| later(before, last)));
        }
    }

    pub(super) fn has_work(&self) -> bool {
        self.stored.is_some() || self.swept.is_some() || self.forget.is_some()
    }

    /// What the next step lets the tier forget.
    pub(super) fn forget(&self) -> Option<Position> {
        self.forget
    }

    /// A step has been taken, with that position to forget.
    pub(super) fn stepped(&mut self, forgotten: Option<Position>, wrapped: bool) {
        if self.forget == forgotten {
            self.forget = None;
        }
        if wrapped {
            self.forget = self.swept.take().or(self.forget);
            self.swept = self.stored.take();
        }
    }

    /// A step has failed: entries of this round may have been passed over, so it proves nothing.
    pub(super) fn failed(&mut self) {
        if let Some(swept) = self.swept.take() {
            self.stored = Some(self.stored.map_or(swept, |after| later(swept, after)));
        }
    }
}

/// The later of two positions, where the second was met after the first: another epoch is later.
fn later(first: Position, second: Position) -> Position {
    if first.epoch == second.epoch && first.number > second.number { first } else { second }
}
