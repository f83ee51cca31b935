//! Is it worth while to cache what a statement answers?

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::figures::Figures;
use crate::plain::plain;
use crate::statement::{Kind, Tables};

/// Of fewer calls nobody can tell.
const FEW: u64 = 20;
/// Answers of more rows fill a cache with little.
const MANY_ROWS: u64 = 10_000;

plain! {
    /// Is it worth while to cache what a statement answers, and why.
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    pub struct Verdict {
        /// Is it?
        pub cacheable: bool,
        /// Why, in one word: `repeated`, `write`, `acts`, `unsteady`, `few`, `large`, `changing`, `unrepeated` or
        /// `unknown`.
        pub reason: String,
        /// The same in a sentence, with the figures.
        pub text: String,
    }
}

impl Verdict {
    fn no(reason: &str, text: impl Into<String>) -> Self {
        Self { cacheable: false, reason: reason.to_owned(), text: text.into() }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", if self.cacheable { "cacheable" } else { "not cacheable" }, self.text)
    }
}

/// What a verdict is passed on.
struct Evidence {
    /// Calls, and hits of what caches them.
    reads: u64,
    /// How often each answer was wanted, on average.
    repeated: f64,
    average_rows: u64,
    writes: u64,
}

/// By what a statement is, and then by what was counted.
pub(super) fn of(written: &Written, figures: &Figures, hits: u64) -> Verdict {
    let Some(known) = &figures.known else {
        return Verdict::no("unknown", "these are many statements, each of them seldom asked");
    };
    let statement = &known.statement;
    if statement.kind() == Kind::Other {
        return Verdict::no("unknown", "nobody here knows what it does");
    }
    if statement.kind() != Kind::Select || !statement.writes().is_none() {
        return Verdict::no("write", "it writes");
    }
    if statement.acts() {
        return Verdict::no("acts", "it calls a function that acts");
    }
    if let Some(function) = statement.unsteady() {
        return Verdict::no("unsteady", format!("`{function}` may answer differently each time"));
    }
    by_figures(&evidence(written, figures, statement.reads(), hits))
}

#[allow(clippy::cast_precision_loss, reason = "a figure to be read")]
fn evidence(written: &Written, figures: &Figures, reads: &Tables, hits: u64) -> Evidence {
    let count = figures.count.load(Relaxed);
    let (looked_at, distinct) = (figures.values.looked_at(), figures.values.distinct());
    // What was cached was not asked: each hit is one more of what was looked at.
    let asked = if count == 0 { 0.0 } else { looked_at as f64 * (count + hits) as f64 / count as f64 };
    Evidence {
        reads: count + hits,
        repeated: if distinct == 0 { 0.0 } else { asked / distinct as f64 },
        average_rows: figures.rows.load(Relaxed).checked_div(count).unwrap_or(0),
        writes: written.times(reads),
    }
}

/// How often each table was written.
#[derive(Default)]
pub(super) struct Written {
    tables: HashMap<String, u64>,
    /// By what may write to any.
    any: u64,
}

impl Written {
    pub(super) fn of(all: &[Arc<Figures>]) -> Self {
        let mut written = Self::default();
        for figures in all {
            // What makes tables is done once.
            let Some(known) = figures.known.as_ref().filter(|known| known.statement.kind() != Kind::Schema) else {
                continue;
            };
            let count = figures.count.load(Relaxed);
            match known.statement.writes() {
                Tables::Any => written.any += count,
                Tables::Named(names) => {
                    names.iter().for_each(|name| *written.tables.entry(name.clone()).or_default() += count);
                }
            }
        }
        written
    }

    fn times(&self, read: &Tables) -> u64 {
        let of = |(name, count): (&String, &u64)| read.includes(name).then_some(*count);
        self.any + self.tables.iter().filter_map(of).sum::<u64>()
    }
}

fn by_figures(evidence: &Evidence) -> Verdict {
    let Evidence { reads, repeated, average_rows, writes } = *evidence;
    if reads < FEW {
        return Verdict::no("few", format!("asked {reads} times: too seldom to tell"));
    }
    if average_rows > MANY_ROWS {
        return Verdict::no("large", format!("{average_rows} rows an answer: too large to be kept"));
    }
    if writes > reads {
        return Verdict::no(
            "changing",
            format!("its tables were written {writes} times, and it was asked {reads} times"),
        );
    }
    if repeated < 1.5 {
        return Verdict::no("unrepeated", format!("nearly each of {reads} calls gave other values"));
    }
    let text =
        format!("asked {reads} times, each answer about {repeated:.1} times; its tables were written {writes} times");
    Verdict { cacheable: true, reason: "repeated".to_owned(), text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_decide() {
        let of = |reads, repeated, average_rows, writes| {
            let verdict = by_figures(&Evidence { reads, repeated, average_rows, writes });
            assert_eq!(verdict.cacheable, verdict.reason == "repeated");
            verdict.reason
        };
        assert_eq!(of(100, 10.0, 3, 5), "repeated");
        assert_eq!(of(10, 10.0, 3, 5), "few");
        assert_eq!(of(100, 10.0, 30_000, 5), "large");
        assert_eq!(of(100, 10.0, 3, 101), "changing");
        assert_eq!(of(100, 1.1, 3, 5), "unrepeated");
    }
}
