//! What the queries answer.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

#[derive(Debug, Clone, PartialEq, FromRow, Serialize, Deserialize)]
pub struct Airport {
    pub code: String,
    pub name: String,
    pub city: String,
    pub state: String,
    pub lat: f64,
    pub lon: f64,
}

/// A route, seen from one of its ends.
#[derive(Debug, Clone, PartialEq, FromRow, Serialize, Deserialize)]
pub struct Route {
    pub other: String,
    pub flights: i64,
}

/// A way with one stop.
#[derive(Debug, Clone, PartialEq, FromRow, Serialize, Deserialize)]
pub struct Connection {
    pub via: String,
    pub flights: i64,
}

/// A line of the board of departures.
#[derive(Debug, Clone, PartialEq, FromRow, Serialize, Deserialize)]
pub struct Line {
    pub code: String,
    pub name: String,
    pub flights: i64,
}
