//! What there is, and what can happen next.

/// What an invalidation names: a group, judged by the frame's birth, or one key, removed from L2 and fenced there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Group,
    Key,
}

/// What fails, once, at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    None,
    /// One node's connection breaks, also between a command and its answer.
    Cut,
    /// The server comes back empty.
    Empty,
    /// One server fails over to a replica that lacks the last record of the log, and what was stored after it.
    Tail,
    /// None of servers and connections; but a node starts anew, and knows nothing but the log as it finds it.
    Restart,
    /// Of a cluster: the server of the frame fails over to a replica that lacks the last command. When that is noticed
    /// and mended, a node starts anew; before, it could be given what has come back, and that is not promised.
    TailOfFrames,
    /// Of a cluster: the server of the frame is away for a while, and meanwhile or later a node starts anew.
    FramesAway,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guard {
    /// The birth is taken before L2 and the source are read, not at publishing.
    BirthBeforeRead,
    /// Near refuses a value whose birth is older than the last local application.
    NearCompares,
    /// The writer applies its own record again once the shared log has it.
    AppliedAgain,
    /// A frame carries the shared position known when its load began.
    FrameBirth,
    /// A key's frame is not stored in L2 if the key was invalidated after its load began.
    Fence,
    /// A frame is judged once more when it is stored: its epoch may have ended meanwhile.
    JudgedAtStore,
    /// A key is closed in L2 before its record is appended.
    ClosedBeforeAppend,
    /// What could not be appended is kept and appended later.
    Journal,
    /// L2 is not read before all that is owed to the log has been appended.
    DrainedBeforeOpen,
    /// A log of another epoch says nothing of what was seen so far: all of it is dropped.
    DropOnNewEpoch,
    /// Positions compare within one epoch only.
    FrameEpoch,
    /// Who comes back looks whether the log still reaches as far as was known.
    TopIsThere,
    /// And whether that is the same record as it was.
    TopIsTheSame,
    /// In a cluster the epoch ends with the server that holds the log.
    EpochOfServer,
    /// In a cluster a key is opened only by the one who closed it last.
    OpenedByCloser,
    /// In a cluster a frame is removed once more by the one who opens its key and finds it not closed.
    RemovedAtOpening,
    /// In a cluster what a node invalidated is said again when the server of its frames has failed over.
    SaidAgain,
    /// In a cluster a key that cannot be closed is remembered in the log, as a group is.
    Remembered,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    /// Are the log and the frame on servers of their own, so that closing a key, appending its record and opening the
    /// key again are three commands?
    pub(crate) cluster: bool,
    pub(crate) outage: Outage,
    pub(crate) without: Option<Guard>,
    pub(crate) writes: u8,
    pub(crate) loads: u8,
}

impl Plan {
    fn on(&self, guard: Guard) -> bool {
        self.without != Some(guard)
    }
}

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
struct Node {
    /// Records applied here, by the node's own count; the last of them names the row.
    seq: u8,
    named_seq: u8,
    /// The last shared position that names the row, as far as known here.
    named: u8,
    /// The epoch in which this node appended last.
    named_in: u8,
    /// How far the shared log was read, in order.
    cursor: u8,
    /// The highest shared position known, and which record it was.
    top: Position,
    top_record: Option<Record>,
    near: Option<(u8, u8)>,
    must: u8,
    load: Option<Load>,
    write: Option<(Write, u8)>,
    link: Link,
    /// The newest version whose invalidation is owed to the log, and whether the key is closed in L2 already.
    owed: Option<(u8, bool)>,
    /// The newest version that it has told the log of.
    told: Option<u8>,
    /// Has the server of the frame failed over, unnoticed?
    unaware: bool,
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

    /// Records reach a node in order; a new epoch is noticed by who reads.
    fn read_log(&self, i: usize, plan: &Plan, steps: &mut Vec<Step>) {
        let node = &self.nodes[i];
        if node.link != Link::Up {
            return;
        }
        if node.top.epoch != self.epoch {
            steps.push(self.step(format!("node {i} notices a new epoch"), |w| w.adopt(i, plan)));
        } else if let Some(&record) = self.log.get(usize::from(node.cursor)) {
            steps.push(self.step(format!("node {i} reads record {}", node.cursor + 1), |w| {
                let node = &mut w.nodes[i];
                node.cursor += 1;
                if record.by != i {
                    let number = node.cursor;
                    node.apply(number, record, record.version);
                }
            }));
        }
    }

