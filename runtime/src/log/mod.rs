//! The ordered sequence of invalidations, as this process knows it.
//!
//! One rule of validity: an entry is visible if and only if no invalidation after its birth names it. Three orders keep
//! it cheap. Near entries compare with the node's own count of *applied* records; frames in the node's own tiers carry a
//! *position* of the node's own log; frames in tiers that nodes share carry a position of the log that they share.
//! `birth` takes all three before anything is read.

#[cfg(feature = "_seen")]
mod history;
mod interest;
mod marks;
#[cfg(feature = "_shared")]
mod shared;
mod trust;

use std::sync::Arc;
#[cfg(feature = "_seen")]
use std::sync::OnceLock;

#[cfg(feature = "_seen")]
pub(crate) use history::{History, Past};
pub(crate) use interest::{Interest, Lapse};
use marks::{Mark, Marks};
#[cfg(feature = "_shared")]
pub(crate) use shared::Adopted;
use trust::{Proof, Trust};

#[cfg(feature = "_seen")]
use crate::clock::Clock;
#[cfg(feature = "tiers")]
use crate::codec::Frame;
use crate::group::{Cursor, Group, Position, Recall, Record};
use crate::key::Key;
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Mutex, RwLock};

/// How many groups are remembered one by one. Default: 65,536; older ones are folded into their namespace.
pub(crate) const GROUPS: usize = 65_536;

/// What a load knew of the log when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Birth {
    /// Records applied on this node.
    pub(crate) seq: u64,
    /// The highest position of this node's own log.
    pub(crate) position: Position,
    /// The highest position known of the log that nodes share; nowhere if there is none, or none was met yet.
    pub(crate) shared: Position,
}

/// The log of one cache.
#[derive(Debug)]
pub(crate) struct Log {
    epoch: u64,
    /// Records applied here. Written under the lock of `known`, read without.
    seq: AtomicU64,
    /// The highest position of this node's own log. Written under the lock of `known`, read without.
    top: AtomicU64,
    /// The own order: numbers are given out under this lock, so that records reach tiers in their order.
    order: Mutex<()>,
    /// Do other nodes write to a log that this one reads?
    is_shared: bool,
    proof: Arc<Proof>,
    known: RwLock<Known>,
    /// What was invalidated lately, once somebody wants to know.
    #[cfg(feature = "_seen")]
    history: OnceLock<History>,
}

#[derive(Debug)]
struct Known {
    marks: Marks,
    interests: Vec<Arc<Interest>>,
    /// The highest place known of the shared log: a node's own records before all that others wrote earlier.
    shared: Cursor,
    trust: Trust,
}

impl Log {
    /// The log of a process, resumed from what its own deepest tier remembers. One that others write to as well is not
    /// trusted before it has been read.
    pub(crate) fn resume(recall: &Recall, fresh_epoch: u64, groups: usize, is_shared: bool) -> Self {
        let start = recall.position.unwrap_or(Position { epoch: fresh_epoch, number: 0 });
        let mut marks = Marks::new(groups);
        for record in &recall.records {
            // Near is empty at the start: only frames are judged by these.
            marks.set(&record.group, Mark { number: record.position.number, ..Mark::default() });
        }
        // What an earlier process left may have been invalidated since: it has a lower number.
        let (top, trust) = if is_shared {
            (start.number + 1, Trust::unproven(start.number + 1))
        } else {
            (start.number, Trust::Proven)
        };
        let known = Known { marks, interests: Vec::new(), shared: Cursor::default(), trust };
        Self {
            epoch: start.epoch,
            seq: AtomicU64::new(0),
            top: AtomicU64::new(top),
            order: Mutex::new(()),
            is_shared,
            proof: Arc::new(Proof::unlimited()),
            known: RwLock::new(known),
            #[cfg(feature = "_seen")]
            history: OnceLock::new(),
        }
    }

    /// What was invalidated lately; remembered from the first time on that this is asked.
    #[cfg(feature = "_seen")]
    pub(crate) fn history(&self, clock: &Clock) -> &History {
        self.history.get_or_init(|| History::new(clock.clone()))
    }

    /// Remembers what was invalidated, for those who ask.
    #[cfg(feature = "_seen")]
    fn remember(&self, records: &[Record], heard: bool) {
        if let Some(history) = self.history.get() {
            history.note(records.iter().map(|record| &record.group), heard);
        }
    }

    /// A record that names nothing, for a tier that is to remember where the log begins.
    #[cfg(feature = "tiers")]
    pub(crate) fn beginning(&self) -> Record {
        Record { group: Group::Key(Key::from_stored("")), position: self.birth().position }
    }

