//! Nodes that hide their keys from the database that holds their log: what it holds, and that invalidations stay what
//! they are.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cached_runtime::{Applied, Builder, Cache, KeySecrecy, Keys};
use kit::Proxy;

use crate::race::Race;
use crate::rig::{LONG, Node, Source, eventually, figure, soon};
use crate::sql_rig::{Server, numbers, on_both};
use crate::veiled::{
    CANARY, SECRET, STRANGERS, Secret, applied, applied_pattern, hiding, invalidate_four, key, leased, load, peek, row,
    there,
};

on_both!(
    no_table_holds_the_name_of_an_entry,
    an_invalidation_reaches_the_other_node_and_names_nothing_else,
    a_node_that_starts_later_knows_what_was_invalidated_and_nothing_else,
    groups_that_become_coarser_are_not_forgotten,
    nodes_with_other_secrets_miss_each_others_frames_and_heed_each_others_invalidations,
    what_was_invalidated_under_other_names_does_not_come_back,
    a_late_store_of_what_was_invalidated_meanwhile_is_refused,
    none_of_54_races_leaves_an_invalidated_value_readable_anywhere,
    what_is_owed_outlives_the_process_and_reaches_the_others_exactly,
);

/// A node that hides names with this secret, once it follows the log in the tables of this name.
async fn joined<S: Server>(server: &S, tables: &str, source: &Arc<Source>, secret: Secret) -> Node {
    let builder = hiding(Cache::builder(), secret);
    let node = Node::of(S::add(builder, server.through(server.port(), tables)), source);
    node.proven().await;
    node
}

async fn two<S: Server>(server: &S, tables: &str) -> (Arc<Source>, Node, Node) {
    let source = Arc::new(Source::default());
    let a = joined(server, tables, &source, Some(SECRET)).await;
    let b = joined(server, tables, &source, Some(SECRET)).await;
    (source, a, b)
}

fn count<S: Server>(server: &S, what: &str) -> u64 {
    server.sql(&format!("SELECT count(*) FROM {what}")).trim().parse().unwrap()
}

/// All tables of this name, each with all that stands in it; what is no text is written otherwise.
fn dump<S: Server>(server: &S, tables: &str) -> Vec<(String, String)> {
    let pattern = format!("{tables}\\_%");
    let names =
        server.sql(&format!("SELECT table_name FROM information_schema.tables WHERE table_name LIKE '{pattern}'"));
    let escaped = if S::WORD == "postgres" { "SET bytea_output = 'escape'; " } else { "" };
    let whole = |name: &str| (name.to_owned(), server.sql(&format!("{escaped}SELECT * FROM {name}")));
    names.split_whitespace().map(whole).collect()
}

async fn no_table_holds_the_name_of_an_entry<S: Server>() {
    let server = S::shared();
    for (tables, secret) in [("dumphidden", Some(SECRET)), ("dumpreadable", None)] {
        let source = Arc::new(Source::default());
        let node = joined(&*server, tables, &source, secret).await;
        load(&node, 0..8).await;
        invalidate_four(&node).await;
        applied(&node, "a tag", node.cache.invalidate_tags([CANARY])).await;
        load(&node, 0..8).await;
        source.gate.close();
        let before = source.gate.arrivals();
        let load = {
            let node = node.clone();
            tokio::spawn(async move { leased(&node, CANARY, 1).await })
        };
        source.gate.arrived(before + 1).await;
        let held = dump(&*server, tables);
        source.gate.open();
        assert_eq!(soon("the load", load).await.unwrap(), Ok(0));
        for part in ["frames", "entries", "groups", "leases"] {
            let (_, text) = held.iter().find(|(name, _)| name.ends_with(part)).unwrap();
            assert_eq!(text.contains(CANARY), secret.is_none(), "{part}");
            let says = if part == "leases" { "leased" } else { "veiled" };
            assert!(text.contains(says), "the control: a namespace can be read in {part}");
        }
        let said = held.iter().any(|(_, text)| text.contains(CANARY) || text.contains("veiled-"));
        assert_eq!(said, secret.is_none(), "in all {} tables", held.len());
        let bytes: usize = held.iter().map(|(_, text)| text.len()).sum();
        figure(S::WORD, format!("{bytes} bytes in {} tables, readable: {said}", held.len()));
    }
}

