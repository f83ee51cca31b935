//! How a load starts: here, as long as it only reads tiers, and then in a task of its own.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tracing::Instrument as _;

use super::Miss;
use crate::depth::Depth;
use crate::flight::{CatchUnwind, Lead, Load, Relay};
use crate::key::{KeyPart, OwnedKey};
use crate::outcome::Shape;
use crate::shelf::Shelf;

/// Loads that start inside each other's start, on one stack; deeper ones get a task, and with it a stack, at once.
const DEEPEST: u8 = 4;

thread_local! {
    static DEPTH: Cell<u8> = const { Cell::new(0) };
}

impl<K, S, R, D, V> Miss<K, S, R, D, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    /// Starts the load, which goes on without this caller from the moment the body waits, somebody else wants the key or
    /// this caller goes away. Without a runtime it runs here to its end.
    ///
    /// A load that a tier answers is spared the hop to another task and back: that costs more than all the rest of a
    /// miss. It blocks its caller no longer than the body alone would. Where the caller has something better to do than
    /// to wait, it does not start here.
    pub(super) async fn take_off<L, F>(
        self: &Arc<Self>,
        shelf: &Shelf<K, V, R>,
        lead: Lead<OwnedKey<K>, V, R>,
        body: &mut Option<L>,
    ) where
        L: FnOnce() -> F,
        F: Future<Output = R> + Send + 'static,
        S::Stored: 'static,
    {
        let flight = Arc::clone(lead.flight());
        let load = body.take().map(|body| body());
        let this = Arc::clone(self);
        let fly = async move {
            if let Some(shelf) = &this.shelf {
                this.fly_apart(lead, shelf, load).await;
            }
        };
        // Boxed: else every caller's future would be large enough to hold a whole load.
        let future = Box::pin(fly.in_current_span());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return future.await };
        let load = Load { future, runtime };
        let waits_anyway = self.ready.is_none() && shelf.policy().soft_timeout.is_none();
        if waits_anyway {
            drive(&flight.relay, load).await;
        } else {
            load.spawn();
        }
    }
}

/// Drives a load to its end, or up to where it gets a task of its own.
async fn drive(relay: &Relay, load: Load) {
    let _cancelled = Freed(relay);
    let mut first = Some(load);
    poll_fn(|cx| {
        let Some(mut load) = first.take().or_else(|| relay.take()) else { return Poll::Ready(()) };
        let depth = DEPTH.get();
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
        DEPTH.set(depth + 1);
        Self(depth)
    }
}

impl Drop for Nested {
    fn drop(&mut self) {
        DEPTH.set(self.0);
    }
}
