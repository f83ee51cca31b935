//! Which keys of a site are asked for most: what to warm after a restart, and ahead of the time of day that wants it.
//!
//! A bounded table counts accesses (`table`), frequency and recency in one number (`decay`). What is in it is saved now and
//! then (`recent`), and by the hour of the day what was counted in it (`hours`). Whether a day resembles the day before is
//! measured, not assumed (`judge`): in each hour two forecasts run against each other, what was wanted lately and what
//! was wanted at this time of day, and only when the second has covered clearly more accesses is it acted upon.
//!
//! Nothing here reads or writes, waits or looks at a clock.
//!
//! Cost: some tens of nanoseconds for an access of a known key, and it is sampled. About 90 bytes for each of four times as
//! many keys as will be asked for, and their texts, of at most 1 KiB each.

mod decay;
mod hours;
mod judge;
mod known;
mod recent;
mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod worlds;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use parking_lot::Mutex;

pub(crate) use hours::{Ended, Hour};
pub(crate) use known::Accesses;
pub(crate) use recent::Recent;

use crate::clock::Millis;
use judge::{Judged, Sides, Trial};
use table::{Access, Table};

/// A text of more bytes is not kept.
pub(crate) const LONGEST: usize = 1_024;
/// A key that was asked for once is forgotten after three days: a quiet weekend is not the end of what is hot.
pub(crate) const FORGOTTEN: f64 = 1.0 / (1_u128 << 72) as f64;
/// So many keys are known for each one that will be asked for: what comes up must have been seen coming.
const KNOWN: usize = 4;
const LEAST_KNOWN: usize = 256;
/// And so many of them are saved.
const SAVED: usize = 2;

/// The accesses of one site.
#[derive(Debug)]
pub(crate) struct AccessLog {
    most: usize,
    /// Was anything noted since it was last kept?
    changed: AtomicBool,
    book: Mutex<Book>,
}

/// What is to be warmed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    /// How many keys at most.
    pub(crate) most: usize,
    /// Not what was asked for so seldom or so long ago.
    pub(crate) least: f64,
}

#[derive(Debug)]
struct Book {
    table: Table,
    /// The hour whose accesses are counted, since the epoch.
    hour: u64,
    /// The forecasts that are judged in it, if there are two.
    trial: Option<Trial>,
    judged: Judged,
}

/// What a log has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Figures {
    /// Keys in the table.
    pub(crate) keys: usize,
    /// Is what is wanted known by the time of day?
    pub(crate) daily: bool,
    /// Which part of the accesses was of keys forecast by what was wanted lately, and by the time of day.
    pub(crate) by_score: f64,
    pub(crate) by_hour: f64,
    /// In how many hours that was seen, those of a day ago counted half.
    pub(crate) judged: f64,
}

impl AccessLog {
    /// `most`: how many keys will ever be asked for.
    pub(crate) fn new(most: usize, now: Millis) -> Self {
        let table = Table::new(most.saturating_mul(KNOWN).max(LEAST_KNOWN), now);
        let book = Book { table, hour: hours::number(now), trial: None, judged: Judged::default() };
        Self { most, changed: AtomicBool::new(false), book: Mutex::new(book) }
    }

    /// One access that stands for `weight` accesses, of a key with this hash, good in this process only. `text` is called
    /// if the key is not known; none is not kept. An access is lost rather than waited for.
    pub(crate) fn note(&self, hash: u64, weight: u32, now: Millis, text: impl FnOnce() -> Option<String>) {
        let known = match self.book.try_lock() {
            Some(mut book) => book.add(hash, weight, now),
            None => return,
        };
        self.change();
        // Made without the lock: it is code of the key's type.
        if !known
            && let Some(text) = text()
            && let Some(mut book) = self.book.try_lock()
        {
            book.meet(hash, weight, now, text);
        }
    }

    /// What was noted could not be kept.
    pub(crate) fn change(&self) {
        self.changed.store(true, Relaxed);
    }

    /// Was anything noted since this was last asked?
    pub(crate) fn take_changed(&self) -> bool {
        self.changed.swap(false, Relaxed)
    }

    /// The keys most likely to be asked for next, hottest first: by what was wanted lately or, where the time of day is
    /// known to tell more, by what is wanted in what is left of this hour and in as much of the next, filled up with the
    /// former.
    pub(crate) fn hottest(&self, wish: &Wish, this: Option<&Hour>, next: Option<&Hour>, now: Millis) -> Vec<String> {
        let mut book = self.book.lock();
        let (most, least) = (wish.most, wish.least * book.table.turn(now));
        let top = book.table.top(most);
        let lately = top.iter().filter(|slot| slot.score >= least).map(|slot| &*slot.text);
        if !book.judged.is_daily() {
            return lately.map(str::to_owned).collect();
        }
        let expected = hours::expected(this, next, hours::passed(now), most);
        hours::filled(expected, lately, most).into_iter().map(str::to_owned).collect()
    }

