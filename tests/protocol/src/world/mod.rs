//! What there is, and what can happen next.

mod node;
mod outage;
mod work;

use node::Node;

use crate::plan::{Guard, Kind, Outage, Plan};

/// A place in the shared log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Position {
    epoch: u8,
    number: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Record {
    by: usize,
    version: u8,
    /// Tells two records of one number apart.
    nonce: u8,
    /// Is it remembered for those who start later, because its key could not be closed?
    kept: bool,
}

/// What stands beside a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Fence {
    /// Nothing is stored; this node closed it.
    Closed(usize),
    /// Frames of loads that began before this are not stored.
    At(Position),
}

/// A frame in L2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Frame {
    version: u8,
    birth: Position,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Birth {
    seq: u8,
    shared: Position,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Stage {
    Look,
    Source,
    Publish(u8),
    Near(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Load {
    stage: Stage,
    birth: Birth,
    /// The newest version whose invalidation had returned here, or been applied here, when the load began.
    floor: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Write {
    /// The source has it.
    Committed,
    /// Applied here; the log is to be told.
    Noted,
    /// The first of closing and appending is done.
    Half,
    /// Both are done, and the caller has its answer; of a cluster, where the key is still to be opened.
    Told(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Link {
    Up,
    Down,
    /// The log is known again; what is owed to it is not all appended.
    Owing,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    truth: u8,
    epoch: u8,
    /// Did the server that holds the log take over in this epoch?
    took_over: bool,
    log: Vec<Record>,
    nonces: u8,
    frame: Option<Frame>,
    fence: Option<Fence>,
    /// Frame and fence as they were before the last command: what a replica may hold.
    before: (Option<Frame>, Option<Fence>),
    away: bool,
    nodes: [Node; 2],
    writes: u8,
    loads: u8,
    outages: u8,
    restarts: u8,
}

pub(crate) struct Step {
    pub(crate) word: String,
    pub(crate) world: World,
    pub(crate) violation: Option<String>,
}

const FIRST: u8 = 1;

impl World {
    pub(crate) fn new(plan: &Plan) -> Self {
        let node = Node {
            seq: 0,
            named_seq: 0,
            named: 0,
            named_in: FIRST,
            cursor: 0,
            top: Position { epoch: FIRST, number: 0 },
            top_record: None,
            near: None,
            must: 0,
            load: None,
            write: None,
            link: Link::Up,
            owed: None,
            told: None,
            unaware: false,
        };
        Self {
            truth: 0,
            epoch: FIRST,
            took_over: false,
            log: Vec::new(),
            nonces: 0,
            frame: None,
            fence: None,
            before: (None, None),
            away: false,
            nodes: [node.clone(), node],
            writes: plan.writes,
            loads: plan.loads,
            outages: u8::from(!matches!(plan.outage, Outage::None | Outage::Restart)),
            restarts: u8::from(matches!(plan.outage, Outage::Restart | Outage::TailOfFrames | Outage::FramesAway)),
        }
    }

    /// Is something readable here that must not be?
    pub(crate) fn violation(&self, plan: &Plan) -> Option<String> {
        for (i, node) in self.nodes.iter().enumerate() {
            let readable = node.near.filter(|&(_, birth)| node.allows(plan, birth));
            if let Some((version, _)) = readable
                && version < node.must
            {
                return Some(format!("near of node {i} serves version {version}, {} was invalidated", node.must));
            }
            if self.is_quiet() {
                if let Some((version, _)) = readable
                    && version < self.truth
                {
                    return Some(format!("quiet, but near of node {i} serves version {version} of {}", self.truth));
                }
                if let Some(frame) = self.frame.filter(|frame| node.takes(plan, frame))
                    && frame.version < self.truth
                {
                    return Some(format!("quiet, but L2 serves version {} to node {i}", frame.version));
                }
            }
        }
        None
    }

    fn is_quiet(&self) -> bool {
        let at_rest = |node: &Node| {
            node.load.is_none()
                && node.write.is_none()
                && node.owed.is_none()
                && !node.unaware
                && node.link == Link::Up
                && node.top.epoch == self.epoch
                && usize::from(node.cursor) == self.log.len()
        };
        self.writes == 0 && self.loads == 0 && !self.away && self.nodes.iter().all(at_rest)
    }

    pub(crate) fn steps(&self, plan: &Plan) -> Vec<Step> {
        let mut steps = Vec::new();
        for i in 0..self.nodes.len() {
            self.read_log(i, plan, &mut steps);
            self.load(i, plan, &mut steps);
            self.write(i, plan, &mut steps);
            self.come_back(i, plan, &mut steps);
            self.start_anew(i, plan, &mut steps);
        }
        self.fail(plan, &mut steps);
        steps
    }

    fn step(&self, word: String, change: impl FnOnce(&mut Self)) -> Step {
        let mut world = self.clone();
        change(&mut world);
        Step { word, world, violation: None }
    }

    /// Begins anew with the log as it is.
    fn adopt(&mut self, i: usize, plan: &Plan) {
        let (epoch, len, last) = (self.epoch, self.length(), self.log.last().copied());
        let node = &mut self.nodes[i];
        if plan.on(Guard::DropOnNewEpoch) {
            node.name_here();
        }
        node.top = Position { epoch, number: len };
        node.top_record = last;
        node.cursor = len;
        // The log remembers groups; of keys only those that could not be closed.
        let kept = self.log.iter().rposition(|record| record.kept || plan.kind == Kind::Group);
        self.nodes[i].named = kept.map_or(0, |at| u8::try_from(at + 1).expect("few records"));
    }

    fn owe(&mut self, i: usize, plan: &Plan, version: u8) {
        let node = &mut self.nodes[i];
        node.write = None;
        node.must = node.must.max(version);
        if plan.on(Guard::Journal) {
            node.owed = Some((version, false));
            if node.link == Link::Up {
                node.link = Link::Owing;
            }
        }
        // L2 is closed from here on; a load may have looked into it since the record was applied.
        if plan.on(Guard::AppliedAgain) {
            node.name_here();
        }
    }

    /// The key leaves L2, and no load in the air brings it back.
    fn close(&mut self, i: usize, plan: &Plan) {
        if plan.kind == Kind::Key && !self.away {
            self.before = (self.frame, self.fence);
            self.frame = None;
            self.fence = Some(Fence::Closed(i));
        }
    }

    /// Loads that began after the record may store again. Where the key is not closed any more, its closing was lost, and
    /// what had been removed may be back.
    fn open(&mut self, i: usize, number: u8, plan: &Plan) {
        if plan.kind != Kind::Key || self.away {
            return;
        }
        let mine = Position { epoch: self.nodes[i].named_in, number };
        let (lost, fence) = match self.fence {
            Some(Fence::Closed(by)) if by == i || !plan.on(Guard::OpenedByCloser) => (false, Fence::At(mine)),
            Some(Fence::Closed(_)) => return,
            _ if !plan.on(Guard::RemovedAtOpening) => return,
            Some(Fence::At(other)) if other.epoch != mine.epoch => (true, Fence::Closed(i)),
            Some(Fence::At(other)) if other.number > number => (true, Fence::At(other)),
            _ => (true, Fence::At(mine)),
        };
        self.before = (self.frame, self.fence);
        if lost {
            self.frame = None;
        }
        self.fence = Some(fence);
    }

    /// In a cluster the key is opened by a command of its own, after its invalidation has returned.
    fn opens_later(&mut self, i: usize, plan: &Plan, version: u8) {
        let number = self.nodes[i].named;
        if plan.cluster && plan.kind == Kind::Key {
            self.nodes[i].write = Some((Write::Told(number), version));
        } else {
            self.nodes[i].write = None;
        }
    }

    fn length(&self) -> u8 {
        u8::try_from(self.log.len()).expect("few records")
    }

    fn is_fenced(&self, birth: Position) -> bool {
        match self.fence {
            None => false,
            Some(Fence::Closed(_)) => true,
            Some(Fence::At(fence)) => fence.epoch == birth.epoch && fence.number > birth.number,
        }
    }

    /// The record is in the log, and its writer knows where.
    fn append(&mut self, i: usize, plan: &Plan, version: u8, kept: bool) {
        let record = self.push(i, version, kept);
        let number = self.length();
        if !plan.cluster && self.fence.is_some() {
            self.fence = Some(Fence::At(Position { epoch: self.epoch, number }));
        }
        let node = &mut self.nodes[i];
        node.told = Some(version);
        node.named_in = node.top.epoch;
        let must = node.must;
        if plan.on(Guard::AppliedAgain) {
            node.apply(number, record, must);
        } else {
            node.learn(number, record);
        }
    }

    fn push(&mut self, i: usize, version: u8, kept: bool) -> Record {
        self.nonces += 1;
        let record = Record { by: i, version, nonce: self.nonces, kept };
        self.log.push(record);
        record
    }
}
