//! The server: what its scripts do, and what a failover or a restart leaves of it.

use std::collections::HashMap;

use crate::codec::Frame;
use crate::group::{Cursor, Group, Position};
use crate::key::Key;

/// How many entries of the log are kept: few, so that some are trimmed before they are read.
const KEPT: usize = 12;
/// How many entries one read answers with.
const MOST: usize = 4;

/// A row and the version that an invalidation stands for.
pub(crate) type Named = (usize, u64);

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) at: Cursor,
    pub(crate) by: u64,
    pub(crate) groups: Vec<Group>,
    /// What the checks go by; no node sees it.
    pub(crate) named: Vec<Named>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Server {
    pub(crate) epoch: u64,
    number: u64,
    stream: Vec<Entry>,
    groups: HashMap<String, (Group, u64)>,
    frames: HashMap<Key, Frame>,
    fences: HashMap<Key, Position>,
    /// How often what holds the frames was taken over by a replica.
    pub(crate) run: u64,
}

impl Server {
    /// In a cluster: the server of the frames is followed by its replica, and that of the log goes on.
    pub(crate) fn lose_frames_since(&mut self, replica: &Self) {
        (self.frames, self.fences) = (replica.frames.clone(), replica.fences.clone());
        self.run += 1;
    }

    /// `MEET`: the last record; 0, 1 or 2 of `MEET` for two ids.
    pub(crate) fn meet(&mut self, known: Cursor, read: Cursor, fresh: u64) -> (Cursor, u8, u8) {
        if self.epoch == 0 {
            self.renew(0, fresh);
        }
        let position = Position { epoch: self.epoch, number: self.number };
        let top = self.stream.last().map_or(Cursor { position, nonce: 0 }, |last| last.at);
        (top, self.holds(known), self.holds(read))
    }

    fn holds(&self, id: Cursor) -> u8 {
        let is_it = |entry: &Entry| (entry.at.position.number, entry.at.nonce) == (id.position.number, id.nonce);
        if id.position.number == 0 || self.stream.iter().any(is_it) {
            return 1;
        }
        let older = |entry: &Entry| entry.at.position.number > id.position.number;
        if self.stream.first().is_some_and(older) { 2 } else { 0 }
    }

    /// `RENEW`.
    pub(crate) fn renew(&mut self, epoch: u64, fresh: u64) {
        if self.epoch == epoch {
            (self.epoch, self.number) = (fresh, 0);
            self.stream.clear();
            self.groups.clear();
        }
    }

    pub(crate) fn groups(&self) -> Vec<(Group, u64)> {
        self.groups.values().cloned().collect()
    }

    /// `XREAD`: what comes after a place, and is that all?
    pub(crate) fn read(&self, after: Cursor) -> (Vec<Entry>, bool) {
        let later = |entry: &&Entry| (entry.at.position.number, entry.at.nonce) > (after.position.number, after.nonce);
        let heard: Vec<Entry> = self.stream.iter().filter(later).take(MOST).cloned().collect();
        let complete = heard.len() < MOST;
        (heard, complete)
    }

    /// `APPEND`: nothing if the epoch is another.
    pub(crate) fn append(
        &mut self,
        epoch: u64,
        by: u64,
        nonce: u64,
        groups: &[Group],
        named: Vec<Named>,
    ) -> Option<Cursor> {
        if epoch == 0 || epoch != self.epoch {
            return None;
        }
        self.number += 1;
        let position = Position { epoch, number: self.number };
        for group in groups {
            match group {
                Group::Key(key) => {
                    self.frames.remove(key);
                    self.fences.insert(key.clone(), position);
                }
                group => drop(self.groups.insert(group.to_text(), (group.clone(), self.number))),
            }
        }
        let at = Cursor { position, nonce };
        self.stream.push(Entry { at, by, groups: groups.to_vec(), named });
        let over = self.stream.len().saturating_sub(KEPT);
        self.stream.drain(..over);
        Some(at)
    }

    pub(crate) fn frame(&self, key: &Key) -> Option<Frame> {
        self.frames.get(key).cloned()
    }

    /// `PUT`: was it stored?
    pub(crate) fn put(&mut self, frame: Frame, heeds_fences: bool) -> bool {
        let (key, birth) = (frame.key().clone(), frame.head().shared);
        let fence = self.fences.get(&key).filter(|fence| heeds_fences && fence.epoch == birth.epoch);
        if fence.is_some_and(|fence| fence.number > birth.number) {
            return false;
        }
        self.frames.insert(key, frame);
        true
    }
}
