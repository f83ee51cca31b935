//! What this node invalidated lately, in case the log loses it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::group::Group;

/// How long after one has invalidated something one says it again to a log that has lost records.
const LATELY: Duration = Duration::from_secs(30);
/// How many of those are kept one by one.
const MOST: usize = 10_000;

/// What this node invalidated lately.
#[derive(Debug, Default)]
pub(in crate::tier) struct Memory(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    lately: VecDeque<(Instant, Group)>,
    /// When more than can be kept one by one was invalidated.
    beyond: Option<Instant>,
}

impl Memory {
    pub(in crate::tier) fn add(&self, groups: &[Group]) {
        let now = Instant::now();
        let mut kept = self.0.lock();
        kept.lately.extend(groups.iter().map(|group| (now, group.clone())));
        while kept.lately.front().is_some_and(|(at, _)| now - *at > LATELY) {
            kept.lately.pop_front();
        }
        while kept.lately.len() > MOST {
            kept.beyond = kept.lately.pop_front().map(|(at, _)| at);
        }
    }

    pub(in crate::tier) fn groups(&self) -> Vec<Group> {
        let kept = self.0.lock();
        if kept.beyond.is_some_and(|at| at.elapsed() <= LATELY) {
            return vec![Group::Everything];
        }
        let young = kept.lately.iter().filter(|(at, _)| at.elapsed() <= LATELY);
        young.map(|(_, group)| group.clone()).collect()
    }
}
