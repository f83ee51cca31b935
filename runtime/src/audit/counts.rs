//! What audits have found.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::options::AuditOptions;
use crate::clock::Millis;
use crate::key::Key;

/// So many stale entries are remembered by name.
const REMEMBERED: usize = 32;
/// So many sites are told apart.
pub(super) const SITES: usize = 1_024;
/// How long something was stale, in seconds, up to which it counts into a bucket; what was longer is in the last.
pub(super) const BUCKETS: [u64; 6] = [1, 5, 15, 60, 300, u64::MAX];

/// The audits of one cache.
#[derive(Debug)]
pub(crate) struct Audit {
    pub(crate) options: AuditOptions,
    /// Hits since the last that was audited.
    credit: AtomicU64,
    room: Arc<Semaphore>,
    watching: Arc<Semaphore>,
    pub(super) book: Mutex<Book>,
}

#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) sites: BTreeMap<Arc<str>, Tally>,
    pub(super) staleness: [u64; BUCKETS.len()],
    pub(super) stale: VecDeque<Found>,
    pub(super) left_out: u64,
}

/// What was found of one site.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) consistent: u64,
    pub(super) changed: u64,
    pub(super) stale: u64,
    pub(super) unknown: u64,
}

/// What one audit came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The source answers the same.
    Consistent,
    /// It had changed, and the cache knew within the bound.
    Changed,
    /// The source failed, or its answers cannot be compared.
    Unknown,
}

/// Where a stale entry was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Near,
    Tier(String),
}

/// A stale entry.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) site: Arc<str>,
    pub(super) key: Key,
    pub(super) places: Vec<Place>,
    pub(super) at: Millis,
    /// How long it was stale, once that is over.
    pub(super) lasted: Option<Millis>,
    /// Is it being looked for?
    pub(super) watched: bool,
}

impl Audit {
    pub(crate) fn new(options: AuditOptions) -> Self {
        Self {
            options,
            credit: AtomicU64::new(0),
            room: Arc::new(Semaphore::new(options.at_once)),
            watching: Arc::new(Semaphore::new(REMEMBERED)),
            book: Mutex::default(),
        }
    }

    /// So many hits were made. Is one of them to be audited?
    pub(crate) fn is_due(&self, hits: u64) -> bool {
        let credit = self.credit.fetch_add(hits, Relaxed) + hits;
        let due = credit >= self.options.each;
        if due {
            self.credit.store(0, Relaxed);
        }
        due
    }

    /// Room for one more, until that is dropped; counted where there is none.
    pub(crate) fn begin(&self) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(&self.room).try_acquire_owned().ok();
        if room.is_none() {
            self.leave_out();
        }
        room
    }

    /// One that was due is not made.
    pub(crate) fn leave_out(&self) {
        self.book.lock().left_out += 1;
    }

    /// Room to watch how long one stays stale, until that is dropped.
    pub(crate) fn watch(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.watching).try_acquire_owned().ok()
    }

    pub(crate) fn tell(&self, site: &str, verdict: Verdict) {
        let mut book = self.book.lock();
        let Some(tally) = book.tally(site) else { return };
        match verdict {
            Verdict::Consistent => tally.consistent += 1,
            Verdict::Changed => tally.changed += 1,
            Verdict::Unknown => tally.unknown += 1,
        }
    }

    /// This entry is stale, and found in these places. Is that news? What several audits find at once is one entry.
    pub(crate) fn found(&self, site: &str, key: &Key, places: Vec<Place>, at: Millis) -> bool {
        let mut book = self.book.lock();
        let stale = book.tally(site).map_or(1, |tally| {
            tally.stale += 1;
            tally.stale
        });
        if let Some(known) = book.stale.iter_mut().find(|found| found.key == *key && found.watched) {
            let more: Vec<Place> = places.into_iter().filter(|place| !known.places.contains(place)).collect();
            known.places.extend(more);
            return false;
        }
        if book.stale.len() == REMEMBERED {
            book.stale.pop_front();
        }
        let found =
            Found { site: site.into(), key: key.clone(), places: places.clone(), at, lasted: None, watched: true };
        book.stale.push_back(found);
        drop(book);
        // Where all of a site are stale it is said the first time, and then ever more seldom.
        if stale.is_power_of_two() {
            let text = "an entry is stale: its source changed, and nobody invalidated it in time";
            tracing::warn!(site, ?places, stale, "{text}");
        }
        true
    }

    /// A stale entry is no longer looked for: it is older than that.
    pub(crate) fn lasts(&self, key: &Key, at: Millis, for_now: Millis) {
        self.book.lock().staleness[bucket(for_now)] += 1;
        self.unwatched(key, at);
    }

    /// Nobody looks whether a stale entry is gone: who finds it again tells of another.
    pub(crate) fn unwatched(&self, key: &Key, at: Millis) {
        let mut book = self.book.lock();
        if let Some(found) = book.stale.iter_mut().find(|found| found.key == *key && found.at == at) {
            found.watched = false;
        }
    }

    /// A stale entry is gone after so long.
    pub(crate) fn lasted(&self, key: &Key, at: Millis, lasted: Millis) {
        let mut book = self.book.lock();
        book.staleness[bucket(lasted)] += 1;
        if let Some(found) = book.stale.iter_mut().find(|found| found.key == *key && found.at == at) {
            (found.lasted, found.watched) = (Some(lasted), false);
        }
    }
}

fn bucket(lasted: Millis) -> usize {
    BUCKETS.iter().position(|most| lasted / 1_000 < *most).unwrap_or(BUCKETS.len() - 1)
}

impl Book {
    fn tally(&mut self, site: &str) -> Option<&mut Tally> {
        if !self.sites.contains_key(site) {
            if self.sites.len() >= SITES {
                return None;
            }
            self.sites.insert(site.into(), Tally::default());
        }
        self.sites.get_mut(site)
    }
}
