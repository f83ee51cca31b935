//! Making a cache: every setting, its unit and its default.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::cache::Cache;
use crate::chance::Chance;
use crate::clock::{Clock, millis};
use crate::codec::{Compression, Format};
use crate::error::{Error, Result};
use crate::key::{Pattern, Secret};
use crate::log::Log;
use crate::near::{Balance, Eviction};
use crate::settings::Settings;
use crate::site;
use crate::stack::{Level, Stack};
use crate::tier::{Behind, BehindOptions, BreakerOptions, Deadlines, GuardOptions, Guarded, Judge, Metered, Tier};

/// Bytes near may hold when nothing is said: 64 MiB.
pub const NEAR_BYTES: u64 = 64 << 20;

/// Configures a [`Cache`]. Wrong settings are an error of [`Builder::build`], each naming its setting.
#[must_use]
pub struct Builder {
    settings: Settings,
    near_bytes: u64,
    limits: HashMap<String, u64>,
    ttl_patterns: Vec<(String, Duration)>,
    ttl: Duration,
    tiers: Vec<Kind>,
    deadlines: Deadlines,
    breaker: BreakerOptions,
    queue: BehindOptions,
}

/// A tier to be opened.
enum Kind {
    Given(Arc<dyn Tier>),
    #[cfg(feature = "disk")]
    Disk(PathBuf, u64),
    #[cfg(feature = "sqlite")]
    Sqlite(PathBuf, u64),
    #[allow(dead_code, reason = "keeps PathBuf in use when no engine is compiled in")]
    Never(PathBuf, std::convert::Infallible),
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            near_bytes: NEAR_BYTES,
            limits: HashMap::new(),
            ttl_patterns: Vec::new(),
            ttl: Duration::from_secs(300),
            tiers: Vec::new(),
            deadlines: Deadlines::default(),
            breaker: BreakerOptions::default(),
            queue: BehindOptions::default(),
        }
    }
}

impl Builder {
    /// Bytes of live values in memory, all sites together. Default: 64 MiB.
    pub fn near_bytes(mut self, bytes: u64) -> Self {
        self.near_bytes = bytes;
        self
    }

    /// Bytes of live values in memory for one namespace. Default: no limit of its own.
    pub fn namespace_limit(mut self, namespace: &str, bytes: u64) -> Self {
        self.limits.insert(namespace.to_owned(), bytes);
        self
    }

    /// Which values near drops when space runs out. Default: [`Eviction::Clock`].
    pub fn eviction(mut self, eviction: Eviction) -> Self {
        self.settings.eviction = eviction;
        self
    }

    /// How long a value is fresh when its site and no pattern says. Default: 5 minutes.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// How long values are fresh whose keys match this glob and whose site says nothing, such as `"query:*"`. The first
    /// pattern that matches counts.
    pub fn ttl_for(mut self, glob: &str, ttl: Duration) -> Self {
        self.ttl_patterns.push((glob.to_owned(), ttl));
        self
    }

    /// The encoding below near. Default: [`Format::Postcard`].
    pub fn format(mut self, format: Format) -> Self {
        self.settings.codec.format = format;
        self
    }

