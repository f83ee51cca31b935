//! Pictures of a video that are all but equal: recognized by their hashes, so that only the first is stored.
//!
//! A picture is decoded and hashed, and its hash is compared with those of the same video. Is one at least 95 % alike,
//! the picture is a duplicate, and the answer names the timestamp of the original, which is to be stored by reference;
//! else it is new, and later ones are compared with it. Videos are apart: nothing is compared between them.
//!
//! ```
//! use std::time::Duration;
//!
//! use cached_runtime::Cache;
//! use cached_runtime::dedup::{Checked, Dedup, DedupOptions};
//!
//! # async fn store(cache: &Cache, jpeg: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
//! let dedup = Dedup::open(cache, "stills", DedupOptions::new())?;
//! match dedup.check_frame("intro", Duration::from_millis(4_200), jpeg).await? {
//!     Checked::New => println!("to be stored"),
//!     Checked::DuplicateOf(original) => println!("as at {original:?}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! **What is kept.** Hashes and answers, never pictures. They live in memory, and as entries of the cache's tiers, so a
//! restart finds them again: who checks a timestamp once more gets the answer of then, without a picture being decoded.
//! The entries carry the tag `video:{id}` as `#[cache(tags = ["video:{id}"])]` writes it. When that group is invalidated,
//! on this node or another one, the index of the video is empty, and the next picture is new; an index that was read
//! before is not written back. Beyond the bound of the memory and of the tiers, and past the `ttl`, what was known is
//! forgotten, and a picture like it is new again: it is stored twice.
//!
//! **Several checks at a time.** Of equal pictures of one video that are checked at the same time on one node exactly one
//! is new. Nodes that share a tier read what others wrote when they begin with a video, and then every five seconds at
//! most; until then each may find the same picture new. What both wrote is merged when each looks at the video again; of a
//! node that never does, that may be forgotten which it began to write in the same moment as another one, within
//! milliseconds. Two nodes that check the same pictures in another order may each call the other's original a duplicate:
//! let one check a video at a time, and never replace a picture that is stored by a reference.
//!
//! **Failures.** A tier that fails, or is full, is no error: what is in memory is compared, and the tier is asked again a
//! second later. While a `strict` cache cannot prove that it has seen all invalidations of other nodes, nothing that it
//! knows is believed: every picture is new, and not remembered. Entries are written behind: what was checked in the last
//! moments before a crash may be unknown after it, as with every entry; [`Cache::flush`] waits. A picture that is cut
//! off, or cannot be decoded, is the caller's error. A picture that is new is remembered before it is stored: who cannot
//! store it says so, by [`Dedup::forget_frame`].
//!
//! **When not to use it.** For pictures that must differ where they look alike: slides that differ in a word, frames of a
//! film in which little moves. Their hashes are equal. Raise the similarity, or compare bytes.

mod fold;
mod hash;
mod index;
mod indexes;
mod kept;
mod look;
mod options;
mod page;
mod picture;
mod state;
mod stats;
#[cfg(all(test, feature = "testing"))]
mod tests;
mod video;
mod videos;

use std::any::Any;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use self::indexes::Indexes;
use self::kept::Kept;
use self::picture::Bounds;
use crate::access::Right;
use crate::applied::Applied;
use crate::cache::Cache;
use crate::error::{Error, ErrorKind, Result};
use crate::group::Group;
use crate::key::{check_namespace, escape};

pub use self::hash::{Method, PictureHash};
pub use self::index::Index;
pub use self::options::DedupOptions;
pub use self::stats::{DedupStats, VideoStats};

/// So much of a video's name is told in errors.
const SHOWN: usize = 64;

/// What a picture is, among those of its video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Checked {
    /// Like none before.
    New,
    /// Like the picture of this timestamp, which was new.
    DuplicateOf(Duration),
}

impl Checked {
    /// The timestamp of the picture that it is like, if there is one.
    #[must_use]
    pub const fn original(self) -> Option<Duration> {
        match self {
            Self::New => None,
            Self::DuplicateOf(original) => Some(original),
        }
    }

    /// Is it like one before?
    #[must_use]
    pub const fn is_duplicate(self) -> bool {
        matches!(self, Self::DuplicateOf(_))
    }
}

/// The indexes of videos under one name, a namespace of the cache. A handle, cheap to clone.
///
/// All handles of one name over one cache share what is known. Cost: decoding and shrinking the picture is nearly all of
/// it (10 to 25 ms for a JPEG of 1920 by 1080); a look-up takes microseconds, see `tests/benches/dedup.rs`; and the page
/// that it is written on, 7 KB at most, is encoded again with each picture.
#[derive(Clone)]
pub struct Dedup {
    cache: Cache,
    name: Arc<str>,
    indexes: Arc<Indexes>,
}

