//! What a call is asked to do besides answering: load anew, though there is an answer.

use std::cell::Cell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

thread_local! {
    static REFRESH: Cell<bool> = const { Cell::new(false) };
}

/// Is the call that comes asked to load anew?
#[inline]
pub(crate) fn refresh_wanted() -> bool {
    REFRESH.get()
}

/// Was this call asked to load anew? Asking takes the intent: calls further in are ordinary.
#[inline]
pub(crate) fn take_refresh() -> bool {
    REFRESH.with(|refresh| refresh.get() && refresh.replace(false))
}

/// The call that comes is asked to load anew: one of several that stand for a call that was.
pub(crate) fn refresh_next() {
    REFRESH.set(true);
}

/// Puts the intent back as it was, also when the call panics.
struct Restore(bool);

impl Drop for Restore {
    fn drop(&mut self) {
        REFRESH.set(self.0);
    }
}

/// Runs a cached call so that it loads anew and stores what it loads.
pub async fn refreshing<F: Future>(call: F) -> F::Output {
    let mut call = pin!(call);
    let mut first = true;
    std::future::poll_fn(move |cx: &mut Context<'_>| -> Poll<F::Output> {
        // Only the first poll reaches the cached call itself; later ones are its load.
        let _restore = Restore(REFRESH.replace(std::mem::take(&mut first)));
        Pin::as_mut(&mut call).poll(cx)
    })
    .await
}

/// The same for a function that does not await.
pub fn refreshing_sync<T>(call: impl FnOnce() -> T) -> T {
    let _restore = Restore(REFRESH.replace(true));
    call()
}
