//! One site in one cache: its near tier, its flights, its counters, and how its values become frames.

mod counted;
#[cfg(feature = "_seen")]
mod shown;

#[cfg(feature = "_seen")]
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
#[cfg(feature = "_seen")]
use std::time::Instant;

use tokio::sync::Semaphore;

use crate::accesses::{AccessLog, LONGEST};
use crate::adaptive::{Adaptive, Look};
#[cfg(feature = "_seen")]
use crate::audit::Audit;
use crate::budget::Budget;
use crate::clock::{CENTURY, Clock, Millis, millis};
use crate::dials::{Dial, Dials};
use crate::flight::{Board, Caller, FlightId, Loading};
use crate::foresight::Foresight;
#[cfg(feature = "tiers")]
use crate::frames::Frames;
use crate::gatherings::Gatherings;
use crate::key::{Glance, Key, KeyPart, Lookup, OwnedKey, Secret, written};
use crate::log::{Interest, Lapse, Log};
use crate::near::{Entry, Focus, Found, Near, Pace, Whereabouts};
use crate::policy::Policy;
use crate::settings::{Settings, literal_prefix};
use crate::site::{Site, watched};
#[cfg(feature = "_seen")]
use crate::slow::{Slow, SlowLoads};
#[cfg(feature = "_seen")]
use crate::spelling::Spelling;
use crate::stats::{Counters, count};

pub(crate) use counted::Counted;
#[cfg(feature = "_seen")]
use shown::Shows;
#[cfg(feature = "_seen")]
pub(crate) use shown::Unshown;

/// For so many keys of a site it is told how often they are asked for, and missed.
#[cfg(feature = "_seen")]
const WATCHED: usize = 64;

/// How many callers load for themselves at a time when an error cannot be shared.
const ALONE: usize = 4;

#[cfg(feature = "_seen")]
thread_local! {
    /// The shelf, by its place in memory, of which this thread is to audit a hit.
    static AUDIT_DUE: Cell<usize> = const { Cell::new(0) };
}

