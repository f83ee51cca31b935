//! A replica falls behind and takes over when the tests tell it to, or the sentinel.

use kit::{Replicated, Reply};

fn value(reply: &str) -> Reply {
    Reply::Bulk(reply.as_bytes().to_vec())
}

#[test]
fn a_paused_replica_falls_behind_and_catches_up() {
    let pair = Replicated::without_sentinel();
    pair.primary().command(&["SET", "a", "1"]);
    pair.resume_replication();
    assert_eq!(pair.replica().command(&["GET", "a"]), value("1"));
    pair.pause_replication();
    pair.primary().command(&["SET", "a", "2"]);
    assert_eq!(pair.replica().command(&["GET", "a"]), value("1"));
    pair.resume_replication();
    assert_eq!(pair.replica().command(&["GET", "a"]), value("2"));
    pair.promote_replica();
    assert!(pair.replica().command(&["SET", "a", "3"]).is_ok());
    assert_eq!(pair.primary().command(&["GET", "a"]), value("2"));
}

#[test]
fn a_sentinel_promotes_the_replica_of_a_killed_primary() {
    let watched = Replicated::start();
    assert_eq!(watched.told_primary(), watched.primary().port());
    assert!(watched.sentinel_url().contains(&watched.sentinel_port().to_string()));
    watched.primary().command(&["SET", "a", "1"]);
    watched.resume_replication();
    watched.pause_replication();
    watched.primary().command(&["SET", "a", "lost"]);
    watched.primary().kill();
    watched.await_failover();
    assert_eq!(watched.replica().command(&["GET", "a"]), value("1"));
    assert!(watched.replica().command(&["SET", "a", "2"]).is_ok());
}
