//! One video in this process: what is known of it, as long as no invalidation has named it, and the page it is written on.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering::Relaxed;

use super::hash::PictureHash;
use super::indexes::Indexes;
use super::kept::Place;
use super::page::{Forgotten, Head, PAGE, Page};
use super::video::{Entered, Known};
use super::videos::Video;
use crate::cache::Cache;
use crate::clock::Millis;
use crate::group::Position;
use crate::log::Birth;

/// How soon a tier that failed is asked, or given what it has not taken, again.
pub(super) const RETRY: Millis = 1_000;
/// How many pages wait for a tier that takes nothing, beside those that tell mostly of what was forgotten; what was
/// answered on others is lost to it.
const OWED: usize = 64;
/// What a picture takes on a page, in memory.
const ENTRY: usize = 48;

/// What is known, and what is needed to keep it.
#[derive(Debug)]
pub(super) struct State {
    pub(super) known: Known,
    /// What was known of the log when it was last certain that nothing has named the video.
    pub(super) birth: Birth,
    /// Up to which application of the log that is so.
    seen: u64,
    /// Whose pages there are.
    pub(super) head: Head,
    /// Was the head read by who has the video now? Later it may lack what another node has begun since.
    pub(super) fresh: bool,
    /// How many pages of each writer need not be read again.
    pub(super) read: HashMap<u64, u32>,
    /// The first page of each writer that told of what was forgotten, and there was no room for it.
    pub(super) refused: HashMap<u64, u32>,
    /// Are there pages that were not read, because a tier failed?
    pub(super) partial: bool,
    /// Are there pages that will never be read, because there are too many?
    pub(super) cut: bool,
    /// What was forgotten while pages could not be read: what these say of it is void, in whatever round.
    unread: HashSet<u64>,
    /// Was anything forgotten for which there was no room? Then it is on a page alone.
    pub(super) unplaced: bool,
    /// The name that this state writes under. Drawn anew for each, so that nothing is written over.
    pub(super) writer: u64,
    /// The page that is written on, its number, and whether anything was.
    pub(super) page: Page,
    pub(super) number: u32,
    pub(super) begun: bool,
    /// Taken before anything was written on the page: all on it is younger.
    page_birth: Birth,
    /// The oldest place in the shared log at which anything was begun that is known.
    pub(super) oldest: Position,
    /// What a tier has not taken yet, and when it is offered again.
    owed: Vec<(u32, Page, Birth)>,
    owed_at: Millis,
    page_owed: bool,
    pub(super) head_owed: bool,
    /// Was the head read? Before that nothing is written: it would go over what others wrote.
    pub(super) met: bool,
    /// When it is to be looked what the tiers have.
    pub(super) look_at: Millis,
    /// A tier failed: before this it is not asked again, whatever for.
    pub(super) rest_until: Millis,
    /// When all of it is to be read anew.
    pub(super) until: Millis,
}

impl State {
    pub(super) fn new(indexes: &Indexes, cache: &Cache, birth: Birth) -> Self {
        Self {
            known: Known::new(&indexes.options),
            birth,
            seen: birth.seq,
            head: Head::default(),
            fresh: false,
            read: HashMap::new(),
            refused: HashMap::new(),
            partial: true,
            cut: false,
            unread: HashSet::new(),
            unplaced: false,
            writer: cache.0.chance.next(),
            page: Page::default(),
            number: 0,
            begun: false,
            page_birth: birth,
            oldest: birth.shared,
            owed: Vec::new(),
            owed_at: 0,
            page_owed: false,
            head_owed: false,
            met: false,
            look_at: 0,
            rest_until: 0,
            until: indexes.kept.until(cache.clock().now()),
        }
    }

    pub(super) const fn known(&self) -> &Known {
        &self.known
    }

    /// Bytes that it takes, about.
    pub(super) fn weight(&self) -> usize {
        self.known.weight() + (self.owed.len() * PAGE + self.page.len() + self.unread.len()) * ENTRY
    }

    /// Is there anything that would be lost if this were let go of?
    pub(super) fn owes(&self) -> bool {
        self.page_owed || self.head_owed || !self.owed.is_empty() || !self.unread.is_empty()
    }

    /// Has nothing named the video since this was read? The birth was taken before the question, so if not, what is
    /// written from now on is as young as that.
    pub(super) fn stands(&mut self, cache: &Cache, video: &Video, birth: Birth) -> bool {
        let seen = cache.0.log.unnamed_since(&video.name.key, video.name.tags(), self.seen);
        if let Some(seen) = seen {
            self.seen = seen;
            self.birth = birth;
        }
        seen.is_some() && cache.clock().now() < self.until
    }

    /// Compares a picture, and writes down what it is. Nothing is awaited: who goes away leaves nothing half done.
    pub(super) fn enter(
        &mut self,
        indexes: &Indexes,
        cache: &Cache,
        video: &Video,
        (at, hash, bytes): (u64, &PictureHash, u64),
    ) -> Entered {
        self.turn_over(indexes, cache, video);
        let entered = self.known.enter(at, hash, bytes, &mut self.page);
        if entered.remembered {
            self.wrote();
            self.write(indexes, cache, video);
        }
        entered
    }

