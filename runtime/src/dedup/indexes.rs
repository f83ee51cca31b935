//! What all handles of one name share in this process.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::Semaphore;

use super::Checked;
use super::hash::{Hashing, PictureHash};
use super::kept::Kept;
use super::look::Purpose;
use super::options::DedupOptions;
use super::picture::Bounds;
use super::stats::{Counts, VideoStats};
use super::videos::{Video, Videos};
use crate::cache::Cache;
use crate::error::{Error, ErrorKind, Result};

/// Holds no handle to the cache, which holds it.
pub(super) struct Indexes {
    pub(super) options: DedupOptions,
    pub(super) kept: Kept,
    pub(super) counts: Counts,
    pub(super) videos: Videos,
    hashing: Arc<Hashing>,
    /// Room for pictures that are decoded at the same time.
    decoding: Arc<Semaphore>,
}

impl Indexes {
    pub(super) fn new(cache: &Cache, name: &str, options: DedupOptions) -> Result<Self> {
        Ok(Self {
            kept: Kept::new(cache, name, &options)?,
            counts: Counts::default(),
            videos: Videos::new(options.memory),
            hashing: Arc::new(Hashing::new(options.method)),
            decoding: Arc::new(Semaphore::new(options.decoding.min(Semaphore::MAX_PERMITS))),
            options,
        })
    }

    pub(super) fn video(&self, cache: &Cache, id: &str) -> Arc<Video> {
        self.videos.get(id, || self.kept.name(cache, id))
    }

    /// What was answered for this timestamp before, if that may be believed.
    pub(super) async fn answer(&self, cache: &Cache, video: &Video, at: u64) -> Option<Checked> {
        let mut state = video.state.lock().await;
        let state = video.ready(self, cache, &mut state, Purpose::Ask).await;
        self.videos.weigh(video, state);
        let checked = state.known().answer(at).filter(|_| !self.is_shut(cache))?;
        self.counts.again.fetch_add(1, Relaxed);
        Some(checked)
    }

    /// Compares a picture with those of its video and remembers it.
    pub(super) async fn enter(&self, cache: &Cache, video: &Video, picture: (u64, &PictureHash, u64)) -> Checked {
        let (at, _, bytes) = picture;
        let mut held = video.state.lock().await;
        let mut state = video.ready(self, cache, &mut held, Purpose::Ask).await;
        if state.known().answer(at).is_none() {
            state = video.ready(self, cache, &mut held, Purpose::Write).await;
        }
        // Only now: while it was read, or the picture decoded before, it may have come to be so.
        if self.is_shut(cache) {
            return self.unbelieved();
        }
        let was_known = state.known().answer(at).is_some();
        let entered = state.enter(self, cache, video, picture);
        let counts = &self.counts;
        match entered.checked {
            _ if was_known => &counts.again,
            Checked::New => &counts.new,
            Checked::DuplicateOf(_) => &counts.duplicates,
        }
        .fetch_add(1, Relaxed);
        if entered.remembered && entered.checked.is_duplicate() {
            counts.bytes_saved.fetch_add(bytes, Relaxed);
        }
        if !was_known && !entered.remembered {
            counts.beyond.fetch_add(1, Relaxed);
        }
        self.videos.weigh(video, state);
        entered.checked
    }

    /// Takes back what was answered for a timestamp; the timestamps whose answers go with it, in nanoseconds. None if
    /// nothing was answered.
    pub(super) async fn forget(&self, cache: &Cache, video: &Video, at: u64) -> Option<Vec<u64>> {
        let mut held = video.state.lock().await;
        video.ready(self, cache, &mut held, Purpose::Ask).await;
        let state = video.ready(self, cache, &mut held, Purpose::Write).await;
        let found = state.forget(self, cache, video, at);
        self.videos.weigh(video, state);
        found
    }

    /// The answer while nothing that is kept may be believed: stored twice does less harm than not at all.
    pub(super) fn unbelieved(&self) -> Checked {
        self.counts.new.fetch_add(1, Relaxed);
        self.counts.beyond.fetch_add(1, Relaxed);
        Checked::New
    }

    pub(super) async fn stats(&self, cache: &Cache, video: &Video) -> VideoStats {
        let mut state = video.state.lock().await;
        let state = video.ready(self, cache, &mut state, Purpose::Ask).await;
        self.videos.weigh(video, state);
        state.known().stats()
    }

    /// Reads and hashes a picture where computing delays nobody; its hash, and how many bytes it had.
    pub(super) async fn hash<B: AsRef<[u8]>>(
        &self,
        source: impl FnOnce(Bounds) -> Result<B> + Send + 'static,
    ) -> Result<(PictureHash, u64)> {
        let (hashing, bounds) = (Arc::clone(&self.hashing), Bounds::of(&self.options));
        let permit = Arc::clone(&self.decoding).acquire_owned().await.ok();
        let work = move || {
            let _permit = permit;
            let bytes = source(bounds)?;
            let bytes = bytes.as_ref();
            Ok((hashing.of(&bounds.decode(bytes)?), bytes.len() as u64))
        };
        let hashed = match tokio::runtime::Handle::try_current() {
            Ok(runtime) => runtime.spawn_blocking(work).await.unwrap_or_else(|gone| {
                let message = "the picture could not be decoded: its decoder panicked, or the runtime is ending";
                Err(Error::new(ErrorKind::Codec, message).because(gone))
            }),
            Err(_) => work(),
        };
        if hashed.is_err() {
            self.counts.refused.fetch_add(1, Relaxed);
        }
        hashed
    }

    /// Does what is written go to a tier that other nodes read?
    pub(super) fn is_read_by_others(&self, cache: &Cache) -> bool {
        cache.shared().is_some_and(|log| log.connected)
    }

    /// Is nothing that is kept to be believed now, because invalidations of other nodes may be missing?
    pub(super) fn is_shut(&self, cache: &Cache) -> bool {
        let log = &cache.0.log;
        let lapsed = || log.proof().has_lapsed(cache.clock().now_assured());
        cache.0.settings.strict && log.is_shared() && (!log.is_proven() || lapsed())
    }
}

impl fmt::Debug for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indexes").field("options", &self.options).field("kept", &self.kept).finish_non_exhaustive()
    }
}
