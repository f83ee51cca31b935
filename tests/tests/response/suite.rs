//! The public suite of tests for HTTP caches (npm package `http-cache-tests`, of which cache-tests.fyi publishes the
//! results of others), against the proxy of `examples/proxy`.
//!
//! `tests/http-cache/README.md` lists each test that is not passed, with its reason; a test that fails and is not
//! listed there is a fault, and so is one that is listed and does not fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cached_runtime::Cache;
use serde_json::Value;
use tokio::net::TcpListener;

#[path = "../../../examples/proxy/proxy.rs"]
#[allow(unreachable_pub, reason = "it is a module of an example")]
pub(crate) mod proxy;

/// What the suite takes is about a minute.
const LONG: Duration = Duration::from_secs(400);
/// At least so many, whatever is listed.
const REQUIRED: usize = 150;
const OPTIMAL: usize = 85;

type Results = BTreeMap<String, Value>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("http-cache")
}

/// A process that does not outlive the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn node(arguments: &[&str], variables: &[(&str, &str)], folder: &Path) -> Ended {
    let mut command = Command::new("node");
    command.arg("--no-warnings").args(arguments).envs(variables.iter().copied()).current_dir(folder);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    Ended(child.expect("the suite needs Node.js: tests/run.sh installs it"))
}

/// All that a process prints, if it ends in time.
fn printed(mut process: Ended) -> String {
    let mut out = process.0.stdout.take().unwrap();
    let (tell, told) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        tell.send(out.read_to_string(&mut text).map(|_| text)).unwrap();
    });
    let text = told.recv_timeout(LONG).expect("the suite ends in time").unwrap();
    reader.join().unwrap();
    text
}

fn installed() -> PathBuf {
    let suite = folder().join("node_modules/http-cache-tests");
    if !suite.join("cli.mjs").exists() {
        let done = Command::new("npm").args(["ci", "--ignore-scripts"]).current_dir(folder()).output();
        let done = done.expect("the suite needs npm: tests/run.sh installs it");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    suite
}

/// The suite's own server, and where it is.
fn origin(suite: &Path) -> (Ended, SocketAddr) {
    let port = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let pid = tempfile::NamedTempFile::new().unwrap();
    let variables = [
        ("npm_config_protocol", "http"),
        ("npm_config_port", &port.to_string()),
        ("npm_config_pidfile", pid.path().to_str().unwrap()),
    ];
    let mut server = node(&["server/server.mjs"], &variables, suite);
    let mut lines = BufReader::new(server.0.stdout.take().unwrap());
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    assert!(first.contains("Listening"), "{first}");
    // It warns there of what tests do on purpose, and must not wait for somebody to read it.
    thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    (server, (Ipv4Addr::LOCALHOST, port).into())
}

/// The proxy, and its address as the suite's client takes it.
async fn proxy(origin: SocketAddr) -> String {
    let responses = proxy::responses(&Cache::builder().build().unwrap()).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(proxy::serve(listener, origin, responses));
    base
}

fn kinds() -> BTreeMap<String, String> {
    serde_json::from_str(&printed(node(&["chosen.mjs"], &[], &folder()))).unwrap()
}

async fn all_results(suite: PathBuf, base: String) -> Results {
    let run = move || {
        let variables = [("npm_config_base", base.as_str()), ("npm_config_id", ""), ("npm_package_config_id", "")];
        printed(node(&["cli.mjs"], &variables, &suite))
    };
    let text = tokio::task::spawn_blocking(run).await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|_| panic!("no results: {text}"))
}

/// The same of a few, one more time: on a busy machine a test that waits for two seconds may wait for three.
async fn again(base: &str, names: &BTreeSet<String>) -> Results {
    let arguments: Vec<String> = ["chosen.mjs".to_owned(), base.to_owned()].into_iter().chain(names.clone()).collect();
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        printed(node(&arguments, &[], &folder()))
    };
    serde_json::from_str(&tokio::task::spawn_blocking(run).await.unwrap()).unwrap()
}

/// The names in the first column of the table.
fn listed() -> BTreeSet<String> {
    let table = fs::read_to_string(folder().join("README.md")).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(name, _)| name.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout, reason = "the figures are there to be read")]
async fn the_public_suite_passes_but_for_what_is_listed() {
    let suite = installed();
    let kinds = kinds();
    let (_server, origin) = origin(&suite);
    let base = proxy(origin).await;
    let mut results = all_results(suite, base.clone()).await;
    let listed = listed();
    let failed = |results: &Results| -> BTreeSet<String> {
        let counts = |name: &String| kinds.get(name).is_some_and(|kind| kind != "check");
        results.iter().filter(|(name, result)| counts(name) && **result != true).map(|(name, _)| name.clone()).collect()
    };
    for _ in 0..2 {
        let surprising: BTreeSet<String> = failed(&results).difference(&listed).cloned().collect();
        if !surprising.is_empty() {
            results.extend(again(&base, &surprising).await);
        }
    }
    let failed = failed(&results);
    let count = |kind: &str| {
        let all: Vec<&String> = kinds.iter().filter(|(_, its)| *its == kind).map(|(name, _)| name).collect();
        (all.iter().filter(|name| results.get(**name).is_some_and(|result| *result == true)).count(), all.len())
    };
    for kind in ["required", "optimal", "check"] {
        let (passed, all) = count(kind);
        println!("{kind}: {passed} of {all}");
    }
    for name in &failed {
        println!("failed, {}: {name}: {}", kinds[name], results[name]);
    }
    assert_eq!(results.len(), kinds.len(), "each test has a result");
    assert!(count("required").0 >= REQUIRED, "required: {:?}", count("required"));
    assert!(count("optimal").0 >= OPTIMAL, "optimal: {:?}", count("optimal"));
    let unlisted: Vec<&String> = failed.difference(&listed).collect();
    let passed: Vec<&String> = listed.difference(&failed).collect();
    assert!(unlisted.is_empty(), "failed, and not listed in http-cache/README.md: {unlisted:?}");
    assert!(passed.is_empty(), "listed in http-cache/README.md, and passed: {passed:?}");
}
