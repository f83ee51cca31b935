//! The last invalidation of each group, bounded: what no longer fits is folded into something coarser, never lost.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::group::Group;
use crate::key::{Key, Pattern, namespace_of};

/// Patterns are compared one by one, so few are kept apart.
const PATTERNS: usize = 128;

/// When a group was last invalidated, in all three orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mark {
    /// This node's count of applications.
    pub(super) seq: u64,
    /// The position in the node's own log.
    pub(super) number: u64,
    /// The position in the log that nodes share.
    pub(super) shared: u64,
}

impl Mark {
    fn raise(&mut self, other: Self) {
        self.seq = self.seq.max(other.seq);
        self.number = self.number.max(other.number);
        self.shared = self.shared.max(other.shared);
    }

    fn join(mut self, other: Option<&Self>) -> Self {
        if let Some(other) = other {
            self.raise(*other);
        }
        self
    }
}

/// What has been invalidated, and when.
#[derive(Debug)]
pub(super) struct Marks {
    keys: HashMap<Key, Mark>,
    tags: HashMap<Arc<str>, Mark>,
    /// Never folded: there are as many as the program has namespaces, plus what operators type.
    namespaces: HashMap<Arc<str>, Mark>,
    patterns: VecDeque<(Pattern, Mark)>,
    /// Folded tags: any entry with a tag.
    any_tag: Mark,
    everything: Mark,
    /// Keys and tags in the order they were first marked.
    order: VecDeque<Group>,
    limit: usize,
}

impl Marks {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            keys: HashMap::new(),
            tags: HashMap::new(),
            namespaces: HashMap::new(),
            patterns: VecDeque::new(),
            any_tag: Mark::default(),
            everything: Mark::default(),
            order: VecDeque::new(),
            limit: limit.max(1),
        }
    }

    /// The group was invalidated at this mark.
    pub(super) fn set(&mut self, group: &Group, mark: Mark) {
        let new = match group {
            Group::Key(key) => upsert(&mut self.keys, key, mark),
            Group::Tag(tag) => upsert(&mut self.tags, tag, mark),
            Group::Namespace(name) => {
                upsert(&mut self.namespaces, name, mark);
                self.bound_namespaces();
                false
            }
            Group::Pattern(pattern) => {
                self.set_pattern(pattern, mark);
                false
            }
            Group::Tagged => {
                self.any_tag.raise(mark);
                false
            }
            Group::Everything => {
                self.everything.raise(mark);
                false
            }
        };
        if new {
            self.order.push_back(group.clone());
            while self.order.len() > self.limit {
                self.fold_oldest();
            }
        }
    }

    /// The last invalidation that names an entry of this key and these tags.
    pub(super) fn latest<'a>(&self, key: &Key, tags: impl Iterator<Item = &'a str>) -> Mark {
        let mut latest = self.everything.join(self.keys.get(key)).join(self.namespaces.get(key.namespace()));
        let mut tagged = false;
        for tag in tags {
            tagged = true;
            latest = latest.join(self.tags.get(tag));
        }
        if tagged {
            latest.raise(self.any_tag);
        }
        for (pattern, mark) in &self.patterns {
            let newer = mark.seq > latest.seq || mark.number > latest.number || mark.shared > latest.shared;
            if newer && pattern.matches(key.as_str()) {
                latest.raise(*mark);
            }
        }
        latest
    }

    /// The shared log's numbering has begun anew.
    #[cfg(feature = "_shared")]
    pub(super) fn forget_shared(&mut self) {
        let maps = self.keys.values_mut().chain(self.tags.values_mut()).chain(self.namespaces.values_mut());
        let single = [&mut self.any_tag, &mut self.everything];
        for mark in maps.chain(self.patterns.iter_mut().map(|(_, mark)| mark)).chain(single) {
            mark.shared = 0;
        }
    }

    fn set_pattern(&mut self, pattern: &Pattern, mark: Mark) {
        if let Some((_, old)) = self.patterns.iter_mut().find(|(p, _)| p == pattern) {
            return old.raise(mark);
        }
        self.patterns.push_back((pattern.clone(), mark));
        while self.patterns.len() > PATTERNS.min(self.limit) {
            if let Some((pattern, mark)) = self.patterns.pop_front() {
                self.fold_pattern(&pattern, mark);
            }
        }
    }

    /// A pattern that names its namespace in full becomes that namespace; any other becomes everything.
    fn fold_pattern(&mut self, pattern: &Pattern, mark: Mark) {
        match pattern.prefix().split_once(':') {
            Some((namespace, _)) => self.set(&Group::Namespace(namespace.into()), mark),
            None => self.everything.raise(mark),
        }
    }

    fn fold_oldest(&mut self) {
        match self.order.pop_front() {
            Some(Group::Key(key)) => {
                if let Some(mark) = self.keys.remove(&key) {
                    self.set(&Group::Namespace(namespace_of(key.as_str()).into()), mark);
                }
            }
            Some(Group::Tag(tag)) => {
                if let Some(mark) = self.tags.remove(&tag) {
                    self.any_tag.raise(mark);
                }
            }
            _ => {}
        }
    }

    fn bound_namespaces(&mut self) {
        if self.namespaces.len() > self.limit {
            for (_, mark) in self.namespaces.drain() {
                self.everything.raise(mark);
            }
        }
    }
}

/// True if the name is new.
fn upsert<K: std::hash::Hash + Eq + Clone>(map: &mut HashMap<K, Mark>, name: &K, mark: Mark) -> bool {
    if let Some(old) = map.get_mut(name) {
        old.raise(mark);
        return false;
    }
    map.insert(name.clone(), mark);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(n: u64) -> Mark {
        Mark { seq: n, number: n, shared: n }
    }

    /// Overflow makes invalidations coarser; it never forgets one.
    #[test]
    fn overflow_is_coarser_never_wrong() {
        let mut marks = Marks::new(4);
        for n in 1..=100 {
            marks.set(&Group::Key(Key::from(format!("video:{n}"))), mark(n));
            marks.set(&Group::Tag(format!("tag:{n}").into()), mark(n));
        }
        for n in 1..=100u64 {
            assert!(marks.latest(&Key::from(format!("video:{n}")), [].into_iter()).seq >= n, "key {n} was forgotten");
            let tag = format!("tag:{n}");
            let latest = marks.latest(&Key::from("other:1".to_owned()), [tag.as_str()].into_iter());
            assert!(latest.seq >= n, "tag {n} was forgotten");
        }
        assert!(marks.keys.len() + marks.tags.len() <= 4);
        assert_eq!(marks.latest(&Key::from("other:1".to_owned()), [].into_iter()), Mark::default());
    }

    #[test]
    fn patterns_overflow_into_their_namespace() {
        let mut marks = Marks::new(2);
        for n in 1..=10 {
            marks.set(&Group::Pattern(Pattern::new(&format!("video:{n}:*")).expect("a pattern")), mark(n));
        }
        for n in 1..=10u64 {
            assert!(marks.latest(&Key::from(format!("video:{n}:frames")), [].into_iter()).seq >= n);
        }
        assert_eq!(marks.latest(&Key::from("user:1".to_owned()), [].into_iter()), Mark::default());
    }
}
