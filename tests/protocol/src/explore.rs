//! Breadth first over all states, so that a violation is shown by its shortest story.

use std::collections::{HashMap, VecDeque};

use crate::plan::Plan;
use crate::world::World;

/// More states than any of these plans has.
const LIMIT: usize = 12_000_000;

pub(crate) struct Found {
    pub(crate) states: usize,
    /// The story of a violation.
    pub(crate) path: Option<Vec<String>>,
}

pub(crate) fn explore(plan: Plan) -> Found {
    let start = World::new(&plan);
    let mut known: HashMap<World, u32> = HashMap::from([(start.clone(), 0)]);
    // What led where: the number of the state before, and what happened.
    let mut came: Vec<(u32, String)> = vec![(0, String::new())];
    let mut queue = VecDeque::from([(start, 0_u32)]);
    while let Some((world, at)) = queue.pop_front() {
        let mut bad = world.violation(&plan);
        let steps = world.steps(&plan);
        for step in &steps {
            bad = bad.or_else(|| step.violation.clone());
        }
        if let Some(bad) = bad {
            return Found { states: known.len(), path: Some(story(&came, at, bad)) };
        }
        for step in steps {
            if !known.contains_key(&step.world) {
                let number = u32::try_from(came.len()).expect("fewer states than LIMIT");
                known.insert(step.world.clone(), number);
                came.push((at, step.word));
                queue.push_back((step.world, number));
            }
        }
        assert!(known.len() < LIMIT, "more than {LIMIT} states");
    }
    Found { states: known.len(), path: None }
}

fn story(came: &[(u32, String)], mut at: u32, bad: String) -> Vec<String> {
    let mut path = vec![bad];
    while at != 0 {
        let (before, word) = &came[at as usize];
        path.push(word.clone());
        at = *before;
    }
    path.reverse();
    path
}
