//! What this node invalidated lately, in case the log loses it.

use std::collections::{HashMap, VecDeque};
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
    /// In their order. What was invalidated again stands here again, and counts where it stands last.
    lately: VecDeque<(Instant, Group)>,
    /// Each of them, and when it was invalidated last: what is said again would else be remembered once more each time,
    /// and a log that is lost several times in a row be told twice as much with each.
    last: HashMap<Group, Instant>,
    /// When more than can be kept one by one was invalidated.
    beyond: Option<Instant>,
}

impl Memory {
    pub(in crate::tier) fn add(&self, groups: &[Group]) {
        self.0.lock().add(groups);
    }

    pub(in crate::tier) fn groups(&self) -> Vec<Group> {
        self.0.lock().groups()
    }
}

impl Kept {
    fn add(&mut self, groups: &[Group]) {
        let now = Instant::now();
        for group in groups {
            if self.last.insert(group.clone(), now) != Some(now) {
                self.lately.push_back((now, group.clone()));
            }
        }
        while self.lately.front().is_some_and(|(at, _)| now - *at > LATELY) {
            self.forget_first();
        }
        while self.last.len() > MOST {
            self.beyond = self.forget_first().or(self.beyond);
        }
        if self.lately.len() > 2 * MOST {
            self.lately.retain(|(at, group)| self.last.get(group) == Some(at));
        }
    }

    /// When the first was invalidated, if not again since.
    fn forget_first(&mut self) -> Option<Instant> {
        let (at, group) = self.lately.pop_front()?;
        if self.last.get(&group) != Some(&at) {
            return None;
        }
        self.last.remove(&group)
    }

    fn groups(&self) -> Vec<Group> {
        if self.beyond.is_some_and(|at| at.elapsed() <= LATELY) {
            return vec![Group::Everything];
        }
        let young = self.last.iter().filter(|(_, at)| at.elapsed() <= LATELY);
        young.map(|(group, _)| group.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(n: usize) -> Group {
        Group::Tag(n.to_string().into())
    }

    #[test]
    fn what_is_said_again_is_remembered_once() {
        let mut memory = Kept::default();
        memory.add(&[tag(1), tag(2), tag(1)]);
        for _ in 0..10 {
            let again = memory.groups();
            memory.add(&again);
        }
        assert_eq!(memory.groups().len(), 2);
        for _ in 0..3 * MOST {
            memory.add(&[tag(1)]);
        }
        assert!(memory.lately.len() <= 2 * MOST && memory.groups().len() == 2);
    }

    #[test]
    fn more_than_can_be_remembered_is_everything() {
        let mut memory = Kept::default();
        let all: Vec<Group> = (0..MOST).map(tag).collect();
        memory.add(&all);
        assert_eq!(memory.groups().len(), MOST);
        memory.add(&[tag(MOST)]);
        assert_eq!(memory.groups(), [Group::Everything]);
        assert_eq!((memory.last.len(), memory.lately.len()), (MOST, MOST));
    }
}
