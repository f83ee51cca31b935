//! The tier that nodes share, and the log of invalidations that it holds.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[cfg(feature = "redis")]
use super::tiers::Kind;
use super::tiers::{Followed, Late};
use super::{Builder, positive};
use crate::clock::millis;
use crate::error::{Error, Result};
use crate::follow::{self, Follow, Seen};
use crate::group::Recall;
use crate::log::Log;
use crate::stack::{Level, Stack};
use crate::tier::lag::Lags;
#[cfg(feature = "redis")]
use crate::tier::redis::{Redis, RedisOptions};
use crate::tier::shared::{APPEND, Echo, Leases, SharedLog};
#[cfg(feature = "_server")]
use crate::tier::sql::SqlOptions;
#[cfg(feature = "_server")]
use crate::tier::veiled::Veiled;
use crate::tier::{BehindOptions, BreakerOptions, Guarded, Judge, Tier};

/// How long a tier with the log that fails is left alone at most: its connections are looked after anyway.
const LEFT_ALONE: Duration = Duration::from_millis(500);
/// The pause between two steps of a sweep of Redis: with 128 keys in each, 100,000 keys take some twenty seconds.
#[cfg(feature = "redis")]
const SWEEP: Duration = Duration::from_millis(25);

/// What is to be followed.
pub(super) struct Shared {
    name: &'static str,
    log: Arc<dyn SharedLog>,
    seen: Arc<Seen>,
    breakers: Arc<dyn Fn() + Send + Sync>,
}

impl Builder {
    /// Adds a tier in Redis or Valkey, shared by all nodes that name the same, and with it the log by which they learn
    /// of each other's invalidations. [`RedisOptions::new`] tells the addresses.
    ///
    /// A server that is away is no error: the cache starts, and joins when it comes.
    #[cfg(feature = "redis")]
    pub fn redis(mut self, url: &str) -> Self {
        match RedisOptions::new(url) {
            Ok(options) => self.redis_with(options),
            Err(wrong) => {
                self.tiers.wrong.get_or_insert(wrong);
                self
            }
        }
    }

    /// The same with settings of its own.
    #[cfg(feature = "redis")]
    pub fn redis_with(mut self, options: RedisOptions) -> Self {
        self.tiers.add(Kind::Redis(Box::new(options)));
        self
    }

    /// Whether near answers nothing while invalidations of other nodes may be missing; sites may say otherwise. It costs
    /// a load for each call in such times. Default: no: near serves what it holds, for at most
    /// [`Builder::suspect_cap`].
    pub fn strict(mut self, strict: bool) -> Self {
        self.settings.strict = strict;
        self
    }

    /// How long a value may be served while invalidations of other nodes may be missing. Default: 60 s.
    pub fn suspect_cap(mut self, cap: Duration) -> Self {
        self.tiers.cap = Some(cap);
        self
    }

    pub(super) fn check_shared(&self) -> Result<()> {
        if let Some(wrong) = &self.tiers.wrong {
            return Err(wrong.clone());
        }
        if let Some(cap) = self.tiers.cap {
            positive("suspect_cap", millis(cap))?;
        }
        #[cfg(feature = "redis")]
        if self.tiers.kinds.iter().filter(|kind| matches!(kind, Kind::Redis(_))).count() > 1 {
            return Err(Error::config("redis", "a cache has one log: give it one Redis"));
        }
        Ok(())
    }

    #[cfg(feature = "redis")]
    pub(super) fn open_redis(&self, options: RedisOptions, late: &Late, followed: &mut Followed) -> Level {
        let ((echo, epoch), lags) = (told(late), Arc::<Lags>::default());
        let (clock, veil) = (self.settings.clock.clone(), self.tiers.veil.clone());
        let tier = Redis::new(options, clock, veil, echo, epoch, Arc::clone(&lags));
        let queue = BehindOptions { sweep_every: SWEEP.min(self.tiers.queue.sweep_every), ..self.tiers.queue.clone() };
        self.hold("redis", (tier, lags), &queue, late, followed)
    }

    /// A tier on a server that holds the log as well, where there is no Redis to hold it.
    #[cfg(feature = "_server")]
    pub(super) fn open_log(
        &self,
        name: &'static str,
        options: SqlOptions,
        late: &Late,
        followed: &mut Followed,
    ) -> Result<Level> {
        let ((echo, epoch), lags) = (told(late), Arc::<Lags>::default());
        let (clock, veil) = (self.settings.clock.clone(), self.tiers.veil.clone());
        let tier = options.share(clock, veil, echo, epoch, Arc::clone(&lags));
        let tier = tier.ok_or_else(|| Error::config(name, "is given the options of a file"))?;
        Ok(self.hold(name, (tier, lags), &self.tiers.queue, late, followed))
    }

