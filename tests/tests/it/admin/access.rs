//! Who may (S10 to S12), every path for every token.

use axum::body::Body;
use cached_runtime::admin::Admin;
use cached_runtime::{Cache, ErrorKind};
use http::{Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt as _;

use super::{Desk, READ, WRITE, admin, ask, request};

/// Every path and method, as the description has them.
async fn paths(desk: &Desk) -> Vec<(String, String, bool)> {
    let (status, document) = ask(&desk.router, request("GET", "/api/v1/openapi.json", None, "")).await;
    assert_eq!(status, StatusCode::OK);
    let mut paths = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let open = operation.get("security").is_none();
            let path = path.replace("{key}", "seen:1:page").replace("{site}", "it.admin.page");
            paths.push((method.to_uppercase(), path, open));
        }
    }
    assert!(paths.len() >= 18, "{}", paths.len());
    paths
}

/// A body that every change takes.
fn good(path: &str) -> &'static str {
    match path.rsplit('/').next().unwrap() {
        "clear" => r#"{"key": "nobody:1"}"#,
        "prefetch" => r#"{"on": true}"#,
        "pause" => r#"{"paused": false}"#,
        "it.admin.page" => r#"{"ttl": 60}"#,
        _ => "{}",
    }
}

#[tokio::test]
async fn every_path_asks_for_its_token() {
    let desk = Desk::new();
    super::page(&desk.world, "1").await.unwrap();
    for (method, path, open) in paths(&desk).await {
        let ask = async |token: Option<&str>| ask(&desk.router, request(&method, &path, token, good(&path))).await.0;
        let refused = if open { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(ask(None).await, refused, "{method} {path} without a token");
        assert_eq!(ask(Some("a token of nobody at all")).await, refused, "{method} {path} with nobody's");
        assert_eq!(ask(Some("")).await, refused, "{method} {path} with an empty one");
        let (read, write) = (ask(Some(READ)).await, ask(Some(WRITE)).await);
        if method == "GET" {
            assert_eq!((read, write), (StatusCode::OK, StatusCode::OK), "{method} {path}");
        } else {
            assert_eq!(read, StatusCode::FORBIDDEN, "{method} {path} with a token that reads");
            // There is no warm-up here: that is said to those who may know.
            let answered = if path.ends_with("warmup") { StatusCode::CONFLICT } else { StatusCode::OK };
            assert_eq!(write, answered, "{method} {path}");
        }
    }
}

/// A token is compared with its whole, and only as a token.
#[tokio::test]
async fn what_is_nearly_a_token_is_none() {
    let desk = Desk::new();
    let as_header = async |value: &str| {
        let mut request = request("GET", "/api/v1/cache/stats", None, "");
        request.headers_mut().insert("authorization", value.parse().unwrap());
        ask(&desk.router, request).await.0
    };
    for nearly in [&READ[..READ.len() - 1], &format!("{READ}x"), &READ.to_uppercase(), "Bearer"] {
        assert_eq!(as_header(&format!("Bearer {nearly}")).await, StatusCode::UNAUTHORIZED, "{nearly}");
    }
    assert_eq!(as_header(&format!("Basic {READ}")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(as_header(READ).await, StatusCode::UNAUTHORIZED);
    assert_eq!(as_header(&format!("bearer {READ}")).await, StatusCode::OK, "the scheme's name has no case");
    let in_query = request("GET", &format!("/api/v1/cache/stats?token={}", READ.replace(' ', "+")), None, "");
    assert_eq!(ask(&desk.router, in_query).await.0, StatusCode::UNAUTHORIZED, "tokens do not stand in paths");
}

/// DNS rebinding and CSRF (S11): a page that a browser was led to cannot reach it.
#[tokio::test]
async fn pages_and_hosts_from_elsewhere_are_refused_with_any_token() {
    let desk = Desk::new();
    for (method, path, _) in paths(&desk).await {
        for (name, value) in [
            ("host", "evil.example"),
            ("host", "localhost.evil.example"),
            ("host", "127.0.0.1@evil.example"),
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "https://localhost.evil.example"),
            ("sec-fetch-site", "cross-site"),
        ] {
            let mut request = request(&method, &path, Some(WRITE), good(&path));
            request.headers_mut().insert(name, value.parse().unwrap());
            assert_eq!(ask(&desk.router, request).await.0, StatusCode::FORBIDDEN, "{method} {path} {name}: {value}");
        }
        let mut nobody = request(&method, &path, Some(WRITE), good(&path));
        nobody.headers_mut().remove("host");
        assert_eq!(ask(&desk.router, nobody).await.0, StatusCode::FORBIDDEN, "{method} {path} for no host");
    }
    let mut own = request("GET", "/api/v1/cache/stats", Some(READ), "");
    own.headers_mut().insert("origin", "http://localhost".parse().unwrap());
    assert_eq!(ask(&desk.router, own).await.0, StatusCode::OK, "its own pages may");
}

#[tokio::test]
async fn a_host_that_is_named_is_ours() {
    let desk = Desk::new();
    let router = admin(&desk.world.cache).host("ops.example.com:8443").router().unwrap();
    for (host, status) in [("ops.example.com:8443", 200), ("OPS.example.com:8443", 200), ("ops.example.com", 403)] {
        let mut request = request("GET", "/api/v1/cache/stats", Some(READ), "");
        request.headers_mut().insert("host", host.parse().unwrap());
        assert_eq!(ask(&router, request).await.0.as_u16(), status, "{host}");
    }
}

/// No answer may be framed, sniffed, kept, or read by other origins; nor may anything run that is not ours (S12).
#[tokio::test]
async fn every_answer_is_sealed() {
    let desk = Desk::new();
    let paths = paths(&desk).await.into_iter().map(|(method, path, _)| (method, path));
    let refused = [("GET".to_owned(), "/nowhere".to_owned()), ("PUT".to_owned(), "/api/v1/cache/stats".to_owned())];
    for (method, path) in paths.chain(refused) {
        for token in [None, Some(WRITE)] {
            let response = desk.router.clone().oneshot(request(&method, &path, token, good(&path))).await.unwrap();
            let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            let policy = header("content-security-policy").unwrap_or_default();
            assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{method} {path}");
            assert!(!policy.contains("unsafe"), "{method} {path}");
            assert_eq!(header("x-content-type-options").as_deref(), Some("nosniff"), "{method} {path}");
            assert_eq!(header("x-frame-options").as_deref(), Some("DENY"), "{method} {path}");
            assert_eq!(header("cache-control").as_deref(), Some("no-store"), "{method} {path}");
            assert_eq!(header("access-control-allow-origin"), None, "{method} {path}");
        }
    }
}

/// Off unless it is asked for, and never open to others by accident (S10).
#[tokio::test]
async fn what_would_be_open_to_all_is_an_error_at_the_start() {
    let cache = Cache::builder().build().unwrap();
    let error = Admin::new(&cache).router().unwrap_err();
    assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some("read_token")));
    for open in ["0.0.0.0:0", "[::]:0"] {
        let error = Admin::new(&cache).serve(open).await.map(|_| ()).unwrap_err();
        assert_eq!((error.kind(), error.context("setting")), (ErrorKind::Config, Some("address")), "{open}");
    }
    for short in [Admin::new(&cache).read_token("short"), Admin::new(&cache).write_token("fifteen bytes..")] {
        assert!(short.router().unwrap_err().to_string().contains("16 bytes"));
    }
    let error = Admin::new(&cache).serve("no such place").await.map(|_| ()).unwrap_err();
    assert_eq!(error.context("setting"), Some("address"));
    let open = Admin::new(&cache).open_reads(true).router().unwrap();
    assert_eq!(ask(&open, request("GET", "/api/v1/cache/stats", None, "")).await.0, StatusCode::OK);
    let (status, body) = ask(&open, request("POST", "/api/v1/cache/clear", None, r#"{"all": true}"#)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "without a write token nothing is changed");
    assert!(body["detail"].as_str().unwrap().contains("write_token"), "{body}");
}

#[tokio::test]
async fn too_many_requests_are_told_to_come_again() {
    let desk = Desk::new();
    let router = Admin::new(&desk.world.cache).read_token(READ).rate("3/h".parse().unwrap()).router().unwrap();
    let mut told = Vec::new();
    for _ in 0..5 {
        let response = router.clone().oneshot(request("GET", "/api/v1/cache/stats", Some(READ), "")).await.unwrap();
        told.push((response.status().as_u16(), response.headers().contains_key("retry-after")));
    }
    assert_eq!(told, [(200, false), (200, false), (200, false), (429, true), (429, true)]);
}

/// Who has a token is not kept out by a flood of those who have none.
#[tokio::test]
async fn a_flood_of_strangers_keeps_no_operator_out() {
    let desk = Desk::new();
    let router = Admin::new(&desk.world.cache).write_token(WRITE).rate("3/h".parse().unwrap()).router().unwrap();
    let mut refused = Vec::new();
    for _ in 0..5 {
        refused.push(ask(&router, request("GET", "/api/v1/cache/stats", None, "")).await.0.as_u16());
    }
    assert_eq!(refused, [401, 401, 401, 429, 429]);
    let mut from_elsewhere = request("GET", "/api/v1/cache/stats", Some(WRITE), "");
    from_elsewhere.headers_mut().insert("host", "evil.example".parse().unwrap());
    assert_eq!(ask(&router, from_elsewhere).await.0, StatusCode::TOO_MANY_REQUESTS, "pages of others are strangers");
    let (status, _) = ask(&router, request("POST", "/api/v1/cache/pause", Some(WRITE), r#"{"paused": false}"#)).await;
    assert_eq!(status, StatusCode::OK);
}

/// HTTP/2 names the host in its address and sends no `Host`.
#[tokio::test]
async fn the_host_of_http_2_is_looked_at() {
    let desk = Desk::new();
    for (host, status) in [("localhost:9090", 200), ("evil.example", 403)] {
        let mut request = request("GET", &format!("http://{host}/api/v1/cache/stats"), Some(READ), "");
        request.headers_mut().remove("host");
        assert_eq!(ask(&desk.router, request).await.0.as_u16(), status, "{host}");
    }
}

#[tokio::test]
async fn a_token_that_nobody_could_send_is_an_error_at_the_start() {
    let cache = Cache::builder().build().unwrap();
    for token in ["a token of a file's line\n", " a token with a space", "ein Wort mit \u{e4} und mehr"] {
        let error = Admin::new(&cache).read_token(token).router().unwrap_err();
        assert_eq!(error.context("setting"), Some("read_token"), "{token:?}");
        assert!(!error.to_string().contains(token.trim()), "and it is not shown");
    }
}

/// A handle of few rights sees and does what it may (S18).
#[tokio::test]
async fn an_api_for_a_handle_of_few_rights_shows_and_does_no_more() {
    use cached_runtime::Access;
    let desk = Desk::new();
    super::page(&desk.world, "1").await.unwrap();
    desk.world.cache.namespace::<u64>("theirs").unwrap().set("a", 1);
    let theirs =
        desk.world.cache.restricted(Access::new().read("theirs").write("theirs").invalidate("theirs")).unwrap();
    let router = admin(&theirs).router().unwrap();
    let get = async |path: &str| ask(&router, request("GET", path, Some(READ), "")).await.1;
    for path in ["stats", "sites", "performance", "access-patterns", "health"] {
        let shown = get(&format!("/api/v1/cache/{path}")).await.to_string();
        let shown: Value = shown.parse().unwrap();
        let sites = shown["sites"].as_array().cloned().unwrap_or_default();
        assert!(sites.iter().all(|site| site["site"] != "it.admin.page"), "{path}: {shown}");
    }
    assert_eq!(get("/api/v1/cache/keys/seen:1:page").await["verdict"], "denied");
    assert_eq!(get("/api/v1/cache/keys/theirs:a").await["verdict"], "hit");
    for body in [r#"{"all": true}"#, r#"{"namespace": "seen"}"#, r#"{"tier": "near"}"#, r#"{"key": "seen:1:page"}"#] {
        let (status, told) = ask(&router, request("POST", "/api/v1/cache/clear", Some(WRITE), body)).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{body}: {told}");
    }
    for (path, body) in
        [("pause", r#"{"paused": true}"#), ("prefetch", r#"{"on": false}"#), ("cleanup", "{}"), ("warmup", "{}")]
    {
        let path = format!("/api/v1/cache/{path}");
        assert_eq!(ask(&router, request("POST", &path, Some(WRITE), body)).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    let path = "/api/v1/cache/sites/it.admin.page";
    let (status, _) = ask(&router, request("POST", path, Some(WRITE), r#"{"capacity": 0}"#)).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "another's site is not there");
    let (status, _) = ask(&router, request("POST", "/api/v1/cache/sites/theirs", Some(WRITE), r#"{"ttl": 5}"#)).await;
    assert_eq!(status, StatusCode::OK, "its own is");
    for path in ["/api/v1/cache/databases", "/api/v1/cache/history", "/api/v1/cache/warmup", "/metrics"] {
        assert_eq!(ask(&router, request("GET", path, Some(READ), "")).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    let graph = get("/api/v1/cache/sites").await.to_string();
    assert!(!graph.contains("it.admin.page"), "{graph}");
    assert_eq!(desk.explain("seen:1:page").await["verdict"], "hit", "nothing was cleared");
}

/// Sent as a form, as text or as nothing at all, a change is refused before it is read: a page can send those to others.
#[tokio::test]
async fn a_change_is_json_and_nothing_else() {
    let desk = Desk::new();
    for (method, path, _) in paths(&desk).await.into_iter().filter(|(method, ..)| method == "POST") {
        for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", "application/jsonx", ""]
        {
            let mut request: Request<Body> = request(&method, &path, Some(WRITE), good(&path));
            request.headers_mut().insert("content-type", kind.parse().unwrap());
            assert_eq!(ask(&desk.router, request).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{path} as {kind}");
        }
        let mut with_charset = request(&method, &path, Some(WRITE), good(&path));
        with_charset.headers_mut().insert("content-type", "Application/JSON; charset=utf-8".parse().unwrap());
        assert!(ask(&desk.router, with_charset).await.0.as_u16() != 415, "{path}");
    }
}
