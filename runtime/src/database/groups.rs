//! The names of what statements read and write, as tags.
//!
//! | tag | carried by entries | told by writes |
//! |---|---|---|
//! | `sql:main` | all | of which nobody knows what they wrote |
//! | `sql:main:video` | that read any row of the table | to the table |
//! | `sql:main:video:*` | that read certain rows of it | to any of its rows |
//! | `sql:main:video:id` | that read the rows of one `id` | to rows that are not told apart by `id` |
//! | `sql:main:video:id=7` | that read the rows of this `id` | to rows of this `id` |
//! | `sql:main:*` | of which nobody knows what they read | to any table |
//! | `sql:main:!` | none | that may have changed the schema |

use std::collections::BTreeSet;
use std::sync::Arc;

use super::key_value::KeyValue;
use crate::group::Group;
use crate::key::escape;
use crate::statement::Tables;

/// The groups of one database.
#[derive(Debug, Clone)]
pub(super) struct Groups {
    name: Arc<str>,
}

/// The rows of a table that one column tells apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pinned {
    pub(super) table: String,
    pub(super) column: String,
    pub(super) value: KeyValue,
}

impl Groups {
    pub(super) fn new(name: &str) -> Self {
        Self { name: escape(name).into() }
    }

    /// What an entry carries that read these tables.
    pub(super) fn read(&self, tables: &Tables) -> Vec<String> {
        self.read_rows(tables, &[])
    }

    /// What an entry carries that read these tables; of some of them, these rows alone.
    pub(super) fn read_rows(&self, tables: &Tables, rows: &[Pinned]) -> Vec<String> {
        let mut tags = vec![self.all()];
        match tables {
            Tables::Named(names) => {
                for table in names {
                    match rows.iter().find(|rows| rows.table == *table) {
                        None => tags.push(self.table(table)),
                        Some(Pinned { column, value, .. }) => {
                            tags.extend([self.rows(table), self.column(table, column), self.row(table, column, value)]);
                        }
                    }
                }
            }
            Tables::Any => tags.push(self.unclear()),
        }
        tags
    }

    /// What every write to this table tells.
    pub(super) fn any_row(&self, table: &str) -> [String; 2] {
        [self.table(table), self.unclear()]
    }

    /// What a write to any of its rows tells besides.
    pub(super) fn rows(&self, table: &str) -> String {
        format!("{}:*", self.table(table))
    }

    pub(super) fn column(&self, table: &str, column: &str) -> String {
        format!("{}:{}", self.table(table), escape(column))
    }

    pub(super) fn row(&self, table: &str, column: &str, value: &KeyValue) -> String {
        format!("{}={}", self.column(table, column), value.show())
    }

    /// What becomes untrue when these tables are written.
    pub(super) fn written(&self, tables: &Tables) -> Vec<Group> {
        let tags: BTreeSet<String> = match tables {
            Tables::Named(names) => {
                names.iter().flat_map(|table| self.any_row(table).into_iter().chain([self.rows(table)])).collect()
            }
            Tables::Any => BTreeSet::from([self.all()]),
        };
        tags.into_iter().map(|tag| Group::Tag(tag.into())).collect()
    }

    pub(super) fn all(&self) -> String {
        format!("sql:{}", self.name)
    }

    /// Tells that the schema may be another one.
    pub(super) fn schema(&self) -> String {
        format!("sql:{}:!", self.name)
    }

    fn table(&self, table: &str) -> String {
        format!("sql:{}:{}", self.name, escape(table))
    }

    /// No table: an escaped name holds no star.
    fn unclear(&self) -> String {
        format!("sql:{}:*", self.name)
    }
}
