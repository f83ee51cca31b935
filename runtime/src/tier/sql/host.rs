//! The tier's own runtime: one thread on which all database futures run.
//!
//! A caller's future can be dropped at any await, and its runtime can end before the cache does. A statement dropped
//! half-way leaves its connection in a state nobody knows; so statements run here, to their end, and callers only
//! wait for the answer.

use std::future::Future;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::tier::fault::{Fault, Harm};

/// How long a constructor waits for its database; the tier is closed, and tries again, if it takes longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// How long the end of the tier waits for its connections to close.
const FAREWELL: Duration = Duration::from_secs(2);

/// A thread that drives database futures.
#[derive(Debug)]
pub(super) struct Host {
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    ended: Mutex<mpsc::Receiver<()>>,
}

impl Host {
    pub(super) fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let (end, ended) = mpsc::channel();
        thread::Builder::new().name("cached-sql".to_owned()).spawn(move || {
            // An error says that the sender is gone: then it ends as well.
            let _ = runtime.block_on(stopped);
            drop(runtime);
            let _ = end.send(());
        })?;
        Ok(Self { handle, stop: Some(stop), ended: Mutex::new(ended) })
    }

    /// Runs a future to its end, whatever becomes of the caller.
    pub(super) fn spawn<T: Send + 'static>(&self, act: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        self.handle.spawn(act)
    }

    /// Runs a future and waits for its answer.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        act: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Result<T, Fault> {
        self.spawn(act).await.unwrap_or_else(|e| {
            Err(Fault::new(Harm::Handle, "the database driver panicked; the store is opened again").because(e))
        })
    }

    /// Runs a future and blocks until it has ended or the time is up.
    pub(super) fn block(&self, at_most: Duration, act: impl Future<Output = ()> + Send + 'static) {
        let (done, wait) = mpsc::channel();
        self.spawn(async move {
            act.await;
            let _ = done.send(());
        });
        let _ = wait.recv_timeout(at_most);
    }

    /// Runs a last future, then ends the thread.
    pub(super) fn end(&mut self, last: impl Future<Output = ()> + Send + 'static) {
        let Some(stop) = self.stop.take() else { return };
        self.block(FAREWELL, last);
        let _ = stop.send(());
        let _ = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner).recv_timeout(FAREWELL);
    }
}
