//! Loads of several callers that begin in the same moment, made one.

use std::collections::HashSet;
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
use crate::key::{KeyPart, OwnedKey};
use crate::outcome::Shape;
use crate::shelf::Shelf;
use crate::site::Site;
use crate::sync::Handle;

/// The elements of one load that has not begun.
struct Gathering<T, K: KeyPart<Owned = K> + Eq, S, R, D, V: Clone> {
    gathered: Mutex<Gathered<T, K, S, R, D, V>>,
    /// With so many it begins.
    enough: usize,
    room: usize,
    full: Notify,
}

struct Gathered<T, K: KeyPart<Owned = K> + Eq, S, R, D, V: Clone> {
    parts: Vec<Part<T, K, S, R, D, V>>,
    keys: HashSet<OwnedKey<K>>,
}

/// Adds these to the load that is gathered, or begins another one with them. Gives them back where nobody else can come:
/// without a runtime.
pub(super) fn gather<B, L, F, T, K, S, R, D, V>(
    shelf: &Arc<Shelf<K, V, R>>,
    site: &Site,
    beside: &str,
    parts: Vec<Part<T, K, S, R, D, V>>,
    body: &L,
) -> Vec<Part<T, K, S, R, D, V>>
where
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
    let Ok(runtime) = Handle::try_current() else { return parts };
    // Of one runtime: another may end before it.
    let beside = format!("{} {beside}", runtime.id());
    let mut open = shelf.gatherings.lock();
    let parts = match open.get::<Gathering<T, K, S, R, D, V>>(&beside) {
        Some(gathering) => {
            let rest = gathering.add(parts);
            if gathering.is_full() {
                open.remove(&beside, &gathering);
                gathering.full.notify_one();
            }
            rest
        }
        None => parts,
    };
    if parts.is_empty() {
        return parts;
    }
    let load = Load::new(shelf, site, parts.len(), body);
    let gathering = Arc::new(Gathering {
        enough: load.most(),
        room: load.room(),
        gathered: Mutex::new(Gathered::of(parts)),
        full: Notify::new(),
    });
    if gathering.is_full() {
        gathering.full.notify_one();
    } else {
        open.insert(&beside, &gathering);
    }
    drop(open);
    let shelf = Arc::clone(shelf);
    let wait = Duration::from_millis(site.policy().coalesce);
    let fly = async move {
        let _full_or_late = tokio::time::timeout(wait, gathering.full.notified()).await;
        shelf.gatherings.lock().remove(&beside, &gathering);
        let parts = std::mem::take(&mut gathering.gathered.lock().parts);
        load.fly(parts).await;
    };
    drop(runtime.spawn(Box::pin(fly.in_current_span())));
    Vec::new()
}

impl<T, K: KeyPart<Owned = K> + Clone + Eq, S, R, D, V: Clone> Gathered<T, K, S, R, D, V> {
    fn of(parts: Vec<Part<T, K, S, R, D, V>>) -> Self {
        let keys = parts.iter().map(|part| OwnedKey(part.miss.key.clone())).collect();
        Self { parts, keys }
    }
}

impl<T, K: KeyPart<Owned = K> + Clone + Eq, S, R, D, V: Clone> Gathering<T, K, S, R, D, V> {
    /// Takes those there is room for, each key once: of a key that was invalidated since it was gathered there are two
    /// flights, and each is to have a load of its own. Answers with the others.
    fn add(&self, parts: Vec<Part<T, K, S, R, D, V>>) -> Vec<Part<T, K, S, R, D, V>> {
        let mut rest = Vec::new();
        let gathered = &mut *self.gathered.lock();
        for part in parts {
            if gathered.parts.len() < self.room && gathered.keys.insert(OwnedKey(part.miss.key.clone())) {
                gathered.parts.push(part);
            } else {
                rest.push(part);
            }
        }
        rest
    }

    fn is_full(&self) -> bool {
        self.gathered.lock().parts.len() >= self.enough
    }
}
