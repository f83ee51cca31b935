//! What was asked for, and how it is asked for.

use std::time::Duration;

use http::Uri;
use http::header::{HeaderName, HeaderValue};
use http::request::Parts;

use super::encoding::Encoding;
use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::key::Pattern;

/// The settings of a layer, checked.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) paths: Vec<Pattern>,
    pub(super) exclude: Vec<Pattern>,
    pub(super) default_ttl: Option<Duration>,
    pub(super) heuristic: bool,
    pub(super) keep_stale: Duration,
    pub(super) stale_while_revalidate: Duration,
    pub(super) stale_if_error: Duration,
    pub(super) host: bool,
    pub(super) uri_of: Option<fn(&Parts) -> Uri>,
    pub(super) query: Query,
    pub(super) wishes: bool,
    pub(super) targets: Vec<HeaderName>,
    pub(super) tag_fields: Vec<HeaderName>,
    pub(super) hide_tags: bool,
    pub(super) set_cookie: bool,
    pub(super) authorized: bool,
    pub(super) patience: Duration,
    pub(super) max_body: usize,
    pub(super) max_variants: usize,
    pub(super) encodings: Vec<Encoding>,
    pub(super) compress_from: usize,
    pub(super) status_name: Option<HeaderValue>,
}

/// Which parameters of a query tell responses apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Query {
    /// The text as it stands.
    All,
    /// These, in any order.
    Only(Vec<String>),
    /// All but these, in any order.
    Without(Vec<String>),
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            paths: Vec::new(),
            exclude: Vec::new(),
            default_ttl: None,
            heuristic: true,
            keep_stale: Duration::from_secs(3_600),
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
            host: true,
            uri_of: None,
            query: Query::All,
            wishes: true,
            targets: vec![HeaderName::from_static("cdn-cache-control")],
            tag_fields: vec![HeaderName::from_static("cache-tag")],
            hide_tags: false,
            set_cookie: false,
            authorized: false,
            patience: Duration::from_secs(5),
            max_body: 1 << 20,
            max_variants: 64,
            encodings: Encoding::USUAL.to_vec(),
            compress_from: 1 << 10,
            status_name: None,
        }
    }
}

impl Settings {
    /// Is this path cached?
    pub(super) fn takes(&self, path: &str) -> bool {
        let is_meant = self.paths.is_empty() || self.paths.iter().any(|glob| glob.matches(path));
        is_meant && !self.exclude.iter().any(|glob| glob.matches(path))
    }
}

/// The parts of a [`ResponseCache`](super::ResponseCache): see there what it does without any of them.
#[derive(Debug, Clone)]
#[must_use]
pub struct ResponseCacheBuilder {
    pub(super) cache: Cache,
    pub(super) namespace: String,
    settings: Settings,
    /// The first setting that is wrong; told when the layer is built.
    wrong: Option<Error>,
}

impl ResponseCacheBuilder {
    pub(super) fn new(cache: &Cache) -> Self {
        let (cache, namespace) = (cache.clone(), "responses".to_owned());
        Self { cache, namespace, settings: Settings::default(), wrong: None }
    }

    /// The namespace of the cache that responses are kept in. Layers of one namespace share what they keep, and are to
    /// have the same settings. Default: `responses`.
    pub fn namespace(mut self, name: &str) -> Self {
        name.clone_into(&mut self.namespace);
        self
    }

    /// Only paths that match one of these globs are cached, such as `/api/*`; `*` is any run of characters, slashes
    /// among them. Paths are compared as clients write them, see [`uri_of`](Self::uri_of). Default: all paths.
    pub fn paths(mut self, globs: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.settings.paths = self.globs("paths", globs);
        self
    }

    /// Paths that match one of these globs are not cached, whatever [`paths`](Self::paths) says. Default: none.
    pub fn exclude(mut self, globs: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.settings.exclude = self.globs("exclude", globs);
        self
    }

