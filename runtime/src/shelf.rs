//! One site in one cache: its near tier, its flights, its counters, and how its values become frames.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::accesses::{AccessLog, LONGEST};
use crate::adaptive::{Adaptive, Look};
use crate::budget::Budget;
use crate::clock::{Clock, Millis};
use crate::flight::{Board, Caller, FlightId, Loading};
use crate::foresight::Foresight;
#[cfg(feature = "tiers")]
use crate::frames::Frames;
use crate::gatherings::Gatherings;
use crate::key::{Glance, KeyPart, Lookup, OwnedKey, Secret, written};
use crate::log::{Interest, Lapse, Log};
use crate::near::{Balanced, Entry, Focus, Found, HasNear, Near, Pace, Whereabouts};
use crate::policy::Policy;
use crate::settings::{Settings, literal_prefix};
use crate::site::{Site, watched};
use crate::stats::{AdaptiveStats, CompressStats, Counters, NotedStats, PredictStats, SiteStats, count};

/// How many callers load for themselves at a time when an error cannot be shared.
const ALONE: usize = 4;

/// What a shelf is made for.
#[derive(Debug, Clone)]
pub(crate) struct Sign {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) key_prefix: String,
    pub(crate) tag_prefixes: Vec<String>,
    pub(crate) policy: Policy,
    /// How many keys its calls are noted for, if they are.
    pub(crate) watched: Option<usize>,
}

/// One site in one cache, for one type of key, value and result.
pub(crate) struct Shelf<K, V, R> {
    pub(crate) sign: Arc<Sign>,
    pub(crate) near: Near<K, V>,
    pub(crate) board: Arc<Board<OwnedKey<K>, V, R>>,
    pub(crate) counters: Arc<Counters>,
    #[cfg(feature = "tiers")]
    pub(crate) frames: Frames,
    pub(crate) alone: Semaphore,
    /// Stands for the loads that hold a turn of `alone`, among loads that wait for each other.
    pub(crate) alone_id: FlightId,
    pub(crate) clock: Clock,
    /// What it may load, if its site asks for that.
    pub(crate) budget: Option<Arc<Budget>>,
    /// What follows what, if its site asks for that.
    pub(crate) foresight: Foresight,
    /// How long its values live, if that follows how often they change. Boxed: few sites ask for it.
    pub(crate) adaptive: Option<Box<Adaptive>>,
    focus: Focus,
    /// Which hits are looked at.
    pace: Pace,
    /// What was asked for, if its site is warmed for that.
    accesses: Option<Arc<AccessLog>>,
    secret: Secret,
    /// Loads that wait for more elements.
    pub(crate) gatherings: Gatherings,
}

impl Sign {
    pub(crate) fn of(site: &Site) -> Self {
        Self {
            name: site.name().to_owned(),
            namespace: site.namespace().to_owned(),
            key_prefix: Settings::key_prefix(site),
            tag_prefixes: site.declared().tags.iter().map(|tag| literal_prefix(tag).to_owned()).collect(),
            policy: *site.policy(),
            watched: watched(site.name()),
        }
    }
}

impl<K, V, R> Shelf<K, V, R>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: Send + 'static,
{
    /// A load of this site, for this caller.
    pub(crate) fn loading(&self, caller: Caller) -> Loading {
        Loading::new(&self.sign, &self.counters, caller)
    }

    /// Makes a shelf that may fill the whole budget for now, and lets the log know of it.
    pub(crate) fn new(sign: Sign, settings: &Settings, log: &Log, budget: u64) -> Self {
        let strict = sign.policy.strict.unwrap_or(settings.strict);
        if let Some(name) = sign.policy.profile
            && settings.profile(name).is_none()
        {
            tracing::warn!(site = %sign.name, profile = name, "an unknown profile: give it with `Builder::profile`");
        }
        let interest = Interest::new(&sign.namespace, &sign.key_prefix, sign.tag_prefixes.clone(), strict);
        let lapses = strict && log.is_shared();
        let interest = Arc::new(if lapses { interest.lapsing(lapse(&settings.clock, log)) } else { interest });
        log.watch(&interest);
        let counters = Arc::new(Counters::default());
        let near =
            Near::new(settings.eviction, budget, &sign.namespace, sign.policy.idle, interest, Arc::clone(&counters));
        let now = settings.clock.now_assured();
        let accesses = sign.watched.map(|most| settings.accesses.of(&sign.name, most, now));
        Self {
            #[cfg(feature = "tiers")]
            frames: Frames::new(&sign.name, &sign.namespace, &sign.policy, settings),
            foresight: Foresight::default(),
            adaptive: adaptive(&sign.policy),
            budget: settings.budgets.of(&sign.name, sign.policy.rate, &settings.clock),
            sign: Arc::new(sign),
            near,
            board: Arc::new(Board::new()),
            counters,
            alone: Semaphore::new(ALONE),
            alone_id: FlightId::next(),
            clock: settings.clock.clone(),
            focus: Focus::default(),
            pace: if accesses.is_some() { Pace::adjusted() } else { Pace::steady() },
            accesses,
            secret: settings.secret,
            gatherings: Gatherings::default(),
        }
    }

