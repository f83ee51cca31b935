//! Where indexes outlive the process: pages and heads as frames in the tiers of the cache, under the video's group.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::options::DedupOptions;
use super::page::{Head, PAGE, Page};
use crate::cache::Cache;
use crate::clock::{Millis, millis};
use crate::codec::Frame;
use crate::depth::{Depth, Framed};
use crate::error::{Error, Result};
use crate::frames::Frames;
use crate::group::Position;
use crate::join::join;
use crate::key::KeyWriter;
use crate::log::Birth;
use crate::names::Named;
use crate::policy::Policy;
use crate::shelf::Life;

/// Raised when a hash of the same name is made in another way, or pages are.
const VERSION: u32 = 2;
/// What a page takes for each picture at most, encoded, and beside them.
const BYTES_A_PICTURE: usize = 56;
const BESIDE: usize = 1 << 10;
/// So many pages are read at a time.
const LANES: usize = 16;

/// A page, the place in the shared log where it was begun, and until when it is fresh.
pub(super) type Found = (Page, Position, Millis);

/// A tier failed: what it has is not known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unknown;

/// The tiers, as one namespace's indexes are kept there.
#[derive(Debug)]
pub(super) struct Kept {
    namespace: String,
    method: &'static str,
    pages: Frames,
    heads: Frames,
    ttl: Millis,
}

/// Which page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) writer: u64,
    pub(super) number: u32,
}

impl Kept {
    pub(super) fn new(cache: &Cache, namespace: &str, options: &DedupOptions) -> Result<Self> {
        let (room, needed) = (cache.0.settings.codec.max_value, PAGE * BYTES_A_PICTURE + BESIDE);
        if room < needed {
            let message = "a page of an index does not fit a value: give at least the bytes that are needed";
            return Err(Error::config("max_value", message).with("needed", needed));
        }
        // Each is of one type.
        let policy = Policy { version: VERSION, ..Policy::DEFAULT };
        let frames = || Frames::new(namespace, namespace, &policy, &cache.0.settings);
        Ok(Self {
            namespace: namespace.to_owned(),
            method: options.method.word(),
            pages: frames(),
            heads: frames(),
            ttl: millis(options.ttl),
        })
    }

    /// The tag that invalidates all that is cached of a video, as `tags = ["video:{id}"]` writes it.
    pub(super) fn group(cache: &Cache, video: &str) -> Arc<str> {
        let mut tag = KeyWriter::new(cache.0.settings.secret);
        tag.literal("video:").part(video);
        tag.finish_text().into()
    }

    /// The tag that invalidates the index of a video alone.
    pub(super) fn own_group(&self, cache: &Cache, video: &str) -> Arc<str> {
        let mut tag = KeyWriter::new(cache.0.settings.secret);
        tag.literal("cached.dedup:").part(self.namespace.as_str()).literal(":").part(video);
        tag.finish_text().into()
    }

    /// The name of a video's head: by it, and by its tags, invalidations concern the index in memory, too.
    pub(super) fn name(&self, cache: &Cache, video: &str) -> Named {
        let key = self.begun(cache, video);
        let tags = Arc::from([Self::group(cache, video), self.own_group(cache, video)]);
        Named { key: key.finish(), tags }
    }

    fn begun(&self, cache: &Cache, video: &str) -> KeyWriter {
        let mut key = KeyWriter::new(cache.0.settings.secret);
        key.literal(&self.namespace).literal(":").part(video).literal(":").literal(self.method);
        key
    }

    fn page_name(&self, cache: &Cache, video: &str, tags: &Arc<[Arc<str>]>, place: Place) -> Named {
        let mut key = self.begun(cache, video);
        key.literal(":").part(&place.writer).literal(":").part(&place.number);
        Named { key: key.finish(), tags: Arc::clone(tags) }
    }

    /// The head as the tiers have it: what nodes share and what this one has of its own, together.
    pub(super) async fn head(&self, cache: &Cache, name: &Named) -> std::result::Result<Head, Unknown> {
        let (stack, now) = (&cache.0.stack, cache.clock().now());
        let down = stack.read_one(&name.key, now).await;
        let up = stack.read_up(&name.key, now).await;
        let failed = down.failed + up.failed > 0;
        let mut head = Head::default();
        for frame in [down.frame, up.frame].into_iter().flatten() {
            head.merge(&open::<Head>(&self.heads, &frame, now).unwrap_or_default());
        }
        if failed { Err(Unknown) } else { Ok(head) }
    }

