//! Upkeep: a cursor over `frames` that removes what may not be used any more and counts what stays.

use std::ops::Bound;

use bytes::{Buf, Bytes};

use super::log::owned;
use super::store::{Book, Change, Round, Size, Store, weight};
use crate::key::Key;
use crate::tier::fault::{Fault, STRANGE};
use crate::tier::memory::stays;
use crate::tier::{Step, Tidied};

/// Entries looked at while writers wait.
const BITE: usize = 16;

impl Store {
    pub(super) fn tidy(&self, step: &Step<'_>) -> Result<Tidied, Fault> {
        let mut done = Tidied::default();
        while done.seen < step.entries && !done.wrapped {
            self.bite(step, BITE.min(step.entries - done.seen), &mut done)?;
        }
        done.removed += self.trim(2 * step.entries)?;
        let mut change = Change::begin(self);
        if let Some(swept) = step.forget {
            self.forget(&mut change.batch, &mut change.draft, swept)?;
        }
        let Size { entries, bytes } = change.draft.size;
        self.write_size(&mut change.batch, change.draft.size);
        change.commit()?;
        Ok(Tidied { entries, bytes, ..done })
    }

    /// Looks at the next few entries, with writers kept out so that none is missed or counted twice.
    fn bite(&self, step: &Step<'_>, entries: usize, done: &mut Tidied) -> Result<(), Fault> {
        let mut change = Change::begin(self);
        let from = change.draft.round.cursor.clone().map_or(Bound::Unbounded, Bound::Excluded);
        let mut seen = 0;
        for item in self.frames.range::<Bytes, _>((from, Bound::Unbounded)).take(entries) {
            let (key, value) = item.into_inner()?;
            let Round { cursor, size } = &mut change.draft.round;
            size.add(weight(&key, &value));
            let key = cursor.insert(owned(&key)).clone();
            if !entry_stays(&key, Bytes::from(value.clone()), step)? {
                change.remove_stored(&key, &value);
                done.removed += 1;
            }
            seen += 1;
        }
        done.seen += seen;
        if seen < entries {
            done.wrapped = true;
            come_round(&mut change.draft);
        }
        change.commit()
    }
}

/// The round has counted all entries, with those that came and went behind it: that is the size.
fn come_round(book: &mut Book) {
    book.size = std::mem::take(&mut book.round).size;
}

fn entry_stays(key: &Bytes, mut value: Bytes, step: &Step<'_>) -> Result<bool, Fault> {
    let Ok(key) = std::str::from_utf8(key) else { return Err(STRANGE) };
    if value.len() < size_of::<u64>() {
        return Err(STRANGE);
    }
    value.advance(size_of::<u64>());
    Ok(stays(&Key::from_stored(key), &value, step))
}
