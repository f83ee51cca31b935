//! The tables at the end.

use cached_runtime::database::DatabaseStats;
use cached_runtime::stats::Stats;

use crate::drive::Run;
use crate::traffic::KINDS;

/// A hit is to take so much less time than the query.
const TARGET: f64 = 99.0;

/// Microseconds a call, on average, by kind.
pub fn times(bare: &Run, plain: &Run, cached: &Run, warm: &Run) {
    println!(
        "{:<14} {:>10} {:>10} {:>10} {:>10} {:>12} {:>14}",
        "µs a call", "no index", "indexed", "cached", "a hit", "x indexed", "hit is faster"
    );
    let line = |name: &str, of: &dyn Fn(&Run) -> f64| {
        let (hit, query) = (of(warm), of(plain));
        let faster = 100.0 * (1.0 - hit / query);
        let met = if faster >= TARGET { "" } else { "  missed" };
        println!(
            "{name:<14} {:>10.1} {query:>10.1} {:>10.1} {hit:>10.2} {:>11.1}x {faster:>13.2}%{met}",
            of(bare),
            of(cached),
            query / of(cached)
        );
    };
    for (kind, name) in KINDS.iter().enumerate().take(KINDS.len() - 1) {
        line(name, &|run| run.micros(kind));
    }
    line("all reads", &Run::read_micros);
    let writes = |run: &Run| run.micros(KINDS.len() - 1);
    println!("{:<14} {:>10.1} {:>10.1} {:>10.1}", "writes", writes(bare), writes(plain), writes(cached));
    println!(
        "{:<14} {:>10} {:>10} {:>10} {:>10}",
        "statements", bare.statements, plain.statements, cached.statements, warm.statements
    );
    println!(
        "cached: from cold, with a write in a hundred requests; a hit: without writes. Target: {TARGET} % faster.\n"
    );
}

/// How many were hits, of what is cached and of what is prepared.
pub fn shares(before: &Stats, after: &Stats, database: &DatabaseStats) {
    let (before, after) = (before.total(), after.total());
    let hits = after.hits - before.hits;
    let calls = hits + after.misses - before.misses;
    println!("hit rate, from cold and with writes: {:.1} % of {calls} calls", percent(hits, calls));
    if let Some(rate) = database.prepared_hit_rate() {
        let known = database.prepared_hits + database.prepared_misses;
        println!("statements that were prepared already: {:.2} % of {known}", rate * 100.0);
    }
}

fn percent(part: u64, all: u64) -> f64 {
    100.0 * part as f64 / all.max(1) as f64
}
