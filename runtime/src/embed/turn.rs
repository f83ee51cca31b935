//! Who may ask a model now: a few batches at a time, of all callers together.

use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

tokio::task_local! {
    /// The turn within which this task asks a model.
    static TURN: Arc<Turn>;
}

/// The turns of one model. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<Semaphore>);

impl Turns {
    pub(super) fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once)))
    }

    /// Asks when it is its turn, which ends with the answer.
    pub(super) async fn take<F: Future>(&self, ask: F) -> F::Output {
        // It is closed never.
        let permit = Arc::clone(&self.0).acquire_owned().await.ok();
        let turn = Turn { of: Arc::clone(&self.0), held: Mutex::new(Held { permit, waiting: 0 }) };
        TURN.scope(Arc::new(turn), ask).await
    }
}

/// The turn of one batch.
#[derive(Debug)]
struct Turn {
    of: Arc<Semaphore>,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    permit: Option<OwnedSemaphorePermit>,
    /// How many questions from within the batch wait for vectors.
    waiting: usize,
}

/// A model waits for vectors that it asked for itself, and has given its turn back meanwhile.
///
/// Who holds a turn must not wait for another: those vectors may come from a batch that waits for just this turn, be it
/// of the same model or of one that asks it.
#[derive(Debug)]
pub(super) struct Paused(Option<Arc<Turn>>);

/// Gives back the turn of the model that is being asked in this task, if there is one.
pub(super) fn pause() -> Paused {
    let turn = TURN.try_with(Arc::clone).ok();
    if let Some(turn) = &turn {
        let mut held = turn.held.lock();
        held.waiting += 1;
        held.permit = None;
    }
    Paused(turn)
}

impl Paused {
    /// Waits for a turn again, and keeps it unless the model still waits for other vectors.
    pub(super) async fn resume(mut self) {
        let Some(turn) = self.0.clone() else { return };
        // It still counts as waiting: none who queues here may find that the turn it waits for is held by its own batch.
        let permit = Arc::clone(&turn.of).acquire_owned().await.ok();
        self.0 = None;
        turn.go_on(permit);
    }
}

/// Who gives up waiting goes on, with a turn if one is free.
impl Drop for Paused {
    fn drop(&mut self) {
        if let Some(turn) = self.0.take() {
            let permit = Arc::clone(&turn.of).try_acquire_owned().ok();
            turn.go_on(permit);
        }
    }
}

impl Turn {
    /// One wait is over. The batch holds its turn again when it was the last.
    fn go_on(&self, permit: Option<OwnedSemaphorePermit>) {
        let mut held = self.held.lock();
        held.waiting = held.waiting.saturating_sub(1);
        if held.waiting == 0 && held.permit.is_none() {
            held.permit = permit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::join::{join, poll_once};

    #[tokio::test]
    async fn a_turn_is_free_while_its_model_waits_and_only_then() {
        let turns = Turns::new(1);
        let free = || turns.0.available_permits();
        turns
            .take(async {
                assert_eq!(free(), 0);
                let (one, other) = (pause(), pause());
                assert_eq!(free(), 1);
                one.resume().await;
                assert_eq!(free(), 1, "the other still waits");
                other.resume().await;
                assert_eq!(free(), 0);
                drop(pause());
                assert_eq!(free(), 0, "who gave up waiting");
            })
            .await;
        assert_eq!(free(), 1);
        pause().resume().await;
        assert_eq!(free(), 1, "who is no model has no turn");
    }

    /// Two questions of one batch, of which one is asked once more while the other still waits for the turn.
    #[tokio::test]
    async fn a_batch_never_waits_for_a_turn_that_it_holds_itself() {
        let turns = Turns::new(1);
        turns
            .take(async {
                let (one, other) = (pause(), pause());
                let taken = Arc::clone(&turns.0).try_acquire_owned().ok();
                let (mut one, mut other) = (Box::pin(one.resume()), Box::pin(other.resume()));
                assert!(poll_once(one.as_mut()).await.is_none() && poll_once(other.as_mut()).await.is_none());
                drop(taken);
                one.await;
                let mut again = Box::pin(pause().resume());
                assert!(poll_once(again.as_mut()).await.is_none(), "behind the other");
                assert!(poll_once(other.as_mut()).await.is_some());
                assert!(poll_once(again.as_mut()).await.is_some());
                assert_eq!(turns.0.available_permits(), 0, "it holds one");
            })
            .await;
        assert_eq!(turns.0.available_permits(), 1);
    }

    #[tokio::test]
    async fn who_comes_back_waits_for_a_turn() {
        let turns = Turns::new(1);
        let (waits, takes) = (async { turns.take(async { pause().resume().await }).await }, async {});
        join::<std::pin::Pin<Box<dyn Future<Output = ()>>>>(vec![Box::pin(waits), Box::pin(takes)]).await;
        turns
            .take(async {
                let paused = pause();
                let taken = Arc::clone(&turns.0).try_acquire_owned().ok();
                let mut back = Box::pin(paused.resume());
                assert!(taken.is_some() && poll_once(back.as_mut()).await.is_none());
                drop(taken);
                back.await;
                assert_eq!(turns.0.available_permits(), 0);
            })
            .await;
    }
}
