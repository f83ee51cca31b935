//! Requests per second of an answer from the response cache, beside the bare handler and tower-http's compression: in
//! this process, over a loopback socket by a client that keeps its connection, and by `wrk` with 32 connections, where
//! that is installed. Contestants take turns; medians count.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cached_runtime::Cache;
use cached_runtime::response::{Encoding, ResponseCache};
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};
use tower_http::compression::CompressionLayer;

const ROUNDS: usize = 7;
const IN_PROCESS: u32 = 4_000;
const OVER_SOCKET: u32 = 1_500;

/// A page of about 8 KiB, made for each request as handlers do.
async fn handler<A>(_: Request<A>) -> Result<Response<Full<Bytes>>, Infallible> {
    static PAGE: std::sync::OnceLock<Bytes> = std::sync::OnceLock::new();
    let page = PAGE.get_or_init(|| {
        let rows: Vec<String> =
            (0..140).map(|n| format!("{{\"id\":{n},\"name\":\"number {n}\",\"price\":{}}}", n * 37 % 991)).collect();
        format!("[{}]", rows.join(",\n")).into()
    });
    let mut response = Response::new(Full::new(page.clone()));
    response.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
    response.headers_mut().insert(CACHE_CONTROL, "max-age=3600".parse().unwrap());
    response.headers_mut().insert(ETAG, "\"page\"".parse().unwrap());
    Ok(response)
}

fn request<A>(accept: &str, body: A) -> Request<A> {
    let request = Request::builder().uri("/page").header("host", "localhost");
    let request = if accept.is_empty() { request } else { request.header(ACCEPT_ENCODING, accept) };
    request.body(body).unwrap()
}

fn responses() -> ResponseCache {
    let cache = Cache::builder().build().unwrap();
    ResponseCache::builder(&cache).compress([Encoding::Brotli, Encoding::Gzip]).build().unwrap()
}

/// Requests per second of one round.
type Round<'a> = Box<dyn FnMut() -> f64 + 'a>;

struct Row<'a> {
    name: &'static str,
    round: Round<'a>,
    took: Vec<f64>,
}

fn row<'a>(name: &'static str, round: impl FnMut() -> f64 + 'a) -> Row<'a> {
    Row { name, round: Box::new(round), took: Vec::new() }
}

/// All take turns; the first is what the others are compared with.
fn compare(title: &str, mut rows: Vec<Row<'_>>) {
    for round in 0..=ROUNDS {
        for row in &mut rows {
            let rate = (row.round)();
            // The first one warms up.
            if round > 0 {
                row.took.push(rate);
            }
        }
    }
    println!("\n{title}\n{:<44} {:>12} {:>10}", "", "requests/s", "of bare");
    let rates: Vec<f64> = rows.iter_mut().map(|row| median(&mut row.took)).collect();
    for (row, rate) in rows.iter().zip(&rates) {
        println!("{:<44} {rate:>12.0} {:>9.3}x", row.name, rate / rates[0]);
    }
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn rate(count: u32, took: Duration) -> f64 {
    f64::from(count) / took.as_secs_f64()
}

/// One round in this process.
fn calls<S, B>(runtime: &Runtime, service: S, accept: &'static str) -> impl FnMut() -> f64
where
    S: Service<Request<Empty<Bytes>>, Response = Response<B>, Error = Infallible> + Clone,
    B: Body,
    B::Error: std::fmt::Debug,
{
    move || {
        runtime.block_on(async {
            let began = Instant::now();
            for _ in 0..IN_PROCESS {
                let response = service.clone().oneshot(request(accept, Empty::new())).await.unwrap();
                let body = response.into_body().collect().await.map_err(drop).unwrap();
                std::hint::black_box(body.to_bytes());
            }
            rate(IN_PROCESS, began.elapsed())
        })
    }
}

/// A server for one service, and one connection to it.
fn connected<S, B>(runtime: &Runtime, service: S) -> SendRequest<Empty<Bytes>>
where
    S: Service<Request<hyper::body::Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            http1::Builder::new().serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await
        });
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        client
    })
}

