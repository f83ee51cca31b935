//! Advice as SQL.

use std::fmt::Write as _;

use super::advice::{Advice, IndexAdvice};

impl Advice {
    /// The indexes that were proved, as SQL of a migration: one `CREATE INDEX` each, with comments that tell what it is for
    /// and what it gains. Empty if there are none.
    ///
    /// Names are quoted for the database. Building an index on PostgreSQL keeps writers waiting, unless it is made
    /// `CONCURRENTLY`, which a comment says: that cannot be done inside a transaction, as which most tools run a migration.
    #[must_use]
    pub fn migration(&self) -> String {
        self.written(|index| index.proved)
    }

    /// The same with those that were not proved; their comments say so.
    #[must_use]
    pub fn migration_with_unproved(&self) -> String {
        self.written(|_| true)
    }

    fn written(&self, wanted: impl Fn(&IndexAdvice) -> bool) -> String {
        let mut out = String::new();
        for index in self.indexes.iter().filter(|index| wanted(index)) {
            let break_before = if out.is_empty() { "" } else { "\n" };
            out.push_str(break_before);
            // Writing to a string does not fail.
            let _ = self.write(index, &mut out);
        }
        out
    }

    fn write(&self, index: &IndexAdvice, out: &mut String) -> std::fmt::Result {
        let word = if index.proved { "Proved" } else { "Not proved" };
        writeln!(out, "-- {word}: {}", comment(&index.how))?;
        for shape in &index.shapes {
            writeln!(out, "-- For: {}", comment(shape))?;
        }
        writeln!(out, "-- Before: {}", comment(&index.plan_before.to_string()))?;
        if let Some(plan) = &index.plan_after {
            writeln!(out, "-- After: {}", comment(&plan.to_string()))?;
        }
        if let Some(gain) = index.gain() {
            writeln!(out, "-- Gain: {gain}")?;
        }
        if self.backend == "postgres" {
            writeln!(out, "-- To let writers go on: CREATE INDEX CONCURRENTLY, outside of a transaction")?;
        }
        writeln!(out, "{};", index.sql)
    }
}

impl IndexAdvice {
    /// What it gains, in rows of the table or in the database's own units; nothing if nobody knows.
    #[must_use]
    pub fn gain(&self) -> Option<String> {
        let costs = self.plan_before.cost.zip(self.plan_after.as_ref().and_then(|plan| plan.cost));
        let rows = self.rows_before.zip(self.rows_after);
        let rows = rows.map(|(before, after)| format!("about {after} rows are read instead of {before}"));
        let costs = costs.map(|(before, after)| format!("the cost is {after:.0} instead of {before:.0}"));
        match (rows, costs) {
            (Some(rows), Some(costs)) => Some(format!("{rows}; {costs}")),
            (rows, costs) => rows.or(costs),
        }
    }
}

/// On one line: what follows a line's end is no comment.
fn comment(text: &str) -> String {
    text.split(['\n', '\r', '\u{2028}', '\u{2029}']).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_proved_is_written_unless_asked_for() {
        let index = |name: &str, proved| IndexAdvice {
            name: name.to_owned(),
            sql: format!("CREATE INDEX \"{name}\" ON \"t\" (\"a\")"),
            shapes: vec!["SELECT 1 FROM \"x\n; DROP TABLE t\"".to_owned()],
            proved,
            rows_before: Some(5_000),
            rows_after: Some(3),
            ..IndexAdvice::default()
        };
        let indexes = vec![index("one", true), index("two", false)];
        let advice = Advice { backend: "postgres".to_owned(), indexes, ..Advice::default() };
        let text = advice.migration();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("--")).collect();
        assert_eq!(lines, ["CREATE INDEX \"one\" ON \"t\" (\"a\");"], "{text}");
        assert!(text.contains("about 3 rows are read instead of 5000") && text.contains("CONCURRENTLY"), "{text}");
        let all = advice.migration_with_unproved();
        assert!(all.contains("\"two\"") && all.contains("-- Not proved"), "{all}");
    }
}
