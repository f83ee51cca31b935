//! What this node knows of the log that it shares with others.

use super::{Log, Mark, Trust};
use crate::codec::Frame;
use crate::group::{Cursor, Group, Position, Record};
use crate::sync::atomic::Ordering;

/// What a node finds when it meets a shared log, or meets it again and cannot go on from where it was.
#[derive(Debug)]
pub(crate) struct Adopted {
    /// How far the log goes.
    pub(crate) top: Cursor,
    /// The groups it remembers, each with its last place.
    pub(crate) groups: Vec<(Group, u64)>,
}

impl Log {
    /// The highest place known of the shared log.
    pub(crate) fn shared_top(&self) -> Cursor {
        self.known.read().shared
    }

    /// One's own records are in the shared log at this place: applied again, for a load may have read L2 since they were
    /// applied first.
    pub(crate) fn appended(&self, groups: &[Group], at: Cursor) {
        let _order = self.order.lock();
        let mut known = self.known.write();
        if known.shared.position.epoch != at.position.epoch {
            return;
        }
        // Of the node's own log they have their places already.
        let placed = Position { epoch: self.epoch, number: 0 };
        for group in groups {
            self.apply_one(&mut known, &Record { group: group.clone(), position: placed }, at.position.number);
        }
        if at.position.number > known.shared.position.number {
            known.shared = at;
        }
    }

    /// Records of other nodes, in the order of the shared log: applied here, and numbered for the node's own tiers.
    pub(crate) fn hear(&self, heard: Vec<(Group, Cursor)>) -> Vec<Record> {
        let _order = self.order.lock();
        let (groups, places): (Vec<Group>, Vec<Cursor>) = heard.into_iter().unzip();
        let records = self.numbered(groups);
        let mut known = self.known.write();
        for (record, at) in records.iter().zip(places) {
            self.apply_one(&mut known, record, at.position.number);
            if at.position.number > known.shared.position.number {
                known.shared = at;
            }
        }
        #[cfg(feature = "_seen")]
        self.remember(&records, true);
        records
    }

    /// Begins anew with a shared log: positions so far say nothing in it. What this node holds cannot be checked
    /// against it and is invalidated, unless nothing was held that others may have invalidated.
    pub(crate) fn adopt(&self, adopted: Adopted, drops: bool) -> Vec<Record> {
        let _order = self.order.lock();
        let records = if drops { self.numbered([Group::Everything]) } else { Vec::new() };
        let mut known = self.known.write();
        known.marks.forget_shared();
        known.shared = adopted.top;
        for record in &records {
            self.apply_one(&mut known, record, 0);
        }
        #[cfg(feature = "_seen")]
        self.remember(&records, true);
        for (group, number) in adopted.groups {
            known.marks.set(&group, Mark { shared: number, ..Mark::default() });
        }
        records
    }

    /// Is this frame of a shared tier still valid? False for a frame of another epoch: nothing is known about it.
    pub(crate) fn allows_shared(&self, frame: &Frame) -> bool {
        let known = self.known.read();
        let (head, epoch) = (frame.head(), known.shared.position.epoch);
        epoch != 0
            && head.shared.epoch == epoch
            && known.marks.latest(&head.key, frame.tags()).shared <= head.shared.number
    }

    /// Something may be missing from now on. Answers whether that is news.
    pub(crate) fn suspect(&self) -> bool {
        let mut known = self.known.write();
        if known.trust != Trust::Proven {
            return false;
        }
        known.trust = Trust::Suspect { first_seq: 0, first_number: 0 };
        for interest in &known.interests {
            known.trust.bear_on(interest, 0);
        }
        true
    }

    /// It has been so for as long as old values may be served on trust: only what comes from now on is.
    pub(crate) fn cap(&self) {
        let _order = self.order.lock();
        let mut known = self.known.write();
        if known.trust == Trust::Proven {
            return;
        }
        let seq = self.seq.load(Ordering::SeqCst) + 1;
        self.seq.store(seq, Ordering::SeqCst);
        let number = self.top.fetch_add(1, Ordering::SeqCst) + 1;
        known.trust = Trust::Suspect { first_seq: seq, first_number: number };
        for interest in &known.interests {
            known.trust.bear_on(interest, seq);
        }
    }

    /// Nothing is missing. Answers whether that is news.
    pub(crate) fn prove(&self) -> bool {
        let mut known = self.known.write();
        if known.trust == Trust::Proven {
            return false;
        }
        known.trust = Trust::Proven;
        let seq = self.seq.load(Ordering::SeqCst);
        for interest in &known.interests {
            known.trust.bear_on(interest, seq);
        }
        true
    }
}