impl Dedup {
    /// The indexes of this name; the same as before if they are open already.
    ///
    /// # Errors
    /// A `Config` error for a name that is no namespace, for an option out of range, if they are open with other options,
    /// and if a page does not fit the `max_value` of the cache; `Denied` if the handle may not read and write there.
    pub fn open(cache: &Cache, name: &str, options: DedupOptions) -> Result<Self> {
        check_namespace("dedup", name)?;
        options.check()?;
        for right in [Right::Read, Right::Write] {
            if !cache.may(right, name) {
                let message = "the handle may not read and write this namespace: allow it, or take another handle";
                return Err(Error::new(ErrorKind::Denied, message).with("namespace", name));
            }
        }
        let mut known = cache.0.namespaces.lock();
        let opened = known.entry(name.to_owned()).or_default();
        let found = opened.iter().find_map(|one| Arc::clone(one).downcast::<Indexes>().ok());
        let indexes = match found {
            Some(found) if found.options == options => found,
            Some(_) => {
                let message = "they are open with other options: open them with the same ones, or under another name";
                return Err(Error::config("dedup", message).with("namespace", name));
            }
            None => {
                let made = Arc::new(Indexes::new(cache, name, options)?);
                opened.push(Arc::clone(&made) as Arc<dyn Any + Send + Sync>);
                made
            }
        };
        Ok(Self { cache: cache.clone(), name: name.into(), indexes })
    }

