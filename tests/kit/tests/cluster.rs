//! A cluster is whole, moves slots and loses nodes when the tests tell it to.

use kit::{RedisCluster, Reply, until};
use std::time::Duration;

fn error(reply: &Reply) -> &str {
    match reply {
        Reply::Error(text) => text.split(' ').next().unwrap_or_default(),
        other => panic!("not an error: {other:?}"),
    }
}

#[test]
fn a_cluster_moves_slots_and_loses_nodes() {
    let cluster = RedisCluster::with(&["--cluster-require-full-coverage", "no"]);
    assert_eq!((cluster.nodes().len(), cluster.urls().len()), (3, 3));
    moves_a_slot(&cluster);
    asks_while_a_move_is_open(&cluster);
    loses_a_node(&cluster);
}

fn moves_a_slot(cluster: &RedisCluster) {
    let slot = cluster.slot("{a}1");
    let from = cluster.owner(slot);
    let to = (from + 1) % 3;
    assert!(cluster.nodes()[from].command(&["SET", "{a}1", "x"]).is_ok());
    assert_eq!(error(&cluster.nodes()[to].command(&["GET", "{a}1"])), "MOVED");
    cluster.move_slot(slot, from, to);
    assert_eq!(cluster.owner(slot), to);
    assert_eq!(cluster.nodes()[to].command(&["GET", "{a}1"]), Reply::Bulk(b"x".to_vec()));
    assert_eq!(error(&cluster.nodes()[from].command(&["GET", "{a}1"])), "MOVED");
}

fn asks_while_a_move_is_open(cluster: &RedisCluster) {
    let slot = cluster.slot("{b}1");
    let from = cluster.owner(slot);
    let to = (from + 1) % 3;
    cluster.open_move(slot, from, to);
    assert_eq!(error(&cluster.nodes()[from].command(&["GET", "{b}1"])), "ASK");
    cluster.carry_keys(slot, from, to);
    cluster.close_move(slot, to);
    assert_eq!(cluster.nodes()[to].command(&["GET", "{b}1"]), Reply::Nil);
}

fn loses_a_node(cluster: &RedisCluster) {
    cluster.nodes()[2].kill();
    let rest = &cluster.nodes()[0];
    until("a killed node is found missing", Duration::from_secs(10), || {
        let nodes = rest.command(&["CLUSTER", "NODES"]).text().unwrap_or_default();
        nodes.lines().any(|line| line.contains(" master,fail "))
    });
    cluster.nodes()[2].restart();
    cluster.await_whole();
}
