//! What can be wrong with a cache as a whole.

use std::path::{Path, PathBuf};

use super::advice::Advice;
use super::memory;
use super::sites::shown;
use crate::cache::Cache;
use crate::clock::Millis;
use crate::facts::Facts;
use crate::site::{self, Site};

/// A slower tier is felt.
const SLOW: Millis = 1_000;

/// What is known of a cache.
#[derive(Debug, Clone, Default)]
pub(super) struct Whole {
    pub(super) facts: Facts,
    pub(super) near: u64,
    pub(super) memory: Option<u64>,
    /// What namespaces may hold in memory.
    pub(super) limits: Vec<(String, u64)>,
    /// The namespaces of functions.
    pub(super) namespaces: Vec<&'static str>,
    /// The globs of lives, in the order in which they count.
    pub(super) patterns: Vec<crate::key::Pattern>,
    pub(super) strict: bool,
    pub(super) paused: bool,
    pub(super) max_value: usize,
    /// Profiles of lives and of compression that are known.
    pub(super) profiles: Vec<String>,
    #[cfg(feature = "tiers")]
    pub(super) compressions: Vec<String>,
}

impl Whole {
    pub(super) fn of(cache: &Cache) -> Self {
        let core = &*cache.0;
        let settings = &core.settings;
        let lives = settings.dials.lives();
        let known = crate::profile::names().map(str::to_owned).chain(settings.profiles.keys().cloned());
        let whole = Self {
            facts: settings.facts.clone(),
            near: core.balance.budget(),
            memory: memory::of_machine(),
            limits: core.balance.limits(),
            namespaces: site::linked().map(Site::namespace).collect(),
            patterns: lives.patterns.into_iter().map(|(pattern, _)| pattern).collect(),
            strict: settings.strict,
            paused: settings.dials.is_paused(),
            profiles: known.collect(),
            ..Self::default()
        };
        #[cfg(feature = "tiers")]
        let whole = Self { max_value: settings.codec.max_value, compressions: settings.compress.names(), ..whole };
        whole
    }

    pub(super) fn advise(&self) -> Vec<Advice> {
        let mut advice: Vec<Advice> = [self.near_over_memory(), self.strict_alone(), self.slow_tiers(), self.paused()]
            .into_iter()
            .chain([self.short_queue(), self.values_over_frames(), self.shared_prefix(), self.readable()])
            .flatten()
            .collect();
        advice.extend(self.facts.places.iter().filter_map(|(tier, path)| temporary(tier, path)));
        advice.extend(self.limits.iter().filter_map(|limit| self.idle_limit(limit)));
        advice.extend(self.unreached());
        advice
    }

    /// What [`Builder::build`](crate::Builder::build) lets pass, for it may be another cache's.
    pub(super) fn advise_apart(&self, site: &Site) -> Option<Advice> {
        let policy = site.policy();
        let unknown =
            |name: Option<&'static str>, known: &[String]| name.filter(|name| !known.iter().any(|k| k == name));
        let remedy = "if this cache serves it, say what that is with the builder";
        if let Some(name) = unknown(policy.profile, &self.profiles) {
            let what = format!("no profile is called `{name}` here");
            return Some(Advice::hint("unknown-profile", what, remedy).about(site.name()));
        }
        #[cfg(feature = "tiers")]
        if let Some(name) = unknown(policy.compress, &self.compressions) {
            let what = format!("no profile of compression is called `{name}` here");
            return Some(Advice::hint("unknown-compression", what, remedy).about(site.name()));
        }
        None
    }

    fn near_over_memory(&self) -> Option<Advice> {
        let memory = self.memory.filter(|memory| self.near > memory / 4 * 3)?;
        let what = format!("near may hold {}, of {} that there are", mebibytes(self.near), mebibytes(memory));
        let remedy = "take a smaller `near_bytes`: the allocator needs room beside it";
        Some(match self.near > memory {
            true => Advice::danger("near-over-memory", what, remedy),
            false => Advice::warning("near-over-memory", what, remedy),
        })
    }

