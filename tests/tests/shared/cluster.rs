//! A cluster of three servers: slots that move under load, a server that is away, one that comes back with what it had
//! forgotten to remove, and the log's own server gone (R20).

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cached_runtime::{Applied, cache};
use kit::{RedisCluster, Reply};

use crate::ear::Ear;
use crate::leased::{all_answered, loads_of};
use crate::rig::{LONG, Node, Source, eventually, figure, soon, within};

#[cache(key = "part:{id}", tags = ["part:{id}", "part"], ttl = "1h", cache = node.cache, skip(node))]
async fn row(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

#[cache(key = "turn:{id}", ttl = "1h", lock = "cluster", cache = node.cache, skip(node))]
async fn turn(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    let read = node.source.read().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    read
}

/// Servers that go on when one of them is away.
fn cluster() -> RedisCluster {
    RedisCluster::with(&["--cluster-require-full-coverage", "no"])
}

fn url(cluster: &RedisCluster) -> String {
    let places: Vec<String> = cluster.nodes().iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
    format!("redis+cluster://{}", places.join(","))
}

async fn two(cluster: &RedisCluster) -> (Node, Node) {
    let source = Arc::new(Source::default());
    (Node::joined(&url(cluster), &source).await, Node::joined(&url(cluster), &source).await)
}

async fn sees(node: &Node, id: u64, truth: u64) {
    let start = Instant::now();
    while row(node, id).await.unwrap() != truth {
        assert!(start.elapsed() < Duration::from_secs(4), "the node still serves an older value than {truth} of {id}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn owner_of(cluster: &RedisCluster, id: u64) -> usize {
    cluster.owner(cluster.slot(&format!("cached:v:{{part:{id}}}")))
}

fn owner_of_log(cluster: &RedisCluster) -> usize {
    cluster.owner(cluster.slot("cached:{log}:meta"))
}

/// Ids whose frames are on this server.
fn ids_on(cluster: &RedisCluster, server: usize, n: usize) -> Vec<u64> {
    (0..).filter(|id| owner_of(cluster, *id) == server).take(n).collect()
}

fn has_frame(cluster: &RedisCluster, id: u64) -> bool {
    let server = &cluster.nodes()[owner_of(cluster, id)];
    server.command(&["EXISTS", &format!("cached:v:{{part:{id}}}")]) == Reply::Int(1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_are_spread_and_every_kind_of_invalidation_reaches_other_nodes() {
    let (cluster, source) = (cluster(), Arc::new(Source::default()));
    let (a, b) = (Node::patient(&url(&cluster), &source).await, Node::patient(&url(&cluster), &source).await);
    for id in 0..60 {
        row(&a, id).await.unwrap();
    }
    a.settled().await;
    for id in 0..60 {
        row(&b, id).await.unwrap();
    }
    assert_eq!(a.source.reads(), 60, "the other node finds all of them in the cluster");
    let owners: BTreeSet<usize> = (0..60).map(|id| owner_of(&cluster, id)).collect();
    assert_eq!(owners.len(), 3);
    let mut truth = 0;
    for kind in 0..4 {
        truth += 1;
        a.source.write(truth);
        let applied = match kind {
            0 => a.cache.invalidate_key(&row::key(&a, 7)).await,
            1 => a.cache.invalidate_tags(["part:7"]).await,
            2 => a.cache.invalidate_pattern("part:7*").await.unwrap(),
            _ => a.cache.invalidate_namespace("part").await.unwrap(),
        };
        a.taken(applied).await;
        assert_eq!(row(&a, 7).await, Ok(truth));
        let start = Instant::now();
        sees(&b, 7, truth).await;
        figure("cluster", format!("the other node knows after {:?}", start.elapsed()));
        a.settled().await;
        let fresh = Node::patient(&url(&cluster), &a.source).await;
        assert_eq!(row(&fresh, 7).await, Ok(truth), "and one that comes later");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_herd_over_a_cluster_is_one_load() {
    let cluster = cluster();
    let (a, b) = two(&cluster).await;
    let callers: Vec<Node> = [&a, &b].into_iter().cycle().take(200).cloned().collect();
    let loads = loads_of(&a.source, 1, |id| all_answered(&callers, move |node| async move { turn(&node, id).await }));
    let loads = loads.await;
    assert_eq!(loads.last(), Some(&1), "{loads:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_is_swept_from_all_servers() {
    let cluster = cluster();
    let (a, _b) = two(&cluster).await;
    for id in 0..60 {
        row(&a, id).await.unwrap();
    }
    a.settled().await;
    assert!((0..60).all(|id| has_frame(&cluster, id)));
    let _ = a.cache.invalidate_namespace("part").await;
    eventually("all frames are swept", || (0..60).all(|id| !has_frame(&cluster, id))).await;
}

/// Slots move to and fro while both nodes read and write; some of them stay half way, so that servers answer ASK.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r20_slots_that_move_under_load_fail_no_call_and_serve_nothing_old() {
    let cluster = Arc::new(cluster());
    let (a, b) = two(&cluster).await;
    // The log's own slot stays: its move begins a new epoch.
    let ids: Vec<u64> = (0..24).filter(|id| owner_of(&cluster, *id) != owner_of_log(&cluster)).take(8).collect();
    let over = Arc::new(AtomicBool::new(false));
    let load = |writer: Node, reader: Node, ids: Vec<u64>, over: Arc<AtomicBool>| async move {
        let (mut truth, mut calls, mut queued, mut longest) = (0, 0_u64, 0_u64, Duration::ZERO);
        while !over.load(SeqCst) {
            truth += 1;
            writer.source.write(truth);
            for &id in &ids {
                let start = Instant::now();
                // On a busy machine one may have to wait for its turn: it holds on this node at once, and is told on.
                queued += u64::from(writer.cache.invalidate_key(&row::key(&writer, id)).await == Applied::Queued);
                assert_eq!(row(&writer, id).await, Ok(truth), "what a node has invalidated it never serves again");
                assert!(row(&reader, id).await.is_ok());
                longest = longest.max(start.elapsed());
                calls += 3;
            }
            for &id in &ids {
                sees(&reader, id, truth).await;
            }
        }
        assert!(queued * 4 < calls, "{queued} of {calls} had to wait");
        (truth, calls, longest)
    };
    let load = tokio::spawn(load(a.clone(), b.clone(), ids.clone(), Arc::clone(&over)));
    let moves = {
        let (cluster, ids) = (Arc::clone(&cluster), ids.clone());
        tokio::task::spawn_blocking(move || storm(&cluster, &ids))
    };
    let moves = soon("the moves", moves).await.unwrap();
    over.store(true, SeqCst);
    let (truth, calls, longest) = soon("the load", load).await.unwrap();
    figure("R20", format!("{moves} moves, {calls} calls, 0 failed, 0 old; the longest three took {longest:?}"));
    for &id in &ids {
        let fresh = Node::joined(&url(&cluster), &a.source).await;
        assert_eq!(row(&fresh, id).await, Ok(truth));
    }
}

fn storm(cluster: &RedisCluster, ids: &[u64]) -> usize {
    let mut moves = 0;
    for round in 0..3 {
        for &id in ids {
            let slot = cluster.slot(&format!("cached:v:{{part:{id}}}"));
            let from = cluster.owner(slot);
            let to = (from + 1 + round % 2) % 3;
            cluster.open_move(slot, from, to);
            std::thread::sleep(Duration::from_millis(30));
            cluster.carry_keys(slot, from, to);
            std::thread::sleep(Duration::from_millis(10));
            cluster.carry_keys(slot, from, to);
            cluster.close_move(slot, to);
            moves += 1;
        }
    }
    moves
}

/// A server that is frozen takes its keys with it and no others; what was invalidated meanwhile does not come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r20_a_server_that_is_away_takes_only_its_own_keys_with_it() {
    let cluster = cluster();
    let (a, b) = two(&cluster).await;
    let away = (0..3).find(|server| *server != owner_of_log(&cluster)).unwrap();
    let well = (0..3).find(|server| *server != owner_of_log(&cluster) && *server != away).unwrap();
    let (gone, there) = (ids_on(&cluster, away, 5), ids_on(&cluster, well, 100));
    for &id in gone.iter().chain(&there) {
        row(&a, id).await.unwrap();
    }
    a.settled().await;
    cluster.nodes()[away].freeze();
    a.source.write(1);
    let start = Instant::now();
    for &id in &gone {
        // The log knows.
        a.taken(a.cache.invalidate_key(&row::key(&a, id)).await).await;
        assert_eq!(row(&a, id).await, Ok(1));
    }
    figure("R20", format!("5 invalidations and loads on a frozen server: {:?}", start.elapsed()));
    for &id in &gone {
        sees(&b, id, 1).await;
    }
    let mut times = Vec::new();
    let mut found = 0;
    for &id in &there {
        let start = Instant::now();
        found += usize::from(row(&b, id).await == Ok(0));
        times.push(start.elapsed());
    }
    times.sort();
    figure("R20", format!("meanwhile {found} of 100 found on the others: p50 {:?}, p99 {:?}", times[50], times[98]));
    // On a busy machine some may take longer than a read of Redis may.
    assert!(found >= 80, "{found}");
    assert!(a.cache.shared().unwrap().proven, "the log is followed");
    cluster.nodes()[away].thaw();
    cluster.await_whole();
    // The server still has the frames that it was not told to remove. Whoever comes now has not heard of them either.
    // Only the first few commands were still on their way to it.
    assert!(gone.iter().any(|id| has_frame(&cluster, *id)), "the frozen server was told of all");
    let fresh = Node::joined(&url(&cluster), &a.source).await;
    for &id in &gone {
        assert_eq!(row(&fresh, id).await, Ok(1));
    }
    let start = Instant::now();
    let mut spare = ids_on(&cluster, away, 400).into_iter().skip(5);
    loop {
        let id = spare.next().expect("the server is used again before all of these are asked for");
        row(&a, id).await.unwrap();
        a.settled().await;
        if has_frame(&cluster, id) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    figure("R20", format!("the server is used again {:?} after it was found whole", start.elapsed()));
}

/// Where a server was, someone hangs up on all who call, until they have called again and again.
fn hang_up_on_all(port: u16) -> usize {
    let door = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let start = Instant::now();
    let mut calls = 0;
    while calls == 0 || start.elapsed() < Duration::from_secs(3) {
        drop(door.accept().unwrap());
        calls += 1;
    }
    calls
}

/// Also of a server that was away before the node came: each change is told once, however often it is tried.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r20_a_server_that_was_never_there_is_told_of_and_told_of_again_when_it_comes() {
    let cluster = cluster();
    let ear = Ear::all();
    let absent = (0..3).find(|server| *server != owner_of_log(&cluster)).unwrap();
    let there = (0..3).find(|server| *server != owner_of_log(&cluster) && *server != absent).unwrap();
    let port = cluster.nodes()[absent].port();
    let (away, well) = (ids_on(&cluster, absent, 6), ids_on(&cluster, there, 5));
    cluster.nodes()[absent].kill();
    let door = tokio::task::spawn_blocking(move || hang_up_on_all(port));
    let place = format!("redis+cluster://127.0.0.1:{}", cluster.nodes()[there].port());
    let node = Node::joined(&place, &Arc::new(Source::default())).await;
    let calls = soon("it is tried again and again", door).await.unwrap();
    for &id in away[1..].iter().chain(&well) {
        row(&node, id).await.unwrap();
    }
    node.settled().await;
    let stats = &node.cache.stats().tiers[0];
    assert_eq!((stats.written, stats.dropped), (5, 5), "what it would have is not counted as written");
    cluster.nodes()[absent].restart();
    cluster.await_whole();
    let (place, mut told) = (format!("127.0.0.1:{port}"), Vec::new());
    let came = within(LONG, "it is told that the server came", || {
        told = ear.heard(&["a server of the cluster is used again", &place]);
        !told.is_empty()
    });
    figure("R20", format!("{calls} calls in vain; {:?} until the server that came is used", came.await));
    let gone = ear.heard(&["a server of the cluster is away", &place]);
    assert_eq!((gone.len(), told.len()), (1, 1), "{gone:?} {told:?}");
    assert!(ear.heard(&["a server of the cluster is away"]).iter().all(|line| line.contains("WARN")));
    row(&node, away[0]).await.unwrap();
    node.settled().await;
    let stats = &node.cache.stats().tiers[0];
    assert_eq!((stats.written, stats.dropped), (6, 5), "and from now on it is");
}

/// The log's server is killed and comes back without its data: a new epoch, and frames on the others are as if not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r20_a_log_that_is_lost_with_its_server_ends_all_frames() {
    let cluster = RedisCluster::with(&["--cluster-require-full-coverage", "no", "--appendonly", "no"]);
    let (a, b) = two(&cluster).await;
    let log = owner_of_log(&cluster);
    let ids = ids_on(&cluster, (log + 1) % 3, 5);
    for &id in &ids {
        row(&a, id).await.unwrap();
    }
    a.settled().await;
    for &id in &ids {
        row(&b, id).await.unwrap();
    }
    cluster.nodes()[log].kill();
    a.suspect().await;
    a.source.write(1);
    let start = Instant::now();
    for &id in &ids {
        assert_eq!(a.cache.invalidate_tags([format!("part:{id}")]).await, Applied::Queued);
        assert_eq!(row(&a, id).await, Ok(1));
    }
    figure("R20", format!("5 queued invalidations and loads without the log: {:?}", start.elapsed()));
    cluster.nodes()[log].restart();
    cluster.await_whole();
    let start = Instant::now();
    a.proven().await;
    b.proven().await;
    a.settled().await;
    for &id in &ids {
        sees(&b, id, 1).await;
    }
    figure("R20", format!("the log is followed again {:?} after its server was back", start.elapsed()));
    let fresh = Node::joined(&url(&cluster), &a.source).await;
    for &id in &ids {
        assert_eq!(row(&fresh, id).await, Ok(1), "a frame of the epoch before is no frame");
    }
}

/// A replica takes over from the server of some frames, and lacks the last removals: they are said again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r20_removals_that_a_failover_in_a_cluster_lost_are_said_again() {
    let mut cluster = cluster();
    let primary = (0..3).find(|server| *server != owner_of_log(&cluster)).unwrap();
    let ids = ids_on(&cluster, primary, 10);
    let replica = cluster.add_replica(primary);
    let (a, b) = two(&cluster).await;
    for &id in &ids {
        row(&a, id).await.unwrap();
    }
    a.settled().await;
    cluster.await_in_step(primary, replica);
    cluster.part(replica);
    a.source.write(1);
    for &id in &ids {
        a.taken(a.cache.invalidate_key(&row::key(&a, id)).await).await;
    }
    cluster.nodes()[primary].kill();
    cluster.take_over(replica);
    let old = ids.iter().filter(|id| cluster.nodes()[replica].has(&format!("cached:v:{{part:{id}}}"))).count();
    assert_eq!(old, ids.len(), "the control: the replica has all that was removed");
    let start = Instant::now();
    for &id in &ids {
        assert_eq!(row(&a, id).await, Ok(1), "running nodes know");
        sees(&b, id, 1).await;
    }
    let gone = || ids.iter().all(|id| !cluster.nodes()[replica].has(&format!("cached:f:{{part:{id}}}")));
    eventually("the removals are said again", || !gone()).await;
    a.settled().await;
    figure("R20", format!("10 removals lost in a failover said again {:?} after it", start.elapsed()));
    let fresh = Node::joined(&url(&cluster), &a.source).await;
    for &id in &ids {
        assert_eq!(row(&fresh, id).await, Ok(1), "and whoever comes later");
    }
}

/// Who names one server of a cluster is told what to name instead, and no call fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_server_of_a_cluster_is_no_redis_by_itself_and_no_redis_is_no_cluster() {
    let cluster = cluster();
    let ear = Ear::all();
    let source = Arc::new(Source::default());
    let elsewhere = (0..3).find(|server| *server != owner_of_log(&cluster)).unwrap();
    let node = Node::with(&cluster.nodes()[elsewhere].url(), &source, |builder| builder);
    assert_eq!(row(&node, 1).await, Ok(0));
    eventually("it is told", || !ear.heard(&["redis+cluster://"]).is_empty()).await;
    let single = kit::RedisServer::start();
    let node = Node::with(&format!("redis+cluster://127.0.0.1:{}", single.port()), &source, |builder| builder);
    assert_eq!(row(&node, 1).await, Ok(0));
    eventually("it is told", || !ear.heard(&["no member of a cluster"]).is_empty()).await;
}

/// All servers are emptied by hand, also when one is away: it keeps what it has, which is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_emptied_server_by_server() {
    let cluster = cluster();
    let (a, b) = two(&cluster).await;
    let fill = async || {
        for id in 0..90 {
            row(&a, id).await.unwrap();
        }
        a.settled().await;
        assert!((0..90).all(|id| has_frame(&cluster, id)));
    };
    fill().await;
    assert_eq!(soon("it ends", a.cache.clear_tier("redis")).await.unwrap(), 90);
    assert!((0..90).all(|id| !has_frame(&cluster, id)));
    a.source.write(1);
    // The log is there.
    a.taken(a.cache.invalidate_tags(["part"]).await).await;
    sees(&b, 3, 1).await;
    fill().await;
    let away = (0..3).find(|server| *server != owner_of_log(&cluster)).unwrap();
    cluster.nodes()[away].freeze();
    let error = soon("it ends", a.cache.clear_tier("redis")).await;
    let mut error = error.map(|removed| format!("{removed} removed"));
    // Until the server counts as away, a step may be given up in the middle.
    while error.as_ref().is_err_and(|error| error.kind() != cached_runtime::ErrorKind::Partial) {
        error = soon("it ends", a.cache.clear_tier("redis")).await.map(|removed| format!("{removed} removed"));
    }
    let said = error.unwrap_err().to_string();
    assert!(said.contains("away"), "{said}");
    cluster.nodes()[away].thaw();
    let left = (0..90).filter(|id| has_frame(&cluster, *id)).all(|id| owner_of(&cluster, id) == away);
    assert!(left, "the others are empty");
    eventually("the server is used again", || a.cache.shared().is_some_and(|log| log.proven)).await;
    let mut done = soon("it ends", a.cache.clear_tier("redis")).await;
    while done.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
        done = soon("it ends", a.cache.clear_tier("redis")).await;
    }
    assert!((0..90).all(|id| !has_frame(&cluster, id)));
}
