//! A tier that is never told the text of a key or a tag, and what is made of records that cannot be read.
//!
//! Above it everything has its own name, below it a hidden one. Frames come back as they were handed down, so the log
//! judges them by their own keys and tags; records come back as they were, so nothing is remembered more coarsely than
//! without secrecy. Keys are renamed one to one, and what names them in another way becomes, at worst, something that
//! names more: for the order of invalidations nothing is new.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::{Cleared, Note, Recall, Reply, Step, Tidied, Tier, TierState};
use crate::codec::{Frame, Veil};
use crate::error::Result;
#[cfg(feature = "_shared")]
use crate::error::{Error, ErrorKind};
use crate::group::{Group, Record};
use crate::key::Key;

/// What marks the epoch of a store in which keys are secret, in its first byte.
const MARK: u64 = 0xC5;
/// The bits of an epoch that tell whose it is, and those left to chance.
const WHOSE: u32 = 24;
const CHANCE: u32 = 32;

/// A tier under hidden names.
#[derive(Debug)]
pub(crate) struct Veiled {
    tier: Arc<dyn Tier>,
    veil: Arc<Veil>,
    /// Do frames stay that cannot be read, because other nodes may know what they are?
    is_shared: bool,
}

impl Veiled {
    /// This tier under hidden names, if keys are secret; else the tier itself.
    pub(crate) fn over(tier: Arc<dyn Tier>, veil: Option<&Arc<Veil>>, is_shared: bool) -> Arc<dyn Tier> {
        match veil {
            Some(veil) => Arc::new(Self { tier, veil: Arc::clone(veil), is_shared }),
            None => tier,
        }
    }

    fn names(&self, keys: &[Key]) -> Vec<Key> {
        keys.iter().map(|key| self.veil.name(key)).collect()
    }

    /// A key's record removes it, under the name that it has here; what others name is remembered.
    fn hidden(&self, record: &Record) -> Record {
        let group = match &record.group {
            Group::Key(key) => Group::Key(self.veil.name(key)),
            group => self.veil.conceal(group),
        };
        Record { group, position: record.position }
    }

    /// What nobody but this node writes and it cannot open is of no use any more: no bytes, and so it is removed.
    fn plain(&self, stored: Bytes) -> Option<Bytes> {
        let plain = self.veil.unwrapped(stored);
        if self.is_shared { plain } else { Some(plain.unwrap_or_default()) }
    }

    fn stays(&self, outer: &Frame, step: &Step<'_>) -> bool {
        stays(&self.veil, outer, step, self.is_shared)
    }
}

#[deny(clippy::missing_trait_methods)]
impl Tier for Veiled {
    fn get<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, Vec<Option<Bytes>>> {
        Box::pin(async move {
            let stored = self.tier.get(&self.names(keys)).await?;
            Ok(stored.into_iter().map(|bytes| bytes.and_then(|bytes| self.plain(bytes))).collect())
        })
    }

    fn put<'a>(&'a self, frames: &'a [Frame]) -> Reply<'a, Vec<usize>> {
        Box::pin(async move {
            let outer = frames.iter().map(|frame| self.veil.wrap(frame)).collect::<Result<Vec<_>>>()?;
            self.tier.put(&outer).await
        })
    }

    fn apply<'a>(&'a self, records: &'a [Record]) -> Reply<'a, ()> {
        Box::pin(async move {
            let hidden: Vec<Record> = records.iter().map(|record| self.hidden(record)).collect();
            self.tier.apply(&hidden).await
        })
    }

    fn remove<'a>(&'a self, keys: &'a [Key]) -> Reply<'a, ()> {
        Box::pin(async move { self.tier.remove(&self.names(keys)).await })
    }

    fn note<'a>(&'a self, note: &'a Note) -> Reply<'a, ()> {
        Box::pin(async move {
            match note {
                Note::Owed(groups) => {
                    let hidden = groups.iter().map(|group| self.veil.conceal(group)).collect();
                    self.tier.note(&Note::Owed(hidden)).await
                }
                Note::Told | Note::Read(_) => self.tier.note(note).await,
            }
        })
    }

