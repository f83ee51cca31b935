//! A small reverse proxy that caches.
//!
//! `cargo run --example proxy -- 127.0.0.1:8000 127.0.0.1:8080` puts it at the second address before the origin at the
//! first. Without arguments it shows what it does, before an origin of its own. The public suite of tests for HTTP
//! caches runs against it in `tests/tests/response/suite.rs`.

mod proxy;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::routing::get;
use cached_runtime::Cache;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next(), arguments.next()) {
        (None, _) => show().await,
        (Some(origin), listen) => {
            let origin: SocketAddr = origin.parse().context("the origin is an address such as 127.0.0.1:8000")?;
            let listener = TcpListener::bind(listen.as_deref().unwrap_or("127.0.0.1:8080")).await?;
            println!("http://{} before http://{origin}", listener.local_addr()?);
            let responses = proxy::responses(&Cache::builder().build()?)?;
            Ok(proxy::serve(listener, origin, responses).await?)
        }
    }
}

/// Twenty clients at once, then one who has it already, then one who changes it.
async fn show() -> anyhow::Result<()> {
    let asked = Arc::new(AtomicU32::new(0));
    let origin = TcpListener::bind("127.0.0.1:0").await?;
    let at = origin.local_addr()?;
    let count = Arc::clone(&asked);
    let page = move || async move {
        let number = count.fetch_add(1, Ordering::Relaxed) + 1;
        ([("cache-control", "max-age=60"), ("etag", "\"first\"")], format!("answer {number}\n").repeat(500))
    };
    let router = Router::new().route("/page", get(page).put(|| async { StatusCode::NO_CONTENT }));
    tokio::spawn(async move { axum::serve(origin, router).await });

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/page", listener.local_addr()?);
    let responses = proxy::responses(&Cache::builder().build()?)?;
    tokio::spawn(proxy::serve(listener, at, responses.clone()));

    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let ask = |method: &str, field: (&str, &str)| {
        let request = Request::builder().method(method).uri(&url).header(field.0, field.1).body(Empty::new());
        let client = client.clone();
        async move {
            let (head, body) = client.request(request?).await?.into_parts();
            Ok::<_, anyhow::Error>((head, body.collect().await?.to_bytes()))
        }
    };
    let herd: Vec<_> = (0..20).map(|_| tokio::spawn(ask("GET", ("accept", "*/*")))).collect();
    for one in herd {
        ensure!(one.await??.0.status == StatusCode::OK);
    }
    println!("20 requests at once, {} of them reached the origin", asked.load(Ordering::Relaxed));
    ensure!(asked.load(Ordering::Relaxed) == 1);

    let (head, body) = ask("GET", ("accept-encoding", "br, gzip")).await?;
    println!("in {:?}: {} bytes instead of {}", head.headers["content-encoding"], body.len(), "answer 1\n".len() * 500);
    ensure!(head.headers["content-encoding"] == "br" && body.len() < 100);

    let (head, _) = ask("GET", ("if-none-match", "\"first\"")).await?;
    println!("who has it already is told so: {}; {:?}", head.status, head.headers["cache-status"]);
    ensure!(head.status == StatusCode::NOT_MODIFIED);

    ask("PUT", ("accept", "*/*")).await?;
    ask("GET", ("accept", "*/*")).await?;
    println!("after a change it is asked for again: {:?}", responses.stats());
    ensure!(asked.load(Ordering::Relaxed) == 2);
    Ok(())
}
