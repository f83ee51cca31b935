//! Pictures by their content: each is converted once, whoever brings it, under whatever name.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, spawn_blocking};

use super::batch::cores;
use super::convert::Converted;
use super::fault::Fault;
use super::halt::Halt;
use super::options::WebP;
use super::pixels::admit;
use super::stored::Stored;
use crate::applied::Applied;
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::flight::message_of;
use crate::key::Key;
use crate::namespace::Namespace;

/// The namespace of converted pictures.
const NAMESPACE: &str = "image";
/// Raised when the same options give other pictures.
const VERSION: &str = "1";
/// So long a picture is waited for, whoever converts it.
const PATIENCE: u64 = 10 * 60 * 1_000;
/// Content does not grow old; what nobody asks for leaves earlier, as room is needed.
const LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// So many bytes of pictures wait, or are converted.
const WAITING: usize = 256 << 20;
/// Bytes are counted in steps of these.
const STEP: usize = 1 << 10;
/// Hashed in the caller's task; longer ones take longer than a task should.
const SHORT: usize = 64 << 10;

/// Pictures that are converted once for each content and kept in a cache: on this node and, where nodes share a tier,
/// on all of them.
///
/// A picture is known by a SHA-256 of its bytes, together with the options; the file it came from, its name and its age
/// do not matter. While it is being converted, all who ask for it wait for the one conversion. Where a WebP would have
/// been no smaller, it is only remembered that it is not. What failed is tried again when it is next asked for.
///
/// Tiers take values of up to 1 MiB, unless the builder's [`max_value`](crate::Builder::max_value) says otherwise: a
/// larger WebP stays in this node's memory, and is converted again by others.
///
/// ```
/// # fn photograph() -> Vec<u8> { include_bytes!("../../../examples/data/pictures/52-mount-rushmore.jpg").to_vec() }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> cached_runtime::Result<()> {
/// use cached_runtime::Cache;
/// use cached_runtime::image::{Images, Resize, WebP};
///
/// let cache = Cache::builder().build()?;
/// let thumbnails = Images::over(&cache, WebP::new().resize(Resize::within(160, 160)))?;
///
/// let first = thumbnails.convert(photograph()).await?;
/// let again = thumbnails.convert(photograph()).await?;
/// assert_eq!(first, again);
/// assert_eq!(cache.stats().site("image").map(|site| site.loads), Some(1));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Images {
    names: Namespace<Stored>,
    webp: Arc<WebP>,
    mark: Arc<str>,
    life: Duration,
    room: Arc<Semaphore>,
    /// Room for the bytes of pictures that wait or are converted, in steps, and how much of it there is.
    waiting: Arc<Semaphore>,
    most_waiting: u32,
    /// Room for long pictures that are hashed: they are held until they are, whoever waits.
    hashing: Arc<Semaphore>,
}

impl Images {
    /// Pictures of this cache, in its namespace `image`, converted with these options.
    ///
    /// # Errors
    /// `Config` if the options are impossible, with the `setting`.
    pub fn over(cache: &Cache, webp: WebP) -> Result<Self> {
        webp.check()?;
        let names = Namespace::in_turn(cache, NAMESPACE, PATIENCE, Stored::life)?;
        let mark = format!("{VERSION}-{}", webp.mark()).into();
        let (room, waiting) = (Arc::new(Semaphore::new(cores())), Arc::new(Semaphore::new(0)));
        let hashing = Arc::new(Semaphore::new(cores()));
        let images = Self { names, webp: Arc::new(webp), mark, life: LIFE, room, waiting, most_waiting: 0, hashing };
        Ok(images.max_waiting(WAITING))
    }

    /// How many are converted at a time, at least one, by this and its clones; further ones wait for up to ten minutes.
    /// Default: as many as the machine has cores.
    #[must_use]
    pub fn at_once(mut self, many: usize) -> Self {
        self.room = Arc::new(Semaphore::new(many.clamp(1, Semaphore::MAX_PERMITS)));
        self
    }

    /// How many bytes of pictures wait or are converted at a time, by this and its clones, in steps of 1 KiB; a single
    /// picture may be larger. Default: 256 MiB.
    ///
    /// What has begun goes on when its caller goes away, and holds its picture until it is done: this is the bound of
    /// that. Who finds no room waits in [`convert`](Self::convert), without a limit of time, and can go away without
    /// leaving anything; a picture that was converted before does not wait.
    #[must_use]
    pub fn max_waiting(mut self, bytes: usize) -> Self {
        let steps = u32::try_from(bytes / STEP).unwrap_or(u32::MAX).max(1);
        self.most_waiting = u32::try_from(Semaphore::MAX_PERMITS).map_or(steps, |most| steps.min(most));
        self.waiting = Arc::new(Semaphore::new(self.most_waiting as usize));
        self
    }

