//! What the tiers have of a video: by whichever process or node it was written.

use super::fold::{folded, older};
use super::indexes::Indexes;
use super::kept::Place;
use super::page::{Head, PAGE, Page, WRITERS, leave_newest, many_pages, most_pages};
use super::state::{RETRY, State};
use super::videos::Video;
use crate::cache::Cache;
use crate::clock::Millis;
use crate::group::Position;
use crate::log::Birth;

/// How often it is looked what other nodes have written.
const LOOK: Millis = 5_000;
/// What is invalidated so often while it is read is not read.
const TURNS: u32 = 3;

/// What a video is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To say what was answered.
    Ask,
    /// To remember something, or to forget it, right after it was asked.
    Write,
}

/// What was read of the pages.
#[derive(Debug, Default)]
struct Read {
    /// Pages, and until when each is fresh.
    pages: Vec<(Page, Millis)>,
    /// Which they are, in the same order.
    places: Vec<Place>,
    /// The oldest place in the shared log at which one of them was begun.
    oldest: Option<Position>,
    failed: bool,
    /// Are there more pages than are read?
    cut: bool,
}

impl Video {
    /// What is known of this video, for as long as nothing that is kept of it has been invalidated; read from the tiers
    /// where it is not known yet.
    pub(super) async fn ready<'a>(
        &self,
        indexes: &Indexes,
        cache: &Cache,
        state: &'a mut Option<State>,
        purpose: Purpose,
    ) -> &'a mut State {
        if let Some(state) = state.as_mut().filter(|_| purpose == Purpose::Ask) {
            state.fresh = false;
        }
        for turn in 1..=TURNS {
            let birth = cache.0.log.birth();
            let stands = state.as_mut().is_some_and(|state| state.stands(cache, self, birth));
            if !stands {
                *state = None;
            }
            let state = state.get_or_insert_with(|| State::new(indexes, cache, birth));
            let now = cache.clock().now();
            if !state.is_due(indexes, cache, now, purpose) {
                break;
            }
            if turn == TURNS {
                // Invalidated as fast as it is read: what comes now is compared with what comes after it.
                state.rest(now);
                break;
            }
            state.look(indexes, cache, self).await;
        }
        let birth = cache.0.log.birth();
        state.get_or_insert_with(|| State::new(indexes, cache, birth))
    }
}

impl State {
    /// Is it to be looked what the tiers have? Also before a head is written: else it would hide what another node has
    /// begun since the last look, for good if that node does not come back to the video.
    fn is_due(&self, indexes: &Indexes, cache: &Cache, now: Millis, purpose: Purpose) -> bool {
        let is_for_head = purpose == Purpose::Write && self.met && !self.fresh && self.is_head_due();
        now >= self.look_at || is_for_head && now >= self.rest_until && indexes.is_read_by_others(cache)
    }

    /// Not again for a while.
    fn rest(&mut self, now: Millis) {
        self.rest_until = now.saturating_add(RETRY);
        self.look_at = self.rest_until;
    }

    /// Reads what others have written, also this process before it let go of the video.
    async fn look(&mut self, indexes: &Indexes, cache: &Cache, video: &Video) {
        let now = cache.clock().now();
        if cache.0.stack.is_empty() {
            // There is nobody to read from, or to write over.
            (self.look_at, self.met, self.partial) = (Millis::MAX, true, false);
            return;
        }
        let Ok(head) = indexes.kept.head(cache, &video.name).await else { return self.rest(now) };
        let is_first = !self.met && !self.begun;
        while !self.met && head.pages_of(self.writer) > 0 {
            self.writer = cache.0.chance.next();
        }
        let read = self.read(indexes, cache, video, &head).await;
        self.merge(&read);
        self.oldest = read.oldest.map_or(self.oldest, |oldest| older(oldest, self.oldest));
        self.cut |= read.cut;
        self.until = self.until.min(indexes.kept.until_read(now, read.pages.iter().map(|(_, until)| *until)));
        // It lacks this writer if another node wrote it in the same moment.
        self.head_owed |= head.pages_of(self.writer) < self.pages();
        (self.head, self.met, self.fresh) = (head, true, true);
        self.write(indexes, cache, video);
        // While invalidations may be missing, a tier's frames are not believed, and seem to be none.
        let many = self.head.writers.len() > WRITERS || self.head.pages() > many_pages(indexes.options.max_frames);
        if is_first && many && !read.failed && cache.0.log.is_proven() {
            self.fold(indexes, cache, video, &read);
        }
        self.partial = read.failed || self.cut;
        if !read.failed {
            self.is_read();
        }
        match (read.failed, cache.0.log.is_shared()) {
            (true, _) => self.rest(now),
            (false, true) => self.look_at = now.saturating_add(LOOK),
            (false, false) => self.look_at = Millis::MAX,
        }
    }

    /// Reads the pages of others that were not read whole. Of too many the last ones; the others never.
    async fn read(&mut self, indexes: &Indexes, cache: &Cache, video: &Video, head: &Head) -> Read {
        self.read_refused();
        let others = head.writers.iter().filter(|(writer, _)| *writer != self.writer);
        let unread = others.map(|&(writer, pages)| (writer, self.read.get(&writer).copied().unwrap_or(0)..pages));
        let mut unread: Vec<_> = unread.filter(|(_, pages)| !pages.is_empty()).collect();
        // A head from outside may say anything.
        let cut = leave_newest(&mut unread, most_pages(indexes.options.max_frames));
        if cut {
            self.read.extend(unread.iter().map(|(writer, pages)| (*writer, pages.start)));
        }
        let places = unread.into_iter().flat_map(|(writer, pages)| pages.map(move |number| Place { writer, number }));
        let places: Vec<Place> = places.collect();
        let found = indexes.kept.pages(cache, (&video.id, &video.name.tags), &places).await;
        let mut read = Read { cut, ..Read::default() };
        for (place, found) in places.iter().zip(found) {
            let Ok(found) = found else {
                read.failed = true;
                continue;
            };
            let whole =
                found.as_ref().map_or(place.number + 1 < head.pages_of(place.writer), |(page, ..)| page.len() >= PAGE);
            let next = self.read.entry(place.writer).or_default();
            if whole && *next == place.number {
                *next += 1;
            }
            if let Some((page, shared, until)) = found {
                read.oldest = Some(read.oldest.map_or(shared, |oldest| older(oldest, shared)));
                read.pages.push((page, until));
                read.places.push(*place);
            }
        }
        read
    }