    /// The shelf over the tier that holds the log.
    fn hold<T: Tier + SharedLog + Leases + Clone>(
        &self,
        name: &'static str,
        (tier, lags): (T, Arc<Lags>),
        queue: &BehindOptions,
        late: &Late,
        followed: &mut Followed,
    ) -> Level {
        let mut guard = self.guard(name);
        guard.deadlines.apply = guard.deadlines.write.max(APPEND);
        guard.breaker = BreakerOptions { most: LEFT_ALONE, ..guard.breaker };
        let (judging, vouching, label) = (Arc::clone(late), Arc::clone(late), tier.to_string());
        let judge: Judge = Arc::new(move |frame| judging.get().is_some_and(|log| log.allows_shared(frame)));
        let vouches: Judge = Arc::new(move |frame| vouching.get().is_some_and(|log| log.vouches_shared(frame)));
        let guarded = Arc::new(Guarded::new(Arc::new(tier.clone()), guard));
        let seen = Arc::new(Seen::measuring(lags));
        seen.leases.get_or_init(|| Arc::new(tier.clone()));
        let breakers = follow::closing(guarded.breakers());
        *followed = Some(Shared { name, log: Arc::new(tier), seen: Arc::clone(&seen), breakers });
        let level = self.level(name, label, guarded, judge, vouches, queue);
        Level { shared: Some(seen), ..level }
    }

    /// A tier that nodes share beside the log: only the log's own places say which frames are valid there, for each node
    /// numbers its own log by itself. While something may be missing, or is not told yet, none is served.
    #[cfg(feature = "_server")]
    pub(super) fn open_common(
        &self,
        name: &'static str,
        tier: Arc<dyn crate::tier::Tier>,
        late: &Late,
        followed: &Followed,
    ) -> Result<Level> {
        let Some(shared) = followed else {
            return Err(Error::config(name, "stands below the tier that holds the log of the nodes: add that first"));
        };
        let (seen, judging, vouching) = (Arc::clone(&shared.seen), Arc::clone(late), Arc::clone(late));
        // What we know nothing of may be valid for those who do: it is neither served nor swept away.
        let judge: Judge = Arc::new(move |frame| {
            let known = |log: &Arc<Log>| log.shared_top().position.epoch == frame.head().shared.epoch;
            judging.get().is_some_and(|log| !known(log) || log.allows_shared(frame))
        });
        let vouches: Judge = Arc::new(move |frame| {
            let vouches = |log: &Arc<Log>| log.is_proven() && log.allows_shared(frame);
            vouching.get().is_some_and(vouches) && !*seen.owing.lock()
        });
        let label = tier.to_string();
        let tier = Veiled::over(tier, self.tiers.veil.as_ref(), true);
        let guarded = Arc::new(Guarded::new(tier, self.guard(name)));
        let level = self.level(name, label, guarded, judge, vouches, &self.tiers.queue);
        Ok(Level { common: true, ..level })
    }

    /// Follows the shared log from here on; what an earlier process still owed it is brought to it first.
    pub(super) fn follow(
        &self,
        followed: Followed,
        recall: &Recall,
        unasked: bool,
        stack: &Stack,
        log: &Arc<Log>,
    ) -> Result<()> {
        let (Some(shared), Some(level)) = (followed, stack.shared()) else { return Ok(()) };
        if !recall.owed.is_empty() {
            *shared.seen.owing.lock() = true;
            level.tier.queue(log.append(recall.owed.clone()));
        }
        if unasked {
            *shared.seen.owing.lock() = true;
            shared.seen.unasked.store(true, Ordering::Release);
        }
        let veil = self.tiers.veil.clone();
        let follow = Follow {
            shared: shared.log,
            log: Arc::clone(log),
            tier: level.tier.downgrade(),
            own: stack.own().map(|own| own.tier.downgrade()),
            breakers: shared.breakers,
            read: recall.read,
            believe: Box::new(move |recall| crate::tier::veiled::believed(recall, veil.as_ref())),
            clock: self.settings.clock.clone(),
            cap: self.tiers.cap.map_or(follow::CAP, millis),
            seen: shared.seen,
        };
        follow.start().map_err(|e| Error::config(shared.name, "no thread to follow the log on").because(e))
    }
}

/// What the tier that holds the log is given of it, before it is there: who hears of its own records, and which epoch is
/// in force.
fn told(late: &Late) -> (Echo, Arc<dyn Fn() -> u64 + Send + Sync>) {
    let (echoing, asked) = (Arc::clone(late), Arc::clone(late));
    let echo: Echo = Arc::new(move |groups, at| {
        if let Some(log) = echoing.get() {
            log.appended(groups, at);
        }
    });
    (echo, Arc::new(move || asked.get().map_or(0, |log| log.shared_top().position.epoch)))
}
