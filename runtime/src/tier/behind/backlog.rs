//! The invalidations that the tier has not taken yet, in order, and who waits for them.

use std::collections::{BTreeMap, HashMap};

use quick_cache::DefaultHashBuilder as RandomState;

use super::answer::Answer;
use crate::applied::Applied;
use crate::group::{Group, Position, Record};
use crate::key::Key;

/// Is this no invalidation, but a frame to be removed from this tier alone?
pub(super) fn is_removal(record: &Record) -> bool {
    record.position == Position::NOWHERE
}

/// Records for the tier, each with a number that says its place.
///
/// It is `closed` from the moment someone was told [`Applied::Queued`] until the tier has taken everything. Only while
/// closed are records of one group folded into one: folding moves a record back, past those who wait for its place,
/// and while closed nobody waits.
#[derive(Debug)]
pub(super) struct Backlog {
    records: BTreeMap<u64, Record>,
    newest: HashMap<Group, u64, RandomState>,
    next: u64,
    limit: usize,
    closed: bool,
    overflows: u64,
    /// The highest position met.
    latest: Option<Position>,
    waiters: Vec<(u64, Answer<Applied>)>,
    /// Who is to be told `Queued`, once the tier knows that it is not to be trusted.
    untold: Vec<Answer<Applied>>,
}

impl Backlog {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            records: BTreeMap::new(),
            newest: HashMap::default(),
            next: 0,
            limit: limit.max(1),
            closed: false,
            overflows: 0,
            latest: None,
            waiters: Vec::new(),
            untold: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn overflows(&self) -> u64 {
        self.overflows
    }

    /// Is this key to be removed from the tier, which has not happened yet?
    pub(super) fn removes(&self, key: &Key) -> bool {
        !self.newest.is_empty() && self.newest.contains_key(&Group::Key(key.clone()))
    }

    /// Adds records at the end.
    pub(super) fn push(&mut self, records: impl IntoIterator<Item = Record>) {
        for record in records {
            self.push_one(record);
        }
    }

    fn push_one(&mut self, record: Record) {
        if self.closed {
            if record.group == Group::Everything {
                self.clear();
            } else if let Some(older) = self.newest.get(&record.group) {
                if is_removal(&record) && self.records.get(older).is_some_and(|r| !is_removal(r)) {
                    // The invalidation that waits removes the frame as well.
                    return;
                }
                self.records.remove(older);
            }
        }
        if !is_removal(&record) {
            self.latest = match self.latest {
                Some(at) if at.epoch == record.position.epoch && at.number > record.position.number => Some(at),
                _ => Some(record.position),
            };
        }
        match self.latest {
            Some(position) if self.records.len() >= self.limit => self.overflow(position),
            _ => self.insert(record),
        }
    }

    /// Too many to name: everything is invalidated instead, at the highest position.
    fn overflow(&mut self, position: Position) {
        self.close();
        self.clear();
        self.overflows += 1;
        self.insert(Record { group: Group::Everything, position });
    }

    fn insert(&mut self, record: Record) {
        self.newest.insert(record.group.clone(), self.next);
        self.records.insert(self.next, record);
        self.next += 1;
    }

    fn clear(&mut self) {
        self.records.clear();
        self.newest.clear();
    }

    /// Tells this waiter when the tier has taken everything that is here now, or that it cannot wait for that: at once,
    /// or with [`Backlog::tell_queued`].
    /// Answers the waiter's place, for [`Backlog::give_up`].
    pub(super) fn wait(&mut self, answer: Answer<Applied>) -> u64 {
        if self.closed {
            self.untold.push(answer);
        } else if self.records.is_empty() {
            answer.send(Applied::Applied);
        } else {
            self.waiters.push((self.next, answer));
        }
        self.next
    }

    /// A waiter at this place has waited long enough: what it is told, and what then holds.
    pub(super) fn give_up(&mut self, place: u64) -> Applied {
        if self.is_open_before(place) {
            self.close();
        }
        if self.closed { Applied::Queued } else { Applied::Applied }
    }

    /// The place after the last record.
    #[cfg(feature = "_shared")]
    pub(super) fn end(&self) -> u64 {
        self.next
    }

    /// Has the tier taken everything before this place?
    pub(super) fn has_passed(&self, place: u64) -> bool {
        !self.is_open_before(place)
    }

    fn is_open_before(&self, place: u64) -> bool {
        self.records.first_key_value().is_some_and(|(&first, _)| first < place)
    }

    /// The oldest records, for one call of the tier, and the place after them: only removals, or only invalidations.
    pub(super) fn chunk(&self, n: usize) -> Option<(u64, Vec<Record>)> {
        let removes = is_removal(self.records.first_key_value()?.1);
        let alike = self.records.iter().take(n).take_while(|(_, record)| is_removal(record) == removes);
        let (places, records): (Vec<u64>, Vec<Record>) = alike.map(|(&at, r)| (at, r.clone())).unzip();
        Some((places.last()? + 1, records))
    }

    /// The tier has taken the chunk before this place.
    pub(super) fn applied(&mut self, place: u64) {
        let rest = self.records.split_off(&place);
        for (at, record) in std::mem::replace(&mut self.records, rest) {
            if self.newest.get(&record.group) == Some(&at) {
                self.newest.remove(&record.group);
            }
        }
        self.closed &= !self.records.is_empty();
        for (place, answer) in std::mem::take(&mut self.waiters) {
            if self.is_open_before(place) {
                self.waiters.push((place, answer));
            } else {
                answer.send(Applied::Applied);
            }
        }
    }

    /// The tier has not taken them, or not in time: from now on nothing stored may be trusted.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.untold.extend(self.waiters.drain(..).map(|(_, answer)| answer));
    }

    /// Tells all who wait that their records are queued: when a process that ends now leaves a store that is marked.
    pub(super) fn tell_queued(&mut self) {
        self.untold.drain(..).for_each(|answer| answer.send(Applied::Queued));
    }
}
