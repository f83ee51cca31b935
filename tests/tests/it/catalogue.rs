//! The table of faults names tests that exist.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

const TABLE: &str = "CATALOGUE.md";

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The cells of each case: its number, what happens, where it is shown, and what is checked.
fn rows(table: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let cases = table.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    cases.map(cells).collect()
}

/// The cases that the table must have.
fn cases() -> impl Iterator<Item = String> {
    let groups = [("R", 1..=21), ("D", 1..=11), ("L", 1..=16), ("M", 1..=4)];
    let security = [("S", 1..=8), ("S", 10..=18)];
    let named = |(letter, numbers): (&'static str, RangeInclusive<u8>)| numbers.map(move |n| format!("{letter}{n}"));
    groups.into_iter().chain(security).flat_map(named)
}

/// What stands between backticks: `file.rs::name_of_a_test`, beside the file's place under `tests`.
fn named(cell: &str) -> impl Iterator<Item = (&str, &str)> {
    cell.split('`').skip(1).step_by(2).map(|place| place.rsplit_once("::").unwrap_or((place, "")))
}

/// Why this test is not where the table says.
fn missing(file: &str, test: &str) -> Option<String> {
    let Ok(source) = fs::read_to_string(here().join(file)) else { return Some(format!("{file} is not there")) };
    let declared = format!("fn {test}(");
    let Some(at) = source.find(&declared) else { return Some(format!("{file} has no `{test}`")) };
    let lines: Vec<&str> = source[..at].lines().rev().take(4).collect();
    let is_test = lines.iter().any(|line| line.contains("#[test]") || line.contains("#[tokio::test"));
    let is_ignored = lines.iter().any(|line| line.contains("#[ignore"));
    (!is_test || is_ignored).then(|| format!("`{test}` in {file} is no test that runs"))
}

#[test]
fn every_fault_of_the_table_is_shown_by_a_test_that_exists() {
    let table = fs::read_to_string(here().join(TABLE)).unwrap();
    let rows = rows(&table);
    let wrong: Vec<String> = rows
        .iter()
        .flat_map(|row| {
            named(&row[2]).filter_map(|(file, test)| missing(file, test)).map(|why| format!("{}: {why}", row[0]))
        })
        .collect();
    assert!(wrong.is_empty(), "{TABLE} is not true:\n{}", wrong.join("\n"));
    assert!(rows.iter().all(|row| row.len() == 4 && named(&row[2]).count() > 0), "each is shown by something");
    let left_out: Vec<String> = cases().filter(|case| !rows.iter().any(|row| row[0] == *case)).collect();
    assert!(left_out.is_empty(), "not in {TABLE}: {left_out:?}");
}

/// The control: what is not there is noticed.
#[test]
fn a_test_that_is_not_there_is_missed() {
    assert_eq!(missing("tests/it/catalogue.rs", "a_test_that_is_not_there_is_missed"), None);
    assert!(missing("tests/it/catalogue.rs", "missing").is_some(), "a function that is no test");
    assert!(missing("tests/it/catalogue.rs", "no_such_test").is_some());
    assert!(missing("tests/it/no_such_file.rs", "a_test_that_is_not_there_is_missed").is_some());
}
