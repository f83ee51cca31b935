//! Statements as functions: what is read is cached, and what is written makes exactly that untrue which it touches.

use std::sync::Arc;

use cached_runtime::{Result, cache_query, invalidate};

use crate::plain;
use crate::rows::{Airport, Connection, Line, Route};
use crate::schema::Db;

/// One row by its key. The statement is checked when this is compiled; that there is no such airport is remembered too.
#[cache_query(
    sql = "SELECT code, name, city, state, lat, lon FROM airports WHERE code = :code",
    ttl = "10m",
    cache_none = "30s"
)]
pub async fn airport(db: &Db, code: &str) -> Result<Option<Airport>>;

/// Some rows, in order. A hit on an `Arc` clones a pointer; on a `Vec` it would copy every row.
#[cache_query(
    sql = "SELECT code, name, city, state, lat, lon FROM airports WHERE state = :state ORDER BY name, code LIMIT 20",
    ttl = "10m"
)]
pub async fn in_state(db: &Db, state: &str) -> Result<Arc<Vec<Airport>>>;

/// The rows of one origin: a write that says which origin it is about leaves the entries of all others alone.
#[cache_query(
    sql = "SELECT destination AS other, flights FROM routes WHERE origin = :from ORDER BY flights DESC, other",
    ttl = "10m"
)]
pub async fn departures(db: &Db, from: &str) -> Result<Arc<Vec<Route>>>;

/// The same from the other end, to which no index leads at first.
#[cache_query(
    sql = "SELECT origin AS other, flights FROM routes WHERE destination = :to ORDER BY flights DESC, other",
    ttl = "10m"
)]
pub async fn arrivals(db: &Db, to: &str) -> Result<Arc<Vec<Route>>>;

/// A join of a table with itself.
#[cache_query(
    sql = "SELECT a.destination AS via, min(a.flights, b.flights) AS flights
        FROM routes a JOIN routes b ON b.origin = a.destination
        WHERE a.origin = :from AND b.destination = :to ORDER BY flights DESC, via LIMIT 10",
    ttl = "10m"
)]
pub async fn connections(db: &Db, from: &str, to: &str) -> Result<Arc<Vec<Connection>>>;

/// With a body, which may do anything: it says which tables it reads.
#[cache_query(tables = ["airports", "routes"], ttl = "10m")]
pub async fn board(db: &Db, from: &str) -> Result<Arc<Vec<Line>>> {
    plain::board(db, from).await.map(Arc::new)
}

/// One row.
#[invalidate(sql = "UPDATE airports SET name = :name WHERE code = :code")]
pub async fn rename(db: &Db, code: &str, name: &str) -> Result<u64>;

/// One row, which is found from both of its ends.
#[invalidate(sql = "UPDATE routes SET flights = flights + :more WHERE origin = :from AND destination = :to")]
pub async fn add_flights(db: &Db, from: &str, to: &str, more: i64) -> Result<u64>;
