//! A cache from a configuration, and what is seen of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cached_runtime::clock::Clock;
use cached_runtime::config::Config;
use cached_runtime::{Builder, Cache, Result, cache};
use tempfile::TempDir;

/// Nothing here lives longer.
const LONGEST: Duration = Duration::from_secs(10 * 24 * 3_600);

/// What these variables say.
pub(crate) fn of_variables(variables: &[(&str, &str)]) -> Result<Config> {
    Config::sources().variables(variables.iter().copied()).read()
}

/// A file in a directory of its own.
pub(crate) struct Document {
    pub(crate) dir: TempDir,
}

impl Document {
    pub(crate) fn new(text: &str) -> Self {
        let document = Self { dir: tempfile::tempdir().unwrap() };
        document.write(text);
        document
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("cached.toml")
    }

    pub(crate) fn write(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
    }

    pub(crate) fn read(&self) -> Result<Config> {
        Config::from_file(self.path())
    }
}

/// What a file of this text says.
pub(crate) fn of_text(text: &str) -> Result<Config> {
    Document::new(text).read()
}

/// A cache whose time stands still, and how often its functions ran.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) cache: Cache,
    pub(crate) clock: Clock,
    pub(crate) runs: Arc<AtomicU64>,
}

impl Place {
    pub(crate) fn new(config: &Config) -> Self {
        Self::with(config, |builder| builder)
    }

    /// The same with more said by code.
    pub(crate) fn with(config: &Config, more: impl FnOnce(Builder) -> Builder) -> Self {
        let clock = Clock::manual();
        let cache = more(config.builder().unwrap()).clock(clock.clone()).build().unwrap();
        Self { cache, clock, runs: Arc::default() }
    }

    pub(crate) fn run(&self) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn runs(&self) -> u64 {
        self.runs.load(Ordering::SeqCst)
    }

    /// How long what this function answers is fresh, to the millisecond.
    pub(crate) async fn life<F: Future<Output = u64>>(&self, ask: impl Fn(Self, u64) -> F) -> Duration {
        let (mut lives, mut ends) = (Duration::ZERO, LONGEST);
        let mut key = self.runs() << 20;
        while ends - lives > Duration::from_millis(1) {
            let at = Duration::from_millis(((lives + ends) / 2).as_millis().try_into().unwrap());
            key += 1;
            ask(self.clone(), key).await;
            self.clock.advance(at);
            let runs = self.runs();
            ask(self.clone(), key).await;
            if self.runs() == runs { lives = at } else { ends = at }
        }
        ends
    }
}

/// Says nothing of its life.
#[cache(key = "config-plain:{key}", jitter = 0.0, skip(place), cache = place.cache)]
pub(crate) async fn plain(place: Place, key: u64) -> u64 {
    place.run()
}

#[cache(key = "config-query:{key}", profile = "query", jitter = 0.0, skip(place), cache = place.cache)]
pub(crate) async fn profiled(place: Place, key: u64) -> u64 {
    place.run()
}

/// Says it.
#[cache(key = "config-told:{key}", ttl = "1m", jitter = 0.0, skip(place), cache = place.cache)]
pub(crate) async fn told(place: Place, key: u64) -> u64 {
    place.run()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// What `Debug` shows of a field.
pub(crate) fn field(shown: &impl std::fmt::Debug, name: &str) -> String {
    let shown = format!("{shown:?}");
    let Some((_, rest)) = shown.split_once(&format!("{name}: ")) else { return format!("no {name} in {shown}") };
    let mut depth = 0;
    let end = rest.find(|c| {
        depth += match c {
            '(' | '[' | '{' => 1,
            ')' | ']' | '}' => -1,
            _ => 0,
        };
        depth < 0 || depth == 0 && c == ','
    });
    rest[..end.unwrap_or(rest.len())].trim().to_owned()
}

/// The file of a test, as text of TOML.
pub(crate) fn quoted(path: &Path) -> String {
    format!("{:?}", path.to_str().unwrap())
}