    /// The keys that were asked for most, each with how often, as of now.
    #[cfg(feature = "_seen")]
    pub(crate) fn top(&self, most: usize, now: Millis) -> Vec<(String, f64)> {
        let mut book = self.book.lock();
        let growth = book.table.turn(now);
        book.table.top(most).iter().map(|slot| (slot.text.to_string(), slot.score / growth)).collect()
    }

    /// What to save.
    pub(crate) fn recent(&self, now: Millis) -> Recent {
        let mut book = self.book.lock();
        let growth = book.table.turn(now);
        let top = book.table.top(self.most.saturating_mul(SAVED));
        let keys = top.iter().map(|slot| (slot.text.to_string(), slot.score / growth));
        Recent { at: now, keys: keys.filter(|(_, score)| *score >= FORGOTTEN).collect(), judged: book.judged }
    }

    /// Takes up what was saved. Of a key that is known already the higher score counts.
    pub(crate) fn restore(&self, saved: &Recent, now: Millis) {
        let mut book = self.book.lock();
        let growth = book.table.turn(now);
        for (text, score) in saved.sane(now).take(self.most.saturating_mul(SAVED)) {
            book.table.restore(text, score * growth);
        }
        book.judged = book.judged.or(saved.judged.sane(hours::number(now)));
    }

    /// What was counted in the hour that has ended; `None` while it lasts. To be asked every minute or so. After a gap of
    /// some hours it is the hour before the gap.
    pub(crate) fn hour_over(&self, now: Millis) -> Option<Ended> {
        let mut book = self.book.lock();
        let (over, hour) = (book.hour, hours::number(now));
        if over == hour {
            return None;
        }
        if let Some(trial) = book.trial.take() {
            book.judged.learn(over, &trial);
        }
        book.hour = hour;
        Some(Ended::new(over, book.table.take_counts(over)))
    }

    /// Fixes the forecasts that are judged in the hour that has begun: `forecast` is what was saved for it.
    pub(crate) fn begin_hour(&self, forecast: Option<&Hour>, now: Millis) {
        let mut book = self.book.lock();
        let expected = hours::expected(forecast, None, 0.0, self.most);
        // What comes late is no forecast, and without a second one there is nothing to judge.
        book.trial = (book.hour == hours::number(now) && !expected.is_empty()).then(|| {
            let top = book.table.top(self.most);
            let lately = || top.iter().map(|slot| &*slot.text);
            Trial::new(lately(), hours::filled(expected, lately(), self.most))
        });
        let Book { table, trial, .. } = &mut *book;
        for slot in table.slots() {
            slot.sides = trial.as_ref().map_or_else(Default::default, |trial| trial.sides(&slot.text));
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        let book = self.book.lock();
        let (by_score, by_hour) = book.judged.coverage();
        let (daily, judged) = (book.judged.is_daily(), book.judged.hours());
        Figures { keys: book.table.len(), daily, by_score, by_hour, judged }
    }
}

impl Book {
    /// An access of a key, if its hash is known.
    fn add(&mut self, hash: u64, weight: u32, now: Millis) -> bool {
        let access = self.access(weight, now);
        let Some(sides) = self.table.add(hash, &access) else { return false };
        self.count(sides, &access);
        true
    }

    /// The same of one whose hash is not known.
    fn meet(&mut self, hash: u64, weight: u32, now: Millis, text: String) {
        let access = self.access(weight, now);
        let sides = self.trial.as_ref().map_or_else(Default::default, |trial| trial.sides(&text));
        self.table.meet(hash, text, sides, &access);
        self.count(sides, &access);
    }

    fn access(&mut self, weight: u32, now: Millis) -> Access {
        let growth = self.table.turn(now);
        // Another thread may be a moment behind in the hour before: that is not counted apart.
        let hour = hours::number(now).max(self.hour);
        Access { weight, score: f64::from(weight) * growth, hour, counting: self.hour }
    }

    fn count(&mut self, sides: Sides, access: &Access) {
        // The forecasts were not made for the hour that follows.
        if let Some(trial) = self.trial.as_mut().filter(|_| access.hour == self.hour) {
            trial.count(sides, access.weight);
        }
    }
}