    fn strict_alone(&self) -> Option<Advice> {
        let alone = self.strict && !self.facts.shared;
        alone.then(|| {
            Advice::hint(
                "strict-alone",
                "all is strict, and no other node can invalidate here",
                "add a tier that nodes share",
            )
        })
    }

    fn slow_tiers(&self) -> Option<Advice> {
        (self.facts.read_deadline > SLOW).then(|| {
            let what = format!("a tier that stands still costs calls {} each", shown(self.facts.read_deadline));
            Advice::warning("long-deadline", what, "take a shorter `read_deadline`: a miss is usually cheaper")
        })
    }

    fn paused(&self) -> Option<Advice> {
        self.paused.then(|| {
            Advice::hint("paused", "all caching is switched off", "`enabled = true`, or `Cache::pause(false)`")
        })
    }

    fn short_queue(&self) -> Option<Advice> {
        (self.facts.pending > 0 && self.facts.pending < self.facts.batch).then(|| {
            let (pending, batch) = (self.facts.pending, self.facts.batch);
            let what = format!("{pending} values may wait for a tier, which takes {batch} at a time");
            Advice::warning("short-queue", what, "take a larger `max_pending`: what finds no room is not stored")
        })
    }

    fn values_over_frames(&self) -> Option<Advice> {
        let most = self.facts.redis.as_ref()?.max_frame;
        (self.max_value > most).then(|| {
            let what =
                format!("values of up to {} bytes are encoded, and Redis takes frames of {most}", self.max_value);
            Advice::hint("values-over-frames", what, "raise `max_frame` of Redis, or take a smaller `max_value`")
        })
    }

    fn shared_prefix(&self) -> Option<Advice> {
        self.facts.redis.as_ref()?.usual_prefix.then(|| {
            let what = "keys in Redis begin as in every program that says nothing";
            Advice::hint("shared-prefix", what, "give a `prefix` of its own, unless this Redis is this program's alone")
        })
    }

    fn readable(&self) -> Option<Advice> {
        (self.facts.redis.as_ref()?.readable && !self.facts.encrypted).then(|| {
            let what = "values go to Redis over a network, readable";
            Advice::warning(
                "redis-readable",
                what,
                "use `rediss://`, or `encryption`, unless that network is yours alone",
            )
        })
    }

    fn idle_limit(&self, (namespace, limit): &(String, u64)) -> Option<Advice> {
        if *limit >= self.near {
            // That is what a limit which was taken back looks like, too.
            return (*limit < u64::MAX).then(|| {
                let what = format!("the limit of namespace `{namespace}` is not below that of near");
                Advice::hint("limit-over-near", what, "it has no effect: take a smaller one")
            });
        }
        (!self.namespaces.iter().any(|known| known == namespace)).then(|| {
            let what = format!("no function has the namespace `{namespace}` that is limited");
            Advice::hint(
                "limit-of-nobody",
                what,
                "it has an effect if `Cache::namespace` opens it: else it is misspelt",
            )
        })
    }

    /// Globs that come after one which matches all that they match.
    fn unreached(&self) -> Vec<Advice> {
        let covers = |at: usize| {
            let later = self.patterns[at].as_str();
            self.patterns[..at].iter().find(|earlier| earlier.matches(later) && !later.contains('?'))
        };
        let found = (0..self.patterns.len()).filter_map(|at| Some((&self.patterns[at], covers(at)?)));
        found
            .map(|(later, earlier)| {
                let what =
                    format!("no key gets to the pattern `{}`: `{}` comes first", later.as_str(), earlier.as_str());
                Advice::warning("pattern-unreached", what, "say the narrower one first")
            })
            .collect()
    }
}

/// What is stored there is gone after the next start, or held in memory.
fn temporary(tier: &str, path: &Path) -> Option<Advice> {
    let places = [std::env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/dev/shm"), PathBuf::from("/run")];
    let place = places.iter().find(|place| path.starts_with(place))?;
    let what = format!("the tier `{tier}` is in {}, which is emptied", place.display());
    Some(Advice::warning("temporary-store", what, "give it a place that outlives a start"))
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}
