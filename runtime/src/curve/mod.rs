//! What if a site had more memory, or less: its miss-ratio curve, from a sample of its keys.
//!
//! An entry of a sampled key is marked, and a hit on it takes a way aside where it is noted; a hit on any other pays
//! nothing at all. Notes are played in seven miniature caches, which run near's own policy on the sampled keys
//! alone, in that part of each size that the sampled keys are of all. How many keys are sampled follows what calls
//! take, so that the curve costs about a hundredth of it, and never exceeds 4,096 a site.
//!
//! The miniatures are our own and no engines: one record a key for all sizes, where a sampled call costs as much as two
//! or three calls of one engine. With every key sampled they miss what quick_cache misses, to the last call.

mod figures;
mod miniature;
mod records;
mod room;
mod sampler;
mod simulation;
#[cfg(test)]
mod tests;
mod window;

pub use figures::{Curve, CurvePoint};
pub(crate) use miniature::{Play, Size};
pub(crate) use room::{Curves, Room};
pub(crate) use sampler::Sampler;
pub(crate) use simulation::Stored;
