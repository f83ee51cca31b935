//! The figures of one statement.

use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use super::sketch::Sketch;
use crate::clock::Millis;
use crate::flight::Asker;
use crate::histogram::Histogram;
use crate::statement::Statement;

/// So many sites are named that ask a statement.
const SITES: usize = 4;
/// So many places in the program are named from which it is repeated.
const PLACES: usize = 8;

/// What was counted of all statements that are the same but for their values.
#[derive(Debug)]
pub(in crate::database) struct Figures {
    /// Nothing for those that have no figures of their own.
    pub(super) known: Option<Known>,
    /// Its figures were added to those of the others.
    pub(super) folded: AtomicBool,
    pub(super) count: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) nanos: AtomicU64,
    least: AtomicU64,
    most: AtomicU64,
    pub(super) rows: AtomicU64,
    pub(super) most_rows: AtomicU64,
    pub(super) slow: AtomicU64,
    pub(super) times: Histogram,
    pub(super) values: Sketch,
    askers: [OnceLock<Asker>; SITES],
    /// Was it also asked by what is no load of a site?
    pub(super) asked_plainly: AtomicBool,
    repeated: Mutex<Vec<Repeated>>,
    /// When it was last told that it is slow.
    told: AtomicU64,
}

/// A statement, and one text of it.
pub(super) struct Known {
    pub(super) statement: Statement,
    /// The first that was met. It holds no values but those that stand in the program.
    pub(super) text: Box<str>,
    /// Were there others, of other literals?
    pub(super) varied: AtomicBool,
}

/// Never the text, which may hold literals.
impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("shape", &self.statement.shape()).finish_non_exhaustive()
    }
}

/// From where it was repeated.
#[derive(Debug, Clone)]
pub(super) struct Repeated {
    pub(super) at: &'static Location<'static>,
    /// The site whose loads did so, if it was a load.
    pub(super) site: Option<String>,
    /// By how many tasks or requests.
    pub(super) callers: u64,
    /// How often by one of them, at least.
    pub(super) most: u64,
}

impl Figures {
    pub(super) fn new(known: Option<Known>) -> Self {
        Self {
            known,
            folded: AtomicBool::new(false),
            count: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            nanos: AtomicU64::new(0),
            least: AtomicU64::new(u64::MAX),
            most: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            most_rows: AtomicU64::new(0),
            slow: AtomicU64::new(0),
            times: Histogram::default(),
            values: Sketch::default(),
            askers: [const { OnceLock::new() }; SITES],
            asked_plainly: AtomicBool::new(false),
            repeated: Mutex::default(),
            told: AtomicU64::new(0),
        }
    }

    pub(in crate::database) fn is_folded(&self) -> bool {
        self.folded.load(Relaxed)
    }

    pub(super) fn shape(&self) -> &str {
        self.known.as_ref().map_or("(others)", |known| known.statement.shape())
    }

    /// It took so long, and gave so many rows; nothing if it failed or was given up.
    pub(super) fn record(&self, took: Duration, rows: Option<u64>) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Relaxed);
        self.nanos.fetch_add(nanos, Relaxed);
        self.times.record(nanos);
        // Most calls are neither: a look is cheaper than a change.
        if nanos < self.least.load(Relaxed) {
            self.least.fetch_min(nanos, Relaxed);
        }
        if nanos > self.most.load(Relaxed) {
            self.most.fetch_max(nanos, Relaxed);
        }
        match rows {
            Some(0) => {}
            Some(rows) => {
                self.rows.fetch_add(rows, Relaxed);
                if rows > self.most_rows.load(Relaxed) {
                    self.most_rows.fetch_max(rows, Relaxed);
                }
            }
            None => drop(self.errors.fetch_add(1, Relaxed)),
        }
    }

    /// The shortest and the longest, if there was one.
    pub(super) fn range(&self) -> Option<(Duration, Duration)> {
        let least = self.least.load(Relaxed);
        (least != u64::MAX).then(|| (Duration::from_nanos(least), Duration::from_nanos(self.most.load(Relaxed))))
    }

    /// Who asks it now.
    pub(super) fn asked_by(&self, asker: Option<&Asker>) {
        let Some(asker) = asker else {
            if !self.asked_plainly.load(Relaxed) {
                self.asked_plainly.store(true, Relaxed);
            }
            return;
        };
        for place in &self.askers {
            let there = place.get_or_init(|| asker.clone());
            if std::sync::Arc::ptr_eq(&there.counters, &asker.counters) {
                return;
            }
        }
    }

    /// The sites whose loads have asked it.
    pub(super) fn askers(&self) -> impl Iterator<Item = &Asker> {
        self.askers.iter().filter_map(OnceLock::get)
    }

    /// One caller has asked it so often from here. Is that new?
    pub(super) fn repeated_from(
        &self,
        at: &'static Location<'static>,
        asker: Option<&Asker>,
        count: u64,
        first: bool,
    ) -> bool {
        let mut repeated = self.repeated.lock();
        if let Some(known) = repeated.iter_mut().find(|known| known.at == at) {
            known.callers += u64::from(first);
            known.most = known.most.max(count);
            return false;
        }
        let room = repeated.len() < PLACES;
        if room {
            let site = asker.map(|asker| asker.sign.name.to_string());
            repeated.push(Repeated { at, site, callers: 1, most: count });
        }
        room
    }

    pub(super) fn repeated(&self) -> Vec<Repeated> {
        self.repeated.lock().clone()
    }

    /// Is it time again to tell of it? For one caller.
    pub(super) fn is_to_be_told(&self, now: Millis, pause: Millis) -> bool {
        let told = self.told.load(Relaxed);
        let due = told == 0 || now >= told.saturating_add(pause);
        due && self.told.compare_exchange(told, now, Relaxed, Relaxed).is_ok()
    }

    /// Adds to these what another has counted.
    pub(super) fn add(&self, other: &Self) {
        let sums: [(&AtomicU64, &AtomicU64); 5] = [
            (&self.count, &other.count),
            (&self.errors, &other.errors),
            (&self.nanos, &other.nanos),
            (&self.rows, &other.rows),
            (&self.slow, &other.slow),
        ];
        for (sum, more) in sums {
            sum.fetch_add(more.load(Relaxed), Relaxed);
        }
        self.least.fetch_min(other.least.load(Relaxed), Relaxed);
        self.most.fetch_max(other.most.load(Relaxed), Relaxed);
        self.most_rows.fetch_max(other.most_rows.load(Relaxed), Relaxed);
        self.times.add(&other.times);
    }
}
