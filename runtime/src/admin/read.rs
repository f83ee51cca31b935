//! Questions: what a running cache is doing.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State as FromState};
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::{State, warmups};
use crate::cache::Cache;
use crate::seen::{AccessPatterns, Health, Performance, SiteView, Warning, tier_warnings};
use crate::stats::{SiteStats, Stats};

type Answer<T> = Result<Json<T>, Problem>;
type Here = FromState<Arc<State>>;

/// As many of a list are told if nobody says.
const LIMIT: usize = 20;
/// And no more than so many.
const MOST: usize = 1_000;
/// A key is at most so long, escapes included.
const LONGEST_KEY: usize = 4 << 10;

pub(super) async fn stats(FromState(state): Here) -> Json<Value> {
    let stats = state.cache.stats_seen();
    let total = stats.total();
    Json(json!({
        "at": state.cache.clock().now(),
        "paused": state.cache.is_paused(),
        "prefetching": state.cache.is_prefetching(),
        "cache": summary(&total, &stats),
        "sites": stats.sites.iter().map(with_rate).collect::<Vec<_>>(),
        "tiers": stats.tiers,
        "shared": stats.shared,
        "responses": stats.responses,
        "databases": if state.cache.is_restricted() { Vec::new() } else { state.databases.stats() },
        "warmup": if state.cache.is_restricted() { Value::Null } else { warmups::told(&state) },
        "audit": state.cache.audit_report(),
    }))
}

/// The figures of all sites, under the names that such a page has everywhere.
fn summary(total: &SiteStats, stats: &Stats) -> Value {
    // Each site by its own loads: a hit on what is quick to load saves little.
    let each = |site: &SiteStats| if site.loads == 0 { 0.0 } else { site.load_seconds / site.loads as f64 };
    let saved: f64 = stats.sites.iter().map(|site| (site.hits + site.tier_hits) as f64 * each(site)).sum();
    let mut summary = with_rate(total);
    let more = json!({
        "errors": total.load_errors + total.panics + total.timeouts + total.tier_errors,
        "local_cache_size": total.entries,
        "compressions": total.compression.compressed,
        "saved_seconds": saved,
        "invalidations": stats.invalidations,
        "denied": stats.denied,
        "near_bytes": stats.near_bytes,
        "near_capacity": stats.near_capacity,
    });
    if let (Value::Object(summary), Value::Object(more)) = (&mut summary, more) {
        summary.extend(more);
    }
    summary
}

fn with_rate(site: &SiteStats) -> Value {
    let mut all = serde_json::to_value(site).unwrap_or_default();
    all["hit_rate"] = site.hit_rate().into();
    all
}

/// How a cache is, with what such a page tells beside it.
#[derive(Debug, Serialize)]
pub(super) struct HealthAnswer {
    status: String,
    /// Is there a Redis, and does it answer? Nothing where there is none.
    redis_available: Option<bool>,
    warnings: Vec<Warning>,
    /// Hit rates by site.
    stats_summary: BTreeMap<String, f64>,
    tiers: Vec<Value>,
    databases: Vec<Value>,
}

pub(super) async fn health(FromState(state): Here) -> Json<HealthAnswer> {
    let stats = state.cache.stats_seen();
    let mut warnings = state.cache.warnings(&stats);
    let mut said = Vec::new();
    if !state.cache.is_restricted() {
        warnings.extend(state.databases.warnings());
        // Of servers that others use as well.
        said = state.cache.tier_states().await;
        warnings.extend(tier_warnings(&said));
    }
    let Health { status, warnings, .. } = Health::of(state.cache.is_paused(), warnings);
    let redis = stats.tiers.iter().find(|tier| tier.tier.starts_with("redis"));
    let up = |tier: &crate::stats::LevelStats| tier.reads == "closed" && tier.writes == "closed" && !tier.closed;
    let connected = stats.shared.is_none_or(|shared| shared.connected);
    let state_of = |name: &str| said.iter().find(|view| view.tier == name)?.state.as_ref();
    let tiers = stats.tiers.iter().map(
        |tier| json!({ "tier": tier.tier, "up": up(tier), "backlog": tier.backlog, "state": state_of(&tier.tier) }),
    );
    Json(HealthAnswer {
        status,
        redis_available: redis.map(|redis| up(redis) && connected),
        warnings,
        stats_summary: stats.sites.iter().map(|site| (site.site.clone(), site.hit_rate())).collect(),
        tiers: tiers.collect(),
        databases: if state.cache.is_restricted() { Vec::new() } else { state.databases.health() },
    })
}

pub(super) async fn performance(FromState(state): Here) -> Json<Performance> {
    Json(state.cache.performance())
}

