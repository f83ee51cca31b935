#![doc = include_str!("../../README.md")]

pub mod builder;
mod cache;
mod call;
pub mod chance;
pub mod clock;
pub mod codec;
mod depth;
mod entry;
pub mod error;
mod flight;
mod front;
pub mod group;
mod intent;
mod invalidator;
mod join;
pub mod key;
mod load;
mod log;
mod names;
pub mod namespace;
mod near;
mod outcome;
mod own;
pub mod policy;
mod probe;
mod probe_macros;
mod settings;
mod shelf;
pub mod site;
mod slots;
mod stack;
pub mod stats;
#[cfg(feature = "testing")]
pub mod testing;
mod ticker;
pub mod tier;
mod which;

#[doc(hidden)]
pub mod __private;

pub use builder::Builder;
pub use cache::Cache;
pub use cached_derive::{KeyPart, cache, invalidate};
pub use entry::Entry;
pub use error::{Error, ErrorKind, Result};
pub use invalidator::Invalidator;
pub use key::{Key, KeyPart};
pub use namespace::{Namespace, SetOptions};
pub use near::Eviction;
pub use stats::Stats;
pub use tier::{Applied, Flushed, Tier};
