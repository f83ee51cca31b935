//! Making a cache: every setting, its unit and its default.

#[cfg(feature = "_seen")]
mod audit;
#[cfg(feature = "tiers")]
mod compression;
#[cfg(feature = "tiers")]
mod facts;
#[cfg(feature = "tiers")]
mod patience;
#[cfg(feature = "rate")]
mod rates;
#[cfg(feature = "_shared")]
mod shared;
#[cfg(feature = "tiers")]
mod tiers;
#[cfg(not(feature = "tiers"))]
#[path = "builder/tiers_absent.rs"]
mod tiers;
mod tuning;
mod warming;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::cache::Cache;
use crate::clock::{CENTURY, Clock, millis};
use crate::curve::Curves;
use crate::dials::{By, Tuning};
use crate::error::{Error, Result};
use crate::key::{Secret, check_namespace};
use crate::near::{Balance, Eviction};
use crate::profile;
use crate::settings::Settings;
use crate::site::{self, Site};

#[cfg(feature = "config")]
pub(crate) use tuning::check as check_tuning;
use tuning::check_lives;

/// Bytes near may hold when nothing is said: 64 MiB.
pub const NEAR_BYTES: u64 = 64 << 20;

/// Configures a [`Cache`]. Wrong settings are an error of [`Builder::build`], each naming its setting.
#[must_use]
pub struct Builder {
    settings: Settings,
    near_bytes: u64,
    limits: HashMap<String, u64>,
    ttl_patterns: Vec<(String, Duration)>,
    ttl: Duration,
    tunings: Vec<(String, Tuning, By)>,
    curves: bool,
    tiers: tiers::Tiers,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            near_bytes: NEAR_BYTES,
            limits: HashMap::new(),
            ttl_patterns: Vec::new(),
            ttl: Duration::from_secs(300),
            tunings: Vec::new(),
            curves: false,
            tiers: tiers::Tiers::default(),
        }
    }
}

impl Builder {
    /// Bytes of live values in memory, all sites together. Default: 64 MiB.
    ///
    /// What is counted is what keys, values, the tags that entries carry and their places hold. How much of the system's memory that takes is up to
    /// the allocator: glibc has an arena for each of several threads and gives back little of one, so that with values
    /// of some kilobytes twice the bound can be resident. `MALLOC_ARENA_MAX=1`, or another allocator, brings that to
    /// about an eighth more than the bound.
    ///
    /// What a function holds is divided into parts of equal size, one for each 4 MiB of this bound or of its namespace's
    /// limit and at most four for each processor. A value larger than three fifths of a part is not kept in memory. How many
    /// parts there are is settled when the function is first called.
    pub fn near_bytes(mut self, bytes: u64) -> Self {
        self.near_bytes = bytes;
        self
    }

    /// Bytes of live values in memory for one namespace. Default: no limit of its own. A value of up to three
    /// fifths of it is kept, if the limit is at most 4 MiB.
    pub fn namespace_limit(mut self, namespace: &str, bytes: u64) -> Self {
        self.limits.insert(namespace.to_owned(), bytes);
        self
    }

    /// Which values near drops when space runs out. Default: [`Eviction::Clock`].
    pub fn eviction(mut self, eviction: Eviction) -> Self {
        self.settings.eviction = eviction;
        self
    }

    /// Draws the miss-ratio curve of each function: how often it would miss with more memory, or with less; see
    /// [`Cache::curve`]. Default: no.
    ///
    /// Cost: nothing for a hit whose key is not sampled; one to two hundredths of what calls take, all in all, where loads do
    /// next to nothing, and less where they wait; and a millisecond or two once. Memory: at most half a megabyte a function,
    /// and all functions together a 32nd of [`Builder::near_bytes`], but at least a megabyte.
    pub fn miss_ratio_curves(mut self, on: bool) -> Self {
        self.curves = on;
        self
    }

    /// How long a value is fresh when its site and no pattern says; a century at most. Default: 5 minutes.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// How long values are fresh whose keys match this glob and whose site says nothing, such as `"query:*"`. The first
    /// pattern that matches counts.
    pub fn ttl_for(mut self, glob: &str, ttl: Duration) -> Self {
        self.ttl_patterns.push((glob.to_owned(), ttl));
        self
    }

    /// The life that `profile = ".."` of this name stands for. Default: `query` 5 minutes, `resource` 10 minutes, `analysis`
    /// 30 minutes, `ml` an hour, `static` a day; each may be given another one.
    pub fn profile(mut self, name: &str, ttl: Duration) -> Self {
        self.settings.profiles.insert(name.to_owned(), millis(ttl));
        self
    }

    /// The secret of hashed keys: `secret(arg)` and texts over 1,024 bytes. All nodes that share a tier need the same.
    /// Default: a fixed public one; see [`Secret`].
    pub fn key_secret(mut self, secret: [u8; 16]) -> Self {
        self.settings.secret = Secret(secret);
        self
    }

