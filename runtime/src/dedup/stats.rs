//! What deduplication did, in figures.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::plain::plain;

plain! {
    /// What all handles of one name did in this process, since the first was opened.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    pub struct DedupStats {
        /// Pictures that were answered: `new`, `duplicates` and `again` together.
        pub frames: u64,
        /// Those that are like none before.
        pub new: u64,
        /// Those that are like one before.
        pub duplicates: u64,
        /// Those whose timestamp had been checked before: they got the answer of then.
        pub again: u64,
        /// Bytes of the duplicates that are remembered: what need not be stored.
        pub bytes_saved: u64,
        /// Those of `new` and `duplicates` that are not remembered: their video has `max_frames`, or nothing that is kept
        /// may be believed now. Checked again, such a picture is counted again, in both.
        pub beyond: u64,
        /// Pictures that were refused: no pictures, damaged, or beyond a bound.
        pub refused: u64,
        /// How often a page could not be handed to the tiers. It is tried again with the next picture of its video.
        pub unwritten: u64,
        /// Videos whose indexes are in memory.
        pub videos: u64,
        /// What they take, in bytes, about.
        pub memory: u64,
    }
}

plain! {
    /// What is remembered of one video, by whichever process or node it was checked.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    pub struct VideoStats {
        /// Pictures.
        pub frames: u64,
        /// Those that are like none before.
        pub originals: u64,
        /// Those that are like one before.
        pub duplicates: u64,
        /// Bytes of the duplicates: what need not be stored.
        pub bytes_saved: u64,
    }
}

/// Counts of one process.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) new: AtomicU64,
    pub(super) duplicates: AtomicU64,
    pub(super) again: AtomicU64,
    pub(super) bytes_saved: AtomicU64,
    pub(super) beyond: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) unwritten: AtomicU64,
}

impl Counts {
    pub(super) fn snapshot(&self, videos: usize, memory: usize) -> DedupStats {
        let read = |count: &AtomicU64| count.load(Relaxed);
        let (new, duplicates, again) = (read(&self.new), read(&self.duplicates), read(&self.again));
        DedupStats {
            frames: new + duplicates + again,
            new,
            duplicates,
            again,
            bytes_saved: read(&self.bytes_saved),
            beyond: read(&self.beyond),
            refused: read(&self.refused),
            unwritten: read(&self.unwritten),
            videos: videos as u64,
            memory: memory as u64,
        }
    }
}
