//! The end of one flight: what is kept, for how long, where, and what those who wait are told.

use std::any::Any;
use std::borrow::Cow;
use std::sync::atomic::Ordering;

use super::Miss;
use super::fly::Work;
use super::turn::Lease;
use crate::ahead::Brought;
use crate::call::Carried;
use crate::clock::{self, CENTURY, Millis, millis};
use crate::codec::Frame;
use crate::depth::Depth;
use crate::error::Error;
use crate::flight::{Fallback, Flight, Landing, Lead, is_withheld, message_of};
use crate::group::Group;
use crate::key::{KeyPart, OwnedKey};
use crate::log::Birth;
use crate::names::Named;
use crate::near::Entry;
use crate::outcome::{Shape, Sort};
use crate::shelf::{Life, Shelf};
use crate::stats::count;

/// After a load failed and an old value was served, how long the next load waits for its turn.
const HOLD: Millis = 1_000;

impl<K, S, R, D, V> Miss<K, S, R, D, V>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    S: Shape<R, Kept = V>,
    R: Send + 'static,
    D: Depth<S::Stored>,
    V: Clone + Send + Sync + 'static,
{
    /// Publishes what may be published, and lands.
    pub(super) fn land(
        &self,
        lead: Lead<OwnedKey<K>, V, R>,
        shelf: &Shelf<K, V, R>,
        work: Result<Result<Work<V, R>, Error>, Box<dyn Any + Send>>,
    ) {
        let birth = lead.flight().birth;
        match work {
            Ok(Ok(Work::Found(value))) => drop(lead.land(|| {}, Landing::Kept(value))),
            Ok(Ok(Work::Promoted(value, life, frame))) => {
                count(&shelf.counters.promotions);
                let entry = self.brought(shelf, self.promoted(shelf, &value, life, birth, &frame), lead.flight());
                lead.land(|| shelf.near.insert(self.key.clone(), entry), Landing::Kept(value));
                self.cache.0.balance.inserted(self.cache.clock().now());
            }
            Ok(Ok(Work::Made(result, lease))) => self.land_made(lead, shelf, result, birth, lease),
            // Who refreshes behind has an answer already.
            #[cfg(feature = "_shared")]
            Ok(Ok(Work::Passed)) => match self.ready.as_ref() {
                Some(ready) => drop(lead.land(|| {}, Landing::Kept(ready.value.clone()))),
                None => drop(lead),
            },
            Ok(Err(error)) => self.land_failed(lead, shelf, || Landing::Refused(error)),
            Err(payload) => {
                count(&shelf.counters.panics);
                let message = format!("the load of `{}` panicked: {}", shelf.sign.name, message_of(&*payload)).into();
                self.land_failed(lead, shelf, || Landing::Panicked { payload: Some(payload), message });
            }
        }
    }

    pub(super) fn land_made(
        &self,
        lead: Lead<OwnedKey<K>, V, R>,
        shelf: &Shelf<K, V, R>,
        result: R,
        birth: Birth,
        lease: Option<Lease>,
    ) {
        if is_withheld(lead.flight().id) {
            // Who waits has to look for himself.
            lead.land(|| {}, Landing::Withheld(Some(result)));
            return;
        }
        let (value, sort) = match self.shape.split(result) {
            Ok(kept) => kept,
            Err((result, sort)) => {
                let landing = Landing::Passed { result: Some(result), share: self.share };
                if sort == Sort::Nothing {
                    return self.land_unkept(lead, shelf, landing);
                }
                count(&shelf.counters.load_errors);
                return self.land_failed(lead, shelf, || landing);
            }
        };
        if sort == Sort::Failure {
            count(&shelf.counters.load_errors);
            if self.usable(self.on_offer(&lead)).is_some() {
                return self.land_failed(lead, shelf, || Landing::Kept(value));
            }
        }
        let life = self.life_of(shelf, &value, sort, lead.flight().began);
        let keep = self.options.cache_if.is_none_or(|keep| keep(&value)) && life.stale_until > life.born;
        if !keep {
            return self.land_unkept(lead, shelf, Landing::Kept(value));
        }
        let frame = self.seal(shelf, &value, sort, birth, life);
        let entry = self.brought(shelf, self.entry(shelf, &value, life, birth), lead.flight());
        let publish = || {
            let gone = shelf.near.insert(self.key.clone(), entry);
            self.write(shelf, frame.as_ref());
            gone
        };
        lead.land(publish, Landing::Kept(value));
        if let (Some(lease), true) = (lease, frame.is_some()) {
            lease.stored();
        }
        self.cache.0.balance.inserted(self.cache.clock().now());
    }

    /// The load answered with something that is not kept. That is no failure: what was kept before is out of date, and is
    /// not served again, here or after a restart.
    pub(super) fn land_unkept(&self, lead: Lead<OwnedKey<K>, V, R>, shelf: &Shelf<K, V, R>, landing: Landing<V, R>) {
        let had = self.force || self.ready.is_some() || lead.flight().fallback().is_some();
        // Only while the key is this flight's own: a younger load, or a value that was set, knows better. Noted before
        // those who wait are told, so that none of them finds the old value in a tier.
        let publish = || {
            let gone = shelf.near.remove(&self.key);
            (gone, had.then(|| self.cache.note(vec![Group::Key(self.named.key.clone())])))
        };
        if let Some((_gone, Some(records))) = lead.land(publish, landing) {
            self.cache.tell_tiers_behind(records);
        }
    }

    /// The load failed: an old value if one is allowed and still valid, else the failure.
    pub(super) fn land_failed(
        &self,
        lead: Lead<OwnedKey<K>, V, R>,
        shelf: &Shelf<K, V, R>,
        failure: impl FnOnce() -> Landing<V, R>,
    ) {
        let Some(old) = self.usable(self.on_offer(&lead)) else {
            lead.land(|| {}, failure());
            return;
        };
        // For a moment the old value answers by itself, so that a failing source is not asked by every call.
        let until = (self.cache.clock().now() + HOLD).min(old.stale_until);
        let weight = self.weigh(&old.value);
        let held =
            Entry::new(old.value.clone(), self.cache.clock().now(), old.stale_until, old.checked, weight).held(until);
        let held = held.tagged(old.tags.iter().cloned().collect());
        lead.land(|| shelf.near.insert(self.key.clone(), held), Landing::Stale(old.value));
    }

    /// The old value on offer. Who asked for a load wants to know that it failed, whoever joined it.
    fn on_offer(&self, lead: &Lead<OwnedKey<K>, V, R>) -> Option<Fallback<V>> {
        if self.force { None } else { lead.flight().fallback() }
    }

    /// The old value, if it is young enough and nothing named it since it was looked at.
    pub(super) fn usable(&self, old: Option<Fallback<V>>) -> Option<Fallback<V>> {
        if self.shelf.as_ref().is_some_and(|shelf| shelf.is_shut(&self.cache.0.log)) {
            return None;
        }
        let old = old.filter(|old| old.stale_until > self.cache.clock().now())?;
        let tags = self.named.tags().chain(old.tags.iter().map(|t| &**t));
        self.cache.0.log.unnamed_since(&self.named.key, tags, old.checked)?;
        Some(old)
    }

    /// How long a value lives that was loaded just now.
    fn life_of(&self, shelf: &Shelf<K, V, R>, value: &V, sort: Sort, began: Millis) -> Life {
        let follows = shelf.adaptive.is_some() && sort == Sort::Value && self.options.ttl_with.is_none();
        let follows = follows && shelf.dial.ttl().is_none();
        if !follows {
            return self.life(shelf, value, sort);
        }
        let born = self.cache.clock().now_assured();
        let fingerprint = self.shape.stored(value).and_then(|stored| self.depth.fingerprint(stored));
        match shelf.adapted(&self.key, fingerprint, began, born) {
            // What is loaded together is spread, and the next look is not deceived: it comes later than it might.
            Some(ttl) => {
                let ttl = ttl.min(millis(CENTURY));
                let fresh_until = born.saturating_add(ttl - self.spread(ttl).min(ttl));
                Life { born, fresh_until, stale_until: fresh_until.saturating_add(shelf.stale()) }
            }
            None => self.life(shelf, value, sort),
        }
    }

    /// By how much a life is to be shorter, so that what is loaded together does not end together.
    fn spread(&self, ttl: Millis) -> Millis {
        // But it is to live.
        let spread = self.ahead.as_ref().map_or(0, |ahead| ahead.spread.min(ttl / 2));
        if spread == 0 { 0 } else { self.cache.0.chance.below(spread) }
    }

    /// How long a value lives: by its sort, by itself, by the site, by the key's pattern, by the cache; less some chance.
    pub(crate) fn life(&self, shelf: &Shelf<K, V, R>, value: &V, sort: Sort) -> Life {
        let policy = shelf.policy();
        let settings = &self.cache.0.settings;
        let profile = || policy.profile.and_then(|name| settings.profile(name));
        let said = || policy.ttl.or_else(profile).unwrap_or_else(|| settings.dials.ttl_of(self.named.key.as_str()));
        let bounded = || policy.adaptive.map_or_else(said, |(least, most)| said().clamp(least, most));
        let tuned = shelf.dial.ttl();
        let whole = || tuned.unwrap_or_else(bounded);
        let ttl = match sort {
            Sort::Value => match self.options.ttl_with.filter(|_| tuned.is_none()) {
                Some(life) => clock::life(life(value)),
                None => whole(),
            },
            Sort::Nothing => policy.none.filter(|none| *none > 0).unwrap_or_else(whole),
            Sort::Failure => policy.err.unwrap_or_else(whole),
        };
        let ttl = ttl.min(millis(CENTURY));
        let jitter = ttl as f64 * f64::from(policy.jitter) * self.cache.0.chance.part();
        let less = jitter as Millis + self.spread(ttl);
        let born = self.cache.clock().now_assured();
        let fresh_until = born.saturating_add(ttl - less.min(ttl));
        let stale = if sort == Sort::Failure { 0 } else { shelf.stale() };
        Life { born, fresh_until, stale_until: fresh_until.saturating_add(stale) }
    }

    pub(super) fn entry(&self, shelf: &Shelf<K, V, R>, value: &V, life: Life, birth: Birth) -> Entry<V> {
        #[cfg(feature = "_seen")]
        shelf.is_written_by(self.shape, self.depth);
        let weight = self.weigh(value);
        let entry = Entry::new(value.clone(), life.fresh_until, life.stale_until, birth.seq, weight);
        let entry = match self.options.carried {
            Carried::Nothing => entry,
            Carried::Given | Carried::OfValue(_) => entry.tagged(self.named_with(value).tags.iter().cloned().collect()),
        };
        if shelf.policy().idle.is_some() { entry.used_at(self.cache.clock().now()) } else { entry }
    }

    /// The names of an entry, with the tags that only its value knows.
    pub(super) fn named_with<'a>(&'a self, value: &V) -> Cow<'a, Named> {
        let Carried::OfValue(tags) = self.options.carried else { return Cow::Borrowed(&self.named) };
        let tags = self.named.tags.iter().cloned().chain(tags(value)).collect();
        Cow::Owned(Named { key: self.named.key.clone(), tags })
    }

    /// The entry as it was loaded: ahead of the first who asks, unless somebody has asked meanwhile.
    fn brought(&self, shelf: &Shelf<K, V, R>, entry: Entry<V>, flight: &Flight<V, R>) -> Entry<V> {
        let Some(ahead) = &self.ahead else { return entry };
        let asked = flight.asked.load(Ordering::Relaxed);
        let entry = if asked { entry } else { entry.brought(Brought::count(&shelf.counters, ahead.why)) };
        if asked {
            count(&shelf.counters.ahead(ahead.why).late);
        }
        if let Some(bill) = &ahead.bill {
            bill.bytes.fetch_add(u64::from(entry.weight), Ordering::Relaxed);
        }
        entry
    }

    /// An entry from a frame, with the frame's tags where they are not the call's own.
    pub(super) fn promoted(
        &self,
        shelf: &Shelf<K, V, R>,
        value: &V,
        life: Life,
        birth: Birth,
        frame: &Frame,
    ) -> Entry<V> {
        let entry = self.entry(shelf, value, life, birth);
        if *frame.shared_tags() == self.named.tags {
            entry
        } else {
            entry.tagged(frame.shared_tags().iter().cloned().collect())
        }
    }

    pub(super) fn weigh(&self, value: &V) -> u32 {
        let own = match self.options.weigh {
            Some(weigh) => weigh(value),
            None => self.shape.stored(value).map_or(0, |stored| self.depth.weigh(stored)),
        };
        let all = own + self.key.heap_bytes() + size_of::<K>() + Entry::<V>::OVERHEAD;
        u32::try_from(all).unwrap_or(u32::MAX)
    }

    /// Stores a value that was given, in place of any load in the air.
    pub(crate) fn store(&self, shelf: &Shelf<K, V, R>, value: V, birth: Birth, life: Life) {
        let frame = self.seal(shelf, &value, Sort::Value, birth, life);
        let entry = self.entry(shelf, &value, life, birth);
        let entry = match self.options.carried {
            Carried::Nothing => entry.tagged(self.named.tags.iter().cloned().collect()),
            Carried::Given | Carried::OfValue(_) => entry,
        };
        let gone = shelf.board.ground(&OwnedKey(self.key.clone()), || {
            let gone = shelf.near.insert(self.key.clone(), entry);
            self.write(shelf, frame.as_ref());
            gone
        });
        drop(gone);
        self.cache.0.balance.inserted(self.cache.clock().now());
    }

    /// Hands a frame to the tiers, which never wait. Called while the key is held, so that they get what near gets, in
    /// the same order.
    fn write(&self, shelf: &Shelf<K, V, R>, frame: Option<&Frame>) {
        if frame.is_some_and(|frame| !self.cache.0.stack.write(frame)) {
            count(&shelf.counters.not_stored);
        }
    }
}
