//! Judges the logs of all nodes.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use crate::oracle::Event;

/// What the logs show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many reads were logged.
    pub reads: usize,
    /// How many writes were logged.
    pub writes: usize,
    /// Reads of a version older than one whose invalidation had returned on the same node before they started.
    pub violations: Vec<Violation>,
    /// Reads of a version older than one whose invalidation had returned on any node before they started.
    pub stale: Staleness,
}

/// A read on a node that had itself invalidated what it read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The node that wrote and read.
    pub node: u32,
    /// The key.
    pub key: String,
    /// The version that was read.
    pub read: u64,
    /// The oldest newer version that the node had written.
    pub written: u64,
    /// How long before the read the first such invalidation had returned.
    pub age: Duration,
}

/// How old the reads of old versions were: the time from the return of the first newer write to their start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Staleness {
    /// How many reads got an old version.
    pub count: usize,
    /// The age that half of them do not exceed.
    pub p50: Duration,
    /// The age that 99 of a hundred do not exceed.
    pub p99: Duration,
    /// The greatest age.
    pub max: Duration,
}

/// Judges events, in whatever order they are.
#[must_use]
pub fn check(events: &[Event]) -> Report {
    let known = Known::of(events);
    let mut report = Report { writes: known.count, ..Report::default() };
    let mut ages = Vec::new();
    for event in events {
        let Event::Read { key, version, started_at, node, .. } = event else { continue };
        report.reads += 1;
        ages.extend(known.anywhere.get(key.as_str()).and_then(|w| w.newer(*version, *started_at)).map(|n| n.age));
        let own = known.by_node.get(&(*node, key.as_str())).and_then(|w| w.newer(*version, *started_at));
        report.violations.extend(own.map(|newer| newer.violation(*node, key, *version)));
    }
    report.stale = Staleness::of(ages);
    report
}

/// The writes by what they are looked up with.
#[derive(Default)]
struct Known<'e> {
    count: usize,
    anywhere: HashMap<&'e str, Writes>,
    by_node: HashMap<(u32, &'e str), Writes>,
}

impl<'e> Known<'e> {
    fn of(events: &'e [Event]) -> Known<'e> {
        let mut known = Known::default();
        for event in events {
            let Event::Write { key, version, returned_at, node, .. } = event else { continue };
            known.count += 1;
            known.anywhere.entry(key).or_default().add(*version, *returned_at);
            known.by_node.entry((*node, key)).or_default().add(*version, *returned_at);
        }
        known.anywhere.values_mut().chain(known.by_node.values_mut()).for_each(Writes::settle);
        known
    }
}

/// The writes of one key, by version; each with the earliest return of any write from it on.
#[derive(Default)]
struct Writes(Vec<(u64, u64)>);

/// The first write that a read had missed.
struct Newer {
    version: u64,
    age: u64,
}

impl Writes {
    fn add(&mut self, version: u64, returned_at: u64) {
        self.0.push((version, returned_at));
    }

    fn settle(&mut self) {
        self.0.sort_unstable();
        let mut earliest = u64::MAX;
        for (_, returned_at) in self.0.iter_mut().rev() {
            earliest = earliest.min(*returned_at);
            *returned_at = earliest;
        }
    }

    /// The newer write that had returned first, if it had before a read started. Equal times prove nothing.
    fn newer(&self, version: u64, started_at: u64) -> Option<Newer> {
        let from = self.0.partition_point(|(written, _)| *written <= version);
        let (version, returned_at) = *self.0.get(from)?;
        (returned_at < started_at).then(|| Newer { version, age: started_at - returned_at })
    }
}

impl Newer {
    fn violation(&self, node: u32, key: &str, read: u64) -> Violation {
        Violation { node, key: key.to_owned(), read, written: self.version, age: Duration::from_nanos(self.age) }
    }
}

impl Staleness {
    fn of(mut ages: Vec<u64>) -> Staleness {
        ages.sort_unstable();
        let at = |share: f64| {
            let rank = (ages.len() as f64 * share).ceil() as usize;
            Duration::from_nanos(ages.get(rank.saturating_sub(1)).copied().unwrap_or(0))
        };
        Staleness { count: ages.len(), p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Staleness { count, p50, p99, max } = self.stale;
        writeln!(f, "{} reads, {} writes, {} violations", self.reads, self.writes, self.violations.len())?;
        writeln!(f, "{count} stale reads, p50 {p50:?}, p99 {p99:?}, max {max:?}")?;
        self.violations.iter().take(10).try_for_each(|violation| writeln!(f, "{violation}"))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { node, key, read, written, age } = self;
        write!(
            f,
            "node {node} read version {read} of {key:?} {age:?} after it had invalidated version {written} or later"
        )
    }
}
