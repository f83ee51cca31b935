//! The figures of each statement, to be read.

use std::cmp::Reverse;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::figures::Figures;
use super::verdict::{self, Verdict, Written};
use super::{Adviser, shortened};
use crate::database::{Database, Driver};
use crate::plain::plain;
use crate::statement::Kind;

plain! {
    /// What was counted of one statement: of all that are the same but for their values. Times are without the wait for a
    /// connection.
    #[derive(Debug, Clone, Default, PartialEq)]
    pub struct QueryStats {
        /// The statement with `?` for its values, and one for each list of them; `(others)` for all that have no figures of
        /// their own, because there were too many.
        pub shape: String,
        /// `SELECT`, `INSERT`, `UPDATE`, `DELETE`, `SCHEMA`, `SESSION` or `OTHER`.
        pub kind: String,
        /// How often it ran.
        pub count: u64,
        /// How often it failed or was given up.
        pub errors: u64,
        /// Rows that it answered with or changed, all together.
        pub rows: u64,
        /// The most of one call.
        pub most_rows: u64,
        /// How long it took, all together, in seconds.
        pub total_seconds: f64,
        /// On average, in microseconds.
        pub average_micros: f64,
        /// The shortest.
        pub min_micros: f64,
        /// The longest.
        pub max_micros: f64,
        /// Half of all calls took no longer, to about a tenth.
        pub p50_micros: f64,
        /// Of a hundred calls one took longer, to about a tenth.
        pub p99_micros: f64,
        /// How often it took longer than [`slow`](crate::database::DatabaseOptions::slow).
        pub slow: u64,
        /// So many different values it was given, from the sixteenth on about, among those calls that were looked at: the
        /// first 4,096, and then each sixteenth part.
        pub distinct: u64,
        /// The cached functions whose loads ask it, the first four.
        pub sites: Vec<String>,
        /// How often those had an answer in memory, for whatever they ask.
        pub cache_hits: u64,
        /// How often they had none there.
        pub cache_misses: u64,
        /// Is it worth while to cache it, and why.
        pub verdict: Verdict,
    }
}

impl QueryStats {
    /// The part of calls that the sites which ask this answered from memory; nothing if no site asks it.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a figure to be read")]
    pub fn cache_hit_rate(&self) -> Option<f64> {
        let all = self.cache_hits + self.cache_misses;
        (all > 0).then(|| self.cache_hits as f64 / all as f64)
    }
}

impl<DB: Driver> Database<DB> {
    /// What was counted of each statement since this handle was opened, those first that took the most time. At most a
    /// thousand, and one for all others. Nothing if the [adviser](crate::database::DatabaseOptions::adviser) is off.
    ///
    /// Cost: some microseconds a statement; nothing is asked of the database.
    #[must_use]
    pub fn queries(&self) -> Vec<QueryStats> {
        self.core.adviser.as_ref().map(|adviser| adviser.queries()).unwrap_or_default()
    }
}

impl Adviser {
    pub(super) fn queries(&self) -> Vec<QueryStats> {
        let mut all = self.all();
        let written = Written::of(&all);
        all.push(std::sync::Arc::clone(&self.others));
        all.retain(|figures| figures.count.load(Relaxed) > 0);
        all.sort_by_cached_key(|figures| Reverse(figures.nanos.load(Relaxed)));
        all.iter().map(|figures| stats(figures, &written)).collect()
    }
}

fn stats(figures: &Figures, written: &Written) -> QueryStats {
    let count = figures.count.load(Relaxed);
    let total = Duration::from_nanos(figures.nanos.load(Relaxed)).as_secs_f64();
    let (least, most) = figures.range().unwrap_or_default();
    let quantile = |part| micros(figures.times.quantile(part).unwrap_or_default().clamp(least, most));
    let (hits, misses) = hits_and_misses(figures);
    QueryStats {
        shape: shortened(figures.shape()),
        kind: figures.known.as_ref().map_or("OTHER", |known| word(known.statement.kind())).to_owned(),
        count,
        errors: figures.errors.load(Relaxed),
        rows: figures.rows.load(Relaxed),
        most_rows: figures.most_rows.load(Relaxed),
        total_seconds: total,
        average_micros: average(total, count),
        min_micros: micros(least),
        max_micros: micros(most),
        p50_micros: quantile(0.5),
        p99_micros: quantile(0.99),
        slow: figures.slow.load(Relaxed),
        distinct: figures.values.distinct(),
        sites: figures.askers().map(|asker| asker.sign.name.clone()).collect(),
        cache_hits: hits,
        cache_misses: misses,
        verdict: verdict::of(written, figures, hits),
    }
}

/// Of the sites that ask it.
fn hits_and_misses(figures: &Figures) -> (u64, u64) {
    let each = figures.askers().map(|asker| {
        let counters = &asker.counters;
        (counters.hits.sum() + counters.stale_hits.load(Relaxed), counters.misses.load(Relaxed))
    });
    each.fold((0, 0), |(hits, misses), (more_hits, more_misses)| (hits + more_hits, misses + more_misses))
}

#[allow(clippy::cast_precision_loss, reason = "a figure to be read")]
fn average(seconds: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { seconds * 1e6 / count as f64 }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

pub(super) const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Select => "SELECT",
        Kind::Insert => "INSERT",
        Kind::Update => "UPDATE",
        Kind::Delete => "DELETE",
        Kind::Schema => "SCHEMA",
        Kind::Session => "SESSION",
        Kind::Other => "OTHER",
    }
}
