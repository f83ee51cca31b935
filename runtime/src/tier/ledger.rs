//! What every engine keeps of the log, by one rule: the highest position, and which records may be forgotten.

use crate::group::{Position, Record};

/// The position to store when `new` is applied to a store that stands at `stored`.
///
/// Numbers compare within an epoch only. Another epoch means that the log was lost and begun anew: it takes over.
pub(super) fn later(stored: Option<Position>, new: Position) -> Position {
    match stored {
        Some(old) if old.epoch == new.epoch && old.number > new.number => old,
        _ => new,
    }
}

/// The position to store after all these records.
pub(super) fn after(stored: Option<Position>, records: &[Record]) -> Option<Position> {
    records.iter().fold(stored, |at, record| Some(later(at, record.position)))
}

/// May a record at `place` go, when all up to `swept` has been swept and the store stands at `stored`?
///
/// Records of an epoch that has ended are older than all of the epoch that took over.
pub(super) fn forgets(stored: Option<Position>, swept: Position, place: Position) -> bool {
    if place.epoch == swept.epoch {
        place.number <= swept.number
    } else {
        stored.is_some_and(|at| at.epoch == swept.epoch)
    }
}

/// Sorts records oldest first: epochs that have ended, then the one in force.
pub(super) fn sort(stored: Option<Position>, records: &mut [Record]) {
    let current = stored.map(|at| at.epoch);
    records.sort_by_key(|r| (Some(r.position.epoch) == current, r.position.epoch, r.position.number));
}
