//! Every cached function and namespace: what was asked of it, what is said of it now, and what it did.

use std::collections::BTreeMap;

use crate::cache::Cache;
use crate::plain::plain;
use crate::policy::Policy;
use crate::site::{self, Site};
use crate::stats::SiteStats;
#[cfg(feature = "http")]
use crate::stats::Stats;

plain! {
    /// What an attribute asked for, in its own words. Times are in seconds.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct PolicyView {
        /// How long values are fresh; none if pattern or cache say so.
        pub ttl: Option<f64>,
        /// Between which two times they are fresh, by how often they change.
        pub adaptive: Option<(f64, f64)>,
        /// The name of the life that they have.
        pub profile: Option<String>,
        /// How long after that they may be served if a load fails.
        pub stale: f64,
        /// How long before their end a hit begins a refresh.
        pub refresh_ahead: f64,
        /// By which part lives are shortened at random.
        pub jitter: f64,
        /// How long `None` is kept.
        pub cache_none: Option<f64>,
        /// How long an error is kept.
        pub cache_err: Option<f64>,
        /// How long a caller waits before it takes an old value.
        pub soft_timeout: Option<f64>,
        /// How long a load may take.
        pub timeout: Option<f64>,
        /// How long an entry stays without being asked for.
        pub idle: Option<f64>,
        /// Does it stay in near?
        pub local: bool,
        /// Is nothing answered while invalidations of other nodes may be missing?
        pub strict: Option<bool>,
        /// Is there one load for all nodes at a time?
        pub cluster: bool,
        /// Is what usually follows loaded ahead?
        pub predict: bool,
        /// The profile that its entries are compressed by.
        pub compress: Option<String>,
        /// The version of what is stored.
        pub version: u32,
    }
}

plain! {
    /// A cached function or namespace.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct SiteView {
        /// Its name.
        pub site: String,
        /// `function`, `query` or `namespace`.
        pub kind: String,
        /// Where it stands: `src/video.rs:12`; nothing for a namespace.
        pub at: String,
        /// The namespace of its keys.
        pub namespace: String,
        /// How its keys are written: `video:{}:frames`.
        pub key: String,
        /// How its tags are written, tables among them: `sql:{}:videos`.
        pub tags: Vec<String>,
        /// What its attribute asked for.
        pub policy: PolicyView,
        /// Which life is said in its place, in seconds.
        pub tuned_ttl: Option<f64>,
        /// Which staleness is.
        pub tuned_stale: Option<f64>,
        /// How many bytes near may hold for it, if that is said.
        pub tuned_capacity: Option<u64>,
        /// Do its calls go by the cache?
        pub paused: bool,
        /// What it did; nothing if it was not called yet.
        pub stats: Option<SiteStats>,
    }
}

impl Cache {
    /// Every cached function that is linked into the program, called or not, and every namespace that was opened, by name.
    /// Needs feature `http`, `metrics` or `opentelemetry`.
    #[must_use]
    pub fn sites(&self) -> Vec<SiteView> {
        let mut views: BTreeMap<String, SiteView> = BTreeMap::new();
        for site in site::linked().filter(|site| self.sees(site.namespace())) {
            views.entry(site.name().to_owned()).or_insert_with(|| SiteView::declared(site));
        }
        let mut shelves = self.0.counted.lock().clone();
        shelves.retain(|shelf| self.sees(shelf.namespace()));
        for shelf in shelves {
            let view = views.entry(shelf.name().to_owned()).or_insert_with(|| SiteView {
                site: shelf.name().to_owned(),
                kind: "namespace".to_owned(),
                namespace: shelf.namespace().to_owned(),
                key: format!("{}:*", shelf.namespace()),
                policy: PolicyView::of(shelf.policy()),
                ..SiteView::default()
            });
            let stats = shelf.snapshot();
            match &mut view.stats {
                Some(sum) => sum.add(&stats),
                none => *none = Some(stats),
            }
        }
        let all_paused = self.is_paused();
        let tuned = |mut view: SiteView| {
            let tuning = self.0.settings.dials.said_of(&view.site);
            view.tuned_ttl = tuning.ttl.map(|ttl| ttl.as_secs_f64());
            view.tuned_stale = tuning.stale.map(|stale| stale.as_secs_f64());
            view.tuned_capacity = tuning.capacity;
            view.paused = all_paused || tuning.paused == Some(true);
            view
        };
        views.into_values().map(tuned).collect()
    }
}

impl Cache {
    /// The namespace of a site, if it is known.
    pub(crate) fn namespace_of(&self, site: &str) -> Option<String> {
        let linked = site::linked().find(|linked| linked.name() == site).map(|linked| linked.namespace().to_owned());
        let made = || {
            self.0.counted.lock().iter().find(|shelf| shelf.name() == site).map(|shelf| shelf.namespace().to_owned())
        };
        linked.or_else(made)
    }

    /// The statistics, of the sites that this handle may read.
    #[cfg(feature = "http")]
    pub(crate) fn stats_seen(&self) -> Stats {
        let mut stats = self.stats();
        if self.0.restriction.is_some() {
            let shelves = self.0.counted.lock().clone();
            let may = |name: &str| shelves.iter().any(|shelf| shelf.name() == name && self.sees(shelf.namespace()));
            stats.sites.retain(|site| may(&site.site));
            stats.responses.retain(|namespace, _| self.sees(namespace));
        }
        stats
    }
}

impl SiteView {
    fn declared(site: &Site) -> Self {
        let declared = site.declared();
        let is_query = declared.tags.iter().any(|tag| tag.starts_with("sql:"));
        Self {
            site: site.name().to_owned(),
            kind: if is_query { "query" } else { "function" }.to_owned(),
            at: format!("{}:{}", declared.file, declared.line),
            namespace: site.namespace().to_owned(),
            key: declared.template.map_or_else(|| format!("{}:*", site.prefix()), ToOwned::to_owned),
            tags: declared.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            policy: PolicyView::of(site.policy()),
            ..Self::default()
        }
    }
}

impl PolicyView {
    fn of(policy: &Policy) -> Self {
        let seconds = |millis: u64| millis as f64 / 1e3;
        Self {
            ttl: policy.ttl.map(seconds),
            adaptive: policy.adaptive.map(|(least, most)| (seconds(least), seconds(most))),
            profile: policy.profile.map(ToOwned::to_owned),
            stale: seconds(policy.stale),
            refresh_ahead: seconds(policy.refresh_ahead),
            jitter: f64::from(policy.jitter),
            cache_none: policy.none.map(seconds),
            cache_err: policy.err.map(seconds),
            soft_timeout: policy.soft_timeout.map(seconds),
            timeout: policy.timeout.map(seconds),
            idle: policy.idle.map(seconds),
            local: policy.local,
            strict: policy.strict,
            cluster: policy.cluster,
            predict: policy.predict.is_some(),
            compress: policy.compress.map(ToOwned::to_owned),
            version: policy.version,
        }
    }
}
