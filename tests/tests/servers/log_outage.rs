//! The server that holds the log killed, emptied, set back, and not there at all: no call fails, nothing invalidated comes
//! back, nothing queued is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::tier::sql::SqlOptions;
use cached_runtime::{Applied, Cache, cache};

use crate::log_nodes::joined;
use crate::rig::{Node, Source, eventually, figure};
use crate::sql_rig::{Server, numbers, on_both};

on_both!(
    what_was_invalidated_while_the_server_was_away_is_told_when_it_is_back,
    emptied_tables_are_a_new_log_and_nothing_old_is_served_by_it,
    a_server_that_was_set_back_is_told_again,
    a_log_that_was_trimmed_is_begun_anew_by_who_is_late,
    groups_that_become_coarser_forget_nothing,
    a_lock_that_someone_holds_keeps_no_caller_waiting,
);

#[cache(key = "outage:{id}", tags = ["outage:{id}", "outage"], ttl = "1h", cache = node.cache, skip(node))]
async fn row(node: &Node, id: u64) -> Result<u64, String> {
    let _ = id;
    node.source.read().await
}

async fn over<S: Server>(options: &SqlOptions, n: usize) -> (Arc<Source>, Vec<Node>) {
    let source = Arc::new(Source::default());
    let mut nodes = Vec::new();
    for _ in 0..n {
        nodes.push(joined::<S>(options, &source).await);
    }
    (source, nodes)
}

/// Every node has the rows near, and the tables have them.
async fn warm(nodes: &[Node], ids: std::ops::Range<u64>) {
    for node in nodes {
        for id in ids.clone() {
            row(node, id).await.unwrap();
        }
        node.settled().await;
    }
}