    /// How long a picture is kept. Default: 30 days.
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.life = ttl;
        self
    }

    /// The picture as WebP, or itself where that would be no smaller: from near, from a tier, or converted now.
    ///
    /// Costs a hash of the picture in each case: about a millisecond for a megabyte on processors with instructions for
    /// SHA-256, some more on others. Long ones are hashed, and all are converted, on tokio's threads for what blocks. A
    /// conversion that has begun goes on when its caller goes away, for others may want it.
    ///
    /// The limits of this handle are looked at first: also where another one, with other limits, converts the same
    /// picture now, or has.
    ///
    /// # Errors
    /// As [`WebP::convert`]; `Timeout` if it was not done within ten minutes from when there was room for it.
    pub async fn convert(&self, picture: impl Into<Bytes>) -> Result<Converted> {
        let picture = picture.into();
        let name = self.admitted(picture.clone()).await?;
        let steps = u32::try_from(picture.len().div_ceil(STEP)).unwrap_or(u32::MAX).min(self.most_waiting);
        let reserved = match Arc::clone(&self.waiting).try_acquire_many_owned(steps) {
            Ok(reserved) => reserved,
            // What is there needs no room.
            Err(_) => match self.names.get(name.clone()).await {
                Some(stored) => return Ok(stored.into_converted(picture)),
                None => Arc::clone(&self.waiting).acquire_many_owned(steps).await.map_err(|_| ended())?,
            },
        };
        let original = picture.clone();
        let load = move || self.load(original, reserved);
        let stored = self.names.get_or_load(name, load).await.map_err(|error: Arc<Error>| Error::clone(&error))?;
        Ok(stored.into_converted(picture))
    }

    /// Removes what is known of this picture, everywhere, for these options.
    ///
    /// # Errors
    /// `Closed` if the runtime ends meanwhile.
    pub async fn forget(&self, picture: impl Into<Bytes>) -> Result<Applied> {
        let name = self.name(picture.into(), |_| Ok(())).await?;
        Ok(self.names.remove(name).await)
    }

    /// The key of this picture, as tiers and the log know it. Hashes it in this thread.
    #[must_use]
    pub fn key(&self, picture: &[u8]) -> Key {
        self.names.key((self.mark.to_string(), hash(picture)))
    }

    /// Converts it when there is room. It holds what was reserved for its bytes as long as it holds them, whoever waits.
    fn load(
        &self,
        picture: Bytes,
        reserved: OwnedSemaphorePermit,
    ) -> impl Future<Output = Result<Stored>> + Send + 'static {
        let (webp, room, life) = (Arc::clone(&self.webp), Arc::clone(&self.room), self.life);
        async move {
            let Ok(place) = room.acquire_owned().await else { return Err(ended()) };
            let work = move || {
                let _held = (place, reserved);
                webp.turn(&picture, &Halt::never()).map(|turned| Stored::new(turned, life))
            };
            spawn_blocking(work).await.unwrap_or_else(|lost| Err(undone(lost)))
        }
    }

    /// The name of a picture that this handle takes.
    async fn admitted(&self, picture: Bytes) -> Result<(String, String)> {
        let limits = self.webp.limits;
        self.name(picture, move |picture| admit(picture, limits).map(|_| ())).await
    }

    async fn name(
        &self,
        picture: Bytes,
        check: impl FnOnce(&[u8]) -> Result<()> + Send + 'static,
    ) -> Result<(String, String)> {
        let work = move |picture: &[u8]| check(picture).map(|()| hash(picture));
        let hash = match picture.len() {
            ..=SHORT => work(&picture)?,
            _ => {
                let place = Arc::clone(&self.hashing).acquire_owned().await.map_err(|_| ended())?;
                let work = move || {
                    let _place = place;
                    work(&picture)
                };
                spawn_blocking(work).await.map_err(undone)??
            }
        };
        Ok((self.mark.to_string(), hash))
    }
}

/// Why a task brought nothing.
fn undone(lost: JoinError) -> Error {
    match lost.try_into_panic() {
        Ok(panic) => Fault::Broken.said("the conversion panicked", message_of(&*panic).to_owned()),
        Err(_) => ended(),
    }
}

fn ended() -> Error {
    Fault::GivenUp.error("the runtime ended before the picture was done")
}

fn hash(picture: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half & 15)]);
    Sha256::digest(picture).iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Images").field("webp", &self.webp).field("life", &self.life).finish_non_exhaustive()
    }
}
