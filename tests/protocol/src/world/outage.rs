//! What fails, and how nodes come back.

use super::{Link, Node, Step, World};
use crate::plan::{Guard, Kind, Outage, Plan};

impl World {
    /// From a lost connection to an open one: the log is looked at, what is owed is appended, L2 is trusted again.
    pub(super) fn come_back(&self, i: usize, plan: &Plan, steps: &mut Vec<Step>) {
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
    pub(super) fn pay(&self, i: usize, plan: &Plan, steps: &mut Vec<Step>) {
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

    pub(super) fn start_anew(&self, i: usize, plan: &Plan, steps: &mut Vec<Step>) {
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

    pub(super) fn fail(&self, plan: &Plan, steps: &mut Vec<Step>) {
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

    pub(super) fn lose(&mut self) {
        self.outages -= 1;
        for node in &mut self.nodes {
            node.link = Link::Down;
        }
    }

    /// Does the log lack what this node knows of it?
    pub(super) fn lost_for(&self, i: usize, plan: &Plan) -> bool {
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
}
