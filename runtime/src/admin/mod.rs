//! The admin API: what a running cache is doing, why a key is a hit or a miss, and what to do about it at 3 a.m.
//!
//! A router to mount into an axum application, or a server of its own on loopback. Off unless it is mounted or served. Needs
//! feature `http`.
//!
//! ```no_run
//! use cached_runtime::Cache;
//! use cached_runtime::admin::Admin;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = Cache::builder().build()?;
//! let admin = Admin::new(&cache).write_token(std::env::var("ADMIN_TOKEN")?);
//! // A server of its own, until the process ends:
//! let serving = admin.serve("127.0.0.1:9090").await?;
//! println!("http://{}/admin/cache", serving.address());
//! # serving.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What it answers
//!
//! | path | |
//! |---|---|
//! | `GET /api/v1/cache/stats` | what was counted, by site and by tier |
//! | `GET /api/v1/cache/health` | is all well, and if not, what is to be done |
//! | `GET /api/v1/cache/performance` | percentiles by site and tier, slow loads, memory |
//! | `GET /api/v1/cache/access-patterns` | hot keys, keys that are missed most, sites with the lowest hit rates, the hours of the day |
//! | `GET /api/v1/cache/sites` | every cached function: what it asked for, what is said of it, what invalidates it |
//! | `GET /api/v1/cache/sites/{site}/curve` | how often it would miss with more memory, or less |
//! | `GET /api/v1/cache/keys/{key}` | one key: where it is, how old, why a hit or a miss, what invalidated it last |
//! | `GET /api/v1/cache/invalidations` | the last invalidations |
//! | `GET /api/v1/cache/history` | what happened in each step of the last hour or day |
//! | `GET /api/v1/cache/databases` | connections, slow statements, verdicts on caching them |
//! | `GET /api/v1/cache/warmup` | jobs of the warm-up, and what they came to |
//! | `POST /api/v1/cache/clear` | invalidates a key, a glob, tags, a namespace or everything, or empties one tier |
//! | `POST /api/v1/cache/warmup` | runs a job of the warm-up, or all |
//! | `POST /api/v1/cache/cleanup` | removes what has expired |
//! | `POST /api/v1/cache/sites/{site}` | changes ttl, stale, capacity, or pauses it |
//! | `POST /api/v1/cache/prefetch` | lets things be loaded ahead, or not |
//! | `POST /api/v1/cache/pause` | lets all calls go by the cache, or not |
//! | `GET /metrics` | every metric, for Prometheus (feature `prometheus`) |
//! | `GET /api/v1/openapi.json` | all this for machines |
//! | `GET /admin/cache` | the dashboard: all this for people, in one page that fetches nothing from elsewhere |
//!
//! `/api/cache/stats`, `/health`, `/clear` and `/cleanup` answer too. Errors are `application/problem+json` (RFC 9457).
//!
//! # Who may
//!
//! Every answer but the description and the page without its figures needs the read token, and every change the write
//! token, in `Authorization: Bearer ..`. Without any token the router is not made, unless reads are open by word
//! ([`Admin::open_reads`]); a server of its own on loopback without any lets everybody on the machine read. Without a
//! write token nothing can be changed. For a handle of few rights it shows the sites that this may read, and changes what it
//! may; what concerns all is refused. Requests for other hosts than loopback and those that were named ([`Admin::host`]) are refused, and so are those from pages of other origins: a page that
//! a browser was led to cannot reach it (DNS rebinding, CSRF). Changes are JSON by `POST`.
//!
//! What is secret in keys is hashed there. Values are not shown, unless that was switched on ([`Admin::show_values`]), and then
//! to the write token alone.

mod access;
mod change;
mod databases;
mod fields;
mod listen;
mod openapi;
mod page;
mod problem;
mod read;
mod router;
mod seats;
mod warmups;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::sync::Semaphore;

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::rate::Rate;
use crate::warmup::Warmer;

use access::{Gate, Token};
pub use listen::Serving;

/// An admin API to be mounted or served.
#[must_use]
pub struct Admin {
    cache: Cache,
    reads: Option<Token>,
    writes: Option<Token>,
    open_reads: bool,
    hosts: Vec<String>,
    rate: Rate,
    databases: databases::Databases,
    warmer: Option<Arc<Warmer>>,
    show_values: bool,
}

/// What all requests share.
struct State {
    cache: Cache,
    gate: Gate,
    show_values: bool,
    databases: databases::Databases,
    warmer: Option<Arc<Warmer>>,
    #[cfg(feature = "prometheus")]
    prometheus: crate::metrics::Prometheus,
    /// Questions that look at every entry, a few at a time.
    laborious: Semaphore,
    /// Held while jobs run that were begun here.
    warming: Arc<Semaphore>,
}

/// So many questions that look at every entry run at a time.
const LABORIOUS: usize = 2;
/// A token is at least so long: what is shorter can be guessed.
const LEAST_TOKEN: usize = 16;

impl Admin {
    /// An admin API for this cache; one for a handle of few rights sees and does what that may.
    pub fn new(cache: &Cache) -> Self {
        Self {
            cache: cache.clone(),
            reads: None,
            writes: None,
            open_reads: false,
            hosts: Vec::new(),
            rate: Rate::of(200, 1_000),
            databases: databases::Databases::default(),
            warmer: None,
            show_values: false,
        }
    }

    /// Who has this may read. At least 16 bytes. Default: nobody, but see [`Admin::open_reads`].
    pub fn read_token(mut self, token: impl Into<String>) -> Self {
        self.reads = Some(Token::new(token.into()));
        self
    }

