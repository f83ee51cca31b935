//! What a cache stands on, as far as the adviser asks for it.

use std::path::PathBuf;

use crate::clock::Millis;

/// What only the builder knows of the tiers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// The tiers in files of this node, and where.
    pub(crate) places: Vec<(&'static str, PathBuf)>,
    pub(crate) redis: Option<OfRedis>,
    /// Do nodes share a log?
    pub(crate) shared: bool,
    /// How long a tier may take to answer; 0 without tiers.
    pub(crate) read_deadline: Millis,
    /// How many frames may wait to be written, and how many are written at a time.
    pub(crate) pending: usize,
    pub(crate) batch: usize,
    /// Is what goes below near encrypted?
    pub(crate) encrypted: bool,
}

/// What is known of Redis before it is asked.
#[derive(Debug, Clone)]
pub(crate) struct OfRedis {
    /// Do keys begin as they do if nobody says how?
    pub(crate) usual_prefix: bool,
    /// Does what is said to it go over a network where others can read it?
    pub(crate) readable: bool,
    pub(crate) max_frame: usize,
    pub(crate) fence: Millis,
}
