//! Waiting for a flight: as a future, or by blocking the thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::landing::{Flight, State, Told};

/// A future that ends when the flight lands. Dropping it leaves the flight as it is.
pub(crate) struct Wait<V, R> {
    flight: Arc<Flight<V, R>>,
    leads: bool,
    /// Our place among the wakers, given back when we go.
    place: Option<usize>,
}

impl<V, R> Flight<V, R> {
    /// Waits as the one who leads, or as one who joined: a result that cannot be copied is the leader's.
    pub(crate) fn wait(self: &Arc<Self>, leads: bool) -> Wait<V, R> {
        self.free_for(leads);
        Wait { flight: Arc::clone(self), leads, place: None }
    }

    /// One who joined must not wait for the leader to be polled.
    fn free_for(&self, leads: bool) {
        if !leads {
            self.relay.free();
        }
    }
}

impl<V: Clone, R> Flight<V, R> {
    /// Blocks the thread until the flight lands.
    pub(crate) fn wait_blocking(&self, leads: bool) -> Told<V, R> {
        self.free_for(leads);
        let mut state = self.state.lock();
        loop {
            if let State::Landed(landing) = &mut *state {
                return landing.tell(leads);
            }
            self.landed.wait(&mut state);
        }
    }
}

impl<V: Clone, R> Future for Wait<V, R> {
    type Output = Told<V, R>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match &mut *this.flight.state.lock() {
            State::Landed(landing) => Poll::Ready(landing.tell(this.leads)),
            State::Flying { wakers, .. } => {
                let waker = Some(cx.waker().clone());
                match this.place {
                    Some(place) => wakers[place] = waker,
                    None => {
                        // Places of callers who left are given out again, so that a flight's list stays as long as
                        // its waiters are many at a time.
                        let free = if wakers.len() >= 64 { wakers.iter().position(Option::is_none) } else { None };
                        let place = free.unwrap_or(wakers.len());
                        if place == wakers.len() {
                            wakers.push(waker);
                        } else {
                            wakers[place] = waker;
                        }
                        this.place = Some(place);
                    }
                }
                Poll::Pending
            }
        }
    }
}

impl<V, R> Drop for Wait<V, R> {
    fn drop(&mut self) {
        if let (Some(place), State::Flying { wakers, .. }) = (self.place, &mut *self.flight.state.lock()) {
            wakers[place] = None;
        }
    }
}
