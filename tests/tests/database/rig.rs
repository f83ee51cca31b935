//! A database of a test's own, on each of the three.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use cached_runtime::Cache;
use cached_runtime::database::{Database, DatabaseOptions, Driver, OutboxOptions};
use cached_runtime::statement::{Backend, Tables};
use sqlx::AssertSqlSafe;

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Which no other test has.
fn number() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Options for whom a machine that is busy with other tests may let wait for a connection.
pub(crate) fn patient() -> DatabaseOptions {
    DatabaseOptions::new().acquire_deadline(std::time::Duration::from_secs(30))
}

/// A connection of its pool, however long a busy machine takes to make it.
pub(crate) async fn connection<DB: Driver>(db: &Database<DB>) -> sqlx::pool::PoolConnection<DB> {
    let start = std::time::Instant::now();
    loop {
        match db.pool().acquire().await {
            Ok(connection) => return connection,
            Err(error) => assert!(start.elapsed() < std::time::Duration::from_secs(30), "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Sees to it that its pool has a connection: the first that a busy machine makes may take longer than its deadline.
pub(crate) async fn connected<DB: Driver>(db: &Database<DB>) {
    drop(connection(db).await);
    // It goes back behind; where connections live for one use only, none is there in the end.
    for _ in 0..100 {
        if db.pool().num_idle() > 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

/// A place for a database, which goes with this.
pub(crate) struct Place {
    pub(crate) url: String,
    _keeps: Box<dyn Any + Send + Sync>,
}

/// A place whose database can be taken away, and given back as it was.
pub(crate) struct Frail {
    pub(crate) place: Place,
    pub(crate) options: DatabaseOptions,
    away: Box<dyn Fn() + Send + Sync>,
    back: Box<dyn Fn() + Send + Sync>,
}

impl Frail {
    pub(crate) fn take_away(&self) {
        (self.away)();
    }

    pub(crate) fn give_back(&self) {
        (self.back)();
    }
}

/// A database in such a place, and a cache beside it.
pub(crate) struct Home<DB: Driver> {
    pub(crate) db: Database<DB>,
    pub(crate) cache: Cache,
    place: Place,
}

impl<DB: Driver> Home<DB> {
    pub(crate) fn new(place: Place, options: DatabaseOptions) -> Self {
        let cache = Cache::builder().build().unwrap();
        let mut options = options.name(&format!("test{}", number())).cache(&cache);
        if std::env::var_os("CACHED_OUTBOX").is_some() {
            // All promises hold with an outbox as they do without.
            options = options.outbox(OutboxOptions::new());
        }
        Self { db: Database::open(&place.url, options).unwrap(), cache, place }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.place.url
    }

    /// An entry that was read from these tables.
    pub(crate) fn keep(&self, key: &str, tables: &[&str]) {
        let tables = Tables::Named(tables.iter().map(|&table| table.to_owned()).collect());
        let mut options = cached_runtime::SetOptions::new();
        for tag in self.db.tags(&tables) {
            options = options.tag(tag);
        }
        self.cache.namespace::<u64>("kept").unwrap().set_with(key, 1, options);
    }

    /// Is it still there?
    pub(crate) async fn has(&self, key: &str) -> bool {
        self.cache.namespace::<u64>("kept").unwrap().get(key).await.is_some()
    }
}

/// What one who does not go through its pool sees of those who use a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outside {
    pub(crate) connections: usize,
    /// Those of them that are in the middle of one.
    pub(crate) transactions: usize,
}

/// What the server calls the database at this URL.
fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

/// One server for all tests; it ends with the last of them.
fn shared<S>(slot: &Mutex<Weak<S>>, start: fn() -> S) -> Arc<S> {
    let mut slot = slot.lock().unwrap();
    slot.upgrade().unwrap_or_else(|| {
        let server = Arc::new(start());
        *slot = Arc::downgrade(&server);
        server
    })
}

/// What a database is called on its server.
fn named(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

/// Is it the one that takes `$1`?
pub(crate) fn is_postgres<DB: sqlx::Database>() -> bool {
    DB::NAME == "PostgreSQL"
}

pub(crate) mod sqlite {
    use std::path::Path;
    use std::str::FromStr as _;

    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions as _, Connection as _};

    use super::*;

    pub(crate) type Db = sqlx::Sqlite;

    pub(crate) const BACKEND: Backend = Backend::Sqlite;

    /// What empties a place; where there is nothing, another place is as cheap.
    pub(crate) const EMPTY: Option<&str> = None;

    pub(crate) fn place() -> Place {
        let room = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", room.path().join("data.db").display());
        Place { url, _keeps: Box::new(room) }
    }

    /// What has it open keeps it: so every connection is used once.
    pub(crate) fn frail() -> Frail {
        let room = tempfile::tempdir().unwrap();
        let (here, gone) = (room.path().join("here"), room.path().join("gone"));
        std::fs::create_dir(&here).unwrap();
        let url = format!("sqlite://{}?mode=rwc", here.join("data.db").display());
        let (away, back) = ((here.clone(), gone.clone()), (gone, here));
        Frail {
            place: Place { url, _keeps: Box::new(room) },
            options: DatabaseOptions::new().max_lifetime(std::time::Duration::from_nanos(1)),
            away: Box::new(move || std::fs::rename(&away.0, &away.1).unwrap()),
            back: Box::new(move || std::fs::rename(&back.0, &back.1).unwrap()),
        }
    }

    /// SQLite tells nobody who has it open: the descriptors of this process do, where the system shows them; of the log,
    /// for those of the file itself outlive their connections. Of transactions it shows that there is one that writes, by
    /// letting nobody else begin.
    pub(crate) async fn outside(url: &str) -> Outside {
        let patience = std::time::Duration::ZERO;
        let mut other = SqliteConnectOptions::from_str(url).unwrap().busy_timeout(patience).connect().await.unwrap();
        let taken = sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.is_err();
        let log = url.trim_start_matches("sqlite://").replace("?mode=rwc", "-wal");
        let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        let open = open.filter(|open| std::fs::read_link(open.path()).is_ok_and(|at| at == Path::new(&log))).count();
        other.close().await.unwrap();
        Outside { connections: open.saturating_sub(1), transactions: usize::from(taken) }
    }

    /// There is no server that could count its connections, or end them.
    pub(crate) fn sessions(_: &str) -> Option<usize> {
        None
    }

    pub(crate) fn end_sessions(_: &str) -> bool {
        false
    }

    /// SQL with `?` for its values.
    pub(crate) fn sql(text: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(text.to_owned())
    }

    pub(crate) const SLOW: &str =
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000000) SELECT count(*) FROM n";
}

pub(crate) mod postgres {
    use sqlx::Connection as _;

    use super::*;

    pub(crate) type Db = sqlx::Postgres;

    pub(crate) type Server = kit::Postgres;

    pub(crate) const BACKEND: Backend = Backend::Postgres;

    /// What empties a place; where there is nothing, another place is as cheap.
    pub(crate) const EMPTY: Option<&str> = Some("DROP SCHEMA public CASCADE; CREATE SCHEMA public");

    pub(crate) fn server() -> Arc<kit::Postgres> {
        static SHARED: Mutex<Weak<kit::Postgres>> = Mutex::new(Weak::new());
        shared(&SHARED, kit::Postgres::start)
    }

    pub(crate) fn place() -> Place {
        place_on(server())
    }

    pub(crate) fn place_on(server: Arc<kit::Postgres>) -> Place {
        let name = format!("d{}", number());
        server.command(&format!("CREATE DATABASE {name}"));
        let url = server.url();
        let (base, _) = url.rsplit_once('/').unwrap();
        Place { url: format!("{base}/{name}"), _keeps: Box::new(server) }
    }

    /// On a server of its own.
    pub(crate) fn frail() -> Frail {
        let server = Arc::new(kit::Postgres::start());
        let (away, back) = (Arc::clone(&server), Arc::clone(&server));
        Frail {
            place: place_on(server),
            options: DatabaseOptions::new(),
            away: Box::new(move || away.kill()),
            back: Box::new(move || back.restart()),
        }
    }

    /// How many connections the shared server has to the database at this URL.
    pub(crate) fn sessions(url: &str) -> Option<usize> {
        let text = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'", named(url));
        server().command(&text).trim().parse().ok()
    }

    /// Ends them, as an operator does; they are over when this returns.
    pub(crate) fn end_sessions(url: &str) -> bool {
        let ended = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity";
        server().command(&format!("{ended} WHERE datname = '{}'", named(url)));
        true
    }

    pub(crate) fn sql(text: &str) -> AssertSqlSafe<String> {
        let mut parts = text.split('?');
        let mut out = parts.next().unwrap_or_default().to_owned();
        for (index, part) in parts.enumerate() {
            out = format!("{out}${}{part}", index + 1);
        }
        AssertSqlSafe(out)
    }

    pub(crate) const SLOW: &str = "SELECT count(*) FROM (SELECT pg_sleep(0.3)) s";

    /// True, after a minute.
    pub(crate) const SLEEPS: &str = "pg_sleep(60) IS NOT NULL";

    /// On the server of all tests.
    pub(crate) fn outside(url: &str) -> impl Future<Output = Outside> {
        let seen = "SELECT count(*), count(xact_start) FROM pg_stat_activity WHERE datname = ";
        let seen = server().command(&format!("{seen}'{}'", name(url)));
        let (connections, transactions) = seen.trim().split_once('|').unwrap();
        let number = |text: &str| text.parse().unwrap();
        std::future::ready(Outside { connections: number(connections), transactions: number(transactions) })
    }

    /// How many statements sleep, on the server of all tests.
    pub(crate) fn asleep(url: &str) -> usize {
        let seen = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = ";
        server().command(&format!("{seen}'{}'", name(url))).trim().parse().unwrap()
    }

    /// Ends all connections that are there, as an operator does, and returns when they are gone.
    pub(crate) async fn end(url: &str) {
        let mut operator = sqlx::PgConnection::connect(url).await.unwrap();
        let others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let others: Vec<i32> = sqlx::query_scalar(others).fetch_all(&mut operator).await.unwrap();
        let end = "SELECT pg_terminate_backend(pid) FROM unnest($1) pid";
        sqlx::query(end).bind(&others).execute(&mut operator).await.unwrap();
        let left = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY($1)";
        while sqlx::query_scalar::<_, i64>(left).bind(&others).fetch_one(&mut operator).await.unwrap() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        operator.close().await.unwrap();
    }
}

pub(crate) mod mysql {
    use sqlx::Connection as _;

    use super::*;

    pub(crate) type Db = sqlx::MySql;

    pub(crate) type Server = kit::MariaDb;

    pub(crate) const BACKEND: Backend = Backend::Mysql;

    /// What empties a place; where there is nothing, another place is as cheap.
    pub(crate) const EMPTY: Option<&str> = Some("DROP DATABASE {place}; CREATE DATABASE {place}; USE {place}");

    pub(crate) fn server() -> Arc<kit::MariaDb> {
        static SHARED: Mutex<Weak<kit::MariaDb>> = Mutex::new(Weak::new());
        shared(&SHARED, kit::MariaDb::start)
    }

    pub(crate) fn place() -> Place {
        place_on(server())
    }

    pub(crate) fn place_on(server: Arc<kit::MariaDb>) -> Place {
        let name = format!("d{}", number());
        server.command(&format!("CREATE DATABASE {name}; GRANT ALL ON {name}.* TO cached@'127.0.0.1'"));
        let url = server.url();
        let (base, _) = url.rsplit_once('/').unwrap();
        Place { url: format!("{base}/{name}"), _keeps: Box::new(server) }
    }

    /// On a server of its own.
    pub(crate) fn frail() -> Frail {
        let server = Arc::new(kit::MariaDb::start());
        let (away, back) = (Arc::clone(&server), Arc::clone(&server));
        Frail {
            place: place_on(server),
            options: DatabaseOptions::new(),
            away: Box::new(move || away.kill()),
            back: Box::new(move || back.restart()),
        }
    }

    /// How many connections the shared server has to the database at this URL.
    pub(crate) fn sessions(url: &str) -> Option<usize> {
        ids(url).map(|ids| ids.len())
    }

    fn ids(url: &str) -> Option<Vec<String>> {
        let text = format!("SELECT id FROM information_schema.processlist WHERE db = '{}'", named(url));
        Some(server().command(&text).split_whitespace().map(str::to_owned).collect())
    }

    /// Ends them, as an operator does; they are over when this returns.
    pub(crate) fn end_sessions(url: &str) -> bool {
        for id in ids(url).unwrap_or_default() {
            server().command(&format!("KILL {id}"));
        }
        kit::until("they are over", std::time::Duration::from_secs(10), || sessions(url) == Some(0));
        true
    }

    pub(crate) fn sql(text: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(text.to_owned())
    }

    pub(crate) const SLOW: &str = "SELECT count(*) FROM (SELECT sleep(0.3)) s";

    /// True, after a minute.
    pub(crate) const SLEEPS: &str = "sleep(60) = 0";

    /// On the server of all tests. Its table of transactions is no good: it stays as it is while somebody looks.
    pub(crate) fn outside(url: &str) -> impl Future<Output = Outside> {
        let server = server();
        let all = server.command("SHOW ENGINE INNODB STATUS");
        let active = all.split("---TRANSACTION").filter(|transaction| transaction.contains(", ACTIVE"));
        let active: Vec<&str> =
            active.filter_map(|transaction| transaction.split_once("thread id ")?.1.split(',').next()).collect();
        let of_it = format!("SELECT id FROM information_schema.processlist WHERE db = '{}'", name(url));
        let of_it = server.command(&of_it);
        let transactions = of_it.lines().filter(|id| active.contains(id)).count();
        std::future::ready(Outside { connections: of_it.lines().count(), transactions })
    }

    /// How many statements sleep, on the server of all tests.
    pub(crate) fn asleep(url: &str) -> usize {
        let seen = "SELECT count(*) FROM information_schema.processlist WHERE state = 'User sleep' AND db = ";
        server().command(&format!("{seen}'{}'", name(url))).trim().parse().unwrap()
    }

    /// Ends all connections that are there, as an operator does, and returns when they are gone.
    pub(crate) async fn end(url: &str) {
        const OTHERS: &str = "SELECT CAST(id AS SIGNED) FROM information_schema.processlist \
             WHERE db = database() AND id <> connection_id()";
        let mut operator = sqlx::MySqlConnection::connect(url).await.unwrap();
        let others: Vec<i64> = sqlx::query_scalar(OTHERS).fetch_all(&mut operator).await.unwrap();
        for other in &others {
            // It may have ended by itself.
            let _ = sqlx::raw_sql(AssertSqlSafe(format!("KILL {other}"))).execute(&mut operator).await;
        }
        let is_there = |id: i64| others.contains(&id);
        while sqlx::query_scalar(OTHERS).fetch_all(&mut operator).await.unwrap().into_iter().any(is_there) {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        operator.close().await.unwrap();
    }
}

/// A figure of a fault that was played through.
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
pub(crate) fn figure(case: &str, figure: impl std::fmt::Display) {
    println!("{case}: {figure}");
}
