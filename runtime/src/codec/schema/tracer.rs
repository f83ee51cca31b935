//! Finding the graph of a type: passes of made-up values, each led to something not seen before.
//!
//! One pass is one run of the type's `Deserialize`. Whatever it asks for is recorded as a node under the place that
//! asked; types met again (same request, same visitor type) are the same node, which closes recursive types into loops.
//! Options, sequences, maps and enums are *choices*: a pass goes where something unseen is nearest, and otherwise takes
//! the way out that is known to be shortest, so that recursive types come to an end.

use std::any::type_name;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::DeserializeOwned;

use super::graph::{Graph, Node, NodeId, ROOT, Token};
use super::probe::Probe;
use crate::codec::limits::MAX_DEPTH;

const MAX_PASSES: usize = 4096;
const MAX_NODES: usize = 4096;
/// Requests over all passes together.
const MAX_REQUESTS: usize = 400_000;
/// Passes that may run out of depth before the way out of a recursion was found.
const MAX_LOST: usize = 64;
/// Nothing unseen can be reached.
const NOWHERE: usize = usize::MAX;

/// The graph of `T`, or `None` if it cannot be known.
pub(super) fn trace<T: DeserializeOwned>() -> Option<Graph> {
    // Foreign code meets values it never expected: if it panics, the type is merely not traceable.
    catch_unwind(AssertUnwindSafe(|| Tracer::default().run::<T>())).ok().flatten()
}

/// Why a pass ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The type refused the value it was given.
    Refused,
    /// This pass leads nowhere, the next may.
    Lost,
    /// The type cannot be traced.
    Untraceable,
}

/// One way a choice can go: into an option or collection, or into one variant.
#[derive(Debug, Clone, Default)]
struct Way {
    tries: usize,
    /// How deep the value below was when all of it had been seen; `None` until then.
    height: Option<usize>,
    /// The name is listed, but no variant has this number (it is an alias).
    absent: bool,
}

impl Way {
    const fn is_unseen(&self) -> bool {
        self.height.is_none() && !self.absent
    }
}

/// What the tracer keeps beside each node.
#[derive(Debug)]
struct State {
    /// The type that asked.
    visitor: &'static str,
    ways: Vec<Way>,
    /// How many times the node is being walked at this moment.
    open: usize,
    /// How many choices away the nearest unseen way was when the pass began.
    distance: usize,
    /// Which made-up value a leaf gets.
    sample: usize,
}

/// Where a request came from: the parent and the position in it, or nowhere for the root.
pub(super) type Place = Option<(NodeId, usize)>;

#[derive(Debug, Default)]
pub(super) struct Tracer {
    graph: Graph,
    states: Vec<State>,
    requests: usize,
    depth: usize,
    height: usize,
    last_leaf: Option<NodeId>,
    /// Set for good or for this pass, whatever the type under trace does with the error it gets.
    stop: Option<Stop>,
}

impl Tracer {
    fn run<T: DeserializeOwned>(mut self) -> Option<Graph> {
        let mut lost = 0;
        for _ in 0..MAX_PASSES {
            (self.depth, self.height, self.last_leaf, self.stop) = (0, 0, None, None);
            self.measure();
            let out = T::deserialize(Probe { tracer: &mut self, place: None });
            match self.stop.or(out.err()) {
                None if !self.is_led_on() => return Some(self.graph).filter(|graph| !graph.nodes.is_empty()),
                None => {}
                Some(Stop::Refused) => self.next_sample()?,
                Some(Stop::Lost) if lost < MAX_LOST => lost += 1,
                Some(Stop::Lost | Stop::Untraceable) => return None,
            }
        }
        None
    }

    /// Is there still something unseen that can be reached?
    fn is_led_on(&mut self) -> bool {
        self.measure();
        self.states.first().is_some_and(|root| root.distance != NOWHERE)
    }

    /// Finds for each node how far the nearest unseen way is, by passing distances along the edges until they settle.
    fn measure(&mut self) {
        for state in &mut self.states {
            state.open = 0;
            state.distance = if state.ways.iter().any(Way::is_unseen) { 0 } else { NOWHERE };
        }
        let mut settled = false;
        while !settled {
            settled = true;
            for id in (0..self.states.len()).rev() {
                let children = self.graph.nodes[id].children.iter().flatten();
                let below = children.map(|child| self.states[*child].distance).min().unwrap_or(NOWHERE);
                if below.saturating_add(1) < self.states[id].distance {
                    self.states[id].distance = below + 1;
                    settled = false;
                }
            }
        }
    }

    /// After a refusal: another made-up value for the leaf that was read last, if it has one.
    fn next_sample(&mut self) -> Option<()> {
        let leaf = self.last_leaf?;
        self.states[leaf].sample += 1;
        let Token::Leaf(kind) = self.graph.nodes[leaf].token else { return None };
        (self.states[leaf].sample < super::probe::samples(kind)).then_some(())
    }