    /// The compression below near. Default: zstd if compiled in, else zlib.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.settings.codec.compression = compression;
        self
    }

    /// The level of compression. Default: 6 for zlib, 3 for zstd.
    pub fn compression_level(mut self, level: i32) -> Self {
        self.settings.codec.level = Some(level);
        self
    }

    /// From how many bytes on a value is compressed. Default: 1 KiB.
    pub fn compression_threshold(mut self, bytes: usize) -> Self {
        self.settings.codec.threshold = bytes;
        self
    }

    /// How many bytes an encoded value may have. A larger one is not stored below near, and still answered.
    /// Default: 1 MiB.
    pub fn max_value(mut self, bytes: usize) -> Self {
        self.settings.codec.max_value = bytes;
        self
    }

    /// The secret of hashed keys: `secret(arg)` and texts over 1,024 bytes. All nodes that share a tier need the same.
    /// Default: a fixed public one; see [`Secret`].
    pub fn key_secret(mut self, secret: [u8; 16]) -> Self {
        self.settings.secret = Secret(secret);
        self
    }

    /// Where the time comes from. Default: [`Clock::system`].
    pub fn clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// A seed for everything left to chance, so that a run can be repeated. Default: none.
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.seed = Some(seed);
        self
    }

    /// How many invalidated keys and tags are remembered one by one; older ones become their namespace.
    /// Default: 65,536.
    pub fn remembered_groups(mut self, groups: usize) -> Self {
        self.settings.groups = groups;
        self
    }

    /// Adds a tier of your own below those added before.
    pub fn tier(mut self, tier: impl Tier) -> Self {
        self.tiers.push(Kind::Given(Arc::new(tier)));
        self
    }

    /// Adds a tier on this node's disk (fjall), in a directory of its own; keeps 1 GiB.
    #[cfg(feature = "disk")]
    pub fn disk(self, path: impl Into<PathBuf>) -> Self {
        self.disk_with(path, 1 << 30)
    }

    /// The same, keeping this many bytes; the oldest entries go first.
    #[cfg(feature = "disk")]
    pub fn disk_with(mut self, path: impl Into<PathBuf>, max_bytes: u64) -> Self {
        self.tiers.push(Kind::Disk(path.into(), max_bytes));
        self
    }

    /// Adds a tier in an SQLite file of its own; keeps 1 GiB.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(self, path: impl Into<PathBuf>) -> Self {
        self.sqlite_with(path, 1 << 30)
    }

    /// The same, keeping this many bytes; the oldest entries go first.
    #[cfg(feature = "sqlite")]
    pub fn sqlite_with(mut self, path: impl Into<PathBuf>, max_bytes: u64) -> Self {
        self.tiers.push(Kind::Sqlite(path.into(), max_bytes));
        self
    }

    /// How long a tier may take to answer a read. Default: 50 ms.
    pub fn read_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.read = deadline;
        self
    }

    /// How long a tier may take for a write. Default: 100 ms.
    pub fn write_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.write = deadline;
        self
    }

    /// After how many failures in a row a tier is left alone for a while. Default: 5.
    pub fn breaker_failures(mut self, failures: u32) -> Self {
        self.breaker.failures = failures;
        self
    }

    /// How many values may wait to be written to a tier; beyond that new ones are not stored there. Default: 4,096.
    pub fn max_pending(mut self, frames: usize) -> Self {
        self.queue.max_pending_frames = frames;
        self
    }

    /// Makes the cache.
    ///
    /// A tier that cannot be opened is no error: it is set aside or tried again, and counted; the cache starts.
    ///
    /// # Errors
    /// A `Config` error for a wrong setting, naming it, and for two annotated functions of one name.
    pub fn build(mut self) -> Result<Cache> {
        self.check()?;
        self.settings.ttl = millis(self.ttl);
        for (glob, ttl) in &self.ttl_patterns {
            let pattern = Pattern::new(glob).map_err(|e| Error::config("ttl_for", e.to_string()))?;
            self.settings.ttl_patterns.push((pattern, millis(*ttl)));
        }
        let (levels, log) = self.open_tiers()?;
        let balance = Balance::new(self.near_bytes, std::mem::take(&mut self.limits));
        Ok(Cache::with(self.settings, log, Stack::new(levels), balance))
    }

    /// Makes the cache and puts it behind every site that names no other.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn install(self) -> Result<Cache> {
        let cache = self.build()?;
        cache.install();
        Ok(cache)
    }

    fn check(&self) -> Result<()> {
        positive("near_bytes", self.near_bytes)?;
        positive("ttl", millis(self.ttl))?;
        positive("max_value", self.settings.codec.max_value as u64)?;
        positive("read_deadline", millis(self.deadlines.read))?;
        positive("write_deadline", millis(self.deadlines.write))?;
        positive("breaker_failures", u64::from(self.breaker.failures))?;
        positive("max_pending", self.queue.max_pending_frames as u64)?;
        positive("remembered_groups", self.settings.groups as u64)?;
        for (namespace, limit) in &self.limits {
            positive("namespace_limit", *limit).map_err(|e| e.with("namespace", namespace))?;
        }
        for (glob, ttl) in &self.ttl_patterns {
            positive("ttl_for", millis(*ttl)).map_err(|e| e.with("pattern", glob))?;
        }
        self.check_level()?;
        unique_sites()
    }

    fn check_level(&self) -> Result<()> {
        let Some(level) = self.settings.codec.level else { return Ok(()) };
        let compression = self.settings.codec.compression;
        match compression.levels() {
            Some(levels) if levels.contains(&level) => Ok(()),
            Some(levels) => {
                let range = format!("{} to {}", levels.start(), levels.end());
                Err(Error::config("compression_level", "is no level of this compressor")
                    .with("compression", compression.word())
                    .with("levels", range))
            }
            None => Err(Error::config("compression_level", "this compressor has no levels")
                .with("compression", compression.word())),
        }
    }

    /// Opens the tiers, and resumes the log from what the deepest remembers.
    fn open_tiers(&mut self) -> Result<(Vec<Level>, Arc<Log>)> {
        let late: Arc<OnceLock<Arc<Log>>> = Arc::new(OnceLock::new());
        let kinds = std::mem::take(&mut self.tiers);
        let levels: Vec<Level> =
            kinds.into_iter().map(|kind| Ok(self.level(kind.name(), kind.open()?, &late))).collect::<Result<_>>()?;
        // A store that does not answer now is a store that is new: what it holds has another epoch.
        let recalled = levels.last().and_then(|level| level.tier.recall().ok());
        let is_new = recalled.as_ref().is_some_and(|recall| recall.position.is_none());
        let recall = recalled.unwrap_or_default();
        let chance = self.settings.seed.map_or_else(Chance::unknown, Chance::new);
        let log = Arc::new(Log::resume(&recall, chance.next() | 1, self.settings.groups));
        late.get_or_init(|| Arc::clone(&log));
        if let (true, Some(deepest)) = (is_new, levels.last()) {
            // Without it the next process would know nothing of the frames of this one, if nothing is invalidated.
            deepest.tier.apply_blocking(vec![log.beginning()]);
        }
        Ok((levels, log))
    }

    fn level(&self, name: &'static str, tier: Arc<dyn Tier>, log: &Arc<OnceLock<Arc<Log>>>) -> Level {
        let clock = self.settings.clock.clone();
        let guard = GuardOptions { name, deadlines: self.deadlines, breaker: self.breaker, clock: clock.clone() };
        let queue = BehindOptions { name, clock, ..self.queue.clone() };
        // Not of the wrappers: a deadline in the name would change the name with the setting.
        let label = tier.to_string();
        let meter = Arc::new(Metered::new(Arc::new(Guarded::new(tier, guard))));
        let log = Arc::clone(log);
        // Before the log is there nothing is valid.
        let judge: Judge = Arc::new(move |frame| log.get().is_some_and(|log| log.allows(frame)));
        Level { name: label, tier: Behind::start(Arc::clone(&meter) as _, judge, queue), meter }
    }
}

