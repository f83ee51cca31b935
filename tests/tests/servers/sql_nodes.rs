//! Several nodes over the same tables.

use std::collections::BTreeSet;
use std::sync::Arc;

use cached_runtime::group::{Group, Position};
use cached_runtime::testing::contract;
use cached_runtime::tier::sql::Sql;
use cached_runtime::tier::{Note, Step, Tier};

use crate::sql_rig::{Server, key, on_both, patiently, payload, put, record, round, step, tag};

on_both!(
    nodes_see_each_other,
    tables_are_made_by_many_at_once,
    the_position_never_goes_back,
    an_epoch_that_begins_is_not_swept_away,
    nodes_write_side_by_side,
    nodes_that_trim_at_once_trim_once,
    what_a_node_owes_outlives_it,
);

async fn nodes_see_each_other<S: Server>() {
    let server = S::shared();
    let options = server.fresh();
    let (a, b) = (Sql::open(options.clone()), Sql::open(options.clone()));
    put(&a, "x", b"of a").await.unwrap();
    assert_eq!(payload(&b, "x").await.unwrap().as_deref(), Some(&b"of a"[..]));
    put(&b, "x", b"of b").await.unwrap();
    assert_eq!(payload(&a, "x").await.unwrap().as_deref(), Some(&b"of b"[..]));
    a.apply(&[record(1, 1, Group::Key(key("x")))]).await.unwrap();
    assert_eq!(payload(&b, "x").await.unwrap(), None);
    a.apply(&[tag(2, "of a")]).await.unwrap();
    b.apply(&[tag(2, "of b"), tag(2, "of a"), tag(3, "c")]).await.unwrap();
    let recalls = (a.recall().await.unwrap(), b.recall().await.unwrap());
    assert_eq!(recalls.0, recalls.1);
    assert_eq!(recalls.0.records, [tag(2, "of a"), tag(2, "of b"), tag(3, "c")], "what both noted is noted once");
    put(&a, "y", b"y").await.unwrap();
    let (of_a, of_b) = (round(&a).await, round(&b).await);
    assert_eq!((of_a.entries, of_a.bytes), (of_b.entries, of_b.bytes));
    assert_eq!(of_a.entries, 1);
    let all = Step { keep: &|_| false, ..step(10) };
    assert_eq!(b.tidy(all).await.unwrap().removed, 1);
    assert_eq!(payload(&a, "y").await.unwrap(), None);
}

async fn tables_are_made_by_many_at_once<S: Server>() {
    let server = S::shared();
    for _ in 0..3 {
        let options = server.fresh().connections(1);
        let start = Arc::new(std::sync::Barrier::new(8));
        let nodes: Vec<_> = (0..8)
            .map(|_| {
                let (options, start) = (options.clone(), Arc::clone(&start));
                std::thread::spawn(move || {
                    start.wait();
                    Sql::open(options)
                })
            })
            .collect();
        let nodes: Vec<Sql> = nodes.into_iter().map(|node| node.join().unwrap()).collect();
        for (i, node) in nodes.iter().enumerate() {
            patiently(|| async { put(node, &format!("of {i}"), b"x").await }).await;
        }
        assert_eq!(round(&nodes[0]).await.entries, 8);
    }
}

