//! A video's index as it is kept: in pages, for an entry has a bound, and a head that says whose pages there are.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// How many pictures a page tells of. The last one is written again with each picture.
pub(super) const PAGE: usize = 128;
/// More writers than this are folded into one.
pub(super) const WRITERS: usize = 32;

/// So many pages are read of a video that remembers so many pictures.
pub(super) const fn most_pages(max_frames: usize) -> usize {
    many_pages(max_frames) + 2 * WRITERS
}

/// With more pages than this they are put together: twice what is remembered at most, for what was forgotten and checked
/// again is on several.
pub(super) const fn many_pages(max_frames: usize) -> usize {
    max_frames / PAGE * 2 + 2 * WRITERS
}

/// Leaves of these writers' pages the last ones, so many of all together. Were any left out?
///
/// The last ones: a page that is not read may lack what was answered, but not that it was forgotten later.
pub(super) fn leave_newest(unread: &mut [(u64, Range<u32>)], most: usize) -> bool {
    unread.sort_by_key(|(_, pages)| pages.len());
    let (mut left, mut writers, mut cut) = (most, unread.len(), false);
    for (_, pages) in unread.iter_mut() {
        let share = left / writers;
        if pages.len() > share {
            pages.start = pages.end.saturating_sub(u32::try_from(share).unwrap_or(u32::MAX));
            cut = true;
        }
        left -= pages.len();
        writers -= 1;
    }
    unread.sort_by_key(|(writer, _)| *writer);
    cut
}

/// What one writer knows of some pictures. Timestamps in nanoseconds.
///
/// A timestamp can be forgotten and come again. Its round is how often that was: what pages say of it in an earlier round
/// than the highest that any of them names is void, in whatever order they are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Page {
    pub(super) originals: Vec<Original>,
    pub(super) duplicates: Vec<Duplicate>,
    pub(super) forgotten: Vec<Forgotten>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Original {
    pub(super) at: u64,
    pub(super) hash: [u64; 4],
    pub(super) round: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Duplicate {
    pub(super) at: u64,
    pub(super) round: u32,
    /// What it is like, in which of its rounds.
    pub(super) original: u64,
    pub(super) original_round: u32,
    pub(super) bytes: u64,
}

/// What is said of this timestamp in rounds below this one is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Forgotten {
    pub(super) at: u64,
    pub(super) round: u32,
}

/// Who has written about a video, each in pages of its own, numbered from 0: so no node writes over what another wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Writers, ascending, and how many pages each has begun.
    pub(super) writers: Vec<(u64, u32)>,
}

impl Page {
    pub(super) fn len(&self) -> usize {
        self.originals.len() + self.duplicates.len() + self.forgotten.len()
    }

    /// What is void by what it says. Who tells of a round tells that the ones before were forgotten.
    pub(super) fn voids(&self) -> impl Iterator<Item = Forgotten> + '_ {
        let originals = self.originals.iter().map(|original| (original.at, original.round));
        let duplicates = self.duplicates.iter().map(|duplicate| (duplicate.at, duplicate.round));
        let told = originals.chain(duplicates).filter(|(_, round)| *round > 0);
        self.forgotten.iter().copied().chain(told.map(|(at, round)| Forgotten { at, round }))
    }

    /// Takes back what it says of a timestamp in rounds below this one. True if it said something.
    pub(super) fn void(&mut self, Forgotten { at, round }: Forgotten) -> bool {
        let before = self.len();
        self.originals.retain(|original| original.at != at || original.round >= round);
        self.duplicates.retain(|duplicate| duplicate.at != at || duplicate.round >= round);
        self.len() < before
    }

    /// The same, and says so, once, for the highest round of which it was said.
    pub(super) fn forget(&mut self, Forgotten { at, round }: Forgotten) {
        let before = self.forgotten.iter().filter(|before| before.at == at).map(|before| before.round).max();
        let forgotten = Forgotten { at, round: before.map_or(round, |before| before.max(round)) };
        self.void(forgotten);
        self.forgotten.retain(|before| before.at != at);
        self.forgotten.push(forgotten);
    }
}

impl Head {
    /// Says that a writer has begun so many pages. Saying it twice, or less than before, changes nothing.
    pub(super) fn say(&mut self, writer: u64, pages: u32) {
        match self.writers.binary_search_by_key(&writer, |(writer, _)| *writer) {
            Ok(at) => self.writers[at].1 = self.writers[at].1.max(pages),
            Err(at) => self.writers.insert(at, (writer, pages)),
        }
    }

    /// Adds what another knows.
    pub(super) fn merge(&mut self, other: &Self) {
        other.writers.iter().for_each(|&(writer, pages)| self.say(writer, pages));
    }

    /// How many pages there are of all.
    pub(super) fn pages(&self) -> usize {
        self.writers.iter().fold(0, |sum: usize, (_, pages)| sum.saturating_add(*pages as usize))
    }

    pub(super) fn pages_of(&self, writer: u64) -> u32 {
        let at = self.writers.binary_search_by_key(&writer, |(writer, _)| *writer);
        at.map_or(0, |at| self.writers[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_that_is_forgotten_of_an_earlier_round_stays_forgotten_of_the_later_one() {
        let mut page = Page::default();
        for round in [1, 2, 1] {
            page.forget(Forgotten { at: 5, round });
        }
        assert_eq!(page.forgotten, [Forgotten { at: 5, round: 2 }]);
    }

    #[test]
    fn of_too_many_pages_the_last_ones_are_read() {
        let mut unread = [(1, 5..100), (2, 0..3), (3, 0..u32::MAX)];
        assert!(leave_newest(&mut unread, 43));
        assert_eq!(unread, [(1, 80..100), (2, 0..3), (3, u32::MAX - 20..u32::MAX)]);
        let mut few = [(1, 5..100), (2, 0..3)];
        assert!(!leave_newest(&mut few, 98));
        assert_eq!(few, [(1, 5..100), (2, 0..3)]);
    }

    #[test]
    fn heads_merge_in_any_order_to_the_same() {
        let head = |said: &[(u64, u32)]| {
            let mut head = Head::default();
            said.iter().for_each(|&(writer, pages)| head.say(writer, pages));
            head
        };
        let (one, other) = (head(&[(7, 2), (1, 1)]), head(&[(7, 1), (9, 3), (7, 3)]));
        let (mut there, mut back) = (one.clone(), other.clone());
        there.merge(&other);
        back.merge(&one);
        assert_eq!(there, back);
        assert_eq!(there.writers, [(1, 1), (7, 3), (9, 3)]);
        assert_eq!((there.pages_of(9), there.pages_of(8)), (3, 0));
    }
}
