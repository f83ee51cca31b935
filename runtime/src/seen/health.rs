//! Is all well? And if not, what is to be done.

use crate::cache::Cache;
use crate::plain::plain;
use crate::stats::{LevelStats, SharedStats, SiteStats, Stats};

/// Of fewer calls a rate says nothing.
const FEW: u64 = 1_000;
/// A hit rate below this is low.
const LOW: f64 = 0.3;
/// More failed loads than this part of all are many.
const MANY: f64 = 0.1;
/// A load that takes longer than this hangs, in seconds.
const HANGS: f64 = 30.0;

plain! {
    /// Something that somebody should look at.
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Warning {
        /// What it is, in one word: `paused`, `low_hit_rate`, `failing_loads`, `hanging_load`, `tier_away`,
        /// `tier_behind`, `tier_full`, `log_evictable`, `unreadable`, `unproven`, `unconnected`, `stale_entries`,
        /// `misread`, `anomaly`, or what else gave it.
        pub code: String,
        /// What it is about: a site, a tier, or nothing.
        pub about: String,
        /// The same in a sentence, with the figures and what to do.
        pub text: String,
    }
}

plain! {
    /// Is all well?
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct Health {
        /// `healthy`; `warning` if somebody should look; `degraded` if a tier is away, or invalidations of other nodes may be
        /// missing, in which case it answers nothing wrong, or if audits have found more stale entries than are hoped for, in
        /// which case something writes without invalidating; `paused` if all calls go by the cache.
        pub status: String,
        /// What somebody should look at, the gravest first.
        pub warnings: Vec<Warning>,
    }
}

impl Warning {
    /// Something that somebody should look at.
    #[must_use]
    pub fn new(code: &str, about: &str, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), about: about.to_owned(), text: text.into() }
    }

    /// Is something away, or in doubt?
    fn is_grave(&self) -> bool {
        matches!(&*self.code, "stale_entries" | "tier_away" | "unproven" | "unconnected" | "database_away")
    }
}

impl Health {
    /// All is well but for this.
    pub(crate) fn of(paused: bool, mut warnings: Vec<Warning>) -> Self {
        warnings.sort_by_key(|warning| !warning.is_grave());
        let status = match () {
            () if paused => "paused",
            () if warnings.iter().any(Warning::is_grave) => "degraded",
            () if !warnings.is_empty() => "warning",
            () => "healthy",
        };
        Self { status: status.to_owned(), warnings }
    }
}

impl Cache {
    /// Is all well? Looks at what was counted since the cache was built; asks no tier and no database. Needs feature `http`,
    /// `metrics` or `opentelemetry`.
    #[must_use]
    pub fn health(&self) -> Health {
        Health::of(self.is_paused(), self.warnings(&self.stats()))
    }

    pub(crate) fn warnings(&self, stats: &Stats) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.is_paused() {
            warnings.push(Warning::new("paused", "", "all calls go by the cache; `Cache::pause(false)` lets it go on"));
        }
        let misread = if self.0.restriction.is_none() { self.misread() } else { Vec::new() };
        warnings.extend(misread.into_iter().map(|why| {
            let text = format!("the configuration that was read last is wrong, and nothing of it was set: {why}");
            Warning::new("misread", "configuration", text)
        }));
        warnings.extend(stats.shared.iter().filter_map(of_log));
        warnings.extend(stats.tiers.iter().flat_map(of_tier));
        warnings.extend(stats.sites.iter().flat_map(of_site));
        let paused = |site: &&SiteStats| self.0.settings.dials.said_of(&site.site).paused == Some(true);
        warnings.extend(stats.sites.iter().filter(paused).map(|site| {
            let text = format!("calls of {} go by the cache: somebody, or the configuration, has paused it", site.site);
            Warning::new("paused", &site.site, text)
        }));
        if let Some(report) = self.audit_report().filter(|report| !report.met) {
            let text = format!(
                "{} of {} audited entries were stale; {} are hoped to be consistent: look whether something writes without \
                 invalidating",
                report.stale, report.checked, report.objective
            );
            warnings.push(Warning::new("stale_entries", "", text));
        }
        let known = |warning: &Warning| stats.sites.iter().any(|site| site.site == warning.about);
        warnings.extend(self.0.chronicle.anomalies(self.clock().now()).into_iter().filter(known));
        warnings
    }
}

fn of_log(shared: &SharedStats) -> Option<Warning> {
    if !shared.connected {
        let text = "the log that nodes share is away: invalidations are kept here, and told when it is back";
        return Some(Warning::new("unconnected", "", text));
    }
    let text = "it is not certain that all invalidations of other nodes have arrived";
    (!shared.proven).then(|| Warning::new("unproven", "", text))
}

fn of_tier(tier: &LevelStats) -> Vec<Warning> {
    let (name, mut warnings) = (&*tier.tier, Vec::new());
    if tier.reads != "closed" || tier.writes != "closed" {
        let text = format!("{name} fails: its breaker is {} for reads and {} for writes", tier.reads, tier.writes);
        warnings.push(Warning::new("tier_away", name, text));
    } else if tier.closed || tier.backlog > 0 {
        let text = format!("{} invalidations wait to be told to {name}, which is not read meanwhile", tier.backlog);
        warnings.push(Warning::new("tier_behind", name, text));
    }
    if tier.unreadable > 0 {
        let text = format!(
            "{} entries of {name} were unreadable, and removed: look for damage, or for who else writes there",
            tier.unreadable
        );
        warnings.push(Warning::new("unreadable", name, text));
    }
    warnings
}

fn of_site(site: &SiteStats) -> Vec<Warning> {
    let (name, mut warnings) = (&*site.site, Vec::new());
    let calls = site.hits + site.misses;
    if calls >= FEW && site.hit_rate() < LOW {
        let text = format!(
            "{:.0} % of {calls} calls of {name} are hits: give it more room or a longer life, or see whether its keys are too many",
            site.hit_rate() * 100.0
        );
        warnings.push(Warning::new("low_hit_rate", name, text));
    }
    let failed = site.load_errors + site.panics + site.timeouts;
    if site.loads + site.timeouts >= FEW / 10 && failed as f64 > MANY * (site.loads + site.timeouts) as f64 {
        let text = format!("{failed} of {} loads of {name} failed", site.loads + site.timeouts);
        warnings.push(Warning::new("failing_loads", name, text));
    }
    if site.oldest_load_seconds > HANGS {
        let text = format!("a load of {name} takes since {:.0} s: give it a `timeout`", site.oldest_load_seconds);
        warnings.push(Warning::new("hanging_load", name, text));
    }
    warnings
}
