//! What a load has to do with the tiers: it reads down them before the body runs, and seals what the body made.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::Miss;
use crate::call::Carried;
use crate::clock::Millis;
use crate::codec::Frame;
use crate::depth::Depth;
use crate::flight::{Fallback, Flight};
use crate::key::KeyPart;
use crate::log::Birth;
use crate::outcome::{Shape, Sort};
use crate::shelf::{Life, Shelf};
use crate::stack::Down;
use crate::stats::count;

/// So many keys are asked for in one read, which has one deadline.
const AT_ONCE: usize = 256;

impl<K, S, R, D, V> Miss<K, S, R, D, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    /// Asks the tiers. A frame that is fresh answers; one that may be served stale is offered to those who wait.
    pub(super) async fn read_down(&self, flight: &Flight<V, R>, shelf: &Shelf<K, V, R>) -> Option<(V, Life, Frame)>
    where
        S::Stored: 'static,
    {
        let stack = &self.cache.0.stack;
        let unasked = stack.is_empty() || shelf.policy().local || shelf.is_shut(&self.cache.0.log);
        if unasked || self.depth.codecs().is_none() {
            return None;
        }
        let now = self.cache.clock().now();
        let down = stack.read_one(&self.named.key, now).await;
        let from = down.from;
        let taken = self.take_down(flight, shelf, down, now);
        if let (Some(_), Some(level)) = (&taken, stack.levels().get(from)) {
            tracing::Span::current().record("tier", level.name.as_str());
        }
        taken
    }

    /// The same for several at once: one read of each tier, for up to 256 keys.
    pub(super) async fn read_down_together(
        shelf: &Shelf<K, V, R>,
        asked: Vec<(&Self, &Flight<V, R>)>,
    ) -> Vec<Option<(V, Life, Frame)>>
    where
        S::Stored: 'static,
    {
        let mut found: Vec<_> = asked.iter().map(|_| None).collect();
        let Some((first, _)) = asked.first() else { return found };
        let stack = &first.cache.0.stack;
        let unasked = stack.is_empty() || shelf.policy().local || shelf.is_shut(&first.cache.0.log);
        if unasked || first.depth.codecs().is_none() {
            return found;
        }
        let now = first.cache.clock().now();
        let places: Vec<usize> = (0..asked.len()).filter(|&at| !asked[at].0.force).collect();
        for places in places.chunks(AT_ONCE) {
            let keys: Vec<_> = places.iter().map(|&at| asked[at].0.named.key.clone()).collect();
            for (&at, down) in places.iter().zip(stack.read(&keys, now).await) {
                let (miss, flight) = asked[at];
                // A value that its own code cannot read loses nobody else's.
                let taken = catch_unwind(AssertUnwindSafe(|| miss.take_down(flight, shelf, down, now)));
                found[at] = taken.unwrap_or_else(|_| {
                    count(&shelf.counters.frames_refused);
                    None
                });
            }
        }
        found
    }

    /// A frame may have been stored with other tags than this load was given. Who joins has to know them from here on; what
    /// was invalidated before nobody may have who comes after.
    fn admitted(&self, flight: &Flight<V, R>, mut down: Down) -> Down {
        if let (Some(frame), Carried::Given) = (&down.frame, self.options.carried) {
            if let Some(given) = &mut *flight.given.lock() {
                given.extend(frame.tags().map(Arc::from));
            }
            let log = &self.cache.0.log;
            if log.unnamed_since(&self.named.key, frame.tags(), flight.birth.seq).is_none() {
                down.frame = None;
            }
        }
        down
    }

    /// What the tiers had, if it answers; else it may be on offer.
    fn take_down(
        &self,
        flight: &Flight<V, R>,
        shelf: &Shelf<K, V, R>,
        down: Down,
        now: Millis,
    ) -> Option<(V, Life, Frame)>
    where
        S::Stored: 'static,
    {
        let from = down.from;
        let (value, life, frame) = self.open(shelf, self.admitted(flight, down))?;
        // A refresh wants something newer than what near still serves.
        let newer_than = self.ready.as_ref().map_or(now, |ready| ready.stale_until);
        if life.fresh_until > newer_than.max(now) {
            count(&shelf.counters.tier_hits);
            self.cache.0.stack.answered(from);
            return Some((value, life, frame));
        }
        count(&shelf.counters.tier_misses);
        flight.offer(Fallback {
            value,
            stale_until: life.stale_until,
            checked: flight.birth.seq,
            tags: Arc::clone(&frame.head().tags),
        });
        None
    }

    /// Decodes what the tiers had, if this site wrote it.
    pub(super) fn open(&self, shelf: &Shelf<K, V, R>, down: Down) -> Option<(V, Life, Frame)>
    where
        S::Stored: 'static,
    {
        let codecs = self.depth.codecs()?;
        shelf.counters.tier_errors.fetch_add(down.failed, Relaxed);
        let opened =
            down.frame.and_then(|frame| match shelf.frames.open(&codecs, &frame, |tag| shelf.near.watches_tag(tag)) {
                Some(stored) => Some((self.shape.restore(stored).0, frame)),
                None => {
                    count(&shelf.counters.frames_refused);
                    None
                }
            });
        let Some((value, frame)) = opened else {
            count(&shelf.counters.tier_misses);
            return None;
        };
        let head = frame.head();
        let life = Life { born: head.born, fresh_until: head.fresh_until, stale_until: head.stale_until };
        Some((value, life, frame))
    }

    /// The frame of a value, if it goes below near.
    pub(super) fn seal(
        &self,
        shelf: &Shelf<K, V, R>,
        value: &V,
        sort: Sort,
        birth: Birth,
        life: Life,
    ) -> Option<Frame> {
        if self.cache.0.stack.is_empty() || shelf.policy().local || sort == Sort::Failure {
            return None;
        }
        let codecs = self.depth.codecs()?;
        let sealed = shelf.frames.seal(&codecs, self.shape.stored(value)?, &self.named_with(value), birth, life);
        if let Err(error) = &sealed {
            count(&shelf.counters.not_stored);
            tracing::debug!(site = %shelf.sign.name, kind = error.kind().word(), "a value was not stored below near");
        }
        sealed.ok()
    }
}
