//! What a database was asked, in figures.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use sqlx::Pool;

use super::Database;
use super::adviser::Prepared;
use super::connections::Counts;
use super::driver::Driver;
use super::replicas;
use crate::plain::plain;

plain! {
    /// Connections and calls of one database, of its primary where there are replicas. The counts begin with
    /// the handle that was opened.
    #[derive(Debug, Clone, Default, PartialEq)]
    pub struct DatabaseStats {
        /// What it is called.
        pub name: String,
        /// Connections that are open.
        pub connections: u32,
        /// Those of them that nobody uses.
        pub idle: u32,
        /// The most that the pools may have.
        pub most: u32,
        /// Calls that wait for a connection now.
        pub waiting: usize,
        /// How often a connection was got.
        pub acquired: u64,
        /// How often one was made beyond the pool.
        pub overflowed: u64,
        /// Calls that got none in time.
        pub timed_out: u64,
        /// Calls that were refused because too many waited.
        pub refused: u64,
        /// How long it took to get one, on average, in microseconds.
        pub wait_micros: f64,
        /// Reads that a replica answered.
        pub replica_reads: u64,
        /// Reads that went to the primary because their tables had been written lately.
        pub replica_withheld: u64,
        /// Reads that went to the primary because no replica answered.
        pub replica_failed: u64,
        /// Groups of invalidations that were told once more, for replicas that lag.
        pub told_again: u64,
        /// How often the breaker opened or closed.
        pub breaker_transitions: u64,
        /// Statements that were prepared on their connection already. Of those that run while a connection keeps as many
        /// as it may, and of pools that somebody else made for SQLite, nobody can tell: see `prepared_unclear`. Of a
        /// `fetch_one` or `fetch_optional` of SQLite a miss may be taken for a hit. All three are 0 without the adviser.
        pub prepared_hits: u64,
        /// Statements that had to be prepared.
        pub prepared_misses: u64,
        /// Statements of which it is not known: raise `statement_cache` if these are most.
        pub prepared_unclear: u64,
    }
}

impl DatabaseStats {
    /// The part of statements that were prepared already, among those of which it is known; nothing if there are none.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "a figure to be read")]
    pub fn prepared_hit_rate(&self) -> Option<f64> {
        let all = self.prepared_hits + self.prepared_misses;
        (all > 0).then(|| self.prepared_hits as f64 / all as f64)
    }
}

impl<DB: Driver> Database<DB> {
    /// What it was asked so far, in figures.
    #[must_use]
    pub fn stats(&self) -> DatabaseStats {
        let core = &*self.core;
        let all: Vec<_> = [Some(&core.readers), core.writer.as_ref()].into_iter().flatten().collect();
        let sum = |of: fn(&Counts) -> &AtomicU64| all.iter().map(|one| of(&one.counts).load(Relaxed)).sum::<u64>();
        let pools = |of: fn(&Pool<DB>) -> u32| all.iter().map(|one| of(one.pool())).sum::<u32>();
        let replicas = |of: fn(&replicas::Counts) -> &AtomicU64| {
            core.replicas.as_ref().map_or(0, |replicas| of(&replicas.counts).load(Relaxed))
        };
        let acquired = sum(|counts| &counts.acquired);
        let prepared = |of: fn(&Prepared) -> &AtomicU64| {
            core.adviser.as_ref().map_or(0, |adviser| of(&adviser.prepared).load(Relaxed))
        };
        DatabaseStats {
            name: core.name.to_string(),
            connections: pools(Pool::size),
            idle: pools(|pool| // The pool counts while others take and give: for a moment it may be less than none.
                u32::try_from(pool.num_idle()).unwrap_or(0)),
            most: pools(|pool| pool.options().get_max_connections()),
            waiting: all.iter().map(|one| one.waiting()).sum(),
            acquired,
            overflowed: sum(|counts| &counts.overflowed),
            timed_out: sum(|counts| &counts.timed_out),
            refused: sum(|counts| &counts.refused),
            wait_micros: average(sum(|counts| &counts.waited_micros), acquired),
            replica_reads: replicas(|counts| &counts.answered),
            replica_withheld: replicas(|counts| &counts.withheld),
            replica_failed: replicas(|counts| &counts.failed),
            told_again: core.again().map_or(0, |again| again.told.load(Relaxed)),
            breaker_transitions: core.breaker.transitions(),
            prepared_hits: prepared(|prepared| &prepared.hits),
            prepared_misses: prepared(|prepared| &prepared.misses),
            prepared_unclear: prepared(|prepared| &prepared.unclear),
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a figure to be read")]
fn average(sum: u64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum as f64 / count as f64 }
}
