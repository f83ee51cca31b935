//! A database that is asked through a pool with a deadline and a breaker, and whose writes tell the cache what has become
//! untrue.
//!
//! ```
//! # #[cfg(feature = "sqlite")]
//! # async fn all() -> cached_runtime::Result<()> {
//! use cached_runtime::database::{Database, DatabaseOptions};
//!
//! let db = Database::<sqlx::Sqlite>::open("sqlite://videos.db?mode=rwc", DatabaseOptions::new())?;
//! db.execute("CREATE TABLE IF NOT EXISTS video (id INTEGER PRIMARY KEY, title TEXT NOT NULL)", ()).await?;
//! db.execute("INSERT INTO video (id, title) VALUES (?, ?)", (7, "Dawn")).await?;
//! let titles: Vec<(String,)> = db.fetch_all("SELECT title FROM video WHERE id = ?", (7,)).await?;
//! # Ok(())
//! # }
//! ```

mod adviser;
mod again;
mod asking;
mod batch;
mod catalog;
mod connections;
mod driver;
mod due;
mod failure;
mod groups;
mod hindsight;
mod holders;
mod key_value;
mod known;
mod moments;
mod options;
mod outbox;
mod reads;
mod registry;
mod replicas;
mod rows;
mod schema;
mod source;
mod stats;
mod touch;
mod transaction;
mod undone;
mod values;
mod write;

use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Pool;

use self::adviser::Adviser;
use self::again::Again;
use self::connections::Connections;
use self::due::Due;
use self::groups::Groups;
use self::hindsight::Hindsight;
use self::known::Known;
use self::outbox::Outbox;
use self::registry::Registered;
use self::replicas::Replicas;
use self::schema::Schema;
use self::transaction::Inside;
use crate::cache::Cache;
use crate::clock::{Clock, Millis};
use crate::error::{Error, ErrorKind, Result};
use crate::group::Group;
use crate::statement::Tables;
use crate::tier::{Breaker, BreakerState};

pub use adviser::{
    Advice, AdviceOptions, FullScan, IndexAdvice, Plan, PlanStep, QueryStats, RepeatedQuery, SlowQuery, Verdict,
};
pub use batch::{Batch, BatchError, BatchProgress, BatchReport, RowFailure};
pub use driver::{Address, Done, Driver};
pub use failure::{Failure, cause};
pub use options::DatabaseOptions;
pub use outbox::OutboxOptions;
pub use source::Connected;
pub use stats::DatabaseStats;
pub use values::Values;

/// What generated code asks. Not public API.
#[doc(hidden)]
pub mod generated {
    pub use super::key_value::KeyValue;
    pub use super::reads::{bound, open, ready, secret, tag};
    pub use super::rows::{
        How, MadeOfRows, Outcome, Rows, Rows0, Rows1, Rows2, Rows3, Rows4, Rows5, Rows6, Rows7, Sql, ask, database, run,
    };
}

/// A database: a pool of connections, and what stands around it.
///
/// A handle, cheap to clone; all clones are the same database. Nothing is connected before it is needed.
///
/// What is read here is not cached by itself: that is what annotated functions are for. What is written here invalidates
/// the entries that were read from the tables it touches, after it was committed.
pub struct Database<DB: Driver> {
    core: Arc<Core<DB>>,
    /// The transaction that this handle stands for.
    inside: Option<Arc<Inside<DB>>>,
}

struct Core<DB: Driver> {
    name: Arc<str>,
    readers: Connections<DB>,
    /// Where there is room for one writer only, its connection stands apart.
    writer: Option<Connections<DB>>,
    replicas: Option<Replicas<DB>>,
    breaker: Breaker,
    known: Known,
    /// Who takes the figures of statements, if somebody is to.
    adviser: Option<Arc<Adviser>>,
    groups: Groups,
    schema: Schema,
    hindsight: Hindsight,
    clock: Clock,
    read_deadline: Option<Duration>,
    cache: Option<Cache>,
    outbox: Option<Outbox>,
    /// Tells once more what a lost connection may still bring about.
    late: Arc<Again>,
    registered: Registered,
}

/// So often is tried in all what fails because its connection is of no use: all of a pool may have been ended, one after
/// the other.
const TIMES: u32 = 3;

/// What a server was asked over a connection that was lost it may go on with for so long, in milliseconds.
const LATE: Millis = 5_000;

/// How a driver is asked for an answer of this type.
type Call<DB, R> = fn(
    &mut <DB as sqlx::Database>::Connection,
    driver::Text,
    <DB as sqlx::Database>::Arguments,
) -> driver::Answer<'_, R>;

impl<DB: Driver> Database<DB> {
    /// The database at this URL, as sqlx takes it. Nothing is connected yet.
    ///
    /// # Errors
    /// A `Config` error if the URL cannot be read, if this process has another database of this name, or if there is no
    /// Tokio runtime.
    pub fn open(url: &str, options: DatabaseOptions) -> Result<Self> {
        let address = driver::Address::<DB>::from_str(url).map_err(|source| {
            Error::config("url", "this is no URL of such a database").because(failure::hidden(source))
        })?;
        Self::at(address, options)
    }

