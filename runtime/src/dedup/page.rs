//! A video's index as it is kept: in pages, for an entry has a bound, and a head that says whose pages there are.

use serde::{Deserialize, Serialize};

/// How many pictures a page tells of. The last one is written again with each picture.
pub(super) const PAGE: usize = 128;
/// More writers than this are folded into one.
pub(super) const WRITERS: usize = 32;

/// What one writer knows of some pictures. Timestamps in nanoseconds.
///
/// A timestamp can be forgotten and come again. Its round is how often that was: what pages say of it in an earlier round
/// than the highest that any of them has forgotten is void, in whatever order they are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Page {
    pub(super) originals: Vec<Original>,
    pub(super) duplicates: Vec<Duplicate>,
    pub(super) forgotten: Vec<Forgotten>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Original {
    pub(super) at: u64,
    pub(super) hash: [u64; 4],
    pub(super) round: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Duplicate {
    pub(super) at: u64,
    pub(super) round: u32,
    /// What it is like, in which of its rounds.
    pub(super) original: u64,
    pub(super) original_round: u32,
    pub(super) bytes: u64,
}

/// What is said of this timestamp in rounds below this one is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

    /// Takes back what it says of a timestamp in rounds below this one. True if it said something.
    pub(super) fn void(&mut self, Forgotten { at, round }: Forgotten) -> bool {
        let before = self.len();
        self.originals.retain(|original| original.at != at || original.round >= round);
        self.duplicates.retain(|duplicate| duplicate.at != at || duplicate.round >= round);
        self.len() < before
    }

    /// The same, and says so, once.
    pub(super) fn forget(&mut self, forgotten: Forgotten) {
        self.void(forgotten);
        self.forgotten.retain(|before| before.at != forgotten.at);
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

    pub(super) fn pages_of(&self, writer: u64) -> u32 {
        let at = self.writers.binary_search_by_key(&writer, |(writer, _)| *writer);
        at.map_or(0, |at| self.writers[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
