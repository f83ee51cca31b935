//! The handlers: what may be kept of their answers, for how long, and what makes them untrue.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cached_runtime::key::escape;
use cached_runtime::{cache, invalidate, warmup};
use serde::{Deserialize, Serialize};

use crate::queries;
use crate::schema::Db;

/// Browsers keep it for ten seconds, the layer for a minute, and for five more while it is made anew.
const KEPT: &str = "max-age=10, s-maxage=60, stale-while-revalidate=300";
const TAGS: HeaderName = HeaderName::from_static("cache-tag");

pub fn router(db: Db) -> axum::Router {
    axum::Router::new()
        .route("/airports/{code}", get(airport))
        .route("/airports/{code}/board", get(board))
        .route("/airports/{code}/name", post(rename))
        .route("/states/{state}", get(state))
        .route("/connections", get(connections))
        .route("/busiest", get(busiest))
        .with_state(db)
}

/// An answer that is kept until one of these tags is invalidated, or its time is over.
fn kept(tags: &str, body: impl Serialize) -> Response {
    ([(CACHE_CONTROL, KEPT.to_owned()), (TAGS, tags.to_owned())], Json(body)).into_response()
}

fn failed(error: &cached_runtime::Error) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response()
}

async fn airport(State(db): State<Db>, Path(code): Path<String>) -> Response {
    match queries::airport(&db, &code).await {
        Ok(Some(airport)) => kept(&format!("airport:{}", escape(&code)), airport),
        Ok(None) => (StatusCode::NOT_FOUND, "there is no such airport").into_response(),
        Err(error) => failed(&error),
    }
}

async fn board(State(db): State<Db>, Path(code): Path<String>) -> Response {
    match queries::board(&db, &code).await {
        // It shows the names of other airports, too.
        Ok(board) => kept("airports", board),
        Err(error) => failed(&error),
    }
}

async fn state(State(db): State<Db>, Path(state): Path<String>) -> Response {
    match queries::in_state(&db, &state).await {
        Ok(airports) => kept("airports", airports),
        Err(error) => failed(&error),
    }
}

#[derive(Deserialize)]
struct Ends {
    from: String,
    to: String,
}

async fn connections(State(db): State<Db>, Query(ends): Query<Ends>) -> Response {
    match queries::connections(&db, &ends.from, &ends.to).await {
        Ok(ways) => kept("routes", ways),
        Err(error) => failed(&error),
    }
}

async fn busiest(State(db): State<Db>) -> Response {
    match ranking(&db, 10).await {
        Ok(ranking) => kept("routes", ranking),
        Err(error) => failed(&error),
    }
}

/// Adds up all routes: there before the first request, and made anew each half minute.
#[warmup(args = [10], on_start, every = "30s")]
#[cache(key = "ranking:{most}", tags = ["routes"], ttl = "1m", stale = "10m", timeout = "5s", skip(db))]
async fn ranking(db: &Db, most: i64) -> cached_runtime::Result<Vec<(String, i64)>> {
    let sql = "SELECT name, sum(flights) FROM routes JOIN airports ON code = origin
        GROUP BY code ORDER BY 2 DESC, 1 LIMIT ?";
    db.fetch_all(sql, (most,)).await
}

async fn rename(State(db): State<Db>, Path(code): Path<String>, name: String) -> Response {
    match publish_name(&db, &code, &name).await {
        Ok(0) => (StatusCode::NOT_FOUND, "there is no such airport").into_response(),
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => failed(&error),
    }
}

/// The statement makes cached rows untrue by itself; the responses that show them carry these tags.
#[invalidate(tags = ["airport:{code}", "airports"])]
async fn publish_name(db: &Db, code: &str, name: &str) -> cached_runtime::Result<u64> {
    queries::rename(db, code, name).await
}
