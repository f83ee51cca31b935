//! What all handles of one model in a cache have in common.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::dimensions::Dimensions;
use super::turn::Turns;

/// Turns, and what is known of lengths.
#[derive(Debug)]
pub(super) struct Together {
    pub(super) at_once: usize,
    pub(super) turns: Turns,
    /// By what is asked for: as long as somebody asks for that.
    dimensions: Mutex<HashMap<Arc<str>, Weak<Dimensions>>>,
}

impl Together {
    pub(super) fn new(at_once: usize) -> Self {
        Self { at_once, turns: Turns::new(at_once), dimensions: Mutex::default() }
    }

    /// How long the vectors are for who asks for this.
    pub(super) fn dimensions_of(&self, asked_for: &Arc<str>, said: Option<usize>) -> Arc<Dimensions> {
        let mut all = self.dimensions.lock();
        if let Some(known) = all.get(asked_for).and_then(Weak::upgrade) {
            return known;
        }
        all.retain(|_, dimensions| dimensions.strong_count() > 0);
        let dimensions = Arc::new(Dimensions::new(said));
        all.insert(Arc::clone(asked_for), Arc::downgrade(&dimensions));
        dimensions
    }

    /// All vectors of this version are forgotten, or of every one.
    pub(super) fn forget(&self, version: Option<u32>) {
        let of = version.map(|version| format!("{version}:")).unwrap_or_default();
        let all = self.dimensions.lock();
        let meant = all.iter().filter(|(asked_for, _)| asked_for.starts_with(&of));
        meant.filter_map(|(_, dimensions)| dimensions.upgrade()).for_each(|dimensions| dimensions.forget());
    }
}
