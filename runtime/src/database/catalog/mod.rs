//! What a schema says about what a write touches: views, triggers, foreign keys, partitions.
//!
//! An entry names what its statement names. So a write has to name everything that shows what it wrote: the table, what
//! triggers and foreign keys write along with it, and all views over these. What nobody can read here may do anything, and
//! then a write names everything.
//!
//! A schema is read as [`Facts`], rows as the database tells them, and looked through once. Its version is not among what
//! is compared: two catalogs are equal if the schema said the same both times.

mod ask;
pub(super) mod facts;
mod keys;
#[cfg(feature = "mysql")]
pub(super) mod mysql;
#[cfg(feature = "postgres")]
pub(super) mod postgres;
mod relations;
mod routine;
#[cfg(feature = "sqlite")]
pub(super) mod sqlite;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use self::facts::Facts;
use self::relations::Relation;
use crate::statement::{Backend, Manner, Statement, Tables};

pub(super) use self::keys::{Class, KeyColumn};

/// A write that touches more than so many names everything.
const MOST_NAMED: usize = 256;

/// What a schema says about what a write touches.
#[derive(Debug)]
pub(super) struct Catalog {
    backend: Backend,
    /// By name: the last part, in small letters.
    relations: HashMap<String, Relation>,
    /// Views that show what nobody knows: every write may be seen in them.
    unclear: BTreeSet<String>,
    /// The schemas that were read; nothing: all there are.
    schemas: Option<BTreeSet<String>>,
    /// The names of functions that somebody has written, and of those of them that may be called like columns.
    functions: BTreeSet<String>,
    fields: BTreeSet<String>,
    /// There is more in the schema than was looked at.
    too_many: bool,
    version: Option<String>,
    digest: u64,
}

impl Catalog {
    /// What these facts come to.
    pub(super) fn of(mut facts: Facts, backend: Backend) -> Self {
        let version = facts.version.take();
        let digest = facts.digest();
        let (relations, unclear) = relations::of(&facts, backend);
        let (mut functions, mut fields) = (BTreeSet::new(), BTreeSet::new());
        for function in facts.functions {
            let name = function.name.to_lowercase();
            if function.of_a_row {
                fields.insert(name.clone());
            }
            functions.insert(name);
        }
        let Facts { schemas, too_many, .. } = facts;
        Self { backend, relations, unclear, schemas, functions, fields, too_many, version, digest }
    }

    /// All relations that this statement changes, or that are seen differently after it.
    pub(super) fn written(&self, statement: &Statement) -> Tables {
        match statement.writes() {
            _ if self.calls_own(statement) => Tables::Any,
            Tables::Named(tables) if self.knows(statement) => self.widened(tables, statement.manner()),
            tables if tables.is_none() => Tables::Named(BTreeSet::new()),
            _ => Tables::Any,
        }
    }

    /// May what it writes outlast a rollback, in tables that know of none?
    pub(super) fn keeps(&self, statement: &Statement) -> bool {
        match self.written(statement) {
            Tables::Named(tables) => tables.iter().any(|table| self.relations.get(table).is_some_and(|it| it.lasts)),
            Tables::Any => true,
        }
    }

    /// Does it call a function that somebody has written? That may read and write what it likes.
    pub(super) fn calls_own(&self, statement: &Statement) -> bool {
        !statement.calls().is_disjoint(&self.functions) || !statement.fields().is_disjoint(&self.fields)
    }

    /// Is all that it reads known, so that writes to that are all it has to hear of?
    pub(super) fn holds(&self, statement: &Statement) -> bool {
        let Tables::Named(names) = statement.reads() else { return false };
        let is_known = |name: &String| {
            let made = statement.defined().contains(name) || (self.backend == Backend::Mysql && name == "dual");
            made || self.relations.contains_key(name)
        };
        !self.too_many && self.knows(statement) && !self.calls_own(statement) && names.iter().all(is_known)
    }

    /// Were all schemas read that this statement names?
    pub(super) fn knows(&self, statement: &Statement) -> bool {
        self.schemas.as_ref().is_none_or(|read| statement.schemas().is_subset(read))
    }

    /// All relations that change, or are seen differently, when these are written in this manner. Anything, where nobody
    /// can know.
    pub(super) fn widened(&self, tables: &BTreeSet<String>, manner: Manner) -> Tables {
        if tables.is_empty() {
            return Tables::Named(BTreeSet::new());
        }
        match self.followed(tables, manner) {
            Some(written) => self.seen(written),
            None => Tables::Any,
        }
    }

    /// The columns by which rows may be told apart, of a table whose rows nothing else changes when they are written: none
    /// of views, of tables with triggers, rules or parts, of tables that are unknown.
    pub(super) fn keys(&self, table: &str) -> &[KeyColumn] {
        match self.relations.get(table) {
            Some(relation) if !self.too_many => &relation.keys,
            _ => &[],
        }
    }

    /// Do foreign keys or triggers lead back to the tables that this statement writes? Then they change rows that it does
    /// not name.
    pub(super) fn leads_back(&self, statement: &Statement) -> bool {
        let Tables::Named(tables) = statement.writes() else { return true };
        let mut open: Vec<(&str, Manner)> = tables.iter().map(|table| (table.as_str(), statement.manner())).collect();
        let mut met: BTreeMap<&str, Manner> = BTreeMap::new();
        while let Some((table, manner)) = open.pop() {
            if met.get(table).is_some_and(|&known| known >= manner) {
                continue;
            }
            met.insert(table, manner);
            let mut then = Vec::new();
            let known = self.relations.get(table).and_then(|relation| relation.follow(manner, self.backend, &mut then));
            if known.is_none() || then.iter().any(|(table, _)| tables.contains(*table)) {
                return true;
            }
            open.append(&mut then);
        }
        false
    }

    /// What is written, by triggers and foreign keys too, and in what manner. Nothing: nobody knows.
    fn followed(&self, tables: &BTreeSet<String>, manner: Manner) -> Option<BTreeSet<String>> {
        if self.too_many {
            return None;
        }
        let mut written: BTreeMap<&str, Manner> = BTreeMap::new();
        let mut open: Vec<(&str, Manner)> = tables.iter().map(|table| (table.as_str(), manner)).collect();
        // Each is met once for each manner at most, so that circles end.
        while let Some((table, manner)) = open.pop() {
            if written.get(table).is_some_and(|&known| known >= manner) {
                continue;
            }
            if written.len() >= MOST_NAMED {
                return None;
            }
            written.insert(table, manner);
            self.relations.get(table)?.follow(manner, self.backend, &mut open)?;
        }
        Some(written.into_keys().map(str::to_owned).collect())
    }

    /// These, and all that show them.
    fn seen(&self, written: BTreeSet<String>) -> Tables {
        let mut open: Vec<String> = written.into_iter().chain(self.unclear.iter().cloned()).collect();
        let mut seen = BTreeSet::new();
        while let Some(name) = open.pop() {
            if seen.contains(&name) {
                continue;
            }
            if seen.len() >= MOST_NAMED {
                return Tables::Any;
            }
            if let Some(relation) = self.relations.get(&name) {
                open.extend(relation.seen_in.iter().cloned());
            }
            seen.insert(name);
        }
        Tables::Named(seen)
    }
}

/// The schema said the same.
impl PartialEq for Catalog {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.backend == other.backend
    }
}

#[cfg(test)]
mod tests;