    /// Takes back what was answered for a timestamp, and writes that down; the timestamps whose answers go with it. None
    /// if nothing was answered, as far as that can be known. Nothing is awaited here, either.
    pub(super) fn forget(&mut self, indexes: &Indexes, cache: &Cache, video: &Video, at: u64) -> Option<Vec<u64>> {
        let known = self.known.forget(at);
        let found = known.is_some();
        let (mut forgotten, orphans) = match known {
            Some(known) => known,
            // It may be on a page that was not read.
            None if self.partial => (Forgotten { at, round: self.known.round(at).max(1) }, Vec::new()),
            None => return None,
        };
        if self.partial && self.unread.len() < indexes.options.max_frames {
            self.unread.insert(at);
        }
        self.unplaced |= !self.known.merge_forgotten(std::iter::once(forgotten));
        self.turn_over(indexes, cache, video);
        for (_, page, _) in &mut self.owed {
            let before = page.forgotten.iter().filter(|before| before.at == at).map(|before| before.round).max();
            forgotten.round = before.map_or(forgotten.round, |before| before.max(forgotten.round));
            page.void(forgotten);
            page.forgotten.retain(|before| before.at != at);
        }
        self.page.forget(forgotten);
        self.wrote();
        self.write(indexes, cache, video);
        found.then_some(orphans)
    }

    /// Others have forgotten timestamps: what is still written on again must not outlive their word.
    pub(super) fn void(&mut self, all: impl Iterator<Item = Forgotten>) {
        for forgotten in all {
            self.page_owed |= self.page.void(forgotten);
            self.owed.iter_mut().for_each(|(_, page, _)| _ = page.void(forgotten));
        }
    }

    /// What was forgotten before these pages could be read is void on them, too: also what was answered since, for nobody
    /// knows which came first.
    pub(super) fn forget_unread(&mut self, page: &Page) {
        if self.unread.is_empty() {
            return;
        }
        let originals = page.originals.iter().map(|original| (original.at, original.round));
        let duplicates = page.duplicates.iter().map(|duplicate| (duplicate.at, duplicate.round));
        for (at, round) in originals.chain(duplicates) {
            let forgotten = Forgotten { at, round: round.saturating_add(1) };
            if self.unread.contains(&at) && forgotten.round > self.known.round(at) {
                self.unplaced |= !self.known.merge_forgotten(std::iter::once(forgotten));
                self.void(std::iter::once(forgotten));
                self.make_room();
                self.page.forget(forgotten);
                self.wrote();
            }
        }
    }

    /// All pages have been read.
    pub(super) fn is_read(&mut self) {
        self.unread = HashSet::new();
    }

    /// Makes sure that the page has room, and that there are not too many pages.
    fn turn_over(&mut self, indexes: &Indexes, cache: &Cache, video: &Video) {
        let before = self.number;
        self.make_room();
        if self.number > before {
            self.shorten(indexes, cache, video);
        }
    }

    /// All that was written is now on so many pages of this name.
    pub(super) fn rename(&mut self, writer: u64, pages: u32) {
        self.head.writers.retain(|(before, _)| *before != self.writer);
        (self.writer, self.number) = (writer, pages);
        (self.page, self.page_owed, self.begun) = (Page::default(), false, false);
        self.owed.clear();
        self.head_owed = true;
    }

    /// Puts away a page that is full. What no tier has taken of a full one waits, unless too much does: then what was
    /// answered is lost to the tier, and not what was forgotten.
    fn make_room(&mut self) {
        if self.page.len() >= PAGE {
            let page = std::mem::take(&mut self.page);
            let mut carried = Vec::new();
            if self.page_owed {
                self.owed.retain(|(_, page, _)| page.len() > 0);
                let many = page.forgotten.len() > PAGE / 2;
                let most = if many { OWED + self.known.most() / (PAGE / 2) } else { OWED };
                if self.owed.len() < most {
                    self.owed.push((self.number, page, self.page_birth));
                } else if !many {
                    carried = page.forgotten;
                }
            }
            self.number = self.number.saturating_add(1);
            (self.begun, self.page_owed) = (false, false);
            if !carried.is_empty() {
                self.page_birth = self.birth;
                self.page.forgotten = carried;
                self.wrote();
            }
        }
        if !self.begun {
            self.page_birth = self.birth;
        }
    }

    /// Something was written on the page.
    fn wrote(&mut self) {
        self.page_owed = true;
        self.head_owed |= !self.begun;
        self.begun = true;
    }

    /// How many pages were begun.
    pub(super) fn pages(&self) -> u32 {
        self.number.saturating_add(u32::from(self.begun))
    }

    /// Is the head to be written with the next picture?
    pub(super) fn is_head_due(&self) -> bool {
        let begins = !self.begun || self.page.len() >= PAGE;
        self.head_owed || begins && self.known.has_room()
    }

    /// Hands to the tiers what they have not taken.
    pub(super) fn write(&mut self, indexes: &Indexes, cache: &Cache, video: &Video) {
        if !self.met {
            return;
        }
        let (kept, writer, mut refused) = (&indexes.kept, self.writer, false);
        let write = |number, page: &Page, birth| {
            kept.write_page(cache, (&video.id, &video.name.tags), Place { writer, number }, page, birth)
        };
        let (now, is_read) = (cache.clock().now(), indexes.is_read_by_others(cache));
        let with_head = self.head_owed && (self.fresh || !is_read);
        // Not with each picture: that would be a page's work for each that waits. But nobody shall hear of pages by the
        // head that are not there.
        if !self.owed.is_empty() && (now >= self.owed_at || with_head && is_read) {
            self.owed_at = now.saturating_add(RETRY);
            self.owed.retain(|(number, page, birth)| !write(*number, page, *birth));
        }
        if self.page_owed {
            self.page_owed = !write(self.number, &self.page, self.page_birth);
            refused |= self.page_owed;
        }
        if with_head {
            self.head.say(writer, self.pages());
            self.head_owed = !kept.write_head(cache, &video.name, &self.head, self.birth);
            refused |= self.head_owed;
        }
        if refused {
            indexes.counts.unwritten.fetch_add(1, Relaxed);
        }
    }
}
