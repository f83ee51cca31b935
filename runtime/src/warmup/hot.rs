//! What functions are asked for most: kept in the tiers from one process to the next, and read out for their jobs.

use std::collections::HashSet;
use std::sync::Arc;

use super::kept::Kept;
use super::run::Run;
use crate::accesses::{AccessLog, Hour, Recent};
use crate::cache::Cache;
use crate::clock::Millis;
use crate::error::Result;
use crate::key::{ReadPart, parts_of};
use crate::site::{self, Watched};

/// How often what was noted is kept.
pub(super) const EACH: Millis = 60_000;
/// Hours of a day.
const HOURS: u8 = 24;

/// Keeps what a cache notes of its functions.
#[derive(Debug)]
pub(super) struct Keeper {
    cache: Cache,
    kept: Kept,
    /// The sites of which it is known what was kept; held while that is read.
    begun: tokio::sync::Mutex<HashSet<String>>,
}

impl Keeper {
    pub(super) fn new(cache: &Cache) -> Result<Self> {
        Ok(Self { cache: cache.clone(), kept: Kept::new(cache)?, begun: tokio::sync::Mutex::default() })
    }

    /// Is there anything to keep?
    pub(super) fn is_needed() -> bool {
        inventory::iter::<Watched>.into_iter().next().is_some()
    }

    /// The texts of the keys that were asked for most and lately, or that are at this time of day.
    async fn hottest(&self, site: &str, most: usize) -> Vec<String> {
        let log = self.log(site, site::watched(site).unwrap_or(most)).await;
        let now = self.now();
        let hour = Hour::of_day(now);
        let (this, next) = (self.kept.hour(site, hour).await, self.kept.hour(site, (hour + 1) % HOURS).await);
        log.hottest(most, this.as_ref(), next.as_ref(), now)
    }

    /// Keeps what was noted since, also what other nodes have kept, and looks whether the hour is over.
    pub(super) async fn keep(&self) {
        for (site, most) in self.cache.0.settings.accesses.all() {
            let log = self.log(&site, most).await;
            if let Some(ended) = log.hour_over(self.now()) {
                let before = self.kept.hour(&site, ended.hour).await.unwrap_or_default();
                self.kept.keep_hour(&site, ended.hour, before.with(ended.day, &ended.counts, most));
                self.begin_hour(&site, &log).await;
            }
            let (mine, now) = (log.recent(self.now()), self.now());
            let all = match self.kept.recent(&site).await {
                Some(others) => Recent::merge(&mine, &others, most, now),
                None => mine,
            };
            self.kept.keep_recent(&site, all);
        }
    }

    /// The log of a site, and in it what was kept before this process began.
    async fn log(&self, site: &str, most: usize) -> Arc<AccessLog> {
        let log = self.cache.0.settings.accesses.of(site, most, self.now());
        let mut begun = self.begun.lock().await;
        if begun.insert(site.to_owned()) {
            if let Some(saved) = self.kept.recent(site).await {
                log.restore(&saved, self.now());
            }
            self.begin_hour(site, &log).await;
        }
        log
    }

    async fn begin_hour(&self, site: &str, log: &AccessLog) {
        let forecast = self.kept.hour(site, Hour::of_day(self.now())).await;
        log.begin_hour(forecast.as_ref(), self.now());
    }

    fn now(&self) -> Millis {
        self.cache.clock().now_assured()
    }
}

impl Run {
    /// The arguments that the function was asked for most, hottest first, read out of keys of so many parts. What cannot be
    /// read is left out: the function may have been another when it was kept.
    pub async fn hottest<A>(&self, of: usize, read: impl Fn(&[&str]) -> Option<A>) -> Vec<A> {
        let plan = self.job.plan();
        let site = site::of_function(plan.module, plan.function);
        let (Some(site), Some(most), Some(keeper)) = (site, plan.hot, &self.keeper) else { return Vec::new() };
        let texts = keeper.hottest(site.name(), most as usize).await;
        let read = |text: &String| parts_of(text).filter(|parts| parts.len() == of).and_then(|parts| read(&parts));
        texts.iter().filter_map(read).collect()
    }
}

/// One argument out of the parts of a key.
#[must_use]
pub fn read<T: ReadPart>(parts: &[&str], place: usize) -> Option<T> {
    T::read_part(parts.get(place)?)
}