    /// What near has for a key, if it is a plain hit; counted.
    #[inline(always)]
    pub(crate) fn hit<Q: KeyPart<Owned = K>, H: Fn() -> Q>(&self, glance: &Glance<Q, H>) -> Option<V> {
        let value = self.near.fresh(glance, self.clock.now(), self.sign.policy.refresh_ahead)?;
        let hit = self.counters.hits.add();
        if self.pace.is_due(hit) {
            self.sample(&(glance.of)(), hit);
        }
        Some(value)
    }

    /// Counts a hit; now and then it tells which key it was.
    #[inline]
    pub(crate) fn count_hit<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q) {
        let hit = self.counters.hits.add();
        if self.pace.is_due(hit) {
            self.sample(key, hit);
        }
    }

    /// Counts a call that near had no answer for.
    pub(crate) fn count_miss<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q) {
        count(&self.counters.misses);
        if let Some(accesses) = &self.accesses {
            accesses.note(self.near.seen(key).hash, 1, self.clock.now(), || self.text_of(key));
        }
    }

    #[cold]
    fn sample<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q, hit: u64) {
        let hash = self.near.seen(key).hash;
        if Pace::is_rare(hit) && self.near.may_be_fronted() {
            self.focus.sample(hash);
        }
        if let Some(accesses) = &self.accesses {
            let now = self.clock.now();
            accesses.note(hash, self.pace.took(now), now, || self.text_of(key));
        }
    }

    /// The parts of a key, to be read again; none of one that is too long to be kept. What is secret is hashed, nothing is
    /// cut. A part that panics while it is written is no reason for a hit to fail.
    fn text_of<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q) -> Option<String> {
        let write = || (key.heap_bytes() <= LONGEST).then(|| written(key, self.secret));
        catch_unwind(AssertUnwindSafe(write)).unwrap_or_else(|_| {
            tracing::warn!(site = %self.sign.name, "a part of a key panicked while it was noted");
            None
        })
    }

    /// Do a few keys get most of the hits?
    #[inline]
    pub(crate) fn few_are_hot(&self) -> bool {
        self.focus.is_narrow()
    }

    /// How long what was just loaded is to be fresh, if that follows how often it changes.
    pub(crate) fn adapted(&self, key: &K, fingerprint: Option<u64>, began: Millis, ended: Millis) -> Option<Millis> {
        let adaptive = self.adaptive.as_ref()?;
        let key = self.near.seen(key).hash;
        Some(adaptive.loaded(&Look { key, fingerprint, hits: None, began, ended }))
    }

    /// Where the value of a key is, without asking for it.
    pub(crate) fn whereabouts<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q) -> Whereabouts {
        if self.near.has(key, self.clock.now()) {
            Whereabouts::Near
        } else if self.board.in_the_air(&Lookup(key)).is_some() {
            Whereabouts::InTheAir
        } else {
            Whereabouts::Nowhere
        }
    }

    /// What near has for who asks for a key.
    pub(crate) fn ask<Q: KeyPart<Owned = K> + ?Sized>(
        &self,
        key: &Q,
        now: Millis,
        refresh_ahead: Millis,
        idle: Option<Millis>,
    ) -> Found<V> {
        let (found, woken) = self.near.ask(key, now, refresh_ahead, idle);
        if woken {
            self.renew(key);
        }
        found
    }

    /// Somebody asks for an entry at which he has to look more closely.
    pub(crate) fn asked<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q, entry: &Entry<V>) {
        if self.near.asked(key, entry) {
            self.renew(key);
        }
    }

    /// What was loaded ahead is asked for, for the first time. Who misses it meanwhile leads, and looks again.
    #[cold]
    fn renew<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q) {
        drop(self.board.hold(&Lookup(key), || self.near.renew(key)));
    }

    /// The entry of this key was invalidated: that it changes is no news then.
    pub(crate) fn announce<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q) {
        if let Some(adaptive) = &self.adaptive {
            adaptive.announce(self.near.seen(key).hash);
        }
    }

    /// Is nothing that was stored to be served now, because invalidations of other nodes may be missing?
    pub(crate) fn is_shut(&self, log: &Log) -> bool {
        self.near.is_strict() && (self.near.head() == u64::MAX || !log.is_proven())
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.sign.policy
    }
}

