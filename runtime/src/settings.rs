//! What a cache was built with.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::accesses::Accesses;
#[cfg(feature = "_seen")]
use crate::audit::Audit;
use crate::budget::Budgets;
use crate::clock::{Clock, Millis, millis};
#[cfg(feature = "tiers")]
use crate::codec::{Codec, Format, Keys};
#[cfg(feature = "tiers")]
use crate::compress::Profiles;
use crate::curve::Curves;
use crate::dials::{Dials, Lives};
use crate::facts::Facts;
use crate::key::Secret;
use crate::near::Eviction;
use crate::profile;
use crate::site::Site;
#[cfg(feature = "_seen")]
use crate::slow::SlowLoads;
#[cfg(feature = "tiers")]
use crate::strangers::Strangers;

/// How many calls nobody has asked for run at a time, when nothing is said.
const PREFETCHES: usize = 64;
/// How many jobs of a warm-up run at a time at the start, when nothing is said.
const AT_ONCE: usize = 4;

/// What warm-ups do, and may cost, if nothing else is said to them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Warming {
    /// Do jobs run at the start that ask for it?
    pub(crate) at_start: bool,
    /// Is anything warmed for what is asked most?
    pub(crate) smart: bool,
    /// How many jobs run at a time at the start.
    pub(crate) at_once: usize,
    pub(crate) loads: Option<u64>,
    pub(crate) bytes: Option<u64>,
    pub(crate) time: Option<Millis>,
}

impl Default for Warming {
    fn default() -> Self {
        Self { at_start: true, smart: true, at_once: AT_ONCE, loads: None, bytes: None, time: None }
    }
}

/// The settings that calls read.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) clock: Clock,
    pub(crate) secret: Secret,
    pub(crate) eviction: Eviction,
    /// What may change while the cache runs; the same for all handles.
    pub(crate) dials: Arc<Dials>,
    /// Lives by name, beside those that are there.
    pub(crate) profiles: HashMap<String, Millis>,
    #[cfg(feature = "tiers")]
    pub(crate) codec: Codec,
    #[cfg(feature = "tiers")]
    pub(crate) compress: Profiles,
    /// What frames are encrypted with, if they are. Where keys are secret, what hides them encrypts them instead.
    #[cfg(feature = "tiers")]
    pub(crate) keys: Option<Arc<Keys>>,
    /// Who was told that others write under our keys.
    #[cfg(feature = "tiers")]
    pub(crate) strangers: Arc<Strangers>,
    pub(crate) groups: usize,
    /// What sites may load; the same for all handles.
    pub(crate) budgets: Arc<Budgets>,
    /// Room for calls that nobody has asked for yet; the same for all handles.
    pub(crate) prefetches: Arc<Semaphore>,
    /// What functions that are warmed for it were asked; the same for all handles.
    pub(crate) accesses: Arc<Accesses>,
    /// Whether what is answered is what the source would answer, if somebody wants to know.
    #[cfg(feature = "_seen")]
    pub(crate) audit: Option<Arc<Audit>>,
    /// The loads that took longest.
    #[cfg(feature = "_seen")]
    pub(crate) slow: Arc<SlowLoads>,
    /// What warm-ups do if nothing else is said to them.
    pub(crate) warming: Warming,
    /// What it stands on, for the adviser.
    pub(crate) facts: Facts,
    /// Whether the miss-ratio curves of sites are drawn; the same for all handles.
    pub(crate) curves: Curves,
    /// Does near answer nothing while invalidations of other nodes may be missing?
    pub(crate) strict: bool,
    pub(crate) seed: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            secret: Secret::default(),
            eviction: Eviction::default(),
            dials: Arc::new(Dials::new(Lives { ttl: millis(Duration::from_secs(300)), patterns: Vec::new() })),
            profiles: HashMap::new(),
            #[cfg(feature = "tiers")]
            codec: Codec::default(),
            #[cfg(feature = "tiers")]
            compress: Profiles::default(),
            #[cfg(feature = "tiers")]
            keys: None,
            #[cfg(feature = "tiers")]
            strangers: Arc::default(),
            groups: crate::log::GROUPS,
            budgets: Arc::default(),
            prefetches: Arc::new(Semaphore::new(PREFETCHES)),
            accesses: Arc::default(),
            #[cfg(feature = "_seen")]
            audit: None,
            #[cfg(feature = "_seen")]
            slow: Arc::default(),
            warming: Warming::default(),
            facts: Facts::default(),
            curves: Curves::default(),
            strict: false,
            seed: None,
        }
    }
}

impl Settings {
    /// The life that this name stands for.
    pub(crate) fn profile(&self, name: &str) -> Option<Millis> {
        self.profiles.get(name).copied().or_else(|| profile::builtin(name).map(millis))
    }

    /// The codec for a site's format.
    #[cfg(feature = "tiers")]
    pub(crate) fn codec_for(&self, format: Option<Format>) -> Codec {
        let mut codec = self.codec.clone();
        if let Some(format) = format {
            codec.format = format;
        }
        codec
    }

    /// What every key of the site begins with.
    pub(crate) fn key_prefix(site: &Site) -> String {
        match site.declared().template {
            Some(template) => literal_prefix(template).to_owned(),
            None => site.prefix().to_owned(),
        }
    }
}

/// A template up to its first argument.
pub(crate) fn literal_prefix(template: &str) -> &str {
    template.split_once("{}").map_or(template, |(head, _)| head)
}
