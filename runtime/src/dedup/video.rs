//! What is known of one video: its originals by their hashes, and what was answered for each timestamp.

use std::collections::HashMap;
use std::time::Duration;

use super::Checked;
use super::hash::PictureHash;
use super::index::Index;
use super::options::DedupOptions;
use super::page::{Duplicate, Forgotten, Original, Page};
use super::stats::VideoStats;

/// What an answer takes in memory, beside what the index takes.
const ANSWER: usize = 64;

/// Originals and answers of one video.
#[derive(Debug)]
pub(super) struct Known {
    index: Index,
    answers: HashMap<u64, Answer>,
    duplicates: u64,
    forgotten: u64,
    saved: u64,
    bits: u32,
    most: usize,
}

/// What was answered for a timestamp, after it had been forgotten so often.
#[derive(Debug, Clone, Copy)]
struct Answer {
    round: u32,
    said: Said,
}

#[derive(Debug, Clone, Copy)]
enum Said {
    Original,
    DuplicateOf {
        original: u64,
        original_round: u32,
        bytes: u64,
    },
    /// It was forgotten; earlier rounds, on whatever page, are void.
    Nothing,
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
            forgotten: 0,
            saved: 0,
            bits,
            most: options.max_frames,
        }
    }

    /// What was answered for this timestamp.
    pub(super) fn answer(&self, at: u64) -> Option<Checked> {
        match self.answers.get(&at)?.said {
            Said::Original => Some(Checked::New),
            Said::DuplicateOf { original, .. } => Some(Checked::DuplicateOf(Duration::from_nanos(original))),
            Said::Nothing => None,
        }
    }

    /// How often this timestamp was forgotten.
    pub(super) fn round(&self, at: u64) -> u32 {
        self.answers.get(&at).map_or(0, |answer| answer.round)
    }

    /// Compares a picture with the originals and remembers it, also on this page.
    pub(super) fn enter(&mut self, at: u64, hash: &PictureHash, bytes: u64, page: &mut Page) -> Entered {
        if let Some(checked) = self.answer(at) {
            return Entered { checked, remembered: false };
        }
        let round = self.round(at);
        let remembered = self.has_room_for(at);
        let Some((found, _)) = self.index.nearest(hash) else {
            if remembered {
                page.originals.push(self.add_original(Original { at, hash: *hash.words(), round }));
            }
            return Entered { checked: Checked::New, remembered };
        };
        if remembered {
            let original = u64::try_from(found.as_nanos()).unwrap_or(u64::MAX);
            let original_round = self.round(original);
            page.duplicates.push(self.add_duplicate(Duplicate { at, round, original, original_round, bytes }));
        }
        Entered { checked: Checked::DuplicateOf(found), remembered }
    }

    /// Takes back what was answered for this timestamp, and for those that were told to be like it: these. None if nothing
    /// was answered.
    pub(super) fn forget(&mut self, at: u64) -> Option<(Forgotten, Vec<u64>)> {
        self.answer(at)?;
        let forgotten = Forgotten { at, round: self.answers.get(&at)?.round.saturating_add(1) };
        let was_original = self.void(forgotten);
        Some((forgotten, if was_original { self.drop_orphans() } else { Vec::new() }))
    }

    /// Takes back what is known of timestamps that were forgotten, before anything else of these pages is believed. False
    /// if there was no room to remember one.
    pub(super) fn merge_forgotten(&mut self, all: impl Iterator<Item = Forgotten>) -> bool {
        let (mut was_original, mut placed) = (false, true);
        for forgotten in all {
            let known = self.round(forgotten.at);
            if !self.has_room_for(forgotten.at) {
                placed = false;
            } else if known < forgotten.round {
                was_original |= self.void(forgotten);
            }
        }
        if was_original {
            self.drop_orphans();
        }
        placed
    }

    /// Adds the originals that others have written down. What is known already stays as it was answered.
    pub(super) fn merge_originals(&mut self, page: &Page) {
        for original in &page.originals {
            if self.is_open(original.at, original.round) {
                self.add_original(*original);
            }
        }
    }

    /// Adds the duplicates, after the originals of all pages: what refers to a picture that is not one of them any more
    /// is compared anew when it is asked for.
    pub(super) fn merge_duplicates(&mut self, page: &Page) {
        for duplicate in &page.duplicates {
            let stands = self.stands(duplicate.original, duplicate.original_round);
            if stands && self.is_open(duplicate.at, duplicate.round) {
                self.add_duplicate(*duplicate);
            }
        }
    }

    /// All that is known, as answers, and as what was forgotten.
    pub(super) fn pages(&self) -> (Page, Page) {
        let (mut page, mut forgotten) = (Page::default(), Page::default());
        for (hash, at) in self.index.entries() {
            let at = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
            if let Some(&Answer { round, said: Said::Original }) = self.answers.get(&at) {
                page.originals.push(Original { at, hash, round });
            }
        }
        for (&at, &Answer { round, said }) in &self.answers {
            match said {
                Said::DuplicateOf { original, original_round, bytes } => {
                    page.duplicates.push(Duplicate { at, round, original, original_round, bytes });
                }
                Said::Nothing | Said::Original => {}
            }
            if round > 0 {
                forgotten.forgotten.push(Forgotten { at, round });
            }
        }
        (page, forgotten)
    }

    /// Is nothing known of this timestamp, nothing that was said of it in this round void, and room for it?
    fn is_open(&self, at: u64, round: u32) -> bool {
        let open = |answer: &Answer| matches!(answer.said, Said::Nothing) && answer.round <= round;
        self.answers.get(&at).is_none_or(open) && self.has_room_for(at)
    }

    fn stands(&self, original: u64, round: u32) -> bool {
        let answer = self.answers.get(&original);
        answer.is_some_and(|answer| matches!(answer.said, Said::Original) && answer.round == round)
    }

    /// A timestamp that was forgotten keeps its place.
    fn has_room_for(&self, at: u64) -> bool {
        self.has_place() || self.answers.contains_key(&at)
    }

    /// How many timestamps may be known.
    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// Is there a place for one more timestamp?
    pub(super) fn has_place(&self) -> bool {
        self.answers.len() < self.most
    }

    /// May anything be added to what is known?
    pub(super) fn has_room(&self) -> bool {
        self.has_place() || self.forgotten > 0
    }

    fn add_original(&mut self, original: Original) -> Original {
        let Original { at, hash, round } = original;
        self.index.insert(&PictureHash::new(hash, self.bits), Duration::from_nanos(at));
        self.say(at, Answer { round, said: Said::Original });
        original
    }

    fn add_duplicate(&mut self, duplicate: Duplicate) -> Duplicate {
        let Duplicate { at, round, original, original_round, bytes } = duplicate;
        self.say(at, Answer { round, said: Said::DuplicateOf { original, original_round, bytes } });
        duplicate
    }

    /// Was it an original?
    fn void(&mut self, Forgotten { at, round }: Forgotten) -> bool {
        let before = self.say(at, Answer { round, said: Said::Nothing });
        let was_original = matches!(before, Some(Answer { said: Said::Original, .. }));
        was_original && self.index.remove(Duration::from_nanos(at))
    }

    /// Takes back the answers that name an original which is none any more.
    fn drop_orphans(&mut self) -> Vec<u64> {
        let is_orphan = |(&at, answer): (&u64, &Answer)| match answer.said {
            Said::DuplicateOf { original, original_round, .. } if !self.stands(original, original_round) => Some(at),
            _ => None,
        };
        let mut orphans: Vec<u64> = self.answers.iter().filter_map(is_orphan).collect();
        orphans.sort_unstable();
        for &at in &orphans {
            let round = self.round(at);
            self.say(at, Answer { round, said: Said::Nothing });
            if round == 0 {
                // Nobody has forgotten it: there is nothing to be remembered of it.
                let nothing = self.answers.remove(&at);
                self.count(nothing, false);
            }
        }
        orphans
    }

    /// Puts an answer in place of another, or of none.
    fn say(&mut self, at: u64, answer: Answer) -> Option<Answer> {
        let before = self.answers.insert(at, answer);
        self.count(before, false);
        self.count(Some(answer), true);
        before
    }

    fn count(&mut self, answer: Option<Answer>, more: bool) {
        let step = |count: &mut u64, by: u64| {
            *count = if more { count.saturating_add(by) } else { count.saturating_sub(by) };
        };
        match answer.map(|answer| answer.said) {
            Some(Said::DuplicateOf { bytes, .. }) => {
                step(&mut self.duplicates, 1);
                step(&mut self.saved, bytes);
            }
            Some(Said::Nothing) => step(&mut self.forgotten, 1),
            Some(Said::Original) | None => {}
        }
    }

    pub(super) fn stats(&self) -> VideoStats {
        let frames = self.answers.len() as u64 - self.forgotten;
        VideoStats { frames, originals: frames - self.duplicates, duplicates: self.duplicates, bytes_saved: self.saved }
    }

    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.index.heap_bytes() + self.answers.capacity() * ANSWER
    }
}
