//! Calls that usually come after this one, begun beside its load.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Miss;
use crate::ahead::{Ahead, Why, at_depth, depth_here};
use crate::depth::Depth;
use crate::intent;
use crate::key::{KeyPart, OwnedKey};
use crate::outcome::Shape;
use crate::stats::count;
use crate::sync::Handle;

/// So many calls may lead one to the other.
const DEEPEST: u8 = 3;

impl<K, S, R, D, V> Miss<K, S, R, D, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    /// Begins a call that nobody has asked for, in a task of its own, and does not wait for anything. It is left out where
    /// somebody who asked has begun it with this load, in a warm-up, whose budget it would be,  where there is no room, and where nothing of it would be kept. A call of
    /// the function itself, as for the next page, leads to no further one: that is for who comes to it.
    pub fn prefetch<L, F>(&self, itself: bool, call: L)
    where
        L: FnOnce() -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(shelf) = &self.shelf else { return };
        // A body that was called ahead may call, and its calls may lead further.
        let depth = self.ahead.as_ref().map_or(0, |ahead| ahead.depth).max(depth_here()) + 1;
        let by_a_job = self.ahead.as_ref().is_some_and(|ahead| ahead.why == Why::Warmup);
        let led_by_another = || {
            let flight = shelf.board.in_the_air(&OwnedKey(self.key.clone()));
            // One that nobody asked for so far has prefetched nothing for those who ask.
            flight.is_some_and(|flight| self.ahead.is_some() || flight.asked.load(Ordering::Relaxed))
        };
        let deepest = if itself { 1 } else { DEEPEST };
        if self.ready.is_some() || by_a_job || depth > deepest || !self.may_store(shelf) || led_by_another() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        let Ok(room) = Arc::clone(&self.cache.0.settings.prefetches).try_acquire_owned() else {
            return count(&shelf.counters.prefetch_refused);
        };
        let ahead = Arc::new(Ahead { why: Why::Related, spread: 0, depth, bill: None });
        let call = at_depth(depth, intent::going_ahead(false, ahead, call()));
        drop(runtime.spawn(async move {
            call.await;
            drop(room);
        }));
    }
}
