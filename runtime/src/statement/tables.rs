//! Which tables a statement reads and writes.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    self, FromTable, ObjectName, ObjectNamePart, SetExpr, TableFactor, TableObject, TableWithJoins, Visit, Visitor,
};

use super::Kind;

/// Some tables, or all there are.
///
/// A name is the last part, in small letters: tables that differ in their schema, or in large letters, are one. That is
/// coarser, and never wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tables {
    /// These.
    Named(BTreeSet<String>),
    /// It may be any: a function or procedure of the database is called, whose text nobody here has.
    Any,
}

impl Tables {
    /// May it be this one?
    #[must_use]
    pub fn includes(&self, table: &str) -> bool {
        match self {
            Self::Named(names) => names.contains(&table.to_lowercase()),
            Self::Any => true,
        }
    }

    /// Is it none at all?
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Named(names) if names.is_empty())
    }
}

/// What it reads and what it writes, if it does or does not call what nobody here knows.
pub(super) fn of(statement: &ast::Statement, kind: Kind, calls_unknown: bool) -> (Tables, Tables) {
    let mut found = Found { unclear: calls_unknown, ..Found::default() };
    let _ = statement.visit(&mut found);
    // What is not clear may both be read and written: a function does what it likes.
    match kind {
        _ if found.unclear => (Tables::Any, Tables::Any),
        Kind::Schema | Kind::Other => (Tables::Named(found.named), Tables::Any),
        Kind::Select | Kind::Session | Kind::Insert | Kind::Update | Kind::Delete => {
            (Tables::Named(found.named), Tables::Named(found.written))
        }
    }
}

/// All relations, and those that a statement, also one inside a `WITH`, writes to.
#[derive(Default)]
struct Found {
    named: BTreeSet<String>,
    written: BTreeSet<String>,
    /// Is something read or written that has no name here?
    unclear: bool,
}

impl Found {
    fn write(&mut self, name: &ObjectName) {
        match last_part(name) {
            Some(name) => drop(self.written.insert(name)),
            None => self.unclear = true,
        }
    }

    fn write_factor(&mut self, factor: &TableFactor) {
        match factor {
            TableFactor::Table { name, .. } => self.write(name),
            _ => self.unclear = true,
        }
    }

    /// Of joined tables any may be the one that is written: they are named by aliases.
    fn write_joined(&mut self, tables: &[TableWithJoins]) {
        for table in tables {
            self.write_factor(&table.relation);
            table.joins.iter().for_each(|join| self.write_factor(&join.relation));
        }
    }

    fn write_of(&mut self, statement: &ast::Statement) {
        use ast::Statement as S;
        match statement {
            S::Insert(insert) => match &insert.table {
                TableObject::TableName(name) => self.write(name),
                _ => self.unclear = true,
            },
            S::Update(update) => self.write_joined(std::slice::from_ref(&update.table)),
            S::Delete(delete) => match &delete.from {
                FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables) => self.write_joined(tables),
            },
            S::Truncate(truncate) => truncate.table_names.iter().for_each(|table| self.write(&table.name)),
            S::Merge(merge) => self.write_factor(&merge.table),
            _ => {}
        }
    }
}

impl Visitor for Found {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        match last_part(relation) {
            Some(name) => drop(self.named.insert(name)),
            None => self.unclear = true,
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &ast::Statement) -> ControlFlow<()> {
        self.write_of(statement);
        ControlFlow::Continue(())
    }

    /// `SELECT .. INTO` makes a table.
    fn pre_visit_select(&mut self, select: &ast::Select) -> ControlFlow<()> {
        self.unclear |= select.into.is_some();
        ControlFlow::Continue(())
    }

    /// `TABLE a` is no relation to the parser.
    fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
        if let SetExpr::Table(table) = query.body.as_ref() {
            match &table.table_name {
                Some(name) => drop(self.named.insert(name.to_lowercase())),
                None => self.unclear = true,
            }
        }
        ControlFlow::Continue(())
    }
}

fn last_part(name: &ObjectName) -> Option<String> {
    name.0.last().and_then(ObjectNamePart::as_ident).map(|ident| ident.value.to_lowercase())
}