    /// Who has this may read and change. At least 16 bytes. Default: nobody.
    pub fn write_token(mut self, token: impl Into<String>) -> Self {
        self.writes = Some(Token::new(token.into()));
        self
    }

    /// Lets everybody read who can reach it, under a host that is allowed. Default: no, but for a server of its own on
    /// loopback without any token.
    pub fn open_reads(mut self, open: bool) -> Self {
        self.open_reads = open;
        self
    }

    /// One more host under which it may be asked, as browsers write it: `ops.example.com`, with its port if that is not
    /// everybody's. Default: `localhost`, `127.0.0.1` and `[::1]`, at any port.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into().to_ascii_lowercase());
        self
    }

    /// How many requests are answered in a time; others are told to come again. Those with the write token, those with the
    /// read token and those with none have so many each, so that however many look on, an operator is answered. Default: 200 a
    /// second.
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = rate;
        self
    }

    /// One more database of which it tells: connections, slow statements, advice.
    #[cfg(all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
    pub fn database<DB: crate::database::Driver>(mut self, database: &crate::database::Database<DB>) -> Self {
        self.databases.add(database);
        self
    }

    /// The warm-up whose jobs it tells of and runs.
    pub fn warmer(mut self, warmer: &Arc<Warmer>) -> Self {
        self.warmer = Some(Arc::clone(warmer));
        self
    }

    /// Shows values: `GET /keys/{key}` then answers, to the write token alone, the first 4096 bytes of the value's JSON in near
    /// and in each tier, and says if that is not all; the dashboard shows them as text. Default: no, no value leaves the
    /// cache by this API.
    ///
    /// Not for every cache: what is kept may be data of your users, and who may clear a cache need not be one who may read
    /// those. Never shown are values of a cache with encryption and those whose key hides a part (`secret(..)`); see
    /// [`Cache::explain_with_values`]. Each look is a line in the log, with the site and without the key.
    pub fn show_values(mut self, shown: bool) -> Self {
        self.show_values = shown;
        self
    }

    /// The router, to be mounted anywhere: `Router::new().nest("/ops", admin.router()?)`. Nest it: it answers what it does not
    /// know, so merged it would answer that for the whole service, or panic beside a fallback of its own.
    ///
    /// # Errors
    /// A `Config` error if there is no token and reads are not open by word, if a token is shorter than 16 bytes or cannot be
    /// sent, or if values are to be shown and there is no write token.
    pub fn router(self) -> Result<Router> {
        if self.reads.is_none() && self.writes.is_none() && !self.open_reads {
            let text = "anybody who can reach the router could read: give it a token, or say `open_reads(true)`";
            return Err(Error::config("read_token", text));
        }
        self.into_router()
    }

    /// Serves it at this address, such as `127.0.0.1:9090`, until it is told to stop or dropped.
    ///
    /// At most 256 connections are held at a time; who comes when all are taken gets the place of who has asked nothing for
    /// longest, if that is a quarter of a second, or of who has been there for longest, if that is half a second. A client that takes longer than ten seconds for a request is let go.
    ///
    /// # Errors
    /// A `Config` error for an address that is not loopback, without any token, though reads are open; as [`Admin::router`] else; and if
    /// nobody can listen there.
    pub async fn serve(mut self, address: &str) -> Result<Serving> {
        let refuse = |text: String| Error::config("address", text).with("address", address);
        let found = tokio::net::lookup_host(address).await.map_err(|error| refuse(error.to_string()))?;
        let found: Vec<SocketAddr> = found.collect();
        if found.is_empty() {
            return Err(refuse("names no address".to_owned()));
        }
        let private = found.iter().all(|address| address.ip().is_loopback());
        if !private && self.reads.is_none() && self.writes.is_none() {
            let text = "others than this machine could reach it: give it a `read_token`, or serve it at 127.0.0.1";
            return Err(refuse(text.to_owned()));
        }
        self.open_reads |= private && self.reads.is_none() && self.writes.is_none();
        let listener = listen::listen(&found).map_err(|error| refuse(error.to_string()))?;
        listen::serve(listener, self.into_router()?)
    }

    fn into_router(self) -> Result<Router> {
        for (setting, token) in [("read_token", &self.reads), ("write_token", &self.writes)] {
            if token.as_ref().is_some_and(|token| token.len() < LEAST_TOKEN) {
                return Err(Error::config(setting, "has to be at least 16 bytes long"));
            }
            if token.as_ref().is_some_and(|token| !token.can_be_sent()) {
                let text = "is of visible ASCII, without spaces or ends of lines around it: nobody could send it";
                return Err(Error::config(setting, text));
            }
        }
        if self.show_values && self.writes.is_none() {
            let text = "values are shown to the write token alone: give it a `write_token`, or leave values out";
            return Err(Error::config("show_values", text));
        }
        // Who looks at it wants to know what is asked for, and what was invalidated.
        self.cache.watch();
        self.cache.watch_accesses();
        let _remembered = self.cache.invalidated(0);
        let gate = Gate::new(self.reads, self.writes, self.open_reads, self.hosts, self.rate)?;
        let state = State {
            #[cfg(feature = "prometheus")]
            prometheus: crate::metrics::Prometheus::new(&self.cache),
            cache: self.cache,
            gate,
            show_values: self.show_values,
            databases: self.databases,
            warmer: self.warmer,
            laborious: Semaphore::new(LABORIOUS),
            warming: Arc::new(Semaphore::new(1)),
        };
        Ok(router::of(Arc::new(state)))
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("hosts", &self.hosts)
            .field("open_reads", &self.open_reads)
            .field("show_values", &self.show_values)
            .finish_non_exhaustive()
    }
}
