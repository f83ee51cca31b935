//! Which path is answered by what, in one table: the router, the description and the tests are made from it.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};

use super::access::{Role, guard, seal};
use super::problem::Problem;
use super::{State, change, openapi, page, read, warmups};

/// What is known of a field of a body, or of a parameter.
pub(super) struct Input {
    pub(super) name: &'static str,
    /// As JSON Schema has it: `string`, `number`, `integer`, `boolean`.
    pub(super) kind: &'static str,
    pub(super) about: &'static str,
}

/// One path.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) role: Role,
    pub(super) about: &'static str,
    /// Query parameters of a question, fields of a change.
    pub(super) inputs: &'static [Input],
    /// The same, under the names that came before.
    pub(super) also: Option<&'static str>,
    make: fn() -> MethodRouter<Arc<State>>,
}

const LIMIT: &[Input] = &[Input { name: "limit", kind: "integer", about: "how many at most, up to 1000; 20" }];

const HISTORY: &[Input] = &[
    Input { name: "step", kind: "integer", about: "5, or 300, in seconds; 5" },
    Input {
        name: "since",
        kind: "integer",
        about: "only steps that ended after this, in milliseconds since the Unix epoch; all",
    },
];

const CLEAR: &[Input] = &[
    Input { name: "key", kind: "string", about: "one key" },
    Input { name: "pattern", kind: "string", about: "all keys that match this glob" },
    Input { name: "tags", kind: "string", about: "all entries with this tag, or with one of these" },
    Input { name: "tag", kind: "string", about: "the same" },
    Input { name: "namespace", kind: "string", about: "all keys of this namespace" },
    Input {
        name: "tier",
        kind: "string",
        about: "`near`, or a tier, also one that nodes share: it is emptied, and nothing is invalidated",
    },
    Input { name: "all", kind: "boolean", about: "everything" },
];

const TUNE: &[Input] = &[
    Input { name: "ttl", kind: "number", about: "seconds, or a text such as \"10m\"" },
    Input { name: "stale", kind: "number", about: "seconds, or a text such as \"1h\"" },
    Input { name: "capacity", kind: "integer", about: "bytes in near" },
    Input { name: "paused", kind: "boolean", about: "do its calls go by the cache?" },
    Input { name: "reset", kind: "boolean", about: "first takes back what was said while it runs" },
];

/// All paths.
pub(super) const ROUTES: &[Route] = &[
    Route {
        also: Some("/api/cache/stats"),
        ..question("/api/v1/cache/stats", "What was counted, by site and by tier", &[], || get(read::stats))
    },
    Route {
        also: Some("/api/cache/health"),
        ..question("/api/v1/cache/health", "Is all well, and if not, what is to be done", &[], || get(read::health))
    },
    question("/api/v1/cache/performance", "Percentiles by site and by tier, slow loads, memory", &[], || {
        get(read::performance)
    }),
    question(
        "/api/v1/cache/access-patterns",
        "Hot keys, keys that are missed most, worst sites, calls and hit rates by the hour of the day (UTC)",
        LIMIT,
        || get(read::access_patterns),
    ),
    question("/api/v1/cache/sites", "Every cached function, and what invalidates it", &[], || get(read::sites)),
    question("/api/v1/cache/sites/{site}/curve", "How often it would miss with more memory, or less", &[], || {
        get(read::curve)
    }),
    question(
        "/api/v1/cache/keys/{key}",
        "What is known of one key; its value, too, where values are shown and the write token asks",
        &[],
        || get(read::key),
    ),
    question("/api/v1/cache/invalidations", "The last invalidations", LIMIT, || get(read::invalidations)),
    question(
        "/api/v1/cache/history",
        "What happened in each step of the last hour, or of the last day",
        HISTORY,
        || get(read::history),
    ),
    question("/api/v1/cache/databases", "Connections, slow statements, verdicts on caching them", &[], || {
        get(read::databases)
    }),
    question("/api/v1/cache/warmup", "The jobs of the warm-up, and what they came to", &[], || get(warmups::list)),
    Route {
        also: Some("/api/cache/clear"),
        ..change("/api/v1/cache/clear", "Invalidates, or empties a tier; exactly one of these", CLEAR, || {
            post(change::clear)
        })
    },
    change(
        "/api/v1/cache/warmup",
        "Begins a job of the warm-up, or all; the answer does not wait for it",
        &[Input { name: "job", kind: "string", about: "its name, or the end of it after a dot; all" }],
        || post(warmups::run),
    ),
    Route {
        also: Some("/api/cache/cleanup"),
        ..change("/api/v1/cache/cleanup", "Removes what has expired from near and from the tiers", &[], || {
            post(change::cleanup)
        })
    },
    change("/api/v1/cache/sites/{site}", "Changes numbers of a site while it runs", TUNE, || post(change::tune)),
    change(
        "/api/v1/cache/prefetch",
        "Lets things be loaded ahead, or not",
        &[Input { name: "on", kind: "boolean", about: "are they?" }],
        || post(change::prefetch),
    ),
    change(
        "/api/v1/cache/pause",
        "Lets all calls go by the cache, or not",
        &[Input { name: "paused", kind: "boolean", about: "do they?" }],
        || post(change::pause),
    ),
    #[cfg(feature = "prometheus")]
    question("/metrics", "Every metric, for Prometheus", &[], || get(read::metrics)),
    Route {
        role: Role::Nothing,
        ..question("/api/v1/openapi.json", "This description", &[], || get(openapi::describe))
    },
];

const fn question(
    path: &'static str,
    about: &'static str,
    inputs: &'static [Input],
    make: fn() -> MethodRouter<Arc<State>>,
) -> Route {
    Route { method: "get", path, role: Role::Read, about, inputs, also: None, make }
}

const fn change(
    path: &'static str,
    about: &'static str,
    inputs: &'static [Input],
    make: fn() -> MethodRouter<Arc<State>>,
) -> Route {
    Route { method: "post", path, role: Role::Write, about, inputs, also: None, make }
}

pub(super) fn of(state: Arc<State>) -> Router {
    let mut router = Router::new();
    for role in [Role::Nothing, Role::Read, Role::Write] {
        let mut part = Router::new();
        for route in ROUTES.iter().filter(|route| route.role == role) {
            for path in [Some(route.path), route.also].into_iter().flatten() {
                // A key may hold slashes.
                part = part.route(&path.replace("{key}", "{*key}"), (route.make)());
            }
        }
        router = router.merge(part.route_layer(from_fn_with_state((Arc::clone(&state), role), guard)));
    }
    router
        .merge(page::routes(&state))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path is asked otherwise")
        })
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "there is nothing here; see /api/v1/openapi.json"))
        .with_state(state)
        .layer(from_fn(seal))
}
