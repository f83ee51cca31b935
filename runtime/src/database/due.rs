//! Invalidations that are due, whatever becomes of who brought them about.

use std::sync::Arc;

use super::again::Again;
use crate::applied::Applied;
use crate::cache::Cache;
use crate::group::Group;

/// What becomes untrue by something that has begun. Dropped before it was fired, as by a panic or at the end of a runtime,
/// it is told behind everybody's back.
pub(super) struct Due {
    caches: Vec<Cache>,
    groups: Vec<Group>,
    /// Where they are told once more, later.
    again: Vec<Arc<Again>>,
}

impl Due {
    pub(super) fn new(caches: Vec<Cache>, groups: impl IntoIterator<Item = Group>) -> Self {
        Self { caches, groups: groups.into_iter().collect(), again: Vec::new() }
    }

    /// To be told once more, later.
    pub(super) fn once_more(mut self, again: Option<Arc<Again>>) -> Self {
        self.again.extend(again);
        self
    }

    /// To these too.
    pub(super) fn to(mut self, more: Vec<Cache>) -> Self {
        for cache in more {
            if !self.caches.iter().any(|known| known.is(&cache)) {
                self.caches.push(cache);
            }
        }
        self
    }

    /// These too.
    pub(super) fn and(mut self, more: Vec<Group>) -> Self {
        self.groups.extend(more);
        self
    }

    /// Have all tiers taken it, so that it outlives this process?
    pub(super) async fn fire(mut self) -> bool {
        let mut taken = true;
        if !self.groups.is_empty() {
            for cache in &self.caches {
                taken &= cache.invalidate(self.groups.clone()).await == Applied::Applied;
            }
        }
        self.tell_again();
        self.groups.clear();
        taken
    }

    fn tell_again(&self) {
        for again in &self.again {
            again.after(&self.caches, &self.groups);
        }
    }

    /// Nothing has become untrue after all.
    pub(super) fn waive(mut self) {
        self.groups.clear();
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        if self.groups.is_empty() {
            return;
        }
        for cache in &self.caches {
            cache.invalidate_behind(self.groups.clone());
        }
        self.tell_again();
    }
}
