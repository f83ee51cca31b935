//! What tests of caches need: tiers that fail on command, points to hold and release, loaders that count.
//!
//! Made for the tests of those who use this crate as much as for its own. Feature `testing`; not for production.

mod chaos;
mod gate;
mod loader;

pub use chaos::{Chaos, Counts, Lie, Operation};
pub use gate::Gate;
pub use loader::{CountingLoader, Script, ScriptedError};

pub use crate::tier::contract;
