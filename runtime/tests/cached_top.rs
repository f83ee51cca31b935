//! `cached-top` against a real admin API: what it says, and how it ends.

use std::process::{Command, Output};
use std::sync::Arc;

use cached_runtime::admin::Admin;
use cached_runtime::{Cache, SetOptions};

const TOKEN: &str = "a token that writes";

/// Runs it to its end, beside the server.
async fn top(url: String, token: Option<&'static str>, words: &'static [&'static str]) -> Output {
    let run = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cached-top"));
        command.args(words).env("CACHED_ADMIN_URL", url).env_remove("CACHED_ADMIN_TOKEN");
        command.stdin(std::process::Stdio::null());
        if let Some(token) = token {
            command.env("CACHED_ADMIN_TOKEN", token);
        }
        command.output().expect("it runs")
    };
    tokio::task::spawn_blocking(run).await.expect("it ends")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_are_answered_and_changes_are_made() {
    let cache = Cache::builder().build().expect("a cache");
    let names = cache.namespace::<u64>("topped").expect("a namespace");
    names.set_with("a b", 1, SetOptions::new().tag("t"));
    assert_eq!(names.get("a b").await, Some(1));
    let serving = Admin::new(&cache).write_token(TOKEN).open_reads(true).serve("127.0.0.1:0").await.expect("a server");
    let url = format!("http://{}", serving.address());
    let ask = |token, words| top(url.clone(), token, words);

    let stats = ask(None, &["stats"]).await;
    assert!(stats.status.success() && said(&stats).contains("topped"), "{}", said(&stats));
    let as_json = ask(None, &["stats", "--json"]).await;
    let told: serde_json::Value = serde_json::from_slice(&as_json.stdout).expect("JSON");
    assert_eq!(told["cache"]["hits"], 1);
    let health = ask(None, &["health"]).await;
    assert!(health.status.success() && said(&health).contains("healthy"), "{}", said(&health));
    let explained = ask(None, &["explain", "topped:a%20b"]).await;
    assert!(said(&explained).contains("hit, near has it"), "{}", said(&explained));

    let unasked = ask(Some(TOKEN), &["clear", "--tag", "t"]).await;
    assert!(!unasked.status.success() && said(&unasked).contains("--yes"), "{}", said(&unasked));
    let untold = ask(None, &["clear", "--tag", "t", "--yes"]).await;
    assert!(!untold.status.success() && said(&untold).contains("401"), "{}", said(&untold));
    assert_eq!(names.get("a b").await, Some(1), "nothing was cleared");
    let cleared = ask(Some(TOKEN), &["clear", "--tag", "t", "--yes"]).await;
    assert!(cleared.status.success() && said(&cleared).contains("applied"), "{}", said(&cleared));
    assert_eq!(names.get("a b").await, None);
    let wrong = ask(Some(TOKEN), &["clear", "--pattern", "[a]", "--yes"]).await;
    assert!(said(&wrong).contains("422") && said(&wrong).contains("`pattern`"), "{}", said(&wrong));
    let no_jobs = ask(Some(TOKEN), &["warm"]).await;
    assert!(said(&no_jobs).contains("409"), "{}", said(&no_jobs));
    for output in [&cleared, &wrong, &untold] {
        assert!(!said(output).contains(TOKEN), "a token is not shown");
    }
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_are_begun_and_a_cache_that_is_away_is_told() {
    let cache = Cache::builder().build().expect("a cache");
    let warmer = Arc::new(cache.warmup().start().expect("a warm-up"));
    let serving = Admin::new(&cache).write_token(TOKEN).warmer(&warmer).serve("127.0.0.1:0").await.expect("a server");
    let url = format!("http://{}", serving.address());
    let nobody = top(url.clone(), Some(TOKEN), &["warm", "nobody"]).await;
    assert!(said(&nobody).contains("no such job"), "{}", said(&nobody));
    serving.stop().await;
    let away = top(url, Some(TOKEN), &["stats"]).await;
    assert!(!away.status.success() && said(&away).contains("does not answer"), "{}", said(&away));
    let help = top("http://127.0.0.1:1".to_owned(), None, &["--help"]).await;
    assert!(help.status.success() && said(&help).contains("cached-top [OPTIONS]"));
}
