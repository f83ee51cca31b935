//! What nodes do of themselves: read the log, load, invalidate.

use super::{Frame, Link, Load, Stage, Step, World, Write};
use crate::plan::{Guard, Kind, Outage, Plan};

impl World {
    /// Records reach a node in order; a new epoch is noticed by who reads.
    pub(super) fn read_log(&self, i: usize, plan: &Plan, steps: &mut Vec<Step>) {
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

    pub(super) fn load(&self, i: usize, plan: &Plan, steps: &mut Vec<Step>) {
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

    pub(super) fn write(&self, i: usize, plan: &Plan, steps: &mut Vec<Step>) {
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
    pub(super) fn tell(&self, i: usize, plan: &Plan, write: Write, version: u8, steps: &mut Vec<Step>) {
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
}
