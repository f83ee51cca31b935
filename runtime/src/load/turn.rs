//! One load for all nodes: who has the key's lease loads, the others wait for what it stores.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::Miss;
use crate::codec::Frame;
use crate::depth::Depth;
use crate::flight::Flight;
use crate::key::{Key, KeyPart};
use crate::outcome::Shape;
use crate::shelf::{Life, Shelf};
use crate::tier::shared::Leases;

/// How long one question about a lease may take: no longer than a read of a tier.
const ASK: Duration = Duration::from_millis(50);
/// How long a node waits for another's load before it loads for itself, where the site sets no `timeout`.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pauses between two looks at what another node stores.
const FIRST: Duration = Duration::from_millis(2);
const MOST: Duration = Duration::from_millis(50);

/// Whose turn it is to load.
pub(super) enum Turn<V> {
    /// This node's: the lease is held until it is dropped, or what was loaded is stored.
    Mine(Lease),
    /// Another node's, and this is what it stored.
    Found(V, Life, Frame),
    /// Another node's, and nobody here waits for it.
    Passed,
    /// Nobody's: there is nothing to take turns by, or it took too long.
    Alone,
}

/// A lease that is held on to.
pub(super) struct Lease {
    leases: Arc<dyn Leases>,
    key: Key,
    token: u64,
    renewing: AbortHandle,
    runtime: Handle,
    stored: bool,
}

impl Lease {
    fn hold(leases: Arc<dyn Leases>, key: Key, token: u64, runtime: Handle) -> Self {
        let (renewer, renewed) = (Arc::clone(&leases), key.clone());
        let renewing = runtime.spawn(async move {
            loop {
                tokio::time::sleep(renewer.life() / 3).await;
                // A lease that was lost is not taken again: what is loaded under it is not stored.
                if let Ok(false) = renewer.renew(&renewed, token).await {
                    return;
                }
            }
        });
        Self { leases, key, token, renewing: renewing.abort_handle(), runtime, stored: false }
    }

    /// What was loaded is on its way to the tier, and the lease ends when it is there.
    pub(super) fn stored(mut self) {
        self.stored = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
        if !self.stored {
            let (leases, key, token) = (Arc::clone(&self.leases), self.key.clone(), self.token);
            // If nobody can say so, it ends by itself.
            drop(self.runtime.spawn(async move { leases.give_back(&key, token).await }));
        }
    }
}

impl<K, S, R, D, V> Miss<K, S, R, D, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    /// Waits for this node's turn, or for what another node stores.
    pub(super) async fn turn(&self, flight: &Flight<V, R>, shelf: &Shelf<K, V, R>) -> Turn<V>
    where
        S::Stored: 'static,
    {
        let (Some(leases), Ok(runtime)) = (self.cache.0.stack.leases(), Handle::try_current()) else {
            return Turn::Alone;
        };
        let patience = shelf.policy().timeout.map_or(PATIENCE, Duration::from_millis);
        let (start, mut pause) = (Instant::now(), FIRST);
        loop {
            match tokio::time::timeout(ASK, leases.take(&self.named.key)).await {
                Ok(Ok(Some(token))) => {
                    let lease = Lease::hold(leases, self.named.key.clone(), token, runtime);
                    // Its last holder may have stored something since this node looked.
                    return match self.look_down(flight, shelf).await {
                        Some((value, life, frame)) => Turn::Found(value, life, frame),
                        None => Turn::Mine(lease),
                    };
                }
                Ok(Ok(None)) if self.ready.is_some() => return Turn::Passed,
                Ok(Ok(None)) if start.elapsed() < patience => {}
                _ => return Turn::Alone,
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MOST);
            if let Some((value, life, frame)) = self.look_down(flight, shelf).await {
                return Turn::Found(value, life, frame);
            }
        }
    }

    /// What another node stored, unless this caller asked for a load: then what is stored may be what it wants replaced.
    async fn look_down(&self, flight: &Flight<V, R>, shelf: &Shelf<K, V, R>) -> Option<(V, Life, Frame)>
    where
        S::Stored: 'static,
    {
        if self.force { None } else { self.read_down(flight, shelf).await }
    }
}
