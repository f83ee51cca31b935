//! Who may ask a model now: a few batches at a time, of all callers together.

use std::future::Future;

use tokio::sync::Semaphore;

tokio::task_local! {
    /// A model is asked in this task, or was when it was begun.
    static ASKING: ();
}

/// Is a model being asked here, which asks for vectors itself: for the parts of a text, say?
pub(super) fn within_a_model() -> bool {
    ASKING.try_with(|()| ()).is_ok()
}

/// The turns of one model.
#[derive(Debug)]
pub(super) struct Turns(Semaphore);

impl Turns {
    pub(super) const fn new(at_once: usize) -> Self {
        Self(Semaphore::const_new(at_once))
    }

    /// Asks when it is its turn. Who asks from within a model takes none: that one has a turn already, and who has one
    /// and waits for another can wait for ever.
    pub(super) async fn take<F: Future>(&self, within: bool, ask: F) -> F::Output {
        // It is closed never.
        let _turn = if within { None } else { self.0.acquire().await.ok() };
        ASKING.scope((), ask).await
    }
}
