//! What functions are asked for most: kept in the tiers from one process to the next, and read out for their jobs.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::kept::Kept;
use super::run::{Run, Unready};
use crate::accesses::{AccessLog, Ended, FORGOTTEN, Hour, Recent, Wish};
use crate::cache::Cache;
use crate::clock::Millis;
use crate::error::Result;
use crate::key::{KeyPart, ReadPart, parts_of, written};
use crate::load::Unknown;
use crate::site::{self, Watched};

/// How often what was noted is kept.
pub(super) const EACH: Millis = 60_000;
/// Hours of a day. What of so many could not be kept yet is waited with, no more.
const HOURS: u8 = 24;
/// In the course of time a key is warmed for six hours after somebody has asked for it once.
const LATELY: f64 = 1.0 / 64.0;

/// Keeps what a cache notes of its functions.
#[derive(Debug)]
pub(super) struct Keeper {
    cache: Cache,
    kept: Kept,
    known: tokio::sync::Mutex<Known>,
}

/// What a keeper knows; held while it reads what was kept.
#[derive(Debug, Default)]
struct Known {
    /// The sites whose logs know what was kept before this process began.
    begun: HashSet<String>,
    /// Hours that are over, and not kept yet.
    over: HashMap<String, VecDeque<Ended>>,
}

impl Keeper {
    pub(super) fn new(cache: &Cache) -> Result<Self> {
        Ok(Self { cache: cache.clone(), kept: Kept::new(cache)?, known: tokio::sync::Mutex::default() })
    }

    /// Is there anything to keep?
    pub(super) fn is_needed() -> bool {
        inventory::iter::<Watched>.into_iter().next().is_some()
    }

    /// The texts of the keys that were asked for most and lately, or that are at this time of day.
    async fn hottest(&self, site: &str, wish: &Wish) -> std::result::Result<Vec<String>, Unknown> {
        let most = site::watched(site).unwrap_or(wish.most);
        let log = self.log(site, most, &mut *self.known.lock().await).await?;
        let now = self.now();
        if !log.figures().daily {
            return Ok(log.hottest(wish, None, None, now));
        }
        let hour = Hour::of_day(now);
        let (this, next) = (self.kept.hour(site, hour).await?, self.kept.hour(site, (hour + 1) % HOURS).await?);
        Ok(log.hottest(wish, this.as_ref(), next.as_ref(), now))
    }

    /// Keeps what was noted since, also what other nodes have kept, and looks whether the hour is over. What cannot be
    /// read cannot be added to: that waits for the next time.
    pub(super) async fn keep(&self) {
        let mut known = self.known.lock().await;
        for (site, most) in self.cache.0.settings.accesses.all() {
            let Ok(log) = self.log(&site, most, &mut known).await else {
                tracing::debug!(site, "what was noted waits: its tier cannot be read");
                continue;
            };
            self.keep_hours(&site, most, &log, known.over.entry(site.clone()).or_default()).await;
            self.keep_recent(&site, most, &log).await;
        }
    }

    async fn keep_hours(&self, site: &str, most: usize, log: &AccessLog, over: &mut VecDeque<Ended>) {
        if let Some(ended) = log.hour_over(self.now()) {
            over.push_back(ended);
            if over.len() > usize::from(HOURS) {
                over.pop_front();
            }
            self.begin_hour(site, log).await;
        }
        while let Some(ended) = over.front() {
            let Ok(before) = self.kept.hour(site, ended.hour).await else { return };
            self.kept.keep_hour(site, ended.hour, before.unwrap_or_default().with(ended.day, &ended.counts, most));
            over.pop_front();
        }
    }

    async fn keep_recent(&self, site: &str, most: usize, log: &AccessLog) {
        if !log.take_changed() {
            return;
        }
        let Ok(others) = self.kept.recent(site).await else { return log.change() };
        let now = self.now();
        let mut all = log.recent(now);
        if let Some(others) = others {
            all = Recent::merge(&all, &others, most, now);
            log.restore(&all, now);
        }
        self.kept.keep_recent(site, all);
    }

    /// The log of a site, and in it what was kept before this process began.
    async fn log(&self, site: &str, most: usize, known: &mut Known) -> std::result::Result<Arc<AccessLog>, Unknown> {
        let log = self.cache.0.settings.accesses.of(site, most, self.now());
        if !known.begun.contains(site) {
            if let Some(saved) = self.kept.recent(site).await? {
                log.restore(&saved, self.now());
            }
            self.begin_hour(site, &log).await;
            known.begun.insert(site.to_owned());
        }
        Ok(log)
    }

    async fn begin_hour(&self, site: &str, log: &AccessLog) {
        let forecast = self.kept.hour(site, Hour::of_day(self.now())).await.ok().flatten();
        log.begin_hour(forecast.as_ref(), self.now());
    }

    fn now(&self) -> Millis {
        self.cache.clock().now_assured()
    }
}

impl Run {
    /// The arguments that the function was asked for most, hottest first, read out of keys of so many parts, of which those
    /// that are given are these. What cannot be read is left out: the function may have been another when it was kept.
    ///
    /// # Errors
    /// If it cannot be known what was kept.
    pub async fn hottest<A>(
        &self,
        of: usize,
        given: &[(usize, String)],
        read: impl Fn(&[&str]) -> Option<A>,
    ) -> std::result::Result<Vec<A>, Unready> {
        let plan = self.job.plan();
        let site = site::of_function(plan.module, plan.function, plan.line);
        let (Some(site), Some(most), Some(keeper)) = (site, plan.hot, &self.keeper) else { return Ok(Vec::new()) };
        let wish = Wish { most: most as usize, least: if self.again { LATELY } else { FORGOTTEN } };
        let texts = keeper.hottest(site.name(), &wish).await;
        let texts =
            texts.map_err(|Unknown| Unready("what was asked for most cannot be read from its tier".to_owned()))?;
        let read = |text: &String| {
            let parts = parts_of(text).filter(|parts| parts.len() == of)?;
            let is_ours = given.iter().all(|(place, text)| parts.get(*place) == Some(&text.as_str()));
            if is_ours { read(&parts) } else { None }
        };
        let args: Vec<A> = texts.iter().filter_map(read).collect();
        tracing::debug!(job = self.job.name(), read = args.len(), of = texts.len(), "hot keys");
        Ok(args)
    }

    /// The text of a part that is given, as keys have it.
    pub fn text_of<P: KeyPart + ?Sized>(&self, part: &P) -> String {
        let secret = self.keeper.as_ref().map(|keeper| keeper.cache.0.settings.secret);
        written(part, secret.unwrap_or_default())
    }
}

/// One argument out of the parts of a key.
#[must_use]
pub fn read<T: ReadPart>(parts: &[&str], place: usize) -> Option<T> {
    T::read_part(parts.get(place)?)
}
