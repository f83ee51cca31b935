//! What may be said only so often.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// When something was said last.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// May it be said again, having been said no later than so long ago? If so it counts as said.
    pub(crate) fn may(&self, every: Duration) -> bool {
        let mut last = self.0.lock();
        let may = last.is_none_or(|at| at.elapsed() >= every);
        if may {
            *last = Some(Instant::now());
        }
        may
    }
}
