//! The columns by which rows may be told apart.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use super::facts::{Column, Facts};
use super::relations::Relation;
use crate::statement::Backend;

/// A column that is a key, or stands first in an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::database) struct KeyColumn {
    /// In small letters.
    pub(in crate::database) name: String,
    pub(in crate::database) class: Class,
    /// Is it alone a primary key, or what a unique index is over?
    pub(in crate::database) unique: bool,
}

/// What values a column holds, where it is known what is equal to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::database) enum Class {
    /// Whole numbers. Of MySQL's unsigned ones those are left out that no `i64` holds.
    Integer { least: i64, most: i64 },
    /// Texts of so many characters at most. Which are equal depends on the collation: they may differ in large and small
    /// letters, in accents, and in spaces at the end.
    Text { longest: Option<usize> },
}

impl fmt::Display for KeyColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match self.class {
            Class::Integer { least, most } => write!(f, " {least}..={most}")?,
            Class::Text { longest: Some(longest) } => write!(f, " text {longest}")?,
            Class::Text { longest: None } => f.write_str(" text")?,
        }
        f.write_str(if self.unique { " unique" } else { "" })
    }
}

/// Gives each relation its keys. One that shares its name with another schema's has none, nor has one whose rows change by
/// more than what is written to it.
pub(super) fn find(named: &mut HashMap<String, Relation>, facts: &Facts, backend: Backend) {
    let mut names = BTreeSet::new();
    let mut shared = BTreeSet::new();
    for relation in &facts.relations {
        let name = relation.name.to_lowercase();
        if let Some(twice) = names.replace(name) {
            shared.insert(twice);
        }
    }
    for column in &facts.columns {
        let table = column.table.to_lowercase();
        let Some(relation) = named.get_mut(&table).filter(|relation| relation.is_plain()) else { continue };
        // SQLite tells `Ä` from `ä`.
        let named_once = !shared.contains(&table) && column.name.is_ascii();
        if let (true, Some(class)) = (named_once, class(column, backend)) {
            relation.keys.push(KeyColumn { name: column.name.to_lowercase(), class, unique: column.unique });
        }
    }
}

fn class(column: &Column, backend: Backend) -> Option<Class> {
    let declared = column.declared.to_lowercase();
    let text = || Class::Text { longest: column.longest.and_then(|longest| usize::try_from(longest).ok()) };
    match backend {
        Backend::Sqlite => sqlite(&declared, &column.collation),
        Backend::Postgres => match declared.as_str() {
            "int2" => Some(integer(16)),
            "int4" => Some(integer(32)),
            "int8" => Some(integer(64)),
            "text" | "varchar" | "bpchar" if column.collation == "deterministic" => Some(text()),
            _ => None,
        },
        Backend::Mysql => {
            let name = declared.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
            match name {
                "char" | "varchar" | "text" => collates(&column.collation).then(text),
                _ => mysql_integer(name, declared.contains("unsigned")),
            }
        }
    }
}

/// By the affinity of its declared type.
fn sqlite(declared: &str, collation: &str) -> Option<Class> {
    if declared.contains("int") {
        return Some(integer(64));
    }
    let is_text = ["char", "clob", "text"].iter().any(|part| declared.contains(part));
    (is_text && collation == "known").then_some(Class::Text { longest: None })
}

/// Of so many bits.
fn integer(bits: u32) -> Class {
    Class::Integer { least: i64::MIN >> (64 - bits), most: i64::MAX >> (64 - bits) }
}

fn mysql_integer(name: &str, unsigned: bool) -> Option<Class> {
    let bits = match name {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        _ => return None,
    };
    Some(match unsigned {
        // One bit more, as far as there is room.
        true => Class::Integer { least: 0, most: if bits == 64 { i64::MAX } else { (1 << bits) - 1 } },
        false => integer(bits),
    })
}

/// Is it known what this collation takes for equal?
fn collates(collation: &str) -> bool {
    const RULES: &[&str] = &[
        "bin",
        "general_ci",
        "unicode_ci",
        "unicode_520_ci",
        "0900_ai_ci",
        "0900_as_ci",
        "0900_as_cs",
        "uca1400_ai_ci",
    ];
    let (charset, rule) = collation.split_once('_').unwrap_or_default();
    ["utf8mb4", "utf8mb3", "utf8", "latin1", "ascii"].contains(&charset) && RULES.contains(&rule)
}