pub(super) async fn access_patterns(
    FromState(state): Here,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer<AccessPatterns> {
    Ok(Json(state.cache.access_patterns(limit(&query)?)))
}

pub(super) async fn invalidations(
    FromState(state): Here,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer<Value> {
    Ok(Json(json!({ "invalidations": state.cache.invalidated(limit(&query)?) })))
}

pub(super) async fn history(FromState(state): Here, Query(query): Query<BTreeMap<String, String>>) -> Answer<Value> {
    whole(&state)?;
    only(&query, &["step", "since"])?;
    let step = match query.get("step").map(String::as_str) {
        None | Some("5") => 5,
        Some("300") => 300,
        Some(_) => return Err(Problem::field("step", "is 5 or 300")),
    };
    let wrong = |_| Problem::field("since", "is a time in milliseconds since the Unix epoch");
    let since = query.get("since").map_or(Ok(0), |text| text.parse().map_err(wrong))?;
    Ok(Json(json!({ "step_seconds": step, "points": state.cache.moments_since(step == 300, since) })))
}

/// Nothing else is asked.
fn only(query: &BTreeMap<String, String>, known: &[&str]) -> Result<(), Problem> {
    let Some(unknown) = query.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(()) };
    let shown: String = unknown.chars().take(64).flat_map(char::escape_default).collect();
    Err(Problem::field(&shown, format!("nobody knows this parameter; there is `{}`", known.join("`, `"))))
}

/// The one parameter that lists have.
fn limit(query: &BTreeMap<String, String>) -> Result<usize, Problem> {
    only(query, &["limit"])?;
    let Some(limit) = query.get("limit") else { return Ok(LIMIT) };
    let parsed = limit.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    parsed.ok_or_else(|| Problem::field("limit", "is a number from 1 to 1000"))
}

/// A site, and what is said of it elsewhere.
#[derive(Debug, Serialize)]
pub(super) struct SiteAnswer {
    #[serde(flatten)]
    view: SiteView,
    /// Who invalidates it, each with what it names.
    invalidated_by: Vec<Value>,
    /// What the databases' advisers say of the statements that its loads ask.
    verdicts: Vec<Value>,
}

pub(super) async fn sites(FromState(state): Here) -> Json<Value> {
    let (views, mut graph) = (state.cache.sites(), Cache::invalidation_graph());
    let verdicts = if state.cache.is_restricted() { Vec::new() } else { state.databases.verdicts() };
    if state.cache.is_restricted() {
        // Of others not even that they are there.
        let seen = |name: &str| views.iter().any(|view| view.site == name);
        graph.edges.retain(|edge| seen(&edge.to));
        graph.unreached.retain(|site| seen(site));
        graph.writers.retain(|writer| graph.edges.iter().any(|edge| edge.from == writer.function));
    }
    let answer = |view: SiteView| {
        let edges = graph.edges.iter().filter(|edge| edge.to == view.site);
        SiteAnswer {
            invalidated_by: edges.map(|edge| json!({ "function": edge.from, "by": edge.by })).collect(),
            verdicts: verdicts
                .iter()
                .filter(|(site, _)| *site == view.site)
                .map(|(_, verdict)| verdict.clone())
                .collect(),
            view,
        }
    };
    let sites: Vec<SiteAnswer> = views.into_iter().map(answer).collect();
    Json(json!({ "sites": sites, "graph": graph }))
}

/// The miss-ratio curve of a site.
pub(super) async fn curve(FromState(state): Here, site: Result<Path<String>, PathRejection>) -> Answer<Value> {
    let Path(site) = site.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the site is no UTF-8"))?;
    let nobody = || Problem::new(StatusCode::NOT_FOUND, "there is no such site, or nothing is known of its curve yet");
    let site = state.cache.site_named(&site).map_err(|_| nobody())?;
    let seen = state.cache.sites().iter().any(|view| view.site == site);
    let curve = state.cache.curve(&site).filter(|_| seen).ok_or_else(nobody)?;
    let mut told = serde_json::to_value(curve).unwrap_or_default();
    told["site"] = site.into();
    Ok(Json(told))
}

pub(super) async fn key(
    FromState(state): Here,
    headers: HeaderMap,
    key: Result<Path<String>, PathRejection>,
) -> Answer<Value> {
    let Path(key) = key.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the key is no UTF-8"))?;
    if key.len() > LONGEST_KEY {
        return Err(Problem::field("key", "is longer than any key"));
    }
    let Ok(_turn) = state.laborious.try_acquire() else {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "other keys are being looked for; ask again");
        return Err(problem.beside(axum::http::header::RETRY_AFTER, "1"));
    };
    let explained = if state.show_values && state.gate.may_change(&headers) {
        let explained = state.cache.explain_with_values(&key).await;
        tracing::info!(sites = explained.sites.join(", "), "what is kept of a key is shown to who has the write token");
        explained
    } else {
        state.cache.explain(&key).await
    };
    serde_json::to_value(explained)
        .map(Json)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

#[cfg(feature = "prometheus")]
pub(super) async fn metrics(
    FromState(state): Here,
) -> Result<([(axum::http::HeaderName, &'static str); 1], String), Problem> {
    whole(&state)?;
    let kind = (axum::http::header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    Ok(([kind], state.prometheus.render()))
}

pub(super) async fn databases(FromState(state): Here) -> Answer<Value> {
    whole(&state)?;
    Ok(Json(json!({ "databases": state.databases.told() })))
}

/// What is of all tenants is not for a handle of few rights.
pub(super) fn whole(state: &State) -> Result<(), Problem> {
    if state.cache.is_restricted() {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "this is of the whole cache, of which this handle may not know",
        ));
    }
    Ok(())
}