async fn an_invalidation_reaches_the_other_node_and_names_nothing_else<S: Server>() {
    let server = S::shared();
    let (source, a, b) = two(&*server, "reaches").await;
    load(&a, 0..8).await;
    assert_eq!(there(&b, 0..8).await.len(), 8, "the other node finds them, and near has them on both");
    assert_eq!(source.reads(), 8);
    invalidate_four(&a).await;
    eventually("the other node has heard all of it", || b.cache.shared().unwrap().heard == 4).await;
    for node in [&a, &b] {
        assert_eq!(there(node, 0..8).await, [0, 5, 6, 7]);
    }
    source.write(1);
    let start = Instant::now();
    b.taken(b.cache.invalidate_namespace("veiled").await.unwrap()).await;
    while row(&a, CANARY, 5).await != Ok(1) {
        assert!(start.elapsed() < Duration::from_secs(2), "a namespace");
        tokio::task::yield_now().await;
    }
    a.settled().await;
    assert_eq!(there(&b, 0..8).await, [5], "what was loaded since");
}

/// Nobody is left who would sweep.
async fn all_leave<const N: usize>(nodes: [Node; N]) {
    for node in nodes {
        node.settled().await;
        soon("a node leaves", node.cache.shutdown(LONG)).await;
    }
}

/// Puts all frames back that a copy of the table has, as if upkeep had not come so far.
fn put_back<S: Server>(server: &S, tables: &str) {
    server.sql(&match S::WORD {
        "postgres" => format!("INSERT INTO {tables}_frames SELECT * FROM {tables}_copy ON CONFLICT DO NOTHING"),
        _ => format!("INSERT IGNORE INTO {tables}_frames SELECT * FROM {tables}_copy"),
    });
}

fn copy<S: Server>(server: &S, tables: &str) {
    server.sql(&format!("CREATE TABLE {tables}_copy AS SELECT * FROM {tables}_frames"));
}

async fn a_node_that_starts_later_knows_what_was_invalidated_and_nothing_else<S: Server>() {
    let server = S::shared();
    let (source, a, b) = two(&*server, "later").await;
    load(&a, 0..8).await;
    assert_eq!(count(&*server, "later_frames"), 8);
    applied(&a, "a key", a.cache.invalidate_key(&key(&a, 1))).await;
    assert_eq!(count(&*server, "later_frames"), 7, "a key is removed at once, under its hidden name");
    copy(&*server, "later");
    applied(&a, "a tag", a.cache.invalidate_tags(["veiled-id:2"])).await;
    applied_pattern(&a, &format!("veiled:{CANARY}:3")).await;
    applied_pattern(&a, "*:4").await;
    all_leave([a, b]).await;
    put_back(&*server, "later");
    assert_eq!(count(&*server, "later_frames"), 7);
    let later = joined(&*server, "later", &source, Some(SECRET)).await;
    assert_eq!(there(&later, 0..8).await, [0, 5, 6, 7]);
}

/// So many others are remembered that there is no room for ours.
async fn groups_that_become_coarser_are_not_forgotten<S: Server>() {
    let server = S::shared();
    let (source, a, b) = two(&*server, "coarser").await;
    load(&a, 0..4).await;
    copy(&*server, "coarser");
    applied(&a, "a tag", a.cache.invalidate_tags(["veiled-id:1"])).await;
    applied_pattern(&a, &format!("veiled:{CANARY}:2")).await;
    let hidden = "coarser_groups WHERE name LIKE 't:_%' OR name LIKE 'p:_%'";
    let coarse = "coarser_groups WHERE name = 'T:' OR name = 'n:veiled'";
    assert_eq!((count(&*server, hidden), count(&*server, coarse)), (2, 0), "the control: remembered one by one");
    let (name, series) = match S::WORD {
        "postgres" => ("convert_to('n:others-' || n, 'UTF8')", "generate_series(1, 65536) n".to_owned()),
        _ => ("concat('n:others-', n)", numbers(65_536)),
    };
    server.sql(&format!("INSERT INTO coarser_groups SELECT {name}, 1000000 FROM {series}"));
    let tags = (0..256).map(|n| format!("something else {n}"));
    // Among so many it may take longer than is waited for.
    soon("others", a.cache.invalidate_tags(tags)).await;
    all_leave([a, b]).await;
    assert_eq!((count(&*server, hidden), count(&*server, coarse)), (0, 2), "the pattern became its namespace");
    put_back(&*server, "coarser");
    assert_eq!(count(&*server, "coarser_frames"), 4);
    let later = joined(&*server, "coarser", &source, Some(SECRET)).await;
    assert!(there(&later, 0..4).await.is_empty(), "coarser, and none forgotten");
}

