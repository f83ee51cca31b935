//! cached
pub mod clock;
pub mod codec;
pub mod error;
pub mod group;
pub mod key;
pub mod tier;
