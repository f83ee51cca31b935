//! All of it together, and what chance does next.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Arc, Mutex};

use kit::Chance;

use crate::Without;
use crate::codec::{Frame, Head};
use crate::group::Group;
use crate::key::{Key, Pattern};
use crate::near::entry::Entry;
use crate::node::{Line, Load, Node, Stage, Write};
use crate::server::{Named, Server};

const NODES: usize = 3;
const ROWS: usize = 2;
const STEPS: usize = 400;

/// What happened, so that a run in which nothing happens is seen.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) hits: u64,
    pub(crate) frames: u64,
    pub(crate) loads: u64,
    pub(crate) told: u64,
    pub(crate) owed: u64,
    pub(crate) partitions: u64,
    pub(crate) failovers: u64,
    /// Of the server of the frames alone.
    pub(crate) takeovers: u64,
    pub(crate) emptied: u64,
    pub(crate) deaths: u64,
    pub(crate) adopted: u64,
    pub(crate) heard: u64,
    /// Frames that were not read or not stored, because they might be old.
    pub(crate) refused: u64,
}

pub(crate) struct World {
    seed: u64,
    chance: Chance,
    without: Without,
    has_takeovers: bool,
    server: Arc<Mutex<Server>>,
    /// What a replica has of it, as of some time ago.
    replica: Server,
    nodes: Vec<Node>,
    truth: Vec<u64>,
}

fn key(row: usize) -> Key {
    Key::from(format!("row:{row}"))
}

fn tag(row: usize) -> Arc<str> {
    format!("t:{row}").into()
}

impl World {
    pub(crate) fn new(seed: u64, without: Without) -> Self {
        let server = Arc::new(Mutex::new(Server::default()));
        let line = |node: usize| Line {
            server: Arc::clone(&server),
            node: node as u64 + 1,
            up: true.into(),
            admitted: false.into(),
            fresh: Mutex::new(node as u64 + 1),
            read: Mutex::default(),
            lately: Mutex::default(),
            run: 0.into(),
            without,
        };
        let nodes = (0..NODES).map(|node| Node::new(Arc::new(line(node)), ROWS)).collect();
        let truth = vec![0; ROWS];
        let (chance, replica) = (Chance::seeded(seed), Server::default());
        Self { seed, chance, without, has_takeovers: true, server, replica, nodes, truth }
    }

    /// A world as it was before the server of the frames could be followed by another: its runs go on as they went then.
    pub(crate) fn without_takeovers(self) -> Self {
        Self { has_takeovers: false, ..self }
    }

    pub(crate) fn run(&mut self, counts: &mut Counts) {
        for _ in 0..STEPS {
            let node = self.chance.below(NODES as u64) as usize;
            match self.chance.below(100) {
                0..35 => self.nodes[node].follow_on(),
                35..72 => self.load(node, counts),
                72..86 => self.write(node, counts),
                86..96 => self.drain(node, counts),
                _ => self.fail(node, counts),
            }
        }
        self.heal(counts, 400);
        if self.has_takeovers {
            // One that starts now knows nothing of keys that were invalidated before: it believes what the server has.
            self.die(0, counts);
            self.heal(counts, 40);
        }
        for node in &self.nodes {
            counts.adopted += node.follow.seen.adopted.load(Relaxed);
            counts.heard += node.follow.seen.heard.load(Relaxed);
        }
    }

    /// The network and the server, on a bad day.
    fn fail(&mut self, node: usize, counts: &mut Counts) {
        match self.chance.below(20) {
            0..3 => {
                counts.partitions += 1;
                self.nodes[node].line.up.store(false, SeqCst);
            }
            3..14 => self.nodes[node].line.up.store(true, SeqCst),
            14..16 => self.replica = self.server.lock().unwrap().clone(),
            16 if self.replica.epoch != 0 => {
                counts.failovers += 1;
                self.become_server(self.replica.clone());
            }
            17 if self.chance.below(3) == 0 => {
                counts.emptied += 1;
                self.become_server(Server::default());
                self.replica = Server::default();
            }
            17 if self.has_takeovers && self.replica.epoch != 0 => {
                counts.takeovers += 1;
                self.server.lock().unwrap().lose_frames_since(&self.replica);
            }
            18..20 => self.die(node, counts),
            _ => {}
        }
    }

    fn become_server(&mut self, other: Server) {
        {
            let mut server = self.server.lock().unwrap();
            let run = server.run;
            *server = other;
            // Numbers of runs are not given out twice.
            server.run = run;
        }
        self.cut_all();
    }

    /// A server that is another one now has none of the former connections.
    fn cut_all(&mut self) {
        for node in &mut self.nodes {
            let up = node.line.up.swap(false, SeqCst);
            // Until the session has seen it: no command of the old connection gets through.
            while node.line.admitted.load(SeqCst) {
                node.follow_on();
            }
            node.follow_on();
            node.line.up.store(up, SeqCst);
        }
    }

