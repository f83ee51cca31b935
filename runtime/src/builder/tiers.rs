//! The tiers below near: their settings, and how they are opened.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use super::{Builder, positive};
use crate::chance::Chance;
use crate::clock::millis;
use crate::codec::{Format, Veil};
use crate::error::{Error, Result};
use crate::log::Log;
use crate::stack::{Level, Stack};
#[cfg(feature = "_server")]
use crate::tier::sql::SqlOptions;
use crate::tier::veiled::{self, Veiled};
use crate::tier::{Behind, BehindOptions, BreakerOptions, Deadlines, GuardOptions, Guarded, Judge, Metered, Tier};

/// The tiers to be opened, and what they have in common.
#[derive(Default)]
pub(super) struct Tiers {
    pub(super) kinds: Vec<Kind>,
    /// Which of these come from a configuration: what code says later of the same sort takes their place.
    configured: Vec<usize>,
    pub(super) deadlines: Deadlines,
    pub(super) breaker: BreakerOptions,
    pub(super) queue: BehindOptions,
    #[cfg(feature = "encryption")]
    secrecy: Option<crate::KeySecrecy>,
    /// What hides keys, once the tiers are opened.
    pub(super) veil: Option<Arc<Veil>>,
    /// The first setting that was wrong already where it was made.
    #[cfg(feature = "_shared")]
    pub(super) wrong: Option<Error>,
    /// How long near serves what it holds while invalidations may be missing.
    #[cfg(feature = "_shared")]
    pub(super) cap: Option<std::time::Duration>,
}

/// A tier to be opened.
pub(super) enum Kind {
    Given(Arc<dyn Tier>),
    #[cfg(feature = "redis")]
    Redis(Box<crate::tier::redis::RedisOptions>),
    #[cfg(feature = "disk")]
    Disk(PathBuf, u64),
    #[cfg(feature = "sqlite")]
    Sqlite(PathBuf, u64),
    #[cfg(feature = "_server")]
    Server(&'static str, Result<SqlOptions>),
    #[allow(dead_code, reason = "keeps PathBuf in use when no engine is compiled in")]
    Never(PathBuf, std::convert::Infallible),
}

impl Builder {
    /// The encoding below near. Default: [`Format::Postcard`].
    pub fn format(mut self, format: Format) -> Self {
        self.settings.codec.format = format;
        self
    }

    /// How many bytes an encoded value may have. A larger one is not stored below near, and still answered.
    /// Default: 1 MiB.
    pub fn max_value(mut self, bytes: usize) -> Self {
        self.settings.codec.max_value = bytes;
        self
    }

    /// Encrypts what goes below near, and serves from there only what was encrypted with these keys. Default: nothing is
    /// encrypted, and an encrypted frame is a miss. See [`Keys`](crate::Keys) for what is hidden and what is not.
    #[cfg(feature = "encryption")]
    pub fn encryption(mut self, keys: crate::Keys) -> Self {
        self.settings.keys = Some(Arc::new(keys));
        self
    }

    /// Hides the text of keys and tags below near: no tier sees it, nor does the log that nodes share. Needs
    /// [`Builder::encryption`]. Default: keys are readable. See [`KeySecrecy`](crate::KeySecrecy) for what is hidden and
    /// what is not, and what it costs.
    #[cfg(feature = "encryption")]
    pub fn key_secrecy(mut self, secrecy: crate::KeySecrecy) -> Self {
        self.tiers.secrecy = Some(secrecy);
        self
    }

    /// Adds a tier of your own below those added before.
    pub fn tier(mut self, tier: impl Tier) -> Self {
        self.tiers.add(Kind::Given(Arc::new(tier)));
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
        self.tiers.add(Kind::Disk(path.into(), max_bytes));
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
        self.tiers.add(Kind::Sqlite(path.into(), max_bytes));
        self
    }

    /// Adds a tier on a PostgreSQL server, which nodes share; keeps 1 GiB in tables named `cached_…`, with 4 connections.
    ///
    /// A hit there costs a round trip. A server that is away is no error, here or later: the tier misses, and connects
    /// when it can. Where there is no `redis`, it also holds the log by which nodes hear of each other's
    /// invalidations, on two connections; with `redis`, add that before this. See [`SqlOptions::postgres`] for the URL
    /// and the rights that its user needs.
    #[cfg(feature = "postgres")]
    pub fn postgres(self, url: &str) -> Self {
        self.server("postgres", SqlOptions::postgres(url))
    }

