//! cached
pub mod clock;
pub mod codec;
pub mod error;
pub mod group;
pub mod key;
pub mod tier;

/// What tests of caches and of tiers need.
#[cfg(feature = "testing")]
pub mod testing {
    pub use crate::tier::contract;
}
