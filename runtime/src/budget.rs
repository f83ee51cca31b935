//! What functions may load: one budget for each that asked for one, shared by all its shelves.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use parking_lot::{Mutex, RwLock};

use crate::clock::{Clock, Millis};
use crate::rate::Rate;

/// The budgets of one cache, by site.
#[derive(Debug, Default)]
pub(crate) struct Budgets(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// What configuration says in the place of the attributes.
    told: HashMap<Box<str>, Option<Rate>>,
    made: HashMap<Box<str>, Arc<Budget>>,
}

/// What one site may load.
pub(crate) struct Budget {
    clock: Clock,
    limit: RwLock<Option<Limit>>,
    /// Until then the next load would be refused.
    rests_until: AtomicU64,
}

struct Limit {
    rate: Rate,
    limiter: Limiter,
    /// For those that run a body beside calls: with half of the rate.
    #[cfg(feature = "_seen")]
    aside: Limiter,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Ours, NoOpMiddleware<Duration>>;

/// The cache's clock, as the limiter reads it.
struct Ours(Clock);

/// There is nothing left just now.
pub(crate) struct Spent {
    pub(crate) rate: Rate,
    /// In so long there is.
    pub(crate) wait: Millis,
}

impl Budgets {
    /// The budget of a site, if its attribute asks for one.
    pub(crate) fn of(&self, site: &str, asked: Option<Rate>, clock: &Clock) -> Option<Arc<Budget>> {
        let asked = asked?;
        let mut known = self.0.lock();
        if let Some(made) = known.made.get(site) {
            return Some(Arc::clone(made));
        }
        let rate = known.told.get(site).copied().unwrap_or(Some(asked));
        let budget = Arc::new(Budget::new(rate, clock.clone()));
        known.made.insert(site.into(), Arc::clone(&budget));
        Some(budget)
    }

    /// What the site may load from now on. `None`: as much as is wanted.
    pub(crate) fn tell(&self, site: &str, rate: Option<Rate>) {
        let mut known = self.0.lock();
        known.told.insert(site.into(), rate);
        if let Some(made) = known.made.get(site) {
            made.set(rate);
        }
    }

    /// The sites of which configuration says something.
    pub(crate) fn told(&self) -> Vec<Box<str>> {
        self.0.lock().told.keys().cloned().collect()
    }
}

impl Budget {
    fn new(rate: Option<Rate>, clock: Clock) -> Self {
        let limit = rate.map(|rate| Limit::new(rate, &clock));
        Self { clock, limit: RwLock::new(limit), rests_until: AtomicU64::new(0) }
    }

    /// Begins anew, with all of it unspent.
    fn set(&self, rate: Option<Rate>) {
        let mut limit = self.limit.write();
        *limit = rate.map(|rate| Limit::new(rate, &self.clock));
        self.rests_until.store(0, Ordering::Relaxed);
    }

    /// Takes one load out of it, if there is one.
    pub(crate) fn spend(&self) -> Result<(), Spent> {
        let limit = self.limit.read();
        let Some(Limit { rate, limiter, .. }) = &*limit else { return Ok(()) };
        limiter.check().map_err(|not_until| {
            let now = limiter.clock().0.now_assured();
            let wait = not_until.wait_time_from(Duration::from_millis(now)).as_nanos().div_ceil(1_000_000);
            let wait = Millis::try_from(wait).unwrap_or(Millis::MAX).max(1);
            self.rests_until.store(now.saturating_add(wait), Ordering::Relaxed);
            Spent { rate: *rate, wait }
        })
    }

    /// Takes one load out of it for who runs a body that no caller waits for. They get half of it at most: the other is for
    /// loads.
    #[cfg(feature = "_seen")]
    pub(crate) fn spend_aside(&self) -> bool {
        let limit = self.limit.read();
        let Some(Limit { limiter, aside, .. }) = &*limit else { return true };
        aside.check().is_ok() && limiter.check().is_ok()
    }

    /// Was it found to be spent until some time after this?
    pub(crate) fn rests(&self, now: Millis) -> bool {
        now < self.rests_until.load(Ordering::Relaxed)
    }
}

impl Limit {
    fn new(rate: Rate, clock: &Clock) -> Self {
        let loads = NonZeroU32::new(rate.loads()).unwrap_or(NonZeroU32::MIN);
        // Never none: a rate is a load in a nanosecond at most.
        let each = Quota::with_period(rate.per() / loads.get()).unwrap_or(Quota::per_second(loads));
        let limiter = |quota: Quota| RateLimiter::direct_with_clock(quota, Ours(clock.clone()));
        #[cfg(feature = "_seen")]
        let aside = {
            let half = NonZeroU32::new(loads.get() / 2).unwrap_or(NonZeroU32::MIN);
            let seldom = Quota::with_period(rate.per() / loads.get() * 2).unwrap_or(each);
            limiter(seldom.allow_burst(half))
        };
        Self {
            rate,
            limiter: limiter(each.allow_burst(loads)),
            #[cfg(feature = "_seen")]
            aside,
        }
    }
}

impl governor::clock::Clock for Ours {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_millis(self.0.now_assured())
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.limit.read().as_ref().map(|limit| limit.rate);
        f.debug_struct("Budget").field("rate", &rate).finish_non_exhaustive()
    }
}
