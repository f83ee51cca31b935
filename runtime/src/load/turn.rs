//! One load for all nodes: who has the key's lease loads, the others wait for what it stores.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::Miss;
use crate::codec::Frame;
use crate::depth::Depth;
use crate::error::{Error, ErrorKind, Result};
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

/// A lease that was asked for, or is held on to. Dropped, it is given back, also by a caller who went away before it
/// was known whether it had been got: it would keep the others waiting until it ends.
pub(super) struct Lease {
    leases: Arc<dyn Leases>,
    key: Key,
    token: u64,
    renewing: Option<AbortHandle>,
    runtime: Handle,
    /// Is there nothing to give back?
    settled: bool,
}

impl Lease {
    fn asked(leases: &Arc<dyn Leases>, key: &Key, runtime: &Handle) -> Self {
        let (leases, key, runtime) = (Arc::clone(leases), key.clone(), runtime.clone());
        Self { token: leases.token(), leases, key, renewing: None, runtime, settled: false }
    }

    /// Asks whether it is this node's. An error if nobody can say.
    async fn take(&mut self) -> Result<bool> {
        let taken = match tokio::time::timeout(ASK, self.leases.take(&self.key, self.token)).await {
            Ok(taken) => taken,
            Err(_) => Err(Error::new(ErrorKind::Deadline, "nobody says in time whose turn it is")),
        };
        // Nobody has it from us: it is another's, or was not even asked for.
        self.settled = match &taken {
            Ok(taken) => !taken,
            Err(error) => error.kind() == ErrorKind::Open,
        };
        taken
    }

    fn hold(&mut self) {
        let (renewer, key, token) = (Arc::clone(&self.leases), self.key.clone(), self.token);
        let renewing = self.runtime.spawn(async move {
            loop {
                tokio::time::sleep(renewer.life() / 3).await;
                // A lease that was lost is not taken again: what is loaded under it is not stored.
                if let Ok(false) = renewer.renew(&key, token).await {
                    return;
                }
            }
        });
        self.renewing = Some(renewing.abort_handle());
    }

    /// What was loaded is on its way to the tier, and the lease ends when it is there.
    pub(super) fn stored(mut self) {
        self.settled = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(renewing) = &self.renewing {
            renewing.abort();
        }
        if !self.settled {
            let (leases, key, token) = (Arc::clone(&self.leases), self.key.clone(), self.token);
            // If nobody can say so in that time, it has ended by itself.
            let limit = leases.life();
            drop(self.runtime.spawn(async move { tokio::time::timeout(limit, leases.give_back(&key, token)).await }));
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
            let mut lease = Lease::asked(&leases, &self.named.key, &runtime);
            match lease.take().await {
                Ok(true) => {
                    lease.hold();
                    // Its last holder may have stored something since this node looked.
                    return match self.look_down(flight, shelf).await {
                        Some((value, life, frame)) => Turn::Found(value, life, frame),
                        None => Turn::Mine(lease),
                    };
                }
                Ok(false) if self.ready.is_some() => return Turn::Passed,
                Ok(false) if start.elapsed() < patience => {}
                _ => return Turn::Alone,
            }
            drop(lease);
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