    /// Pages that told of what was forgotten, and found no room, are read again once there is some.
    fn read_refused(&mut self) {
        if self.known.has_place() {
            for (writer, first) in self.refused.drain() {
                self.read.entry(writer).and_modify(|next| *next = first.min(*next));
            }
        }
    }

    /// Adds what pages say: first what is void, then originals, then what refers to them.
    fn merge(&mut self, read: &Read) {
        let pages = || read.pages.iter().map(|(page, _)| page);
        for ((page, _), place) in read.pages.iter().zip(&read.places) {
            if !self.known.merge_forgotten(page.voids()) {
                let first = self.refused.entry(place.writer).or_insert(place.number);
                *first = place.number.min(*first);
            }
        }
        self.void(pages().flat_map(Page::voids));
        pages().for_each(|page| self.forget_unread(page));
        pages().for_each(|page| self.known.merge_originals(page));
        pages().for_each(|page| self.known.merge_duplicates(page));
    }

    /// Writes what many have written as pages of its own, so that a video that is gone back to again and again does not
    /// collect writers. They are as old as the oldest of what was read, and none lives longer than what it was made of.
    fn fold(&mut self, indexes: &Indexes, cache: &Cache, video: &Video, read: &Read) {
        let shared = read.oldest.map_or(self.birth.shared, |oldest| older(oldest, self.birth.shared));
        let birth = Birth { shared, ..self.birth };
        let mut written = true;
        for (page, until) in folded(&read.pages, indexes.kept.slack()) {
            let place = Place { writer: self.writer, number: self.number };
            written &= indexes.kept.write_folded(cache, (&video.id, &video.name.tags), place, &page, (birth, until));
            self.number = self.number.saturating_add(1);
        }
        if written {
            self.head = Head::default();
            self.head.say(self.writer, self.number);
            self.head_owed = !indexes.kept.write_head(cache, &video.name, &self.head, self.birth);
            // Nobody will read more than that.
            self.cut = false;
        }
    }

    /// Writes what is known as pages of another name, in place of many of its own: else a video whose pictures are
    /// forgotten and checked again and again would be on ever more pages. Nothing is lost if it is not taken.
    pub(super) fn shorten(&mut self, indexes: &Indexes, cache: &Cache, video: &Video) {
        let is_whole = self.met && !self.partial && !self.unplaced && cache.0.log.is_proven();
        let is_late = !self.fresh && indexes.is_read_by_others(cache);
        if !is_whole || is_late || self.number as usize <= many_pages(indexes.options.max_frames) {
            return;
        }
        let birth = Birth { shared: self.oldest, ..self.birth };
        let (writer, mut number, mut written) = (cache.0.chance.next(), 0_u32, true);
        let (answers, forgotten) = self.known.pages();
        // What is void may live on a page of another writer until the last of them ends.
        let ends = [(answers, self.until), (forgotten, indexes.kept.until(cache.clock().now_assured()))];
        for (page, until) in ends.into_iter().flat_map(|page| folded(&[page], 0)) {
            let place = Place { writer, number };
            written &= indexes.kept.write_folded(cache, (&video.id, &video.name.tags), place, &page, (birth, until));
            number = number.saturating_add(1);
        }
        if written {
            self.rename(writer, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::page::{Duplicate, Forgotten, Original};
    use super::super::{Dedup, DedupOptions};
    use super::*;

    #[test]
    fn a_page_is_read_again_if_there_was_no_room_for_what_it_says_was_forgotten() {
        let cache = Cache::builder().build().expect("nothing is out of range");
        let dedup = Dedup::open(&cache, "stills", DedupOptions::new().max_frames(2)).expect("they are open once");
        let mut state = State::new(&dedup.indexes, &cache, cache.0.log.birth());
        let read = |number, page: Page| {
            let (pages, places) = (vec![(page, Millis::MAX)], vec![Place { writer: 9, number }]);
            Read { pages, places, ..Read::default() }
        };
        let full = Page {
            originals: vec![Original { at: 1, hash: [1; 4], round: 0 }],
            duplicates: vec![Duplicate { at: 2, round: 0, original: 1, original_round: 0, bytes: 1 }],
            ..Page::default()
        };
        state.merge(&read(0, full));
        let forgotten = |at| Page { forgotten: vec![Forgotten { at, round: 1 }], ..Page::default() };
        state.merge(&read(3, forgotten(3)));
        state.merge(&read(4, forgotten(4)));
        state.read.insert(9, 7);
        state.read_refused();
        assert_eq!(state.read[&9], 7, "there is no room yet");
        // What was called its duplicate goes with it.
        assert!(state.known.forget(1).is_some());
        state.read_refused();
        assert_eq!(state.read[&9], 3);
        state.merge(&read(3, forgotten(3)));
        state.merge(&read(5, Page { originals: vec![Original { at: 3, hash: [3; 4], round: 0 }], ..Page::default() }));
        assert_eq!(state.known.answer(3), None);
    }
}
