//! The ordered sequence of invalidations, as this process knows it.
//!
//! One rule of validity: an entry is visible if and only if no invalidation after its birth names it. Two orders keep it
//! cheap. Near entries compare with the node's own count of *applied* records; frames carry the shared *position* that
//! was known when their load began. `birth` takes both before anything is read.

mod interest;
mod marks;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

pub(crate) use interest::Interest;
use marks::{Mark, Marks};

#[cfg(feature = "tiers")]
use crate::codec::Frame;
use crate::group::{Group, Position, Recall, Record};
use crate::key::Key;

/// How many groups are remembered one by one. Default: 65,536; older ones are folded into their namespace.
pub(crate) const GROUPS: usize = 65_536;

/// What a load knew of the log when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Birth {
    /// Records applied on this node.
    pub(crate) seq: u64,
    /// The highest shared position known on this node.
    pub(crate) position: Position,
}

/// The log of one cache.
#[derive(Debug)]
pub(crate) struct Log {
    epoch: u64,
    /// Records applied here. Written under the lock of `known`, read without.
    seq: AtomicU64,
    /// The highest shared position known here. Written under the lock of `known`, read without.
    top: AtomicU64,
    /// The shared order: numbers are given out under this lock, so that records reach tiers in their order.
    order: Mutex<()>,
    known: RwLock<Known>,
}

#[derive(Debug)]
struct Known {
    marks: Marks,
    interests: Vec<Arc<Interest>>,
}

impl Log {
    /// The log of a process, resumed from what its deepest tier remembers.
    pub(crate) fn resume(recall: &Recall, fresh_epoch: u64, groups: usize) -> Self {
        let start = recall.position.unwrap_or(Position { epoch: fresh_epoch, number: 0 });
        let mut marks = Marks::new(groups);
        for record in &recall.records {
            // Near is empty at the start: only frames are judged by these.
            marks.set(&record.group, Mark { seq: 0, number: record.position.number });
        }
        Self {
            epoch: start.epoch,
            seq: AtomicU64::new(0),
            top: AtomicU64::new(start.number),
            order: Mutex::new(()),
            known: RwLock::new(Known { marks, interests: Vec::new() }),
        }
    }

    /// A record that names nothing, for a tier that is to remember where the log begins.
    #[cfg(feature = "tiers")]
    pub(crate) fn beginning(&self) -> Record {
        Record { group: Group::Key(Key::from_stored("")), position: self.birth().position }
    }

    /// What is known now; taken before a load reads anything.
    pub(crate) fn birth(&self) -> Birth {
        let seq = self.seq.load(Ordering::SeqCst);
        Birth { seq, position: Position { epoch: self.epoch, number: self.top.load(Ordering::SeqCst) } }
    }

    /// Appends invalidations and applies them here: from now on nothing older is served on this node.
    pub(crate) fn append(&self, groups: Vec<Group>) -> Vec<Record> {
        let _order = self.order.lock();
        let mut number = self.top.load(Ordering::SeqCst);
        let next = |group| {
            number += 1;
            Record { group, position: Position { epoch: self.epoch, number } }
        };
        let records: Vec<Record> = groups.into_iter().map(next).collect();
        self.apply(&records);
        records
    }

    /// Applies records here: what they name and was born before now is not served any more.
    ///
    /// Also called a second time for one's own records once they are in the shared log: a load that began between the
    /// first application and the tier's answer may have read what the tier then removed.
    pub(crate) fn apply(&self, records: &[Record]) {
        let mut known = self.known.write();
        let Known { marks, interests } = &mut *known;
        for record in records {
            let seq = self.seq.load(Ordering::SeqCst) + 1;
            marks.set(&record.group, Mark { seq, number: record.position.number });
            self.top.fetch_max(record.position.number, Ordering::SeqCst);
            self.seq.store(seq, Ordering::SeqCst);
            for interest in interests.iter().filter(|i| i.touched_by(&record.group)) {
                interest.raise(seq);
            }
        }
    }

    /// Adds a shelf that wants its head raised.
    pub(crate) fn watch(&self, interest: &Arc<Interest>) {
        self.known.write().interests.push(Arc::clone(interest));
    }

    /// Has nothing that names this entry been applied since `seq`? If so, up to which application that is known.
    pub(crate) fn unnamed_since<'a>(
        &self,
        key: &Key,
        tags: impl Iterator<Item = &'a str> + Clone,
        seq: u64,
    ) -> Option<u64> {
        let known = self.known.read();
        // Read under the lock: every record up to here is in the marks.
        let now = self.seq.load(Ordering::SeqCst);
        (known.marks.latest(key, tags).seq <= seq).then_some(now)
    }

    /// Is this frame still valid? False for a frame of another epoch: nothing is known about it.
    #[cfg(feature = "tiers")]
    pub(crate) fn allows(&self, frame: &Frame) -> bool {
        let head = frame.head();
        head.birth.epoch == self.epoch
            && self.known.read().marks.latest(&head.key, frame.tags()).number <= head.birth.number
    }
}
