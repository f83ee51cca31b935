//! The warm-up: its jobs, what they came to, and one more run.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as FromState;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::State;
use super::fields::Fields;
use super::problem::Problem;
use crate::warmup::JobReport;

/// Of a failure so much is told.
const LONGEST: usize = 256;

pub(super) async fn list(FromState(state): FromState<Arc<State>>) -> Result<Json<Value>, Problem> {
    super::read::whole(&state)?;
    Ok(Json(told(&state)))
}

/// The jobs, and what each came to when it ran last.
pub(super) fn told(state: &State) -> Value {
    let Some(warmer) = &state.warmer else { return json!({ "running": false, "jobs": [] }) };
    let report = warmer.report();
    let jobs: Vec<Value> = warmer.jobs().into_iter().map(|name| of_job(name, report.job(name))).collect();
    json!({ "running": true, "jobs": jobs, "started_in_seconds": report.elapsed.as_secs_f64() })
}

fn of_job(name: &str, report: Option<&JobReport>) -> Value {
    let Some(report) = report else { return json!({ "job": name, "ended": null }) };
    let failures = report.failures.iter().map(|failure| failure.chars().take(LONGEST).collect::<String>());
    json!({
        "job": name,
        "ended": report.ended.to_string(),
        "well": report.is_well(),
        "done": report.done,
        "failed": report.failed,
        "left": report.left,
        "loads": report.loads,
        "bytes": report.bytes,
        "took_seconds": report.elapsed.as_secs_f64(),
        "failures": failures.collect::<Vec<_>>(),
        "warmed": report.warmed,
    })
}

/// Begins a job, or all; nobody waits for them.
pub(super) async fn run(
    FromState(state): FromState<Arc<State>>,
    mut fields: Fields,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let job = fields.text("job")?;
    fields.end()?;
    super::read::whole(&state)?;
    let Some(warmer) = &state.warmer else {
        return Err(Problem::new(StatusCode::CONFLICT, "no warm-up was given to the admin API: see `Admin::warmer`"));
    };
    let ends =
        |name: &str, end: &str| name.strip_suffix(end).is_some_and(|head| head.is_empty() || head.ends_with('.'));
    let all = warmer.jobs();
    let jobs: Vec<String> = all
        .into_iter()
        .filter(|name| job.as_deref().is_none_or(|job| ends(name, job)))
        .map(ToOwned::to_owned)
        .collect();
    if jobs.is_empty() {
        return Err(Problem::field("job", "there is no such job"));
    }
    let Ok(turn) = state.warming.clone().try_acquire_owned() else {
        return Err(Problem::new(StatusCode::CONFLICT, "jobs that were begun here are still running"));
    };
    let (warmer, names) = (Arc::clone(warmer), jobs.clone());
    tracing::info!(jobs = names.len(), "an operator began jobs of the warm-up");
    tokio::spawn(async move {
        for name in names {
            // What it came to is in the warm-up's own report.
            let _report = warmer.run_job(&name).await;
        }
        drop(turn);
    });
    Ok((StatusCode::ACCEPTED, Json(json!({ "begun": jobs }))))
}
