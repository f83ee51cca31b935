//! Whether curves are drawn, and the room that those of all sites of a cache share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes that sampled keys may take, all sites together; a few of each site come on top.
#[derive(Debug)]
pub(crate) struct Room(AtomicUsize);

impl Room {
    pub(crate) const fn of(bytes: usize) -> Self {
        Self(AtomicUsize::new(bytes))
    }

    /// Takes so many bytes, if they are there.
    pub(super) fn take(&self, bytes: usize) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    pub(super) fn give(&self, bytes: usize) {
        self.0.fetch_add(bytes, Relaxed);
    }
}

/// Whether curves are drawn.
#[derive(Debug, Clone)]
pub(crate) struct Curves(Option<Arc<Room>>);

impl Curves {
    /// Sampled keys take this part of what near may hold, all sites together.
    const PART: u64 = 32;
    /// Or as much as this.
    const LEAST: u64 = 1 << 20;

    /// Drawn beside so many bytes of values.
    pub(crate) fn within(near_bytes: u64) -> Self {
        let bytes = usize::try_from((near_bytes / Self::PART).max(Self::LEAST)).unwrap_or(usize::MAX);
        Self(Some(Arc::new(Room::of(bytes))))
    }

    pub(crate) const fn none() -> Self {
        Self(None)
    }

    pub(crate) const fn room(&self) -> Option<&Arc<Room>> {
        self.0.as_ref()
    }
}

impl Default for Curves {
    fn default() -> Self {
        Self::none()
    }
}