/// Other nodes see what this one invalidated, at the latest after this long.
async fn sees(node: &Node, id: u64, truth: u64) -> Duration {
    let start = Instant::now();
    while row(node, id).await.unwrap() != truth {
        assert!(start.elapsed() < Duration::from_secs(3), "the node still serves an older value than {truth} for {id}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    start.elapsed()
}

async fn what_was_invalidated_while_the_server_was_away_is_told_when_it_is_back<S: Server>() {
    let server = S::begin();
    let (source, nodes) = over::<S>(&server.fresh(), 2).await;
    warm(&nodes, 0..100).await;
    server.fall();
    let (mut longest, start) = (Duration::ZERO, Instant::now());
    for id in 200..300 {
        let call = Instant::now();
        assert_eq!(row(&nodes[0], id).await, Ok(0), "no call fails");
        longest = longest.max(call.elapsed());
    }
    for node in &nodes {
        node.suspect().await;
    }
    let noticed = start.elapsed();
    source.write(1);
    for (n, node) in nodes.iter().enumerate() {
        for id in (n as u64 * 50)..(n as u64 + 1) * 50 {
            let applied = match id % 2 {
                0 => node.cache.invalidate_key(&row::key(node, id)).await,
                _ => node.cache.invalidate_tags([format!("outage:{id}")]).await,
            };
            assert_eq!(applied, Applied::Queued);
            assert_eq!(
                row(node, id).await,
                Ok(1),
                "a node reads its own invalidation at once, also without the server"
            );
        }
    }
    server.rise();
    let back = Instant::now();
    for node in &nodes {
        node.proven().await;
    }
    let followed = back.elapsed();
    for node in &nodes {
        node.settled().await;
        for id in 0..100 {
            sees(node, id, 1).await;
        }
    }
    figure(
        S::WORD,
        format!(
            "killed: longest call {longest:?}, noticed after {noticed:?}; back: followed after {followed:?}, 100 queued, 0 lost"
        ),
    );
    assert!(longest < Duration::from_millis(1_500), "{longest:?}");
    nodes[0].taken(nodes[0].cache.invalidate_tags(["outage"]).await).await;
}

async fn emptied_tables_are_a_new_log_and_nothing_old_is_served_by_it<S: Server>() {
    let server = S::shared();
    let options = server.through(server.port(), "emptied");
    let (source, nodes) = over::<S>(&options, 2).await;
    // Something that is remembered, so that it is noticed if it is not.
    nodes[0].cache.invalidate_tags(["before"]).await;
    let truncated = ["emptied_head", "emptied_entries", "emptied_groups"].map(|table| format!("DELETE FROM {table}"));
    let dropped = "DROP TABLE emptied_frames, emptied_head, emptied_entries, emptied_groups, emptied_leases".to_owned();
    for (round, sql) in (1..).zip(truncated.into_iter().chain([dropped])) {
        nodes[0].cache.invalidate_tags(["so that there is an entry"]).await;
        nodes[0].settled().await;
        warm(&nodes, 0..20).await;
        let adopted: Vec<u64> = nodes.iter().map(|node| node.cache.shared().unwrap().adopted).collect();
        source.write(round);
        server.sql(&sql);
        let start = Instant::now();
        let anew = || nodes.iter().zip(&adopted).all(|(node, before)| node.cache.shared().unwrap().adopted > *before);
        eventually("both nodes begin anew", anew).await;
        let noticed = start.elapsed();
        for node in &nodes {
            node.proven().await;
            for id in 0..20 {
                assert_eq!(row(node, id).await, Ok(round), "what could not be checked was dropped: {sql}");
            }
        }
        figure(S::WORD, format!("{sql}: noticed after {noticed:?}"));
    }
}

/// As after a failover to a server that has not seen all: the last entries and what they did are gone.
async fn a_server_that_was_set_back_is_told_again<S: Server>() {
    let server = S::shared();
    let options = server.through(server.port(), "setback");
    let (source, nodes) = over::<S>(&options, 2).await;
    warm(&nodes, 0..20).await;
    nodes[0].cache.invalidate_tags(["nothing"]).await;
    nodes[0].settled().await;
    let kept = nodes[0].cache.shared().unwrap().number;
    server.sql("CREATE TABLE setback_copy AS SELECT * FROM setback_frames");
    source.write(1);
    for id in 0..20 {
        match id % 2 {
            0 => nodes[0].cache.invalidate_key(&row::key(&nodes[0], id)).await,
            _ => nodes[0].cache.invalidate_tags([format!("outage:{id}")]).await,
        };
    }
    nodes[0].settled().await;
    // A third node, which knows nothing, must not be served what the first has invalidated either.
    let back = format!(
        "DELETE FROM setback_entries WHERE number > {kept}; DELETE FROM setback_groups WHERE number > {kept}; \
         UPDATE setback_head SET number = {kept}; DELETE FROM setback_frames; \
         INSERT INTO setback_frames SELECT * FROM setback_copy"
    );
    let adopted = nodes[1].cache.shared().unwrap().adopted;
    server.sql(&back);
    let start = Instant::now();
    eventually("the loss is noticed", || nodes[1].cache.shared().unwrap().adopted > adopted).await;
    nodes[0].proven().await;
    nodes[1].proven().await;
    let third = joined::<S>(&options, &source).await;
    for id in 0..20 {
        assert_eq!(row(&nodes[0], id).await, Ok(1), "a node never loses its own invalidation");
        sees(&nodes[1], id, 1).await;
        assert_eq!(row(&third, id).await, Ok(1));
    }
    figure(S::WORD, format!("20 invalidations lost with the server; 0 stale {:?} later", start.elapsed()));
}

/// More was invalidated than the log keeps while a node was away: it drops what it has instead of what it missed.
async fn a_log_that_was_trimmed_is_begun_anew_by_who_is_late<S: Server>() {
    let server = S::shared();
    let options = server.through(server.port(), "trimmed");
    let (source, nodes) = over::<S>(&options, 1).await;
    let many = |from: u64| (from..from + 10_000).map(|id| format!("t:{id}")).collect::<Vec<String>>();
    for from in [0, 10_000, 20_000] {
        nodes[0].cache.invalidate_tags(many(from)).await;
        nodes[0].settled().await;
    }
    let count = |table: &str| server.sql(&format!("SELECT count(*) FROM trimmed_{table}")).parse::<u64>().unwrap();
    figure(S::WORD, format!("30,000 invalidations: {} entries, {} groups", count("entries"), count("groups")));
    assert!((16_384..17_000).contains(&count("entries")), "{}", count("entries"));
    assert_eq!(count("groups"), 30_000);
    // Nothing that was invalidated is forgotten with the entries.
    warm(&nodes, 0..1).await;
    source.write(1);
    nodes[0].cache.invalidate_tags(["outage"]).await;
    nodes[0].settled().await;
    let late = joined::<S>(&options, &source).await;
    assert_eq!(row(&late, 0).await, Ok(1));
}

/// Of more groups than the log remembers the oldest go; who comes then is told what stands for them.
async fn groups_that_become_coarser_forget_nothing<S: Server>() {
    let server = S::shared();
    let options = server.through(server.port(), "coarse");
    let (source, nodes) = over::<S>(&options, 1).await;
    warm(&nodes, 1..2).await;
    server.sql("CREATE TABLE coarse_copy AS SELECT * FROM coarse_frames");
    source.write(1);
    nodes[0].cache.invalidate_tags(["outage:1"]).await;
    nodes[0].settled().await;
    let at = nodes[0].cache.shared().unwrap().number;
    let many = |word: &str| (0..300).map(|n| format!("{word}:{n}")).collect::<Vec<String>>();
    nodes[0].cache.invalidate_tags(many("young")).await;
    nodes[0].settled().await;
    // As if all of these had been invalidated since.
    let (name, series) = match S::WORD {
        "postgres" => ("CAST('t:f' || n AS BYTEA)", "generate_series(1, 65600) AS n".to_owned()),
        _ => ("concat('t:f', n)", numbers(65_600)),
    };
    server.sql(&format!("INSERT INTO coarse_groups (name, number) SELECT {name}, {at} + 1 FROM {series}"));
    nodes[0].cache.invalidate_tags(many("younger")).await;
    nodes[0].settled().await;
    let count = |name: &str| server.sql(&format!("SELECT count(*) FROM coarse_groups WHERE {name}"));
    assert_eq!(count("name = 't:outage:1'"), "0", "it is not remembered by itself any more");
    assert_eq!(count("name = 'T:'"), "1", "what stands for it is");
    assert!(count("number >= 0").parse::<u64>().unwrap() <= 65_536 + 256);
    let stored_again = async |node: &Node| {
        // Or its upkeep would remove what it knows to be old.
        assert_eq!(node.cache.shutdown(Duration::from_secs(5)).await.unwritten, 0);
        server.sql("DELETE FROM coarse_frames; INSERT INTO coarse_frames SELECT * FROM coarse_copy");
    };
    stored_again(&nodes[0]).await;
    // So many that a node would make them coarser by itself.
    server.sql("DELETE FROM coarse_groups WHERE name LIKE 't:f%'");
    let late = joined::<S>(&options, &source).await;
    assert_eq!(row(&late, 1).await, Ok(1), "what was invalidated before is not served");
    // The control: without what stands for it, it is.
    stored_again(&late).await;
    server.sql("DELETE FROM coarse_groups WHERE name = 'T:'");
    let misled = joined::<S>(&options, &source).await;
    assert_eq!(row(&misled, 1).await, Ok(0));
}

/// Someone holds the log's lock for longer than a statement may wait: what was queued meanwhile is told.
async fn a_lock_that_someone_holds_keeps_no_caller_waiting<S: Server>() {
    let server = S::begin();
    let options = server.through(server.port(), "still");
    let (source, nodes) = over::<S>(&options, 2).await;
    warm(&nodes, 0..5).await;
    source.write(1);
    let sleep = if S::WORD == "postgres" { "SELECT pg_sleep(3)" } else { "DO sleep(3)" };
    let lock = match S::WORD {
        "postgres" => "UPDATE still_head SET version = version".to_owned(),
        _ => "SELECT id FROM still_head WHERE id = 1 FOR UPDATE".to_owned(),
    };
    let server = Arc::new(server);
    let blocked = {
        let server = Arc::clone(&server);
        let sql = format!("START TRANSACTION; {lock}; {sleep}; COMMIT");
        std::thread::spawn(move || server.sql(&sql))
    };
    let sleeping = match S::WORD {
        "postgres" => "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'",
        _ => "SELECT count(*) FROM information_schema.processlist WHERE state = 'User sleep'",
    };
    eventually("the lock is held", || server.sql(sleeping).trim() == "1").await;
    let start = Instant::now();
    let applied = nodes[0].cache.invalidate_tags(["outage"]).await;
    assert_eq!(applied, Applied::Queued, "the caller is not kept");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(row(&nodes[0], 1).await, Ok(1));
    assert!(nodes[1].cache.shared().unwrap().proven, "reading the log goes on");
    blocked.join().unwrap();
    sees(&nodes[1], 1, 1).await;
    nodes[0].settled().await;
    figure(S::WORD, format!("locked out for 3 s: told {:?} after it was asked", start.elapsed()));
}

/// A server that takes no writes for a while: what is invalidated waits, and who comes new does not believe its log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_takes_no_writes_keeps_nothing_back_for_ever() {
    type S = kit::MariaDb;
    let server = S::begin();
    let options = server.fresh();
    let (source, nodes) = over::<S>(&options, 1).await;
    warm(&nodes, 0..5).await;
    server.command("SET GLOBAL read_only = 1");
    source.write(1);
    assert_eq!(nodes[0].cache.invalidate_tags(["outage"]).await, Applied::Queued);
    assert_eq!(row(&nodes[0], 1).await, Ok(1));
    let late = Node::of(S::add(Cache::builder(), options), &source);
    for _ in 0..20 {
        assert_eq!(row(&late, 1).await, Ok(1), "no call fails, and none is answered from there");
        assert!(!late.cache.shared().unwrap().proven);
        late.cache.clear().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.command("SET GLOBAL read_only = 0");
    let start = Instant::now();
    late.proven().await;
    nodes[0].settled().await;
    figure("mysql", format!("writable again: told and followed after {:?}", start.elapsed()));
    nodes[0].taken(nodes[0].cache.invalidate_tags(["outage"]).await).await;
}

/// The negative control of all above: a node that does not follow the log goes on with what it has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_a_node_without_the_log_does_not_learn_of_anything() {
    let server = kit::Postgres::shared();
    let (source, nodes) = over::<kit::Postgres>(&server.fresh(), 1).await;
    let alone = Node { cache: Cache::builder().build().unwrap(), source: Arc::clone(&source) };
    row(&alone, 1).await.unwrap();
    source.write(1);
    nodes[0].cache.invalidate_tags(["outage"]).await;
    assert_eq!(row(&nodes[0], 1).await, Ok(1));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(row(&alone, 1).await, Ok(0));
}
