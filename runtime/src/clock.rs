//! Time as an argument: one clock per cache, coarse in production and moved by hand in tests.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;

use crate::ticker;

/// Milliseconds since the Unix epoch, as one clock sees them.
pub type Millis = u64;

/// Where a cache reads the time.
///
/// The system clock is anchored to the wall once, when it is made, and then follows the monotonic clock: stepping the
/// wall clock while the process runs neither expires nor revives an entry. It goes on while the machine sleeps, on Linux,
/// macOS and Windows: what a laptop or a paused virtual machine has in memory grows old as everywhere. It is coarse: a hit
/// reads one number that a small thread keeps up to date, a few milliseconds behind; reading the precise clock would
/// triple the cost of a hit. The thread rests while nothing is read.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    /// The wall's time when the process's uptime was 0.
    System {
        zero: Millis,
    },
    Manual(Arc<Hand>),
}

/// The hand of a clock that is moved, and who waits for it.
#[derive(Debug)]
struct Hand {
    now: AtomicU64,
    moved: Notify,
}

/// The longest life that anything is given: a hundred years of 365.25 days. Longer is a slip of the pen, and sums of
/// lives and times would not fit into what stores keep them in.
pub(crate) const CENTURY: Duration = Duration::from_secs(36_525 * 24 * 3_600);

/// A machine that sleeps does not wake a timer in time: nobody waits for longer without a look at the clock.
const LONGEST: Millis = 60_000;

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(Source::System { zero: millis(wall).saturating_sub(ticker::exact()) })
    }

    /// A clock that stands still until [`Clock::advance`] moves it. All clones show the same time.
    ///
    /// Deadlines of loads (`timeout`, `soft_timeout`) are timers of the runtime and do not follow it.
    #[must_use]
    pub fn manual() -> Self {
        // Not zero: so that a test can also look a little into the past.
        Self(Source::Manual(Arc::new(Hand { now: AtomicU64::new(1_000_000_000_000), moved: Notify::new() })))
    }

    /// The time now.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Millis {
        match &self.0 {
            Source::System { zero } => zero + ticker::uptime(),
            Source::Manual(hand) => hand.now.load(Ordering::Acquire),
        }
    }

    /// The time now, and the assurance that what is read next is not far behind it. For what is done per load.
    pub(crate) fn now_assured(&self) -> Millis {
        if let Source::System { .. } = &self.0 {
            ticker::catch_up();
        }
        self.now()
    }

    /// Moves a manual clock forward; a system clock cannot be moved and stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(hand) = &self.0 {
            hand.now.fetch_add(millis(by), Ordering::AcqRel);
            hand.moved.notify_waiters();
        }
    }

    /// Sets a manual clock, forward or back; a system clock stays as it is.
    pub fn set(&self, to: Millis) {
        if let Source::Manual(hand) = &self.0 {
            hand.now.store(to, Ordering::Release);
            hand.moved.notify_waiters();
        }
    }

    /// Waits until the clock shows this time. A manual clock has to be moved there by somebody.
    pub(crate) async fn until(&self, at: Millis) {
        loop {
            match &self.0 {
                Source::System { .. } => {
                    let left = at.saturating_sub(self.now_assured());
                    if left == 0 {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(left.min(LONGEST))).await;
                }
                Source::Manual(hand) => {
                    let mut moved = pin!(hand.moved.notified());
                    // Listens before it looks: a move between the two is heard.
                    moved.as_mut().enable();
                    if self.now() >= at {
                        return;
                    }
                    moved.await;
                }
            }
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
            Source::Manual(hand) => f.debug_tuple("Clock::Manual").field(&hand.now).finish(),
        }
    }
}

/// A life that a value, or code, says while the cache runs: in milliseconds, and a century at most.
pub(crate) fn life(said: Duration) -> Millis {
    millis(said.min(CENTURY))
}

/// A duration in whole milliseconds, saturating.
#[must_use]
pub fn millis(d: Duration) -> Millis {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}
