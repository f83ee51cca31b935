//! Frame faults drop, repeat and swap messages and leave the connection in step.

use std::time::Duration;

use kit::{Connection, FrameFaults, Frames, Proxy, RedisServer, Reply};

const SENT: usize = 200;

/// Publishes numbers and tells which of them a subscriber behind the proxy got, in the order in which it got them.
fn received(version: &str, proxy: &Proxy, server: &RedisServer, faults: FrameFaults) -> Vec<usize> {
    let mut subscriber = Connection::to(proxy.port()).expect("the proxy listens");
    subscriber.command(&["HELLO", version]).expect("the server answers");
    subscriber.command(&["SUBSCRIBE", "c"]).expect("the server answers");
    proxy.frames(Some(faults));
    let mut publisher = Connection::to(server.port()).expect("the server listens");
    for number in 0..SENT {
        publisher.command(&["PUBLISH", "c", &number.to_string()]).expect("the server answers");
    }
    subscriber.patience(Duration::from_secs(2)).expect("a limit can be set");
    std::iter::from_fn(|| subscriber.receive().ok())
        .filter_map(|reply| reply.items().get(2)?.text()?.parse().ok())
        .collect()
}

fn pair() -> (RedisServer, Proxy) {
    let server = RedisServer::start();
    let proxy = Proxy::seeded(server.port(), 42);
    (server, proxy)
}

#[test]
fn messages_are_dropped() {
    for version in ["2", "3"] {
        let (server, proxy) = pair();
        let got = received(version, &proxy, &server, FrameFaults { drop: 0.3, ..FrameFaults::default() });
        assert_eq!(got.len() + proxy.dropped() as usize, SENT);
        assert!((30..90).contains(&proxy.dropped()), "{}", proxy.dropped());
        assert!(got.is_sorted());
    }
}

#[test]
fn messages_are_repeated() {
    let (server, proxy) = pair();
    let mut got = received("3", &proxy, &server, FrameFaults { duplicate: 0.3, ..FrameFaults::default() });
    assert_eq!(got.len(), SENT + proxy.duplicated() as usize);
    assert!(got.is_sorted());
    got.dedup();
    assert_eq!(got.len(), SENT);
}

#[test]
fn messages_are_swapped_and_none_is_lost() {
    let (server, proxy) = pair();
    let mut got = received("3", &proxy, &server, FrameFaults { reorder: 0.3, ..FrameFaults::default() });
    assert!(proxy.reordered() > 20, "{}", proxy.reordered());
    assert!(!got.is_sorted());
    got.sort_unstable();
    assert_eq!(got, (0..SENT).collect::<Vec<_>>());
}

#[test]
fn the_last_message_is_held_back_for_a_moment_only() {
    let (server, proxy) = pair();
    let faults = FrameFaults { reorder: 1.0, ..FrameFaults::default() };
    assert_eq!(received("3", &proxy, &server, faults).len(), SENT);
}

#[test]
fn replies_are_concerned_only_when_told() {
    let (_server, proxy) = pair();
    let mut client = Connection::to(proxy.port()).expect("the proxy listens");
    proxy.frames(Some(FrameFaults { drop: 1.0, ..FrameFaults::default() }));
    assert_eq!(client.command(&["PING"]).expect("it is no push"), Reply::Simple("PONG".into()));
    proxy.frames(Some(FrameFaults { duplicate: 1.0, which: Frames::All, ..FrameFaults::default() }));
    assert_eq!(client.command(&["INCR", "n"]).expect("it comes twice"), Reply::Int(1));
    assert_eq!(client.command(&["INCR", "n"]).expect("it is the one of before"), Reply::Int(1));
}