    /// Where the time comes from. Default: [`Clock::system`].
    pub fn clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// A seed for everything left to chance, so that a run can be repeated. Default: none.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = Some(seed);
        self
    }

    /// How many invalidated keys and tags are remembered one by one; older ones become their namespace.
    /// Default: 65,536.
    pub fn remembered_groups(mut self, groups: usize) -> Self {
        self.settings.groups = groups;
        self
    }

    /// How many calls of `prefetch` and `predict` run at a time, for all functions together; more are left out. 0 begins none.
    /// Default: 64.
    pub fn prefetches(mut self, most: usize) -> Self {
        self.settings.prefetches = Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        self
    }

    /// Makes the cache.
    ///
    /// A tier that cannot be opened is no error: it is set aside or tried again, and counted; the cache starts.
    ///
    /// # Errors
    /// A `Config` error for a wrong setting, naming it, and for two annotated functions of one name.
    pub fn build(mut self) -> Result<Cache> {
        self.check()?;
        self.turn()?;
        self.settings.curves = if self.curves { Curves::within(self.near_bytes) } else { Curves::none() };
        let (stack, log) = self.stack_and_log()?;
        let balance = Balance::new(self.near_bytes, std::mem::take(&mut self.limits));
        Ok(Cache::with(self.settings, log, stack, balance))
    }

    /// Makes the cache and puts it behind every site that names no other.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn install(self) -> Result<Cache> {
        let cache = self.build()?;
        cache.install();
        Ok(cache)
    }

    fn check(&self) -> Result<()> {
        positive("near_bytes", self.near_bytes)?;
        check_lives(self.ttl, &self.ttl_patterns)?;
        positive("remembered_groups", self.settings.groups as u64)?;
        for (namespace, limit) in &self.limits {
            check_namespace("namespace_limit", namespace)?;
            positive("namespace_limit", *limit).map_err(|e| e.with("namespace", namespace))?;
        }
        for (name, ttl) in &self.settings.profiles {
            lasting("profile", Duration::from_millis(*ttl)).map_err(|e| e.with("name", name))?;
        }
        self.check_tunings()?;
        #[cfg(feature = "_seen")]
        self.check_audit()?;
        #[cfg(feature = "rate")]
        self.check_rates()?;
        self.check_tiers()?;
        known_profiles(&self.settings)?;
        unique_sites()
    }
}

fn positive(setting: &'static str, value: u64) -> Result<()> {
    if value == 0 { Err(Error::config(setting, "must be more than zero")) } else { Ok(()) }
}

/// A life that is said is some time, and no longer than lives are.
fn lasting(setting: &'static str, life: Duration) -> Result<()> {
    positive(setting, millis(life))?;
    bounded(setting, life)
}

/// A time may be none, but not without end.
fn bounded(setting: &'static str, time: Duration) -> Result<()> {
    if time > CENTURY {
        return Err(Error::config(setting, "is longer than a century: say a shorter time, such as a year"));
    }
    Ok(())
}

/// A profile that nobody has given would be a life by chance.
fn known_profiles(settings: &Settings) -> Result<()> {
    for site in site::linked() {
        // Another cache may know what this one does not.
        if let Some(name) = site.policy().profile
            && !site.declared().apart
            && settings.profile(name).is_none()
        {
            let known: Vec<&str> = profile::names()
                .map(|name| -> &str { name })
                .chain(settings.profiles.keys().map(String::as_str))
                .collect();
            let text = format!("is unknown; give it with `Builder::profile`, or take one of {}", known.join(", "));
            let place = format!("{}:{}", site.declared().file, site.declared().line);
            return Err(Error::config("profile", text).with("name", name).with("of", site.name()).with("at", place));
        }
    }
    Ok(())
}

/// Two functions of one name would read each other's entries in shared tiers.
fn unique_sites() -> Result<()> {
    let mut names: HashMap<&str, Vec<&'static Site>> = HashMap::new();
    let mut templates: HashMap<&str, Vec<&'static Site>> = HashMap::new();
    for site in site::linked() {
        if let Some(other) = other_of(names.entry(site.name()).or_default(), site) {
            return Err(twins("name", site.name(), site.declared(), other.declared()));
        }
        if let Some(template) = site.declared().template
            && let Some(other) = other_of(templates.entry(template).or_default(), site)
        {
            return Err(twins("key", template, site.declared(), other.declared()));
        }
    }
    Ok(())
}

/// One of these that may not stand beside this site, which is added to them: a function for one and its batch may have the
/// same entries, and no third.
fn other_of(known: &mut Vec<&'static Site>, site: &'static Site) -> Option<&'static Site> {
    let may = |other: &&'static Site| site.is_batch_of(other) || other.is_batch_of(site);
    let refused = known.iter().find(|other| !may(other)).copied();
    known.push(site);
    refused
}

fn twins(setting: &'static str, word: &str, here: &site::Declared, other: &site::Declared) -> Error {
    let advice = if here.batch.is_some() != other.batch.is_some() && here.name.is_some() && here.name == other.name {
        "a function and its batch have one name, so they have to agree in namespace, key, tags and all that says how \
         values are kept; give them the same, or one of them another name"
    } else if setting == "name" {
        "two cached functions have one name; give one of them `name = \"..\"`"
    } else {
        "two cached functions have one key template; their entries would replace each other"
    };
    Error::config(setting, advice)
        .with("which", word)
        .with("first", format!("{}:{}", other.file, other.line))
        .with("second", format!("{}:{}", here.file, here.line))
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