    /// A node dies and another process takes its place. What it owed is in its journal; an invalidation that had not
    /// begun would have been lost with it, so it dies between two; and so would what it is about to say again.
    fn die(&mut self, node: usize, counts: &mut Counts) {
        if self.nodes[node].write.is_some() || !self.nodes[node].is_in_step() {
            return;
        }
        counts.deaths += 1;
        if self.has_takeovers {
            // What a failover takes with it that a dead node had said is lost, and not promised.
            self.replica = self.server.lock().unwrap().clone();
        }
        let old = &mut self.nodes[node];
        let owed = std::mem::take(&mut old.owed);
        let mut new = Node::new(Arc::clone(&old.line), ROWS);
        new.line.lately.lock().unwrap().clear();
        for (groups, named) in owed {
            new.log.append(groups.clone());
            named.iter().for_each(|(row, version)| new.must[*row] = new.must[*row].max(*version));
            new.owed.push_back((groups, named));
        }
        counts.adopted += old.follow.seen.adopted.load(Relaxed);
        counts.heard += old.follow.seen.heard.load(Relaxed);
        *old = new;
    }

    /// One step of a load, or a new one.
    fn load(&mut self, n: usize, counts: &mut Counts) {
        let open = self.nodes[n].loads.len();
        if open > 0 && self.chance.below(3) > 0 {
            let at = self.chance.below(open as u64) as usize;
            return self.load_on(n, at, counts);
        }
        let row = self.chance.below(ROWS as u64) as usize;
        let node = &mut self.nodes[n];
        let floor = node.must[row];
        if let Some(value) = hit(node, row) {
            counts.hits += 1;
            return check(self.seed, n, "near", value, floor);
        }
        for load in node.loads.iter_mut().filter(|load| load.row == row && load.current) {
            if node.log.unnamed_since(&key(row), [&*tag(row)].into_iter(), load.birth.seq).is_some() {
                // Joined: it must not answer less than this caller may expect.
                load.floor = load.floor.max(floor);
                return;
            }
            load.current = false;
        }
        let birth = node.log.birth();
        node.loads.push(Load { row, birth, floor, stage: Stage::Look, current: true });
    }

    fn load_on(&mut self, n: usize, at: usize, counts: &mut Counts) {
        let node = &mut self.nodes[n];
        let (row, birth, stage) = (node.loads[at].row, node.loads[at].birth, node.loads[at].stage);
        let open = node.is_open();
        node.loads[at].stage = match stage {
            Stage::Look => {
                let found = open.then(|| self.server.lock().unwrap().frame(&key(row))).flatten();
                let allowed = found.as_ref().filter(|frame| node.log.allows_shared(frame));
                counts.refused += u64::from(found.is_some() && allowed.is_none());
                counts.frames += u64::from(allowed.is_some());
                allowed.map_or(Stage::Source, |frame| Stage::Answer(value_of(frame)))
            }
            Stage::Source => {
                counts.loads += 1;
                Stage::Store(self.truth[row])
            }
            Stage::Store(value) => {
                let shared = if self.without == Without::FrameBirth { node.log.birth().shared } else { birth.shared };
                let frame = frame(row, value, crate::log::Birth { shared, ..birth });
                if open && node.loads[at].current {
                    let judged = node.log.allows_shared(&frame);
                    let stored = judged && self.server.lock().unwrap().put(frame, self.without != Without::Fence);
                    counts.refused += u64::from(!stored);
                }
                Stage::Answer(value)
            }
            Stage::Answer(value) => {
                let load = node.loads.swap_remove(at);
                if load.current {
                    node.near[row] = Some(Entry::new(value, u64::MAX, u64::MAX, load.birth.seq, 1));
                }
                return check(self.seed, n, "a load", value, load.floor);
            }
        };
    }

    /// One step of an invalidation, or a new one.
    fn write(&mut self, n: usize, counts: &mut Counts) {
        let Some(write) = self.nodes[n].write.take() else { return self.commit(n) };
        let node = &mut self.nodes[n];
        node.write = match write {
            Write::Committed(named, groups) => {
                let records = node.log.append(groups);
                Some(Write::Applied(named, records))
            }
            Write::Applied(named, records) => {
                let groups: Vec<Group> = records.iter().map(|record| record.group.clone()).collect();
                let lost = self.chance.below(20) == 0;
                if node.is_open() && node.owed.is_empty() && append(node, &groups, vec![named]) && !lost {
                    counts.told += 1;
                } else {
                    counts.owed += 1;
                    if lost {
                        // Told or not: the connection broke before the answer.
                        node.line.up.store(false, SeqCst);
                    }
                    if self.without != Without::Journal {
                        node.owed.push_back((groups, vec![named]));
                    }
                }
                Some(Write::Told(named, records))
            }
            Write::Told((row, version), records) => {
                if self.without != Without::AppliedAgain {
                    node.log.apply(&records);
                }
                node.must[row] = node.must[row].max(version);
                None
            }
        };
    }

