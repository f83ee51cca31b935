//! Futures side by side in one task, and what a future has ready now.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

/// One future and, once it is over, its output.
enum Lane<F: Future> {
    Running(Pin<Box<F>>),
    Done(Option<F::Output>),
}

/// Runs futures side by side in this task; their outputs, in order.
pub(crate) async fn join<F: Future>(futures: Vec<F>) -> Vec<F::Output>
where
    F::Output: Unpin,
{
    let mut lanes: Vec<Lane<F>> = futures.into_iter().map(|future| Lane::Running(Box::pin(future))).collect();
    poll_fn(move |cx| {
        let mut over = true;
        for lane in &mut lanes {
            if let Lane::Running(future) = lane {
                match future.as_mut().poll(cx) {
                    Poll::Ready(output) => *lane = Lane::Done(Some(output)),
                    Poll::Pending => over = false,
                }
            }
        }
        if !over {
            return Poll::Pending;
        }
        let output = |lane: &mut Lane<F>| match lane {
            Lane::Done(output) => output.take(),
            Lane::Running(_) => None,
        };
        Poll::Ready(lanes.iter_mut().filter_map(output).collect())
    })
    .await
}

/// What this comes to, unless the other comes to its end before.
pub(crate) async fn unless<F: Future, G: Future<Output = ()>>(work: F, end: G) -> Option<F::Output> {
    let (mut work, mut end) = (pin!(work), pin!(end));
    poll_fn(move |cx| match work.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => end.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// What a future has ready now.
pub(crate) async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    poll_fn(move |cx| match Pin::new(&mut future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
