//! One audit: the body once more, beside the call, and what the cache has when it should know.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::Miss;
use crate::audit::{Audit, Place, Verdict};
use crate::clock::{Millis, millis};
use crate::depth::Depth;
use crate::flight::CatchUnwind;
use crate::key::KeyPart;
use crate::near::Found;
use crate::outcome::Shape;
use crate::shelf::Shelf;
use crate::sync::Handle;

/// A body without a `timeout` has so long when it is audited.
const PATIENCE: Duration = Duration::from_secs(60);
/// A stale entry is looked for so long, and so often.
const WATCHED: Millis = 10 * 60_000;
const AGAIN: Millis = 1_000;

impl<K, S, R, D, V> Miss<K, S, R, D, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    /// A hit that is audited: it is answered as it is, and the body runs beside it.
    pub(super) fn answer_and_audit<F>(mut self, value: V, body: impl FnOnce() -> F) -> R
    where
        F: Future<Output = R> + Send + 'static,
        S::Stored: 'static,
    {
        let answer = self.shape.join(value.clone());
        let (Some(shelf), Ok(runtime)) = (self.shelf.take(), Handle::try_current()) else { return answer };
        let Some(audit) = shelf.audit.clone() else { return answer };
        if let (Some(room), Some(old)) = (audit.begin(), self.print_of(&value)) {
            // What runs the body spends its budget, but never all of it: no caller is refused a load for an audit.
            if shelf.budget.as_ref().is_some_and(|budget| !budget.spend_aside()) {
                audit.leave_out();
                return answer;
            }
            let (began, body) = (self.cache.clock().now_assured(), body());
            let limit = shelf.policy().timeout.map_or(PATIENCE, Duration::from_millis);
            drop(runtime.spawn(async move {
                let made = tokio::time::timeout(limit, CatchUnwind(std::pin::pin!(body))).await;
                let made = made.ok().and_then(Result::ok).and_then(|made| self.shape.split(made).ok());
                match made.and_then(|(kept, _)| self.print_of(&kept)) {
                    None => audit.tell(&shelf.sign.name, Verdict::Unknown),
                    Some(new) if new == old => audit.tell(&shelf.sign.name, Verdict::Consistent),
                    Some(_) => self.watch_old(&shelf, &audit, old, began, room).await,
                }
            }));
        }
        answer
    }

    /// An entry that was found invalidated: what tiers have of it once all should know is not to be the old value, unless
    /// that is what was loaded anew.
    pub(crate) fn audit_invalidated(&self, value: &V)
    where
        S::Stored: 'static,
    {
        let Some(shelf) = &self.shelf else { return };
        let Some(audit) = shelf.audit.clone().filter(|audit| audit.is_due(1)) else { return };
        let (Ok(runtime), Some(room), Some(old)) = (Handle::try_current(), audit.begin(), self.print_of(value)) else {
            return;
        };
        let (this, shelf, began) = (self.same_key(), Arc::clone(shelf), self.cache.clock().now_assured());
        drop(runtime.spawn(async move {
            this.cache.clock().until(began + millis(audit.options.bound)).await;
            // What was loaded anew says whether the source has changed at all.
            match this.near_print(&shelf) {
                Some(new) if new != old => this.watch_old(&shelf, &audit, old, began, room).await,
                Some(_) => audit.tell(&shelf.sign.name, Verdict::Consistent),
                None => audit.tell(&shelf.sign.name, Verdict::Unknown),
            }
        }));
    }

    /// The same key in the same cache, and nothing else of this call.
    fn same_key(&self) -> Self {
        Self {
            cache: self.cache.clone(),
            shelf: None,
            key: self.key.clone(),
            named: self.named.clone(),
            ready: None,
            fallback: None,
            force: false,
            ahead: None,
            audit: None,
            shape: self.shape,
            share: self.share,
            depth: self.depth,
            options: self.options,
        }
    }

    /// The source has changed: is the old value gone from everywhere once it has to be? If not, for how long does it stay?
    /// Room for other audits is given back before that.
    async fn watch_old(
        &self,
        shelf: &Shelf<K, V, R>,
        audit: &Audit,
        old: u64,
        began: Millis,
        room: OwnedSemaphorePermit,
    ) where
        S::Stored: 'static,
    {
        let clock = self.cache.clock();
        clock.until(began + millis(audit.options.bound)).await;
        let places = self.places_of(shelf, old).await;
        if places.is_empty() {
            return audit.tell(&shelf.sign.name, Verdict::Changed);
        }
        let found_at = clock.now();
        let is_new = audit.found(&shelf.sign.name, &self.named.key, places, found_at);
        drop(room);
        if !is_new {
            return;
        }
        let Some(_watching) = audit.watch() else { return audit.unwatched(&self.named.key, found_at) };
        let mut now = found_at;
        while now < began + WATCHED {
            clock.until(now + AGAIN).await;
            now = clock.now();
            if self.places_of(shelf, old).await.is_empty() {
                return audit.lasted(&self.named.key, found_at, now.saturating_sub(began));
            }
        }
        audit.lasts(&self.named.key, found_at, now.saturating_sub(began));
    }

    /// Where this value is what a call would be answered with.
    async fn places_of(&self, shelf: &Shelf<K, V, R>, print: u64) -> Vec<Place>
    where
        S::Stored: 'static,
    {
        let mut places = Vec::new();
        if self.near_print(shelf) == Some(print) {
            places.push(Place::Near);
        }
        let now = self.cache.clock().now();
        for level in self.cache.0.stack.levels() {
            let frame = level.tier.get_one(&self.named.key).await.ok().flatten();
            let frame = frame.filter(|frame| (level.vouches)(frame) && frame.head().fresh_until > now);
            let down = crate::stack::Down { frame, ..crate::stack::Down::default() };
            let opened = self.open(shelf, down);
            if opened.is_some_and(|(value, ..)| self.print_of(&value) == Some(print)) {
                places.push(Place::Tier(level.name.clone()));
            }
        }
        places
    }

    /// The fingerprint of what near would answer.
    fn near_print(&self, shelf: &Shelf<K, V, R>) -> Option<u64> {
        let now = self.cache.clock().now();
        let entry = match shelf.near.find(&self.key, now, 0, None) {
            Found::Fresh(value) => return self.print_of(&value),
            Found::Check(entry) if entry.fresh_until() > now => entry,
            Found::Check(_) | Found::Absent => return None,
        };
        let tags = self.named.tags().chain(entry.tags());
        self.cache.0.log.unnamed_since(&self.named.key, tags, entry.checked())?;
        self.print_of(&entry.value)
    }

    fn print_of(&self, value: &V) -> Option<u64> {
        self.depth.fingerprint(self.shape.stored(value)?)
    }
}

impl<K, S, R, D, V> Miss<K, S, R, D, V>
where
    S: Shape<R, Kept = V>,
    V: Clone,
{
    /// The answer of a hit that was to be audited and is not: only bodies that run in tasks of their own can be run once
    /// more.
    pub(in crate::load) fn unaudited(&self) -> Option<R> {
        self.audit.clone().map(|value| self.shape.join(value))
    }
}
