//! Invalidations that are told once more: when the replicas have what was written, for what other nodes read from a
//! replica meanwhile; and after a connection was lost, for what a server does that has not noticed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::due::Due;
use super::moments::Moments;
use crate::cache::Cache;
use crate::clock::{Clock, Millis};
use crate::group::Group;

/// So many groups wait one by one; more become the whole database.
const MOST: usize = 10_000;
/// The clock is looked at so often while something waits.
const LOOK: Duration = Duration::from_millis(20);

/// What is told once more.
pub(super) struct Again {
    clock: Clock,
    lag: Millis,
    /// The tag of all that was read from the database.
    all: Group,
    moments: Moments,
    waiting: Mutex<Waiting>,
    pub(super) told: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    /// When each group is told. One that is written again waits again: what was read before is told of by that write.
    groups: HashMap<Group, Millis>,
    caches: Vec<Cache>,
    /// Is there a task that looks after them?
    attended: bool,
}

impl Again {
    pub(super) fn new(clock: Clock, lag: Millis, all: Group) -> Self {
        let moments = Moments::new(clock.clone(), lag);
        Self { clock, lag, all, moments, waiting: Mutex::default(), told: AtomicU64::new(0) }
    }

    /// Was nothing with these tags told in the last stretch, by whichever node?
    pub(super) fn is_quiet(&self, caches: &[Cache], tags: impl FnOnce() -> Vec<String>) -> bool {
        self.lag == 0 || self.moments.quiet(caches, &tags())
    }

    /// These have been told, and are told again after the lag.
    pub(super) fn after(self: &Arc<Self>, caches: &[Cache], groups: &[Group]) {
        if self.lag == 0 || groups.is_empty() {
            return;
        }
        self.moments.take(caches);
        let at = self.clock.now_assured().saturating_add(self.lag);
        let mut waiting = self.waiting.lock();
        waiting.groups.extend(groups.iter().map(|group| (group.clone(), at)));
        if waiting.groups.len() > MOST {
            waiting.groups.clear();
            waiting.groups.insert(self.all.clone(), at);
        }
        for cache in caches {
            if !waiting.caches.iter().any(|known| known.is(cache)) {
                waiting.caches.push(cache.clone());
            }
        }
        // Without a runtime they wait for the next write, or the end of this.
        if !waiting.attended
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            waiting.attended = true;
            drop(runtime.spawn(attend(Attended { again: Arc::clone(self), done: false })));
        }
    }

    /// Those whose time has come; `None` when nothing waits any more, and nobody needs to look after it.
    fn ripe(&self) -> Option<Due> {
        let now = self.clock.now_assured();
        let mut waiting = self.waiting.lock();
        let ripe: Vec<Group> = waiting.groups.extract_if(|_, at| *at <= now).map(|(group, _)| group).collect();
        let caches = waiting.caches.clone();
        if waiting.groups.is_empty() {
            waiting.caches.clear();
        }
        if ripe.is_empty() && waiting.groups.is_empty() {
            waiting.attended = false;
            return None;
        }
        self.told.fetch_add(ripe.len() as u64, Ordering::Relaxed);
        Some(Due::new(caches, ripe))
    }

    /// Tells all that wait, too early for some: there will be no later.
    fn tell_now(&self) {
        let Waiting { groups, caches, .. } = std::mem::take(&mut *self.waiting.lock());
        self.told.fetch_add(groups.len() as u64, Ordering::Relaxed);
        drop(Due::new(caches, groups.into_keys()));
    }
}

/// The task, which ends when nothing waits.
async fn attend(mut attended: Attended) {
    let again = Arc::clone(&attended.again);
    while let Some(due) = again.ripe() {
        due.fire().await;
        tokio::time::sleep(LOOK.min(Duration::from_millis(again.lag))).await;
    }
    attended.done = true;
}

/// Ends with its task: also with one that a runtime gives up at its own end.
struct Attended {
    again: Arc<Again>,
    done: bool,
}

impl Drop for Attended {
    fn drop(&mut self) {
        if !self.done {
            self.again.tell_now();
        }
    }
}

impl Drop for Again {
    fn drop(&mut self) {
        self.tell_now();
    }
}
