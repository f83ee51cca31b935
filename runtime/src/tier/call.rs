//! One call of a tier: its panic caught, or given up early.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::error::{Error, ErrorKind, Result};

/// Awaits a call of a tier; a panic inside becomes an error of kind [`ErrorKind::Tier`].
///
/// A call that panicked is never polled again.
pub(super) async fn caught<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    let mut call = pin!(call);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
        Ok(poll) => poll,
        Err(_) => Poll::Ready(Err(Error::new(ErrorKind::Tier, "the tier panicked; see the panic's own message"))),
    })
    .await
}

/// Awaits a call until `end` is over: `None` if it was not done by then. A call that is done wins over the end.
pub(super) async fn until<T>(end: impl Future<Output = ()>, call: impl Future<Output = T>) -> Option<T> {
    let (mut end, mut call) = (pin!(end), pin!(call));
    poll_fn(|cx| match call.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => end.as_mut().poll(cx).map(|()| None),
    })
    .await
}
