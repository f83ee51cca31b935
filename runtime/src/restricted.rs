//! Handles that may do less: another table of shelves over the same cache.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::access::{Access, Right, Rules};
use crate::applied::Applied;
use crate::cache::Cache;
use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::group::Group;

/// The log is written to at most this often.
const SAY: Millis = 1_000;

/// What a handle may do less than the one it was made of.
pub(crate) struct Restriction {
    /// The handle that it was made of.
    pub(crate) whole: Cache,
    rules: Rules,
}

/// What was refused.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    count: AtomicU64,
    unsaid: AtomicU64,
    next: AtomicU64,
}

impl Cache {
    /// Another handle to this cache that may do only what these rules allow, and nothing that this one may not.
    ///
    /// What it may not read is loaded, and neither read from the cache nor stored in it: the caller notices nothing but
    /// the time. What it may not write is not stored. What it may not invalidate is refused with
    /// [`ErrorKind::Denied`](crate::ErrorKind::Denied), or [`Applied::Denied`] where no error is answered; nothing of a
    /// call that is refused is invalidated. All of it is counted in `Stats::denied`, and said in the log once a second at
    /// most.
    ///
    /// Rules keep a part of a program to its own namespaces; they are no wall against code that means harm, and bear on
    /// values and invalidations alone: statistics, capacity, `flush` and `shutdown` are those of the cache. The handle can
    /// be named by `cache = ..`, and installed.
    ///
    /// Cost: none on a hit, with rules or without. A handle has a table of its own of the functions that it may read, and
    /// a hit looks into one table anyway; what is not in it takes the way of a function that was not called yet, where
    /// rules are asked. Make it once and keep it: every function is entered in the table at its first call.
    ///
    /// # Errors
    /// A `Config` error for a rule that is no glob, or not of a whole namespace.
    pub fn restricted(&self, access: Access) -> Result<Self> {
        Ok(self.under(Restriction { whole: self.clone(), rules: Rules::of(access)? }))
    }

    /// Invalidates these groups as [`Cache::invalidate`] does.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](crate::ErrorKind::Denied) if this handle may not invalidate one of them, with the namespace
    /// and the rules; then none of them is invalidated.
    pub async fn try_invalidate(&self, groups: Vec<Group>) -> Result<Applied> {
        self.permit(&groups)?;
        Ok(self.tell(groups).await)
    }

    /// May this handle do that in this namespace? What it may not is counted.
    pub(crate) fn may(&self, right: Right, namespace: &str) -> bool {
        self.0.restriction.as_ref().is_none_or(|restriction| {
            let allowed = restriction.allow(right, namespace);
            if !allowed {
                self.deny(&restriction.rules.denied(right, namespace));
            }
            allowed
        })
    }

    /// May this handle do less than others?
    #[cfg(feature = "http")]
    pub(crate) fn is_restricted(&self) -> bool {
        self.0.restriction.is_some()
    }

    /// May this handle know of this namespace? Not counted.
    #[cfg(feature = "_seen")]
    pub(crate) fn sees(&self, namespace: &str) -> bool {
        self.0.restriction.as_ref().is_none_or(|restriction| restriction.allow(Right::Read, namespace))
    }

    /// May this handle invalidate all of these? What it may not is counted.
    pub(crate) fn permit(&self, groups: &[Group]) -> Result<()> {
        let Some(restriction) = &self.0.restriction else { return Ok(()) };
        restriction.rules.permit(groups).inspect_err(|error| self.deny(error))?;
        restriction.whole.permit(groups)
    }

    #[cold]
    fn deny(&self, error: &Error) {
        self.0.denials.add(self.clock().now(), error);
    }
}

impl Restriction {
    fn allow(&self, right: Right, namespace: &str) -> bool {
        let outer = &self.whole.0.restriction;
        self.rules.allow(right, namespace) && outer.as_ref().is_none_or(|outer| outer.allow(right, namespace))
    }
}

impl Denials {
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn add(&self, now: Millis, error: &Error) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let denied = self.unsaid.fetch_add(1, Ordering::Relaxed) + 1;
        let next = self.next.load(Ordering::Relaxed);
        // A wall clock set far back must not silence the log for as long.
        let due = now >= next || next - now > SAY;
        if due && self.next.compare_exchange(next, now + SAY, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.unsaid.store(0, Ordering::Relaxed);
            tracing::warn!(denied, "{error}");
        }
    }
}

impl fmt::Debug for Restriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { whole: _, rules } = self;
        rules.fmt(f)
    }
}
