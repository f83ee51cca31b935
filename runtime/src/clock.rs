//! Time as an argument: one clock per cache, coarse in production and moved by hand in tests.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, as one clock sees them.
pub type Millis = u64;

/// Where a cache reads the time.
///
/// The system clock is anchored to the wall once, when it is made, and then follows the monotonic clock: stepping the
/// wall clock while the process runs neither expires nor revives an entry. It is read through the kernel's coarse
/// clock, which costs a few nanoseconds and is off by one tick at most (4 ms on common kernels); reading the precise
/// clock would triple the cost of a hit.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System { wall: Millis, start: coarsetime::Instant },
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Source::System { wall: millis(wall), start: coarsetime::Instant::now_without_cache_update() })
    }

    /// A clock that stands still until [`Clock::advance`] moves it. All clones show the same time.
    ///
    /// Deadlines of loads (`timeout`, `soft_timeout`) are timers of the runtime and do not follow it.
    #[must_use]
    pub fn manual() -> Self {
        // Not zero: so that a test can also look a little into the past.
        Self(Source::Manual(Arc::new(AtomicU64::new(1_000_000_000_000))))
    }

    /// The time now.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Millis {
        match &self.0 {
            Source::System { wall, start } => {
                // Without the library's own cache: all threads would write to one line.
                wall + coarsetime::Instant::now_without_cache_update().duration_since(*start).as_millis()
            }
            Source::Manual(now) => now.load(Ordering::Acquire),
        }
    }

    /// Moves a manual clock forward; a system clock cannot be moved and stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_add(millis(by), Ordering::AcqRel);
        }
    }

    /// Sets a manual clock, forward or back; a system clock stays as it is.
    pub fn set(&self, to: Millis) {
        if let Source::Manual(now) = &self.0 {
            now.store(to, Ordering::Release);
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::System { .. } => f.write_str("Clock::System"),
            Source::Manual(now) => f.debug_tuple("Clock::Manual").field(now).finish(),
        }
    }
}

/// A duration in whole milliseconds, saturating.
#[must_use]
pub fn millis(d: Duration) -> Millis {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}
