//! Thousands who look on: who may change something is answered, the cache goes on, and all is given back.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};

use cached_runtime::admin::{Admin, Serving};
use cached_runtime::clock::Clock;
use cached_runtime::testing::Operation;
use cached_runtime::tier::memory::MemoryTier;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use super::{READ, WRITE, ask, page, request};
use crate::rig::{LONG, World, soon};
use crate::shelf::eventually;

/// As many as a server holds.
const SEATS: usize = 256;
/// What a dashboard asks for.
const PATHS: [&str; 5] =
    ["/api/v1/cache/stats", "/api/v1/cache/health", "/api/v1/cache/history", "/admin/cache", "/metrics"];

/// So many, or as many as this process may have descriptors for.
fn clients() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3)?.parse::<usize>().ok()).unwrap_or(256);
    2_000.min(soft.saturating_sub(2 * SEATS + 100))
}

fn head(method: &str, path: &str, token: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One request, and the whole of its answer: the status, and the head.
async fn talk(stream: &mut TcpStream, request: &str) -> Result<(u16, String)> {
    stream.write_all(request.as_bytes()).await?;
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
            let length =
                head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse::<usize>().ok());
            let length = length.ok_or(ErrorKind::InvalidData)?;
            if read.len() >= end + 4 + length {
                let status =
                    head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(ErrorKind::InvalidData)?;
                return Ok((status, head));
            }
        }
        if stream.read_buf(&mut read).await? == 0 {
            return Err(Error::from(ErrorKind::UnexpectedEof));
        }
    }
}

/// What a crowd does, and what was seen of it.
#[derive(Default)]
struct Crowd {
    over: AtomicBool,
    here: AtomicUsize,
    answered: AtomicU64,
    told_to_wait: AtomicU64,
    /// Answers that should not be.
    wrong: std::sync::Mutex<Vec<String>>,
}

impl Crowd {
    fn is_over(&self) -> bool {
        self.over.load(SeqCst)
    }

    fn saw(&self, path: &str, (status, head): &(u16, String)) {
        match status {
            200 => drop(self.answered.fetch_add(1, SeqCst)),
            429 if head.contains("retry-after: 1") => drop(self.told_to_wait.fetch_add(1, SeqCst)),
            _ => self.wrong.lock().unwrap().push(format!("{path}: {head}")),
        }
    }

    /// One client, who comes again when it is sent away: who looks on always, the others a few times.
    async fn join(self: Arc<Self>, number: usize, address: SocketAddr) {
        let mut times = 0;
        while !self.is_over() && (number.is_multiple_of(4) || times < 3) {
            let Ok(mut stream) = TcpStream::connect(address).await else { continue };
            if times == 0 {
                self.here.fetch_add(1, SeqCst);
            }
            times += 1;
            let path = PATHS[number / 4 % PATHS.len()];
            // Who is sent away finds out by an error; that is no wrong answer.
            let _gone = match number % 4 {
                0 => self.look_on(&mut stream, path).await,
                1 => self.stay(&mut stream, "").await,
                2 => self.stay(&mut stream, "GET /api/v1/cache/stats HTTP/1.1\r\nhost: loc").await,
                _ => self.hang_up(&mut stream, path).await,
            };
            tokio::task::yield_now().await;
        }
    }

