//! Loads of several callers that begin in the same moment, made one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::Instrument as _;

use super::Ids;
use super::fly::{Load, Part};
use crate::batched::Batched;
use crate::depth::Depth;
use crate::key::KeyPart;
use crate::outcome::Shape;
use crate::shelf::Shelf;
use crate::site::Site;
use crate::sync::Handle;

/// The elements of one load that has not begun.
struct Gathering<P> {
    parts: Mutex<Vec<P>>,
    room: usize,
    full: Notify,
}

/// Adds these to the load that is gathered, or begins another one with them.
pub(super) fn gather<B, L, F, T, K, S, R, D, V>(
    shelf: &Arc<Shelf<K, V, R>>,
    site: &Site,
    beside: &str,
    parts: Vec<Part<T, K, S, R, D, V>>,
    body: &L,
) where
    B: Batched<T, One = R> + Send + 'static,
    L: Fn(Ids<T>) -> F,
    F: Future<Output = B> + Send + 'static,
    T: Clone + Send + 'static,
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    S::Stored: 'static,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    // Without a runtime nobody else can come: those who wait find that it is lost.
    let Ok(runtime) = Handle::try_current() else { return };
    let mut open = shelf.gatherings.lock();
    let parts = match open.get::<Gathering<Part<T, K, S, R, D, V>>>(beside) {
        Some(gathering) => {
            let rest = gathering.add(parts);
            if gathering.is_full() {
                open.remove(beside, &gathering);
                gathering.full.notify_one();
            }
            rest
        }
        None => parts,
    };
    if parts.is_empty() {
        return;
    }
    let load = Load::new(shelf, site, parts.len(), body);
    let gathering = Arc::new(Gathering { room: load.room(), parts: Mutex::new(parts), full: Notify::new() });
    if gathering.is_full() {
        gathering.full.notify_one();
    } else {
        open.insert(beside, &gathering);
    }
    drop(open);
    let (shelf, beside) = (Arc::clone(shelf), beside.to_owned());
    let wait = Duration::from_millis(site.policy().coalesce);
    let fly = async move {
        let _ = tokio::time::timeout(wait, gathering.full.notified()).await;
        shelf.gatherings.lock().remove(&beside, &gathering);
        let parts = std::mem::take(&mut *gathering.parts.lock());
        load.fly(parts).await;
    };
    drop(runtime.spawn(Box::pin(fly.in_current_span())));
}

impl<P> Gathering<P> {
    /// Takes as many as there is room for. Answers with the others.
    fn add(&self, mut parts: Vec<P>) -> Vec<P> {
        let mut gathered = self.parts.lock();
        let room = self.room.saturating_sub(gathered.len());
        let rest = parts.split_off(room.min(parts.len()));
        gathered.extend(parts);
        rest
    }

    fn is_full(&self) -> bool {
        self.parts.lock().len() >= self.room
    }
}