    fn load(&self, i: usize, plan: &Plan, steps: &mut Vec<Step>) {
        let node = &self.nodes[i];
        let Some(load) = node.load else {
            if self.loads > 0 {
                steps.push(self.step(format!("node {i} starts a load"), |w| {
                    w.loads -= 1;
                    let node = &mut w.nodes[i];
                    node.load = Some(Load { stage: Stage::Look, birth: node.birth(), floor: node.must });
                }));
            }
            return;
        };
        let birth = if plan.on(Guard::BirthBeforeRead) { load.birth } else { node.birth() };
        match load.stage {
            Stage::Look => {
                let found = self.frame.filter(|frame| !self.away && node.link == Link::Up && node.takes(plan, frame));
                let (word, next) = match found {
                    Some(frame) => ("finds a frame", Stage::Near(frame.version)),
                    None => ("finds nothing in L2", Stage::Source),
                };
                steps.push(self.step(format!("node {i} {word}"), |w| w.nodes[i].go_on(next)));
            }
            Stage::Source => {
                let next = Stage::Publish(self.truth);
                steps.push(self.step(format!("node {i} reads version {}", self.truth), |w| w.nodes[i].go_on(next)));
            }
            Stage::Publish(version) => {
                let fenced = plan.kind == Kind::Key && plan.on(Guard::Fence) && self.is_fenced(birth.shared);
                let frame = Frame { version, birth: birth.shared };
                let judged = !plan.on(Guard::JudgedAtStore) || node.takes(plan, &frame);
                let stores = node.link == Link::Up && !self.away && !fenced && judged;
                let word = if stores { "stores a frame" } else { "stores no frame" };
                steps.push(self.step(format!("node {i} {word} of version {version}"), |w| {
                    if stores {
                        w.before = (w.frame, w.fence);
                        w.frame = Some(frame);
                    }
                    w.nodes[i].go_on(Stage::Near(version));
                }));
            }
            Stage::Near(version) => {
                let mut step = self.step(format!("node {i} answers version {version}"), |w| {
                    let node = &mut w.nodes[i];
                    node.load = None;
                    if node.allows(plan, birth.seq) {
                        node.near = Some((version, birth.seq));
                    }
                });
                if version < load.floor {
                    let text = format!("node {i} answers version {version}, {} was invalidated before", load.floor);
                    step.violation = Some(text);
                }
                steps.push(step);
            }
        }
    }

    fn write(&self, i: usize, plan: &Plan, steps: &mut Vec<Step>) {
        let Some((write, version)) = self.nodes[i].write else {
            if self.writes > 0 {
                steps.push(self.step(format!("node {i} commits version {}", self.truth + 1), |w| {
                    w.writes -= 1;
                    w.truth += 1;
                    w.nodes[i].write = Some((Write::Committed, w.truth));
                }));
            }
            return;
        };
        if write == Write::Committed {
            steps.push(self.step(format!("node {i} invalidates here"), |w| {
                let node = &mut w.nodes[i];
                node.name_here();
                node.write = Some((Write::Noted, version));
            }));
            return;
        }
        if let Write::Told(number) = write {
            let away = if self.away { "cannot open the key" } else { "opens the key" };
            steps.push(self.step(format!("node {i} {away}"), |w| {
                w.nodes[i].write = None;
                w.open(i, number, plan);
            }));
            return;
        }
        if self.nodes[i].link != Link::Up || self.nodes[i].top.epoch != self.epoch {
            steps.push(self.step(format!("node {i} cannot reach the log, owes it and returns"), |w| {
                w.owe(i, plan, version);
            }));
            return;
        }
        self.tell(i, plan, write, version, steps);
    }

