//! The database that a configuration names.

use std::time::Duration;

use super::Config;
use crate::cache::Cache;
use crate::database::{Database, DatabaseOptions, Driver};
use crate::error::{Error, Result};
use crate::tier::BreakerOptions;

impl Config {
    /// The database of the program: at `database.url`, or SQLite's file at `database.path` (`DATABASE_PATH`), which is made
    /// when missing; with the options of [`Config::database_options`], its writes invalidating entries of this cache.
    ///
    /// # Errors
    /// A `Config` error if neither is said, or both, and those of [`Database::open`].
    pub fn database<DB: Driver>(&self, cache: &Cache) -> Result<Database<DB>> {
        let (path, url) = (self.get("database.path"), self.get("database.url"));
        let (said, at) = match (path, url) {
            (Some(path), Some(url)) => {
                let why = "`database.path` and `database.url` both say where the database is: keep one of them";
                return Err(Error::config("database.url", why).with("one", &path.place).with("other", &url.place));
            }
            (Some(said), None) => (said, file(said.given().text())),
            (None, Some(said)) => (said, said.given().text().trim().to_owned()),
            (None, None) => {
                let why = "say where the database is: `database.path`, `database.url` or the variable DATABASE_PATH";
                return Err(Error::config("database.url", why));
            }
        };
        if !at.split_once(':').is_some_and(|(scheme, _)| DB::URL_SCHEMES.contains(&scheme)) {
            let why = format!("is asked for as {}, and is the address of another database, or of none", DB::NAME);
            return Err(said.refuse(why));
        }
        Database::open(&at, self.database_options().cache(cache)).map_err(|error| said.blame(error))
    }

    /// How the database is used: the pool, its patience, the adviser.
    #[must_use]
    pub fn database_options(&self) -> DatabaseOptions {
        let mut options = DatabaseOptions::new();
        for said in self.settled.values().filter(|said| said.setting.section() == "database") {
            let given = said.given();
            let some = || Some(given.time()).filter(|time| *time > Duration::ZERO);
            options = match said.setting.name {
                "database.name" => options.name(given.text()),
                "database.max_connections" => options.max_connections(given.small()),
                "database.min_connections" => options.min_connections(given.small()),
                "database.overflow" => options.overflow(given.small()),
                "database.most_waiting" => options.most_waiting(given.size()),
                "database.acquire_deadline" => options.acquire_deadline(given.time()),
                "database.read_deadline" => options.read_deadline(some()),
                "database.idle_timeout" => options.idle_timeout(some()),
                "database.max_lifetime" => options.max_lifetime(some()),
                "database.check_after" => options.check_after(given.time()),
                "database.statement_cache" => options.statement_cache(given.size()),
                "database.breaker" if !given.switch() => options.breaker(never()),
                "database.replicas" => given.list().iter().fold(options, |options, url| options.replica(url)),
                "database.max_replica_lag" => options.max_replica_lag(given.time()),
                "database.adviser" => options.adviser(given.switch()),
                "database.slow" => options.slow(some()),
                "database.repeated" => options.repeated(given.small()),
                _ => options,
            };
        }
        options
    }
}

/// Opens after more failures than there will be.
fn never() -> BreakerOptions {
    BreakerOptions { failures: u32::MAX, ..BreakerOptions::default() }
}

/// The URL of a file, which is made when missing.
fn file(path: &str) -> String {
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    format!("sqlite:{path}?mode=rwc")
}
