//! A future that is compiled once.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project_lite::pin_project! {
    /// Polls a future by a function of its own.
    ///
    /// The compiler copies the body of a future into every unit of code that polls it, with all that it awaits in turn:
    /// here it ends, and who calls a cached function from several places pays for the way below near once.
    pub(super) struct Apart<F> {
        #[pin]
        future: F,
    }
}

impl<F> Apart<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future }
    }
}

impl<F: Future> Future for Apart<F> {
    type Output = F::Output;

    #[inline(never)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}
