//! A source that hangs, or may only be asked so often, is no worse off for being audited; nor is who calls.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cached_runtime::audit::{AuditOptions, AuditReport};
use cached_runtime::{Cache, cache};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::rig::{Down, World, soon};
use crate::shelf::eventually;

const SECOND: Duration = Duration::from_secs(1);

#[cache(key = "hanging:{id}", ttl = "1h", jitter = 0.0, skip(world), cache = &world.cache)]
async fn patient(world: &World, id: u32) -> Result<u64, Down> {
    world.source.read().await
}

#[cache(key = "hanging-briefly:{id}", ttl = "1h", timeout = "2s", jitter = 0.0, skip(world), cache = &world.cache)]
async fn brief(world: &World, id: u32) -> Result<u64, cached_runtime::Error> {
    Ok(world.source.read().await.unwrap_or_default())
}

#[cache(key = "hanging-rate:{id}", ttl = "1h", rate = "6/s", jitter = 0.0, skip(world), cache = &world.cache)]
async fn rated(world: &World, id: u32) -> Result<u64, cached_runtime::Error> {
    Ok(world.source.read().await.unwrap_or_default())
}

/// Near alone: with a tier's threads beside it, a clock of tokio that stands still would run ahead.
fn world(at_once: usize) -> World {
    let world = World::near_only();
    world.source.gate.open();
    let options = AuditOptions::new().each(1).at_once(at_once);
    let cache = Cache::builder().clock(world.clock.clone()).seed(7).audit(options).build().unwrap();
    World { cache, ..world }
}

fn report(world: &World) -> AuditReport {
    world.cache.audit_report().unwrap()
}

/// Hits, all answered at once, until this is so.
macro_rules! hits_until {
    ($call:expr, $is_so:expr) => {{
        let mut calls = 0;
        while !$is_so {
            assert_eq!($call.await.unwrap(), 0, "a caller is answered as ever");
            tokio::task::yield_now().await;
            calls += 1;
            assert!(calls < 200_000, "one of these is due");
        }
    }};
}

#[tokio::test(start_paused = true)]
async fn a_source_that_hangs_holds_one_audit_for_a_minute_and_no_caller() {
    let world = world(1);
    patient(&world, 1).await.unwrap();
    world.source.gate.close();
    hits_until!(patient(&world, 1), world.source.running() == 1);
    hits_until!(patient(&world, 1), report(&world).left_out >= 5);
    assert_eq!((world.source.reads(), world.source.running()), (2, 1), "one at a time");
    tokio::time::advance(SECOND * 59).await;
    assert_eq!((report(&world).unknown, world.source.running()), (0, 1));
    tokio::time::advance(SECOND * 2).await;
    eventually("it is given up", || report(&world).unknown == 1).await;
    assert_eq!(world.source.running(), 0, "and its body is gone");
    world.source.gate.open();
    hits_until!(patient(&world, 1), report(&world).checked == 1);
    assert_eq!(report(&world).stale, 0, "room was given back");
}

#[tokio::test(start_paused = true)]
async fn an_audit_takes_no_longer_than_the_function_may() {
    let world = world(4);
    brief(&world, 1).await.unwrap();
    world.source.gate.close();
    hits_until!(brief(&world, 1), world.source.running() == 4);
    tokio::time::advance(SECOND * 2 - Duration::from_millis(1)).await;
    assert_eq!(report(&world).unknown, 0);
    tokio::time::advance(Duration::from_millis(2)).await;
    eventually("all are given up", || report(&world).unknown == 4).await;
    assert_eq!((world.source.running(), world.source.peak()), (0, 4));
    assert_eq!(world.cache.stats().total().timeouts, 0, "no call was given up");
}

/// Hits of one second by the virtual clock; how often the source was asked meanwhile.
async fn second(world: &World, hits: u32) -> u64 {
    let before = world.source.reads();
    for step in 0..10 {
        for _ in 0..hits / 10 {
            rated(world, 1).await.unwrap();
            tokio::task::yield_now().await;
        }
        // Two of ten steps have a miss of their own, which no audit may keep from being loaded.
        if step % 5 == 0 {
            let id = u32::try_from(world.source.reads()).unwrap() + 1_000;
            rated(world, id).await.unwrap();
        }
        world.clock.advance(SECOND / 10);
    }
    world.source.reads() - before
}