async fn the_position_never_goes_back<S: Server>() {
    let server = S::shared();
    let options = server.fresh();
    let nodes: Vec<Arc<Sql>> = (0..4).map(|_| Arc::new(Sql::open(options.clone()))).collect();
    let calls = nodes.iter().enumerate().map(|(n, node)| {
        let node = Arc::clone(node);
        tokio::spawn(async move {
            let mut seen = 0;
            for i in 0..60_u64 {
                // Each node's numbers rise; they meet those of the others in any order.
                let number = i * 4 + n as u64;
                let group = if i % 3 == 0 { Group::Key(key("k")) } else { Group::Tag(format!("{n}").into()) };
                let records = [record(5, number, group)];
                patiently(|| node.apply(&records)).await;
                let at = patiently(|| node.recall()).await.position.unwrap();
                assert!(at.epoch == 5 && at.number >= seen.max(number), "{at:?} after {seen} and {number}");
                seen = at.number;
            }
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    let recall = nodes[0].recall().await.unwrap();
    assert_eq!(recall.position, Some(Position { epoch: 5, number: 239 }));
    assert_eq!(recall.records.len(), 160, "no record of anyone is lost");
}

/// One node knows of the next epoch while another still sweeps the one before.
async fn an_epoch_that_begins_is_not_swept_away<S: Server>() {
    let server = S::shared();
    let options = server.fresh();
    let (old, new) = (Sql::open(options.clone()), Sql::open(options));
    old.apply(&[record(1, 1, Group::Tag("old".into()))]).await.unwrap();
    new.apply(&[record(2, 1, Group::Tag("new".into()))]).await.unwrap();
    // Has not heard of it, and takes the position back.
    old.apply(&[record(1, 2, Group::Tag("late".into()))]).await.unwrap();
    let forget = |epoch, number| Step { forget: Some(Position { epoch, number }), ..step(10) };
    old.tidy(forget(1, 1)).await.unwrap();
    let left = old.recall().await.unwrap().records;
    assert!(left.contains(&record(2, 1, Group::Tag("new".into()))), "{left:?}");
    new.apply(&[record(2, 2, Group::Tag("newer".into()))]).await.unwrap();
    new.tidy(forget(2, 1)).await.unwrap();
    new.tidy(forget(2, 2)).await.unwrap();
    let left = new.recall().await.unwrap().records;
    assert!(left.iter().all(|record| record.position.epoch != 2), "{left:?}");
}

/// The same keys, in other orders, by four nodes at once: nobody is refused, nobody reads what was not written.
async fn nodes_write_side_by_side<S: Server>() {
    let server = S::shared();
    let options = server.fresh().connections(2);
    let nodes: Vec<_> = (0..4)
        .map(|n: usize| {
            let tier = Sql::open(options.clone());
            tokio::spawn(async move {
                for i in 0..40_usize {
                    let names: BTreeSet<usize> = (0..20).map(|j| (j * (2 * n + 3) + i) % 30).collect();
                    let frames =
                        names.iter().rev().map(|k| contract::frame(&format!("k:{k}"), format!("{k}").as_bytes()));
                    let frames: Vec<_> = frames.collect();
                    patiently(|| tier.put(&frames)).await;
                    let gone: Vec<_> =
                        names.iter().take(5).map(|k| record(1, i as u64, Group::Key(key(&format!("k:{k}"))))).collect();
                    patiently(|| tier.apply(&gone)).await;
                    for k in 0..30 {
                        let name = format!("k:{k}");
                        let found = patiently(|| payload(&tier, &name)).await;
                        assert!(found.is_none_or(|f| f == format!("{k}").as_bytes()));
                    }
                    patiently(|| tier.tidy(step(7))).await;
                }
                tier
            })
        })
        .collect();
    let mut tiers = Vec::new();
    for node in nodes {
        tiers.push(node.await.unwrap());
    }
    // The round that was under way ends first: it counted when it began.
    round(&tiers[0]).await;
    let counted = round(&tiers[0]).await;
    let mut entries = 0;
    for k in 0..30 {
        entries += u64::from(payload(&tiers[1], &format!("k:{k}")).await.unwrap().is_some());
    }
    assert_eq!(counted.entries, entries);
}

/// Four nodes find at once that there is too much: they remove the same, not four times as much.
async fn nodes_that_trim_at_once_trim_once<S: Server>() {
    let server = S::shared();
    let options = server.fresh().max_bytes(100_000);
    let nodes: Vec<Arc<Sql>> = (0..4).map(|_| Arc::new(Sql::open(options.clone()))).collect();
    for i in 0..150 {
        put(&nodes[0], &format!("f:{i}"), &[b'x'; 900]).await.unwrap();
    }
    let start = Arc::new(tokio::sync::Barrier::new(nodes.len()));
    let calls: Vec<_> = nodes
        .iter()
        .map(|node| {
            let (node, start) = (Arc::clone(node), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                for _ in 0..20 {
                    patiently(|| node.tidy(step(8))).await;
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    round(&nodes[0]).await;
    let left = round(&nodes[0]).await;
    assert!(left.bytes <= 100_000 && left.bytes > 95_000, "{left:?}");
}

/// A node that has told all it owes does not speak for others; one that begins takes over what it finds.
async fn what_a_node_owes_outlives_it<S: Server>() {
    let server = S::shared();
    let options = server.fresh();
    let (a, b) = (Sql::open(options.clone()), Sql::open(options.clone()));
    let owes = |name: &str| Note::Owed(vec![Group::Tag(name.into())]);
    a.note(&owes("of a")).await.unwrap();
    b.note(&owes("of b")).await.unwrap();
    b.note(&Note::Told).await.unwrap();
    drop(a);
    let next = Sql::open(options.clone());
    assert_eq!(next.recall().await.unwrap().owed, [Group::Tag("of a".into())]);
    b.note(&owes("later of b")).await.unwrap();
    next.note(&Note::Told).await.unwrap();
    drop(next);
    let last = Sql::open(options);
    assert_eq!(last.recall().await.unwrap().owed, [Group::Tag("later of b".into())], "what came later is not told");
}