    /// The source changes. What names the row is a key, a tag, a glob, or the namespace.
    fn commit(&mut self, n: usize) {
        let row = self.chance.below(ROWS as u64) as usize;
        self.truth[row] += 1;
        let group = match self.chance.below(8) {
            0..4 => Group::Key(key(row)),
            4..6 => Group::Tag(tag(row)),
            6 => Group::Pattern(Pattern::new(&format!("row:{row}*")).unwrap()),
            _ => Group::Namespace("row".into()),
        };
        self.nodes[n].write = Some(Write::Committed((row, self.truth[row]), vec![group]));
    }

    /// What is owed is told, all of it in one entry, as the shelf's worker does.
    fn drain(&mut self, n: usize, counts: &mut Counts) {
        let node = &mut self.nodes[n];
        if !node.line.admitted.load(SeqCst) || !node.line.up.load(SeqCst) {
            return;
        }
        let (groups, named): (Vec<Vec<Group>>, Vec<Vec<Named>>) = node.owed.iter().cloned().unzip();
        if !groups.is_empty() && append(node, &groups.concat(), named.concat()) {
            counts.told += 1;
            node.owed.clear();
        }
    }

    /// All is well again, and in a while every node reads the truth.
    fn heal(&mut self, counts: &mut Counts, rounds: usize) {
        for node in &self.nodes {
            node.line.up.store(true, SeqCst);
        }
        for _ in 0..rounds {
            for n in 0..NODES {
                self.nodes[n].follow_on();
                self.drain(n, counts);
                self.nodes[n].line.up.store(true, SeqCst);
                if self.nodes[n].write.is_some() {
                    self.write(n, counts);
                    self.nodes[n].line.up.store(true, SeqCst);
                }
                if !self.nodes[n].loads.is_empty() {
                    self.load_on(n, 0, counts);
                }
            }
        }
        for n in 0..NODES {
            assert!(self.nodes[n].is_open(), "seed {}: node {n} does not come back", self.seed);
            for row in 0..ROWS {
                let read = hit(&self.nodes[n], row).or_else(|| {
                    let frame = self.server.lock().unwrap().frame(&key(row));
                    frame.filter(|frame| self.nodes[n].log.allows_shared(frame)).map(|frame| value_of(&frame))
                });
                let read = read.unwrap_or(self.truth[row]);
                assert_eq!(read, self.truth[row], "seed {}: all is well, and node {n} reads row {row} so", self.seed);
            }
        }
    }
}

fn check(seed: u64, node: usize, what: &str, value: u64, floor: u64) {
    assert!(
        value >= floor,
        "seed {seed}: {what} of node {node} answers version {value}, {floor} was invalidated before"
    );
}

/// Appends as the tier does, and tells the log where.
fn append(node: &Node, groups: &[Group], named: Vec<Named>) -> bool {
    let (line, epoch) = (&node.line, node.log.shared_top().position.epoch);
    let nonce = line.fresh();
    let Some(at) = line.server.lock().unwrap().append(epoch, line.node, nonce, groups, named.clone()) else {
        return false;
    };
    let mut lately = line.lately.lock().unwrap();
    for said in groups.iter().cloned().zip(named) {
        if !lately.contains(&said) {
            lately.push(said);
        }
    }
    drop(lately);
    node.log.appended(groups, at);
    true
}

/// Near as a hit asks it: two numbers, and a closer look if the log has moved.
fn hit(node: &Node, row: usize) -> Option<u64> {
    let head = node.interest.head();
    let entry = node.near[row].as_ref()?;
    if !entry.is_fresh(head, 0) {
        let now = node.log.unnamed_since(&key(row), [&*tag(row)].into_iter(), entry.checked())?;
        entry.recheck(now);
    }
    Some(entry.value)
}

fn value_of(frame: &Frame) -> u64 {
    u64::from_le_bytes(frame.payload().try_into().unwrap())
}

fn frame(row: usize, value: u64, birth: crate::log::Birth) -> Frame {
    let head = Head {
        fingerprint: 1,
        birth: birth.position,
        shared: birth.shared,
        born: 0,
        fresh_until: u64::MAX,
        stale_until: u64::MAX,
        key: key(row),
        tags: Arc::from([tag(row)]),
        format: 1,
        compression: 0,
        raw_len: 8,
    };
    Frame::seal(head, &value.to_le_bytes()).unwrap()
}
