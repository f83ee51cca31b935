//! What wakes the one who waits for news: PostgreSQL tells that there are some, elsewhere one looks now and then.
//!
//! It only wakes. What is new is read from the table, also when nobody rang.

#[cfg(feature = "postgres")]
mod listening;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

#[cfg(feature = "postgres")]
pub(super) use listening::listen;

/// Rings when there is something new, if there is a way to hear of it.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: Notify,
    hears: AtomicBool,
}

impl Bell {
    /// Waits until it rings: so long at most, or only for the pause while there is nobody who would ring.
    pub(super) async fn wait(&self, most: Duration, pause: Duration) {
        let most = if self.hears.load(Ordering::Acquire) { most } else { most.min(pause) };
        let _ = timeout(most, self.rung.notified()).await;
    }
}

/// No server rings.
#[cfg(not(feature = "postgres"))]
pub(super) fn listen(
    _: &std::sync::Arc<Bell>,
    _: &crate::tier::sql::host::Host,
    _: &crate::tier::sql::server::Terms,
) -> Option<tokio::task::AbortHandle> {
    None
}
