//! How the worker answers: a task that awaits, or a thread that blocks.

use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::oneshot;

/// Where an answer goes. An asker that has gone away is no matter.
#[derive(Debug)]
pub(super) enum Answer<T> {
    Task(oneshot::Sender<T>),
    Thread(mpsc::SyncSender<T>),
}

impl<T> Answer<T> {
    pub(super) fn task() -> (Self, oneshot::Receiver<T>) {
        let (to, from) = oneshot::channel();
        (Self::Task(to), from)
    }

    pub(super) fn thread() -> (Self, mpsc::Receiver<T>) {
        // Room for the one answer: the worker never waits for an asker.
        let (to, from) = mpsc::sync_channel(1);
        (Self::Thread(to), from)
    }

    pub(super) fn send(self, answer: T) {
        match self {
            Self::Task(to) => drop(to.send(answer)),
            Self::Thread(to) => drop(to.try_send(answer)),
        }
    }
}

/// The answer, unless it does not come in time.
pub(super) async fn within<T>(deadline: Duration, from: oneshot::Receiver<T>) -> Option<T> {
    tokio::time::timeout(deadline, from).await.ok()?.ok()
}
