//! Indexes that might help a query.

use super::needs::Need;
use super::table::{Index, Table};

/// More columns make an index that serves one query and slows all writes.
const COLUMNS: usize = 4;
/// So many are tried for one table of one query.
const MOST: usize = 8;

/// The most promising first. `partial`: does the database have indexes of some of the rows, and is what this query compares
/// with always the same?
pub(super) fn of(need: &Need, table: &Table, partial: bool) -> Vec<Index> {
    let is_fixed = |name: &&String| need.fixed.iter().any(|(fixed, _)| fixed == *name);
    let free: Vec<&String> = need.equal.iter().filter(|name| !is_fixed(name)).collect();
    let fixed: Vec<&String> = need.equal.iter().filter(is_fixed).collect();
    let all: Vec<&String> = free.iter().chain(&fixed).copied().collect();
    let mut tails: Vec<Vec<(String, bool)>> = Vec::new();
    tails.extend(need.ranged.first().map(|name| vec![(name.clone(), false)]));
    if !need.order.is_empty() && (need.ranged.is_empty() || need.limited) {
        tails.push(need.order.clone());
    }
    tails.push(Vec::new());
    let mut found = Vec::new();
    for tail in &tails {
        if partial {
            for only in &need.fixed {
                // The other fixed ones are columns like all others.
                let rest: Vec<&String> = all.iter().filter(|name| **name != &only.0).copied().collect();
                add(&mut found, table, &rest, tail, Some(only));
            }
        }
        add(&mut found, table, &all, tail, None);
        add(&mut found, table, &free, tail, None);
    }
    found.truncate(MOST);
    found
}

fn add(
    found: &mut Vec<Index>,
    table: &Table,
    equal: &[&String],
    tail: &[(String, bool)],
    only: Option<&(String, String)>,
) {
    let mut columns: Vec<(String, bool)> = equal.iter().take(COLUMNS).map(|&name| (name.clone(), false)).collect();
    let equal = columns.len();
    for next in tail {
        if columns.len() < COLUMNS && !columns.iter().any(|(name, _)| *name == next.0) {
            columns.push(next.clone());
        }
    }
    let index = Index { table: table.name.clone(), columns, equal, only: only.cloned() };
    if !index.columns.is_empty() && !found.contains(&index) {
        found.push(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::adviser::needs;
    use crate::database::adviser::subject::Asked;
    use crate::database::adviser::table::{Class, Column, Name};
    use crate::statement::Backend;

    fn table(name: &str, columns: &[&str]) -> Table {
        let column = |&name: &&str| Column { name: name.to_owned(), class: Class::Other };
        let name = Name { schema: None, table: name.to_owned() };
        Table { name, columns: columns.iter().map(column).collect(), rows: None }
    }

    fn found(text: &str) -> Vec<String> {
        let tables = [table("task", &["id", "owner", "status", "due", "gone"]), table("person", &["id", "name"])];
        let Some(asked) = Asked::read(text, Backend::Postgres) else { return Vec::new() };
        let needs = needs::of(&asked.query, &tables, Backend::Postgres);
        let candidates = needs.iter().flat_map(|need| of(need, &tables[need.table], true));
        candidates
            .map(|index| index.ddl(Backend::Postgres).split_once(" ON ").unwrap_or_default().1.replace('"', ""))
            .collect()
    }

    #[test]
    fn columns_for_equality_come_before_what_is_ranged_or_ordered() {
        assert_eq!(found("SELECT * FROM task WHERE owner = $1"), ["task (owner)"]);
        assert_eq!(found("SELECT * FROM task WHERE due > $1 AND owner = $2"), ["task (owner, due)", "task (owner)"]);
        assert_eq!(
            found("SELECT * FROM task AS t WHERE t.owner = $1 ORDER BY due DESC LIMIT 10"),
            ["task (owner, due)", "task (owner)"]
        );
        assert_eq!(
            found("SELECT * FROM task WHERE owner = $1 ORDER BY due DESC, id"),
            ["task (owner, due DESC, id)", "task (owner)"]
        );
        assert_eq!(found("SELECT * FROM task ORDER BY due LIMIT 3"), ["task (due)"]);
        assert_eq!(found("UPDATE task SET due = $1 WHERE owner = $2"), ["task (owner)"]);
    }

    #[test]
    fn what_stands_in_the_statement_makes_an_index_of_some_rows() {
        assert_eq!(
            found("SELECT * FROM task WHERE status = 'open' AND owner = $1"),
            ["task (owner) WHERE status = 'open'", "task (owner, status)", "task (owner)"]
        );
        assert_eq!(
            found("SELECT * FROM task WHERE gone IS NULL AND due < $1"),
            ["task (due) WHERE gone IS NULL", "task (gone, due)", "task (due)", "task (gone)"]
        );
    }

    #[test]
    fn what_may_be_anything_stands_in_no_index() {
        for text in ["o''Neill", "a b", "x@example.com", "012345678901234567890123456789012"] {
            let found = found(&format!("SELECT * FROM task WHERE status = '{text}' AND owner = $1"));
            assert_eq!(found, ["task (status, owner)"], "{text}");
        }
    }

    #[test]
    fn tables_that_are_joined_have_needs_of_their_own() {
        let text = "SELECT * FROM task t JOIN person p ON p.id = t.owner WHERE p.name = $1";
        assert_eq!(found(text), ["task (owner)", "person (id, name)"]);
        assert_eq!(
            found("SELECT * FROM task WHERE owner IN (SELECT id FROM person WHERE name = $1)"),
            ["task (owner)", "person (name)"]
        );
    }

    #[test]
    fn alternatives_and_unknown_columns_need_nothing() {
        for text in [
            "SELECT * FROM task WHERE owner = $1 OR due = $2",
            "SELECT * FROM task WHERE nobody = $1",
            "SELECT * FROM task",
            "SELECT * FROM task WHERE lower(owner) = $1",
            "SELECT * FROM task WHERE owner <> $1",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }
}
