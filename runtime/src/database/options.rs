//! How a database is used.

use std::time::Duration;

use super::adviser::MANY;
use super::outbox::OutboxOptions;
use super::replicas::Urls;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::tier::BreakerOptions;

/// How a [`Database`](super::Database) is used: its connections, its patience, its name.
///
/// ```
/// use std::time::Duration;
/// use cached_runtime::database::DatabaseOptions;
///
/// let options = DatabaseOptions::new().name("orders").max_connections(20).acquire_deadline(Duration::from_secs(1));
/// ```
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    pub(super) name: Box<str>,
    pub(super) max_connections: u32,
    pub(super) min_connections: u32,
    pub(super) overflow: u32,
    pub(super) most_waiting: usize,
    pub(super) acquire_deadline: Duration,
    pub(super) read_deadline: Option<Duration>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) max_lifetime: Option<Duration>,
    pub(super) check_after: Duration,
    pub(super) statement_cache: usize,
    pub(super) breaker: BreakerOptions,
    pub(super) cache: Option<Cache>,
    pub(super) clock: Clock,
    pub(super) replicas: Urls,
    pub(super) max_replica_lag: Duration,
    pub(super) outbox: Option<OutboxOptions>,
    pub(super) adviser: bool,
    pub(super) slow: Option<Duration>,
    pub(super) repeated: u32,
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self {
            name: "main".into(),
            max_connections: 10,
            min_connections: 0,
            overflow: 0,
            most_waiting: 1_000,
            acquire_deadline: Duration::from_secs(2),
            read_deadline: Some(Duration::from_secs(30)),
            idle_timeout: Some(Duration::from_mins(10)),
            max_lifetime: Some(Duration::from_mins(30)),
            check_after: Duration::from_secs(1),
            statement_cache: 50,
            breaker: BreakerOptions::default(),
            cache: None,
            clock: Clock::system(),
            replicas: Urls::default(),
            max_replica_lag: Duration::from_secs(1),
            outbox: None,
            adviser: true,
            slow: Some(Duration::from_millis(100)),
            repeated: MANY,
        }
    }
}

