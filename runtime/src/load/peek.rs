//! Looking at an entry without loading it, and taking it out.

use std::sync::Arc;

use super::Miss;
use crate::depth::Depth;
use crate::flight::Fallback;
use crate::key::{KeyPart, OwnedKey};
use crate::near::Found;
use crate::outcome::Shape;
use crate::shelf::Shelf;

/// A tier failed, or may not be believed: what it has is not known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unknown;

impl<K, S, R, D, V> Miss<K, S, R, D, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    /// The entry as it stands in near or in a tier, without a load.
    pub(crate) async fn peek(&self) -> Option<R>
    where
        S::Stored: 'static,
    {
        self.peek_kept().await.map(|value| self.shape.join(value))
    }

    /// The same, as it is kept.
    pub(super) async fn peek_kept(&self) -> Option<V>
    where
        S::Stored: 'static,
    {
        let shelf = self.asked()?;
        if let Some(value) = self.peek_near_kept() {
            return Some(value);
        }
        let (birth, now) = (self.cache.0.log.birth(), self.cache.clock().now());
        let stack = &self.cache.0.stack;
        if stack.is_empty() || shelf.policy().local || shelf.is_shut(&self.cache.0.log) {
            return None;
        }
        let down = stack.read(std::slice::from_ref(&self.named.key), now).await.pop()?;
        self.promote(shelf, down, birth, now)
    }

    /// What the deepest tier has that has it, whatever near has; near is left as it is. An error where that cannot be known.
    #[cfg(feature = "tiers")]
    pub(crate) async fn peek_below(&self) -> Result<Option<R>, Unknown>
    where
        S::Stored: 'static,
    {
        let Some(shelf) = &self.shelf else { return Ok(None) };
        let (stack, now) = (&self.cache.0.stack, self.cache.clock().now());
        if stack.is_empty() {
            return Ok(None);
        }
        if shelf.is_shut(&self.cache.0.log) {
            return Err(Unknown);
        }
        let down = stack.read_up(&self.named.key, now).await;
        let failed = down.failed > 0;
        match self.open(shelf, down) {
            Some((value, life, _)) if life.fresh_until > now => Ok(Some(self.shape.join(value))),
            _ if failed => Err(Unknown),
            _ => Ok(None),
        }
    }

    /// The entry as it stands in near.
    pub(crate) fn peek_near(&self) -> Option<R> {
        self.peek_near_kept().map(|value| self.shape.join(value))
    }

    /// The shelf, unless calls go by the cache by now: who looks has what a call would have.
    fn asked(&self) -> Option<&Arc<Shelf<K, V, R>>> {
        self.shelf.as_ref().filter(|shelf| !shelf.is_paused())
    }

    fn peek_near_kept(&self) -> Option<V> {
        let shelf = self.asked()?;
        match shelf.ask(&self.key, self.cache.clock().now(), 0, None) {
            Found::Fresh(value) => Some(value),
            Found::Check(entry) if entry.fresh_until() > self.cache.clock().now() => {
                if shelf.is_shut(&self.cache.0.log) {
                    return None;
                }
                let tags = self.named.tags().chain(entry.tags());
                self.cache.0.log.unnamed_since(&self.named.key, tags, entry.checked())?;
                Some(entry.value)
            }
            _ => None,
        }
    }

    /// What near has past its ttl, to answer with if the load fails.
    pub(crate) fn stale_near(&self) -> Option<Fallback<V>> {
        let now = self.cache.clock().now();
        match self.shelf.as_ref()?.near.find(&self.key, now, 0, None) {
            Found::Check(entry) if entry.fresh_until() <= now => Some(Fallback {
                stale_until: entry.stale_until(),
                checked: entry.checked(),
                tags: entry.tags().map(Arc::from).collect(),
                value: entry.value,
            }),
            _ => None,
        }
    }

    /// Tells the site's curve that near has nothing for this call.
    pub(crate) fn note_miss(&self) {
        if let Some(shelf) = &self.shelf {
            shelf.near.noted_miss(&self.key, || {
                (self.cache.clock().now(), self.cache.0.log.named_last(&self.named.key, self.named.tags()))
            });
        }
    }

    /// Takes the entry out of near and lets a load in the air land unpublished.
    pub(crate) fn ground(&self) {
        if let Some(shelf) = &self.shelf {
            shelf.announce(&self.key);
            drop(shelf.board.ground(&OwnedKey(self.key.clone()), || shelf.near.remove(&self.key)));
        }
    }
}
