#![doc = include_str!("GUIDE.md")]
#![doc = concat!("# An example\n\n```toml\n", include_str!("example.toml"), "```\n\n")]
#![doc = include_str!("TABLE.md")]

mod build;
mod change;
#[cfg(feature = "tiers")]
mod compression;
#[cfg(all(feature = "query", any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
mod database;
mod document;
mod file;
mod layer;
#[cfg(any(feature = "dedup", feature = "image"))]
mod media;
mod nearest;
mod place;
mod read;
#[cfg(feature = "response")]
mod response;
mod rows;
mod setting;
mod sites;
mod sources;
mod tiers;
mod value;
mod variables;
mod watch;

use std::fmt;
use std::path::{Path, PathBuf};

use figment::Figment;
use tracing::level_filters::LevelFilter;

use self::layer::{Said, Settled};
use self::setting::Given;
use crate::error::{Error, Result};

pub use self::sources::Sources;
pub use self::watch::{Reloaded, Watch};

/// An example of a file with all that is usual in it.
pub const EXAMPLE: &str = include_str!("example.toml");

/// What a file and the environment say: read, checked, and not used yet.
///
/// [`Config::builder`] makes a [`Builder`](crate::Builder) of it. It holds what was said and nothing else: what was not has
/// the default of its setting. [`Config::table`] lists all settings.
///
/// ```
/// use cached_runtime::config::Config;
///
/// let config = Config::sources().variables([("CACHE_TTL_DEFAULT", "600"), ("CACHED_NEAR__BYTES", "16MiB")]).read()?;
/// let cache = config.builder()?.build()?;
/// assert_eq!(cache.near_capacity(), 16 << 20);
/// # Ok::<(), cached_runtime::Error>(())
/// ```
#[derive(Clone)]
pub struct Config {
    settled: Settled,
    sources: Sources,
    /// What its files held, in one number.
    print: u64,
    /// How many files there were.
    files: usize,
}

impl Config {
    /// What a program starts with: the file that the variable `CACHED_CONFIG` names, or `cached.toml` in the working
    /// directory if there is one, and over it the environment.
    ///
    /// # Errors
    /// As [`Sources::read`].
    pub fn load() -> Result<Self> {
        Sources::usual(std::env::vars_os().collect()).read()
    }

    /// The same with these variables in the place of the process's.
    ///
    /// # Errors
    /// As [`Sources::read`].
    pub fn load_with<N, T>(variables: impl IntoIterator<Item = (N, T)>) -> Result<Self>
    where
        N: Into<std::ffi::OsString>,
        T: Into<std::ffi::OsString>,
    {
        Sources::usual(variables.into_iter().map(|(name, text)| (name.into(), text.into())).collect()).read()
    }

    /// This file, and nothing else.
    ///
    /// # Errors
    /// As [`Sources::read`].
    pub fn from_file(path: impl Into<PathBuf>) -> Result<Self> {
        Self::sources().file(path).read()
    }

    /// What a `Figment` of your own has merged, and nothing else; see [`Sources::figment`].
    ///
    /// # Errors
    /// As [`Sources::read`].
    pub fn from_figment(figment: Figment) -> Result<Self> {
        Self::sources().figment(figment).read()
    }

    /// To be read from sources of your choice.
    pub fn sources() -> Sources {
        Sources::default()
    }

    /// All settings there are, as Markdown: names, kinds, defaults, what they set, and what other systems call them.
    #[must_use]
    pub fn table() -> String {
        document::table()
    }

    /// What was said and where, by the names of the settings. Without values.
    #[must_use]
    pub fn said(&self) -> Vec<(String, String)> {
        self.settled.iter().map(|(field, said)| (field.clone(), said.place.to_string())).collect()
    }

    /// How much the program's `tracing` subscriber lets through: `logging.level`, `LOG_LEVEL`. `None` if nothing is said.
    ///
    /// # Errors
    /// A `Config` error if it is no level, such as a list of directives: then it is meant for a subscriber of another kind.
    pub fn log_level(&self) -> Result<Option<LevelFilter>> {
        let Some(said) = self.get("logging.level") else { return Ok(None) };
        let word = said.given().text().trim().to_ascii_lowercase();
        let level = match word.as_str() {
            "warning" => Some(LevelFilter::WARN),
            "critical" | "fatal" => Some(LevelFilter::ERROR),
            "notset" => Some(LevelFilter::TRACE),
            word => word.parse().ok(),
        };
        let wrong = || said.refuse("expected is one of `trace`, `debug`, `info`, `warn`, `error`, `off`");
        level.map(Some).ok_or_else(wrong)
    }

    /// Where the program's `tracing` subscriber keeps its files: `logging.dir`, `LOG_DIR`.
    #[must_use]
    pub fn log_dir(&self) -> Option<&Path> {
        self.text("logging.dir").map(Path::new)
    }

    fn get(&self, name: &str) -> Option<&Said> {
        self.settled.get(name)
    }

    fn switch(&self, name: &str) -> Option<bool> {
        self.get(name).map(|said| said.given().switch())
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.get(name).map(|said| said.given().number())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(|said| said.given().text())
    }

    /// All that was said in a section whose names hold one of the user's.
    fn of(&self, name: &'static str) -> impl Iterator<Item = &Said> {
        self.settled.values().filter(move |said| said.setting.name == name)
    }
}

impl Said {
    fn given(&self) -> Given<'_> {
        Given { star: &self.star, value: &self.value }
    }

    /// An error about it.
    fn refuse(&self, why: impl Into<String>) -> Error {
        Error::config(self.setting.name, why).with("field", self.field()).with("from", &self.place)
    }

    /// The same error, with where the value that led to it was said.
    fn blame(&self, error: Error) -> Error {
        error.with("field", self.field()).with("from", &self.place)
    }

    fn field(&self) -> String {
        layer::field(self.setting, &self.star)
    }
}

/// Where things were said, and not what.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.said()).finish()
    }
}
