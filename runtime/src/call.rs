//! One call of an annotated function, up to the point where near cannot answer.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::access::Right;
use crate::depth::Depth;
use crate::error::Error;
use crate::flight::Fallback;
use crate::group::Group;
use crate::intent::{self, Intent};
use crate::key::KeyPart;
use crate::load::Miss;
use crate::log::Log;
use crate::names::{Named, Names};
use crate::near::{Entry, Found};
use crate::outcome::{Shape, Share};
use crate::shelf::Shelf;
use crate::site::Site;
use crate::stats::count;
use crate::which::Which;

/// One call that was no plain hit: made by generated code.
pub struct Call<'a, K, N, S, R, D, V> {
    /// The function.
    pub site: &'static Site,
    /// Which cache serves it.
    pub cache: Which<'a>,
    /// What forms the key, borrowed.
    pub key: K,
    /// How the return type is taken apart.
    pub shape: S,
    /// Writes the key's text and the tags.
    pub names: N,
    /// How a result that is not kept is given to all who wait.
    pub share: Share<R>,
    /// How deep the values go.
    pub depth: D,
    /// What else was asked for.
    pub options: Options<V, R>,
}

/// What an attribute asks for that is not a plain number.
pub struct Options<V, R> {
    pub(crate) cache_if: Option<fn(&V) -> bool>,
    pub(crate) ttl_with: Option<fn(&V) -> Duration>,
    pub(crate) weigh: Option<fn(&V) -> usize>,
    pub(crate) refuse: Option<fn(Error) -> R>,
    pub(crate) carried: Carried<V>,
}

/// Which tags an entry carries itself, because who asks for it next may not know them.
#[derive(Debug)]
pub(crate) enum Carried<V> {
    /// None: they are computed from the key.
    Nothing,
    /// Those that its load was given.
    Given,
    /// These, too, which only the value knows.
    #[cfg_attr(
        not(any(feature = "answers", feature = "response")),
        allow(dead_code, reason = "only what is retrieved, and responses, know their tags")
    )]
    OfValue(fn(&V) -> Vec<Arc<str>>),
}

impl<V> Clone for Carried<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Carried<V> {}

impl<V, R> Options<V, R> {
    /// Nothing asked for.
    #[must_use]
    pub const fn new() -> Self {
        Self { cache_if: None, ttl_with: None, weigh: None, refuse: None, carried: Carried::Nothing }
    }

    /// Keeps only values for which this is true.
    #[must_use]
    pub const fn cache_if(mut self, keep: fn(&V) -> bool) -> Self {
        self.cache_if = Some(keep);
        self
    }

    /// Chooses the life from the value.
    #[must_use]
    pub const fn ttl_with(mut self, life: fn(&V) -> Duration) -> Self {
        self.ttl_with = Some(life);
        self
    }

    /// Lets entries carry their tags.
    pub(crate) const fn carrying(mut self, carried: Carried<V>) -> Self {
        self.carried = carried;
        self
    }

    /// Weighs a value, in bytes.
    #[must_use]
    pub const fn weigh(mut self, weigh: fn(&V) -> usize) -> Self {
        self.weigh = Some(weigh);
        self
    }

    /// Says that the hard timeout passed, or that the `rate` was spent.
    #[must_use]
    pub const fn refuse(mut self, refuse: fn(Error) -> R) -> Self {
        self.refuse = Some(refuse);
        self
    }
}

impl<V, R> Default for Options<V, R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V, R> Clone for Options<V, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V, R> Copy for Options<V, R> {}

impl<V, R> fmt::Debug for Options<V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Options")
    }
}

/// What near says to a call.
#[derive(Debug)]
pub enum Near<R, M> {
    /// The answer.
    Hit(R),
    /// Load it.
    Miss(M),
}

/// The same, to a function after which others are prefetched.
#[derive(Debug)]
pub enum Noted<R, M> {
    /// The answer.
    Hit(R),
    /// Prefetch what comes after it, and load it; unless it is there, was itself loaded ahead, and is asked for the first time.
    Next(Option<R>, M),
}

/// The miss of a call.
pub(crate) type MissOf<K, S, R, D> = Miss<<K as KeyPart>::Owned, S, R, D, <S as Shape<R>>::Kept>;

