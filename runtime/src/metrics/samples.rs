//! What all metrics say at one moment.

#[cfg(feature = "metrics")]
use super::table::METRICS;
use super::table::{Metric, Read, Words};
use crate::cache::Cache;
use crate::seen::{Latencies, Performance};
use crate::stats::{AheadStats, LagStats, ResponseStats, SiteStats, Stats};

/// So many sites and namespaces are told apart; the others are counted together.
const SITES: usize = 256;
const OTHER: &str = "other";

/// One number.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// In the order in which the metric names them.
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) value: f64,
}

/// Everything that is read, read once.
pub(super) struct Figures {
    stats: Stats,
    performance: Performance,
}

impl Figures {
    pub(super) fn of(cache: &Cache) -> Self {
        let mut stats = cache.stats();
        // Who is told apart stays so: a counter that changes its owner would go back.
        let own = |site: &SiteStats| cache.0.chronicle.is_labelled(&site.site, SITES - 1);
        let (own, rest): (Vec<_>, Vec<_>) = stats.sites.into_iter().partition(own);
        stats.sites = own;
        if !rest.is_empty() {
            let mut other = SiteStats { site: OTHER.to_owned(), ..SiteStats::default() };
            rest.iter().for_each(|site| other.add(site));
            stats.sites.push(other);
        }
        let responses = std::mem::take(&mut stats.responses);
        for (name, of) in responses {
            let own = cache.0.chronicle.is_labelled(&name, SITES - 1);
            stats.responses.entry(if own { name } else { OTHER.to_owned() }).or_default().add(&of);
        }
        let mut performance = cache.performance();
        performance.sites.retain(|site| stats.sites.iter().any(|told| told.site == site.site));
        Self { stats, performance }
    }

    /// What this metric says.
    pub(super) fn samples(&self, metric: &Metric) -> Vec<Sample> {
        let one = |value: f64| vec![Sample { labels: Vec::new(), value }];
        let stats = &self.stats;
        match &metric.read {
            Read::Cache(read) => one(read(stats) as f64),
            Read::Shared(read) => stats.shared.as_ref().map_or_else(Vec::new, |shared| one(read(shared) as f64)),
            Read::Known(read) => stats.shared.as_ref().and_then(read).map_or_else(Vec::new, one),
            Read::LogTimes(read) => stats.shared.as_ref().map_or_else(Vec::new, |shared| lags(read(shared))),
            Read::Site(read) => {
                let of = |site: &SiteStats| Sample { labels: vec![("site", site.site.clone())], value: read(site) };
                // Instances of a generic function are one site.
                summed(stats.sites.iter().map(of))
            }
            Read::Ahead(read) => summed(stats.sites.iter().flat_map(|site| ahead(site, *read))),
            Read::Tier(read) => {
                let tiers = stats.tiers.iter();
                tiers
                    .map(|tier| Sample { labels: vec![("tier", tier.tier.clone())], value: read(tier) as f64 })
                    .collect()
            }
            Read::Breaker(read) => {
                let ways =
                    stats.tiers.iter().flat_map(|tier| [(tier, "reads", &tier.reads), (tier, "writes", &tier.writes)]);
                let of = |(tier, way, word): (&crate::stats::LevelStats, &str, &String)| Sample {
                    labels: vec![("tier", tier.tier.clone()), ("way", way.to_owned())],
                    value: read(word) as f64,
                };
                ways.map(of).collect()
            }
            Read::SiteTimes(read) => {
                let sites = self.performance.sites.iter();
                sites.flat_map(|site| quantiles("site", &site.site, read(site))).collect()
            }
            Read::Responses(read) => {
                let each = stats.responses.iter();
                each.map(|(name, of)| Sample { labels: vec![("namespace", name.clone())], value: read(of) as f64 })
                    .collect()
            }
            Read::Results(read) => by_word(stats, "result", *read),
            Read::Refusals(read) => by_word(stats, "reason", *read),
            Read::TierTimes(read) => {
                let tiers = self.performance.tiers.iter();
                tiers.flat_map(|tier| quantiles("tier", &tier.tier, read(tier))).collect()
            }
        }
    }

    /// All metrics, each with what it says.
    #[cfg(feature = "metrics")]
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static Metric, Vec<Sample>)> {
        METRICS.iter().map(|metric| (metric, self.samples(metric)))
    }
}

fn by_word(stats: &Stats, label: &'static str, read: fn(&ResponseStats) -> Words) -> Vec<Sample> {
    let of = |(name, of): (&String, &ResponseStats)| {
        let name = name.clone();
        read(of).into_iter().map(move |(word, number)| Sample {
            labels: vec![("namespace", name.clone()), (label, word.to_owned())],
            value: number as f64,
        })
    };
    stats.responses.iter().flat_map(of).collect()
}

fn ahead(site: &SiteStats, read: fn(&AheadStats) -> u64) -> impl Iterator<Item = Sample> {
    let whys = [("warmup", site.warmed), ("related", site.prefetched), ("predicted", site.predicted)];
    let name = site.site.clone();
    whys.into_iter().map(move |(why, stats)| Sample {
        labels: vec![("site", name.clone()), ("why", why.to_owned())],
        value: read(&stats) as f64,
    })
}

fn quantiles(label: &'static str, name: &str, of: Latencies) -> Vec<Sample> {
    if of.count == 0 {
        return Vec::new();
    }
    let all = [("0.5", of.p50), ("0.9", of.p90), ("0.99", of.p99), ("0.999", of.p999)];
    let sample = |(quantile, value): (&str, f64)| Sample {
        labels: vec![(label, name.to_owned()), ("quantile", quantile.to_owned())],
        value,
    };
    all.into_iter().map(sample).collect()
}

fn lags(of: LagStats) -> Vec<Sample> {
    if of.count == 0 {
        return Vec::new();
    }
    let all = [("0.5", of.p50), ("0.99", of.p99), ("1", of.max)];
    all.map(|(quantile, value)| Sample { labels: vec![("quantile", quantile.to_owned())], value }).into()
}

/// Those of equal labels together.
fn summed(samples: impl Iterator<Item = Sample>) -> Vec<Sample> {
    let mut out: Vec<Sample> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for sample in samples {
        match places.get(&sample.labels) {
            Some(&at) => {
                let same: &mut Sample = &mut out[at];
                same.value += sample.value;
            }
            None => {
                places.insert(sample.labels.clone(), out.len());
                out.push(sample);
            }
        }
    }
    out
}
