//! What a schema says, row by row, as it was read.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::statement::Statement;

/// So many rows of one kind are looked at. A schema that has more says nothing.
pub(in crate::database) const MOST: usize = 20_000;

/// A longer text of a view or trigger is not looked at: it may do anything.
pub(in crate::database) const LONGEST: usize = 64 << 10;

/// What a schema says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Facts {
    /// What the database counts its changes with, if it does.
    pub version: Option<String>,
    /// Is there more than is looked at?
    pub too_many: bool,
    /// The schemas that were read, in small letters; nothing: all there are.
    pub schemas: Option<BTreeSet<String>>,
    /// Tables and views.
    pub relations: Vec<Relation>,
    /// What views are made of, where the database says so itself.
    pub sources: Vec<Source>,
    /// What runs when a table is written.
    pub triggers: Vec<Trigger>,
    /// Foreign keys.
    pub references: Vec<Reference>,
    /// Tables that are parts of others.
    pub parts: Vec<Part>,
    /// Columns that are keys or stand first in an index, once for each.
    pub columns: Vec<Column>,
    /// Functions that somebody has written, and that may read or write tables.
    pub functions: Vec<Function>,
}

/// A table or a view.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Relation {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub form: Form,
    /// The text that made it, where that is to be read; else what tells it from an earlier one.
    pub text: Option<String>,
}

/// What a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// Rows of its own.
    Table,
    /// The same, and a rollback does not undo what is written to it.
    Lasting,
    /// A query by its text.
    View,
    /// A query whose [sources](Facts::sources) are known.
    ViewOfSources,
    /// Writes to it are turned into others, by rules.
    Ruled,
    /// Made by a module of SQLite.
    Virtual,
}

/// A relation that shows what another one holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    /// Which shows it.
    pub view: String,
    /// What it shows. Nothing: nobody knows what.
    pub of: Option<String>,
    /// Is what is written to it written there?
    pub written: bool,
}

/// A trigger.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Trigger {
    /// Whose writes start it.
    pub table: String,
    /// Does it run when rows are added?
    pub at_insert: bool,
    /// What it does. Nothing: nobody knows what.
    pub body: Option<String>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The table that refers.
    pub child: String,
    /// The table that is referred to.
    pub parent: String,
    /// Is the child changed when the parent is: `CASCADE`, `SET NULL` or `SET DEFAULT`?
    pub follows: bool,
}

/// A partition, or a table that inherits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Part {
    /// Its name.
    pub child: String,
    /// Of what it is a part.
    pub parent: String,
}

/// A function of somebody's own. Its name may be one that the database has for another type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Is it given one row, so that it may be called as if it were a column?
    pub of_a_row: bool,
}

/// A column that is a key, or stands first in an index.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Column {
    /// The schema of its table.
    pub schema: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Its type, as the database calls it.
    pub declared: String,
    /// By what its texts are compared.
    pub collation: String,
    /// The most characters that it holds.
    pub longest: Option<i64>,
    /// Is it alone a primary key, or what a unique index is over?
    pub unique: bool,
}

impl Facts {
    /// Are these rows too many? Then the rest of them is not kept.
    pub(in crate::database) fn bounded<T>(&mut self, mut rows: Vec<T>) -> Vec<T> {
        if rows.len() > MOST {
            self.too_many = true;
            rows.truncate(MOST);
        }
        rows
    }

    /// Does this statement call a function of somebody's own?
    pub(super) fn calls_own(&self, statement: &Statement) -> bool {
        self.functions.iter().any(|function| {
            let name = function.name.to_lowercase();
            statement.calls().contains(&name) || (function.of_a_row && statement.fields().contains(&name))
        })
    }

    /// Were all schemas read that this statement names?
    pub(super) fn knows(&self, statement: &Statement) -> bool {
        self.schemas.as_ref().is_none_or(|read| statement.schemas().is_subset(read))
    }

    /// The same for the same schema, in this process.
    pub(super) fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}
