//! The table.

use cached_runtime::database::Advice;

use crate::compare::{Batched, Run};
use crate::data::ITEMS;

/// One line for each way; the first is what the others are compared with.
pub fn print(runs: &[(&str, &Run)]) {
    println!(
        "{:<22} {:>8} {:>7} {:>7} {:>17} {:>7} {:>11} {:>8}",
        format!("{ITEMS} flashcards"),
        "seconds",
        "reads",
        "writes",
        "in batches",
        "hits",
        "µs a card",
        "speed"
    );
    let base = runs.first().map_or(0.0, |(_, run)| run.took.as_secs_f64());
    for (name, run) in runs {
        let seconds = run.took.as_secs_f64();
        let batches = match &run.batched {
            Batched { batches: 0, .. } => "-".to_owned(),
            Batched { batches, rows } => format!("{rows} rows in {batches}"),
        };
        let hits =
            if run.calls == 0 { "-".to_owned() } else { format!("{:.1}%", 100.0 * run.hits as f64 / run.calls as f64) };
        println!(
            "{name:<22} {seconds:>8.3} {:>7} {:>7} {:>17} {hits:>7} {:>11.0} {:>7.1}x",
            run.reads,
            run.writes,
            batches,
            seconds * 1e6 / ITEMS as f64,
            base / seconds
        );
    }
    println!("reads, writes: statements. In batches: rows that were written a hundred at a time, with one statement.");
    println!("`before` has the pool, prepared statements and write-ahead log of `Database` already.\n");
}

/// What the adviser suggested before, and what is left to suggest.
pub fn suggestions(before: &Advice, after: &Advice) {
    println!("{:<42} {:>9} {:>9}", "suggestions", "before", "after");
    for (name, before, after) in [
        ("indexes, proved", proved(before), proved(after)),
        ("statements that read a whole table", before.full_scans.len(), after.full_scans.len()),
        ("statements repeated for one key each", before.repeated.len(), after.repeated.len()),
    ] {
        println!("{name:<42} {before:>9} {after:>9}");
    }
    for left in &after.repeated {
        println!("still repeated, up to {} times or more: {}", left.most, left.shape);
    }
}

fn proved(advice: &Advice) -> usize {
    advice.indexes.iter().filter(|index| index.proved).count()
}