    fn recall(&self) -> Reply<'_, Recall> {
        Box::pin(async move { self.tier.recall().await.map(|recall| told(recall, Some(&self.veil))) })
    }

    fn tidy<'a>(&'a self, step: Step<'a>) -> Reply<'a, Tidied> {
        Box::pin(async move {
            let keep = |outer: &Frame| self.stays(outer, &step);
            self.tier.tidy(Step { keep: &keep, ..step }).await
        })
    }

    fn clear<'a>(&'a self, after: Option<&'a str>, most: usize) -> Reply<'a, Cleared> {
        self.tier.clear(after, most)
    }

    fn state(&self) -> Reply<'_, TierState> {
        self.tier.state()
    }

    fn trust(&self, trusted: bool) {
        self.tier.trust(trusted);
    }

    fn close(&self) -> Reply<'_, ()> {
        self.tier.close()
    }
}

impl fmt::Display for Veiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "veiled({})", self.tier)
    }
}

/// What a stored record names; `None` if it was hidden with another secret than ours, or not hidden where we hide it. It
/// may name anything then.
pub(crate) fn revealed(veil: Option<&Arc<Veil>>, group: Group) -> Option<Group> {
    match veil {
        Some(veil) => veil.reveal(&group),
        None => (!group.is_hidden()).then_some(group),
    }
}

/// Does a frame stay, by what is inside? One that cannot be read does where other nodes may be able to.
pub(super) fn stays(veil: &Veil, outer: &Frame, step: &Step<'_>, is_shared: bool) -> bool {
    veil.open(outer).and_then(Frame::read).map_or(is_shared, |frame| (step.keep)(&frame))
}

/// Why a record of the shared log is taken for everything: its names are not ours.
#[cfg(feature = "_shared")]
pub(super) fn foreign() -> Error {
    Error::new(ErrorKind::Frame, "a node with another key secrecy invalidates").with("code", "SECRECY")
}

/// What a store remembers, as its records were before they were hidden.
fn told(recall: Recall, veil: Option<&Arc<Veil>>) -> Recall {
    let group = |group: Group| revealed(veil, group).unwrap_or(Group::Everything);
    let record = |record: Record| Record { group: group(record.group), ..record };
    Recall {
        records: recall.records.into_iter().map(record).collect(),
        owed: recall.owed.into_iter().map(group).collect(),
        ..recall
    }
}

/// The number of a new log, from one that was drawn: it says by whose names its store is kept.
pub(crate) fn epoch(drawn: u64, veil: Option<&Arc<Veil>>) -> u64 {
    match veil {
        Some(veil) => (MARK << WHOSE | whose(veil)) << CHANCE | drawn & ((1 << CHANCE) - 1),
        None if mark(drawn) == MARK => drawn & (u64::MAX >> 8),
        None => drawn,
    }
}

/// What a process with these names may believe of a store. If the last one had others, its store is a new one: what it
/// removed by key was not what is ours of the same key, and is remembered nowhere. Only what is still to be told is kept.
pub(crate) fn believed(recall: Recall, veil: Option<&Arc<Veil>>) -> Recall {
    let recall = if veil.is_none() { told(recall, veil) } else { recall };
    let owner = |at: u64| (mark(at) == MARK).then_some(at >> CHANCE & ((1 << WHOSE) - 1));
    match recall.position {
        Some(at) if owner(at.epoch) != veil.map(|veil| whose(veil)) => {
            Recall { owed: recall.owed, ..Recall::default() }
        }
        _ => recall,
    }
}

const fn mark(epoch: u64) -> u64 {
    epoch >> (WHOSE + CHANCE)
}

fn whose(veil: &Veil) -> u64 {
    veil.id() & ((1 << WHOSE) - 1)
}
