//! cached
pub mod clock;
pub mod codec;
pub mod error;
pub mod group;
pub mod key;
pub mod outcome;
pub mod policy;
pub mod site;
pub mod tier;