    /// These pages, in order, with the place in the shared log where each was begun and until when it is fresh; `None` for
    /// one that is gone.
    pub(super) async fn pages(
        &self,
        cache: &Cache,
        (video, tags): (&str, &Arc<[Arc<str>]>),
        places: &[Place],
    ) -> Vec<std::result::Result<Option<Found>, Unknown>> {
        let now = cache.clock().now();
        let mut pages = Vec::with_capacity(places.len());
        for lanes in places.chunks(LANES) {
            let names: Vec<Named> = lanes.iter().map(|&place| self.page_name(cache, video, tags, place)).collect();
            let reads = names.iter().map(|name| cache.0.stack.read_up(&name.key, now)).map(Box::pin).collect();
            for down in join(reads).await {
                let of = |frame: &Frame, page| (page, frame.head().shared, frame.head().fresh_until);
                let found =
                    down.frame.and_then(|frame| open::<Page>(&self.pages, &frame, now).map(|page| of(&frame, page)));
                pages.push(if found.is_none() && down.failed > 0 { Err(Unknown) } else { Ok(found) });
            }
        }
        pages
    }

    /// Hands a page to the tiers, behind. False if it was not taken.
    pub(super) fn write_page(
        &self,
        cache: &Cache,
        (video, tags): (&str, &Arc<[Arc<str>]>),
        place: Place,
        page: &Page,
        birth: Birth,
    ) -> bool {
        let until = self.until(cache.clock().now_assured());
        self.write(cache, &self.pages, &self.page_name(cache, video, tags, place), (page, birth, until))
    }

    /// The same for a page made of others, whose life is no longer than theirs.
    pub(super) fn write_folded(
        &self,
        cache: &Cache,
        (video, tags): (&str, &Arc<[Arc<str>]>),
        place: Place,
        page: &Page,
        (birth, until): (Birth, Millis),
    ) -> bool {
        self.write(cache, &self.pages, &self.page_name(cache, video, tags, place), (page, birth, until))
    }

    /// Hands a head to the tiers, behind. False if it was not taken. It says nothing of pictures, and lives twice as
    /// long as pages: one that is written last, by who wrote the head first, is found to its end.
    pub(super) fn write_head(&self, cache: &Cache, name: &Named, head: &Head, birth: Birth) -> bool {
        let until = self.until(self.until(cache.clock().now_assured()));
        self.write(cache, &self.heads, name, (head, birth, until))
    }

    fn write<T: Serialize + DeserializeOwned + 'static>(
        &self,
        cache: &Cache,
        frames: &Frames,
        name: &Named,
        (value, birth, until): (&T, Birth, Millis),
    ) -> bool {
        if cache.0.stack.is_empty() {
            return true;
        }
        let Some(codecs) = Depth::<T>::codecs(Framed) else { return true };
        let born = cache.clock().now_assured();
        let sealed = frames.seal(&codecs, value, name, birth, Life { born, fresh_until: until, stale_until: until });
        match sealed {
            // A shared tier that is away is not sent frames at all.
            Ok(frame) => cache.0.stack.write(&frame) && cache.shared().is_none_or(|log| log.connected),
            Err(error) => {
                tracing::debug!(namespace = %self.namespace, kind = error.kind().word(), "a page was not stored");
                false
            }
        }
    }

    /// Until when what is written now is fresh.
    pub(super) const fn until(&self, now: Millis) -> Millis {
        now.saturating_add(self.ttl)
    }

    /// Until when what is read now is to be read again: until the first of it ends, but not for each page anew.
    pub(super) fn until_read(&self, now: Millis, ends: impl Iterator<Item = Millis>) -> Millis {
        ends.min().map_or(Millis::MAX, |first| first.max(now.saturating_add(self.slack())))
    }

    /// By so much lives may be shortened, and what is in memory may outlive them, so that not each page is a work of
    /// its own.
    pub(super) const fn slack(&self) -> Millis {
        self.ttl / 8
    }
}

/// The value of a frame that is fresh.
fn open<T: Serialize + DeserializeOwned + 'static>(frames: &Frames, frame: &Frame, now: Millis) -> Option<T> {
    let codecs = Depth::<T>::codecs(Framed)?;
    if frame.head().fresh_until <= now {
        return None;
    }
    frames.open(&codecs, frame, |_| true)
}
