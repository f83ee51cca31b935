//! Loads and invalidations that meet, over a log on a server.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cached_runtime::{Cache, cache};
use kit::{Chance, Log, Proxy, check, now, read_logs};

use crate::log_nodes::joined;
use crate::race::Race;
use crate::rig::{LONG, Node, Source, eventually, figure, soon};
use crate::sql_rig::{Server, on_both};

on_both!(
    none_of_54_races_leaves_an_invalidated_value_readable_anywhere,
    control_without_the_invalidation_the_old_value_is_read,
    a_late_store_of_what_was_invalidated_meanwhile_is_refused,
    no_node_reads_what_it_has_invalidated,
);

async fn race<S: Server>(server: &Arc<S>, prefix: &'static str) -> Race {
    let of_tier = Arc::clone(server);
    let tier = move |builder, port| S::add(builder, of_tier.through(port, prefix).connections(2));
    Race::over(server.port(), Box::new(tier)).await
}

async fn none_of_54_races_leaves_an_invalidated_value_readable_anywhere<S: Server>() {
    let server = S::shared();
    let played = race(&server, "matrix").await.play_all().await;
    figure(S::WORD, format!("{played} races, 0 old values"));
    assert_eq!(played, 54);
}

async fn control_without_the_invalidation_the_old_value_is_read<S: Server>() {
    let server = S::shared();
    race(&server, "control").await.play_without().await;
}

#[cache(key = "late:{id}", ttl = "1h", cache = node.cache, skip(node))]
async fn late(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

/// The node has judged its frame and has begun to store it, when another node invalidates the key.
///
/// The control takes the fence away before the frame arrives: then it is stored, at the latest when it is tried again. (A
/// connection that was dead for too long is replaced, and the node hears of the invalidation before it stores again.)
async fn a_late_store_of_what_was_invalidated_meanwhile_is_refused<S: Server>() {
    let server = S::shared();
    let source = Arc::new(Source::default());
    let proxy = Proxy::to(server.port());
    let held = {
        let builder = Cache::builder().read_deadline(LONG).write_deadline(LONG);
        Node::of(S::add(builder, server.through(proxy.port(), "late")), &source)
    };
    held.proven().await;
    let other = joined::<S>(&server.through(server.port(), "late"), &source).await;
    let rows = |id: u64| server.sql(&format!("SELECT count(*) FROM late_frames WHERE name = 'late:{id}'"));
    let mut stored = false;
    for (id, fenced) in [(1, true), (2, false), (3, true), (4, false), (5, false), (6, false)] {
        if stored && id > 3 {
            break;
        }
        let gate = &source.gate;
        gate.close();
        let before = gate.arrivals();
        let load = {
            let held = held.clone();
            tokio::spawn(async move { late(&held, id).await })
        };
        gate.arrived(before + 1).await;
        proxy.black_hole(true);
        gate.open();
        assert_eq!(soon("the load", load).await.unwrap(), Ok(0));
        soon("the invalidation", other.cache.invalidate_key(&late::key(&other, id))).await;
        other.settled().await;
        if !fenced {
            server.sql(&format!("UPDATE late_entries SET name = 't:nobody' WHERE name = 'k:late:{id}'"));
        }
        proxy.black_hole(false);
        held.proven().await;
        held.settled().await;
        assert!(!fenced || rows(id) == "0", "key {id}");
        stored |= !fenced && rows(id) == "1";
    }
    assert!(stored, "the control: without a fence it is stored");
}

#[derive(Clone)]
struct Audited {
    cache: Cache,
    source: Arc<kit::Source>,
}

#[cache(key = "audit:{key}", tags = ["row:{key}"], ttl = "1h", cache = node.cache, skip(node))]
async fn audited(node: &Audited, key: u64) -> Result<u64, String> {
    let read = node.source.read(&format!("row:{key}"));
    // So that others come in between.
    tokio::task::yield_now().await;
    Ok(read)
}

async fn write(node: &Audited, log: &Log, key: u64, way: u64) {
    let name = format!("row:{key}");
    let called = now();
    let version = node.source.commit(&name);
    match way % 4 {
        0 => drop(node.cache.invalidate_key(&audited::key(node, key)).await),
        1 => drop(node.cache.invalidate_tags([name.clone()]).await),
        2 => drop(node.cache.invalidate_pattern(&format!("audit:{key}*")).await.unwrap()),
        _ => drop(node.cache.invalidate_namespace("audit").await.unwrap()),
    }
    log.wrote(&name, version, called);
}

/// Two nodes, four tasks on each, 2,000 reads and writes at random; every one of them written down and judged.
async fn no_node_reads_what_it_has_invalidated<S: Server>() {
    let server = S::shared();
    let (options, source) = (server.fresh(), Arc::new(kit::Source::default()));
    let room = tempfile::tempdir().unwrap();
    let (mut tasks, mut files, mut keep) = (Vec::new(), Vec::new(), HashMap::new());
    for number in 0..2_u32 {
        let node = joined::<S>(&options, &Arc::default()).await;
        let node = Audited { cache: node.cache, source: Arc::clone(&source) };
        let file = room.path().join(format!("{number}.log"));
        let log = Arc::new(Log::create(&file, number).unwrap());
        files.push(file);
        for task in 0..4 {
            let (node, log) = (node.clone(), Arc::clone(&log));
            let mut chance = Chance::seeded(u64::from(number) * 100 + task);
            tasks.push(tokio::spawn(async move {
                for _ in 0..250 {
                    let (key, draw) = (chance.draw() % 12, chance.draw());
                    if draw % 10 == 0 {
                        write(&node, &log, key, draw / 10).await;
                    } else {
                        let start = now();
                        let version = audited(&node, key).await.unwrap();
                        log.read(&format!("row:{key}"), version, start);
                    }
                }
            }));
        }
        keep.insert(number, log);
    }
    for task in tasks {
        soon("a task", task).await.unwrap();
    }
    keep.values().for_each(|log| log.flush());
    let report = check(&read_logs(&files));
    figure(S::WORD, &report);
    assert_eq!(report.reads + report.writes, 2_000);
    assert!(report.violations.is_empty(), "{:?}", report.violations.first());
    assert!(report.stale.max < Duration::from_secs(2), "{:?}", report.stale.max);
    eventually("the source was used", || source.read("row:0") > 0).await;
}
