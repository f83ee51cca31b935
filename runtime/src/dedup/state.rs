//! One video in this process: what is known of it, as long as no invalidation has named it, and the page it is written on.

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;

use super::hash::PictureHash;
use super::indexes::Indexes;
use super::kept::Place;
use super::page::{Head, PAGE, Page, WRITERS};
use super::video::{Entered, Known};
use super::videos::Video;
use crate::cache::Cache;
use crate::clock::Millis;
use crate::group::Position;
use crate::log::Birth;

/// How often it is looked what other nodes have written.
const LOOK: Millis = 5_000;
/// How soon it is looked again after a tier failed.
const RETRY: Millis = 1_000;
/// How many pages wait for a tier that takes nothing; older ones are lost to it.
const OWED: usize = 64;
/// What a picture takes on a page, in memory.
const ENTRY: usize = 40;
/// What is invalidated so often while it is read is not read.
const TURNS: u32 = 3;

/// What is known, and what is needed to keep it.
#[derive(Debug)]
pub(super) struct State {
    known: Known,
    /// What was known of the log when it was last certain that nothing has named the video.
    birth: Birth,
    /// Up to which application of the log that is so.
    seen: u64,
    /// Whose pages there are.
    head: Head,
    /// How many pages of each writer need not be read again.
    read: HashMap<u64, u32>,
    /// The name that this state writes under. Drawn anew for each, so that nothing is written over.
    writer: u64,
    /// The page that is written on, and its number.
    page: Page,
    number: u32,
    /// Taken before anything was written on the page: all on it is younger.
    page_birth: Birth,
    /// What a tier has not taken yet.
    owed: Vec<(u32, Page, Birth)>,
    page_owed: bool,
    head_owed: bool,
    /// Was the head read? Before that nothing is written: it would go over what others wrote.
    met: bool,
    /// When it is to be looked what the tiers have.
    look_at: Millis,
    /// When all of it is to be read anew.
    until: Millis,
}

/// What was read of the pages.
#[derive(Debug, Default)]
struct Read {
    pages: Vec<Page>,
    /// The oldest place in the shared log at which one of them was begun.
    oldest: Option<Position>,
    failed: bool,
}

impl State {
    fn new(indexes: &Indexes, cache: &Cache, birth: Birth) -> Self {
        Self {
            known: Known::new(&indexes.options),
            birth,
            seen: birth.seq,
            head: Head::default(),
            read: HashMap::new(),
            writer: cache.0.chance.next(),
            page: Page::default(),
            number: 0,
            page_birth: birth,
            owed: Vec::new(),
            page_owed: false,
            head_owed: false,
            met: false,
            look_at: 0,
            until: indexes.kept.until(cache.clock().now()),
        }
    }

    pub(super) const fn known(&self) -> &Known {
        &self.known
    }

    /// Bytes that it takes, about.
    pub(super) fn weight(&self) -> usize {
        self.known.weight() + (self.owed.len() * PAGE + self.page.len()) * ENTRY
    }

    /// Has nothing named the video since this was read? The birth was taken before the question, so if not, what is
    /// written from now on is as young as that.
    fn stands(&mut self, cache: &Cache, video: &Video, birth: Birth) -> bool {
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
        if self.page.len() >= PAGE {
            self.turn_over();
        }
        if self.page.len() == 0 {
            self.page_birth = self.birth;
        }
        let entered = self.known.enter(at, hash, bytes, &mut self.page);
        if entered.remembered {
            self.page_owed = true;
            self.head_owed |= self.page.len() == 1;
            self.write(indexes, cache, video);
        }
        entered
    }

    /// The next page. What no tier has taken of this one waits, unless too much does.
    fn turn_over(&mut self) {
        let page = std::mem::take(&mut self.page);
        if self.page_owed && self.owed.len() < OWED {
            self.owed.push((self.number, page, self.page_birth));
        }
        self.number = self.number.saturating_add(1);
    }

    /// How many pages were begun.
    fn begun(&self) -> u32 {
        self.number.saturating_add(u32::from(self.page.len() > 0))
    }

    /// Hands to the tiers what they have not taken.
    fn write(&mut self, indexes: &Indexes, cache: &Cache, video: &Video) {
        if !self.met {
            return;
        }
        let (kept, writer) = (&indexes.kept, self.writer);
        let write = |number, page: &Page, birth| {
            kept.write_page(cache, (&video.id, &video.name.tags), Place { writer, number }, page, birth)
        };
        self.owed.retain(|(number, page, birth)| !write(*number, page, *birth));
        if self.page_owed && self.page.len() > 0 {
            self.page_owed = !write(self.number, &self.page, self.page_birth);
        }
        if self.head_owed {
            self.head.say(writer, self.begun());
            self.head_owed = !kept.write_head(cache, &video.name, &self.head, self.birth);
        }
        if self.page_owed || self.head_owed {
            indexes.counts.unwritten.fetch_add(1, Relaxed);
        }
    }

