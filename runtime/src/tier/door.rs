//! The door to a store that may be open or closed, and when to try it again.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crate::clock::Millis;
use crate::error::{Error, ErrorKind};
use crate::ticker;

/// How long after one try, or one look at the path, the next may follow.
const PAUSE: u64 = 1_000;

/// A store behind a door: callers pass while it is open and are told why it is closed otherwise.
pub(super) struct Door<S> {
    store: RwLock<Option<Arc<S>>>,
    why: Mutex<Error>,
    start: Millis,
    try_at: AtomicU64,
    look_at: AtomicU64,
    opening: AtomicBool,
    /// Closed for good: not to be opened again.
    ended: AtomicBool,
    asides: AtomicU64,
}

impl<S> Door<S> {
    /// A closed door.
    pub(super) fn closed() -> Self {
        Self {
            store: RwLock::new(None),
            why: Mutex::new(Error::new(ErrorKind::Tier, "the store is not open yet")),
            start: ticker::exact(),
            try_at: AtomicU64::new(0),
            look_at: AtomicU64::new(PAUSE),
            opening: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            asides: AtomicU64::new(0),
        }
    }

    /// The store, if the door is open.
    pub(super) fn store(&self) -> Option<Arc<S>> {
        self.store.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why the door is closed.
    pub(super) fn why(&self) -> Error {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens the door, or keeps it closed with a reason, and lets the next try happen after a pause.
    pub(super) fn set(&self, opened: Result<Arc<S>, Error>) {
        let store = match opened {
            Ok(store) => Some(store),
            Err(why) => {
                self.explain(why);
                None
            }
        };
        let mut door = self.store.write().unwrap_or_else(PoisonError::into_inner);
        if !self.ended.load(Ordering::Acquire) {
            *door = store;
        }
        drop(door);
        let next = self.now() + PAUSE;
        self.try_at.store(next, Ordering::Release);
        self.look_at.store(next, Ordering::Release);
        self.opening.store(false, Ordering::Release);
    }

    /// Closes the door and claims the one try to open it again; `None` if there is nothing to do for this caller.
    ///
    /// `failed` is the store the caller had trouble with: if another stands open meanwhile, the trouble is over. The
    /// claimer has to call [`Door::set`]; it gets the store that stood open, to be dropped where waiting is allowed.
    pub(super) fn shut(&self, failed: Option<&Arc<S>>, why: Error) -> Option<Option<Arc<S>>> {
        if self.ended.load(Ordering::Acquire) || self.opening.swap(true, Ordering::AcqRel) {
            return None;
        }
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        if store.as_ref().map(Arc::as_ptr) != failed.map(Arc::as_ptr) {
            self.opening.store(false, Ordering::Release);
            return None;
        }
        self.explain(why);
        Some(store.take())
    }

    /// Closes the door for good; gives the store that stood open, to be dropped where waiting is allowed.
    pub(super) fn end(&self) -> Option<Arc<S>> {
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        self.ended.store(true, Ordering::Release);
        self.explain(Error::new(ErrorKind::Closed, "the tier was shut down"));
        store.take()
    }

    /// How long to wait before the next try, so that a store which fails at once is not opened in a loop.
    pub(super) fn rest(&self) -> Duration {
        Duration::from_millis(self.try_at.load(Ordering::Acquire).saturating_sub(self.now()).min(PAUSE))
    }

    /// Claims the one look at the path that a second allows.
    #[cfg(any(feature = "disk", feature = "sqlite"))]
    pub(super) fn may_look(&self) -> bool {
        self.claim(&self.look_at)
    }

    /// Claims the one try to open that a second allows.
    pub(super) fn may_try(&self) -> bool {
        !self.ended.load(Ordering::Acquire) && !self.opening.load(Ordering::Acquire) && self.claim(&self.try_at)
    }

    /// Counts one store set aside.
    #[cfg(any(feature = "disk", feature = "sqlite"))]
    pub(super) fn count_aside(&self) {
        self.asides.fetch_add(1, Ordering::Relaxed);
    }

    /// How many stores were set aside.
    pub(super) fn asides(&self) -> u64 {
        self.asides.load(Ordering::Relaxed)
    }

    fn explain(&self, why: Error) {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    fn now(&self) -> u64 {
        ticker::exact().saturating_sub(self.start)
    }

    fn claim(&self, at: &AtomicU64) -> bool {
        let (now, due) = (self.now(), at.load(Ordering::Acquire));
        now >= due && at.compare_exchange(due, now + PAUSE, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

impl<S> fmt::Debug for Door<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.store().is_some();
        f.debug_struct("Door").field("open", &open).field("set_aside", &self.asides()).finish_non_exhaustive()
    }
}
