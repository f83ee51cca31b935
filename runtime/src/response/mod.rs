//! Responses of an HTTP service, cached by a layer: RFC 9111 for a cache that many share.
//!
//! [`ResponseCache`] is a [`tower_layer::Layer`] for axum and for any service of `http` requests. It keeps what the
//! service lets be kept, in the tiers of a [`Cache`], under the promises that hold for all entries: a herd of equal
//! requests asks the service once, what was invalidated does not come back, a tier that fails is a miss. Responses
//! carry tags, which `#[invalidate]` and [`Cache::invalidate_tags`] name.
//!
//! What is done of HTTP, and how the public suite of tests for caches judges it, is listed in
//! `tests/http-cache/README.md`.

mod address;
mod answer;
mod board;
mod body;
mod change;
mod conditional;
mod control;
mod encoding;
mod errand;
mod fields;
mod freshen;
mod handled;
mod kept;
mod labels;
mod media;
mod place;
mod query;
mod range;
mod refusal;
mod serve;
mod service;
mod settings;
mod stored;
mod tags;
mod tape;
mod times;
mod vary;

use std::fmt;
use std::sync::Arc;

use http::header::HeaderMap;

use self::board::Board;
use self::handled::Told;
use self::kept::Shelf;
use self::settings::Settings;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::error::Result;
use crate::stats::ResponseCounts;

pub use crate::stats::{NotKeptStats, ResponseStats};
pub use body::ResponseBody;
pub use encoding::Encoding;
pub use service::CachedResponses;
pub use settings::ResponseCacheBuilder;

/// A layer that answers requests from the cache, as far as the responses of the service behind it allow.
///
/// Cheap to clone; clones share what is under way, and their statistics. It keeps responses to `GET`, answers `HEAD`,
/// parts (`Range`) and questions for news (`If-None-Match`, `If-Modified-Since`) from them, tells them apart by host,
/// path, query and what `Vary` names, asks the service whether what is past its time still stands, and sends bodies in
/// the encoding that the client takes, which is made once. A request that changes something takes back what is kept for
/// its address before it is answered, unless it was refused: with a status from 400 to 499 but 408, with 500 or 501. A
/// request to read that has a body is handed on. Where the service fails and nothing else may be served, those who
/// waited for its answer ask it four at a time.
///
/// Nothing is kept of a response that says `no-store` or `private`, sets a cookie, or answers a request with
/// `Authorization` (unless it says `public`, `s-maxage` or `must-revalidate`). **A service that tells users apart in
/// another way, by a cookie or an address, has to say so: with `Cache-Control: private`, or `Vary`.**
///
/// ```
/// use cached_runtime::Cache;
/// use cached_runtime::key::escape;
/// use cached_runtime::response::ResponseCache;
///
/// # async fn example() -> cached_runtime::Result<()> {
/// let cache = Cache::builder().build()?;
/// let responses = ResponseCache::builder(&cache).paths(["/videos/*"]).ignore_query(["utm_source"]).build()?;
///
/// // axum::Router::new().route("/videos/{id}", get(video)).layer(responses)
/// // where `video` sends `Cache-Control: max-age=60` and `Cache-Tag: video:7`.
///
/// // And wherever video 7 changes, or by `#[invalidate(tags = ["video:{id}"])]`:
/// cache.invalidate_tags([format!("video:{}", escape("7"))]).await;
/// # let _ = responses;
/// # Ok(())
/// # }
/// ```
///
/// Cost: an answer from near takes two to five microseconds; a body is cloned by counting. While the service is asked
/// for what may be kept, its request runs in a task of its own, so task-locals of who calls the layer do not reach it;
/// the runtime is tokio's, with its timers. Put layers that log or authenticate outside of this one, and do not
/// compress inside of it: what comes compressed is kept as it is.
#[derive(Clone)]
pub struct ResponseCache(Arc<Core>);

struct Core {
    settings: Settings,
    shelf: Shelf,
    flights: Arc<Board>,
    counts: Arc<ResponseCounts>,
    clock: Clock,
}

impl ResponseCache {
    /// A layer over this cache, with nothing else said.
    ///
    /// # Errors
    /// None today: the settings that are there without being given are right ones.
    pub fn new(cache: &Cache) -> Result<Self> {
        Self::builder(cache).build()
    }

    /// A layer over this cache, to be configured.
    pub fn builder(cache: &Cache) -> ResponseCacheBuilder {
        ResponseCacheBuilder::new(cache)
    }

    fn of(cache: &Cache, namespace: &str, settings: Settings) -> Result<Self> {
        let shelf = Shelf::new(cache, namespace, settings.max_variants)?;
        let (flights, counts, clock) = (Arc::new(Board::new()), shelf.counts(), cache.clock().clone());
        Ok(Self(Arc::new(Core { settings, shelf, flights, counts, clock })))
    }

    /// What was done so far, by all layers of this namespace of the cache. [`Cache::stats`] has it too, by namespace.
    #[must_use]
    pub fn stats(&self) -> ResponseStats {
        self.counts().snapshot()
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn shelf(&self) -> &Shelf {
        &self.0.shelf
    }

    fn flights(&self) -> &Arc<Board> {
        &self.0.flights
    }

    fn counts(&self) -> &ResponseCounts {
        &self.0.counts
    }

    fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Makes the fields of an answer of the service what a client is to see.
    fn finish(&self, headers: &mut HeaderMap, told: Told) {
        if self.settings().hide_tags {
            self.settings().tag_fields.iter().for_each(|name| drop(headers.remove(name)));
        }
        told.write(headers, self.settings().status_name.as_ref());
    }
}

impl fmt::Debug for ResponseCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCache").field("settings", self.settings()).finish_non_exhaustive()
    }
}