    /// The same with settings of your own.
    #[cfg(feature = "postgres")]
    pub fn postgres_with(self, options: SqlOptions) -> Self {
        self.server("postgres", Ok(options))
    }

    /// Adds a tier on a MySQL or MariaDB server, which nodes share; keeps 1 GiB in tables named `cached_…`, with 4
    /// connections.
    ///
    /// A hit there costs a round trip. A server that is away is no error, here or later: the tier misses, and connects
    /// when it can. Where there is no `redis`, it also holds the log by which nodes hear of each other's
    /// invalidations, on one connection; with `redis`, add that before this. See [`SqlOptions::mysql`] for the URL and
    /// the rights that its user needs.
    #[cfg(feature = "mysql")]
    pub fn mysql(self, url: &str) -> Self {
        self.server("mysql", SqlOptions::mysql(url))
    }

    /// The same with settings of your own.
    #[cfg(feature = "mysql")]
    pub fn mysql_with(self, options: SqlOptions) -> Self {
        self.server("mysql", Ok(options))
    }

    /// A URL that is wrong is told when the cache is built, as everything else that is.
    #[cfg(feature = "_server")]
    fn server(mut self, setting: &'static str, options: Result<SqlOptions>) -> Self {
        let options = options.and_then(|options| match options.word() {
            word if word == setting => Ok(options),
            word => Err(Error::config(setting, "is given the options of another database").with("database", word)),
        });
        self.tiers.add(Kind::Server(setting, options));
        self
    }

    /// Adds tiers that code may still replace.
    #[cfg(feature = "config")]
    pub(crate) fn with_configured_tiers(self, add: impl FnOnce(Self) -> Result<Self>) -> Result<Self> {
        let before = self.tiers.kinds.len();
        let mut builder = add(self)?;
        builder.tiers.configured.extend(before..builder.tiers.kinds.len());
        Ok(builder)
    }

    pub(super) fn check_tiers(&self) -> Result<()> {
        #[cfg(feature = "_shared")]
        self.check_shared()?;
        #[cfg(feature = "encryption")]
        self.check_encryption()?;
        positive("max_value", self.settings.codec.max_value as u64)?;
        positive("read_deadline", millis(self.tiers.deadlines.read))?;
        positive("write_deadline", millis(self.tiers.deadlines.write))?;
        positive("apply_deadline", millis(self.tiers.queue.apply_deadline))?;
        positive("breaker_failures", u64::from(self.tiers.breaker.failures))?;
        positive("max_pending", self.tiers.queue.max_pending_frames as u64)?;
        self.check_places()?;
        self.check_compression()
    }

    #[cfg(feature = "encryption")]
    fn check_encryption(&self) -> Result<()> {
        self.settings.keys.as_ref().map_or(Ok(()), |keys| keys.check())?;
        let Some(secrecy) = &self.tiers.secrecy else { return Ok(()) };
        secrecy.check()?;
        match self.settings.keys {
            Some(_) => Ok(()),
            None => {
                Err(Error::config("key_secrecy", "needs `encryption`: a frame tells its key unless it is encrypted"))
            }
        }
    }

    /// Where keys are secret, frames are encrypted with all they say on their way to each tier, and not before.
    #[cfg(feature = "encryption")]
    fn hide_keys(&mut self) {
        if let Some(secrecy) = self.tiers.secrecy.take() {
            self.tiers.veil = self.settings.keys.take().map(|keys| Arc::new(Veil::new(secrecy, keys)));
        }
    }

    /// Two tiers in one place would lock each other out, and a place without a name is none.
    fn check_places(&self) -> Result<()> {
        let places = self.tiers.kinds.iter().filter_map(|kind| kind.place().transpose());
        let places = places.collect::<Result<Vec<_>>>()?;
        for (at, (setting, path, max_bytes)) in places.iter().enumerate() {
            positive(setting, *max_bytes)?;
            if path.is_empty() {
                return Err(Error::config(setting, "needs a path"));
            }
            if places[..at].iter().any(|(_, other, _)| other == path) {
                return Err(Error::config(setting, "two tiers have one path").with("path", path.display()));
            }
        }
        Ok(())
    }

