//! Each fault of the proxy does what it says, before a real server.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use kit::{Connection, Proxy, RedisServer, Reply, until};

const SHORT: Duration = Duration::from_millis(150);

fn pair() -> (RedisServer, Proxy) {
    let server = RedisServer::start();
    let proxy = Proxy::to(server.port());
    (server, proxy)
}

fn open(proxy: &Proxy) -> Connection {
    let mut connection = Connection::to(proxy.port()).expect("the proxy listens");
    assert_eq!(ping(&mut connection).expect("the server answers"), pong());
    connection
}

fn ping(connection: &mut Connection) -> std::io::Result<Reply> {
    connection.command(&["PING"])
}

fn pong() -> Reply {
    Reply::Simple("PONG".into())
}

fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let since = Instant::now();
    (run(), since.elapsed())
}

#[test]
fn without_faults_it_carries_and_counts_all() {
    let (server, proxy) = pair();
    assert!(proxy.url().contains(&proxy.port().to_string()));
    let mut client = open(&proxy);
    until("both directions are counted", Duration::from_secs(2), || {
        (proxy.request_bytes(), proxy.reply_bytes()) == (14, 7)
    });
    let large = "x".repeat(3 << 20);
    assert!(client.command(&["SET", "large", &large]).expect("it is carried").is_ok());
    assert_eq!(client.command(&["GET", "large"]).expect("it is carried"), Reply::Bulk(large.into_bytes()));
    assert_eq!((proxy.connections(), proxy.open_connections()), (1, 1));
    drop(client);
    until("a closed connection is closed on both sides", Duration::from_secs(2), || {
        proxy.open_connections() == 0 && server.info("connected_clients").as_deref() == Some("1")
    });
}

#[test]
fn latency_delays_and_keeps_the_order() {
    let (_server, proxy) = pair();
    let mut client = open(&proxy);
    proxy.latency(Duration::from_millis(40), Duration::from_millis(20));
    let (reply, took) = timed(|| ping(&mut client));
    assert_eq!(reply.expect("it is late"), pong());
    assert!(took >= Duration::from_millis(40), "{took:?}");
    let (numbers, took) = timed(|| {
        (0..50).for_each(|_| client.send(&["INCR", "n"]).expect("it is sent"));
        (0..50).map(|_| client.receive().expect("it is late")).collect::<Vec<_>>()
    });
    assert_eq!(numbers, (1..=50).map(Reply::Int).collect::<Vec<_>>());
    assert!(took < Duration::from_millis(1500), "delays of requests sent together do not add up: {took:?}");
    proxy.heal();
    proxy.request_latency(Duration::from_millis(40), Duration::ZERO);
    assert!(timed(|| ping(&mut client)).1 >= Duration::from_millis(40));
}

#[test]
fn a_black_hole_swallows_until_it_ends() {
    let (server, proxy) = pair();
    let mut client = open(&proxy);
    proxy.black_hole(true);
    client.patience(SHORT).expect("a limit can be set");
    let silent = client.command(&["INCR", "n"]).expect_err("nothing comes back");
    assert!(matches!(silent.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silent}");
    let mut later = Connection::to(proxy.port()).expect("connections are accepted");
    later.patience(SHORT).expect("a limit can be set");
    assert!(matches!(ping(&mut later).expect_err("silence").kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    assert_eq!(server.command(&["GET", "n"]), Reply::Nil);
    proxy.black_hole(false);
    client.patience(Duration::from_secs(2)).expect("a limit can be set");
    assert_eq!(client.receive().expect("it was only late"), Reply::Int(1));
    assert_eq!(later.receive().expect("it was only late"), pong());
}

#[test]
fn a_black_hole_hides_that_the_server_died() {
    let (server, proxy) = pair();
    let mut client = open(&proxy);
    proxy.black_hole(true);
    server.kill();
    client.patience(SHORT).expect("a limit can be set");
    assert!(matches!(client.receive().expect_err("no end").kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    proxy.heal();
    assert!(matches!(client.receive().expect_err("an end").kind(), ErrorKind::UnexpectedEof));
    let reset = Connection::to(proxy.port()).and_then(|mut client| ping(&mut client)).expect_err("no server");
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn connections_are_reset_and_refused() {
    let (_server, proxy) = pair();
    let mut client = open(&proxy);
    proxy.reset_all();
    assert_eq!(client.receive().expect_err("it is reset").kind(), ErrorKind::ConnectionReset);
    let mut client = open(&proxy);
    proxy.refuse(true);
    assert_eq!(Connection::to(proxy.port()).expect_err("it is refused").kind(), ErrorKind::ConnectionRefused);
    assert_eq!(ping(&mut client).expect("open ones live on"), pong());
    proxy.refuse(false);
    open(&proxy);
    proxy.refuse(true);
    proxy.heal();
    open(&proxy);
}

#[test]
fn replies_come_in_small_packets() {
    let (_server, proxy) = pair();
    proxy.slice(Some(1));
    proxy.bandwidth(Some(2000));
    let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).expect("it listens");
    client.write_all(b"ECHO 0123456789012345678901234567890123456789\r\n").expect("it is sent");
    let (mut all, mut reads, mut buffer) = (Vec::new(), 0, [0; 64]);
    while all.len() < 47 {
        let read = client.read(&mut buffer).expect("it comes");
        all.extend_from_slice(&buffer[..read]);
        reads += 1;
    }
    assert_eq!(all, b"$40\r\n0123456789012345678901234567890123456789\r\n");
    assert!(reads > 3, "{reads} reads");
}

#[test]
fn a_connection_is_cut_within_a_reply() {
    let (_server, proxy) = pair();
    let mut client = TcpStream::connect(("127.0.0.1", proxy.port())).expect("it listens");
    let mut all = [0; 7];
    client.write_all(b"PING\r\n").expect("it is sent");
    client.read_exact(&mut all).expect("it is whole");
    proxy.cut_after(Some(10));
    client.write_all(b"PING\r\nPING\r\n").expect("it is sent");
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).expect("the end is no error");
    assert_eq!(rest, b"+PONG\r\n+PO");
    proxy.cut_after(Some(0));
    let cut = Connection::to(proxy.port()).and_then(|mut client| ping(&mut client));
    assert_eq!(cut.expect_err("not a byte comes").kind(), ErrorKind::UnexpectedEof);
    proxy.cut_after(None);
    open(&proxy);
}

#[test]
fn bandwidth_is_limited() {
    let (_server, proxy) = pair();
    let mut client = open(&proxy);
    client.command(&["SET", "a", &"x".repeat(50_000)]).expect("requests are not slowed");
    proxy.bandwidth(Some(250_000));
    let (_, took) = timed(|| client.command(&["GET", "a"]).expect("it is slow"));
    assert!(took >= Duration::from_millis(190), "{took:?}");
}

#[test]
fn new_connections_go_to_the_new_target() {
    let (server, proxy) = pair();
    let other = RedisServer::start();
    server.command(&["SET", "who", "old"]);
    other.command(&["SET", "who", "new"]);
    let mut before = open(&proxy);
    proxy.retarget(other.port());
    let mut after = open(&proxy);
    assert_eq!(before.command(&["GET", "who"]).expect("it lives on"), Reply::Bulk(b"old".to_vec()));
    assert_eq!(after.command(&["GET", "who"]).expect("it is new"), Reply::Bulk(b"new".to_vec()));
}