    /// Closing and appending, in the order that the guard asks for; with the second of them it returns.
    fn tell(&self, i: usize, plan: &Plan, write: Write, version: u8, steps: &mut Vec<Step>) {
        let closes_first = plan.on(Guard::ClosedBeforeAppend);
        let closes = (write == Write::Noted) == closes_first;
        if closes && self.away && plan.kind == Kind::Key && write == Write::Noted {
            steps.push(self.step(format!("node {i} cannot close the key, appends and returns"), |w| {
                w.append(i, plan, version, plan.on(Guard::Remembered));
                w.nodes[i].returned(version);
            }));
            return;
        }
        let last = write == Write::Half;
        let word = if closes { "closes the key" } else { "appends" };
        let then = if last { " and returns" } else { "" };
        steps.push(self.step(format!("node {i} {word}{then}"), |w| {
            if closes {
                w.close(i, plan);
            } else {
                w.append(i, plan, version, false);
            }
            w.nodes[i].write = Some((Write::Half, version));
            if last {
                w.nodes[i].returned(version);
                w.opens_later(i, plan, version);
            }
        }));
        if !closes && plan.outage == Outage::Cut && self.outages > 0 {
            steps.push(self.step(format!("node {i} appends, its connection breaks, it owes and returns"), |w| {
                w.outages -= 1;
                w.push(i, version, false);
                w.nodes[i].link = Link::Down;
                w.owe(i, plan, version);
            }));
        }
    }

    /// From a lost connection to an open one: the log is looked at, what is owed is appended, L2 is trusted again.
    fn come_back(&self, i: usize, plan: &Plan, steps: &mut Vec<Step>) {
        let node = &self.nodes[i];
        match node.link {
            Link::Up => {}
            Link::Down => steps.push(self.step(format!("node {i} is back and looks at the log"), |w| {
                if w.lost_for(i, plan) {
                    w.epoch += 1;
                    w.took_over = false;
                    w.log.clear();
                }
                if w.nodes[i].top.epoch != w.epoch {
                    w.adopt(i, plan);
                }
                let owing = w.nodes[i].owed.is_some() && plan.on(Guard::DrainedBeforeOpen);
                w.nodes[i].link = if owing { Link::Owing } else { Link::Up };
            })),
            Link::Owing if node.top.epoch != self.epoch => {
                steps.push(self.step(format!("node {i} notices a new epoch, owing"), |w| w.adopt(i, plan)));
            }
            Link::Owing => {}
        }
        if node.unaware {
            steps.push(self.step(format!("node {i} notices that the server of the frame is another"), |w| {
                let node = &mut w.nodes[i];
                node.unaware = false;
                if let (Some(version), true) = (node.told, plan.on(Guard::SaidAgain)) {
                    node.owed = Some((version.max(node.owed.map_or(0, |(owed, _)| owed)), false));
                }
            }));
        }
        self.pay(i, plan, steps);
    }

    /// What is owed to the log is told, once it is known again and nothing else is under way.
    fn pay(&self, i: usize, plan: &Plan, steps: &mut Vec<Step>) {
        let node = &self.nodes[i];
        let Some((version, closed)) = node.owed else { return };
        if node.link == Link::Down || node.top.epoch != self.epoch || node.write.is_some() {
            return;
        }
        let kept = !closed && self.away && plan.kind == Kind::Key;
        if closed || kept {
            steps.push(self.step(format!("node {i} appends what it owes"), |w| {
                w.append(i, plan, version, kept && plan.on(Guard::Remembered));
                w.nodes[i].owed = None;
                w.nodes[i].link = Link::Up;
                if !kept {
                    w.opens_later(i, plan, version);
                }
            }));
        } else {
            steps.push(self.step(format!("node {i} closes the key that it owes"), |w| {
                w.close(i, plan);
                w.nodes[i].owed = Some((version, true));
            }));
        }
    }

    fn start_anew(&self, i: usize, plan: &Plan, steps: &mut Vec<Step>) {
        let node = &self.nodes[i];
        // What was under way when the server failed over mends what it finds when it is done.
        let tail = plan.outage == Outage::TailOfFrames;
        let mended = !tail || self.outages == 0;
        let at_peace = |node: &Node| !node.unaware && node.owed.is_none() && !(tail && node.write.is_some());
        if self.restarts == 0 || node.write.is_some() || !mended || !self.nodes.iter().all(at_peace) {
            return;
        }
        steps.push(self.step(format!("node {i} starts anew"), |w| {
            w.restarts -= 1;
            w.nodes[i].near = None;
            w.nodes[i].load = None;
            w.adopt(i, plan);
        }));
    }

