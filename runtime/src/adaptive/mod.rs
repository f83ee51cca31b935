//! Lives that follow how often a value changes: the estimator behind `ttl = "adaptive(30s..1h)"`.
//!
//! Each load of a key that was loaded before is a look at its source: the value is the same, or another one. From that, and
//! from how soon after its end a key is read again, follow how often it changes (`belief`) and how often it is read; from
//! both the life that misses the fewest changes for the loads it costs (`price`). A key of which little is known is taken to
//! be as others of its site (`pool`).
//!
//! Cost: under half a microsecond a load, nothing on a hit, and 32 bytes for each of at most 65,536 keys (`table`).

mod belief;
mod pool;
mod price;
#[cfg(test)]
mod simulation;
mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod worlds;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use self::belief::Belief;
use self::pool::Pool;
use self::table::{Record, Table};
use crate::chance::Chance;
use crate::clock::Millis;

/// So many keys of a site are known apart.
const KEYS: usize = 65_536;
/// A rate may turn into another one, once in so many times `most`, and once in so many looks.
const STEADY: f64 = 48.0;
const STEADY_LOOKS: f64 = 200.0;
/// Times are not known better, in seconds: neither the clock nor a record's.
const COARSE: f64 = 0.02;
/// Waits of a key that are remembered.
const READS: f64 = 32.0;

/// The lives of one site's keys, between `least` and `most`.
#[derive(Debug)]
pub(crate) struct Adaptive {
    bounds: (Millis, Millis),
    /// The same, in seconds.
    least: f64,
    most: f64,
    /// By how much of itself a life is shortened at random.
    jitter: f64,
    table: Table,
    pool: Mutex<Pool>,
    counts: Counts,
}

/// One load of a key that has answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    /// A hash of the key. It may be a poor one.
    pub(crate) key: u64,
    /// Of the value, and `None` if that has none: then it counts as another value than before.
    pub(crate) fingerprint: Option<u64>,
    /// How often the entry was hit since the load before, if it is known. Else it is estimated.
    pub(crate) hits: Option<u32>,
    /// When it was asked for, and when it had answered: the life begins then.
    pub(crate) began: Millis,
    pub(crate) ended: Millis,
}

/// What was found out so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Figures {
    /// Loads of known keys that found the value they had: wasted.
    pub(crate) same: u64,
    /// And those that found another one.
    pub(crate) changed: u64,
    /// Keys known now.
    pub(crate) keys: usize,
    /// What all lives given so far are on the average.
    pub(crate) life: Millis,
    /// Which part of the reads is thought to have been answered with a value that had changed.
    pub(crate) stale: f64,
}

#[derive(Debug, Default)]
struct Counts {
    same: AtomicU64,
    changed: AtomicU64,
    lives: AtomicU64,
    /// In milliseconds, all together.
    lived: AtomicU64,
    /// In thousandths of a read.
    reads: AtomicU64,
    stale: AtomicU64,
}

/// What a look has shown of the time since the one before.
struct Shown {
    seconds: f64,
    changed: bool,
    reads: f64,
    stale: f64,
}

impl Adaptive {
    /// Every life is between these two. Lives are shortened at random by up to this part, as `Policy::jitter` says: who
    /// jitters what it was given teaches the estimator wrong times.
    pub(crate) fn new(least: Millis, most: Millis, jitter: f32) -> Self {
        let bounds = (least.max(1), most.max(least.max(1)));
        let (least, most) = (bounds.0 as f64 / 1e3, bounds.1 as f64 / 1e3);
        let middle = (least * most).sqrt();
        // Such a rate that the first lives are in the middle.
        let rate = price::rate(most, middle);
        Self {
            bounds,
            least,
            most,
            jitter: f64::from(jitter.clamp(0.0, 1.0)),
            table: Table::new(KEYS),
            pool: Mutex::new(Pool::new(rate, least, middle)),
            counts: Counts::default(),
        }
    }

    /// A load has answered: how long that is to be fresh.
    pub(crate) fn loaded(&self, look: &Look) -> Millis {
        let (usual, worth) = self.usual();
        let (record, shown) = self.table.visit(look.key, look.ended, |known| {
            let (mut record, shown) = match known {
                Some(record) => self.looked(*record, look, usual),
                None => (Record::new(look.stored(), look.ended, usual.0, usual.1), None),
            };
            record.life = self.life(&record, worth, shown.as_ref(), look) as f32;
            (record, (record, shown))
        });
        if let Some(shown) = &shown {
            self.pool.lock().learn(shown.seconds, record.changes, record.reads);
        }
        let (least, most) = self.bounds;
        // Records hold half the digits.
        self.counts.count(shown.as_ref(), millis(record.life).clamp(least, most))
    }

    /// The entry of this key was invalidated: a change that is announced makes nothing stale, and says nothing of others.
    pub(crate) fn announce(&self, key: u64) {
        self.table.change(key, Record::announce);
    }

