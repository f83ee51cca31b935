//! What became of what was handed to the tiers.

use crate::plain::plain;

/// What became of invalidations handed to a shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Applied {
    /// The tier has taken them; the effect survives the process.
    Applied,
    /// The tier has not taken them yet. Until it has, the shelf answers no reads and takes no writes.
    Queued,
    /// Nothing of it was invalidated: the handle may not; see [`Cache::restricted`](crate::Cache::restricted).
    Denied,
}

plain! {
    /// What became of the frames that were waiting when a flush began. The three numbers add up to theirs.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
    pub struct Flushed {
        /// Frames the tier has stored.
        pub written: usize,
        /// Frames that did not have to be stored any more: invalidated or expired meanwhile, replaced by a newer one, or
        /// left out by the tier.
        pub spared: usize,
        /// Frames the tier has not stored, or has not said so in time.
        pub unwritten: usize,
        /// Invalidations the tier has not taken.
        pub records: usize,
    }
}
