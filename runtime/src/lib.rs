#![doc = include_str!("../../README.md")]
#![cfg_attr(
    all(feature = "_shared", not(any(feature = "redis", feature = "postgres", feature = "mysql"))),
    allow(
        dead_code,
        unused_imports,
        unused_macros,
        unused_variables,
        reason = "a base, and nothing that stands on it"
    )
)]

mod access;
mod accesses;
mod adaptive;
#[cfg(feature = "http")]
pub mod admin;
pub mod adviser;
mod ahead;
#[cfg(feature = "answers")]
pub mod answers;
mod applied;
#[cfg(feature = "_seen")]
pub mod audit;
mod batched;
#[cfg(feature = "rate")]
mod budget;
#[cfg(not(feature = "rate"))]
#[path = "budget_absent.rs"]
mod budget;
pub mod builder;
mod cache;
mod call;
pub mod chance;
pub mod clock;
pub mod codec;
#[cfg(feature = "tiers")]
pub mod compress;
#[cfg(feature = "config")]
pub mod config;
pub mod curve;
#[cfg(all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
pub mod database;
#[cfg(feature = "dedup")]
pub mod dedup;
mod depth;
mod dials;
pub mod each;
#[cfg(feature = "embed")]
pub mod embed;
mod entry;
pub mod error;
mod facts;
mod flight;
#[cfg(feature = "_shared")]
mod follow;
mod foresight;
#[cfg(feature = "tiers")]
mod frames;
mod front;
mod gatherings;
pub mod group;
#[cfg(any(
    feature = "_seen",
    feature = "_shared",
    all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql"))
))]
mod histogram;
#[cfg(feature = "image")]
pub mod image;
mod intent;
mod invalidator;
mod join;
pub mod key;
mod load;
mod log;
#[cfg(any(feature = "metrics", feature = "opentelemetry"))]
pub mod metrics;
mod names;
pub mod namespace;
mod near;
mod outcome;
mod own;
pub mod pages;
#[cfg(any(feature = "image", feature = "dedup"))]
#[cfg_attr(not(feature = "image"), allow(unreachable_pub, reason = "formats are public where pictures are written"))]
mod picture;
mod plain;
pub mod policy;
#[allow(dead_code, reason = "sums and bounds that only its own tests ask for")]
mod predict;
mod probe;
mod probe_macros;

mod profile;
mod rate;
#[cfg(feature = "response")]
pub mod response;
mod restricted;
#[cfg(feature = "_seen")]
pub mod seen;
#[cfg(any(
    feature = "_shared",
    all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql"))
))]
mod seldom;
pub mod session;
mod settings;
mod shelf;
pub mod site;
mod slots;
#[cfg(feature = "_seen")]
mod slow;
#[cfg(feature = "_seen")]
mod spelling;
#[cfg(feature = "tiers")]
mod stack;
#[cfg(not(feature = "tiers"))]
#[path = "stack_absent.rs"]
mod stack;
#[cfg(feature = "query")]
pub mod statement;
pub mod stats;
#[cfg(feature = "tiers")]
mod strangers;
mod sync;
mod tally;
mod telling;
#[cfg(feature = "testing")]
pub mod testing;
mod ticker;
#[cfg(feature = "tiers")]
pub mod tier;
#[cfg(feature = "tiers")]
mod upkeep;
pub mod warmup;
mod what_if;
mod which;

#[doc(hidden)]
pub mod __private;

pub use access::Access;
pub use applied::{Applied, Flushed};
pub use builder::Builder;
pub use cache::Cache;
pub use cached_derive::{KeyPart, ReadPart, cache, cache_query, invalidate, warmup};
#[cfg(feature = "encryption")]
pub use codec::{KeySecrecy, Keys};
pub use dials::Tuning;
pub use entry::Entry;
pub use error::{Error, ErrorKind, Result};
pub use invalidator::Invalidator;
pub use key::{Key, KeyPart, ReadPart};
pub use namespace::{Namespace, SetOptions};
pub use near::Eviction;
pub use rate::Rate;
pub use stats::Stats;
#[cfg(feature = "tiers")]
pub use tier::Tier;
#[cfg(feature = "tiers")]
pub use upkeep::Cleaned;
pub use warmup::{Warmer, Warmup};
