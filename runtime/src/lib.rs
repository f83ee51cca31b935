//! cached
pub mod chance;
pub mod clock;
pub mod codec;
pub mod error;
pub mod group;
pub mod key;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tier;
