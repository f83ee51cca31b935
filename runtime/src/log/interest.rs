//! What can concern one shelf, so that an invalidation elsewhere costs its hits nothing.

use std::fmt;

use crate::group::Group;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The head that a shelf's hits compare with, and which groups raise it.
#[derive(Debug)]
pub(crate) struct Interest {
    head: AtomicU64,
    /// The namespace of the shelf's keys.
    namespace: String,
    /// What all its keys begin with.
    key_prefix: String,
    /// What each of its tags begins with; an empty one is any tag.
    tag_prefixes: Vec<String>,
    /// What begins tags that do not raise the head, whatever is said above: who asks it asks for these by themselves.
    pub(crate) spared: Option<String>,
    /// Does nothing pass while invalidations of other nodes may be missing?
    strict: bool,
    /// Does nothing pass, because calls go by the cache?
    held: AtomicBool,
    /// And when is that so by itself, though nobody has said it yet?
    lapse: Option<Lapse>,
}

/// Whether the last proof that nothing is missing is too old. Only strict shelves of nodes that share a log ask, at
/// every hit: who follows the log may have stood still as long as this process did.
pub(crate) struct Lapse(pub(crate) Box<dyn Fn() -> bool + Send + Sync>);

impl Interest {
    pub(crate) fn new(namespace: &str, key_prefix: &str, tag_prefixes: Vec<String>, strict: bool) -> Self {
        Self {
            head: AtomicU64::new(0),
            namespace: namespace.to_owned(),
            key_prefix: key_prefix.to_owned(),
            tag_prefixes,
            spared: None,
            strict,
            held: AtomicBool::new(false),
            lapse: None,
        }
    }

    /// The same, whose hits do not pass either while this is so.
    pub(crate) fn lapsing(self, lapse: Lapse) -> Self {
        Self { lapse: Some(lapse), ..self }
    }

    pub(crate) const fn is_strict(&self) -> bool {
        self.strict
    }

    /// The last application that may name one of the shelf's entries.
    #[inline]
    pub(crate) fn head(&self) -> u64 {
        match &self.lapse {
            Some(lapse) if lapse.0() => u64::MAX,
            _ => self.head.load(Ordering::Acquire),
        }
    }

    /// Lets hits pass again: each entry is looked at once more. Not while they go by the cache.
    pub(super) fn release(&self, seq: u64) {
        let head = if self.held.load(Ordering::SeqCst) { u64::MAX } else { seq };
        self.head.store(head, Ordering::SeqCst);
    }

    /// Lets calls go by the cache, or not any more. Called under the log's lock, and followed by a look at its trust.
    pub(super) fn hold(&self, held: bool) {
        self.held.store(held, Ordering::SeqCst);
        if held {
            self.raise(u64::MAX);
        }
    }

    pub(super) fn raise(&self, seq: u64) {
        self.head.fetch_max(seq, Ordering::SeqCst);
    }

    /// Does an invalidation of this tag raise the head?
    pub(crate) fn watches_tag(&self, tag: &str) -> bool {
        self.tag_prefixes.iter().any(|prefix| tag.starts_with(prefix.as_str()))
    }

    fn spares(&self, tag: &str) -> bool {
        self.spared.as_ref().is_some_and(|beginning| tag.starts_with(beginning.as_str()))
    }

    /// May this group name one of the shelf's entries? Rather too often than too seldom.
    pub(super) fn touched_by(&self, group: &Group) -> bool {
        match group {
            Group::Key(key) => key.as_str().starts_with(&self.key_prefix),
            Group::Tag(tag) => self.watches_tag(tag) && !self.spares(tag),
            Group::Pattern(pattern) => {
                let fixed = pattern.prefix();
                fixed.starts_with(&self.key_prefix) || self.key_prefix.starts_with(fixed)
            }
            Group::Namespace(namespace) => **namespace == *self.namespace,
            Group::Everything | Group::Tagged => true,
        }
    }
}

impl fmt::Debug for Lapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lapse")
    }
}
