//! The frames that wait to be written, the newest of each key, and who waits for them.

use std::collections::{BTreeMap, HashMap};

use quick_cache::DefaultHashBuilder as RandomState;

use super::answer::Answer;
use crate::applied::Flushed;
use crate::codec::Frame;
use crate::group::{Group, Record};
use crate::key::Key;

/// Frames not yet stored, in the order in which they were put.
///
/// Each has a ticket, its place in that order. A newer frame of the same key takes the place of the older one: whoever
/// waits for the older waits for the newer.
#[derive(Debug, Default)]
pub(super) struct Queue {
    order: BTreeMap<u64, Key>,
    waiting: HashMap<Key, Entry, RandomState>,
    writing: HashMap<Key, Entry, RandomState>,
    bytes: usize,
    next: u64,
    flushes: Vec<Flush>,
}

#[derive(Debug)]
struct Entry {
    frame: Frame,
    ticket: u64,
    attempts: u32,
}

/// Someone waits until all frames with a ticket below the mark are settled.
#[derive(Debug)]
struct Flush {
    mark: u64,
    open: usize,
    so_far: Flushed,
    answer: Option<Answer<()>>,
}

/// How a frame ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Written,
    Spared,
    Lost,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.writing.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The newest frame of this key that is not stored yet.
    pub(super) fn get(&self, key: &Key) -> Option<&Frame> {
        self.waiting.get(key).or_else(|| self.writing.get(key)).map(|entry| &entry.frame)
    }

    /// Does one more frame like this one stay within the bounds?
    pub(super) fn has_room(&self, frame: &Frame, max_frames: usize, max_bytes: usize) -> bool {
        let replaced = self.waiting.get(frame.key()).map(|old| old.frame.bytes().len());
        let frames = self.len() + usize::from(replaced.is_none());
        let bytes = self.bytes - replaced.unwrap_or(0) + frame.bytes().len();
        frames <= max_frames && bytes <= max_bytes
    }

    pub(super) fn put(&mut self, frame: Frame) {
        self.bytes += frame.bytes().len();
        if let Some(old) = self.waiting.get_mut(frame.key()) {
            self.bytes -= old.frame.bytes().len();
            old.frame = frame;
            old.attempts = 0;
        } else {
            let ticket = self.next;
            self.next += 1;
            self.wait(Entry { frame, ticket, attempts: 0 });
        }
    }

    fn wait(&mut self, entry: Entry) {
        self.order.insert(entry.ticket, entry.frame.key().clone());
        self.waiting.insert(entry.frame.key().clone(), entry);
    }

    /// Takes the oldest frames to be written. Until they are settled, [`Queue::get`] still finds them.
    pub(super) fn take(&mut self, n: usize) -> Vec<Frame> {
        let mut batch = Vec::with_capacity(n.min(self.waiting.len()));
        while batch.len() < n {
            let Some((_, key)) = self.order.pop_first() else { break };
            if let Some(entry) = self.waiting.remove(&key) {
                batch.push(entry.frame.clone());
                self.writing.insert(key, entry);
            }
        }
        batch
    }

    /// These frames of the batch are stored.
    pub(super) fn written(&mut self, batch: &[Frame]) {
        self.settle(batch, Fate::Written);
    }

    /// These frames of the batch need not be stored.
    pub(super) fn spared(&mut self, batch: &[Frame]) {
        self.settle(batch, Fate::Spared);
    }

    fn settle(&mut self, batch: &[Frame], fate: Fate) {
        for frame in batch {
            // Gone if an invalidation named it while it was being written.
            if let Some(entry) = self.writing.remove(frame.key()) {
                self.end(&entry, fate);
            }
        }
    }

    /// The batch could not be stored: its frames wait again, except those that have had `attempts` attempts or for
    /// which there is no room. Answers how many are lost.
    pub(super) fn failed(&mut self, batch: &[Frame], attempts: u32, room: bool) -> usize {
        let mut lost = 0;
        for frame in batch {
            let Some(mut entry) = self.writing.remove(frame.key()) else { continue };
            entry.attempts += 1;
            if let Some(newer) = self.waiting.get_mut(frame.key()) {
                // The newer frame stands in for this one, at its place.
                let ticket = std::mem::replace(&mut newer.ticket, entry.ticket);
                self.order.remove(&ticket);
                self.order.insert(entry.ticket, frame.key().clone());
                entry.ticket = ticket;
                self.end(&entry, Fate::Spared);
            } else if entry.attempts >= attempts || !room {
                lost += 1;
                self.end(&entry, Fate::Lost);
            } else {
                self.wait(entry);
            }
        }
        lost
    }

    /// Drops every frame that one of these records names. Answers the keys of those that were named by a group: the
    /// tier may hold an older frame of theirs, which the group does not name and which would come to light again.
    pub(super) fn invalidate(&mut self, records: &[Record]) -> Vec<Key> {
        let (keys, groups): (Vec<&Group>, Vec<&Group>) =
            records.iter().map(|r| &r.group).partition(|g| matches!(g, Group::Key(_)));
        for group in keys {
            if let Group::Key(key) = group {
                self.drop_key(key);
            }
        }
        if groups.is_empty() || self.len() == 0 {
            return Vec::new();
        }
        let named = |entry: &Entry| groups.iter().any(|g| g.names(entry.frame.key().as_str(), entry.frame.tags()));
        let all = self.waiting.values().chain(self.writing.values());
        let gone: Vec<Key> = all.filter(|e| named(e)).map(|e| e.frame.key().clone()).collect();
        for key in &gone {
            self.drop_key(key);
        }
        gone
    }

    fn drop_key(&mut self, key: &Key) {
        if let Some(entry) = self.waiting.remove(key) {
            self.order.remove(&entry.ticket);
            self.end(&entry, Fate::Spared);
        }
        if let Some(entry) = self.writing.remove(key) {
            self.end(&entry, Fate::Spared);
        }
    }

    fn end(&mut self, entry: &Entry, fate: Fate) {
        self.bytes -= entry.frame.bytes().len();
        for flush in self.flushes.iter_mut().filter(|f| entry.ticket < f.mark) {
            flush.settled(fate);
        }
    }

    /// Starts to count what becomes of the frames here now. Answers the name of the count, for [`Queue::report`].
    pub(super) fn watch(&mut self, answer: Option<Answer<()>>) -> u64 {
        // A ticket of its own, so that two watches never share a mark.
        let mark = self.next;
        self.next += 1;
        let mut flush = Flush { mark, open: self.len(), so_far: Flushed::default(), answer };
        flush.announce();
        self.flushes.push(flush);
        mark
    }

    /// Ends a count: what is not settled is unwritten.
    pub(super) fn report(&mut self, mark: u64) -> Flushed {
        let Some(at) = self.flushes.iter().position(|f| f.mark == mark) else { return Flushed::default() };
        let Flush { open, so_far, .. } = self.flushes.swap_remove(at);
        Flushed { unwritten: so_far.unwritten + open, ..so_far }
    }

    /// Gives up everything. Answers how many frames were lost.
    pub(super) fn abandon(&mut self) -> usize {
        let lost = self.len();
        self.order.clear();
        let entries: Vec<Entry> = self.waiting.drain().chain(self.writing.drain()).map(|(_, entry)| entry).collect();
        for entry in &entries {
            self.end(entry, Fate::Lost);
        }
        lost
    }
}

impl Flush {
    fn settled(&mut self, fate: Fate) {
        self.open -= 1;
        match fate {
            Fate::Written => self.so_far.written += 1,
            Fate::Spared => self.so_far.spared += 1,
            Fate::Lost => self.so_far.unwritten += 1,
        }
        self.announce();
    }

    fn announce(&mut self) {
        if self.open == 0
            && let Some(answer) = self.answer.take()
        {
            answer.send(());
        }
    }
}
