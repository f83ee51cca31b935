//! Answers of language models: what they said once, while it is true.
//!
//! A call of a model takes seconds and costs money. [`Answers`] keeps what was [generated](Answers::generate), replays what
//! was [streamed](Answers::stream), keeps what was [retrieved](Answers::retrieve) for an answer, and lets all of it go
//! when a document it was made from changes. With feature `semantic` it may also answer a question with the answer to one
//! that is [similar](Answers::similar), and watches whether that is right.
//!
//! It calls no provider by itself: give it the call. Entries live in the tiers of the cache, under the promises that hold
//! for all entries: one call of the model at a time for equal requests, nothing that was invalidated comes back, a tier
//! that fails is a miss.

mod canonical;
mod failure;
mod generate;
mod kept;
mod request;
mod retrieval;
#[cfg(feature = "semantic")]
pub mod similar;
mod stats;
mod stream;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::canonical::{Kind, name_of};
use self::kept::Kept;
use self::stats::Counters;
use self::stream::Streams;
use crate::applied::Applied;
use crate::cache::Cache;
use crate::error::Result;
use crate::group::Group;
use crate::key::{Key, Secret};
use crate::namespace::Namespace;
use crate::profile;

pub use generate::{Generated, Source};
pub use kept::Content;
pub use request::{Message, Request};
pub use retrieval::{Document, Query, Retrieved};
#[cfg(feature = "semantic")]
pub use similar::Similar;
pub use stats::AnswersStats;
pub use stream::AnswerStream;

/// How many tags and documents a request may have, or a list of documents, to be kept.
const MOST_TAGS: usize = 1_000;

/// Answers of one type, in a namespace of a cache.
///
/// Cheap to clone; clones share their statistics. All that are made for one name in one cache share what is kept and what
/// is under way, streams among it. Each is also a namespace: `support:answer:gpt-4o:..`,
/// `support:stream:..`, `support:retrieval:..`, where the last segment is a hash, so that keys name no content. Use one for each
/// purpose, and do not use its namespace for anything else.
///
/// ```
/// use std::time::Duration;
/// use cached_runtime::Cache;
/// use cached_runtime::answers::Answers;
///
/// let cache = Cache::builder().build()?;
/// let answers: Answers<String> = Answers::new(&cache, "support")?.ttl(Duration::from_secs(600));
/// # Ok::<(), cached_runtime::Error>(())
/// ```
pub struct Answers<T> {
    cache: Cache,
    kept: Namespace<Kept<T>>,
    name: Arc<str>,
    settings: Settings,
    counters: Arc<Counters>,
    streams: Arc<Streams>,
    #[cfg(feature = "semantic")]
    similar: Option<Arc<similar::Similarity<T>>>,
}

/// What was asked for.
#[derive(Debug, Clone, Copy)]
struct Settings {
    ttl: Duration,
    retrieval_ttl: Duration,
    cache_sampled: bool,
    max_stream: usize,
    finish_streams: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(3_600),
            retrieval_ttl: Duration::from_secs(1_800),
            cache_sampled: false,
            max_stream: 1 << 20,
            finish_streams: false,
        }
    }
}

impl Settings {
    /// As the cache is configured, where that says something.
    fn of(cache: &Cache) -> Self {
        let life = |name, usual| cache.0.settings.profile(name).map_or(usual, Duration::from_millis);
        let usual = Self::default();
        let (ttl, retrieval_ttl) = (life(profile::ANSWER, usual.ttl), life(profile::RETRIEVAL, usual.retrieval_ttl));
        Self { ttl, retrieval_ttl, ..usual }
    }
}

impl<T: Content> Answers<T> {
    /// Answers in this namespace of a cache.
    ///
    /// # Errors
    /// A `Config` error if the name is no namespace, such as `a:b`.
    pub fn new(cache: &Cache, name: &str) -> Result<Self> {
        let kept = Namespace::living(cache, name, name, Kept::life)?;
        Ok(Self {
            streams: kept.beside(Streams::default),
            kept,
            cache: cache.clone(),
            name: name.into(),
            settings: Settings::of(cache),
            counters: Arc::default(),
            #[cfg(feature = "semantic")]
            similar: None,
        })
    }

    /// How long answers and streams are kept. Default: the life of the cache's profile `answer` if it has one
    /// ([`Builder::profile`](crate::Builder::profile)), else 3,600 seconds. Zero: not at all.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.settings.ttl = ttl;
        self
    }

    /// How long lists of documents are kept. Default: the life of the cache's profile `retrieval` if it has one, else 1,800
    /// seconds. Zero: not at all.
    #[must_use]
    pub fn retrieval_ttl(mut self, ttl: Duration) -> Self {
        self.settings.retrieval_ttl = ttl;
        self
    }

    /// Are requests kept, too, that the model may answer differently each time ([`Request::is_sampled`])? Default: no,
    /// for all callers would then get the one answer that came first.
    #[must_use]
    pub fn cache_sampled(mut self, cached: bool) -> Self {
        self.settings.cache_sampled = cached;
        self
    }

    /// How many bytes of one stream are recorded, and wait for readers who are slower than the model. A longer stream is
    /// passed on and not kept. Default: 1 MiB, as much as a value in a tier may have by default.
    #[must_use]
    pub fn max_stream(mut self, bytes: usize) -> Self {
        self.settings.max_stream = bytes;
        self
    }

    /// Is a stream read to its end, and kept, when nobody listens any more? Default: no; the call of the model is given up.
    #[must_use]
    pub fn finish_streams(mut self, finish: bool) -> Self {
        self.settings.finish_streams = finish;
        self
    }

    /// Removes what was kept for a request: the answer, and the stream.
    pub async fn remove(&self, request: &Request) -> Applied {
        let keys = [Kind::Answer, Kind::Stream].map(|kind| Group::Key(self.key_of(request, kind)));
        self.cache.invalidate(keys.into()).await
    }

    /// Invalidates everything: answers, streams, lists of documents and what is known of similar questions.
    pub async fn clear(&self) -> Applied {
        let applied = self.kept.clear().await;
        #[cfg(feature = "semantic")]
        if let Some(similar) = &self.similar
            && applied != Applied::Denied
        {
            similar.forget_all();
        }
        applied
    }

    /// The key of a request's answer. It names the model, and no content.
    #[must_use]
    pub fn key(&self, request: &Request) -> Key {
        self.key_of(request, Kind::Answer)
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> AnswersStats {
        self.counters.snapshot()
    }

    fn key_of(&self, request: &Request, kind: Kind) -> Key {
        self.kept.key(name_of(request, kind, self.secret()))
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn secret(&self) -> Secret {
        self.cache.0.settings.secret
    }
}

impl<T> Clone for Answers<T> {
    fn clone(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            kept: self.kept.clone(),
            name: Arc::clone(&self.name),
            settings: self.settings,
            counters: Arc::clone(&self.counters),
            streams: Arc::clone(&self.streams),
            #[cfg(feature = "semantic")]
            similar: self.similar.clone(),
        }
    }
}

impl<T> fmt::Debug for Answers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("name", &self.name).field("settings", &self.settings).finish_non_exhaustive()
    }
}
