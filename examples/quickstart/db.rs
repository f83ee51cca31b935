//! The database: SQLite in a file, its queries, and a counter of them. Nothing here knows of a cache.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool};

use crate::rows::{Airport, Connection, Network, Route};

/// A pool, and how many queries went through it.
#[derive(Clone)]
pub struct Db {
    pool: SqlitePool,
    queries: Arc<AtomicU64>,
}

/// An error that may be cloned, so that all who waited for one load get it.
#[derive(Debug, Clone)]
pub struct DbError(Arc<sqlx::Error>);

pub type Result<T, E = DbError> = std::result::Result<T, E>;

const SCHEMA: &str = "
    CREATE TABLE airports (code TEXT PRIMARY KEY, name TEXT NOT NULL, city TEXT NOT NULL, state TEXT NOT NULL,
        lat REAL NOT NULL, lon REAL NOT NULL);
    CREATE INDEX airports_by_state ON airports (state, name);
    CREATE TABLE routes (origin TEXT NOT NULL, destination TEXT NOT NULL, flights INTEGER NOT NULL,
        PRIMARY KEY (origin, destination));
    CREATE INDEX routes_by_destination ON routes (destination);";

impl Db {
    /// Makes the database and fills it from `examples/data`.
    pub async fn create(path: &Path) -> anyhow::Result<Self> {
        let options =
            SqliteConnectOptions::new().filename(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        let db = Self { pool: SqlitePool::connect_with(options).await?, queries: Arc::default() };
        sqlx::raw_sql(SCHEMA).execute(&db.pool).await?;
        let airports: Vec<(&str, String, &str, &str, f64, f64)> =
            serde_json::from_str(include_str!("../data/airports.json"))?;
        let routes: Vec<(&str, &str, i64)> = serde_json::from_str(include_str!("../data/routes.json"))?;
        let mut tx = db.pool.begin().await?;
        for (code, name, city, state, lat, lon) in airports {
            let insert = sqlx::query("INSERT INTO airports VALUES (?, ?, ?, ?, ?, ?)").bind(code).bind(name).bind(city);
            insert.bind(state).bind(lat).bind(lon).execute(&mut *tx).await?;
        }
        for (from, to, flights) in routes {
            let insert = sqlx::query("INSERT INTO routes VALUES (?, ?, ?)").bind(from).bind(to).bind(flights);
            insert.execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(db)
    }

    /// How many queries the pages have made so far.
    pub fn queries(&self) -> u64 {
        self.queries.load(Relaxed)
    }

    /// The pool, for one query more.
    fn ask(&self) -> &SqlitePool {
        self.queries.fetch_add(1, Relaxed);
        &self.pool
    }

    pub async fn airport(&self, code: &str) -> Result<Option<Airport>> {
        Ok(sqlx::query_as("SELECT * FROM airports WHERE code = ?").bind(code).fetch_optional(self.ask()).await?)
    }

    pub async fn in_state(&self, state: &str, page: u32) -> Result<Vec<Airport>> {
        let sql = "SELECT * FROM airports WHERE state = ? ORDER BY name LIMIT 20 OFFSET 20 * ?";
        Ok(sqlx::query_as(sql).bind(state).bind(page).fetch_all(self.ask()).await?)
    }

    pub async fn departures(&self, from: &str) -> Result<Vec<Route>> {
        let sql = "SELECT destination, flights FROM routes WHERE origin = ? ORDER BY flights DESC, destination";
        Ok(sqlx::query_as(sql).bind(from).fetch_all(self.ask()).await?)
    }

    pub async fn connections(&self, from: &str, to: &str) -> Result<Vec<Connection>> {
        let sql = "SELECT a.destination AS via, min(a.flights, b.flights) AS flights
            FROM routes a JOIN routes b ON b.origin = a.destination
            WHERE a.origin = ? AND b.destination = ? ORDER BY flights DESC, via LIMIT 10";
        Ok(sqlx::query_as(sql).bind(from).bind(to).fetch_all(self.ask()).await?)
    }

    pub async fn nearest(&self, code: &str, many: u32) -> Result<Vec<String>> {
        let sql = "SELECT b.code FROM airports a JOIN airports b ON b.code <> a.code WHERE a.code = ?
            ORDER BY (a.lat - b.lat) * (a.lat - b.lat) + (a.lon - b.lon) * (a.lon - b.lon) * 0.6, b.code LIMIT ?";
        Ok(sqlx::query_scalar(sql).bind(code).bind(many).fetch_all(self.ask()).await?)
    }

    pub async fn network(&self) -> Result<Network> {
        let sql = "SELECT (SELECT count(*) FROM airports) AS airports, count(*) AS routes, sum(flights) AS flights,
            (SELECT origin FROM routes GROUP BY origin ORDER BY sum(flights) DESC LIMIT 1) AS busiest FROM routes";
        Ok(sqlx::query_as(sql).fetch_one(self.ask()).await?)
    }

    pub async fn rename(&self, code: &str, name: &str) -> Result<()> {
        let update = sqlx::query("UPDATE airports SET name = ? WHERE code = ?").bind(name).bind(code);
        update.execute(&self.pool).await?;
        Ok(())
    }

    pub async fn add_flights(&self, from: &str, to: &str, flights: i64) -> Result<()> {
        let sql = "INSERT INTO routes VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET flights = flights + excluded.flights";
        sqlx::query(sql).bind(from).bind(to).bind(flights).execute(&self.pool).await?;
        Ok(())
    }

    /// All codes, the busiest airport first; not counted.
    pub async fn by_traffic(&self) -> Result<Vec<(String, String)>> {
        let sql = "SELECT code, state FROM airports LEFT JOIN routes ON origin = code
            GROUP BY code ORDER BY sum(flights) DESC NULLS LAST, code";
        Ok(sqlx::query_as(sql).fetch_all(&self.pool).await?)
    }

    /// How many rows a table has; not counted.
    pub async fn count(&self, table: &'static str) -> Result<i64> {
        let sql = if table == "airports" { "SELECT count(*) FROM airports" } else { "SELECT count(*) FROM routes" };
        Ok(sqlx::query_scalar(sql).fetch_one(&self.pool).await?)
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "database: {}", self.0)
    }
}

impl std::error::Error for DbError {}