    async fn look_on(&self, stream: &mut TcpStream, path: &str) -> Result<()> {
        while !self.is_over() {
            let answer = talk(stream, &head("GET", path, READ, "")).await?;
            self.saw(path, &answer);
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Says this much and no more, until it is sent away.
    async fn stay(&self, stream: &mut TcpStream, said: &str) -> Result<()> {
        stream.write_all(said.as_bytes()).await?;
        let _end = stream.read_u8().await?;
        Ok(())
    }

    /// Asks, and leaves in the middle of the answer.
    async fn hang_up(&self, stream: &mut TcpStream, path: &str) -> Result<()> {
        stream.write_all(head("GET", path, READ, "").as_bytes()).await?;
        let _some = stream.read_u8().await?;
        Ok(())
    }
}

/// On a machine that may be busy with other tests, too.
async fn operator(address: SocketAddr, method: &str, path: &str, body: &str) -> u16 {
    let answered = async {
        loop {
            // Also the operator may be sent away in the moment in which he begins to ask.
            if let Ok(mut stream) = TcpStream::connect(address).await
                && let Ok((status, _)) = talk(&mut stream, &head(method, path, WRITE, body)).await
            {
                return status;
            }
        }
    };
    tokio::time::timeout(LONG * 3, answered).await.expect("the operator is answered")
}

async fn nobody_is_left(serving: &Serving) {
    eventually("all places are given back", || serving.connections() == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_dashboards_keep_neither_callers_nor_operators_waiting() {
    let world = World::new();
    world.source.gate.open();
    let serving = Admin::new(&world.cache).read_token(READ).write_token(WRITE).serve("127.0.0.1:0").await.unwrap();
    let (address, crowd, clients) = (serving.address(), Arc::new(Crowd::default()), clients());
    assert!(clients >= 2 * SEATS, "raise the limit of open files: there is room for {clients} clients");
    let mut tasks = JoinSet::new();
    for number in 0..clients {
        tasks.spawn(Arc::clone(&crowd).join(number, address));
    }
    eventually("more are here than there are places", || crowd.here.load(SeqCst) > 2 * SEATS).await;
    for round in 0..6 {
        for id in 0..500 {
            assert_eq!(page(&world, &(id % 50).to_string()).await, Ok(0), "a caller does not notice");
        }
        assert!(serving.connections() <= SEATS);
        let (method, path, body) = match round % 4 {
            0 => ("GET", "/api/v1/cache/stats", ""),
            1 => ("GET", "/api/v1/cache/keys/seen:1:page", ""),
            2 => ("POST", "/api/v1/cache/prefetch", r#"{"on": true}"#),
            _ => ("POST", "/api/v1/cache/clear", r#"{"key": "seen:1:page"}"#),
        };
        assert_eq!(operator(address, method, path, body).await, 200, "{path}");
    }
    eventually("all have come", || crowd.here.load(SeqCst) == clients).await;
    let stats = world.cache.stats();
    let site = stats.site("admin.page").unwrap();
    assert_eq!((site.hits + site.misses, site.load_errors), (6 * 500, 0));
    crowd.over.store(true, SeqCst);
    assert_eq!(operator(address, "GET", "/api/v1/cache/health", "").await, 200);
    tasks.shutdown().await;
    nobody_is_left(&serving).await;
    let wrong = crowd.wrong.lock().unwrap().clone();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(crowd.answered.load(SeqCst) > 0);
    assert_eq!(operator(address, "GET", "/admin/cache", "").await, 200, "and it goes on");
    nobody_is_left(&serving).await;
    soon("it stops", serving.stop()).await;
}

/// Who only holds connections keeps nobody out, though all places are his.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_gives_his_place_to_who_asks() {
    let world = World::near_only();
    let serving = Admin::new(&world.cache).write_token(WRITE).serve("127.0.0.1:0").await.unwrap();
    let mut silent = Vec::new();
    for _ in 0..SEATS {
        silent.push(TcpStream::connect(serving.address()).await.unwrap());
    }
    eventually("all places are taken", || serving.connections() == SEATS).await;
    for _ in 0..3 {
        assert_eq!(operator(serving.address(), "GET", "/api/v1/cache/stats", "").await, 200);
    }
    assert!(serving.connections() >= SEATS - 4, "no more than had to go were sent away");
    drop(silent);
    nobody_is_left(&serving).await;
}

/// As many are answered as the rate says, of each standing; not one more, and not one less.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rate_is_kept_to_the_request_for_each_standing() {
    let world = World::near_only();
    let admin = Admin::new(&world.cache).read_token(READ).write_token(WRITE).rate("50/h".parse().unwrap());
    let router = admin.router().unwrap();
    for (token, answered, status) in [(Some(READ), 50, 200), (None, 50, 401), (Some(WRITE), 50, 200)] {
        let mut tasks = JoinSet::new();
        for _ in 0..150 {
            let router = router.clone();
            tasks.spawn(async move {
                let request = request("GET", "/api/v1/cache/health", token, "");
                let response = router.oneshot(request).await.unwrap();
                (response.status().as_u16(), response.headers().contains_key("retry-after"))
            });
        }
        let all = tasks.join_all().await;
        let count = |what: (u16, bool)| all.iter().filter(|answer| **answer == what).count();
        assert_eq!((count((status, false)), count((429, true))), (answered, 150 - answered), "{token:?}: {all:?}");
    }
    // Another scheme is no token: who sends one is a stranger also where everybody reads.
    let open = Admin::new(&world.cache).open_reads(true).write_token(WRITE).rate("2/h".parse().unwrap());
    let open = open.router().unwrap();
    let mut told = Vec::new();
    for scheme in ["Basic", "Basic", "Basic"] {
        let mut asked = request("GET", "/api/v1/cache/health", None, "");
        asked.headers_mut().insert("authorization", format!("{scheme} x").parse().unwrap());
        told.push(ask(&open, asked).await.0.as_u16());
    }
    told.push(ask(&open, request("GET", "/api/v1/cache/health", Some(WRITE), "")).await.0.as_u16());
    assert_eq!(told, [200, 200, 429, 200]);
}

/// Two at a time look at every entry; the third is told to come again, and is answered when one has ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_looks_at_every_entry_does_so_by_twos() {
    let world = World::built(Arc::new(MemoryTier::new()), Clock::manual(), |builder| builder);
    world.source.gate.open();
    page(&world, "1").await.unwrap();
    world.settle().await;
    let router = super::admin(&world.cache).router().unwrap();
    let gate = world.chaos.before(Operation::Get);
    let before = gate.arrivals();
    gate.close();
    let explain = |router: axum::Router| async move {
        let response = router.oneshot(request("GET", "/api/v1/cache/keys/seen:1:page", Some(READ), "")).await.unwrap();
        (response.status().as_u16(), response.headers().contains_key("retry-after"))
    };
    let two = [tokio::spawn(explain(router.clone())), tokio::spawn(explain(router.clone()))];
    soon("two look", gate.arrived(before + 2)).await;
    for _ in 0..100 {
        assert_eq!(explain(router.clone()).await, (503, true));
    }
    let cleanup = request("POST", "/api/v1/cache/cleanup", Some(WRITE), "{}");
    let cleanup = router.clone().oneshot(cleanup).await.unwrap();
    assert_eq!((cleanup.status().as_u16(), cleanup.headers().contains_key("retry-after")), (503, true));
    assert_eq!(page(&world, "1").await, Ok(0), "a caller is answered from near");
    gate.open();
    for one in two {
        assert_eq!(soon("it ends", one).await.unwrap(), (200, false));
    }
    assert_eq!(explain(router.clone()).await, (200, false));
}
