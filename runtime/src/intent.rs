//! What a call is asked to do besides answering: load anew, though there is an answer, or load what nobody has asked for yet.

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::ahead::Ahead;

thread_local! {
    /// Is there an intent at all? All that a hit asks.
    static INTENDED: Cell<bool> = const { Cell::new(false) };
    static INTENT: Cell<Intent> = const { Cell::new(Intent { refresh: false, ahead: None }) };
    /// Does who polls just now do without an answer?
    static WAIVER: Cell<Waiver> = const { Cell::new(Waiver::Refused) };
}

/// Whether who polls a call does without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiver {
    /// He wants one.
    Refused,
    /// He does.
    Offered,
    /// There will be none.
    Taken,
}

/// What a call is asked to do besides answering.
#[derive(Debug, Clone, Default)]
pub(crate) struct Intent {
    /// To load anew.
    pub(crate) refresh: bool,
    /// It is made before anybody asks, for this.
    pub(crate) ahead: Option<Arc<Ahead>>,
}

impl Intent {
    pub(crate) const fn is_plain(&self) -> bool {
        !self.refresh && self.ahead.is_none()
    }
}

/// Is more intended with the call that comes than an answer?
#[inline]
pub(crate) fn is_intended() -> bool {
    INTENDED.get()
}

/// What is intended with this call. Asking takes the intent: calls further in are ordinary.
#[inline]
pub(crate) fn take() -> Intent {
    if INTENDED.get() { replace(Intent::default()) } else { Intent::default() }
}

/// The same is intended with the call that comes: one of several that stand for a call that was.
pub(crate) fn intend_next(intent: &Intent) {
    if !intent.is_plain() {
        replace(intent.clone());
    }
}

/// An intent that is held while something else is waited for: it lies with the thread, and another poll may be on another.
#[derive(Debug)]
pub struct Held(Intent);

/// Holds what is intended with this call.
#[must_use]
pub fn hold() -> Held {
    Held(take())
}

impl Held {
    /// It is intended with the call that comes.
    pub fn again(self) {
        intend_next(&self.0);
    }
}

fn replace(intent: Intent) -> Intent {
    INTENDED.set(!intent.is_plain());
    INTENT.replace(intent)
}

/// Puts the intent back as it was, also when the call panics.
struct Restore(Intent);

impl Restore {
    fn after(intent: Intent) -> Self {
        Self(replace(intent))
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        replace(std::mem::take(&mut self.0));
    }
}

/// Runs a cached call so that it loads anew and stores what it loads.
pub async fn refreshing<F: Future>(call: F) -> F::Output {
    intending(Intent { refresh: true, ahead: None }, call).await
}

/// Runs a cached call before anybody asks for its answer. Nothing if it was given up, because nothing of it would be kept.
pub(crate) async fn going_ahead<F: Future>(refresh: bool, ahead: Arc<Ahead>, call: F) -> Option<F::Output> {
    let mut call = pin!(intending(Intent { refresh, ahead: Some(ahead) }, call));
    std::future::poll_fn(move |cx: &mut Context<'_>| {
        let waiving = Waiving::offer();
        match Pin::as_mut(&mut call).poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if waiving.is_taken() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Does who polls this call do without an answer? Then it is dropped when it waits next, and should do nothing else.
pub(crate) fn give_up() -> bool {
    let waived = WAIVER.get() != Waiver::Refused;
    if waived {
        WAIVER.set(Waiver::Taken);
    }
    waived
}

/// Offers to do without an answer; takes that back at its end, also when the call panics.
struct Waiving(Waiver);

impl Waiving {
    fn offer() -> Self {
        Self(WAIVER.replace(Waiver::Offered))
    }

    fn is_taken(&self) -> bool {
        WAIVER.get() == Waiver::Taken
    }
}

impl Drop for Waiving {
    fn drop(&mut self) {
        WAIVER.set(self.0);
    }
}

async fn intending<F: Future>(mut intent: Intent, call: F) -> F::Output {
    let mut call = pin!(call);
    std::future::poll_fn(move |cx: &mut Context<'_>| -> Poll<F::Output> {
        // Only the first poll reaches the cached call itself; later ones are its load.
        let _restore = Restore::after(std::mem::take(&mut intent));
        Pin::as_mut(&mut call).poll(cx)
    })
    .await
}

/// The same for a function that does not await.
pub fn refreshing_sync<T>(call: impl FnOnce() -> T) -> T {
    let _restore = Restore::after(Intent { refresh: true, ahead: None });
    call()
}

/// The same as [`going_ahead`] for a function that does not await.
pub(crate) fn going_ahead_sync<T>(refresh: bool, ahead: Arc<Ahead>, call: impl FnOnce() -> T) -> T {
    let _restore = Restore::after(Intent { refresh, ahead: Some(ahead) });
    call()
}
