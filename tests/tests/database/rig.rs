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

/// One server for all tests; it ends with the last of them.
fn shared<S>(slot: &Mutex<Weak<S>>, start: fn() -> S) -> Arc<S> {
    let mut slot = slot.lock().unwrap();
    slot.upgrade().unwrap_or_else(|| {
        let server = Arc::new(start());
        *slot = Arc::downgrade(&server);
        server
    })
}

/// Is it the one that takes `$1`?
pub(crate) fn is_postgres<DB: sqlx::Database>() -> bool {
    DB::NAME == "PostgreSQL"
}

pub(crate) mod sqlite {
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

    /// SQL with `?` for its values.
    pub(crate) fn sql(text: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(text.to_owned())
    }

    pub(crate) const SLOW: &str =
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3000000) SELECT count(*) FROM n";
}

pub(crate) mod postgres {
    use super::*;

    pub(crate) type Db = sqlx::Postgres;

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

    pub(crate) fn sql(text: &str) -> AssertSqlSafe<String> {
        let mut parts = text.split('?');
        let mut out = parts.next().unwrap_or_default().to_owned();
        for (index, part) in parts.enumerate() {
            out = format!("{out}${}{part}", index + 1);
        }
        AssertSqlSafe(out)
    }

    pub(crate) const SLOW: &str = "SELECT count(*) FROM (SELECT pg_sleep(0.3)) s";
}

pub(crate) mod mysql {
    use super::*;

    pub(crate) type Db = sqlx::MySql;

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

    pub(crate) fn sql(text: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(text.to_owned())
    }

    pub(crate) const SLOW: &str = "SELECT count(*) FROM (SELECT sleep(0.3)) s";
}

/// A figure of a fault that was played through.
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
pub(crate) fn figure(case: &str, figure: impl std::fmt::Display) {
    println!("{case}: {figure}");
}