    /// Opens the tiers, and resumes the log from what the deepest remembers.
    pub(super) fn stack_and_log(&mut self) -> Result<(Stack, Arc<Log>)> {
        self.note_facts();
        #[cfg(feature = "encryption")]
        self.hide_keys();
        let late = Late::default();
        let kinds = std::mem::take(&mut self.tiers.kinds);
        let holder = holder(&kinds);
        let is_shared = holder.is_some();
        let mut followed = Followed::default();
        let mut levels = Vec::with_capacity(kinds.len());
        for (at, kind) in kinds.into_iter().enumerate() {
            levels.push(self.open(kind, holder == Some(at), &late, &mut followed)?);
        }
        let stack = Stack::new(levels);
        // A store that does not answer now is a store that is new: what it holds has another epoch.
        let recalled = stack.own().map(|level| level.tier.recall()).transpose();
        let unasked = recalled.as_ref().is_err_and(|error| self.begins_cold(error));
        let recalled = recalled.unwrap_or_default().map(|recall| veiled::believed(recall, self.tiers.veil.as_ref()));
        let is_new = recalled.as_ref().is_some_and(|recall| recall.position.is_none());
        let recall = recalled.unwrap_or_default();
        let chance = self.settings.seed.map_or_else(Chance::unknown, Chance::new);
        let epoch = veiled::epoch(chance.next() | 1, self.tiers.veil.as_ref());
        let log = Arc::new(Log::resume(&recall, epoch, self.settings.groups, is_shared));
        late.get_or_init(|| Arc::clone(&log));
        if let (true, Some(own)) = (is_new, stack.own()) {
            // Without it the next process would know nothing of the frames of this one, if nothing is invalidated.
            own.tier.apply_blocking(vec![log.beginning()]);
        }
        self.follow(followed, &recall, unasked, &stack, &log)?;
        Ok((stack, log))
    }

    /// What a tier holds is not served before it has told what it remembers.
    fn begins_cold(&self, error: &Error) -> bool {
        let code = error.context("code");
        tracing::warn!(kind = error.kind().word(), code, "a tier does not tell what it remembers: it begins empty");
        true
    }

    /// Opens a tier; one that holds the log of several nodes is to be followed.
    #[cfg_attr(not(feature = "_server"), allow(unused_variables, reason = "no tier is shared, or none but Redis"))]
    fn open(&self, kind: Kind, holds_log: bool, late: &Late, followed: &mut Followed) -> Result<Level> {
        let name = kind.name();
        match kind {
            #[cfg(feature = "redis")]
            Kind::Redis(options) => Ok(self.open_redis(*options, late, followed)),
            #[cfg(feature = "_server")]
            Kind::Server(_, options) if holds_log => self.open_log(name, options?, late, followed),
            #[cfg(feature = "_server")]
            Kind::Server(..) => self.open_common(name, kind.open()?, late, followed),
            kind => {
                let guard = self.guard(name);
                let tier = kind.open()?;
                // Not of the wrappers: a deadline in the name would change the name with the setting.
                let label = tier.to_string();
                let (judging, vouching) = (Arc::clone(late), Arc::clone(late));
                // Before the log is there nothing is valid.
                let judge: Judge = Arc::new(move |frame| judging.get().is_some_and(|log| log.allows(frame)));
                let vouches: Judge = Arc::new(move |frame| vouching.get().is_some_and(|log| log.vouches(frame)));
                let guarded = Guarded::new(Veiled::over(tier, self.tiers.veil.as_ref(), false), guard);
                Ok(self.level(name, label, Arc::new(guarded), judge, vouches, &self.tiers.queue))
            }
        }
    }

    pub(super) fn guard(&self, name: &'static str) -> GuardOptions {
        let clock = self.settings.clock.clone();
        GuardOptions { name, deadlines: self.tiers.deadlines, breaker: self.tiers.breaker, clock }
    }

