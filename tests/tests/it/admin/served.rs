//! A server of its own, and clients that do not behave.

use std::time::Duration;

use cached_runtime::Cache;
use cached_runtime::admin::Admin;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::WRITE;
use crate::rig::soon;

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn on_loopback_everybody_on_the_machine_reads_and_nobody_changes() {
    let cache = Cache::builder().build().unwrap();
    let serving = Admin::new(&cache).serve("127.0.0.1:0").await.unwrap();
    let answer = soon("it answers", get(serving.address(), "/api/v1/cache/health")).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("healthy"), "{answer}");
    serving.stop().await;
    let with_token = Admin::new(&cache).write_token(WRITE).serve("127.0.0.1:0").await.unwrap();
    let answer = soon("it answers", get(with_token.address(), "/api/v1/cache/health")).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let address = with_token.address();
    drop(with_token);
    soon("nobody listens any more", async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Clients that hold connections and say nothing leave room for others.
#[tokio::test]
async fn silent_clients_keep_nobody_waiting() {
    let cache = Cache::builder().build().unwrap();
    let serving = Admin::new(&cache).serve("127.0.0.1:0").await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(serving.address()).await.unwrap();
        stream.write_all(b"GET /api/v1/cache/stats HTTP/1.1\r\nhost: loc").await.unwrap();
        silent.push(stream);
    }
    let answer = soon("it answers", get(serving.address(), "/api/v1/cache/health")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    soon("it stops", serving.stop()).await;
}

/// Heads without end, bytes that are no HTTP: the connection ends, the server does not.
#[tokio::test]
async fn what_is_no_request_ends_its_connection_alone() {
    let cache = Cache::builder().build().unwrap();
    let serving = Admin::new(&cache).serve("127.0.0.1:0").await.unwrap();
    for hostile in [
        b"\x16\x03\x01\x02\x00".to_vec(),
        [b"GET / HTTP/1.1\r\nx: ".as_slice(), &vec![b'a'; 200_000], b"\r\n\r\n"].concat(),
        b"GET /\r\n\r\n".to_vec(),
        b"POST /api/v1/cache/clear HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n".to_vec(),
    ] {
        let mut stream = TcpStream::connect(serving.address()).await.unwrap();
        // It may be gone before all is written.
        let _written = stream.write_all(&hostile).await;
        let mut answer = Vec::new();
        let _read = soon("it ends", stream.read_to_end(&mut answer)).await;
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&answer));
    }
    let answer = soon("it answers", get(serving.address(), "/api/v1/cache/health")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
