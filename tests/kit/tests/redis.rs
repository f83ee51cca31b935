//! A server does what the tests tell it to.

use std::io::ErrorKind;
use std::time::Duration;

use kit::{Connection, RedisServer, Reply};

fn value(server: &RedisServer, key: &str) -> Reply {
    server.command(&["GET", key])
}

#[test]
fn settings_reach_the_server() {
    let server = RedisServer::with(&["--maxmemory", "8mb"]);
    assert!(server.command(&["SET", "a", "b"]).is_ok());
    assert_eq!(value(&server, "a"), Reply::Bulk(b"b".to_vec()));
    assert_eq!(server.info("maxmemory").as_deref(), Some("8388608"));
    assert_eq!(server.info("process_id"), Some(server.pid().to_string()));
    assert!(server.url().contains(&server.port().to_string()));
    assert!(std::path::Path::new(server.unix_url().trim_start_matches("redis+unix://")).exists());
}

#[test]
fn a_killed_server_is_gone_and_comes_back_empty_on_its_port() {
    let server = RedisServer::start();
    let (port, pid) = (server.port(), server.pid());
    server.command(&["SET", "a", "b"]);
    server.kill();
    let refused = server.try_command(&["PING"]).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    server.restart();
    assert_eq!(server.port(), port);
    assert_ne!(server.pid(), pid);
    assert_eq!(value(&server, "a"), Reply::Nil);
}

#[test]
fn a_persistent_server_has_its_data_until_it_is_emptied() {
    let server = RedisServer::persistent();
    server.command(&["SET", "a", "b"]);
    server.restart();
    assert_eq!(value(&server, "a"), Reply::Bulk(b"b".to_vec()));
    server.restart_empty();
    assert_eq!(value(&server, "a"), Reply::Nil);
    server.restart();
    assert_eq!(value(&server, "a"), Reply::Nil);
}

#[test]
fn a_frozen_server_answers_when_it_thaws() {
    let server = RedisServer::start();
    let mut open = Connection::to(server.port()).expect("it listens");
    open.patience(Duration::from_millis(200)).expect("a limit can be set");
    server.freeze();
    server.freeze();
    let silent = open.command(&["PING"]).expect_err("it is frozen");
    assert!(matches!(silent.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    server.thaw();
    assert_eq!(open.receive().expect("it goes on"), Reply::Simple("PONG".into()));
    server.freeze();
    server.restart();
    assert_eq!(server.command(&["PING"]), Reply::Simple("PONG".into()));
}

#[test]
fn a_dropped_server_leaves_nothing() {
    let server = RedisServer::start();
    let (port, socket) = (server.port(), server.unix_url().replace("redis+unix://", ""));
    drop(server);
    assert!(Connection::to(port).is_err());
    assert!(!std::path::Path::new(&socket).exists());
}

#[test]
fn replies_of_each_kind_are_read() {
    let server = RedisServer::start();
    let mut open = Connection::to(server.port()).expect("it listens");
    open.command(&["HELLO", "3"]).expect("a map is read");
    assert_eq!(open.command(&["INCR", "n"]).expect("a number"), Reply::Int(1));
    assert_eq!(open.command(&["GET", "nothing"]).expect("a nil"), Reply::Nil);
    let keys = open.command(&["KEYS", "*"]).expect("an array");
    assert_eq!(keys.items(), [Reply::Bulk(b"n".to_vec())]);
    assert!(matches!(open.command(&["NONSENSE"]).expect("an error reply"), Reply::Error(_)));
    let large = "x".repeat(1 << 20);
    assert!(open.command(&["SET", "large", &large]).expect("a status").is_ok());
    assert_eq!(open.command(&["GET", "large"]).expect("much"), Reply::Bulk(large.into_bytes()));
}