    pub(crate) fn figures(&self) -> Figures {
        let Counts { same, changed, lives, lived, reads, stale } = &self.counts;
        let part = |of: &AtomicU64, all: &AtomicU64| of.load(Relaxed) as f64 / all.load(Relaxed).max(1) as f64;
        Figures {
            same: same.load(Relaxed),
            changed: changed.load(Relaxed),
            keys: self.table.keys(),
            life: part(lived, lives) as Millis,
            stale: part(stale, reads),
        }
    }

    /// A key of which nothing is known, and what a load is worth.
    fn usual(&self) -> ((Belief, Belief), f64) {
        let pool = self.pool.lock();
        let reads = pool.reads();
        ((pool.changes(), reads), price::worth(self.most, reads.rate()))
    }

    /// What a look says of a known key.
    fn looked(&self, mut record: Record, look: &Look, usual: (Belief, Belief)) -> (Record, Option<Shown>) {
        let announced = record.take_announced();
        let (seconds, life) = (record.since(look.ended), f64::from(record.life));
        let waited = record.since(look.began) - life;
        let changed = record.replace(look.stored(), look.ended) || look.fingerprint.is_none();
        if announced {
            return (record, None);
        }
        record.reads = reads(record.reads, look.hits, seconds, waited);
        record.changes = self.changes(record.changes, usual.0, changed, seconds);
        let fresh = life.min(seconds);
        let hits = look.hits.map_or(fresh * record.reads.rate(), f64::from);
        let stale = if changed { hits * stale(record.changes.rate(), fresh, seconds) } else { 0.0 };
        (record, Some(Shown { seconds, changed, reads: hits + 1.0, stale }))
    }

    /// What is believed of a key's changes after it was looked at once more.
    ///
    /// Its rate may have turned into another one meanwhile. How probable that is after what was seen (the two cases of a
    /// Bayesian detection of change points, Adams & MacKay 2007, drawn together after each look) is how much is forgotten:
    /// little while all goes as expected, most of it when a value that stood still for days changes.
    fn changes(&self, own: Belief, usual: Belief, changed: bool, seconds: f64) -> Belief {
        let seen = |belief: Belief| if changed { 1.0 - belief.quiet(seconds) } else { belief.quiet(seconds) };
        let turned = 1.0 - (-seconds / (STEADY * self.most) - 1.0 / STEADY_LOOKS).exp();
        // What turned to change faster is not held for usual where all stands still.
        let soon = Belief::new(usual.events(), usual.events() * seconds);
        let other = if changed && soon.rate() > usual.rate() { soon } else { usual };
        let (still, anew) = ((1.0 - turned) * seen(own), turned * seen(other));
        let keep = if still + anew > 0.0 { still / (still + anew) } else { 1.0 };
        let own = own.faded(keep, other);
        if changed { own.happened(seconds) } else { own.counted(0.0, seconds) }
    }

    /// A changed value never lives longer than the one before, and the same never shorter, whatever became of others and of
    /// its reads.
    fn life(&self, record: &Record, worth: f64, shown: Option<&Shown>, look: &Look) -> f64 {
        let life = price::life(worth, record.changes.rate(), record.reads.rate()).min(self.most);
        let early = self.jitter * Chance::new(look.key ^ look.ended.rotate_left(32)).part();
        let (life, before) = (life * (1.0 - early), f64::from(record.life));
        let life = match shown {
            Some(Shown { changed: true, .. }) => life.min(before),
            Some(_) => life.max(before),
            None => life,
        };
        life.clamp(self.least, self.most)
    }
}

impl Look {
    fn stored(&self) -> u64 {
        self.fingerprint.unwrap_or(0)
    }
}

/// How often a key is read. Counted where hits are; else the first read after the end is what loads, and how long it made
/// itself waited for tells as much as one read can.
fn reads(own: Belief, hits: Option<u32>, seconds: f64, waited: f64) -> Belief {
    let more = match hits {
        Some(hits) => own.counted(f64::from(hits) + 1.0, seconds),
        // It was loaded before its end: by a refresh ahead, or because it was evicted.
        None if waited < -COARSE => own,
        None => own.counted(1.0, waited.max(COARSE)),
    };
    more.no_surer_than(READS)
}

/// Which part of the hits in a life was stale, if there was a change in the time up to the next look.
fn stale(rate: f64, life: f64, seconds: f64) -> f64 {
    let (x, all) = ((rate * life).max(1e-9), (rate * seconds).max(1e-9));
    let part = if x < 1e-4 { x / 2.0 } else { 1.0 + (-x).exp_m1() / x };
    (part / -(-all).exp_m1()).min(1.0)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "no life is negative, and a long one saturates"
)]
fn millis(seconds: f32) -> Millis {
    (f64::from(seconds) * 1e3).round() as Millis
}

impl Counts {
    /// Counts a life that is given, and what was seen before; the life.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts")]
    fn count(&self, shown: Option<&Shown>, life: Millis) -> Millis {
        if let Some(Shown { changed, reads, stale, .. }) = shown {
            if *changed { &self.changed } else { &self.same }.fetch_add(1, Relaxed);
            self.reads.fetch_add((reads * 1e3) as u64, Relaxed);
            self.stale.fetch_add((stale * 1e3) as u64, Relaxed);
        }
        self.lives.fetch_add(1, Relaxed);
        self.lived.fetch_add(life, Relaxed);
        life
    }
}
