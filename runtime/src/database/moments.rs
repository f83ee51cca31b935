//! What the logs of invalidations said some moments ago: whether a group was named lately, by whichever node.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::cache::{self, Cache};
use crate::clock::{Clock, Millis};
use crate::key::Key;

/// Moments of a stretch of time, apart by a part of it.
pub(super) struct Moments {
    clock: Clock,
    lag: Millis,
    taken: Mutex<VecDeque<Moment>>,
}

/// At a time, up to where the log of each cache had been applied.
struct Moment {
    at: Millis,
    seqs: Vec<(Weak<cache::Core>, u64)>,
}

/// The stretch is told from so many moments.
const PARTS: Millis = 16;

impl Moments {
    pub(super) fn new(clock: Clock, lag: Millis) -> Self {
        Self { clock, lag, taken: Mutex::default() }
    }

    /// Was none of these tags named in the last stretch, as far as these caches know? A node that has just begun to look,
    /// or is not certain to have seen all, cannot say so.
    pub(super) fn quiet(&self, caches: &[Cache], tags: &[String]) -> bool {
        // The time first: what is applied from here on counts as later.
        let now = self.clock.now_assured();
        let quiet = {
            let mut taken = self.taken.lock();
            let is_before = |moment: &Moment| moment.at.saturating_add(self.lag) <= now;
            while taken.get(1).is_some_and(is_before) {
                taken.pop_front();
            }
            let before = taken.front().filter(|moment| is_before(moment));
            before.is_some_and(|moment| caches.iter().all(|cache| moment.quiet(cache, tags)))
        };
        self.take(caches);
        quiet
    }

    /// Looks at the logs now.
    pub(super) fn take(&self, caches: &[Cache]) {
        let seqs = caches.iter().map(|cache| (Arc::downgrade(&cache.0), cache.0.log.birth().seq)).collect();
        // The time last: what was applied before it may be missing in the moment, but nothing in it is later.
        let moment = Moment { at: self.clock.now_assured(), seqs };
        let mut taken = self.taken.lock();
        // The last one moves on until it is far enough from the one before.
        if let [.., before, last] = taken.make_contiguous()
            && last.at.saturating_sub(before.at) < (self.lag / PARTS).max(1)
        {
            taken.pop_back();
        }
        taken.push_back(moment);
    }
}

impl Moment {
    /// Was nothing with these tags named since, as far as this cache knows?
    fn quiet(&self, cache: &Cache, tags: &[String]) -> bool {
        let seq = self.seqs.iter().find(|(of, _)| std::ptr::eq(of.as_ptr(), Arc::as_ptr(&cache.0)));
        // An entry of no key.
        let none = Key::from_stored("");
        seq.is_some_and(|(_, seq)| cache.0.log.unnamed_since(&none, tags.iter().map(String::as_str), *seq).is_some())
    }
}