#[tokio::test]
async fn audits_keep_to_the_rate_and_leave_half_of_it_to_loads() {
    let world = world(64);
    rated(&world, 1).await.unwrap();
    let mut asked = Vec::new();
    for _ in 0..10 {
        asked.push(second(&world, 5_000).await);
    }
    // Six a second, and what was saved up before.
    assert!(asked[1..].iter().all(|reads| *reads <= 6), "{asked:?}");
    assert!(asked.iter().sum::<u64>() <= 6 + 6 * 10, "{asked:?}");
    let told = report(&world);
    assert!(told.checked + told.unknown >= 20 && told.left_out > 0, "it audits all the same: {told:?}");
    assert_eq!(world.cache.stats().total().rate_refused, 0, "nobody was refused a load for an audit");
    assert_eq!(told.stale, 0);
}

/// The control: without a rate of its own the source is asked as often as there are audits.
#[tokio::test]
async fn control_without_a_rate_audits_are_as_many_as_are_due() {
    let world = world(64);
    patient(&world, 1).await.unwrap();
    let began = world.source.reads();
    hits_until!(patient(&world, 1), world.source.reads() - began > 60);
}

/// A server over loopback: the head and half of the body, and then nothing, once it is told to hang.
struct Upstream {
    address: SocketAddr,
    hangs: Arc<AtomicBool>,
    /// Connections that hang, and those that their client has closed.
    held: Arc<AtomicU64>,
    left: Arc<AtomicU64>,
}

impl Upstream {
    async fn begin() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = Self {
            address: listener.local_addr().unwrap(),
            hangs: Arc::default(),
            held: Arc::default(),
            left: Arc::default(),
        };
        let (hangs, held, left) = (Arc::clone(&upstream.hangs), Arc::clone(&upstream.held), Arc::clone(&upstream.left));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (hangs, held, left) = (Arc::clone(&hangs), Arc::clone(&held), Arc::clone(&left));
                tokio::spawn(async move {
                    let mut asked = [0; 4];
                    stream.read_exact(&mut asked).await.unwrap();
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf").await.unwrap();
                    if !hangs.load(SeqCst) {
                        stream.write_all(b"rest").await.unwrap();
                        return;
                    }
                    held.fetch_add(1, SeqCst);
                    // It ends when the client goes.
                    let _end = stream.read(&mut asked).await;
                    left.fetch_add(1, SeqCst);
                });
            }
        });
        upstream
    }
}

#[cache(key = "hanging-body:{id}", ttl = "1h", timeout = "300ms", jitter = 0.0, skip(world, address), cache = &world.cache)]
async fn fetched(world: &World, id: u32, address: SocketAddr) -> Result<String, cached_runtime::Error> {
    let mut text = String::new();
    if let Ok(mut stream) = TcpStream::connect(address).await {
        stream.write_all(b"GET ").await.unwrap();
        let _read = stream.read_to_string(&mut text).await;
    }
    Ok(text)
}

#[tokio::test]
async fn a_body_that_stops_half_way_is_let_go() {
    let (world, upstream) = (world(2), Upstream::begin().await);
    let whole = fetched(&world, 1, upstream.address).await.unwrap();
    assert!(whole.ends_with("halfrest"));
    upstream.hangs.store(true, SeqCst);
    let two_hang = async {
        while upstream.held.load(SeqCst) < 2 {
            assert_eq!(fetched(&world, 1, upstream.address).await.unwrap(), whole, "a caller is answered as ever");
            tokio::task::yield_now().await;
        }
    };
    soon("two audits hang", two_hang).await;
    eventually("both are given up, and their connections closed", || {
        report(&world).unknown >= 2 && upstream.left.load(SeqCst) >= 2
    })
    .await;
    upstream.hangs.store(false, SeqCst);
    let checked = async {
        while report(&world).checked == 0 {
            fetched(&world, 1, upstream.address).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    soon("the next audit is made", checked).await;
    assert_eq!((report(&world).stale, report(&world).met), (0, true));
}
