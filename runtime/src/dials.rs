//! Numbers that may change while a cache runs: what configuration and operators say in the place of an attribute.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use crate::clock::{Millis, millis};
use crate::key::Pattern;

/// What is said of a site in the place of its attribute, while it runs.
///
/// What is `None` stays as it was. Times hold for what is stored from now on: entries keep the lives they were given.
///
/// ```
/// # use cached_runtime::{Cache, Tuning};
/// # use std::time::Duration;
/// # fn calm(cache: &Cache) -> cached_runtime::Result<()> {
/// cache.tune("prices", &Tuning::new().ttl(Duration::from_secs(30)))
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tuning {
    /// How long its values are fresh, a century at most, whatever else would say so: `ttl`, `ttl_with`, an adaptive
    /// life, a profile. What `cache_none` and `cache_err` say of nothing and of errors holds beside it.
    pub ttl: Option<Duration>,
    /// How long after that they may be served if a load fails; a century at most.
    pub stale: Option<Duration>,
    /// How many bytes near may hold for it. With 0 it holds nothing.
    pub capacity: Option<u64>,
    /// Do its calls go by the cache? Then each runs its body, and nothing is read or stored; what is invalidated meanwhile
    /// stays invalidated.
    pub paused: Option<bool>,
}

impl Tuning {
    /// Nothing said.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this life.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Usable so much longer if a load fails.
    #[must_use]
    pub fn stale(mut self, stale: Duration) -> Self {
        self.stale = Some(stale);
        self
    }

    /// With so many bytes in near at most.
    #[must_use]
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = Some(bytes);
        self
    }

    /// Going by the cache, or not any more.
    #[must_use]
    pub fn paused(mut self, paused: bool) -> Self {
        self.paused = Some(paused);
        self
    }
}

/// What is said, in words.
impl fmt::Display for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ttl, stale, capacity, paused } = self;
        let said = [
            ttl.map(|ttl| format!("ttl {ttl:?}")),
            stale.map(|stale| format!("stale {stale:?}")),
            capacity.map(|bytes| format!("capacity {bytes} bytes")),
            paused.map(|paused| if paused { "paused" } else { "not paused" }.to_owned()),
        ];
        f.write_str(&said.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// A number that nobody has said.
const UNSAID: u64 = u64::MAX;

/// What is said of one site.
#[derive(Debug, Default)]
pub(crate) struct Dial {
    now: Numbers,
    /// The same as code said it when the cache was built, and configuration says it: where a site goes back to.
    first: Numbers,
    /// What code said of it then: what holds when the configuration says nothing any more.
    #[cfg(feature = "config")]
    code: Numbers,
}

/// Who says something of a site before the cache is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Code,
    #[cfg(feature = "config")]
    Configuration,
}

/// The numbers of a [`Tuning`].
#[derive(Debug)]
struct Numbers {
    ttl: AtomicU64,
    stale: AtomicU64,
    capacity: AtomicU64,
    paused: AtomicBool,
}

/// The lives of what nobody says more of.
#[derive(Debug, Clone)]
pub(crate) struct Lives {
    pub(crate) ttl: Millis,
    pub(crate) patterns: Vec<(Pattern, Millis)>,
}

/// All that may change in one cache; the same for all its handles.
#[derive(Debug)]
pub(crate) struct Dials {
    sites: Mutex<HashMap<Box<str>, Arc<Dial>>>,
    lives: RwLock<Lives>,
    paused: AtomicBool,
    rests: AtomicBool,
    /// Is it noted what is asked for, and missed?
    #[cfg(feature = "_seen")]
    watches: AtomicBool,
}

impl Default for Numbers {
    fn default() -> Self {
        let unsaid = || AtomicU64::new(UNSAID);
        Self { ttl: unsaid(), stale: unsaid(), capacity: unsaid(), paused: AtomicBool::new(false) }
    }
}

impl Dial {
    /// How long values are fresh, if that is said.
    pub(crate) fn ttl(&self) -> Option<Millis> {
        said(&self.now.ttl)
    }

    /// How long after that they are usable, if that is said.
    pub(crate) fn stale(&self) -> Option<Millis> {
        said(&self.now.stale)
    }

    /// How many bytes near may hold, if that is said.
    pub(crate) fn capacity(&self) -> Option<u64> {
        said(&self.now.capacity)
    }

    /// Do calls go by the cache?
    pub(crate) fn is_paused(&self) -> bool {
        self.now.paused.load(Relaxed)
    }

    /// What is said.
    pub(crate) fn tuning(&self) -> Tuning {
        Tuning {
            ttl: self.ttl().map(Duration::from_millis),
            stale: self.stale().map(Duration::from_millis),
            capacity: self.capacity(),
            paused: Some(self.is_paused()),
        }
    }

    /// All is said again as it was at first.
    fn turn_back(&self) {
        let back = |now: &AtomicU64, first: &AtomicU64| now.store(first.load(Relaxed), Relaxed);
        back(&self.now.ttl, &self.first.ttl);
        back(&self.now.stale, &self.first.stale);
        back(&self.now.capacity, &self.first.capacity);
        self.now.paused.store(self.first.paused.load(Relaxed), Relaxed);
    }
}

