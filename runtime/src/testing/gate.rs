//! A point that a test holds and releases.

use std::sync::Arc;

use tokio::sync::watch;

/// A point in a program that a test can hold: who comes to a closed gate waits there until it is opened.
///
/// All clones are one gate. Works across threads and runtimes and needs no timers.
///
/// ```
/// # use cached_runtime::testing::Gate;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let gate = Gate::closed();
/// let passing = tokio::spawn({ let gate = gate.clone(); async move { gate.pass().await } });
/// gate.arrived(1).await; // it is there, and waits
/// gate.open();
/// passing.await.unwrap();
/// # });
/// ```
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<Traffic>>);

#[derive(Debug, Clone, Copy)]
struct Traffic {
    open: bool,
    /// How many may still pass while it is closed.
    leave: u64,
    arrived: u64,
    passed: u64,
}

impl Gate {
    /// A gate that lets everyone pass.
    #[must_use]
    pub fn opened() -> Self {
        Self(Arc::new(watch::Sender::new(Traffic { open: true, leave: 0, arrived: 0, passed: 0 })))
    }

    /// A gate that holds everyone.
    #[must_use]
    pub fn closed() -> Self {
        let gate = Self::opened();
        gate.close();
        gate
    }

    /// Holds everyone who comes from now on.
    pub fn close(&self) {
        self.0.send_modify(|t| t.open = false);
    }

    /// Lets everyone pass, those who wait included.
    pub fn open(&self) {
        self.0.send_modify(|t| (t.open, t.leave) = (true, 0));
    }

    /// Lets one pass: one who waits, or the next who comes.
    pub fn release(&self) {
        self.0.send_modify(|t| t.leave += 1);
    }

    /// Passes; waits while the gate is closed. Dropped while waiting, it has not passed.
    pub async fn pass(&self) {
        let mut news = self.0.subscribe();
        self.0.send_modify(|t| t.arrived += 1);
        while !self.try_pass() {
            // The sender lives in `self`: this ends with the next change, never with an error.
            let _ = news.changed().await;
        }
    }

    fn try_pass(&self) -> bool {
        self.0.send_if_modified(|t| {
            let may = t.open || t.leave > 0;
            if may {
                t.leave -= u64::from(!t.open);
                t.passed += 1;
            }
            may
        })
    }

    /// Waits until so many, counted from the beginning, have come to the gate.
    pub async fn arrived(&self, n: u64) {
        let _ = self.0.subscribe().wait_for(|t| t.arrived >= n).await;
    }

    /// Waits until so many, counted from the beginning, have passed.
    pub async fn passed(&self, n: u64) {
        let _ = self.0.subscribe().wait_for(|t| t.passed >= n).await;
    }

    /// How many have come to the gate.
    #[must_use]
    pub fn arrivals(&self) -> u64 {
        self.0.borrow().arrived
    }

    /// How many have passed.
    #[must_use]
    pub fn passages(&self) -> u64 {
        self.0.borrow().passed
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::opened()
    }
}
