//! A primary with a replica, and a sentinel that watches them.

use std::path::Path;
use std::time::Duration;

use crate::redis::RedisServer;
use crate::resp::Reply;
use crate::wait::until;

/// How long a link, a pause or a failover may take.
const LIMIT: Duration = Duration::from_secs(15);

/// Without these a first synchronization waits five seconds for more replicas.
const PROMPT: [&str; 4] = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"];

/// A primary and its replica, with a sentinel that promotes the replica half a second after the primary is gone.
#[derive(Debug)]
pub struct Replicated {
    primary: RedisServer,
    replica: RedisServer,
    sentinel: Option<RedisServer>,
}

impl Replicated {
    /// The name under which the sentinel knows the primary.
    pub const MASTER: &str = "mymaster";

    /// Starts all three and waits till the replica is in step and the sentinel knows it.
    #[must_use]
    pub fn start() -> Replicated {
        let pair = Replicated::without_sentinel();
        let watched = pair.primary.port();
        let sentinel = RedisServer::arranged(|folder, _| sentinel_arguments(folder, watched));
        until("the sentinel knows the replica", LIMIT, || knows_replica(&sentinel));
        Replicated { sentinel: Some(sentinel), ..pair }
    }

    /// Starts a primary and a replica that only a test promotes.
    #[must_use]
    pub fn without_sentinel() -> Replicated {
        let (primary, replica) = (RedisServer::with(&PROMPT), RedisServer::with(&PROMPT));
        let pair = Replicated { primary, replica, sentinel: None };
        pair.resume_replication();
        pair
    }

    /// The server that was started as the primary, whatever it is now.
    #[must_use]
    pub fn primary(&self) -> &RedisServer {
        &self.primary
    }

    /// The server that was started as the replica, whatever it is now.
    #[must_use]
    pub fn replica(&self) -> &RedisServer {
        &self.replica
    }

    /// The sentinel.
    ///
    /// # Panics
    ///
    /// When it was started without one.
    #[must_use]
    pub fn sentinel(&self) -> &RedisServer {
        self.sentinel.as_ref().expect("this pair was started without a sentinel")
    }

    /// The port of the sentinel on the loopback address.
    #[must_use]
    pub fn sentinel_port(&self) -> u16 {
        self.sentinel().port()
    }

    /// The address of the sentinel: `redis://127.0.0.1:PORT/`.
    #[must_use]
    pub fn sentinel_url(&self) -> String {
        self.sentinel().url()
    }

    /// The port of the server that the sentinel tells clients to be the primary.
    #[must_use]
    pub fn told_primary(&self) -> u16 {
        let reply = self.sentinel().command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Replicated::MASTER]);
        let port = reply.items().get(1).and_then(Reply::text).and_then(|text| text.parse().ok());
        port.unwrap_or_else(|| panic!("the sentinel tells no primary: {reply:?}"))
    }

    /// Cuts the replica off: it answers with what it has while the primary goes on.
    ///
    /// A sentinel leaves it so for two seconds at the least, then it puts the link in order.
    pub fn pause_replication(&self) {
        self.follow("1");
        until("the replica has lost its primary", LIMIT, || !self.in_step());
    }

    /// Joins the replica to the primary again and waits till it has all that the primary has.
    pub fn resume_replication(&self) {
        self.follow(&self.primary.port().to_string());
        until("the replica is in step with the primary", LIMIT, || self.in_step());
    }

    /// Makes the replica a primary, as a failover does that nobody tells the old primary about.
    pub fn promote_replica(&self) {
        let reply = self.replica.command(&["REPLICAOF", "NO", "ONE"]);
        assert!(reply.is_ok(), "the replica could not be promoted: {reply:?}");
    }

    /// Waits till the sentinel tells clients the replica as the primary and the replica takes writes.
    pub fn await_failover(&self) {
        until("the sentinel promotes the replica", LIMIT, || {
            self.told_primary() == self.replica.port() && self.replica.info("role").as_deref() == Some("master")
        });
    }

    fn follow(&self, port: &str) {
        let reply = self.replica.command(&["REPLICAOF", "127.0.0.1", port]);
        assert!(reply.text().is_some_and(|text| text.starts_with("OK")), "the replica takes no primary: {reply:?}");
    }

    /// The link is up and the replica has every byte that the primary has written.
    fn in_step(&self) -> bool {
        self.replica.info("master_link_status").as_deref() == Some("up")
            && self.replica.info("master_port") == Some(self.primary.port().to_string())
            && offset(&self.replica, "slave_repl_offset")
                .zip(offset(&self.primary, "master_repl_offset"))
                .is_some_and(|(had, written)| had >= written)
    }
}

fn offset(server: &RedisServer, field: &str) -> Option<u64> {
    server.info(field)?.parse().ok()
}

/// A sentinel writes what it learns into its settings, so they are a file.
fn sentinel_arguments(folder: &Path, watched: u16) -> Vec<String> {
    let name = Replicated::MASTER;
    let settings = format!(
        "sentinel monitor {name} 127.0.0.1 {watched} 1\n\
         sentinel down-after-milliseconds {name} 500\n\
         sentinel failover-timeout {name} 2000\n"
    );
    let file = folder.join("sentinel.conf");
    std::fs::write(&file, settings).expect("the settings of the sentinel can be written");
    vec![file.display().to_string(), "--sentinel".to_owned()]
}

/// It has asked the replica for its state, without which it would not promote it.
fn knows_replica(sentinel: &RedisServer) -> bool {
    let reply = sentinel.command(&["SENTINEL", "REPLICAS", Replicated::MASTER]);
    let Some(replica) = reply.items().first() else { return false };
    let fields: Vec<_> = replica.items().iter().filter_map(Reply::text).collect();
    let field = |name: &str| fields.chunks(2).find(|pair| pair[0] == name).map(|pair| pair[1].as_str());
    field("flags") == Some("slave") && field("master-link-status") == Some("ok")
}
