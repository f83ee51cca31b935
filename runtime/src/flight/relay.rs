//! A load that its first caller drives itself, until somebody needs it to go on without that caller.
//!
//! While a load only reads tiers, a task of its own would cost more than it is worth. So the future lies where everyone
//! who joins can reach it: between two polls it is in the relay, and whoever must not depend on the first caller takes it
//! out and spawns it. During a poll it is with the first caller, never under the lock: what is polled may itself join.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::sync::atomic::{AtomicBool, Ordering::Relaxed};
use crate::sync::{Handle, Mutex};

/// A load, and the runtime that it belongs to.
pub(crate) struct Load {
    pub(crate) future: Pin<Box<dyn Future<Output = ()> + Send>>,
    pub(crate) runtime: Handle,
}

/// Where the load of one flight lies while its first caller drives it.
#[derive(Default)]
pub(crate) struct Relay {
    resting: Mutex<Option<(Load, Waker)>>,
    /// Is it to have a task of its own as soon as it waits? Set before the lock is taken to look for the load, and read
    /// under the lock before the load is laid down: one of the two finds what the other left.
    wanted: AtomicBool,
}

impl Load {
    /// Gives it a task of its own. If its runtime has ended it is dropped, and its flight is lost.
    pub(crate) fn spawn(self) {
        drop(self.runtime.spawn(self.future));
    }
}

impl Relay {
    /// From its next wait on the load has a task of its own. For the load itself, which is being polled.
    pub(crate) fn part(&self) {
        self.wanted.store(true, Relaxed);
    }

    /// From now on the load does not depend on its first caller being polled, or being there.
    pub(crate) fn free(&self) {
        self.part();
        let resting = self.resting.lock().take();
        if let Some((load, first)) = resting {
            load.spawn();
            // It is to wait for the flight now, as everybody else does.
            first.wake();
        }
    }

    /// Takes the load up to poll it; nothing if somebody has freed it.
    pub(crate) fn take(&self) -> Option<Load> {
        let resting = self.resting.lock().take();
        resting.map(|(load, _)| load)
    }

    /// Lays the load down until its first caller is woken, or spawns it if it is to have a task: then that is over.
    pub(crate) fn rest(&self, load: Load, cx: &Context<'_>) -> Poll<()> {
        let mut resting = self.resting.lock();
        if !self.wanted.load(Relaxed) {
            *resting = Some((load, cx.waker().clone()));
            return Poll::Pending;
        }
        drop(resting);
        load.spawn();
        Poll::Ready(())
    }
}
