//! The table of all settings, as people read it.

use std::fmt::Write as _;

use super::rows;
use super::setting::{Described, Setting};
use super::value::How;

/// Sections in the order of the table, and what they are about.
const SECTIONS: [(&str, &[&str]); 7] = [
    (
        "The cache",
        &[
            "enabled",
            "ttl",
            "ttl_patterns",
            "profiles",
            "answers",
            "near",
            "remembered_groups",
            "prefetches",
            "key_secret",
            "stampede_protection",
            "strategy",
        ],
    ),
    ("Functions", &["sites"]),
    ("Warm-up", &["warmup"]),
    ("Tiers", &["redis", "l3", "disk", "sql", "tiers", "strict", "suspect_cap"]),
    ("Compression", &["compression"]),
    ("Database, responses, pictures", &["database", "response", "images", "dedup"]),
    ("Program", &["logging"]),
];

/// All rows, as Markdown.
pub(super) fn table() -> String {
    let mut out = String::from("# All settings\n");
    for (title, sections) in SECTIONS {
        let _ = write!(out, "\n## {title}\n\n| name | kind | default | sets | other names |\n|---|---|---|---|---|\n");
        for section in sections {
            rows::all().filter(|row| row.section() == *section).for_each(|row| line(&mut out, row));
        }
    }
    out
}

fn line(out: &mut String, row: &Setting) {
    let live = if row.live { " ⟳" } else { "" };
    let described: Vec<String> = row.described.iter().map(other).collect();
    let (name, kind, says) = (row.name, row.kind.word(), row.says);
    let default = if row.default.contains('`') || row.default.contains(' ') {
        row.default.to_owned()
    } else {
        format!("`{}`", row.default)
    };
    // A text takes whatever it is given.
    let _ = writeln!(
        out,
        "| `{name}`<br>`{}`{live} | {kind} | {default} | {says} (`{}`) | {} |",
        row.variable(),
        row.sets,
        described.join("<br>")
    );
}

fn other(described: &Described) -> String {
    let unit = match described.how {
        How::Seconds => " (seconds)".to_owned(),
        How::Hours => " (hours)".to_owned(),
        How::Mebibytes => " (MiB)".to_owned(),
        How::Part => " (added up)".to_owned(),
        How::Is(word, _) => format!(" = `{word}`"),
        How::Off(number) => format!(" = `false`: {number}"),
        How::Same => String::new(),
    };
    let star = if described.star.is_empty() { String::new() } else { format!(" for `{}`", described.star) };
    format!("`{}`{unit}{star}", described.name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_is_in_the_table_once() {
        let table = table();
        for row in rows::all() {
            assert_eq!(table.matches(&format!("| `{}`<br>", row.name)).count(), 1, "{}", row.name);
        }
    }

    #[test]
    fn no_name_is_given_out_twice() {
        let mut names = HashSet::new();
        assert!(rows::all().all(|row| names.insert(row.name)), "two rows of one name");
        for row in rows::all() {
            for other in row.described {
                assert!(!names.contains(other.name) || other.name == row.name, "{} is a setting itself", other.name);
            }
        }
    }

    #[test]
    fn the_file_is_what_the_code_prints() {
        if std::env::var_os("CACHED_GOLDEN").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/TABLE.md");
            assert!(std::fs::write(path, table()).is_ok());
            return;
        }
        assert_eq!(include_str!("TABLE.md"), table(), "run this test once with CACHED_GOLDEN=1");
    }
}
