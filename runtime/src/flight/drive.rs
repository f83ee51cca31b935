//! The first caller at the wheel: it polls a load until that ends, gets a task of its own, or loses its caller.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use super::relay::{Load, Relay};
use super::unwind::CatchUnwind;
use crate::sync::thread_local;

/// Loads that start inside each other's start, on one stack; deeper ones get a task, and with it a stack, at once.
const DEEPEST: u8 = 4;

thread_local! {
    static DEPTH: Cell<u8> = const { Cell::new(0) };
}

/// Drives a load to its end, or up to where it gets a task of its own.
pub(crate) async fn drive(relay: &Relay, load: Load) {
    let _cancelled = Freed(relay);
    let mut first = Some(load);
    poll_fn(|cx| {
        let Some(mut load) = first.take().or_else(|| relay.take()) else { return Poll::Ready(()) };
        let depth = DEPTH.with(Cell::get);
        if depth >= DEEPEST {
            load.spawn();
            return Poll::Ready(());
        }
        let polled = {
            let _nested = Nested::enter(depth);
            Pin::new(&mut CatchUnwind(load.future.as_mut())).poll(cx)
        };
        // A panic in here left the flight lost, as it would in a task.
        if polled.is_ready() { Poll::Ready(()) } else { relay.rest(load, cx) }
    })
    .await;
}

/// A first caller who goes away leaves the load with a task.
struct Freed<'a>(&'a Relay);

impl Drop for Freed<'_> {
    fn drop(&mut self) {
        self.0.free();
    }
}

/// Counts one more start on this stack, also if it panics.
struct Nested(u8);

impl Nested {
    fn enter(depth: u8) -> Self {
        DEPTH.with(|at| at.set(depth + 1));
        Self(depth)
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        DEPTH.with(|at| at.set(self.0));
    }
}
