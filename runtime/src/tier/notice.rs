//! What the log says about a failing tier: one line a second at most.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::{Clock, Millis};
use crate::error::Error;

const EVERY: Millis = 1_000;

/// Says at most once a second that a tier failed, and how often since the last time.
#[derive(Debug)]
pub(super) struct Notice {
    tier: &'static str,
    clock: Clock,
    next: AtomicU64,
    unsaid: AtomicU64,
}

impl Notice {
    pub(super) fn new(tier: &'static str, clock: Clock) -> Self {
        Self { tier, clock, next: AtomicU64::new(0), unsaid: AtomicU64::new(0) }
    }

    /// Logs the kind of the error, and its code if it has one, which tells what to change. Nothing else of it: its text
    /// could name what a user typed.
    pub(super) fn failed(&self, operation: &'static str, error: &Error) {
        let failures = self.unsaid.fetch_add(1, Ordering::Relaxed) + 1;
        let (now, next) = (self.clock.now(), self.next.load(Ordering::Relaxed));
        // A wall clock set far back must not silence the log for as long.
        let due = now >= next || next - now > EVERY;
        if due && self.next.compare_exchange(next, now + EVERY, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.unsaid.store(0, Ordering::Relaxed);
            let code = error.context("code");
            tracing::warn!(tier = self.tier, operation, kind = error.kind().word(), code, failures, "the tier failed");
        }
    }
}
