//! The tiers that a configuration names.

use super::{Config, Said};
use crate::builder::Builder;
use crate::error::Result;

/// Where Redis is if nobody says where.
#[cfg(feature = "redis")]
const LOCAL_REDIS: &str = "redis://localhost:6379/0";
/// Where a disk tier is if nobody says where.
const LOCAL_DISK: &str = "./cache";
/// What a tier keeps if nothing is said.
#[cfg(any(feature = "disk", feature = "_sql"))]
const KEPT: u64 = 1 << 30;

impl Builder {
    pub(super) fn configured_tiers(self, config: &Config) -> Result<Self> {
        #[cfg(feature = "tiers")]
        return self.with_configured_tiers(|builder| builder.with_tiers(config));
        #[cfg(not(feature = "tiers"))]
        self.with_tiers(config)
    }

    /// Redis first, which holds the log; what is this node's own before what nodes share.
    fn with_tiers(self, config: &Config) -> Result<Self> {
        let (mut builder, mut none) = (self, true);
        if let Some(said) = config.redis() {
            builder = builder.with_redis(config, said)?;
        }
        if config.switch("l3.enabled") == Some(false) {
            return Ok(builder);
        }
        if let Some(said) = config.get("disk.path") {
            (builder, none) = (builder.with_disk(config, said, said.given().text())?, false);
        }
        if let Some(said) = config.get("sql.url") {
            (builder, none) = (builder.with_sql(config, said)?, false);
        }
        match config.get("l3.enabled") {
            Some(said) if none => builder.with_disk(config, said, LOCAL_DISK),
            _ => Ok(builder),
        }
    }

    #[cfg(feature = "redis")]
    fn with_redis(self, config: &Config, said: &Said) -> Result<Self> {
        use crate::tier::redis::RedisOptions;

        let blamed = |said: &Said, error| said.blame(error);
        let at = config.get("redis.url").unwrap_or(said);
        let url = config.text("redis.url").unwrap_or(LOCAL_REDIS);
        let mut options = RedisOptions::new(url.trim()).map_err(|error| blamed(at, error))?;
        if let Some(said) = config.get("redis.prefix") {
            options = options.prefix(said.given().text()).map_err(|error| blamed(said, error))?;
        }
        for said in config.settled.values().filter(|said| said.setting.section() == "redis") {
            let given = said.given();
            options = match said.setting.name {
                "redis.connections" => options.connections(given.size()),
                "redis.max_frame" => options.max_frame(given.size()),
                "redis.remembered_groups" => options.remembered_groups(given.number()),
                "redis.log_length" => options.log_length(given.number()),
                "redis.fence" => options.fence(given.time()),
                "redis.connect_timeout" => options.connect_timeout(given.time()),
                _ => options,
            };
        }
        Ok(self.redis_with(options))
    }

    #[cfg(not(feature = "redis"))]
    fn with_redis(self, _: &Config, said: &Said) -> Result<Self> {
        Err(said.refuse("needs feature `redis`: switch it on, or Redis off with `redis.enabled = false`"))
    }

    #[cfg(feature = "disk")]
    fn with_disk(self, config: &Config, _: &Said, path: &str) -> Result<Self> {
        Ok(self.disk_with(path, config.number("disk.max_bytes").unwrap_or(KEPT)))
    }

    #[cfg(not(feature = "disk"))]
    fn with_disk(self, _: &Config, said: &Said, _: &str) -> Result<Self> {
        Err(said.refuse("needs feature `disk`: switch it on, or the tier off with `l3.enabled = false`"))
    }

    #[cfg(feature = "_sql")]
    fn with_sql(self, config: &Config, said: &Said) -> Result<Self> {
        use crate::tier::sql::SqlOptions;

        let url = said.given().text().trim();
        // What is wrong with it is said without it.
        let options = SqlOptions::url(url).map_err(|error| said.blame(error))?;
        match url.split_once(':').map_or("", |(scheme, _)| scheme) {
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Ok(self.postgres_with(config.server(options)?)),
            #[cfg(feature = "mysql")]
            "mysql" | "mariadb" => Ok(self.mysql_with(config.server(options)?)),
            #[cfg(feature = "sqlite")]
            "sqlite" => {
                drop(options);
                config.is_for_servers(&["sql.connections", "sql.table_prefix"])?;
                let path = url.trim_start_matches("sqlite:");
                let path = path.strip_prefix("//").unwrap_or(path);
                Ok(self.sqlite_with(path, config.number("sql.max_bytes").unwrap_or(KEPT)))
            }
            _ => Err(said.refuse("names no database that is compiled in")),
        }
    }

    #[cfg(not(feature = "_sql"))]
    fn with_sql(self, _: &Config, said: &Said) -> Result<Self> {
        Err(said.refuse(
            "needs one of the features `sqlite`, `postgres` and `mysql`: switch one on, or the tier off with \
             `l3.enabled = false`",
        ))
    }
}

impl Config {
    /// The options of a tier on a server.
    #[cfg(feature = "_server")]
    fn server(&self, mut options: crate::tier::sql::SqlOptions) -> Result<crate::tier::sql::SqlOptions> {
        if let Some(said) = self.get("sql.table_prefix") {
            options = options.table_prefix(said.given().text()).map_err(|error| said.blame(error))?;
        }
        if let Some(said) = self.get("sql.connections") {
            options = options.connections(said.given().small());
        }
        Ok(options.max_bytes(self.number("sql.max_bytes").unwrap_or(KEPT)))
    }

    /// Refuses what has no meaning for a file.
    #[cfg(feature = "sqlite")]
    fn is_for_servers(&self, names: &[&str]) -> Result<()> {
        match names.iter().find_map(|name| self.get(name)) {
            Some(said) => Err(said.refuse("is for a server, and `sql.url` names a file: leave it out")),
            None => Ok(()),
        }
    }

    /// Who says that Redis is to be used.
    fn redis(&self) -> Option<&Said> {
        match self.get("redis.enabled") {
            Some(said) => said.given().switch().then_some(said),
            None => self.get("redis.url"),
        }
    }
}
