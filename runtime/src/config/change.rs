//! From one configuration to the next, while the cache runs: first all is looked at, then all is set.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Config;
use super::layer::{Said, Settled};
use crate::cache::Cache;
use crate::clock::millis;
use crate::dials::{Lives, Tuning};
use crate::error::Result;
use crate::key::Pattern;
#[cfg(feature = "rate")]
use crate::rate::Rate;

/// How long a value is fresh if nothing is said.
const TTL: Duration = Duration::from_secs(300);
/// No namespace is bounded by that.
const UNBOUNDED: u64 = u64::MAX;

/// What is to be set, all of it possible.
pub(super) struct Change {
    enabled: Option<bool>,
    ttl: Option<Duration>,
    patterns: Option<Vec<(Pattern, u64)>>,
    near: Option<u64>,
    limits: Vec<(String, u64)>,
    /// What was said of a site, and what is.
    sites: Vec<(String, Tuning, Tuning)>,
    #[cfg(feature = "rate")]
    rates: Vec<(String, Option<Rate>)>,
    /// The names of what changes.
    pub(super) fields: Vec<String>,
    /// The names of what would change, and cannot before the next start.
    pub(super) kept: Vec<String>,
}

impl Change {
    /// What has to be done for `next` where `now` holds. Nothing is done yet.
    ///
    /// # Errors
    /// A `Config` error for what cannot be; then nothing is to be done.
    pub(super) fn between(now: &Config, next: &Config) -> Result<Self> {
        let (fields, kept) = differing(&now.settled, &next.settled);
        let differs = |name: &str| fields.iter().any(|(known, _)| *known == name);
        let any = |section: &str| fields.iter().any(|(known, _)| known.starts_with(section));
        let change = Self {
            enabled: differs("enabled").then(|| next.is_enabled()),
            ttl: differs("ttl").then(|| next.time("ttl").unwrap_or(TTL)),
            patterns: if any("ttl_patterns.") { Some(patterns(next)?) } else { None },
            near: Some(next.near_bytes_or_default()).filter(|bytes| *bytes != now.near_bytes_or_default()),
            limits: limits(now, next),
            sites: sites(&now.tunings()?, next.tunings()?),
            #[cfg(feature = "rate")]
            rates: rates(now, next)?,
            fields: fields.into_iter().map(|(_, field)| field).collect(),
            kept,
        };
        Ok(change)
    }

    /// Sets all of it. Nothing here can fail.
    pub(super) fn apply(&self, cache: &Cache) {
        let dials = &cache.0.settings.dials;
        if self.ttl.is_some() || self.patterns.is_some() {
            let now = dials.lives();
            dials.set_lives(Lives {
                ttl: self.ttl.map_or(now.ttl, millis),
                patterns: self.patterns.clone().unwrap_or(now.patterns),
            });
        }
        self.near.into_iter().for_each(|bytes| cache.set_near_capacity(bytes));
        for (namespace, bytes) in &self.limits {
            cache.0.balance.set_limit(namespace, *bytes);
        }
        self.sites.iter().for_each(|(site, now, next)| cache.retune(site, now, next));
        #[cfg(feature = "rate")]
        self.rates.iter().for_each(|(site, rate)| cache.0.settings.budgets.tell(site, *rate));
        self.enabled.into_iter().for_each(|enabled| cache.pause(!enabled));
    }
}

/// The names of what differs and can be changed, with those of the table, and of what cannot.
fn differing(now: &Settled, next: &Settled) -> (Vec<(&'static str, String)>, Vec<String>) {
    let (mut live, mut kept) = (Vec::new(), Vec::new());
    let all: BTreeMap<&String, &Said> = now.iter().chain(next).collect();
    for (field, said) in all {
        let value = |settled: &Settled| settled.get(field).map(|said| said.value.clone());
        if value(now) == value(next) {
            continue;
        }
        if said.setting.live {
            live.push((said.setting.name, field.clone()));
        } else {
            kept.push(field.clone());
        }
    }
    (live, kept)
}

fn patterns(next: &Config) -> Result<Vec<(Pattern, u64)>> {
    next.patterns().into_iter().map(|(glob, ttl)| Ok((Pattern::new(glob)?, millis(ttl)))).collect()
}

fn limits(now: &Config, next: &Config) -> Vec<(String, u64)> {
    let of = |config: &Config| -> BTreeMap<String, u64> {
        config.of("near.limits.*").map(|said| (said.star.clone(), said.given().number())).collect()
    };
    turned(&of(now), of(next), &UNBOUNDED)
}

fn sites(now: &BTreeMap<String, Tuning>, next: BTreeMap<String, Tuning>) -> Vec<(String, Tuning, Tuning)> {
    let before = |site: &String| now.get(site).copied().unwrap_or_default();
    let turned = turned(now, next, &Tuning::new());
    turned
        .into_iter()
        .map(|(site, next)| (before(&site), site, next))
        .map(|(now, site, next)| (site, now, next))
        .collect()
}

/// What is new, and for what is gone what holds when nothing is said.
fn turned<T: Clone + PartialEq>(now: &BTreeMap<String, T>, next: BTreeMap<String, T>, unsaid: &T) -> Vec<(String, T)> {
    let gone: Vec<String> = now.keys().filter(|name| !next.contains_key(*name)).cloned().collect();
    let gone = gone.into_iter().map(|name| (name, unsaid.clone()));
    let turned = next.into_iter().filter(|(name, said)| now.get(name) != Some(said));
    turned.chain(gone).collect()
}

#[cfg(feature = "rate")]
fn rates(now: &Config, next: &Config) -> Result<Vec<(String, Option<Rate>)>> {
    use crate::site;

    let of = |config: &Config| -> Result<BTreeMap<String, Option<Rate>>> {
        let of_sites = config.of_sites()?.into_iter().filter(|(_, said)| said.setting.name == "sites.*.rate");
        let rate = |(site, said): (String, &Said)| {
            Ok((site, Some(said.given().text().parse::<Rate>().map_err(|error| said.blame(error))?)))
        };
        of_sites.map(rate).collect()
    };
    let declared = |name: &str| site::linked().find(|known| known.name() == name).and_then(|known| known.policy().rate);
    let turned = turned(&of(now)?, of(next)?, &None);
    Ok(turned
        .into_iter()
        .map(|(site, rate)| {
            let rate = rate.or_else(|| declared(&site));
            (site, rate)
        })
        .collect())
}

impl Config {
    fn time(&self, name: &str) -> Option<Duration> {
        self.get(name).map(|said| said.given().time())
    }

    /// The next one, as far as it is in force: what cannot change before the next start is as it was.
    pub(super) fn in_force(&self, next: Self) -> Self {
        let live = |settled: &Settled, is: bool| {
            let kept = settled.iter().filter(|(_, said)| said.setting.live == is);
            kept.map(|(field, said)| (field.clone(), said.clone())).collect::<Settled>()
        };
        let mut settled = live(&next.settled, true);
        settled.extend(live(&self.settled, false));
        Self { settled, sources: next.sources, print: next.print, files: next.files }
    }

    /// Everything that a start would refuse is refused before a change, too, as far as it can be known without one.
    pub(super) fn check(&self) -> Result<()> {
        self.builder().map(drop)
    }
}