    /// Records a request and finds its node.
    pub(super) fn enter<V>(&mut self, place: Place, token: Token) -> Result<NodeId, Stop> {
        self.requests += 1;
        if self.requests > MAX_REQUESTS || self.graph.nodes.len() >= MAX_NODES {
            return Err(self.stop(Stop::Untraceable));
        }
        let leaf = matches!(token, Token::Leaf(_));
        let visitor = if leaf { "" } else { type_name::<V>() };
        let id = match self.at(place) {
            Some(id) if self.graph.nodes[id].token == token && self.states[id].visitor == visitor => id,
            // The same place asked for something else: it decides by what it has read before.
            Some(_) => return Err(self.stop(Stop::Untraceable)),
            None => self.attach(place, token, visitor),
        };
        if leaf {
            self.last_leaf = Some(id);
        }
        Ok(id)
    }

    fn at(&self, place: Place) -> Option<NodeId> {
        match place {
            None => (!self.graph.nodes.is_empty()).then_some(ROOT),
            Some((parent, edge)) => self.graph.child(parent, edge),
        }
    }

    fn attach(&mut self, place: Place, token: Token, visitor: &'static str) -> NodeId {
        let known = if visitor.is_empty() { None } else { self.known(token, visitor) };
        let id = known.unwrap_or_else(|| self.add(token, visitor));
        if let Some((parent, edge)) = place {
            let children = &mut self.graph.nodes[parent].children;
            if children.len() <= edge {
                children.resize(edge + 1, None);
            }
            children[edge] = Some(id);
        }
        id
    }

    fn known(&self, token: Token, visitor: &'static str) -> Option<NodeId> {
        (0..self.states.len()).find(|id| self.states[*id].visitor == visitor && self.graph.nodes[*id].token == token)
    }

    fn add(&mut self, token: Token, visitor: &'static str) -> NodeId {
        let ways = match token {
            Token::Enum(_, variants) => variants.len(),
            Token::Option | Token::Seq | Token::Map => 1,
            _ => 0,
        };
        self.graph.nodes.push(Node { token, children: Vec::new() });
        self.states.push(State { visitor, ways: vec![Way::default(); ways], open: 0, distance: NOWHERE, sample: 0 });
        self.graph.nodes.len() - 1
    }

    /// The node for the body of a variant, which no visitor type tells apart from another.
    pub(super) fn enter_body(&mut self, parent: NodeId, variant: usize, token: Token) -> Result<NodeId, Stop> {
        match self.graph.child(parent, variant) {
            Some(id) if self.graph.nodes[id].token == token => Ok(id),
            Some(_) => Err(self.stop(Stop::Untraceable)),
            None => Ok(self.attach(Some((parent, variant)), token, "")),
        }
    }

    /// Walks what a node holds, one level deeper.
    pub(super) fn inside<T>(
        &mut self,
        node: NodeId,
        walk: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        if self.depth == MAX_DEPTH {
            return Err(self.stop(Stop::Lost));
        }
        let above = std::mem::take(&mut self.height);
        self.depth += 1;
        self.states[node].open += 1;
        let out = walk(self);
        self.states[node].open -= 1;
        self.depth -= 1;
        self.height = above.max(self.height + 1);
        out
    }

    /// Walks one way of a choice and remembers that all of it was seen, if it was.
    pub(super) fn along<T>(
        &mut self,
        node: NodeId,
        way: usize,
        walk: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        self.states[node].ways[way].tries += 1;
        let out = self.inside(node, |tracer| walk(tracer).map(|value| (value, tracer.height)));
        let (value, height) = out?;
        if self.stop.is_none() {
            let known = &mut self.states[node].ways[way].height;
            *known = Some(known.map_or(height, |known| known.min(height)));
        }
        Ok(value)
    }

    /// Should an option or collection hold something this time?
    pub(super) fn goes_in(&self, node: NodeId) -> bool {
        let state = &self.states[node];
        state.ways[0].tries == 0 || (state.open == 0 && state.distance != NOWHERE)
    }

    /// The variant to take this time.
    pub(super) fn choose(&mut self, node: NodeId) -> Result<usize, Stop> {
        let state = &self.states[node];
        let ways = || state.ways.iter().enumerate().filter(|(_, way)| !way.absent);
        let least_tried = || ways().filter(|(_, way)| way.is_unseen()).min_by_key(|(_, way)| way.tries);
        let nearest = || {
            let distance = |i| self.graph.child(node, i).map_or(NOWHERE, |child| self.states[child].distance);
            ways().filter(|(i, _)| distance(*i) != NOWHERE).min_by_key(|(i, _)| distance(*i))
        };
        let untried = ways().find(|(_, way)| way.tries == 0);
        let led = || if state.open == 0 { least_tried().or_else(nearest) } else { None };
        let shortest = || ways().filter(|(_, way)| way.height.is_some()).min_by_key(|(_, way)| way.height);
        let found = untried.or_else(led).or_else(shortest).or_else(least_tried).map(|(i, _)| i);
        found.ok_or_else(|| self.stop(Stop::Untraceable))
    }

    /// Notes that no variant has this number; another pass will take another.
    pub(super) fn is_absent(&mut self, node: NodeId, variant: usize) -> Stop {
        self.states[node].ways[variant].absent = true;
        self.stop(Stop::Lost)
    }

    /// Which made-up value this leaf gets.
    pub(super) fn sample(&self, leaf: NodeId) -> usize {
        self.states[leaf].sample
    }

    /// Ends the pass, even if the type under trace swallows the error.
    pub(super) fn stop(&mut self, why: Stop) -> Stop {
        if self.stop != Some(Stop::Untraceable) {
            self.stop = Some(why);
        }
        why
    }
}
