//! Whether this node can prove that it has seen what other nodes invalidated, and what it does while it cannot.

use std::sync::Arc;

use super::interest::Interest;
use crate::sync::atomic::{AtomicU64, Ordering};

/// What is known of the shared log's completeness here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// All that others invalidated up to a moment ago is applied here; also if there are no others.
    Proven,
    /// Something may be missing. What was applied, or numbered, before these is not to be served any more.
    Suspect { first_seq: u64, first_number: u64 },
}

impl Trust {
    /// Nothing below this number of the node's own log is to be served before the shared log has been read.
    pub(super) const fn unproven(first_number: u64) -> Self {
        Self::Suspect { first_seq: 0, first_number }
    }

    /// The lowest application up to which a near entry must be checked to be served.
    pub(super) const fn first_seq(self) -> u64 {
        match self {
            Self::Proven => 0,
            Self::Suspect { first_seq, .. } => first_seq,
        }
    }

    /// The lowest birth of a frame of the node's own tiers that may be served.
    #[cfg(feature = "tiers")]
    pub(super) const fn first_number(self) -> u64 {
        match self {
            Self::Proven => 0,
            Self::Suspect { first_number, .. } => first_number,
        }
    }

    /// Lets hits of a shelf pass that were held, as far as it allows.
    pub(super) fn free(self, interest: &Interest, seq: u64) {
        match self {
            Self::Suspect { .. } if interest.is_strict() => {}
            Self::Proven | Self::Suspect { .. } => interest.release(seq),
        }
    }

    /// Makes a shelf heed it: while something may be missing, no plain hit of a strict one passes.
    pub(super) fn bear_on(self, interest: &Arc<Interest>, seq: u64) {
        match self {
            Self::Proven => interest.release(seq),
            Self::Suspect { .. } if interest.is_strict() => interest.raise(u64::MAX),
            Self::Suspect { first_seq, .. } => interest.raise(first_seq),
        }
    }
}

/// Until when the last proof that nothing is missing holds, by the cache's clock; for ever before the first one.
#[derive(Debug)]
pub(crate) struct Proof(AtomicU64);

impl Proof {
    pub(super) fn unlimited() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }

    #[cfg(feature = "_shared")]
    pub(crate) fn holds_until(&self, until: u64) {
        self.0.store(until, Ordering::SeqCst);
    }

    /// Is it too old now?
    pub(crate) fn has_lapsed(&self, now: u64) -> bool {
        now > self.0.load(Ordering::Acquire)
    }
}
