//! Changes: what can be done to a running cache.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State as FromState};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::State;
use super::fields::Fields;
use super::problem::Problem;
use crate::access::Right;
use crate::applied::Applied;
use crate::dials::Tuning;
use crate::error::Result as Outcome;
use crate::group::Group;
use crate::key::{Key, Pattern, check_namespace};

type Answer = Result<Json<Value>, Problem>;
type Here = FromState<Arc<State>>;

/// A tag is at most so long, as in frames.
const LONGEST_TAG: usize = u16::MAX as usize;

/// What is to be cleared.
enum What {
    Groups(&'static str, Vec<Group>),
    Everything,
    Tier(String),
}

pub(super) async fn clear(FromState(state): Here, fields: Fields) -> Answer {
    let what = what(fields)?;
    let cache = &state.cache;
    let (field, applied) = match what {
        What::Tier(tier) => {
            let Ok(_turn) = state.laborious.try_acquire() else { return Err(laborious()) };
            let removed = cache.clear_tier(&tier).await.map_err(|error| Problem::of(&error, "tier"))?;
            tracing::warn!(tier, removed, "a tier was emptied by an operator");
            cache.note_event("", format!("an operator emptied {tier}"));
            return Ok(Json(json!({ "cleared": "tier", "removed": removed })));
        }
        What::Everything => ("all", cache.clear_all().await.map_err(|error| Problem::of(&error, "all"))?),
        What::Groups(field, groups) => {
            (field, cache.try_invalidate(groups).await.map_err(|error| Problem::of(&error, field))?)
        }
    };
    tracing::warn!(what = field, "an operator invalidated");
    cache.note_event("", format!("an operator cleared by {field}"));
    let queued = applied == Applied::Queued;
    Ok(Json(json!({ "cleared": field, "applied": if queued { "queued" } else { "applied" } })))
}

/// Exactly one thing.
fn what(mut fields: Fields) -> Result<What, Problem> {
    let of = |field: &'static str| move |error: crate::error::Error| Problem::of(&error, field);
    let mut all = Vec::new();
    if let Some(key) = fields.text("key")? {
        all.push(What::Groups("key", vec![Group::Key(key_of(&key)?)]));
    }
    if let Some(glob) = fields.text("pattern")? {
        all.push(What::Groups("pattern", vec![Group::Pattern(Pattern::new(&glob).map_err(of("pattern"))?)]));
    }
    for name in ["tags", "tag"] {
        if let Some(tags) = fields.texts(name)? {
            if tags.is_empty() || tags.iter().any(|tag| tag.is_empty() || tag.len() > LONGEST_TAG) {
                return Err(Problem::field(name, "a tag has one byte at least, and 65,535 at most"));
            }
            all.push(What::Groups(name, tags.into_iter().map(|tag| Group::Tag(tag.into())).collect()));
        }
    }
    if let Some(name) = fields.text("namespace")? {
        check_namespace("namespace", &name).map_err(of("namespace"))?;
        all.push(What::Groups("namespace", vec![Group::Namespace(name.as_str().into())]));
    }
    if let Some(tier) = fields.text("tier")? {
        all.push(What::Tier(tier));
    }
    if fields.yes("all")? == Some(true) {
        all.push(What::Everything);
    }
    fields.end()?;
    match (all.pop(), all.is_empty()) {
        (Some(what), true) => Ok(what),
        (None, _) => Err(Problem::field(
            "all",
            "say what: a `key`, a `pattern`, `tags`, a `namespace`, a `tier`, or `all`: true",
        )),
        (Some(_), false) => Err(Problem::field("all", "say one thing at a time")),
    }
}

fn key_of(text: &str) -> Result<Key, Problem> {
    if text.is_empty() || text.len() > crate::key::MAX_KEY {
        return Err(Problem::field("key", "a key has one byte at least, and 1,024 at most"));
    }
    Ok(Key::from_stored(text))
}

pub(super) async fn cleanup(FromState(state): Here, fields: Fields) -> Answer {
    fields.end()?;
    whole(&state, "all")?;
    let Ok(_turn) = state.laborious.try_acquire() else { return Err(laborious()) };
    let cleaned = state.cache.cleanup().await;
    Ok(Json(json!({ "cleaned": cleaned })))
}

pub(super) async fn tune(
    FromState(state): Here,
    site: Result<Path<String>, PathRejection>,
    mut fields: Fields,
) -> Answer {
    let Path(site) = site.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the site is no UTF-8"))?;
    let tuning = Tuning {
        ttl: fields.time("ttl")?,
        stale: fields.time("stale")?,
        capacity: fields.bytes("capacity")?,
        paused: fields.yes("paused")?,
    };
    let reset = fields.yes("reset")? == Some(true);
    fields.end()?;
    if tuning == Tuning::default() && !reset {
        return Err(Problem::field("ttl", "say what: `ttl`, `stale`, `capacity`, `paused`, or `reset`: true"));
    }
    let cache = &state.cache;
    let site = cache.site_named(&site).map_err(|_| unknown(&site))?;
    let Some(namespace) = cache.namespace_of(&site).filter(|namespace| cache.sees(namespace)) else {
        return Err(unknown(&site));
    };
    if !cache.may(Right::Write, &namespace) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "this handle may not write in the site's namespace"));
    }
    let turn = || -> Outcome<Tuning> {
        cache.check_tuning(&site, &tuning)?;
        if reset {
            cache.untune(&site)?;
        }
        cache.tune(&site, &tuning)?;
        cache.tuned(&site)
    };
    let now = turn().map_err(|error| Problem::of(&error, error.context("setting").unwrap_or("ttl")))?;
    Ok(Json(json!({
        "site": site,
        "ttl": now.ttl.map(|ttl| ttl.as_secs_f64()),
        "stale": now.stale.map(|stale| stale.as_secs_f64()),
        "capacity": now.capacity,
        "paused": now.paused,
    })))
}

/// What concerns all is not for a handle of few rights.
fn whole(state: &State, field: &str) -> Result<(), Problem> {
    if state.cache.is_restricted() {
        return Err(Problem::new(StatusCode::FORBIDDEN, "this handle may not change what concerns all").about(field));
    }
    Ok(())
}

fn laborious() -> Problem {
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "something else looks at every entry; ask again");
    problem.beside(axum::http::header::RETRY_AFTER, "1")
}

fn unknown(site: &str) -> Problem {
    let shown: String = site.chars().take(128).flat_map(char::escape_default).collect();
    Problem::new(StatusCode::NOT_FOUND, format!("there is no site `{shown}`, or more than one"))
}

pub(super) async fn prefetch(FromState(state): Here, mut fields: Fields) -> Answer {
    let on = fields.yes("on")?;
    fields.end()?;
    let on = on.ok_or_else(|| Problem::field("on", "say true or false"))?;
    whole(&state, "on")?;
    state.cache.set_prefetching(on);
    tracing::warn!(on, "an operator switched prefetching");
    Ok(Json(json!({ "on": on })))
}

pub(super) async fn pause(FromState(state): Here, mut fields: Fields) -> Answer {
    let paused = fields.yes("paused")?;
    fields.end()?;
    let paused = paused.ok_or_else(|| Problem::field("paused", "say true or false"))?;
    whole(&state, "paused")?;
    state.cache.pause(paused);
    Ok(Json(json!({ "paused": paused })))
}
