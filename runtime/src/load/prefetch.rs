//! Calls that usually come after this one, begun beside its load.

use std::future::Future;
use std::sync::atomic::Ordering;

use super::Miss;
use super::begin::begin_ahead;
use crate::ahead::{Why, depth_here};
use crate::depth::Depth;
use crate::key::{KeyPart, OwnedKey};
use crate::outcome::Shape;

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
    /// Begins a call that nobody has asked for, and does not wait for anything. It is left out where somebody who asked has
    /// begun it with this load; in a warm-up, whose budget it would be; where nothing of it would be kept; and where there is
    /// no room. A call of the function itself, as for the next page, leads to no further one: that is for who comes to it.
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
        if self.ready.is_some() || by_a_job || depth > deepest || led_by_another() {
            return;
        }
        begin_ahead(&self.cache, shelf, Why::Related, depth, call);
    }
}
