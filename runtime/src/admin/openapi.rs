//! The description for machines (OpenAPI 3.1), made from the table of paths.

use axum::Json;
use serde_json::{Map, Value, json};

use super::access::Role;
use super::router::{Input, ROUTES, Route};

pub(super) async fn describe() -> Json<Value> {
    Json(document())
}

fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        for (path, old) in [(Some(route.path), false), (route.also, true)] {
            let Some(path) = path else { continue };
            let place = paths.entry(path).or_insert_with(|| json!({}));
            let mut operation = operation(route);
            if old {
                operation["deprecated"] = true.into();
                operation["operationId"] = format!("{}_old", name_of(route)).into();
            }
            place[route.method] = operation;
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "cached admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What a running cache is doing, and what to do about it.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": { "Problem": problem() },
        },
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "What is wrong, and what to do." },
            "field": { "type": "string", "description": "The field or parameter that is wrong." },
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "summary": route.about,
        "operationId": name_of(route),
        "responses": responses(route),
    });
    if route.role != Role::Nothing {
        operation["security"] = json!([{ "token": [] }]);
    }
    let in_path = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if route.method == "get" {
        parameters.extend(route.inputs.iter().map(|input| {
            json!({ "name": input.name, "in": "query", "description": input.about, "schema": { "type": input.kind } })
        }));
    } else {
        operation["requestBody"] = json!({ "content": { "application/json": { "schema": body(route.inputs) } } });
    }
    operation["parameters"] = parameters.into();
    operation
}

fn body(inputs: &[Input]) -> Value {
    let fields: Map<String, Value> = inputs.iter().map(|input| (input.name.to_owned(), schema(input))).collect();
    json!({ "type": "object", "additionalProperties": false, "properties": fields })
}

fn schema(input: &Input) -> Value {
    let kind = match (input.name, input.kind) {
        // Of times a text is taken too, and of tags several.
        (_, "number") => json!(["number", "string"]),
        ("tags", _) => json!(["string", "array"]),
        (_, kind) => json!(kind),
    };
    json!({ "type": kind, "description": input.about })
}

fn responses(route: &Route) -> Value {
    let refused = |text: &str| {
        json!({
            "description": text,
            "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
        })
    };
    let kind = if route.path == "/metrics" { "text/plain" } else { "application/json" };
    let begins = route.method == "post" && route.path.ends_with("/warmup");
    let mut all = json!({
        (if begins { "202" } else { "200" }): { "description": "The answer.", "content": { kind: {} } },
        "403": refused("The host, the origin or the token may not."),
        "429": refused("Too many requests."),
    });
    if route.role != Role::Nothing {
        all["401"] = refused("No token, or nobody's.");
    }
    if !route.inputs.is_empty() {
        all["422"] = refused("A field or parameter is wrong; it is named.");
    }
    if route.path.contains("{site}") {
        all["404"] = refused("There is no such site, or nothing is known of it.");
    }
    if begins {
        all["409"] = refused("There is no warm-up, or jobs that were begun here still run.");
    }
    if route.path.contains("{key}") || route.path.ends_with("cleanup") {
        all["503"] = refused("Something else looks at every entry; ask again.");
    }
    if route.path.ends_with("clear") {
        all["503"] = refused("Something else looks at every entry, or the tier is away; ask again.");
    }
    if route.method == "post" {
        all["408"] = refused("The body took too long.");
        all["400"] = refused("The body is no JSON object.");
        all["413"] = refused("The body is larger than 16 KiB.");
        all["415"] = refused("The body is not `application/json`.");
    }
    all
}

/// `get_cache_stats`, of the method and the fixed parts of the path.
fn name_of(route: &Route) -> String {
    let fixed = route.path.split('/').filter(|part| !part.is_empty() && !matches!(*part, "api" | "v1"));
    let parts = fixed.map(|part| part.trim_matches(['{', '}']).replace(['-', '.'], "_"));
    parts.fold(route.method.to_owned(), |name, part| name + "_" + &part)
}