/// One round over a socket.
fn sent(runtime: &Runtime, mut client: SendRequest<Empty<Bytes>>, accept: &'static str) -> impl FnMut() -> f64 {
    move || {
        runtime.block_on(async {
            let began = Instant::now();
            for _ in 0..OVER_SOCKET {
                client.ready().await.unwrap();
                let response = client.send_request(request(accept, Empty::new())).await.unwrap();
                std::hint::black_box(response.into_body().collect().await.unwrap().to_bytes());
            }
            rate(OVER_SOCKET, began.elapsed())
        })
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (kept, packed) = (responses(), CompressionLayer::new());
    compare(
        "In this process, 8 KiB of JSON",
        vec![
            row("bare handler", calls(&runtime, service_fn(handler), "")),
            row("response cache, as it is", calls(&runtime, kept.layer(service_fn(handler)), "")),
            row("tower-http compression, gzip", calls(&runtime, packed.layer(service_fn(handler)), "gzip")),
            row("response cache, gzip", calls(&runtime, kept.layer(service_fn(handler)), "gzip")),
            row("tower-http compression, br", calls(&runtime, packed.layer(service_fn(handler)), "br")),
            row("response cache, br", calls(&runtime, kept.layer(service_fn(handler)), "br")),
        ],
    );
    let bare = connected(&runtime, service_fn(handler));
    let hit = connected(&runtime, kept.layer(service_fn(handler)));
    let hit_gzip = connected(&runtime, kept.layer(service_fn(handler)));
    let gzip = connected(&runtime, packed.layer(service_fn(handler)));
    let hit_br = connected(&runtime, kept.layer(service_fn(handler)));
    let br = connected(&runtime, packed.layer(service_fn(handler)));
    compare(
        "Over a loopback socket, one connection, client and server in one thread",
        vec![
            row("bare handler", sent(&runtime, bare, "")),
            row("response cache, as it is", sent(&runtime, hit, "")),
            row("tower-http compression, gzip", sent(&runtime, gzip, "gzip")),
            row("response cache, gzip", sent(&runtime, hit_gzip, "gzip")),
            row("tower-http compression, br", sent(&runtime, br, "br")),
            row("response cache, br", sent(&runtime, hit_br, "br")),
        ],
    );
    by_wrk(&kept, &packed);
    println!("\n{:?}", kept.stats());
}

/// A server with a thread of its own, which serves each connection until it is closed, and where it is.
fn served<S, B>(service: S) -> SocketAddr
where
    S: Service<Request<hyper::body::Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Ends with the process.
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let service = TowerToHyperService::new(service.clone());
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
    });
    address
}

/// One round by `wrk`: 32 connections, two seconds.
fn wrk(address: SocketAddr, accept: &'static str) -> impl FnMut() -> f64 {
    move || {
        let accept = format!("accept-encoding: {accept}");
        let said = Command::new("wrk")
            .args(["-t1", "-c32", "-d2s", "-H", &accept, &format!("http://{address}/page")])
            .output()
            .unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        assert!(!said.contains("Non-2xx") && !said.contains("Socket errors"), "{said}");
        let rate = said.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:"));
        rate.expect("wrk says how many").trim().parse().unwrap()
    }
}

fn by_wrk(kept: &ResponseCache, packed: &CompressionLayer) {
    if Command::new("wrk").arg("-v").output().is_err() {
        println!("\nwrk is not installed: its part is left out");
        return;
    }
    let (bare, packed) = (served(service_fn(handler)), served(packed.layer(service_fn(handler))));
    let kept = served(kept.layer(service_fn(handler)));
    compare(
        "By wrk, 32 connections, the server in one thread",
        vec![
            row("bare handler", wrk(bare, "identity")),
            row("response cache, as it is", wrk(kept, "identity")),
            row("tower-http compression, gzip", wrk(packed, "gzip")),
            row("response cache, gzip", wrk(kept, "gzip")),
            row("tower-http compression, br", wrk(packed, "br")),
            row("response cache, br", wrk(kept, "br")),
        ],
    );
}
