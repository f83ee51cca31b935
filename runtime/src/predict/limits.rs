//! What one predictor may hold, and when it may speak.

/// What a predictor may remember, and what it must be worth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Successors that are remembered; also so many that were seen once, and half so many keys.
    pub(crate) pairs: usize,
    /// Sessions whose last accesses are known; the one that was quiet for longest gives way.
    pub(crate) sessions: usize,
    /// A prediction must come true within so many accesses of its session.
    pub(crate) window: u32,
    /// The most steps that are looked ahead, at least one. How many really are depends on how many loads come late.
    pub(crate) ahead: usize,
    /// So often must one key have followed another before anything is concluded from it.
    pub(crate) seen: u8,
    /// Evidence that comes true less often than this is not acted upon. What asks for certainty, 1, never gets it.
    pub(crate) precision: f32,
    /// A site where a smaller part of the misses could be spared is left alone.
    pub(crate) gain: f32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pairs: 65_536, sessions: 4_096, window: 100, ahead: 16, seen: 3, precision: 0.8, gain: 0.02 }
    }
}