impl<K, N, S, R, D> Call<'_, K, N, S, R, D, S::Kept>
where
    K: KeyPart,
    N: Fn(&mut Names),
    S: Shape<R>,
    S::Kept: Clone + Send + Sync + 'static,
    R: Send + 'static,
    D: Depth<S::Stored>,
{
    /// Asks near once more, and looks closer.
    #[inline(never)]
    pub fn near(self) -> Near<R, MissOf<K, S, R, D>> {
        let Some((shelf, known)) = self.cache.shelf::<K::Owned, S::Kept, R>(self.site) else {
            return Near::Miss(self.without_shelf());
        };
        let intent = intent::take();
        if !intent.is_plain() {
            return self.intended(shelf, known, intent);
        }
        let policy = known.policy();
        let now = known.clock.now();
        match known.ask(&self.key, now, policy.refresh_ahead, policy.idle) {
            #[cfg(feature = "_seen")]
            Found::Fresh(value) if known.takes_audit() => {
                Near::Miss(Miss { audit: Some(value), ..self.wanted(Some(shelf)) })
            }
            Found::Fresh(value) => {
                known.count_hit(&self.key);
                Near::Hit(self.shape.join(value))
            }
            Found::Check(entry) => self.check(shelf, known, entry, now, true),
            Found::Absent => Near::Miss(self.miss(Some(shelf), None, None, false)),
        }
    }

    /// The same, where it is to be known that what was loaded ahead is asked for.
    pub fn near_noting(self) -> Noted<R, MissOf<K, S, R, D>> {
        if !intent::is_intended()
            && let Some((shelf, known)) = self.cache.shelf::<K::Owned, S::Kept, R>(self.site)
            && known.near.is_asleep(&self.key)
            && let Found::Fresh(value) = known.ask(&self.key, known.clock.now(), 0, known.policy().idle)
        {
            known.count_hit(&self.key);
            return Noted::Next(Some(self.shape.join(value)), self.wanted(Some(shelf)));
        }
        match self.near() {
            Near::Hit(hit) => Noted::Hit(hit),
            Near::Miss(miss) => Noted::Next(None, miss),
        }
    }

    /// A call that is to load anew, or that is made before anybody asks: then it is content with what is there, and is
    /// counted neither as a hit nor as a miss.
    #[cold]
    fn intended(
        self,
        shelf: &Arc<dyn Any + Send + Sync>,
        known: &Shelf<K::Owned, S::Kept, R>,
        intent: Intent,
    ) -> Near<R, MissOf<K, S, R, D>> {
        let Intent { refresh, ahead } = intent;
        if refresh {
            if ahead.is_none() {
                known.count_miss(&self.key);
                known.near.noted_miss(&self.key, || (known.clock.now(), Log::EVERYTHING));
            }
            return Near::Miss(Miss { ahead, force: true, ..self.wanted(Some(shelf)) });
        }
        let now = known.clock.now();
        match known.near.find(&self.key, now, 0, None) {
            Found::Fresh(value) => Near::Hit(self.shape.join(value)),
            Found::Check(entry) if entry.fresh_until() > now => match self.check(shelf, known, entry, now, false) {
                Near::Miss(miss) => Near::Miss(Miss { ahead, ..miss }),
                hit @ Near::Hit(_) => hit,
            },
            Found::Check(_) | Found::Absent => Near::Miss(Miss { ahead, ..self.wanted(Some(shelf)) }),
        }
    }

    /// The rare cases: the log has moved, the entry is past its ttl, or it is due for a refresh. Who loads ahead does not ask.
    fn check(
        self,
        shelf: &Arc<dyn Any + Send + Sync>,
        known: &Shelf<K::Owned, S::Kept, R>,
        entry: Entry<S::Kept>,
        now: u64,
        asked: bool,
    ) -> Near<R, MissOf<K, S, R, D>> {
        let mut checked = entry.checked();
        if checked < known.near.head() {
            if known.is_shut(&self.cache.cache().0.log) {
                return Near::Miss(self.unanswered(shelf, asked));
            }
            count(&known.counters.rechecks);
            let named = self.named();
            let tags = named.tags().chain(entry.tags());
            match self.cache.cache().0.log.unnamed_since(&named.key, tags, checked) {
                Some(seq) => {
                    known.near.recheck(&self.key, &entry, seq);
                    checked = seq;
                }
                None => {
                    count(&known.counters.invalidated);
                    known.announce(&self.key);
                    let miss = self.unanswered(shelf, asked);
                    #[cfg(feature = "_seen")]
                    miss.audit_invalidated(&entry.value);
                    return Near::Miss(miss);
                }
            }
        }
        if asked {
            known.asked(&self.key, &entry);
        }
        let policy = known.policy();
        let tags = entry.tags().map(Arc::from).collect();
        if entry.fresh_until() > now {
            // A refresh that would be refused is left out.
            let rests = known.budget.as_ref().is_some_and(|budget| budget.rests(now));
            if rests || entry.fresh_until() > now + policy.refresh_ahead {
                if asked {
                    known.count_hit(&self.key);
                }
                return Near::Hit(self.shape.join(entry.value));
            }
            let ready = Fallback { stale_until: entry.fresh_until(), value: entry.value, checked, tags };
            return Near::Miss(self.miss(Some(shelf), Some(ready), None, false));
        }
        if entry.held_until() > now {
            count(&known.counters.stale_hits);
            known.count_miss(&self.key);
            known.near.noted_miss(&self.key, || (now, Log::EVERYTHING));
            return Near::Hit(self.shape.join(entry.value));
        }
        let old = Fallback { stale_until: entry.stale_until(), value: entry.value, checked, tags };
        Near::Miss(self.miss(Some(shelf), None, Some(old), false))
    }

    fn named(&self) -> Named {
        let mut names = Names::new(self.cache.cache().0.settings.secret);
        (self.names)(&mut names);
        names.finish()
    }

    /// The miss owns all it needs: it outlives the caller's borrows.
    fn miss(
        self,
        shelf: Option<&Arc<dyn Any + Send + Sync>>,
        ready: Option<Fallback<S::Kept>>,
        fallback: Option<Fallback<S::Kept>>,
        force: bool,
    ) -> MissOf<K, S, R, D> {
        let miss = Miss { ready, fallback, force, ..self.wanted(shelf) };
        if let (Some(shelf), None) = (&miss.shelf, &miss.ready) {
            shelf.count_miss(&miss.key);
            miss.note_miss();
        }
        miss
    }

    /// The miss of a call for which near has nothing; who loads ahead has missed nothing.
    fn unanswered(self, shelf: &Arc<dyn Any + Send + Sync>, asked: bool) -> MissOf<K, S, R, D> {
        if asked { self.miss(Some(shelf), None, None, false) } else { self.wanted(Some(shelf)) }
    }

    fn wanted(self, shelf: Option<&Arc<dyn Any + Send + Sync>>) -> MissOf<K, S, R, D> {
        Miss {
            cache: self.cache.cache().clone(),
            shelf: shelf.and_then(|shelf| Arc::clone(shelf).downcast::<Shelf<K::Owned, S::Kept, R>>().ok()),
            key: self.key.to_owned_part(),
            named: self.named(),
            ready: None,
            fallback: None,
            force: false,
            ahead: None,
            #[cfg(feature = "_seen")]
            audit: None,
            shape: self.shape,
            share: self.share,
            depth: self.depth,
            options: self.options,
        }
    }

    /// More sites than the table of shelves holds, or a read in a transaction: the call goes uncached.
    #[cold]
    fn without_shelf(self) -> MissOf<K, S, R, D> {
        // It loads anyway, and the body's own calls were not meant.
        let Intent { refresh, ahead } = intent::take();
        let (bypasses, namespace) = (matches!(self.cache, Which::Bypass(_)), self.site.namespace());
        let miss = Miss { ahead, ..self.miss(None, None, None, true) };
        // Who may not store may not make untrue what others have stored either; nor does who loads what nobody has asked for.
        if refresh && miss.ahead.is_none() && !bypasses && miss.cache.may(Right::Write, namespace) {
            // What is loaded anew and cannot be kept makes untrue what is: else that would come back after a pause.
            miss.cache.tell_tiers_behind(miss.cache.note(vec![Group::Key(miss.named.key.clone())]));
        }
        miss
    }

    /// A handle to this entry: its key, a look without a load, its removal.
    pub fn entry(self) -> crate::entry::Entry<R> {
        let shelf = self.cache.shelf_at_rest::<K::Owned, S::Kept, R>(self.site);
        crate::entry::Entry::of(self.wanted(shelf.map(|(shelf, _)| shelf)))
    }
}

impl<K, N, S, R, D, V> fmt::Debug for Call<'_, K, N, S, R, D, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("site", &self.site).finish_non_exhaustive()
    }
}