impl Kind {
    /// The tier's name in the log.
    fn name(&self) -> &'static str {
        match self {
            Self::Given(_) => "tier",
            #[cfg(feature = "disk")]
            Self::Disk(..) => "disk",
            #[cfg(feature = "sqlite")]
            Self::Sqlite(..) => "sqlite",
            Self::Never(_, never) => match *never {},
        }
    }

    fn open(self) -> Result<Arc<dyn Tier>> {
        Ok(match self {
            Self::Given(tier) => tier,
            #[cfg(feature = "disk")]
            Self::Disk(path, max_bytes) => {
                let options = crate::tier::disk::DiskOptions { max_bytes, ..crate::tier::disk::DiskOptions::new(path) };
                Arc::new(crate::tier::disk::Disk::open(options))
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path, max_bytes) => {
                let options = crate::tier::sql::SqlOptions::sqlite(path)?;
                Arc::new(crate::tier::sql::Sql::open(options.max_bytes(max_bytes)))
            }
            Self::Never(_, never) => match never {},
        })
    }
}

fn positive(setting: &'static str, value: u64) -> Result<()> {
    if value == 0 { Err(Error::config(setting, "must be more than zero")) } else { Ok(()) }
}

/// Two functions of one name would read each other's entries in shared tiers.
fn unique_sites() -> Result<()> {
    let mut names = HashMap::new();
    let mut templates = HashMap::new();
    for site in site::linked() {
        let here = site.declared();
        if let Some(other) = names.insert(site.name(), here) {
            return Err(twins("name", site.name(), here, other));
        }
        if let Some(template) = here.template
            && let Some(other) = templates.insert(template, here)
        {
            return Err(twins("key", template, here, other));
        }
    }
    Ok(())
}

fn twins(setting: &'static str, word: &str, here: &site::Declared, other: &site::Declared) -> Error {
    let advice = if setting == "name" {
        "two cached functions have one name; give one of them `name = \"..\"`"
    } else {
        "two cached functions have one key template; their entries would replace each other"
    };
    Error::config(setting, advice)
        .with("which", word)
        .with("first", format!("{}:{}", other.file, other.line))
        .with("second", format!("{}:{}", here.file, here.line))
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .field("tiers", &self.tiers.len())
            .finish_non_exhaustive()
    }
}
