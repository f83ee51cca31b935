//! A node: what it holds, and what it knows of the log.

use super::{Birth, Frame, Link, Load, Position, Record, Stage, Write};
use crate::plan::{Guard, Plan};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Node {
    /// Records applied here, by the node's own count; the last of them names the row.
    pub(super) seq: u8,
    pub(super) named_seq: u8,
    /// The last shared position that names the row, as far as known here.
    pub(super) named: u8,
    /// The epoch in which this node appended last.
    pub(super) named_in: u8,
    /// How far the shared log was read, in order.
    pub(super) cursor: u8,
    /// The highest shared position known, and which record it was.
    pub(super) top: Position,
    pub(super) top_record: Option<Record>,
    pub(super) near: Option<(u8, u8)>,
    pub(super) must: u8,
    pub(super) load: Option<Load>,
    pub(super) write: Option<(Write, u8)>,
    pub(super) link: Link,
    /// The newest version whose invalidation is owed to the log, and whether the key is closed in L2 already.
    pub(super) owed: Option<(u8, bool)>,
    /// The newest version that it has told the log of.
    pub(super) told: Option<u8>,
    /// Has the server of the frame failed over, unnoticed?
    pub(super) unaware: bool,
}

impl Node {
    pub(super) fn birth(&self) -> Birth {
        Birth { seq: self.seq, shared: self.top }
    }

    pub(super) fn go_on(&mut self, stage: Stage) {
        if let Some(load) = &mut self.load {
            load.stage = stage;
        }
    }

    /// May a near value of this birth be served?
    pub(super) fn allows(&self, plan: &Plan, birth: u8) -> bool {
        !plan.on(Guard::NearCompares) || birth >= self.named_seq
    }

    /// May this frame be served?
    pub(super) fn takes(&self, plan: &Plan, frame: &Frame) -> bool {
        let known = !plan.on(Guard::FrameEpoch) || frame.birth.epoch == self.top.epoch;
        known && !(plan.on(Guard::FrameBirth) && frame.birth.number < self.named)
    }

    /// The invalidation of this version has returned.
    pub(super) fn returned(&mut self, version: u8) {
        self.write = None;
        self.must = self.must.max(version);
    }

    pub(super) fn name_here(&mut self) {
        self.seq += 1;
        self.named_seq = self.seq;
    }

    pub(super) fn learn(&mut self, number: u8, record: Record) {
        self.named = self.named.max(number);
        if number > self.top.number {
            self.top.number = number;
            self.top_record = Some(record);
        }
    }

    /// A record takes effect.
    pub(super) fn apply(&mut self, number: u8, record: Record, version: u8) {
        self.name_here();
        self.learn(number, record);
        self.must = self.must.max(version);
    }
}
