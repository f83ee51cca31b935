//! Advice as text.

use std::fmt;

use super::advice::{Advice, FullScan, IndexAdvice, RepeatedQuery};
use super::queries::QueryStats;
use super::slow::SlowQuery;

/// So many statements, and so many that were slow, are shown; all are in the structs.
const SHOWN: usize = 20;

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Advice on `{}` ({})", self.database, self.backend)?;
        section(f, "Statements, by the time they took", self.queries.len(), self.queries.iter().take(SHOWN), query)?;
        section(f, "Repeated within one task or request", self.repeated.len(), &self.repeated, repeated)?;
        section(f, "All rows are read, though some are wanted", self.full_scans.len(), &self.full_scans, scan)?;
        section(f, "Indexes that would help", self.indexes.len(), &self.indexes, index)?;
        section(f, "Slow, the latest", self.slow.len(), self.slow.iter().rev().take(SHOWN), slow)?;
        if self.unexplained > 0 {
            writeln!(f, "\nOf {} statements the database did not say how it answers them.", self.unexplained)?;
        }
        Ok(())
    }
}

/// Nothing where there is nothing to say.
fn section<'a, T: 'a>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    count: usize,
    all: impl IntoIterator<Item = &'a T>,
    one: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    if count == 0 {
        return Ok(());
    }
    writeln!(f, "\n{title}: {count}")?;
    all.into_iter().try_for_each(|item| one(f, item))
}

fn query(f: &mut fmt::Formatter<'_>, query: &QueryStats) -> fmt::Result {
    writeln!(f, "- {}", query.shape)?;
    writeln!(
        f,
        "    {} times, {} errors, {} rows; {:.1} us on average, {:.1} to {:.1}, p50 {:.1}, p99 {:.1}; {:.3} s in all",
        query.count,
        query.errors,
        query.rows,
        query.average_micros,
        query.min_micros,
        query.max_micros,
        query.p50_micros,
        query.p99_micros,
        query.total_seconds
    )?;
    if let Some(rate) = query.cache_hit_rate() {
        writeln!(f, "    asked by {}: {:.1} % of its calls are hits", query.sites.join(", "), rate * 100.0)?;
    }
    writeln!(f, "    {}", query.verdict)
}

fn repeated(f: &mut fmt::Formatter<'_>, repeated: &RepeatedQuery) -> fmt::Result {
    writeln!(f, "- {}", repeated.shape)?;
    let site = repeated.site.as_ref().map(|site| format!(", for {site}")).unwrap_or_default();
    writeln!(
        f,
        "    at {}{site}: {} times or more, by {} callers",
        repeated.location, repeated.most, repeated.callers
    )?;
    writeln!(f, "    {}", repeated.text)?;
    match &repeated.batch {
        Some(batch) => writeln!(f, "    {batch}"),
        None => Ok(()),
    }
}

fn scan(f: &mut fmt::Formatter<'_>, scan: &FullScan) -> fmt::Result {
    writeln!(f, "- {}", scan.shape)?;
    let rows = scan.rows.map(|rows| format!(", about {rows} rows")).unwrap_or_default();
    writeln!(f, "    {}{rows}; {} times, {:.3} s in all; {}", scan.table, scan.count, scan.total_seconds, scan.plan)?;
    match (&scan.index, &scan.why) {
        (Some(index), _) => writeln!(f, "    see {index}"),
        (None, Some(why)) => writeln!(f, "    {why}"),
        (None, None) => Ok(()),
    }
}

fn index(f: &mut fmt::Formatter<'_>, index: &IndexAdvice) -> fmt::Result {
    writeln!(f, "- {}", index.sql)?;
    writeln!(f, "    {}: {}", if index.proved { "proved" } else { "not proved" }, index.how)?;
    if let Some(gain) = index.gain() {
        writeln!(f, "    {gain}")?;
    }
    writeln!(f, "    before: {}", index.plan_before)?;
    match &index.plan_after {
        Some(plan) => writeln!(f, "    after: {plan}"),
        None => Ok(()),
    }
}

fn slow(f: &mut fmt::Formatter<'_>, slow: &SlowQuery) -> fmt::Result {
    writeln!(f, "- {}", slow.shape)?;
    let site = slow.site.as_ref().map(|site| format!(", by {site}")).unwrap_or_default();
    writeln!(f, "    {:.1} ms at {}{site}", slow.micros / 1e3, slow.location)?;
    match &slow.plan {
        Some(plan) => writeln!(f, "    {plan}"),
        None => Ok(()),
    }
}
