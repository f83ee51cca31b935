//! The same questions, without a cache: through the same pool, with the same prepared statements.

use cached_runtime::Result;

use crate::rows::{Airport, Connection, Line, Route};
use crate::schema::Db;

pub async fn airport(db: &Db, code: &str) -> Result<Option<Airport>> {
    let sql = "SELECT code, name, city, state, lat, lon FROM airports WHERE code = ?";
    db.fetch_optional(sql, (code,)).await
}

pub async fn in_state(db: &Db, state: &str) -> Result<Vec<Airport>> {
    let sql = "SELECT code, name, city, state, lat, lon FROM airports WHERE state = ? ORDER BY name, code LIMIT 20";
    db.fetch_all(sql, (state,)).await
}

pub async fn departures(db: &Db, from: &str) -> Result<Vec<Route>> {
    let sql = "SELECT destination AS other, flights FROM routes WHERE origin = ? ORDER BY flights DESC, other";
    db.fetch_all(sql, (from,)).await
}

pub async fn arrivals(db: &Db, to: &str) -> Result<Vec<Route>> {
    let sql = "SELECT origin AS other, flights FROM routes WHERE destination = ? ORDER BY flights DESC, other";
    db.fetch_all(sql, (to,)).await
}

pub async fn connections(db: &Db, from: &str, to: &str) -> Result<Vec<Connection>> {
    let sql = "SELECT a.destination AS via, min(a.flights, b.flights) AS flights
        FROM routes a JOIN routes b ON b.origin = a.destination
        WHERE a.origin = ? AND b.destination = ? ORDER BY flights DESC, via LIMIT 10";
    db.fetch_all(sql, (from, to)).await
}

pub async fn board(db: &Db, from: &str) -> Result<Vec<Line>> {
    let sql = "SELECT a.code, a.name, r.flights FROM routes r JOIN airports a ON a.code = r.destination
        WHERE r.origin = ? ORDER BY r.flights DESC, a.code LIMIT 20";
    db.fetch_all(sql, (from,)).await
}

/// The board as it is often written: a query for the list, and one more for each line of it.
pub async fn board_line_by_line(db: &Db, from: &str) -> Result<Vec<Line>> {
    let sql = "SELECT destination AS other, flights FROM routes WHERE origin = ? ORDER BY flights DESC, other LIMIT 20";
    let routes: Vec<Route> = db.fetch_all(sql, (from,)).await?;
    let mut board = Vec::with_capacity(routes.len());
    for Route { other, flights } in routes {
        let (name,) = db.fetch_one("SELECT name FROM airports WHERE code = ?", (&other,)).await?;
        board.push(Line { code: other, name, flights });
    }
    Ok(board)
}
