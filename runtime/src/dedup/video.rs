//! What is known of one video: its originals by their hashes, and what was answered for each timestamp.

use std::collections::HashMap;
use std::time::Duration;

use super::Checked;
use super::hash::PictureHash;
use super::index::Index;
use super::options::DedupOptions;
use super::page::Page;
use super::stats::VideoStats;

/// What an answer takes in memory, beside what the index takes.
const ANSWER: usize = 64;

/// Originals and answers of one video.
#[derive(Debug)]
pub(super) struct Known {
    index: Index,
    answers: HashMap<u64, Answer>,
    duplicates: u64,
    saved: u64,
    bits: u32,
    most: usize,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Original,
    DuplicateOf(u64),
}

/// What became of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entered {
    pub(super) checked: Checked,
    /// Is it to be written down? Not if it was known, and not beyond the bound.
    pub(super) remembered: bool,
}

impl Known {
    pub(super) fn new(options: &DedupOptions) -> Self {
        let bits = options.method.bits();
        Self {
            index: Index::new(bits, options.similarity),
            answers: HashMap::new(),
            duplicates: 0,
            saved: 0,
            bits,
            most: options.max_frames,
        }
    }

    /// What was answered for this timestamp.
    pub(super) fn answer(&self, at: u64) -> Option<Checked> {
        Some(match self.answers.get(&at)? {
            Answer::Original => Checked::New,
            Answer::DuplicateOf(original) => Checked::DuplicateOf(Duration::from_nanos(*original)),
        })
    }

    /// Compares a picture with the originals and remembers it, also on this page.
    pub(super) fn enter(&mut self, at: u64, hash: &PictureHash, bytes: u64, page: &mut Page) -> Entered {
        if let Some(checked) = self.answer(at) {
            return Entered { checked, remembered: false };
        }
        let remembered = self.has_room();
        let Some((original, _)) = self.index.nearest(hash) else {
            if remembered {
                self.add_original(at, hash);
                page.originals.push((at, *hash.words()));
            }
            return Entered { checked: Checked::New, remembered };
        };
        if remembered {
            let original = u64::try_from(original.as_nanos()).unwrap_or(u64::MAX);
            self.add_duplicate(at, original, bytes);
            page.duplicates.push((at, original, bytes));
        }
        Entered { checked: Checked::DuplicateOf(original), remembered }
    }

    /// Adds the originals that others have written down. What is known already stays as it was answered.
    pub(super) fn merge_originals(&mut self, page: &Page) {
        for (at, words) in &page.originals {
            if !self.answers.contains_key(at) && self.has_room() {
                self.add_original(*at, &PictureHash::new(*words, self.bits));
            }
        }
    }

    /// Adds the duplicates, after the originals of all pages: what refers to a picture that is not one of them any more
    /// is compared anew when it is asked for.
    pub(super) fn merge_duplicates(&mut self, page: &Page) {
        for &(at, original, bytes) in &page.duplicates {
            let stands = matches!(self.answers.get(&original), Some(Answer::Original));
            if stands && !self.answers.contains_key(&at) && self.has_room() {
                self.add_duplicate(at, original, bytes);
            }
        }
    }

    fn has_room(&self) -> bool {
        self.answers.len() < self.most
    }

    fn add_original(&mut self, at: u64, hash: &PictureHash) {
        self.index.insert(hash, Duration::from_nanos(at));
        self.answers.insert(at, Answer::Original);
    }

    fn add_duplicate(&mut self, at: u64, original: u64, bytes: u64) {
        self.answers.insert(at, Answer::DuplicateOf(original));
        self.duplicates += 1;
        self.saved = self.saved.saturating_add(bytes);
    }

    pub(super) fn stats(&self) -> VideoStats {
        let frames = self.answers.len() as u64;
        VideoStats { frames, originals: frames - self.duplicates, duplicates: self.duplicates, bytes_saved: self.saved }
    }

    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.index.heap_bytes() + self.answers.capacity() * ANSWER
    }
}
