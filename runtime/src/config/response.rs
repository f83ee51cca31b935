//! What a configuration says of responses.

use super::Config;
use crate::cache::Cache;
use crate::response::{ResponseCache, ResponseCacheBuilder};

impl Config {
    /// A layer that keeps responses of an HTTP service, to be built: `response.ttl`, `response.paths`, `response.exclude`, ...
    /// Calls after it count before the configuration. Globs are checked when it is built.
    ///
    /// ```
    /// use cached_runtime::Cache;
    /// use cached_runtime::config::Config;
    ///
    /// let config = Config::sources().variables([("CACHED_RESPONSE__PATHS", "/api/stats,/api/leaderboard")]).read()?;
    /// let cache = Cache::builder().build()?;
    /// let layer = config.response(&cache).max_body(64 << 10).build()?;
    /// # drop(layer);
    /// # Ok::<(), cached_runtime::Error>(())
    /// ```
    pub fn response(&self, cache: &Cache) -> ResponseCacheBuilder {
        let mut builder = ResponseCache::builder(cache);
        for said in self.settled.values().filter(|said| said.setting.section() == "response") {
            let given = said.given();
            builder = match said.setting.name {
                "response.namespace" => builder.namespace(given.text()),
                "response.ttl" => builder.default_ttl(given.time()),
                "response.paths" => builder.paths(given.list()),
                "response.exclude" => builder.exclude(given.list()),
                "response.keep_stale" => builder.keep_stale(given.time()),
                "response.stale_while_revalidate" => builder.stale_while_revalidate(given.time()),
                "response.stale_if_error" => builder.stale_if_error(given.time()),
                "response.max_body" => builder.max_body(given.size()),
                "response.max_variants" => builder.max_variants(given.size()),
                "response.compress_from" => builder.compress_from(given.size()),
                _ => builder,
            };
        }
        builder
    }
}