fn adaptive(policy: &Policy) -> Option<Box<Adaptive>> {
    let (least, most) = policy.adaptive?;
    Some(Box::new(Adaptive::new(least, most, policy.jitter)))
}

/// Asks by the exact time: the number that other hits read may be of before the process was stopped.
fn lapse(clock: &Clock, log: &Log) -> Lapse {
    let (clock, proof) = (clock.clone(), Arc::clone(log.proof()));
    Lapse(Box::new(move || proof.has_lapsed(clock.now_assured())))
}

/// A site's counters beside its shelf, for the statistics.
pub(crate) struct Counted {
    name: String,
    counters: Arc<Counters>,
    shelf: Arc<dyn Looked>,
}

/// What the statistics ask a shelf itself.
trait Looked: HasNear {
    /// How long the oldest load under way has taken so far.
    fn oldest_load(&self) -> Millis;

    /// What is known of how its values change.
    fn adaptive(&self) -> AdaptiveStats;

    /// What predictions were worth.
    fn prediction(&self) -> PredictStats;

    /// What is known of what is asked for most.
    fn noted(&self) -> NotedStats;

    /// What compressing was worth.
    fn compression(&self) -> CompressStats;
}

impl Counted {
    pub(crate) fn of<K, V, R>(shelf: &Arc<Shelf<K, V, R>>) -> Self
    where
        K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
        V: Clone + Send + Sync + 'static,
        R: Send + 'static,
    {
        let counters = Arc::clone(&shelf.counters);
        Self { name: shelf.sign.name.clone(), counters, shelf: Arc::clone(shelf) as _ }
    }

    pub(crate) fn snapshot(&self) -> SiteStats {
        let mut stats = self.counters.snapshot(&self.name);
        let near = self.shelf.near();
        stats.entries = near.entries() as u64;
        stats.bytes = near.weight();
        stats.capacity = near.capacity();
        stats.evictions = near.evicted();
        stats.fronted = near.fronted();
        stats.oldest_load_seconds = self.shelf.oldest_load() as f64 / 1e3;
        stats.adaptive = self.shelf.adaptive();
        stats.prediction = self.shelf.prediction();
        stats.noted = self.shelf.noted();
        stats.compression = self.shelf.compression();
        stats
    }
}

/// From when until when a value lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    pub(crate) born: Millis,
    pub(crate) fresh_until: Millis,
    pub(crate) stale_until: Millis,
}

impl<K, V, R> HasNear for Shelf<K, V, R>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: Send + 'static,
{
    fn near(&self) -> &dyn Balanced {
        &self.near
    }
}

impl<K, V, R> Looked for Shelf<K, V, R>
where
    K: KeyPart<Owned = K> + Clone + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    R: Send + 'static,
{
    fn adaptive(&self) -> AdaptiveStats {
        self.adaptive.as_ref().map_or_else(AdaptiveStats::default, |adaptive| AdaptiveStats::of(&adaptive.figures()))
    }

    fn prediction(&self) -> PredictStats {
        self.foresight.figures().as_ref().map_or_else(PredictStats::default, PredictStats::of)
    }

    fn noted(&self) -> NotedStats {
        self.accesses.as_ref().map_or_else(NotedStats::default, |log| NotedStats::of(&log.figures()))
    }

    fn compression(&self) -> CompressStats {
        #[cfg(feature = "tiers")]
        return self.frames.stats();
        #[cfg(not(feature = "tiers"))]
        CompressStats::default()
    }

    fn oldest_load(&self) -> Millis {
        self.board.oldest().map_or(0, |began| self.clock.now_assured().saturating_sub(began))
    }
}

impl<K, V, R> fmt::Debug for Shelf<K, V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("sign", &self.sign).finish_non_exhaustive()
    }
}
