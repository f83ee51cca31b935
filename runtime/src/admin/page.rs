//! The page: what a browser is given. It holds no figures; its scripts ask the API for them.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as FromState};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::State;
use super::access::{Role, guard, welcome};
use super::problem::Problem;

/// A file that the page needs.
struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

macro_rules! assets {
    ($($kind:literal: $($name:literal)*;)*) => {
        &[$($(Asset { name: $name, kind: $kind, text: include_str!(concat!("page/", $name)) }),*),*]
    };
}

/// All of them. Nothing else is read, from the disk or from elsewhere.
const ASSETS: &[Asset] = assets! {
    "text/css; charset=utf-8": "page.css" "tables.css" "uplot.css";
    "image/svg+xml": "icon.svg";
    "text/plain; charset=utf-8": "uplot.LICENSE";
    "text/javascript; charset=utf-8":
        "actions.js" "ahead.js" "api.js" "audit.js" "charts.js" "curve.js" "daily.js" "databases.js" "dialogs.js" "dom.js"
        "explain.js" "figures.js" "graph.js" "invalidations.js" "keys.js" "lines.js" "live.js" "overview.js" "page.js"
        "responses.js" "series.js" "site.js" "sites.js" "tables.js" "theme.js" "tiers.js" "uplot.js";
};

const PAGE: Asset = Asset { name: "", kind: "text/html; charset=utf-8", text: include_str!("page/page.html") };

/// Its paths. Everybody may fetch the page, as often as they like; what a token may is told to those that may read.
pub(super) fn routes(state: &Arc<State>) -> Router<Arc<State>> {
    let open = Router::new()
        .route("/admin/cache", get(async || PAGE.into_response()))
        // Its addresses are relative: with a slash at the end they would lead elsewhere.
        .route("/admin/cache/", get(async || (StatusCode::PERMANENT_REDIRECT, [(LOCATION, "../cache")])))
        .route("/admin/cache/{asset}", get(asset))
        .route_layer(from_fn_with_state(Arc::clone(state), welcome));
    let told = Router::new().route("/admin/cache/rights", get(rights));
    open.merge(told.route_layer(from_fn_with_state((Arc::clone(state), Role::Read), guard)))
}

impl IntoResponse for Asset {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, self.kind)], self.text).into_response()
    }
}

async fn asset(name: Result<Path<String>, PathRejection>) -> Response {
    let named = |asset: &&Asset| name.as_ref().is_ok_and(|name| name.0 == asset.name);
    match ASSETS.iter().find(named) {
        Some(Asset { name, kind, text }) => Asset { name, kind, text }.into_response(),
        None => Problem::new(StatusCode::NOT_FOUND, "the page has no such part").into_response(),
    }
}

/// May who asks change things? The page says so before it is tried.
async fn rights(FromState(state): FromState<Arc<State>>, headers: HeaderMap) -> Json<Value> {
    Json(json!({ "changes": state.gate.may_change(&headers), "can_be_changed": state.gate.has_changes() }))
}
