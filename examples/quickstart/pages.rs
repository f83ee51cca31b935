//! The queries as cached functions: each shows one part of the vocabulary, and each body is one call of `db.rs`.

use std::sync::Arc;

use cached_runtime::{cache, invalidate};

use crate::db::{Db, Result};
use crate::rows::{Airport, Connection, Network, Route};

/// A page by id. Fresh for ten minutes; usable for an hour more if the database fails. That there is no such airport is
/// remembered for 30 seconds. An error is never stored.
#[cache(key = "airport:{code}", ttl = "10m", stale = "1h", cache_none = "30s", tags = ["airport:{code}"])]
pub async fn airport(db: &Db, code: &str) -> Result<Option<Airport>> {
    db.airport(code).await
}

/// A page of a search. No `key`: all arguments form it, except what is skipped. The tag names whatever shows airports of
/// one state.
#[cache(skip(db), ttl = "2m", tags = ["state:{state}"])]
pub async fn in_state(db: &Db, state: &str, page: u32) -> Result<Arc<Vec<Airport>>> {
    db.in_state(state, page).await.map(Arc::new)
}

/// A list behind an `Arc`: a hit clones a pointer. In the last 30 seconds of its life a hit has it loaded again behind
/// the caller's back, so that a busy list never makes anyone wait.
#[cache(key = "departures:{from}", ttl = "5m", refresh_ahead = "30s")]
pub async fn departures(db: &Db, from: &str) -> Result<Arc<Vec<Route>>> {
    db.departures(from).await.map(Arc::new)
}

/// Two arguments in one key. Lives are shortened by up to a third, so that what was loaded together does not expire
/// together.
#[cache(key = "connections:{from}:{to}", ttl = "15m", jitter = 0.3)]
pub async fn connections(db: &Db, from: &str, to: &str) -> Result<Arc<Vec<Connection>>> {
    db.connections(from, to).await.map(Arc::new)
}

/// One expensive total. If counting again takes longer than 50 ms, the old number is good enough for ten minutes.
#[cache(key = "network:totals", ttl = "1m", stale = "10m", soft_timeout = "50ms")]
pub async fn network(db: &Db) -> Result<Network> {
    db.network().await
}

/// A write. When it returns `Ok`, nothing that shows the old name is served any more.
#[invalidate(tags = ["airport:{airport.code}", "state:{airport.state}"])]
pub async fn rename(db: &Db, airport: &Airport, name: &str) -> Result<()> {
    db.rename(&airport.code, name).await
}

/// A write that names entries by calling their functions, and many by a pattern.
#[invalidate(departures(from), network(), patterns = ["connections:{from}:*", "connections:*:{to}"])]
pub async fn add_flights(db: &Db, from: &str, to: &str, flights: i64) -> Result<()> {
    db.add_flights(from, to, flights).await
}
