//! Which database, under which names, and how much of it.

#[cfg(feature = "sqlite")]
use std::path::PathBuf;
#[cfg(feature = "_server")]
use std::sync::Arc;

use super::Engine;
#[cfg(feature = "_server")]
use super::server::{Address, Server, SharedSql, Terms};
#[cfg(feature = "sqlite")]
use super::sqlite::{File, Sqlite};
use super::tables::Tables;
#[cfg(feature = "_server")]
use crate::clock::Clock;
#[cfg(feature = "_server")]
use crate::codec::Veil;
use crate::error::{Error, Result};
#[cfg(feature = "_server")]
use crate::tier::lag::Lags;
#[cfg(feature = "_server")]
use crate::tier::shared::Echo;

/// How many connections to a server.
#[cfg(feature = "_server")]
const CONNECTIONS: u32 = 4;

/// Where a [`Sql`](super::Sql) tier lives and how large it may become.
#[derive(Debug, Clone)]
pub struct SqlOptions {
    place: Place,
    tables: Tables,
    max_bytes: u64,
    #[cfg(feature = "_server")]
    connections: u32,
}

#[derive(Debug, Clone)]
enum Place {
    #[cfg(feature = "sqlite")]
    File(PathBuf),
    #[cfg(feature = "_server")]
    Server(Address),
}

impl SqlOptions {
    /// A SQLite database in a file of its own, made when missing, open to this user only.
    ///
    /// # Errors
    /// None with these defaults: tables named `cached_…`, 1 GiB.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(path: impl Into<PathBuf>) -> Result<Self> {
        Self::at(Place::File(path.into()))
    }

    /// Tables on a PostgreSQL server (12 or newer): `postgres://user:password@host:port/database`.
    ///
    /// Defaults: tables named `cached_…` in the first schema of the search path, 1 GiB, 4 connections. They are made at
    /// the first connection; a user without the right to make them needs `SELECT`, `INSERT`, `UPDATE` and `DELETE` on
    /// them, and `USAGE` on their sequences. The server is not asked here. For an encrypted connection, switch on one
    /// of sqlx's own features `tls-…` in your program.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::error::ErrorKind::Config) if it is no such URL, or has a parameter that is not known.
    #[cfg(feature = "postgres")]
    pub fn postgres(url: &str) -> Result<Self> {
        Self::at(Place::Server(Address::postgres(url)?))
    }

    /// Tables on a MySQL (8.0 or newer) or MariaDB (10.6 or newer) server: `mysql://user:password@host:port/database`.
    ///
    /// Defaults: tables named `cached_…` in that database, 1 GiB, 4 connections. They are made at the first connection;
    /// a user without the right to make them needs `SELECT`, `INSERT`, `UPDATE` and `DELETE` on them. The server is not
    /// asked here. For an encrypted connection, switch on one of sqlx's own features `tls-…` in your program; for
    /// MySQL's own kind of password over a plain one, `mysql-rsa`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::error::ErrorKind::Config) if it is no such URL, names no database, or has a parameter
    /// that is not known.
    #[cfg(feature = "mysql")]
    pub fn mysql(url: &str) -> Result<Self> {
        Self::at(Place::Server(Address::mysql(url)?))
    }

    fn at(place: Place) -> Result<Self> {
        Ok(Self {
            place,
            tables: Tables::named("cached")?,
            max_bytes: 1 << 30,
            #[cfg(feature = "_server")]
            connections: CONNECTIONS,
        })
    }

    /// The database that a URL names: `sqlite:relative/file.db`, `sqlite:///absolute/file.db`, `postgres://…` or
    /// `mysql://…`, as far as their features are there.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::error::ErrorKind::Config) if the URL names another database or none, or has a parameter
    /// that is not known.
    pub fn url(url: &str) -> Result<Self> {
        match url.split_once(':').map_or("", |(scheme, _)| scheme) {
            #[cfg(feature = "sqlite")]
            "sqlite" => Self::file(url),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Self::postgres(url),
            #[cfg(feature = "mysql")]
            "mysql" | "mariadb" => Self::mysql(url),
            _ => Err(Error::config("url", "names no database that is compiled in: see the features of the crate")),
        }
    }

    #[cfg(feature = "sqlite")]
    fn file(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest));
        match rest {
            Some(path) if !path.is_empty() && !path.starts_with(':') && !path.contains('?') => Self::sqlite(path),
            _ => Err(Error::config("url", "give `sqlite:` and the path of a file, without parameters")),
        }
    }

    /// What the tables' names begin with. Default: `cached`.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::error::ErrorKind::Config) unless it is 1 to 48 of `a-z`, `0-9` and `_`, and does not
    /// begin with a digit.
    pub fn table_prefix(mut self, prefix: &str) -> Result<Self> {
        self.tables = Tables::named(prefix)?;
        Ok(self)
    }

    /// Bytes of keys and frames to keep; the oldest go first. Default: 1 GiB.
    ///
    /// A SQLite file does not shrink: room that was given up is used again. It never grows beyond three times this and
    /// 64 MiB; what would, is refused. On a server each node's upkeep keeps the bound, in small steps; between two
    /// counts, a minute at most for a large store, it may be passed by what all nodes write meanwhile.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// How many connections this node has to a server, at least one; to one that holds the log of the nodes it has one
    /// more, and on PostgreSQL another one to be woken on. Default: 4. A SQLite file has its own number.
    #[cfg(feature = "_server")]
    #[must_use]
    pub fn connections(mut self, connections: u32) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// What names the place among the tiers of a cache: two of them would disturb each other there.
    #[cfg(feature = "_server")]
    pub(crate) fn place(&self) -> String {
        match &self.place {
            #[cfg(feature = "sqlite")]
            Place::File(path) => path.display().to_string(),
            Place::Server(address) => format!("{address}, tables {}", self.tables.prefix()),
        }
    }

    /// The word for the kind of database.
    #[cfg(feature = "_server")]
    pub(crate) fn word(&self) -> &'static str {
        match &self.place {
            #[cfg(feature = "sqlite")]
            Place::File(_) => "sqlite",
            Place::Server(address) => address.dialect().word(),
        }
    }

    /// How many bytes are kept.
    #[cfg(feature = "_server")]
    pub(crate) fn most(&self) -> u64 {
        self.max_bytes
    }

    /// The tier with the log of the nodes that share it; none if this is no server. `veil` hides keys and tags from the
    /// server, if they are secret; `echo` is told where one's own records are; `epoch` says which epoch is met.
    #[cfg(feature = "_server")]
    pub(crate) fn share(
        self,
        clock: Clock,
        veil: Option<Arc<Veil>>,
        echo: Echo,
        epoch: Arc<dyn Fn() -> u64 + Send + Sync>,
        lags: Arc<Lags>,
    ) -> Option<SharedSql> {
        let Self { place, tables, max_bytes, connections } = self;
        match place {
            #[cfg(feature = "sqlite")]
            Place::File(_) => None,
            Place::Server(address) => Some(SharedSql::new(
                Terms { address, tables, max_bytes, connections },
                clock,
                veil,
                (echo, epoch, lags),
            )),
        }
    }

    pub(super) fn open(self) -> Box<dyn Engine> {
        let Self { place, tables, max_bytes, .. } = self;
        match place {
            #[cfg(feature = "sqlite")]
            Place::File(path) => Box::new(Sqlite::open(File { path, tables, max_bytes })),
            #[cfg(feature = "_server")]
            Place::Server(address) => {
                Box::new(Server::open(Terms { address, tables, max_bytes, connections: self.connections }))
            }
        }
    }
}
