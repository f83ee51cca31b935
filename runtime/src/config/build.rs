//! From what was said to a cache.

use super::setting::{Given, Takes};
use super::{Config, Said};
use crate::builder::{Builder, NEAR_BYTES};
use crate::cache::Cache;
use crate::error::Result;

/// What an entry is reckoned at where entries are counted: so that the default bound is about a thousand of them.
const ENTRY_BYTES: u64 = 64 << 10;

impl Config {
    /// A builder with all that was said; calls after it count before that.
    ///
    /// # Errors
    /// A `Config` error that names the setting and where it was said: for a feature that is missing, a function that is not
    /// there, and what the setting's own place refuses.
    pub fn builder(&self) -> Result<Builder> {
        Cache::builder().configured(self)
    }

    /// Bytes that near may hold, if anything is said about it: what is said in bytes, and no more than the entries that are
    /// counted take.
    pub(super) fn near_bytes(&self) -> Option<u64> {
        let entry = self.number("near.entry_bytes").unwrap_or(ENTRY_BYTES);
        let counted = self.number("near.entries").map(|entries| entries.saturating_mul(entry));
        let said = self.number("near.bytes");
        match (said, counted) {
            (Some(said), Some(counted)) => Some(said.min(counted)),
            (said, counted) => said.or(counted),
        }
    }

    /// The same, with the default where nothing is said.
    pub(super) fn near_bytes_or_default(&self) -> u64 {
        self.near_bytes().unwrap_or(NEAR_BYTES)
    }

    /// Lives by pattern, the one with most letters first: what a table says has no order.
    pub(super) fn patterns(&self) -> Vec<(&str, std::time::Duration)> {
        let letters = |glob: &str| glob.chars().filter(|letter| !matches!(letter, '*' | '?')).count();
        let mut patterns: Vec<_> =
            self.of("ttl_patterns.*").map(|said| (said.star.as_str(), said.given().time())).collect();
        patterns.sort_by(|(a, _), (b, _)| letters(b).cmp(&letters(a)).then_with(|| a.cmp(b)));
        patterns
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.switch("enabled").unwrap_or(true)
    }
}

impl Builder {
    /// Sets what a configuration says, and leaves all else as it is. Calls after this count before it; a tier that is added
    /// later takes the place of the configured one of its sort.
    ///
    /// # Errors
    /// As [`Config::builder`].
    pub fn configured(mut self, config: &Config) -> Result<Self> {
        for said in config.settled.values().filter(|said| said.setting.section() != "sites") {
            self = set(self, said)?;
        }
        for (_, said) in config.of_sites()? {
            self = set(self, said)?;
        }
        if let Some(bytes) = config.near_bytes() {
            self = self.near_bytes(bytes);
        }
        for (glob, ttl) in config.patterns() {
            self = self.ttl_for(glob, ttl);
        }
        if let Some(enabled) = config.switch("enabled") {
            self = self.paused(!enabled);
        }
        config.check_globs()?;
        self.configured_sites(config)?.configured_compression(config)?.configured_tiers(config)
    }

    #[cfg(not(feature = "tiers"))]
    fn configured_compression(self, config: &Config) -> Result<Self> {
        let needs = |said: &Said| Err(said.refuse("needs feature `tiers`: nothing is compressed in memory"));
        let said = config.settled.values().find(|said| said.setting.section() == "compression");
        said.or_else(|| config.of("sites.*.compress").next()).map_or(Ok(self), needs)
    }
}

/// The feature that would take what is said in this section, if it is missing.
fn lacking(section: &str) -> Option<&'static str> {
    let database = cfg!(all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql")));
    let (feature, there) = match section {
        "database" => ("query", database),
        "response" => ("response", cfg!(feature = "response")),
        "images" => ("image", cfg!(feature = "image")),
        "dedup" => ("dedup", cfg!(feature = "dedup")),
        _ => return None,
    };
    (!there).then_some(feature)
}

fn set(builder: Builder, said: &Said) -> Result<Builder> {
    match said.setting.takes {
        Takes::Builder(set) => {
            let star = if said.setting.section() == "sites" { said.site()? } else { said.star.clone() };
            let given = Given { star: &star, value: &said.value };
            set(builder, &given).map_err(|error| said.blame(error))
        }
        Takes::Section => match lacking(said.setting.section()) {
            // What was meant for others may be in the environment, too.
            Some(feature) if said.place.is_anybodys() => {
                tracing::warn!(from = %said.place, feature, "a variable is passed over: it needs a feature");
                Ok(builder)
            }
            Some(feature) => Err(said.refuse(format!("needs feature `{feature}`"))),
            None => Ok(builder),
        },
        Takes::Nobody(feature) => Err(said.refuse(format!("needs feature `{}`", shown(feature)))),
    }
}

/// A base is switched on by any of those that stand on it.
const fn shown(feature: &str) -> &str {
    match feature.as_bytes() {
        b"_shared" => "redis",
        _ => feature,
    }
}

/// In builds with few features: what needs one that is missing is refused, and named.
#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, text: &str) -> String {
        let config = Config::sources().variables([(name, text)]).read();
        config.and_then(|config| config.builder()).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_needs_a_feature_that_is_missing_names_it() {
        for (is_there, name, text, feature) in [
            (cfg!(feature = "redis"), "REDIS_URL", "redis://localhost:1", "redis"),
            (cfg!(feature = "redis"), "REDIS_ENABLED", "true", "redis"),
            (cfg!(feature = "disk"), "CACHED_DISK__PATH", "store", "disk"),
            (cfg!(feature = "sqlite"), "CACHED_SQL__URL", "sqlite:store", "sqlite"),
            (cfg!(feature = "tiers"), "CACHED_TIERS__MAX_VALUE", "1MiB", "tiers"),
            (cfg!(feature = "tiers"), "CACHED_COMPRESSION_THRESHOLD", "1024", "tiers"),
            (cfg!(feature = "answers"), "RAG_CACHE_TTL", "60", "answers"),
            (cfg!(feature = "moka"), "CACHED_NEAR__EVICTION", "lru", "moka"),
            (cfg!(feature = "zstd"), "CACHED_COMPRESSION__METHOD", "zstd", "zstd"),
        ] {
            let error = refused(name, text);
            let is_named = error.contains(feature) || error.contains("tiers") || error.contains("compiled in");
            assert_eq!(is_there, error.is_empty(), "{name}: {error}");
            assert!(is_there || is_named && error.contains(&format!("the variable {name}")), "{name}: {error}");
        }
    }

    #[test]
    fn what_is_switched_off_needs_no_feature() {
        let off = [("REDIS_URL", "redis://localhost:1"), ("REDIS_ENABLED", "false"), ("CACHED_L3__ENABLED", "false")];
        let config = Config::sources().variables(off.into_iter().chain([("CACHED_DISK__PATH", "store")])).read();
        assert!(config.and_then(|config| config.builder()).is_ok());
    }
}
