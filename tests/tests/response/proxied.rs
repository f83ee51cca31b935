//! The proxy of `examples/proxy`: what a client says of its connection changes nothing for others.

use std::net::{Ipv4Addr, SocketAddr};

use cached_runtime::Cache;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::suite::proxy;

/// An origin that answers with the host and the language that it is asked for.
async fn origin() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let page = |headers: http::HeaderMap| async move {
        let of = |name: &str| headers.get(name).map_or("none", |value| value.to_str().unwrap()).to_owned();
        let text = format!("{} in {}", of("host"), of("accept-language"));
        ([("cache-control", "max-age=60"), ("vary", "accept-language")], text)
    };
    let router = axum::Router::new().route("/page", axum::routing::get(page));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// What is sent back for these lines.
async fn told(proxy: SocketAddr, lines: &[&str]) -> String {
    let mut stream = TcpStream::connect(proxy).await.unwrap();
    let head = format!("{}\r\nconnection: close\r\n\r\n", lines.join("\r\n"));
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn what_is_listed_as_of_one_connection_poisons_nothing() {
    let responses = proxy::responses(&Cache::builder().build().unwrap()).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(proxy::serve(listener, origin().await, responses));
    let asks = "GET /page HTTP/1.1";
    for tricks in [
        &[asks, "host: shop.test", "connection: host"][..],
        &[asks, "host: shop.test", "accept-language: de", "connection: accept-language, HOST"],
        &["GET http://shop.test/page HTTP/1.1", "host: evil.test"],
        &[asks, "host: shop.test", "host: evil.test"],
    ] {
        drop(told(at, tricks).await);
        assert!(told(at, &[asks, "host: shop.test"]).await.ends_with("shop.test in none"), "{tricks:?}");
        let german = told(at, &[asks, "host: shop.test", "accept-language: de"]).await;
        assert!(german.ends_with("shop.test in de"), "{tricks:?}: {german}");
    }
    assert!(told(at, &[asks, "host: a", "host: b"]).await.starts_with("HTTP/1.1 400"));
    let whole = told(at, &["GET http://whole.test/page HTTP/1.1", "host: evil.test"]).await;
    assert!(whole.ends_with("whole.test in none"), "{whole}");
}
