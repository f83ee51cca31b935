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

/// Awaits two calls side by side: both answers, or the first failure.
#[cfg(feature = "redis")]
pub(super) async fn both<A, B>(
    one: impl Future<Output = Result<A>>,
    other: impl Future<Output = Result<B>>,
) -> Result<(A, B)> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    poll_fn(|cx| {
        if first.is_none()
            && let Poll::Ready(answer) = one.as_mut().poll(cx)
        {
            first = Some(answer?);
        }
        if second.is_none()
            && let Poll::Ready(answer) = other.as_mut().poll(cx)
        {
            second = Some(answer?);
        }
        match (first.take(), second.take()) {
            (Some(first), Some(second)) => Poll::Ready(Ok((first, second))),
            answers => {
                (first, second) = answers;
                Poll::Pending
            }
        }
    })
    .await
}
