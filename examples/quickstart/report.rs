//! The table at the end.

use std::fmt;
use std::time::Duration;

use crate::drive::{Run, Shares};

/// One line per run; the first is what the others are compared with.
#[derive(Debug, Default)]
pub struct Report(Vec<(&'static str, Run)>);

impl Report {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn add(&mut self, name: &'static str, run: Run) {
        self.0.push((name, run));
    }
}

impl Run {
    fn per_second(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }

    /// The time within which this part of the requests was answered.
    fn within(&self, part: f64) -> Duration {
        let last = self.times.len().saturating_sub(1);
        self.times.get((part * last as f64) as usize).copied().unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<18} {:>11} {:>9} {:>9} {:>10} {:>7} {:>7} {:>7} {:>9}",
            "", "requests/s", "p50 µs", "p99 µs", "db queries", "memory", "disk", "joined", "speed"
        )?;
        let base = self.0.first().map_or(1.0, |(_, run)| run.per_second());
        for (name, run) in &self.0 {
            let micros = |part| run.within(part).as_secs_f64() * 1e6;
            let share = |count: fn(&Shares) -> u64| match &run.tiers {
                Some(shares) => format!("{:.1}%", 100.0 * count(shares) as f64 / shares.all.max(1) as f64),
                None => "-".to_owned(),
            };
            writeln!(
                f,
                "{name:<18} {:>11.0} {:>9.1} {:>9.1} {:>10} {:>7} {:>7} {:>7} {:>8.1}x",
                run.per_second(),
                micros(0.50),
                micros(0.99),
                run.queries,
                share(|s| s.near),
                share(|s| s.disk),
                share(|s| s.joined),
                run.per_second() / base
            )?;
        }
        write!(f, "memory, disk, joined: requests answered from memory, from L3, or by a load already under way.")
    }
}
