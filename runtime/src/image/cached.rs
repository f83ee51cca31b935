//! Pictures by their content: each is converted once, whoever brings it, under whatever name.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::batch::cores;
use super::convert::Converted;
use super::fault::Fault;
use super::halt::Halt;
use super::options::WebP;
use super::pixels::too_many_bytes;
use super::stored::Stored;
use crate::applied::Applied;
use crate::cache::Cache;
use crate::error::{Error, Result};
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
        Ok(Self { names, webp: Arc::new(webp), mark, life: LIFE, room: Arc::new(Semaphore::new(cores())) })
    }

    /// How many are converted at a time, at least one, by this and its clones; further ones wait for up to ten minutes.
    /// Default: as many as the machine has cores.
    #[must_use]
    pub fn at_once(mut self, many: usize) -> Self {
        self.room = Arc::new(Semaphore::new(many.clamp(1, Semaphore::MAX_PERMITS)));
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
    /// # Errors
    /// As [`WebP::convert`]; `Timeout` if it was not done within ten minutes.
    pub async fn convert(&self, picture: impl Into<Bytes>) -> Result<Converted> {
        let picture = picture.into();
        if picture.len() > self.webp.limits.bytes {
            return Err(too_many_bytes(picture.len() as u64, self.webp.limits));
        }
        let name = self.name(picture.clone()).await?;
        let load = || self.load(picture.clone());
        let stored = self.names.get_or_load(name, load).await.map_err(|error: Arc<Error>| Error::clone(&error))?;
        Ok(stored.into_converted(picture))
    }

    /// Removes what is known of this picture, everywhere, for these options.
    ///
    /// # Errors
    /// `Closed` if the runtime ends meanwhile.
    pub async fn forget(&self, picture: impl Into<Bytes>) -> Result<Applied> {
        let name = self.name(picture.into()).await?;
        Ok(self.names.remove(name).await)
    }

    /// The key of this picture, as tiers and the log know it. Hashes it in this thread.
    #[must_use]
    pub fn key(&self, picture: &[u8]) -> Key {
        self.names.key((self.mark.to_string(), hash(picture)))
    }

    /// Converts it when there is room.
    fn load(&self, picture: Bytes) -> impl Future<Output = Result<Stored>> + Send + 'static {
        let (webp, room, life) = (Arc::clone(&self.webp), Arc::clone(&self.room), self.life);
        async move {
            let Ok(place) = room.acquire_owned().await else { return Err(ended()) };
            let work = move || {
                let _place = place;
                webp.turn(&picture, &Halt::never()).map(|turned| Stored::new(turned, life))
            };
            spawn_blocking(work).await.unwrap_or_else(|_| Err(ended()))
        }
    }

    async fn name(&self, picture: Bytes) -> Result<(String, String)> {
        let hash = match picture.len() {
            ..=SHORT => hash(&picture),
            _ => spawn_blocking(move || hash(&picture)).await.map_err(|_| ended())?,
        };
        Ok((self.mark.to_string(), hash))
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