/// What a node with other names invalidates is everything for the others: those that hear it, and those that come later.
async fn nodes_with_other_secrets_miss_each_others_frames_and_heed_each_others_invalidations<S: Server>() {
    let server = S::shared();
    for (n, (first, second)) in STRANGERS.into_iter().enumerate() {
        let (tables, source) = (format!("heeded{n}"), Arc::new(Source::default()));
        let join = |secret| joined(&*server, &tables, &source, secret);
        let (a, b) = (join(first).await, join(second).await);
        load(&a, 0..4).await;
        assert!(there(&b, 0..4).await.is_empty(), "pair {n}: a frame under another name is a miss");
        let control = join(first).await;
        assert_eq!(there(&control, 0..4).await.len(), 4, "the control: nothing was invalidated yet");
        source.write(1);
        applied(&b, "a key", b.cache.invalidate_key(&key(&b, 1))).await;
        for node in [&a, &control] {
            let start = Instant::now();
            while row(node, CANARY, 1).await != Ok(1) {
                assert!(start.elapsed() < Duration::from_secs(2), "pair {n}: it is not heeded");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        drop((a, control));
        let later = join(first).await;
        let found = row(&later, CANARY, 2).await;
        assert_eq!(found, Ok(1), "pair {n}: nor is a frame of before served to one who comes later");
    }
}

/// What was invalidated under other names while none of ours was there.
async fn what_was_invalidated_under_other_names_does_not_come_back<S: Server>() {
    let server = S::shared();
    for (n, (first, second)) in STRANGERS.into_iter().enumerate() {
        for what in ["nothing", "key", "tag", "pattern", "before", "after"] {
            let (tables, source) = (format!("names{n}{what}"), Arc::new(Source::default()));
            let join = |secret| joined(&*server, &tables, &source, secret);
            let a = join(first).await;
            load(&a, 0..2).await;
            if what == "before" {
                // Known to those who load again, although another name was invalidated last.
                let b = join(second).await;
                applied(&b, what, b.cache.invalidate_key(&key(&b, 1))).await;
                eventually("it is heard", || a.cache.shared().unwrap().heard == 1).await;
                load(&a, 0..2).await;
            }
            drop(a);
            let b = join(second).await;
            match what {
                "key" | "after" => applied(&b, what, b.cache.invalidate_key(&key(&b, 1))).await,
                "tag" => applied(&b, what, b.cache.invalidate_tags(["veiled-id:1"])).await,
                "pattern" => applied_pattern(&b, &format!("veiled:{CANARY}:1")).await,
                _ => {}
            }
            drop(b);
            if what == "after" {
                // Those who come first invalidate another key, under the names that are ours.
                let a = join(first).await;
                applied(&a, what, a.cache.invalidate_key(&key(&a, 7))).await;
            }
            let later = join(first).await;
            let is_valid = matches!(what, "nothing" | "before");
            assert_eq!(peek(&later, 1).await.is_some(), is_valid, "pair {n}: {what}");
        }
    }
}

/// The number of the last frame that was ever stored, whatever upkeep has done to it since.
fn stored<S: Server>(server: &S, tables: &str) -> u64 {
    let said = server.sql(&match S::WORD {
        "postgres" => format!("SELECT last_value FROM {tables}_frames_id_seq"),
        _ => format!("SELECT auto_increment FROM information_schema.tables WHERE table_name = '{tables}_frames'"),
    });
    said.parse().unwrap()
}

/// The node has judged its frame and has begun to store it, when another node invalidates the key: one whose name is
/// hidden, and one whose name is so long that its namespace stands in the log.
///
/// The control takes the fence away before the frame arrives: then it is stored, at the latest when it is tried again, as
/// in `log_races`.
async fn a_late_store_of_what_was_invalidated_meanwhile_is_refused<S: Server>() {
    let server = S::shared();
    let (source, proxy) = (Arc::new(Source::default()), Proxy::to(server.port()));
    let held = {
        let builder = hiding(Cache::builder(), Some(SECRET)).read_deadline(LONG).write_deadline(LONG);
        Node::of(S::add(builder, server.through(proxy.port(), "tardy")), &source)
    };
    held.proven().await;
    let other = joined(&*server, "tardy", &source, Some(SECRET)).await;
    load(&other, 0..1).await;
    let long = "x".repeat(700);
    let fenced = [(CANARY, 1, true), (CANARY, 3, true), (&long, 4, true)];
    let controls = [CANARY, &long].into_iter().flat_map(|who| [2, 5, 6, 7].map(|id| (who, id, false)));
    let mut shown = BTreeSet::new();
    for (who, id, fenced) in fenced.into_iter().chain(controls) {
        if !fenced && shown.contains(who) {
            continue;
        }
        let before = (stored(&*server, "tardy"), source.gate.arrivals());
        let counted = held.cache.stats().tiers[0].written;
        source.gate.close();
        let load = {
            let (held, who) = (held.clone(), who.to_owned());
            tokio::spawn(async move { row(&held, &who, id).await })
        };
        source.gate.arrived(before.1 + 1).await;
        proxy.black_hole(true);
        source.gate.open();
        assert_eq!(soon("the load", load).await.unwrap(), Ok(0));
        soon("the invalidation", other.cache.invalidate_key(&row::key(&other, who, id))).await;
        other.settled().await;
        let kind = if who == CANARY { "k:veiled:_%" } else { "n:veiled" };
        let fences = format!("tardy_entries WHERE name LIKE '{kind}'");
        assert!(count(&*server, &fences) > 0, "key {id}: {kind} stands in the log");
        if !fenced {
            server.sql("UPDATE tardy_entries SET name = 'n:nobody'");
        }
        proxy.black_hole(false);
        held.proven().await;
        held.settled().await;
        let since = stored(&*server, "tardy") - before.0;
        assert!(since <= u64::from(!fenced), "key {id}, fenced: {fenced}");
        if since > 0 {
            shown.insert(who);
        }
        assert_eq!(
            held.cache.stats().tiers[0].written - counted,
            since,
            "key {id}: what is refused is not counted as written"
        );
    }
    assert_eq!(shown.len(), 2, "the controls: without a fence it is stored");
}

async fn none_of_54_races_leaves_an_invalidated_value_readable_anywhere<S: Server>() {
    let server = S::shared();
    let of_tier = Arc::clone(&server);
    let tier = move |builder: Builder, port| {
        let builder = builder.encryption(Keys::new(1, [7; 32])).key_secrecy(KeySecrecy::hmac(SECRET));
        S::add(builder, of_tier.through(port, "veiledmatrix").connections(2))
    };
    let played = Race::over(server.port(), Box::new(tier)).await.play_all().await;
    figure(S::WORD, format!("{played} races under hidden names, 0 old values"));
    assert_eq!(played, 54);
}

/// What the database is still to be told waits in the node's own tier, hidden there as well.
async fn what_is_owed_outlives_the_process_and_reaches_the_others_exactly<S: Server>() {
    let (server, source, room) = (S::begin(), Arc::new(Source::default()), tempfile::tempdir().unwrap());
    let options = server.fresh();
    let first = || {
        let builder = hiding(Cache::builder(), Some(SECRET))
            .read_deadline(Duration::from_secs(1))
            .write_deadline(Duration::from_secs(1));
        Node::of(S::add(builder.disk(room.path()), options.clone()), &source)
    };
    let a = first();
    a.proven().await;
    let other = hiding(Cache::builder(), Some(SECRET))
        .read_deadline(Duration::from_secs(1))
        .write_deadline(Duration::from_secs(1));
    let b = Node::of(S::add(other, options.clone()), &source);
    b.proven().await;
    load(&a, 0..8).await;
    assert_eq!(there(&b, 0..8).await.len(), 8);
    server.fall();
    a.suspect().await;
    assert_eq!(a.cache.invalidate_key(&key(&a, 1)).await, Applied::Queued);
    assert_eq!(a.cache.invalidate_tags(["veiled-id:2"]).await, Applied::Queued);
    assert_eq!(a.cache.invalidate_pattern(&format!("veiled:{CANARY}:3")).await.unwrap(), Applied::Queued);
    soon("it leaves", a.cache.shutdown(Duration::from_secs(5))).await;
    drop(a);
    server.rise();
    let next = first();
    next.proven().await;
    next.settled().await;
    b.proven().await;
    eventually("the other node hears of it", || b.cache.shared().unwrap().heard >= 3).await;
    for node in [&b, &next] {
        assert_eq!(there(node, 0..8).await, [0, 4, 5, 6, 7], "of nothing else");
    }
}
