//! How a load starts: here, as long as it only reads tiers, and then in a task of its own.

use std::future::Future;
use std::sync::Arc;

use tracing::Instrument as _;

use super::Miss;
use crate::ahead::{at_depth, depth_here};
use crate::depth::Depth;
use crate::flight::{Caller, Lead, Load, drive};
use crate::key::{KeyPart, OwnedKey};
use crate::outcome::Shape;
use crate::shelf::Shelf;
use crate::sync::Handle;

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
        let (this, caller) = (Arc::clone(self), Caller::here());
        let fly = async move {
            if let Some(shelf) = &this.shelf {
                this.fly_apart(lead, shelf, caller, load).await;
            }
        };
        // Boxed: else every caller's future would be large enough to hold a whole load.
        let depth = self.ahead.as_ref().map_or(0, |ahead| ahead.depth).max(depth_here());
        // Only what was begun ahead has a depth, and only that pays for knowing it.
        let future: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = match depth {
            0 => Box::pin(fly.in_current_span()),
            depth => Box::pin(at_depth(depth, fly.in_current_span())),
        };
        let Ok(runtime) = Handle::try_current() else { return future.await };
        let load = Load { future, runtime };
        let waits_anyway = self.ready.is_none() && shelf.policy().soft_timeout.is_none();
        if waits_anyway {
            drive(&flight.relay, load).await;
        } else {
            load.spawn();
        }
    }
}
