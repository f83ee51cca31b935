//! The settings and the reports of a write-behind shelf.

use std::time::Duration;

use serde::Serialize;

use crate::clock::Clock;

/// The settings of a [`Behind`](super::Behind).
#[derive(Debug, Clone)]
pub struct BehindOptions {
    /// The tier's name in the log and of the worker's thread. Default: `tier`.
    pub name: &'static str,
    /// How many frames may wait to be written. Default: 4096.
    pub max_pending_frames: usize,
    /// How many bytes of frames may wait to be written. Default: 32 MiB.
    pub max_pending_bytes: usize,
    /// How many frames go to the tier in one call. Default: 64.
    pub batch: usize,
    /// How many entries one step of upkeep looks at. Default: 128.
    pub tidy_entries: usize,
    /// How many invalidations the tier has not taken yet are kept one by one; with more they become one that names
    /// everything. Default: 10 000.
    pub backlog: usize,
    /// How long `apply` waits for the tier. Default: 200 ms.
    pub apply_deadline: Duration,
    /// How long one call of the tier may take before it is given up; a guard around the tier is usually quicker.
    /// Default: 5 s.
    pub call_deadline: Duration,
    /// The pause after a failed call; it doubles with each further failure, up to twenty times as long. Default: 50 ms.
    pub retry: Duration,
    /// The pause between two steps of upkeep while there is something to sweep. Default: 250 ms.
    pub sweep_every: Duration,
    /// The pause between two steps of upkeep while there is nothing to sweep. Default: 5 s.
    pub idle_every: Duration,
    /// The clock by which frames expire. Default: the system's.
    pub clock: Clock,
}

impl Default for BehindOptions {
    fn default() -> Self {
        Self {
            name: "tier",
            max_pending_frames: 4096,
            max_pending_bytes: 32 << 20,
            batch: 64,
            tidy_entries: 128,
            backlog: 10_000,
            apply_deadline: Duration::from_millis(200),
            call_deadline: Duration::from_secs(5),
            retry: Duration::from_millis(50),
            sweep_every: Duration::from_millis(250),
            idle_every: Duration::from_secs(5),
            clock: Clock::system(),
        }
    }
}

/// The counts of a shelf at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BehindStats {
    /// Frames waiting to be written, those being written included.
    pub pending_frames: usize,
    /// Their bytes.
    pub pending_bytes: usize,
    /// Invalidations the tier has not taken yet.
    pub backlog: usize,
    /// Is the shelf closed until the tier has taken the backlog?
    pub closed: bool,
    /// How often the backlog overflowed into one invalidation of everything.
    pub overflows: u64,
    /// Frames the tier has stored.
    pub written: u64,
    /// Calls that stored frames.
    pub batches: u64,
    /// Calls that should have and failed.
    pub failed_batches: u64,
    /// Frames not taken, because the queue was full or the shelf closed, frames given up, and those the tier left out.
    pub dropped: u64,
    /// Frames not served or not written, because the judge refused them.
    pub refused: u64,
    /// Stored bytes that were no frame, and frames that were found under another's key.
    pub unreadable: u64,
    /// Reads that met an entry of a newer version of this crate, and left it in place.
    pub newer: u64,
    /// Calls that brought invalidations to the tier and failed.
    pub failed_applies: u64,
    /// Entries the upkeep has removed.
    pub tidied: u64,
    /// Times the upkeep has come round.
    pub rounds: u64,
    /// Entries in the tier, as it counted them at its last upkeep.
    pub entries: u64,
    /// Bytes in the tier, as it counted them at its last upkeep.
    pub bytes: u64,
}
