//! One question or change, and its answer as text or JSON.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::{Value, json};

use crate::api::{Api, escaped, hides, shown};
use crate::arguments::Command;

pub(crate) fn run(api: &Api, command: &Command, as_json: bool) -> Result<(), String> {
    let (answer, text): (Value, fn(&Value) -> String) = match command {
        Command::Stats => (api.get("stats")?, stats),
        Command::Health => (api.get("health")?, health),
        Command::Explain(key) => (api.get(&format!("keys/{}", escaped(key)))?, explained),
        Command::Warm(job) => {
            (api.post("warmup", &job.as_ref().map_or_else(|| json!({}), |job| json!({ "job": job })))?, begun)
        }
        Command::Clear { field, value, yes } => {
            let body = value.as_ref().map_or_else(|| json!({ *field: true }), |value| json!({ *field: value }));
            if !yes && !confirmed(&format!("clear {body} at {}?", api.url))? {
                return Err("nothing was cleared".to_owned());
            }
            (api.post("clear", &body)?, cleared)
        }
        Command::Help | Command::Live => return Ok(()),
    };
    crate::say(&if as_json { as_text(&answer) } else { text(&answer) });
    let ill = matches!(command, Command::Health) && answer["status"] == "degraded";
    if ill { Err("the cache is degraded".to_owned()) } else { Ok(()) }
}

/// Asks on the terminal; who cannot be asked has to say `--yes`.
fn confirmed(question: &str) -> Result<bool, String> {
    use std::io::IsTerminal as _;
    if !std::io::stdin().is_terminal() {
        return Err("say `--yes` to clear without being asked".to_owned());
    }
    let mut out = std::io::stderr();
    write!(out, "{question} [y/N] ").and_then(|()| out.flush()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| error.to_string())?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

fn text(value: &Value) -> String {
    shown(value.as_str().unwrap_or_default())
}

/// JSON in which nothing moves a terminal's cursor: such letters stand in its texts only, and are escaped as JSON has it.
fn as_text(answer: &Value) -> String {
    let escaped = |c: char| if c != '\n' && hides(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    format!("{answer:#}").chars().map(escaped).collect()
}

/// What a server says is a number may be anything.
fn number(value: &Value) -> String {
    match value {
        Value::Number(number) => number.to_string(),
        _ => "-".to_owned(),
    }
}

fn percent(value: &Value) -> String {
    format!("{:.1} %", value.as_f64().unwrap_or_default() * 100.0)
}

fn stats(answer: &Value) -> String {
    let cache = &answer["cache"];
    let mut out = format!(
        "hits {}, misses {}, hit rate {}; loads {}, errors {}; near {} of {} bytes; invalidations {}\n",
        number(&cache["hits"]),
        number(&cache["misses"]),
        percent(&cache["hit_rate"]),
        number(&cache["loads"]),
        number(&cache["errors"]),
        number(&cache["near_bytes"]),
        number(&cache["near_capacity"]),
        number(&cache["invalidations"])
    );
    for site in answer["sites"].as_array().into_iter().flatten() {
        // Writing to a text does not fail.
        let _written = writeln!(
            out,
            "{:<48} {:>10} hits {:>10} misses {:>8} {:>8} loads {:>12} bytes",
            text(&site["site"]),
            number(&site["hits"]),
            number(&site["misses"]),
            percent(&site["hit_rate"]),
            number(&site["loads"]),
            number(&site["bytes"])
        );
    }
    for tier in answer["tiers"].as_array().into_iter().flatten() {
        let _written = writeln!(
            out,
            "{:<48} {:>10} hits {:>10} misses {:>8} errors, {} waiting",
            text(&tier["tier"]),
            number(&tier["hits"]),
            number(&tier["misses"]),
            number(&tier["errors"]),
            number(&tier["backlog"])
        );
    }
    for (namespace, of) in answer["responses"].as_object().into_iter().flatten() {
        let _written = writeln!(
            out,
            "{:<48} {:>10} hits {:>10} misses {:>8} stale {:>8} joined {:>8} stored, responses",
            shown(namespace),
            number(&of["hits"]),
            number(&of["misses"]),
            number(&of["stale"]),
            number(&of["joined"]),
            number(&of["stored"])
        );
    }
    out.trim_end().to_owned()
}

fn health(answer: &Value) -> String {
    let warnings = answer["warnings"].as_array().into_iter().flatten();
    warnings.fold(text(&answer["status"]), |out, warning| format!("{out}\n  {}", text(&warning["text"])))
}

fn explained(answer: &Value) -> String {
    let mut out = format!("{}: {}, {}", text(&answer["key"]), text(&answer["verdict"]), text(&answer["reason"]));
    for near in answer["near"].as_array().into_iter().flatten() {
        let fresh = near["fresh_for"].as_f64().unwrap_or_default();
        let _written =
            write!(out, "\n  near, {}: {}, fresh for {fresh:.1} s", text(&near["site"]), text(&near["state"]));
    }
    for tier in answer["tiers"].as_array().into_iter().flatten() {
        let _written = write!(out, "\n  {}: {}", text(&tier["tier"]), text(&tier["state"]));
        if let (Some(age), Some(fresh)) = (tier["age"].as_f64(), tier["fresh_for"].as_f64()) {
            let _written = write!(out, ", {age:.1} s old, fresh for {fresh:.1} s");
        }
    }
    if answer["invalidated"].is_object() {
        let ago = answer["invalidated"]["ago"].as_f64().unwrap_or_default();
        let _written = write!(out, "\n  last invalidated by {}, {ago:.1} s ago", text(&answer["invalidated"]["group"]));
    }
    out
}

fn begun(answer: &Value) -> String {
    let jobs = answer["begun"].as_array().into_iter().flatten().map(text);
    format!("begun: {}", jobs.collect::<Vec<_>>().join(", "))
}

fn cleared(answer: &Value) -> String {
    let removed =
        answer["removed"].as_u64().map_or_else(|| text(&answer["applied"]), |removed| format!("{removed} removed"));
    format!("cleared by {}: {removed}", text(&answer["cleared"]))
}
