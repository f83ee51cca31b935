//! A Redis Cluster of three primaries.

use std::ops::Range;
use std::time::{Duration, Instant};

use crate::redis::RedisServer;
use crate::resp::Reply;
use crate::wait::{free_port, until};

/// How long the nodes may take to agree.
const LIMIT: Duration = Duration::from_secs(20);

/// How long nobody may own a slot before it is given to somebody.
const GOSSIP: Duration = Duration::from_secs(3);

/// How many slots a cluster has.
const SLOTS: u16 = 16384;

/// A cluster of three primaries without replicas, which share the slots evenly at first.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts the nodes and waits till all of them find the cluster whole.
    #[must_use]
    pub fn start() -> RedisCluster {
        RedisCluster::with(&[])
    }

    /// Starts nodes with further settings. With `--cluster-require-full-coverage no` the others serve their slots
    /// when one is killed.
    #[must_use]
    pub fn with(settings: &[&str]) -> RedisCluster {
        let nodes: Vec<_> = (0..3).map(|_| RedisServer::arranged(|_, _| arguments(settings))).collect();
        let cluster = RedisCluster { nodes };
        cluster.share_slots();
        cluster.introduce();
        cluster.await_whole();
        cluster
    }

    /// The nodes. Kill, freeze and restart them as any server; one that is restarted empty is no longer a member.
    #[must_use]
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// The addresses of the nodes.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }

    /// Waits till every node finds the cluster whole, as after a restart of one.
    pub fn await_whole(&self) {
        until("all nodes find the cluster whole", LIMIT, || self.nodes.iter().all(is_whole));
    }

    /// The slot of a key.
    #[must_use]
    pub fn slot(&self, key: &str) -> u16 {
        match self.nodes[0].command(&["CLUSTER", "KEYSLOT", key]) {
            Reply::Int(slot) => u16::try_from(slot).expect("a slot is below 16384"),
            other => panic!("the slot of {key:?} is not told: {other:?}"),
        }
    }

    /// Which of the nodes owns a slot, as the nodes themselves say. For a moment none may: they agree by gossip, and one
    /// that stood still hears of moves late. Where each goes on to think that it is another's, as old gossip may leave it
    /// after moves that follow each other closely, the one with the most of its keys gets it, as an operator would see to.
    #[must_use]
    pub fn owner(&self, slot: u16) -> usize {
        let (mut owner, start) = (None, Instant::now());
        until(&format!("a node owns slot {slot}"), LIMIT, || {
            owner = self.nodes.iter().position(|node| owns(node, slot));
            if owner.is_none() && start.elapsed() > GOSSIP {
                self.adopt(slot);
            }
            owner.is_some()
        });
        owner.unwrap_or_default()
    }

    fn adopt(&self, slot: u16) {
        let keys = |node: usize| match self.nodes[node].command(&["CLUSTER", "COUNTKEYSINSLOT", &slot.to_string()]) {
            Reply::Int(keys) => keys,
            other => panic!("the keys of slot {slot} are not counted: {other:?}"),
        };
        let to = (0..self.nodes.len()).max_by_key(|node| keys(*node)).unwrap_or_default();
        let _ = self.nodes[to].command(&["CLUSTER", "BUMPEPOCH"]);
        self.close_move(slot, to);
    }

    /// Moves a slot with its keys from one node to another. Clients are told MOVED from then on.
    pub fn move_slot(&self, slot: u16, from: usize, to: usize) {
        self.open_move(slot, from, to);
        self.carry_keys(slot, from, to);
        self.close_move(slot, to);
    }

    /// Begins a move: clients are told ASK for keys of the slot that the first node no longer has.
    pub fn open_move(&self, slot: u16, from: usize, to: usize) {
        self.set_slot(to, &[&slot.to_string(), "IMPORTING", &self.id(from)]);
        self.set_slot(from, &[&slot.to_string(), "MIGRATING", &self.id(to)]);
    }

    /// Carries the keys of a slot over while a move is open.
    pub fn carry_keys(&self, slot: u16, from: usize, to: usize) {
        let port = self.nodes[to].port().to_string();
        loop {
            let found = self.nodes[from].command(&["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), "100"]);
            let keys: Vec<String> = found.items().iter().filter_map(Reply::text).collect();
            if keys.is_empty() {
                return;
            }
            let fixed = ["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "KEYS"];
            let words: Vec<&str> = fixed.into_iter().chain(keys.iter().map(String::as_str)).collect();
            let reply = self.nodes[from].command(&words);
            assert!(reply.is_ok(), "keys of slot {slot} could not be carried over: {reply:?}");
        }
    }

    /// Ends a move: the node that got the keys owns the slot, and all nodes know it.
    pub fn close_move(&self, slot: u16, to: usize) {
        let (slot, id) = (slot.to_string(), self.id(to));
        let others = (0..self.nodes.len()).filter(|node| *node != to);
        for node in std::iter::once(to).chain(others) {
            self.set_slot(node, &[&slot, "NODE", &id]);
        }
    }

    /// Starts a further server as the replica of this one, waits till it is in step, and answers its number.
    pub fn add_replica(&mut self, of: usize) -> usize {
        let replica = self.nodes.len();
        let settings = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"];
        self.nodes.push(RedisServer::arranged(|_, _| arguments(&settings)));
        self.meet(0, replica);
        let id = self.id(of);
        until("the replica takes its primary", LIMIT, || {
            self.nodes[replica].command(&["CLUSTER", "REPLICATE", &id]).is_ok()
        });
        self.await_in_step(of, replica);
        replica
    }

    /// Waits till the replica has all that its primary has.
    pub fn await_in_step(&self, primary: usize, replica: usize) {
        let offset = |node: usize, field: &str| self.nodes[node].info(field)?.parse::<u64>().ok();
        until("the replica is in step with the primary", LIMIT, || {
            self.nodes[replica].info("master_link_status").as_deref() == Some("up")
                && offset(replica, "slave_repl_offset")
                    .zip(offset(primary, "master_repl_offset"))
                    .is_some_and(|(had, written)| had >= written)
        });
    }

    /// Cuts a replica off from its primary, which it must not know by another password: it keeps what it has.
    pub fn part(&self, replica: usize) {
        let node = &self.nodes[replica];
        let user = node.command(&["CONFIG", "SET", "masteruser", "nobody", "masterauth", "wrong"]);
        assert!(user.is_ok(), "the replica keeps its password: {user:?}");
        until("the replica has lost its primary", LIMIT, || {
            // The link that stands is ended by its primary.
            for primary in self.nodes.iter().filter(|node| node.port() != self.nodes[replica].port()) {
                let _ = primary.try_command(&["CLIENT", "KILL", "TYPE", "replica"]);
            }
            node.info("master_link_status").as_deref() == Some("down")
        });
    }

    /// Makes a replica the owner of its primary's slots, whatever that one says, and waits till all others know.
    pub fn take_over(&self, replica: usize) {
        let reply = self.nodes[replica].command(&["CLUSTER", "FAILOVER", "TAKEOVER"]);
        assert!(reply.is_ok(), "the replica does not take over: {reply:?}");
        until("the replica has taken over", LIMIT, || self.nodes[replica].info("role").as_deref() == Some("master"));
    }

    fn id(&self, node: usize) -> String {
        self.nodes[node].command(&["CLUSTER", "MYID"]).text().expect("a node knows its name")
    }

    fn set_slot(&self, node: usize, words: &[&str]) {
        let words = [&["CLUSTER", "SETSLOT"], words].concat();
        let reply = self.nodes[node].command(&words);
        assert!(reply.is_ok(), "{words:?} failed on node {node}: {reply:?}");
    }

    fn share_slots(&self) {
        let each = SLOTS.div_ceil(3);
        for (node, first) in self.nodes.iter().zip((0..SLOTS).step_by(usize::from(each))) {
            let last = (first + each).min(SLOTS) - 1;
            let reply = node.command(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
            assert!(reply.is_ok(), "slots could not be given out: {reply:?}");
        }
    }

    /// Each node gets to know the first one, and the others by gossip.
    fn introduce(&self) {
        for (i, node) in self.nodes.iter().enumerate() {
            let epoch = node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(i + 1).to_string()]);
            assert!(epoch.is_ok(), "a node has an epoch already: {epoch:?}");
        }
        for (from, to) in [(0, 1), (0, 2), (1, 2)] {
            self.meet(from, to);
        }
    }

    fn meet(&self, from: usize, to: usize) {
        let (port, bus) =
            (self.nodes[to].port().to_string(), self.nodes[to].command(&["CONFIG", "GET", "cluster-port"]));
        let bus = bus.items()[1].text().expect("a node tells the port of its bus");
        let reply = self.nodes[from].command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        assert!(reply.is_ok(), "a node takes no other: {reply:?}");
    }
}

fn arguments(settings: &[&str]) -> Vec<String> {
    let bus = free_port().to_string();
    let fixed = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "1000"];
    fixed.iter().chain(settings).map(ToString::to_string).collect()
}

/// The node knows three nodes that own every slot, and none of them is down.
fn is_whole(node: &RedisServer) -> bool {
    let state = node.try_command(&["CLUSTER", "INFO"]).ok().and_then(|reply| reply.text()).unwrap_or_default();
    let told = ["cluster_state:ok", "cluster_known_nodes:3", "cluster_slots_ok:16384", "cluster_size:3"];
    told.iter().all(|line| state.lines().any(|found| found == *line))
}

fn owns(node: &RedisServer, slot: u16) -> bool {
    let Ok(slots) = node.try_command(&["CLUSTER", "SLOTS"]) else { return false };
    slots.items().iter().any(|range| own_slots(range, node.port()).is_some_and(|slots| slots.contains(&slot)))
}

/// The slots of one entry of `CLUSTER SLOTS`, when the node with that port owns them.
fn own_slots(entry: &Reply, port: u16) -> Option<Range<u16>> {
    let [Reply::Int(first), Reply::Int(last), owner, ..] = entry.items() else { return None };
    let own = owner.items().get(1) == Some(&Reply::Int(port.into()));
    own.then(|| Some(u16::try_from(*first).ok()?..u16::try_from(*last).ok()? + 1))?
}
