//! The last invalidations, for those who ask what happened: nothing is decided by them.

use std::collections::VecDeque;

use crate::clock::{Clock, Millis};
use crate::group::Group;
use crate::sync::Mutex;

/// So many are remembered.
pub(crate) const REMEMBERED: usize = 512;

/// One invalidation as it was applied here.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    pub(crate) group: Group,
    pub(crate) at: Millis,
    /// Was it another node's?
    pub(crate) heard: bool,
}

/// The last invalidations, the newest last.
pub(crate) struct History {
    clock: Clock,
    past: Mutex<VecDeque<Past>>,
}

impl History {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, past: Mutex::new(VecDeque::new()) }
    }

    pub(super) fn note<'a>(&self, groups: impl Iterator<Item = &'a Group>, heard: bool) {
        let at = self.clock.now();
        let mut past = self.past.lock();
        for group in groups {
            if past.len() == REMEMBERED {
                past.pop_front();
            }
            past.push_back(Past { group: group.clone(), at, heard });
        }
    }

    /// The last one that names an entry of this key with these tags.
    pub(crate) fn last_of(&self, key: &str, tags: &[String]) -> Option<Past> {
        let past = self.past.lock();
        past.iter().rev().find(|past| past.group.names(key, tags.iter().map(String::as_str))).cloned()
    }

    /// The last ones, the newest first.
    pub(crate) fn recent(&self, most: usize) -> Vec<Past> {
        self.past.lock().iter().rev().take(most).cloned().collect()
    }
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("History")
    }
}