    pub(super) fn level(
        &self,
        name: &'static str,
        label: String,
        guarded: Arc<Guarded>,
        judge: Judge,
        vouches: Judge,
        queue: &BehindOptions,
    ) -> Level {
        let queue = BehindOptions { name, clock: self.settings.clock.clone(), ..queue.clone() };
        let breakers = guarded.breakers();
        let meter = Arc::new(Metered::new(guarded));
        Level {
            breakers,
            name: label,
            tier: Behind::start(Arc::clone(&meter) as _, judge, queue),
            meter,
            #[cfg(feature = "_seen")]
            said: crate::tier::state::LastSaid::default(),
            vouches,
            answered: AtomicU64::new(0),
            common: false,
            #[cfg(feature = "_shared")]
            shared: None,
        }
    }

    #[cfg(not(feature = "_shared"))]
    fn follow(&self, _: Followed, _: &crate::group::Recall, _: bool, _: &Stack, _: &Arc<Log>) -> Result<()> {
        Ok(())
    }
}

/// Which of these holds the log that nodes share: Redis if there is one, else the first server.
#[cfg_attr(not(feature = "_shared"), allow(unused_variables, reason = "nodes share nothing"))]
fn holder(kinds: &[Kind]) -> Option<usize> {
    #[cfg(feature = "redis")]
    if let Some(at) = kinds.iter().position(|kind| matches!(kind, Kind::Redis(_))) {
        return Some(at);
    }
    #[cfg(feature = "_server")]
    return kinds.iter().position(|kind| matches!(kind, Kind::Server(..)));
    #[cfg(not(feature = "_server"))]
    None
}

/// The log, which is there only after the tiers that are judged by it.
pub(super) type Late = Arc<OnceLock<Arc<Log>>>;

/// The tier that holds the log of several nodes, if there is one.
#[cfg(feature = "_shared")]
pub(super) type Followed = Option<super::shared::Shared>;
#[cfg(not(feature = "_shared"))]
#[derive(Default)]
pub(super) struct Followed {}

impl Tiers {
    /// One more, or one in the place of a configured one.
    pub(super) fn add(&mut self, kind: Kind) {
        let is_same = |at: &usize| self.kinds.get(*at).is_some_and(|known| known.name() == kind.name());
        match self.configured.iter().position(is_same) {
            Some(known) => {
                let at = self.configured.remove(known);
                self.kinds[at] = kind;
            }
            None => self.kinds.push(kind),
        }
    }
}

impl Kind {
    /// The tier's name in the log.
    fn name(&self) -> &'static str {
        match self {
            Self::Given(_) => "tier",
            #[cfg(feature = "redis")]
            Self::Redis(_) => "redis",
            #[cfg(feature = "disk")]
            Self::Disk(..) => "disk",
            #[cfg(feature = "sqlite")]
            Self::Sqlite(..) => "sqlite",
            #[cfg(feature = "_server")]
            Self::Server(name, _) => name,
            Self::Never(_, never) => match *never {},
        }
    }

    /// Where it is stored, and how much of it.
    fn place(&self) -> Result<Option<(&'static str, OsString, u64)>> {
        Ok(match self {
            Self::Given(_) => None,
            #[cfg(feature = "redis")]
            Self::Redis(_) => None,
            #[cfg(feature = "disk")]
            Self::Disk(path, max_bytes) => Some(("disk", path.into(), *max_bytes)),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(path, max_bytes) => Some(("sqlite", path.into(), *max_bytes)),
            #[cfg(feature = "_server")]
            Self::Server(name, options) => {
                let options = options.as_ref().map_err(Error::clone)?;
                Some((name, options.place().into(), options.most()))
            }
            Self::Never(_, never) => match *never {},
        })
    }

    fn open(self) -> Result<Arc<dyn Tier>> {
        Ok(match self {
            Self::Given(tier) => tier,
            #[cfg(feature = "redis")]
            Self::Redis(_) => return Err(Error::config("redis", "is opened with the log that it holds")),
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
            #[cfg(feature = "_server")]
            Self::Server(_, options) => Arc::new(crate::tier::sql::Sql::open(options?)),
            Self::Never(_, never) => match never {},
        })
    }
}