impl DatabaseOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What this database is called in keys, in groups of invalidation and in reports. Default: `main`.
    ///
    /// All nodes that share a cache call the same database by the same name. A second database in one process needs a
    /// name of its own.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// The most connections, at least one. SQLite has one more, for writes. Default: 10.
    #[must_use]
    pub fn max_connections(mut self, most: u32) -> Self {
        self.max_connections = most.max(1);
        self
    }

    /// So many connections are opened at once, behind, and kept though nobody needs them. Default: 0.
    #[must_use]
    pub fn min_connections(mut self, least: u32) -> Self {
        self.min_connections = least;
        self
    }

    /// So many connections may be made beyond the pool's while all of that are at work. They are used once.
    /// Default: 0.
    ///
    /// Of SQLite only for what reads: there is one writer. A database in memory has one connection and no other, and a pool
    /// that is there already is not added to ([`Database::around`](super::Database::around)).
    #[must_use]
    pub fn overflow(mut self, connections: u32) -> Self {
        self.overflow = connections;
        self
    }

    /// So many calls may wait for a connection; further ones are refused at once ([`ErrorKind::Busy`]). Default: 1,000.
    ///
    /// [`ErrorKind::Busy`]: crate::ErrorKind::Busy
    #[must_use]
    pub fn most_waiting(mut self, calls: usize) -> Self {
        self.most_waiting = calls;
        self
    }

    /// A call waits so long for a connection. Default: 2 s.
    ///
    /// When there was none it is found out why, for the error to say it: that takes a second more at most, and is done once
    /// a second for all who wait.
    #[must_use]
    pub fn acquire_deadline(mut self, deadline: Duration) -> Self {
        self.acquire_deadline = deadline;
        self
    }

    /// What only reads, outside of a transaction, may take so long once it has a connection; then it fails
    /// ([`ErrorKind::Deadline`]), and its connection is closed. `None`: as long as it takes. Default: 30 s.
    ///
    /// So a database that stands still, with its connections open, is noticed too: after some failures the breaker leaves
    /// it alone. What writes has no deadline, for nobody would know what became of it; nor has a database in memory, which
    /// would go with its connection. Where a question calls functions, and nobody has read the schema yet, that is read
    /// first, which may take 5 s more. For callers who cannot wait so long there is `timeout` at a cached function.
    ///
    /// [`ErrorKind::Deadline`]: crate::ErrorKind::Deadline
    #[must_use]
    pub fn read_deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.read_deadline = deadline.into();
        self
    }

    /// A connection that nobody used for so long is closed. `None`: never. Default: 10 min.
    #[must_use]
    pub fn idle_timeout(mut self, idle: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = idle.into();
        self
    }

    /// A connection of this age is closed. `None`: never. Default: 30 min.
    #[must_use]
    pub fn max_lifetime(mut self, lifetime: impl Into<Option<Duration>>) -> Self {
        self.max_lifetime = lifetime.into();
        self
    }

    /// A connection that rested for so long is asked whether it still lives before it is used. Default: 1 s.
    #[must_use]
    pub fn check_after(mut self, rest: Duration) -> Self {
        self.check_after = rest;
        self
    }

    /// So many prepared statements are kept per connection. Default: 50.
    #[must_use]
    pub fn statement_cache(mut self, statements: usize) -> Self {
        self.statement_cache = statements;
        self
    }

    /// When calls are refused because the database failed again and again. Default: after 5 failures, for 250 ms to 5 s.
    #[must_use]
    pub fn breaker(mut self, options: BreakerOptions) -> Self {
        self.breaker = options;
        self
    }

    /// The cache whose entries become untrue by what is written here. Default: the one that is installed at the time.
    #[must_use]
    pub fn cache(mut self, cache: &Cache) -> Self {
        self.cache = Some(cache.clone());
        self
    }

    /// The clock of the breaker, of `max_replica_lag`, of what is known of the schema and of the adviser; deadlines are
    /// timers of the runtime and do not follow it.
    /// Default: the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// One more replica, by a URL as [`Database::open`](super::Database::open) takes it. Default: none.
    ///
    /// What only reads goes to the replicas in turn, each with as many connections as the primary. To the primary go
    /// statements that write, transactions, and reads of tables that were written less than
    /// [`max_replica_lag`](Self::max_replica_lag) ago: by this handle, or by another node, as far as the log of the cache
    /// tells of it, which it does where nodes share one. So does what a replica cannot answer, and within 250 ms what one
    /// that is away does not answer. What is written behind the framework's back is read when the replica has it.
    #[must_use]
    pub fn replica(mut self, url: &str) -> Self {
        self.replicas.0.push(url.into());
        self
    }

    /// By so much a replica is behind at most. Default: 1 s.
    ///
    /// For so long after a write its tables are read from the primary, and then its invalidation is told once more, for
    /// what nodes that had not heard of it read meanwhile; which keeps the tables at the primary for as long again. One that
    /// lags longer makes old rows new: choose what monitoring alerts at. With zero replicas are taken to be always in
    /// step, as with a commit that waits for them to have applied it, and nothing is told twice.
    #[must_use]
    pub fn max_replica_lag(mut self, lag: Duration) -> Self {
        self.max_replica_lag = lag;
        self
    }

    /// Writes what is to be invalidated into a table of the database, in the same transaction as what makes it untrue: so
    /// that a writer that dies between its commit and the invalidation loses nothing. Default: none.
    ///
    /// What it left is invalidated when a handle with an outbox opens the database, and by those that live; see
    /// [`OutboxOptions::interval`]. A read in the first milliseconds of a process may come before: see
    /// [`Database::sweep_outbox`](super::Database::sweep_outbox). With it the database is asked as soon as it is opened.
    ///
    /// It costs a row for each transaction that writes; a statement outside of one becomes a transaction. What cannot be
    /// undone, as a change of tables, has its row written ahead: that is lost if the change takes longer than twice the
    /// interval and its process dies thereafter.
    ///
    /// For tiers that outlive a process. Nodes that share a database share the log of their caches, too (by Redis, or a
    /// tier in SQL): whoever finds a row tells all. A cache should be installed, or named by [`DatabaseOptions::cache`],
    /// before the database is opened.
    #[must_use]
    pub fn outbox(mut self, options: OutboxOptions) -> Self {
        self.outbox = Some(options);
        self
    }

    /// Are figures taken of each statement, for [`queries`](super::Database::queries) and
    /// [`advice`](super::Database::advice)? It costs a fraction of a microsecond a call. Default: yes.
    #[must_use]
    pub fn adviser(mut self, on: bool) -> Self {
        self.adviser = on;
        self
    }

    /// So many calls of one statement by one task or request are a repeat ("N+1"), which is told in the log and by the adviser;
    /// 0: nothing is. Default: 5.
    #[must_use]
    pub fn repeated(mut self, calls: u32) -> Self {
        self.repeated = calls;
        self
    }

    /// A statement that takes so long, without the wait for a connection, is told in the log with its plan: each at most
    /// once a minute. The plan is asked for behind, on a connection of its own, and only of what reads. `None`: never.
    /// Default: 100 ms. Without the [adviser](Self::adviser) nothing is told.
    #[must_use]
    pub fn slow(mut self, threshold: impl Into<Option<Duration>>) -> Self {
        self.slow = threshold.into();
        self
    }
}