impl Numbers {
    fn turn(&self, tuning: &Tuning) {
        let set = |number: &AtomicU64, to: Option<u64>| {
            if let Some(to) = to {
                number.store(to.min(UNSAID - 1), Relaxed);
            }
        };
        set(&self.ttl, tuning.ttl.map(millis));
        set(&self.stale, tuning.stale.map(millis));
        set(&self.capacity, tuning.capacity);
        if let Some(paused) = tuning.paused {
            self.paused.store(paused, Relaxed);
        }
    }

    /// What differs between these is said; or, where it is not said any more, what code says.
    #[cfg(feature = "config")]
    fn change(&self, now: &Tuning, next: &Tuning, code: &Self) {
        let change = |number: &AtomicU64, now: Option<u64>, next: Option<u64>, code: &AtomicU64| {
            if now != next {
                let next = next.map_or_else(|| code.load(Relaxed), |next| next.min(UNSAID - 1));
                number.store(next, Relaxed);
            }
        };
        change(&self.ttl, now.ttl.map(millis), next.ttl.map(millis), &code.ttl);
        change(&self.stale, now.stale.map(millis), next.stale.map(millis), &code.stale);
        change(&self.capacity, now.capacity, next.capacity, &code.capacity);
        if now.paused != next.paused {
            self.paused.store(next.paused.unwrap_or_else(|| code.paused.load(Relaxed)), Relaxed);
        }
    }
}

fn said(number: &AtomicU64) -> Option<u64> {
    Some(number.load(Relaxed)).filter(|number| *number != UNSAID)
}

impl Dials {
    pub(crate) fn new(lives: Lives) -> Self {
        Self {
            sites: Mutex::default(),
            lives: RwLock::new(lives),
            paused: AtomicBool::new(false),
            rests: AtomicBool::new(false),
            #[cfg(feature = "_seen")]
            watches: AtomicBool::new(false),
        }
    }

    /// The dial of the site of this name, whether there is such a site or not.
    pub(crate) fn of(&self, site: &str) -> Arc<Dial> {
        let mut sites = self.sites.lock();
        if let Some(dial) = sites.get(site) {
            return Arc::clone(dial);
        }
        Arc::clone(sites.entry(site.into()).or_default())
    }

    /// What is said of the site of this name.
    #[cfg(feature = "_seen")]
    pub(crate) fn said_of(&self, site: &str) -> Tuning {
        self.sites.lock().get(site).map(|dial| dial.tuning()).unwrap_or_default()
    }

    /// Says this of a site before anybody else does.
    pub(crate) fn begin(&self, site: &str, tuning: &Tuning, by: By) {
        let dial = self.of(site);
        [&dial.first, &dial.now].into_iter().for_each(|numbers| numbers.turn(tuning));
        match by {
            #[cfg(feature = "config")]
            By::Code => dial.code.turn(tuning),
            #[cfg(not(feature = "config"))]
            By::Code => {}
            #[cfg(feature = "config")]
            By::Configuration => {}
        }
    }

    /// Says this of a site.
    pub(crate) fn turn(&self, site: &str, tuning: &Tuning) {
        self.of(site).now.turn(tuning);
    }

    /// The configuration says of a site what the second says otherwise than the first.
    #[cfg(feature = "config")]
    pub(crate) fn change(&self, site: &str, now: &Tuning, next: &Tuning) {
        let dial = self.of(site);
        [&dial.first, &dial.now].into_iter().for_each(|numbers| numbers.change(now, next, &dial.code));
    }

    /// The lives of what nobody says more of, as they are now.
    pub(crate) fn lives(&self) -> Lives {
        self.lives.read().clone()
    }

    /// Takes back all that was said of a site since the cache was built, other than by its configuration.
    pub(crate) fn turn_back(&self, site: &str) {
        self.of(site).turn_back();
    }

    /// Do all calls go by the cache?
    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Relaxed)
    }

    pub(crate) fn pause(&self, paused: bool) {
        self.paused.store(paused, Relaxed);
    }

    /// Is nothing loaded that nobody has asked for?
    pub(crate) fn rests(&self) -> bool {
        self.rests.load(Relaxed)
    }

    pub(crate) fn rest(&self, rests: bool) {
        self.rests.store(rests, Relaxed);
    }

    /// Is it noted what is asked for, and missed, of all sites?
    #[cfg(feature = "_seen")]
    pub(crate) fn watches(&self) -> bool {
        self.watches.load(Relaxed)
    }

    #[cfg(feature = "_seen")]
    pub(crate) fn watch(&self) {
        self.watches.store(true, Relaxed);
    }

    /// The life of an entry whose site names none: by the first pattern that its key matches, else the default.
    pub(crate) fn ttl_of(&self, key: &str) -> Millis {
        let lives = self.lives.read();
        lives.patterns.iter().find(|(pattern, _)| pattern.matches(key)).map_or(lives.ttl, |(_, ttl)| *ttl)
    }

    pub(crate) fn set_lives(&self, lives: Lives) {
        *self.lives.write() = lives;
    }
}