    /// Is this picture, at this time of this video, like one that was checked before?
    ///
    /// The picture is a JPEG, PNG, WebP, GIF or BMP; of a moving one the first is taken. It is decoded on a thread for
    /// blocking work. Checked again, a timestamp gets the answer that it got first, whatever the picture is now.
    ///
    /// # Errors
    /// `Codec` for what is no picture, cut off, or damaged so that its decoder notices; `TooLarge` for one that has, or
    /// claims, more than the options allow, and for a timestamp over 584 years; `Config` for a video without a name. All
    /// name the video and the timestamp.
    pub async fn check_frame(
        &self,
        video: &str,
        timestamp: Duration,
        picture: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<Checked> {
        self.check(video, timestamp, move |_| Ok(picture)).await
    }

    /// The same for a picture in a file: whether it is a duplicate, and of which timestamp.
    ///
    /// # Errors
    /// As [`Dedup::check_frame`] has them; `Codec` also for a file that cannot be read, with its path.
    pub async fn check_frame_duplicate(
        &self,
        video: &str,
        timestamp: Duration,
        path: impl AsRef<Path>,
    ) -> Result<(bool, Option<Duration>)> {
        let path = path.as_ref().to_owned();
        let checked = self.check(video, timestamp, move |bounds| bounds.read(&path)).await?;
        Ok((checked.is_duplicate(), checked.original()))
    }

    /// The same for a hash that [`Dedup::hash`] made, of a picture of so many bytes.
    ///
    /// # Errors
    /// `Config` for a hash of another length and for a video without a name; `TooLarge` for a timestamp over 584 years.
    pub async fn check_hash(
        &self,
        video: &str,
        timestamp: Duration,
        hash: &PictureHash,
        bytes: u64,
    ) -> Result<Checked> {
        let about = |error: Error| about(error, video, timestamp);
        let bits = self.indexes.options.method.bits();
        if hash.bits() != bits {
            let error = Error::config("hash", "the hash is of another method: make it with `Dedup::hash`");
            return Err(about(error.with("bits", hash.bits()).with("needed", bits)));
        }
        let at = place_of(video, timestamp).map_err(about)?;
        if self.indexes.is_shut(&self.cache) {
            return Ok(self.indexes.unbelieved());
        }
        let video = self.indexes.video(&self.cache, video);
        Ok(self.indexes.enter(&self.cache, &video, (at, hash, bytes)).await)
    }

    /// The hash of a picture, by the method of the options.
    ///
    /// # Errors
    /// `Codec` and `TooLarge` as [`Dedup::check_frame`] has them, without a video and a timestamp.
    pub async fn hash(&self, picture: impl AsRef<[u8]> + Send + 'static) -> Result<PictureHash> {
        Ok(self.indexes.hash(move |_| Ok(picture)).await?.0)
    }

    async fn check<B: AsRef<[u8]>>(
        &self,
        video: &str,
        timestamp: Duration,
        source: impl FnOnce(Bounds) -> Result<B> + Send + 'static,
    ) -> Result<Checked> {
        let about = |error: Error| about(error, video, timestamp);
        let at = place_of(video, timestamp).map_err(about)?;
        if self.indexes.is_shut(&self.cache) {
            return Ok(self.indexes.unbelieved());
        }
        // Held until the end: as long as it is, nobody begins another index of this video.
        let held = self.indexes.video(&self.cache, video);
        if let Some(checked) = self.indexes.answer(&self.cache, &held, at).await {
            return Ok(checked);
        }
        let (hash, bytes) = self.indexes.hash(source).await.map_err(about)?;
        Ok(self.indexes.enter(&self.cache, &held, (at, &hash, bytes)).await)
    }

    /// Takes back what was answered for one timestamp: who was told that its picture is new, and could not store it, says
    /// so here. The next picture like it is new, and the timestamp itself, checked again, is compared anew.
    ///
    /// The answer is the timestamps, in order, that were told meanwhile that they are duplicates of it: what they refer
    /// to is not there, and they are forgotten, too; check them again. None if nothing was answered, or nothing is known
    /// of it any more.
    ///
    /// What was forgotten stays so after a restart, and on other nodes; those may answer with it until they next look at
    /// the video, as with all that is checked here (see the [module](self)), and after that who checks there what was
    /// called its duplicate gets another answer. That is written behind: of a process that ends before a tier took it,
    /// the picture stands as an original again; [`Cache::flush`] waits. In the count of `max_frames` its place stays
    /// taken. Cost: one page
    /// written, and a look at all answers of the video.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cached_runtime::dedup::{Checked, Dedup};
    /// # async fn store(_: &[u8]) -> std::io::Result<()> { Ok(()) }
    /// # async fn example(dedup: &Dedup, jpeg: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
    /// let at = Duration::from_millis(4_200);
    /// if dedup.check_frame("intro", at, jpeg.clone()).await? == Checked::New
    ///     && let Err(full) = store(&jpeg).await
    /// {
    ///     dedup.forget_frame("intro", at).await?;
    ///     return Err(full.into());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Config` for a video without a name; `TooLarge` for a timestamp over 584 years.
    pub async fn forget_frame(&self, video: &str, timestamp: Duration) -> Result<Option<Vec<Duration>>> {
        let at = place_of(video, timestamp).map_err(|error| about(error, video, timestamp))?;
        let held = self.indexes.video(&self.cache, video);
        let found = self.indexes.forget(&self.cache, &held, at).await;
        Ok(found.map(|orphans| orphans.into_iter().map(Duration::from_nanos).collect()))
    }

    /// Forgets what is known of this video, in memory and in every tier, on all nodes; the next picture of it is new.
    ///
    /// Other entries of the video stay: [`Cache::invalidate_tags`] with `video:{id}` removes them all, and this with them.
    /// Answers as [`Cache::invalidate`] does; `Denied` if the handle may not.
    pub async fn remove(&self, video: &str) -> Applied {
        self.cache.invalidate(vec![Group::Tag(self.indexes.kept.own_group(&self.cache, video))]).await
    }

    /// The tag of all that is cached of this video, which its index carries, too.
    #[must_use]
    pub fn group(&self, video: &str) -> String {
        Kept::group(&self.cache, video).as_ref().to_owned()
    }

    /// What was done under this name in this process.
    #[must_use]
    pub fn stats(&self) -> DedupStats {
        let (videos, memory) = self.indexes.videos.size();
        self.indexes.counts.snapshot(videos, memory)
    }

    /// What is remembered of this video; read from the tiers if it is not in memory.
    pub async fn video_stats(&self, video: &str) -> VideoStats {
        let held = self.indexes.video(&self.cache, video);
        self.indexes.stats(&self.cache, &held).await
    }
}

impl fmt::Debug for Dedup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dedup")
            .field("name", &self.name)
            .field("options", &self.indexes.options)
            .finish_non_exhaustive()
    }
}

/// The timestamp as it is kept, if it and the name can be.
fn place_of(video: &str, timestamp: Duration) -> Result<u64> {
    if video.is_empty() {
        return Err(Error::config("video", "give the video a name"));
    }
    u64::try_from(timestamp.as_nanos())
        .map_err(|_| Error::new(ErrorKind::TooLarge, "no video is so long: give the time from its beginning"))
}

fn about(error: Error, video: &str, timestamp: Duration) -> Error {
    let shown: String = video.chars().take(SHOWN).collect();
    error.with("video", escape(&shown)).with("timestamp", format_args!("{timestamp:?}"))
}
