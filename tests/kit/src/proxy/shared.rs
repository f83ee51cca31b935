//! What a proxy and its thread both see.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::faults::Faults;
use crate::chance::Chance;

/// The faults, which connections wait on for changes, and what is counted.
#[derive(Debug)]
pub(super) struct Shared {
    faults: watch::Sender<Faults>,
    chance: Mutex<Chance>,
    open: Mutex<BTreeSet<u64>>,
    listening: AtomicBool,
    pub(super) accepted: AtomicU64,
    pub(super) request_bytes: AtomicU64,
    pub(super) reply_bytes: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) duplicated: AtomicU64,
    pub(super) reordered: AtomicU64,
}

impl Shared {
    pub(super) fn new(faults: Faults, seed: u64) -> Shared {
        Shared {
            faults: watch::Sender::new(faults),
            chance: Mutex::new(Chance::seeded(seed)),
            open: Mutex::default(),
            listening: AtomicBool::new(false),
            accepted: AtomicU64::new(0),
            request_bytes: AtomicU64::new(0),
            reply_bytes: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            duplicated: AtomicU64::new(0),
            reordered: AtomicU64::new(0),
        }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Faults)) {
        self.faults.send_modify(change);
    }

    pub(super) fn faults(&self) -> Faults {
        self.faults.borrow().clone()
    }

    /// Returns when the faults are such.
    pub(super) async fn when(&self, such: impl FnMut(&Faults) -> bool) {
        let mut watched = self.faults.subscribe();
        watched.wait_for(such).await.expect("the faults live as long as the proxy");
    }

    pub(super) fn count(counter: &AtomicU64, more: usize) {
        counter.fetch_add(more as u64, Ordering::Relaxed);
    }

    pub(super) fn chance(&self) -> MutexGuard<'_, Chance> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }

    pub(super) fn listens(&self, so: bool) {
        self.listening.store(so, Ordering::Release);
    }

    /// Counts a connection and gives it a number.
    pub(super) fn opened(&self) -> u64 {
        let mut open = self.open();
        let number = self.accepted.fetch_add(1, Ordering::Relaxed);
        open.insert(number);
        number
    }

    pub(super) fn closed(&self, number: u64) {
        self.open().remove(&number);
    }

    /// How many connections with a lower number are open.
    pub(super) fn open_below(&self, number: u64) -> usize {
        self.open().range(..number).count()
    }

    fn open(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