    /// Reads what others have written, also this process before it let go of the video.
    async fn look(&mut self, indexes: &Indexes, cache: &Cache, video: &Video) {
        let now = cache.clock().now();
        if cache.0.stack.is_empty() {
            // There is nobody to read from, or to write over.
            (self.look_at, self.met) = (Millis::MAX, true);
            return;
        }
        let Ok(head) = indexes.kept.head(cache, &video.name).await else {
            self.look_at = now.saturating_add(RETRY);
            return;
        };
        let is_first = !self.met && self.page.len() == 0;
        while !self.met && head.pages_of(self.writer) > 0 {
            self.writer = cache.0.chance.next();
        }
        let read = self.read(indexes, cache, video, &head).await;
        read.pages.iter().for_each(|page| self.known.merge_originals(page));
        read.pages.iter().for_each(|page| self.known.merge_duplicates(page));
        // It lacks this writer if another node wrote it in the same moment.
        self.head_owed |= head.pages_of(self.writer) < self.begun();
        (self.head, self.met) = (head, true);
        self.write(indexes, cache, video);
        if is_first && !read.failed && self.head.writers.len() > WRITERS {
            self.fold(indexes, cache, video, &read);
        }
        self.look_at = match (read.failed, cache.0.log.is_shared()) {
            (true, _) => now.saturating_add(RETRY),
            (false, true) => now.saturating_add(LOOK),
            (false, false) => Millis::MAX,
        };
    }

    /// Reads the pages of others that were not read whole.
    async fn read(&mut self, indexes: &Indexes, cache: &Cache, video: &Video, head: &Head) -> Read {
        let others = head.writers.iter().filter(|(writer, _)| *writer != self.writer);
        let places = others.flat_map(|&(writer, pages)| {
            let from = self.read.get(&writer).copied().unwrap_or(0);
            (from..pages).map(move |number| Place { writer, number })
        });
        // A head from outside may say anything.
        let most = indexes.options.max_frames / PAGE + 4 * WRITERS;
        let places: Vec<Place> = places.take(most).collect();
        let found = indexes.kept.pages(cache, (&video.id, &video.name.tags), &places).await;
        let mut read = Read::default();
        for (place, found) in places.iter().zip(found) {
            let Ok(found) = found else {
                read.failed = true;
                continue;
            };
            let whole =
                found.as_ref().map_or(place.number + 1 < head.pages_of(place.writer), |(page, _)| page.len() >= PAGE);
            let next = self.read.entry(place.writer).or_default();
            if whole && *next == place.number {
                *next += 1;
            }
            if let Some((page, shared)) = found {
                read.oldest = Some(read.oldest.map_or(shared, |oldest| older(oldest, shared)));
                read.pages.push(page);
            }
        }
        read
    }

    /// Writes what many have written as pages of its own, so that a video that is gone back to again and again does not
    /// collect writers. They are as old as the oldest of what was read.
    fn fold(&mut self, indexes: &Indexes, cache: &Cache, video: &Video, read: &Read) {
        let shared = read.oldest.map_or(self.birth.shared, |oldest| older(oldest, self.birth.shared));
        let birth = Birth { shared, ..self.birth };
        let mut written = true;
        for page in folded(&read.pages) {
            let place = Place { writer: self.writer, number: self.number };
            written &= indexes.kept.write_page(cache, (&video.id, &video.name.tags), place, &page, birth);
            self.number = self.number.saturating_add(1);
        }
        if written {
            self.head = Head::default();
            self.head.say(self.writer, self.number);
            self.head_owed = !indexes.kept.write_head(cache, &video.name, &self.head, self.birth);
        }
    }
}

impl Video {
    /// What is known of this video, for as long as nothing that is kept of it has been invalidated; read from the tiers
    /// where it is not known yet.
    pub(super) async fn ready<'a>(
        &self,
        indexes: &Indexes,
        cache: &Cache,
        state: &'a mut Option<State>,
    ) -> &'a mut State {
        for turn in 1..=TURNS {
            let birth = cache.0.log.birth();
            let stands = state.as_mut().is_some_and(|state| state.stands(cache, self, birth));
            if !stands {
                *state = None;
            }
            let state = state.get_or_insert_with(|| State::new(indexes, cache, birth));
            if cache.clock().now() < state.look_at {
                break;
            }
            if turn == TURNS {
                // Invalidated as fast as it is read: what comes now is compared with what comes after it.
                state.look_at = cache.clock().now().saturating_add(RETRY);
                break;
            }
            state.look(indexes, cache, self).await;
        }
        let birth = cache.0.log.birth();
        state.get_or_insert_with(|| State::new(indexes, cache, birth))
    }
}

/// The older of two places in the shared log; nowhere if they are of different ones.
fn older(one: Position, other: Position) -> Position {
    if one.epoch != other.epoch {
        return Position::NOWHERE;
    }
    if one.number <= other.number { one } else { other }
}

/// The same pictures on as few pages as they fit.
fn folded(pages: &[Page]) -> Vec<Page> {
    let mut all = Vec::new();
    let mut at_hand = Page::default();
    let full = |page: &mut Page, all: &mut Vec<Page>| {
        if page.len() >= PAGE {
            all.push(std::mem::take(page));
        }
    };
    for page in pages {
        for original in &page.originals {
            at_hand.originals.push(*original);
            full(&mut at_hand, &mut all);
        }
        for duplicate in &page.duplicates {
            at_hand.duplicates.push(*duplicate);
            full(&mut at_hand, &mut all);
        }
    }
    if at_hand.len() > 0 {
        all.push(at_hand);
    }
    all
}