    fn fail(&self, plan: &Plan, steps: &mut Vec<Step>) {
        if self.away {
            steps.push(self.step("the server of the frame is back".to_owned(), |w| w.away = false));
        }
        if self.outages == 0 {
            return;
        }
        match plan.outage {
            Outage::None | Outage::Restart => {}
            Outage::Cut => {
                for i in 0..self.nodes.len() {
                    steps.push(self.step(format!("the connection of node {i} breaks"), |w| {
                        w.outages -= 1;
                        w.nodes[i].link = Link::Down;
                    }));
                }
            }
            Outage::Empty => steps.push(self.step("the log's server comes back empty".to_owned(), |w| {
                w.lose();
                if !plan.cluster {
                    w.frame = None;
                    w.fence = None;
                }
                w.log.clear();
                w.epoch += 1;
            })),
            Outage::Tail if self.log.is_empty() => {}
            Outage::Tail if plan.cluster => {
                steps.push(self.step("the log's server fails over without the last record".to_owned(), |w| {
                    w.lose();
                    w.took_over = true;
                    w.log.pop();
                }));
            }
            Outage::Tail => {
                steps.push(self.step("the server fails over without the last record".to_owned(), |w| {
                    w.lose();
                    let lost = w.length();
                    w.log.pop();
                    // Everything the server got after the record is lost with it, and what was there before is not.
                    w.frame = w.frame.filter(|frame| frame.birth.epoch == w.epoch && frame.birth.number < lost);
                }));
            }
            Outage::TailOfFrames => {
                steps.push(self.step("the frame's server fails over without the last command".to_owned(), |w| {
                    w.outages -= 1;
                    (w.frame, w.fence) = w.before;
                    w.nodes.iter_mut().for_each(|node| node.unaware = true);
                }));
            }
            Outage::FramesAway => {
                steps.push(self.step("the server of the frame is away".to_owned(), |w| {
                    w.outages -= 1;
                    w.away = true;
                }));
            }
        }
    }

    fn lose(&mut self) {
        self.outages -= 1;
        for node in &mut self.nodes {
            node.link = Link::Down;
        }
    }

    /// Does the log lack what this node knows of it?
    fn lost_for(&self, i: usize, plan: &Plan) -> bool {
        let node = &self.nodes[i];
        if self.took_over && plan.on(Guard::EpochOfServer) {
            return true;
        }
        if node.top.epoch != self.epoch || node.top.number == 0 {
            return false;
        }
        match self.log.get(usize::from(node.top.number) - 1) {
            None => plan.on(Guard::TopIsThere),
            Some(record) => plan.on(Guard::TopIsTheSame) && node.top_record.as_ref() != Some(record),
        }
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

impl Node {
    fn birth(&self) -> Birth {
        Birth { seq: self.seq, shared: self.top }
    }

    fn go_on(&mut self, stage: Stage) {
        if let Some(load) = &mut self.load {
            load.stage = stage;
        }
    }

    /// May a near value of this birth be served?
    fn allows(&self, plan: &Plan, birth: u8) -> bool {
        !plan.on(Guard::NearCompares) || birth >= self.named_seq
    }

    /// May this frame be served?
    fn takes(&self, plan: &Plan, frame: &Frame) -> bool {
        let known = !plan.on(Guard::FrameEpoch) || frame.birth.epoch == self.top.epoch;
        known && !(plan.on(Guard::FrameBirth) && frame.birth.number < self.named)
    }

    /// The invalidation of this version has returned.
    fn returned(&mut self, version: u8) {
        self.write = None;
        self.must = self.must.max(version);
    }

    fn name_here(&mut self) {
        self.seq += 1;
        self.named_seq = self.seq;
    }

    fn learn(&mut self, number: u8, record: Record) {
        self.named = self.named.max(number);
        if number > self.top.number {
            self.top.number = number;
            self.top_record = Some(record);
        }
    }

    /// A record takes effect.
    fn apply(&mut self, number: u8, record: Record, version: u8) {
        self.name_here();
        self.learn(number, record);
        self.must = self.must.max(version);
    }
}
