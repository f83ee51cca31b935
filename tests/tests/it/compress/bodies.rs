//! Bodies that are compressed while they are made.

use std::io::{self, Read as _};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use cached_runtime::compress::{Compression, Compressor, Packer, Profile};
use futures_core::Stream;

/// Pieces that come when they are polled, and what comes after them.
struct Pieces {
    left: Vec<Vec<u8>>,
    fails: bool,
}

impl Stream for Pieces {
    type Item = io::Result<Vec<u8>>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left.is_empty() {
            let fails = std::mem::take(&mut self.fails);
            return Poll::Ready(fails.then(|| Err(io::Error::other("the source went away"))));
        }
        Poll::Ready(Some(Ok(self.left.remove(0))))
    }
}

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await
}

fn pieces(count: usize, fails: bool) -> Pieces {
    Pieces { left: (0..count).map(|n| format!("piece {n} of a body; ").into_bytes()).collect(), fails }
}

fn encodings(compressor: &Compressor) -> Vec<(&'static str, &Packer)> {
    ["gzip", "deflate", "zstd"].iter().filter_map(|accept| compressor.response_stream(accept)).collect()
}

fn read(encoding: &str, bytes: &[u8], packer: &Packer) -> io::Result<String> {
    let method = match encoding {
        "gzip" => Compression::Gzip,
        "deflate" => Compression::Zlib,
        _ => Compression::Zstd,
    };
    let mut out = String::new();
    packer.reader(method, bytes).unwrap().read_to_string(&mut out).map(|_| out)
}

#[tokio::test]
async fn a_body_is_whole_on_the_other_side_in_every_encoding() {
    let compressor = Compressor::new();
    for (encoding, packer) in encodings(&compressor) {
        let (mut stream, mut sent, mut times) = (packer.stream(pieces(20_000, false)).unwrap(), Vec::new(), 0);
        while let Some(piece) = next(&mut stream).await {
            sent.extend_from_slice(&piece.unwrap());
            times += 1;
        }
        let body = read(encoding, &sent, packer).unwrap();
        assert!(body.starts_with("piece 0 of") && body.ends_with("piece 19999 of a body; "), "{encoding}");
        assert!(sent.len() * 4 < body.len() && times < 50, "{encoding}: {} bytes in {times} pieces", sent.len());
        assert!(next(&mut stream).await.is_none(), "it stays at its end");
    }
}

#[tokio::test]
async fn what_is_sent_at_once_can_be_read_before_the_rest_is_made() {
    let compressor = Compressor::new();
    for (encoding, packer) in encodings(&compressor) {
        let mut stream = packer.stream(pieces(3, false)).unwrap().at_once();
        let mut sent = next(&mut stream).await.unwrap().unwrap().to_vec();
        let method = if encoding == "gzip" {
            Compression::Gzip
        } else if encoding == "deflate" {
            Compression::Zlib
        } else {
            Compression::Zstd
        };
        let mut first = vec![0; b"piece 0 of a body; ".len()];
        packer.reader(method, sent.as_slice()).unwrap().read_exact(&mut first).unwrap();
        assert_eq!(first, b"piece 0 of a body; ", "{encoding}");
        while let Some(piece) = next(&mut stream).await {
            sent.extend_from_slice(&piece.unwrap());
        }
        assert!(read(encoding, &sent, packer).unwrap().ends_with("piece 2 of a body; "), "{encoding}");
    }
}

#[tokio::test]
async fn a_source_that_fails_is_told_and_its_body_has_no_end() {
    let compressor = Compressor::new();
    for (encoding, packer) in encodings(&compressor) {
        let (mut stream, mut sent, mut failed) = (packer.stream(pieces(20_000, true)).unwrap(), Vec::new(), 0);
        while let Some(piece) = next(&mut stream).await {
            match piece {
                Ok(piece) => sent.extend_from_slice(&piece),
                Err(error) => failed += usize::from(error.to_string() == "the source went away"),
            }
        }
        assert_eq!(failed, 1);
        assert!(read(encoding, &sent, packer).is_err(), "{encoding}: who reads it knows that something is missing");
    }
}

/// Counts how often the task is to be polled again.
#[derive(Debug, Default)]
struct Calls(AtomicU64);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Of zeros nothing can be sent for long: others get their turn meanwhile.
#[test]
fn a_body_that_compresses_to_nothing_does_not_hold_its_task() {
    let compressor = Compressor::new();
    for (encoding, packer) in encodings(&compressor) {
        for (count, len) in [(2_000, 16), (50, 64 << 10)] {
            let calls = Arc::new(Calls::default());
            let (waker, mut turns, mut sent) = (Waker::from(Arc::clone(&calls)), 0, Vec::new());
            let left = vec![vec![0; len]; count];
            let mut stream = packer.stream(Pieces { left, fails: false }).unwrap();
            loop {
                match Pin::new(&mut stream).poll_next(&mut Context::from_waker(&waker)) {
                    Poll::Ready(None) => break,
                    Poll::Ready(Some(piece)) => {
                        let piece = piece.unwrap();
                        assert!(!piece.is_empty(), "{encoding}");
                        sent.extend_from_slice(&piece);
                    }
                    Poll::Pending => turns += 1,
                }
            }
            assert!(turns >= 10, "{encoding}: {turns} turns for others in {count} pieces of {len}");
            assert_eq!(calls.0.load(Ordering::SeqCst), turns, "and each time it asks to be polled again");
            let body = read(encoding, &sent, packer).unwrap();
            assert_eq!(body.len(), count * len);
        }
    }
}

#[tokio::test]
async fn no_piece_is_empty() {
    let plain = Compressor::builder().profile(Profile::new("plain").method(Compression::None)).build().unwrap();
    let nothing = || Pieces { left: vec![Vec::new(); 3], fails: false };
    for stream in
        [plain.profile("plain").unwrap().stream(nothing()), plain.profile("plain").unwrap().stream(pieces(0, false))]
    {
        assert!(next(&mut stream.unwrap()).await.is_none(), "nothing of nothing");
    }
    let compressor = Compressor::new();
    for (encoding, packer) in encodings(&compressor) {
        for at_once in [false, true] {
            let mut stream = packer.stream(nothing()).unwrap();
            if at_once {
                stream = stream.at_once();
            }
            let mut sent = Vec::new();
            while let Some(piece) = next(&mut stream).await {
                let piece = piece.unwrap();
                assert!(!piece.is_empty(), "{encoding}");
                sent.extend_from_slice(&piece);
            }
            assert_eq!(read(encoding, &sent, packer).unwrap(), "", "{encoding}: an empty body has an end, too");
        }
    }
}