    /// How long a response is fresh that does not say it itself, if its status may be kept without saying so (200, 204,
    /// 301, 404 and some others). Default: it is fresh by its looks, see [`heuristic`](Self::heuristic).
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.settings.default_ttl = Some(ttl);
        self
    }

    /// Is a response that does not say how long it is fresh so for a tenth of the time since its `Last-Modified`, and a
    /// day at most (RFC 9111, section 4.2.2)? Default: yes.
    pub fn heuristic(mut self, guess: bool) -> Self {
        self.settings.heuristic = guess;
        self
    }

    /// How long a response is kept after it is fresh, to be validated with its `ETag` or `Last-Modified`. Default: an
    /// hour.
    pub fn keep_stale(mut self, time: Duration) -> Self {
        self.settings.keep_stale = time;
        self
    }

    /// How long after it is fresh a response that says nothing of it is served while the origin is asked behind (RFC
    /// 5861). An error, or a redirection that is only for now, has to say it itself. Default: not at all; a response
    /// may always say it itself.
    pub fn stale_while_revalidate(mut self, time: Duration) -> Self {
        self.settings.stale_while_revalidate = time;
        self
    }

    /// How long after it is fresh a response that says nothing of it is served if the origin fails: with an error of
    /// the service, or the status 500, 502, 503 or 504 (RFC 5861). An error, or a redirection that is only for now, has
    /// to say it itself. Default: not at all; a response may always say it itself.
    pub fn stale_if_error(mut self, time: Duration) -> Self {
        self.settings.stale_if_error = time;
        self
    }

    /// Do responses of different hosts differ? Then the scheme tells them apart, too, where the request says it (HTTP/2
    /// does, HTTP/1.1 does not), and a request that names two hosts is handed on: services differ in which one they
    /// take. Say no only where one service answers under several names, and links to none of them. Default: yes.
    ///
    /// A service that answers by `X-Forwarded-Host`, `X-Forwarded-Proto` or `Forwarded` has to say so in `Vary`.
    pub fn host(mut self, differs: bool) -> Self {
        self.settings.host = differs;
        self
    }

    /// The address by which a request is known: responses are kept, globs compared and changes taken back by it. It is
    /// to be the one that the client asked for. Default: axum's `OriginalUri`, where the feature `http` is on, so that
    /// what `nest` takes off still counts, together with what the service sees if that is not its end; else the
    /// request's.
    ///
    /// **Without the feature `http`, a layer within a router that was nested sees `/list` for `/a/list`**, and gives
    /// the responses of one nested router, or of one tenant in the path, to another. Put the layer outside of the
    /// routers, or say here where the address is to be found:
    ///
    /// ```
    /// # #[cfg(feature = "http")]
    /// # fn example(cache: &cached_runtime::Cache) -> cached_runtime::Result<()> {
    /// use axum::extract::OriginalUri;
    ///
    /// let responses = cached_runtime::response::ResponseCache::builder(cache).uri_of(|request| {
    ///     request.extensions.get::<OriginalUri>().map_or_else(|| request.uri.clone(), |original| original.0.clone())
    /// });
    /// # drop(responses.build()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn uri_of(mut self, uri_of: fn(&Parts) -> Uri) -> Self {
        self.settings.uri_of = Some(uri_of);
        self
    }

    /// Only these parameters of the query tell responses apart, in whatever order they stand. Names are compared as
    /// services read them (`%71` is `q`, and `q[0]` is of `q`); a query with a `;`, or with a name that is escaped
    /// wrongly, counts as it is written. Default: the query as it is written.
    pub fn query(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.settings.query = Query::Only(names.into_iter().map(Into::into).collect());
        self
    }

    /// All parameters of the query but these tell responses apart, such as `utm_source`, in whatever order they stand.
    /// Default: the query as it is written.
    pub fn ignore_query(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.settings.query = Query::Without(names.into_iter().map(Into::into).collect());
        self
    }

    /// Does a request decide by its `Cache-Control`, or `Pragma`, whether it is answered from the cache? If not, no
    /// client can reach the origin by asking for it; `no-store` still lets nothing be stored. Default: yes.
    pub fn honour_requests(mut self, honour: bool) -> Self {
        self.settings.wishes = honour;
        self
    }

    /// Fields that tell this cache, and not those behind it, what `Cache-Control` tells all, the first that is there
    /// going before it and before `Expires` (RFC 9213). Default: `CDN-Cache-Control`.
    pub fn targets(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.settings.targets = self.fields("targets", names);
        self
    }

    /// Fields of responses that list their tags, separated by commas or spaces, as [`Cache::invalidate_tags`] takes
    /// them: values in them are [escaped](crate::key::escape) by who writes them. A response with more than 64, or with
    /// one that is no text, or longer than a key, is not stored. Default: `Cache-Tag`.
    pub fn tag_headers(mut self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.settings.tag_fields = self.fields("tag_headers", names);
        self
    }

    /// Are these fields taken off before clients see them? Default: no.
    pub fn hide_tags(mut self, hide: bool) -> Self {
        self.settings.hide_tags = hide;
        self
    }

    /// Is a response with `Set-Cookie` stored, cookie and all, if nothing else forbids it? RFC 9111 allows it (section
    /// 7.3), and everybody gets the cookie of whoever came first. Default: no.
    pub fn store_set_cookie(mut self, store: bool) -> Self {
        self.settings.set_cookie = store;
        self
    }

    /// Is the response to a request with `Authorization` stored, and given to others, if it does not say `public`,
    /// `s-maxage` or `must-revalidate`? Only right where the service answers everybody alike. Default: no.
    pub fn store_authorized(mut self, store: bool) -> Self {
        self.settings.authorized = store;
        self
    }

    /// How long a request waits for another one for the same, before it goes to the service by itself; and how long the
    /// service may go on with a request, or a body, when its client has gone away, or has been answered with what is
    /// past its time. For a body that does not say how long it is nobody waits for more than a fifth of that: it may
    /// have no end. Default: 5 seconds.
    pub fn patience(mut self, time: Duration) -> Self {
        self.settings.patience = time;
        self
    }

    /// The longest body that is stored, in bytes. Longer ones are passed on as they come. A load holds as much in
    /// memory; tiers take entries up to their own limit. Default: 1 MiB.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.settings.max_body = bytes;
        self
    }

    /// How many responses are kept for one address that differ by fields of the request ([`Vary`]); with more the
    /// oldest goes. Default: 64.
    ///
    /// [`Vary`]: https://www.rfc-editor.org/rfc/rfc9111.html#section-4.1
    pub fn max_variants(mut self, count: usize) -> Self {
        if count == 0 {
            self.refuse("max_variants", "must be at least 1");
        }
        self.settings.max_variants = count;
        self
    }

    /// The encodings that stored bodies are sent in, of equals the one that comes first; none: as they came. Default:
    /// brotli, zstd (with that feature), gzip.
    pub fn compress(mut self, encodings: impl IntoIterator<Item = Encoding>) -> Self {
        self.settings.encodings = encodings.into_iter().collect();
        self
    }

    /// The shortest body that is worth compressing, in bytes. Default: 1 KiB.
    pub fn compress_from(mut self, bytes: usize) -> Self {
        self.settings.compress_from = bytes;
        self
    }

    /// Tells in `Cache-Status` (RFC 9211), under this name, what was done with each request: `name; hit; ttl=30`,
    /// `name; fwd=miss; ttl=60; stored`, or why its response is not kept: `name; fwd=miss; detail=private`, by the words
    /// of [`NotKeptStats`](super::NotKeptStats). What is handed on without a look has `fwd=method` or `fwd=bypass`, with
    /// `path`, `host`, `request` or `paused`. Of what is longer than was there at once it is not known yet. Default: it
    /// is not told.
    pub fn cache_status(mut self, name: &str) -> Self {
        match HeaderValue::from_str(name) {
            Ok(value) if name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(is_token) => {
                self.settings.status_name = Some(value);
            }
            _ => self.refuse("cache_status", "is a word of letters, digits and `-_.`, beginning with a letter"),
        }
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// A `Config` error that names the setting that is wrong: a glob, a name of a field, a namespace.
    pub fn build(self) -> Result<super::ResponseCache> {
        match self.wrong {
            Some(error) => Err(error),
            None => super::ResponseCache::of(&self.cache, &self.namespace, self.settings),
        }
    }

    fn globs(&mut self, setting: &'static str, globs: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<Pattern> {
        let read = globs.into_iter().map(|glob| {
            let glob = glob.as_ref();
            Pattern::new(glob).map_err(|error| Error::config(setting, error.to_string()).with("glob", glob))
        });
        self.all_of(read)
    }

    fn fields(&mut self, setting: &'static str, names: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<HeaderName> {
        let read = names.into_iter().map(|name| {
            let name = name.as_ref();
            let refuse = |_| Error::config(setting, "is the name of no header field").with("name", name);
            HeaderName::from_bytes(name.as_bytes()).map_err(refuse)
        });
        self.all_of(read)
    }

    fn all_of<T>(&mut self, read: impl Iterator<Item = Result<T>>) -> Vec<T> {
        read.collect::<Result<Vec<T>>>().unwrap_or_else(|error| {
            self.wrong.get_or_insert(error);
            Vec::new()
        })
    }

    fn refuse(&mut self, setting: &'static str, why: &'static str) {
        self.wrong.get_or_insert_with(|| Error::config(setting, why));
    }
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}
