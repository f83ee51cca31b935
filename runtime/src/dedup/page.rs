//! A video's index as it is kept: in pages, for an entry has a bound, and a head that says whose pages there are.

use serde::{Deserialize, Serialize};

/// How many pictures a page tells of. The last one is written again with each picture.
pub(super) const PAGE: usize = 128;
/// More writers than this are folded into one.
pub(super) const WRITERS: usize = 32;

/// What one writer knows of some pictures. Timestamps in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Page {
    /// Timestamp and hash of each original.
    pub(super) originals: Vec<(u64, [u64; 4])>,
    /// Of each duplicate its timestamp, that of its original, and its bytes.
    pub(super) duplicates: Vec<(u64, u64, u64)>,
}

/// Who has written about a video, each in pages of its own, numbered from 0: so no node writes over what another wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Writers, ascending, and how many pages each has begun.
    pub(super) writers: Vec<(u64, u32)>,
}

impl Page {
    pub(super) fn len(&self) -> usize {
        self.originals.len() + self.duplicates.len()
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