    /// The same, from the options of its driver.
    ///
    /// # Errors
    /// A `Config` error if this process has another database of this name, or if there is no Tokio runtime.
    pub fn at(address: driver::Address<DB>, options: DatabaseOptions) -> Result<Self> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Error::new(
                ErrorKind::Config,
                "a pool looks after itself in a Tokio runtime: open it inside of one",
            ));
        }
        let registered = Registered::new(&options.name, &registry::target::<DB>(&address))?;
        let pools = DB::pools(address, &options);
        let options = if pools.alone {
            // It would go with its connection.
            DatabaseOptions { overflow: 0, read_deadline: None, ..options }
        } else {
            options
        };
        let replicas = Replicas::open(&options)?;
        let readers = Connections::new(pools.readers, &options);
        readers.open_some(options.min_connections);
        // There is room for one.
        let alone = DatabaseOptions { overflow: 0, ..options.clone() };
        let writer = pools.writer.map(|pool| Connections::new(pool, &alone));
        let adviser = Adviser::new(&options, Some(options.statement_cache), !pools.alone);
        Self::with(readers, writer, replicas, adviser, options, registered)
    }

    /// A database around a pool that is there already. Its size, its times and what it does to new connections stay as
    /// they are; this handle adds its own deadline.
    ///
    /// # Errors
    /// A `Config` error if this process has another database of this name, or if the options ask for connections beyond the
    /// pool: what it does to new ones is not known here, so that others would not be the same.
    pub fn around(pool: Pool<DB>, options: DatabaseOptions) -> Result<Self> {
        if options.overflow > 0 {
            let message = "connections beyond a pool that is there already would not be made as it makes its own";
            return Err(Error::config("overflow", message));
        }
        let registered = Registered::new(&options.name, &registry::target::<DB>(&pool.connect_options()))?;
        let mut options = options;
        if DB::is_alone(&pool.connect_options()) {
            options.read_deadline = None;
        }
        // What is done to its new connections is not known here: others would not be the same.
        let adviser = Adviser::new(&options, adviser::room::<DB>(&pool.connect_options()), false);
        let readers = Connections::new(pool, &options);
        let replicas = Replicas::open(&options)?;
        Self::with(readers, None, replicas, adviser, options, registered)
    }

    fn with(
        readers: Connections<DB>,
        writer: Option<Connections<DB>>,
        replicas: Option<Replicas<DB>>,
        adviser: Option<Arc<Adviser>>,
        options: DatabaseOptions,
        registered: Registered,
    ) -> Result<Self> {
        let outbox = Outbox::asked_for::<DB>(&options)?;
        if registered.moved() {
            // What was kept of the database that had this name before is not this one's.
            let groups = Groups::new(&options.name).written(&Tables::Any);
            drop(Due::new(vec![options.cache.clone().unwrap_or_else(|| Cache::installed().clone())], groups));
        }
        registered.holders.add(options.cache.as_ref());
        let groups = Groups::new(&options.name);
        let late = Again::new(options.clock.clone(), LATE, Group::Tag(groups.all().into()));
        let core = Core {
            readers,
            writer,
            replicas,
            breaker: Breaker::new(options.breaker, options.clock.clone()),
            schema: Schema::default(),
            hindsight: Hindsight::default(),
            clock: options.clock,
            read_deadline: options.read_deadline,
            known: Known::new(DB::BACKEND, adviser.clone()),
            adviser,
            groups,
            late: Arc::new(late),
            name: options.name.into(),
            cache: options.cache,
            outbox,
            registered,
        };
        let core = Arc::new(core);
        adviser::attend(&core);
        outbox::begin(&core);
        Ok(Self { core, inside: None })
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.core.name
    }

    /// The pool that reads go through; of the primary, where there are replicas.
    #[must_use]
    pub fn pool(&self) -> &Pool<DB> {
        self.core.readers.pool()
    }

    /// What the breaker does with calls.
    #[must_use]
    pub fn breaker(&self) -> BreakerState {
        self.core.breaker.state()
    }

    /// The tags of an entry that was read from these tables: with them it is invalidated by what is written here.
    #[must_use]
    pub fn tags(&self, tables: &Tables) -> Vec<String> {
        self.core.groups.read(tables)
    }

    /// Does this handle stand for a transaction? What is read through it is not cached, for others must not see it.
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        self.inside.is_some()
    }
}

/// The breaker speaks of tiers.
fn left_alone(error: Error) -> Error {
    if error.kind() != ErrorKind::Open {
        return error;
    }
    Error::new(ErrorKind::Open, "the database is left alone for a moment, because it was away several times in a row")
}

impl<DB: Driver> Core<DB> {
    fn writers(&self) -> &Connections<DB> {
        self.writer.as_ref().unwrap_or(&self.readers)
    }

    fn cache(&self) -> &Cache {
        self.cache.as_ref().unwrap_or_else(|| Cache::installed())
    }

    /// All that hold what was read from here.
    fn caches(&self) -> Vec<Cache> {
        self.registered.holders.all()
    }

    /// This cache holds what was read from here, too.
    fn kept_in(&self, cache: &Cache) {
        self.registered.holders.add(Some(cache));
    }
}

impl<DB: Driver> Clone for Database<DB> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core), inside: self.inside.clone() }
    }
}

impl<DB: Driver> fmt::Debug for Database<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database")
            .field("name", &self.core.name)
            .field("breaker", &self.core.breaker.state())
            .field("connections", &self.pool().size())
            .field("waiting", &self.core.readers.waiting())
            .field("in_transaction", &self.in_transaction())
            .finish_non_exhaustive()
    }
}
