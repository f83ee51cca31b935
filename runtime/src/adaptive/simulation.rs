//! Worlds in small: keys that change and are read by chance, and what a rule of lives costs there in loads and staleness.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::{Adaptive, Look};
use crate::chance::Chance;
use crate::clock::Millis;

/// What every world begins at: not zero, as in life.
const START: f64 = 1e9;

/// How a key changes over the time: from which second on how many times a second.
pub(super) type Rates = Vec<(f64, f64)>;

pub(super) struct World {
    pub(super) name: &'static str,
    seconds: f64,
    keys: Vec<Key>,
}

struct Key {
    /// A second.
    reads: f64,
    /// The times of all of them.
    changes: Vec<f64>,
}

/// What decides about lives.
pub(super) enum Rule<'a> {
    Fixed(f64),
    Learns(&'a Adaptive),
    /// It is told how many hits there were.
    Counts(&'a Adaptive),
    /// It is told that each load is of a key never seen: it learns nothing.
    Blind(&'a Adaptive),
    /// What it is told of one key belongs to any other one.
    Mistaken(&'a Adaptive),
}

/// What a rule costs in a world.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Costs {
    /// A second, all keys together.
    pub(super) loads: f64,
    /// Of all reads, the part that returns a value which has changed since.
    pub(super) stale: f64,
    /// How many seconds ago it has changed, on the average over all reads.
    pub(super) age: f64,
}

/// The seconds to the next of events that come so often.
fn until_next(chance: &Chance, rate: f64) -> f64 {
    -(1.0 - chance.part()).ln() / rate
}

fn changes(chance: &Chance, rates: &Rates, seconds: f64) -> Vec<f64> {
    let mut all = Vec::new();
    for (n, (from, rate)) in rates.iter().enumerate() {
        let to = rates.get(n + 1).map_or(seconds, |(from, _)| *from);
        let mut at = *from + until_next(chance, *rate);
        while at < to {
            all.push(at);
            at += until_next(chance, *rate);
        }
    }
    all
}

/// The next load of a key; the soonest is the greatest, as the heap wants it.
#[derive(PartialEq)]
struct Next {
    at: f64,
    n: usize,
    hits: f64,
    version: usize,
}

impl Eq for Next {}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.total_cmp(&self.at)
    }
}

impl World {
    /// Keys with these reads a second, each changing as `rates` says of its number.
    pub(super) fn new(name: &'static str, hours: f64, reads: &[f64], rates: impl Fn(usize, &Chance) -> Rates) -> Self {
        let (seconds, chance) = (hours * 3_600.0, Chance::new(11));
        let key = |(n, &reads): (usize, &f64)| Key { reads, changes: changes(&chance, &rates(n, &chance), seconds) };
        Self { name, seconds, keys: reads.iter().enumerate().map(key).collect() }
    }

    /// What it costs to let lives be as this rule says.
    pub(super) fn run(&self, rule: &Rule<'_>) -> Costs {
        let mut run = Run::default();
        if let Rule::Fixed(_) = rule {
            // Here no key concerns another one: each for itself, which is faster.
            (0..self.keys.len()).for_each(|n| self.run_keys(n..n + 1, rule, &mut run));
        } else {
            self.run_keys(0..self.keys.len(), rule, &mut run);
        }
        run.costs(self.seconds)
    }

    fn run_keys(&self, keys: Range<usize>, rule: &Rule<'_>, run: &mut Run) {
        let chance = Chance::new(5 + keys.start as u64);
        let first = |n: usize| Next { at: until_next(&chance, self.keys[n].reads), n, hits: 0.0, version: 0 };
        let mut next: BinaryHeap<_> = keys.map(first).collect();
        while let Some(Next { at, n, hits, mut version }) = next.pop() {
            if at >= self.seconds {
                continue;
            }
            let Key { reads, changes } = &self.keys[n];
            version += changes[version..].iter().take_while(|change| **change <= at).count();
            let life = rule.life(n, version, hits, at, &chance);
            let end = (at + life).min(self.seconds);
            let hits = run.lives(end - at, *reads, changes.get(version).map_or(0.0, |change| end - change));
            next.push(Next { at: at + life + until_next(&chance, *reads), n, hits, version });
        }
    }
}

#[derive(Default)]
struct Run {
    loads: f64,
    reads: f64,
    stale: f64,
    age: f64,
}

impl Run {
    /// One load and its hits, of which the last are stale for so long: as many as are to be expected, which spares the
    /// noise of counting.
    fn lives(&mut self, life: f64, reads: f64, stale: f64) -> f64 {
        let hits = reads * life;
        self.loads += 1.0;
        self.reads += hits + 1.0;
        if stale > 0.0 {
            self.stale += reads * stale;
            self.age += reads * stale * stale / 2.0;
        }
        hits
    }

    fn costs(&self, seconds: f64) -> Costs {
        Costs { loads: self.loads / seconds, stale: self.stale / self.reads, age: self.age / self.reads }
    }
}

impl Rule<'_> {
    fn life(&self, n: usize, version: usize, hits: f64, at: f64, chance: &Chance) -> f64 {
        let now = ((START + at) * 1e3).round() as Millis;
        let look = Look { key: n as u64, fingerprint: Some(version as u64), hits: None, began: now, ended: now };
        let life = match self {
            Self::Fixed(life) => return *life,
            Self::Learns(adaptive) => adaptive.loaded(&look),
            Self::Counts(adaptive) => adaptive.loaded(&Look { hits: Some(hits.round() as u32), ..look }),
            Self::Blind(adaptive) => adaptive.loaded(&Look { key: chance.next(), ..look }),
            Self::Mistaken(adaptive) => adaptive.loaded(&Look { key: chance.below(64), ..look }),
        };
        life as f64 / 1e3
    }
}

/// All fixed lives of a grid, the shortest first, and what they cost.
pub(super) struct Curve(Vec<(f64, Costs)>);

impl Curve {
    /// So many lives from one to the other, each longer than the one before by the same part.
    pub(super) fn new(world: &World, from: f64, to: f64, steps: u32) -> Self {
        let life = |n: u32| from * (to / from).powf(f64::from(n) / f64::from(steps - 1));
        Self((0..steps).map(|n| (life(n), world.run(&Rule::Fixed(life(n))))).collect())
    }

    /// The fixed life that costs as much as this by this measure, and its loads, between those of the grid.
    pub(super) fn at(&self, cost: f64, measure: impl Fn(&Costs) -> f64) -> (f64, f64) {
        let beyond = |(_, costs): &(f64, Costs)| measure(costs) >= cost;
        let after = self.0.iter().position(beyond).unwrap_or(self.0.len() - 1).max(1);
        let ((short, few), (long, more)) = (self.0[after - 1], self.0[after]);
        let part = ((cost - measure(&few)) / (measure(&more) - measure(&few))).clamp(0.0, 1.0);
        let between = |a: f64, b: f64| (a.ln() + (b.ln() - a.ln()) * part).exp();
        (between(short, long), between(few.loads, more.loads))
    }

    /// Those that cost no more of either.
    pub(super) fn better_than(&self, costs: &Costs) -> impl Iterator<Item = f64> {
        let better = |other: &Costs| other.loads <= costs.loads && other.stale <= costs.stale;
        self.0.iter().filter(move |(_, other)| better(other)).map(|(life, _)| *life)
    }
}
