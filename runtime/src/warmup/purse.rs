//! What a warm-up may cost its sources and its memory: hard limits, for all of its jobs together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::ahead::Bill;

/// More loads than this are no limit.
const MOST: u64 = Semaphore::MAX_PERMITS as u64;

/// What is left to spend.
#[derive(Debug)]
pub(super) struct Purse {
    /// One for each load that may still begin.
    loads: Semaphore,
    left: AtomicU64,
    bytes: AtomicU64,
    most_bytes: u64,
}

impl Purse {
    pub(super) fn new(loads: Option<u64>, bytes: Option<u64>) -> Self {
        let left = loads.unwrap_or(MOST).min(MOST);
        let purse = Self {
            loads: Semaphore::new(usize::try_from(left).unwrap_or(Semaphore::MAX_PERMITS)),
            left: AtomicU64::new(left),
            bytes: AtomicU64::new(0),
            most_bytes: bytes.unwrap_or(u64::MAX),
        };
        if left == 0 || purse.most_bytes == 0 {
            purse.close();
        }
        purse
    }

    /// Nothing more is spent.
    pub(super) fn close(&self) {
        self.loads.close();
    }

    /// Is nothing left?
    pub(super) fn is_empty(&self) -> bool {
        self.loads.is_closed()
    }

    /// The right to begin one load; `None` when nothing is left. It waits while all that is left is in use: who has it may
    /// find that no load is needed.
    pub(super) async fn open(&self) -> Option<Spending<'_>> {
        let permit = self.loads.acquire().await.ok()?;
        Some(Spending { purse: self, permit: Some(permit), bill: Arc::default(), ended: false })
    }
}

/// The right to one load.
pub(super) struct Spending<'a> {
    purse: &'a Purse,
    permit: Option<SemaphorePermit<'a>>,
    bill: Arc<Bill>,
    ended: bool,
}

impl Spending<'_> {
    /// Where the load is to be put down.
    pub(super) fn bill(&self) -> Arc<Bill> {
        Arc::clone(&self.bill)
    }

    /// The call has come to its end: what was not needed goes back. Answers how many loads and bytes it took.
    pub(super) fn end(mut self) -> (u64, u64) {
        self.ended = true;
        (self.bill.loads.load(Relaxed), self.bill.bytes.load(Relaxed))
    }
}

impl Drop for Spending<'_> {
    fn drop(&mut self) {
        // A call that was given up may still load.
        let loads = self.bill.loads.load(Relaxed).max(u64::from(!self.ended));
        let (purse, bytes) = (self.purse, self.bill.bytes.load(Relaxed));
        if purse.bytes.fetch_add(bytes, Relaxed).saturating_add(bytes) >= purse.most_bytes {
            purse.close();
        }
        if loads == 0 {
            return;
        }
        if let Some(permit) = self.permit.take() {
            permit.forget();
        }
        // A call that made more loads than one takes the rest from what nobody has begun.
        purse.loads.forget_permits(usize::try_from(loads - 1).unwrap_or(usize::MAX));
        if purse.left.fetch_sub(loads.min(purse.left.load(Relaxed)), Relaxed) <= loads {
            purse.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn spend(purse: &Purse, loads: u64, bytes: u64) {
        let spending = purse.open().await.expect("something is left");
        spending.bill().loads.store(loads, Relaxed);
        spending.bill().bytes.store(bytes, Relaxed);
        spending.end();
    }

    #[tokio::test]
    async fn what_was_not_needed_goes_back_and_what_was_is_gone() {
        let purse = Purse::new(Some(2), None);
        for _ in 0..10 {
            spend(&purse, 0, 5).await;
        }
        spend(&purse, 1, 5).await;
        assert!(!purse.is_empty());
        spend(&purse, 1, 5).await;
        assert!(purse.is_empty() && purse.open().await.is_none());
    }

    #[tokio::test]
    async fn a_call_that_was_given_up_counts_as_a_load() {
        let purse = Purse::new(Some(1), None);
        drop(purse.open().await);
        assert!(purse.open().await.is_none());
    }

    #[tokio::test]
    async fn bytes_end_it_and_nothing_is_nothing() {
        let purse = Purse::new(None, Some(10));
        spend(&purse, 1, 9).await;
        spend(&purse, 1, 9).await;
        assert!(purse.open().await.is_none());
        assert!(Purse::new(Some(0), None).open().await.is_none());
        assert!(Purse::new(None, Some(0)).open().await.is_none());
    }

    #[tokio::test]
    async fn a_call_of_several_loads_takes_them_from_the_others() {
        let purse = Purse::new(Some(5), None);
        spend(&purse, 4, 0).await;
        spend(&purse, 1, 0).await;
        assert!(purse.open().await.is_none());
    }
}