/// What a shelf is made for.
#[derive(Debug, Clone)]
pub(crate) struct Sign {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) key_prefix: String,
    pub(crate) tag_prefixes: Vec<String>,
    pub(crate) policy: Policy,
    #[cfg(feature = "_seen")]
    pub(crate) spelling: Spelling,
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
    /// What is said of it while it runs.
    pub(crate) dial: Arc<Dial>,
    dials: Arc<Dials>,
    focus: Focus,
    /// Which hits are looked at.
    pace: Pace,
    /// What was asked for, if its site is warmed for that.
    accesses: OnceLock<Arc<AccessLog>>,
    /// What was missed, once somebody wants to know.
    #[cfg(feature = "_seen")]
    missed: OnceLock<AccessLog>,
    #[cfg(feature = "_seen")]
    slow: Arc<SlowLoads>,
    /// Whether what is answered is what the source would answer, if somebody wants to know.
    #[cfg(feature = "_seen")]
    pub(crate) audit: Option<Arc<Audit>>,
    /// How its values are written for people; known from the first that is stored on.
    #[cfg(feature = "_seen")]
    shows: OnceLock<Box<dyn Shows<V>>>,
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
            #[cfg(feature = "_seen")]
            spelling: Spelling::of(site),
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
        let dial = settings.dials.of(&sign.name);
        log.hold(&interest, || dial.is_paused() || settings.dials.is_paused());
        let counters = Arc::new(Counters::default());
        let near = Near::new(settings, budget, &sign.namespace, sign.policy.idle, interest, Arc::clone(&counters));
        let now = settings.clock.now_assured();
        let accesses = sign.watched.map(|most| settings.accesses.of(&sign.name, most, now));
        let shelf = Self {
            #[cfg(feature = "tiers")]
            frames: Frames::new(&sign.name, &sign.namespace, &sign.policy, settings),
            foresight: Foresight::default(),
            adaptive: adaptive(&sign.policy),
            dial,
            dials: Arc::clone(&settings.dials),
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
            accesses: accesses.map_or_else(OnceLock::new, OnceLock::from),
            #[cfg(feature = "_seen")]
            missed: OnceLock::new(),
            #[cfg(feature = "_seen")]
            slow: Arc::clone(&settings.slow),
            #[cfg(feature = "_seen")]
            audit: settings.audit.clone(),
            #[cfg(feature = "_seen")]
            shows: OnceLock::new(),
            secret: settings.secret,
            gatherings: Gatherings::default(),
        };
        #[cfg(feature = "_seen")]
        if settings.dials.watches() {
            shelf.watch();
        }
        shelf
    }

    /// What near has for a key, if it is a plain hit; counted.
    #[inline(always)]
    pub(crate) fn hit<Q: KeyPart<Owned = K>, H: Fn() -> Q>(&self, glance: &Glance<Q, H>) -> Option<V> {
        let value = self.near.fresh(glance, self.clock.now(), self.sign.policy.refresh_ahead)?;
        let hit = self.counters.hits.add();
        if self.pace.is_due(hit) && self.sample(&(glance.of)(), hit) && self.ask_for_audit() {
            // Who looks closer finds that an audit is due.
            return None;
        }
        Some(value)
    }

    /// Counts a hit; now and then it tells which key it was.
    pub(crate) fn count_hit<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q) {
        self.near.noted_hit(key, self.clock.now());
        let hit = self.counters.hits.add();
        if self.pace.is_due(hit) {
            // On this way it is answered as it is.
            let _due = self.sample(key, hit);
        }
    }

    /// The same of one that the policy of near does not get to know of. Is an audit due? Then it is not to be answered here.
    #[inline]
    pub(crate) fn count_fronted_hit<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q) -> bool {
        let hit = self.counters.hits.add();
        self.pace.is_due(hit) && self.sample(key, hit) && self.ask_for_audit()
    }

    /// Counts a call that near had no answer for.
    pub(crate) fn count_miss<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q) {
        count(&self.counters.misses);
        if let Some(accesses) = self.accesses.get() {
            accesses.note(self.near.seen(key).hash, 1, self.clock.now(), || self.text_of(key));
        }
        #[cfg(feature = "_seen")]
        if let Some(missed) = self.missed.get() {
            missed.note(self.near.seen(key).hash, 1, self.clock.now(), || self.text_of(key));
        }
    }

    #[cold]
    fn sample<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q, hit: u64) -> bool {
        let hash = self.near.seen(key).hash;
        if Pace::is_rare(hit) && self.near.may_be_fronted() {
            self.focus.sample(hash);
        }
        #[cfg(feature = "_seen")]
        let mut stands_for = Pace::RAREST;
        if let Some(accesses) = self.accesses.get() {
            let now = self.clock.now();
            let weight = self.pace.took(now);
            accesses.note(hash, weight, now, || self.text_of(key));
            #[cfg(feature = "_seen")]
            {
                stands_for = weight.into();
            }
        }
        #[cfg(feature = "_seen")]
        if self.missed.get().is_some() && Pace::is_rare(hit) {
            self.time(key);
        }
        #[cfg(feature = "_seen")]
        return self.audit.as_ref().is_some_and(|audit| audit.is_due(stands_for));
        #[cfg(not(feature = "_seen"))]
        false
    }

    /// The next look of this thread at this shelf is for an audit.
    fn ask_for_audit(&self) -> bool {
        #[cfg(feature = "_seen")]
        AUDIT_DUE.set(std::ptr::from_ref(self).addr());
        true
    }

    /// Is the hit that this thread has just found to be audited? It was counted already.
    #[cfg(feature = "_seen")]
    pub(crate) fn takes_audit(&self) -> bool {
        self.audit.is_some() && AUDIT_DUE.replace(0) == std::ptr::from_ref(self).addr()
    }

    /// From now on it is noted what is asked for, and missed.
    #[cfg(feature = "_seen")]
    pub(crate) fn watch(&self) {
        let log = || AccessLog::new(WATCHED, self.clock.now());
        self.accesses.get_or_init(|| Arc::new(log()));
        self.missed.get_or_init(log);
    }

    /// What is asked for most, and what is missed most, if that is noted.
    #[cfg(feature = "_seen")]
    fn asked_most(&self) -> [Option<&AccessLog>; 2] {
        [self.accesses.get().map(|log| &**log), self.missed.get()]
    }

    /// Times a look-up: the same once more, so that no other has to read a clock.
    #[cfg(feature = "_seen")]
    fn time<Q: KeyPart<Owned = K> + ?Sized>(&self, key: &Q) {
        let started = Instant::now();
        let _has = self.near.has(key, self.clock.now());
        self.counters.near_times.record(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }

    /// A load has ended, or failed.
    pub(crate) fn loaded(&self, key: &Key, took: Duration) {
        self.counters.loaded(took);
        #[cfg(feature = "_seen")]
        self.note_slow(key, took, false);
        #[cfg(not(feature = "_seen"))]
        let _ = key;
    }

    /// A load was given up.
    pub(crate) fn gave_up(&self, key: &Key, took: Duration) {
        #[cfg(feature = "_seen")]
        self.note_slow(key, took, true);
        #[cfg(not(feature = "_seen"))]
        let _ = (key, took);
    }

    #[cfg(feature = "_seen")]
    fn note_slow(&self, key: &Key, took: Duration, given_up: bool) {
        let at = self.clock.now();
        self.slow.note(took, at, || Slow {
            site: self.sign.name.as_str().into(),
            key: key.clone(),
            took,
            at,
            given_up,
        });
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

    /// Is this key written so? What panics while it is written is another one.
    #[cfg(feature = "_seen")]
    fn is_key(&self, known: &K, key: &Key, secret: Secret) -> bool {
        let write = || self.sign.spelling.key(&written(known, secret), secret);
        catch_unwind(AssertUnwindSafe(write)).is_ok_and(|written| written.as_ref() == Some(key))
    }

    /// How long after its life a value may be served if a load fails.
    pub(crate) fn stale(&self) -> Millis {
        self.dial.stale().unwrap_or(self.sign.policy.stale).min(millis(CENTURY))
    }

    /// Do calls go by the cache?
    pub(crate) fn is_paused(&self) -> bool {
        self.dial.is_paused() || self.dials.is_paused()
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

/// From when until when a value lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    pub(crate) born: Millis,
    pub(crate) fresh_until: Millis,
    pub(crate) stale_until: Millis,
}

impl<K, V, R> fmt::Debug for Shelf<K, V, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("sign", &self.sign).finish_non_exhaustive()
    }
}
