//! Who may ask the model now: a few batches at a time, of all callers together.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

tokio::task_local! {
    /// The models that are asked in this task, or were when it was begun for one.
    static ASKED: Asked;
}

/// Models that are being asked here. A model that asks itself, for the parts of a text, takes no second turn: all turns
/// could be held by batches that wait for one.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked(Vec<u64>);

impl Asked {
    /// What is asked in this task.
    pub(super) fn here() -> Self {
        ASKED.try_with(Clone::clone).unwrap_or_default()
    }
}

/// The turns of one model.
#[derive(Debug)]
pub(super) struct Turns {
    id: u64,
    free: Semaphore,
}

impl Turns {
    pub(super) fn new(at_once: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), free: Semaphore::new(at_once) }
    }

    /// Asks when it is its turn, for a caller in whose task these are asked.
    pub(super) async fn take<F: Future>(&self, mut within: Asked, ask: F) -> F::Output {
        // It is closed never.
        let _turn = if within.0.contains(&self.id) { None } else { self.free.acquire().await.ok() };
        within.0.push(self.id);
        ASKED.scope(within, ask).await
    }
}
