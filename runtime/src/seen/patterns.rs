//! What is asked for most, what is missed most, and when.

use std::collections::HashSet;

use super::chronicle::DailyPattern;
use crate::accesses::AccessLog;
use crate::cache::Cache;
use crate::plain::plain;
use crate::shelf::Counted;
use crate::stats::Stats;

/// Of fewer calls a hit rate says nothing.
const FEW: u64 = 100;

plain! {
    /// A key that is often asked for, or missed.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct AskedKey {
        /// The site.
        pub site: String,
        /// The key; what is secret in it is hashed.
        pub key: String,
        /// How often, about: each time counts half as much for each hour that has passed since.
        pub times: f64,
    }
}

plain! {
    /// A site most of whose calls are misses.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct MissedSite {
        /// The site.
        pub site: String,
        /// The part of its calls that was answered without a load.
        pub hit_rate: f64,
        /// Its calls.
        pub calls: u64,
    }
}

plain! {
    /// What is asked for most, what is missed most, and when.
    #[derive(Debug, Clone, Default, PartialEq)]
    #[non_exhaustive]
    pub struct AccessPatterns {
        /// The keys that are asked for most, of all sites.
        pub hot: Vec<AskedKey>,
        /// The keys that are missed most, of all sites.
        pub missed: Vec<AskedKey>,
        /// The sites with the lowest hit rates, of those that were called a hundred times.
        pub worst: Vec<MissedSite>,
        /// Calls and hit rates by the hour of the day, as far as it was watched.
        pub daily: DailyPattern,
    }
}

impl Cache {
    /// What is asked for most, what is missed most: so many keys and sites of each. And when: by the hour of the day, of all
    /// sites together and of the eight that are called most.
    ///
    /// Of most sites it is noted from when this is first asked on; hits then cost up to two nanoseconds more, and each site
    /// takes up to about half a MiB for 256 keys. The hours of the day are noted while the cache is watched
    /// ([`Cache::watch`]); each site takes half a KiB more for them. Needs feature `http`, `metrics` or `opentelemetry`.
    #[must_use]
    pub fn access_patterns(&self, most: usize) -> AccessPatterns {
        self.watch_accesses();
        let mut shelves = self.0.counted.lock().clone();
        shelves.retain(|shelf| self.sees(shelf.namespace()));
        let (now, secret) = (self.clock().now(), self.0.settings.secret);
        let mut found = [Vec::new(), Vec::new()];
        for shelf in &shelves {
            for (out, log) in found.iter_mut().zip(shelf.asked_most()) {
                let top = log.map(|log: &AccessLog| log.top(most, now)).unwrap_or_default();
                out.extend(top.into_iter().filter_map(|(parts, times)| {
                    let key = shelf.spelled(&parts, secret)?.as_str().to_owned();
                    Some(AskedKey { site: shelf.name().to_owned(), key, times })
                }));
            }
        }
        let [hot, missed] = found.map(|mut keys| {
            // Names for values of several types may have the same keys.
            keys.sort_by(|a, b| (&a.site, &a.key).cmp(&(&b.site, &b.key)));
            keys.dedup_by(|again, key| {
                let same = (&again.site, &again.key) == (&key.site, &key.key);
                key.times += if same { again.times } else { 0.0 };
                same
            });
            keys.sort_by(|a, b| b.times.total_cmp(&a.times));
            keys.truncate(most);
            keys
        });
        let names: HashSet<&str> = shelves.iter().map(Counted::name).collect();
        let whole = self.0.restriction.is_none();
        let daily = self.0.chronicle.daily(whole, |site| names.contains(site), most);
        AccessPatterns { hot, missed, worst: worst(&self.stats(), &shelves, most), daily }
    }

    /// From now on it is noted what is asked for, and missed.
    pub(crate) fn watch_accesses(&self) {
        let dials = &self.0.settings.dials;
        if !dials.watches() {
            dials.watch();
            self.0.counted.lock().clone().iter().for_each(Counted::watch);
        }
    }
}

fn worst(stats: &Stats, shelves: &[Counted], most: usize) -> Vec<MissedSite> {
    let calls = |hits: u64, misses: u64| hits + misses;
    let mut sites: Vec<MissedSite> = stats
        .sites
        .iter()
        .filter(|site| calls(site.hits, site.misses) >= FEW && shelves.iter().any(|shelf| shelf.name() == site.site))
        .map(|site| MissedSite {
            site: site.site.clone(),
            hit_rate: site.hit_rate(),
            calls: calls(site.hits, site.misses),
        })
        .collect();
    sites.sort_by(|a, b| a.hit_rate.total_cmp(&b.hit_rate));
    sites.truncate(most);
    sites
}