    /// What is known now; taken before a load reads anything.
    pub(crate) fn birth(&self) -> Birth {
        let shared = if self.is_shared { self.known.read().shared.position } else { Position::NOWHERE };
        let seq = self.seq.load(Ordering::SeqCst);
        let position = Position { epoch: self.epoch, number: self.top.load(Ordering::SeqCst) };
        Birth { seq, position, shared }
    }

    /// Appends invalidations and applies them here: from now on nothing older is served on this node.
    pub(crate) fn append(&self, groups: Vec<Group>) -> Vec<Record> {
        let _order = self.order.lock();
        let records = self.numbered(groups);
        self.apply(&records);
        #[cfg(feature = "_seen")]
        self.remember(&records, false);
        records
    }

    /// The next places in this node's own log. Called under the lock of `order`.
    fn numbered(&self, groups: impl IntoIterator<Item = Group>) -> Vec<Record> {
        let mut number = self.top.load(Ordering::SeqCst);
        let next = |group| {
            number += 1;
            Record { group, position: Position { epoch: self.epoch, number } }
        };
        groups.into_iter().map(next).collect()
    }

    /// Applies records here: what they name and was born before now is not served any more.
    ///
    /// Also called a second time for one's own records once tiers have them: a load that began between the first
    /// application and the tier's answer may have read what the tier then removed.
    pub(crate) fn apply(&self, records: &[Record]) {
        let mut known = self.known.write();
        for record in records {
            self.apply_one(&mut known, record, 0);
        }
    }

    fn apply_one(&self, known: &mut Known, record: &Record, shared: u64) {
        let seq = self.seq.load(Ordering::SeqCst) + 1;
        known.marks.set(&record.group, Mark { seq, number: record.position.number, shared });
        self.top.fetch_max(record.position.number, Ordering::SeqCst);
        self.seq.store(seq, Ordering::SeqCst);
        for interest in known.interests.iter().filter(|i| i.touched_by(&record.group)) {
            interest.raise(seq);
        }
    }

    /// Adds a shelf that wants its head raised.
    pub(crate) fn watch(&self, interest: &Arc<Interest>) {
        let mut known = self.known.write();
        known.trust.bear_on(interest, self.seq.load(Ordering::SeqCst));
        known.interests.push(Arc::clone(interest));
    }

    /// Lets no hit of a shelf pass while this is so, and lets them pass again afterwards: each entry is looked at once more
    /// then, for what was invalidated meanwhile.
    pub(crate) fn hold(&self, interest: &Interest, held: impl FnOnce() -> bool) {
        let known = self.known.write();
        // Asked under the lock: of two who change their minds at once the last one counts.
        interest.hold(held());
        known.trust.free(interest, self.seq.load(Ordering::SeqCst));
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
        (seq >= known.trust.first_seq() && known.marks.latest(key, tags).seq <= seq).then_some(now)
    }

    /// The last application that may name this entry, and the last of all.
    pub(crate) fn named_last<'a>(&self, key: &Key, tags: impl Iterator<Item = &'a str>) -> (u64, u64) {
        let known = self.known.read();
        (known.trust.first_seq().max(known.marks.latest(key, tags).seq), self.seq.load(Ordering::SeqCst))
    }

    /// The same for who has to load whatever is known.
    pub(crate) const EVERYTHING: (u64, u64) = (u64::MAX, 0);

    /// Is this frame of one of the node's own tiers still valid? False for a frame of another epoch: nothing is known
    /// about it.
    #[cfg(feature = "tiers")]
    pub(crate) fn allows(&self, frame: &Frame) -> bool {
        let head = frame.head();
        head.birth.epoch == self.epoch
            && self.known.read().marks.latest(&head.key, frame.tags()).number <= head.birth.number
    }

    /// May a frame of the node's own tiers be served, as far as it is known to have seen all invalidations?
    #[cfg(feature = "tiers")]
    pub(crate) fn vouches(&self, frame: &Frame) -> bool {
        !self.is_shared || frame.head().birth.number >= self.known.read().trust.first_number()
    }

    /// The same of a frame in the tier that nodes share: of this node's own some still wait there to be written. Those of
    /// other nodes were read from it, and are judged by the log that is there.
    #[cfg(feature = "_shared")]
    pub(crate) fn vouches_shared(&self, frame: &Frame) -> bool {
        frame.head().birth.epoch != self.epoch || self.vouches(frame)
    }

    /// Do other nodes write to a log that this one reads?
    pub(crate) const fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// For how long it is certain, if nobody says otherwise.
    pub(crate) const fn proof(&self) -> &Arc<Proof> {
        &self.proof
    }

    /// Is it certain that this node has seen every invalidation that others made, up to a moment ago?
    pub(crate) fn is_proven(&self) -> bool {
        !self.is_shared || matches!(self.known.read().trust, Trust::Proven)
    }
}
