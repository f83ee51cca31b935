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

    /// Is it this one, and no other?
    #[must_use]
    pub(crate) fn is_only(&self, table: &str) -> bool {
        matches!(self, Self::Named(names) if names.len() == 1 && names.contains(table))
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
        Kind::Select if found.of_the_database => (Tables::Any, Tables::Named(found.written)),
        Kind::Schema | Kind::Other => (Tables::Named(found.named), Tables::Any),
        Kind::Select | Kind::Session | Kind::Insert | Kind::Update | Kind::Delete => {
            (Tables::Named(found.named), Tables::Named(found.written))
        }
    }
}

/// Is there a `*` for columns anywhere, that of `count(*)` apart?
pub(super) fn all_columns(statement: &ast::Statement) -> bool {
    struct Star;

    impl Visitor for Star {
        type Break = ();

        fn pre_visit_select(&mut self, select: &ast::Select) -> ControlFlow<()> {
            if select.projection.iter().any(is_star) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }

        fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
            if matches!(query.body.as_ref(), SetExpr::Table(_)) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }

        fn pre_visit_statement(&mut self, statement: &ast::Statement) -> ControlFlow<()> {
            use ast::Statement as S;
            let returned = match statement {
                S::Insert(insert) => insert.returning.as_deref(),
                S::Update(update) => update.returning.as_deref(),
                S::Delete(delete) => delete.returning.as_deref(),
                _ => None,
            };
            if returned.is_some_and(|items| items.iter().any(is_star)) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    }

    statement.visit(&mut Star).is_break()
}

const fn is_star(item: &ast::SelectItem) -> bool {
    matches!(item, ast::SelectItem::Wildcard(_) | ast::SelectItem::QualifiedWildcard(..))
}

/// What it names and makes itself: in `WITH`, and by functions that answer rows.
pub(super) fn defined(statement: &ast::Statement) -> BTreeSet<String> {
    #[derive(Default)]
    struct Defined(BTreeSet<String>);

    impl Visitor for Defined {
        type Break = ();

        fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<()> {
            let with = query.with.iter().flat_map(|with| &with.cte_tables);
            self.0.extend(with.map(|table| table.alias.name.value.to_lowercase()));
            ControlFlow::Continue(())
        }

        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } = factor {
                self.0.extend(last_part(name));
            }
            ControlFlow::Continue(())
        }
    }

    let mut defined = Defined::default();
    let _ = statement.visit(&mut defined);
    defined.0
}

/// All relations, and those that a statement, also one inside a `WITH`, writes to.
#[derive(Default)]
struct Found {
    named: BTreeSet<String>,
    written: BTreeSet<String>,
    /// Is something read or written that has no name here?
    unclear: bool,
    /// Is something read that the database itself writes, as the last number of a table?
    of_the_database: bool,
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
            TableFactor::Table { name, alias, .. } => {
                self.write(name);
                if let Some(table) = behind_a_word(name, alias.as_ref()) {
                    self.written.insert(table);
                }
            }
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
                FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables) => {
                    self.write_joined(tables);
                    // Of MySQL's `DELETE FROM x USING video AS x` the first is an alias.
                    self.write_joined(delete.using.as_deref().unwrap_or_default());
                }
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
        self.of_the_database |= is_of_the_database(relation);
        match last_part(relation) {
            Some(name) => drop(self.named.insert(name)),
            None => self.unclear = true,
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, .. } = factor
            && let Some(table) = behind_a_word(name, alias.as_ref())
        {
            self.named.insert(table);
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

/// The database's own tables change with what is written to others.
fn is_of_the_database(name: &ObjectName) -> bool {
    const SCHEMAS: &[&str] = &["information_schema", "mysql", "performance_schema", "sys"];
    let is = |part: &ObjectNamePart| {
        let Some(ident) = part.as_ident() else { return false };
        let word = ident.value.to_lowercase();
        word.starts_with("pg_") || word.starts_with("sqlite_") || SCHEMAS.contains(&&*word)
    };
    name.0.iter().any(is)
}

/// Of `ONLY a` (PostgreSQL) and `UPDATE IGNORE a` (MySQL) the parser takes the word for a table, and the table for its
/// alias.
pub(super) fn behind_a_word(name: &ObjectName, alias: Option<&ast::TableAlias>) -> Option<String> {
    const WORDS: &[&str] = &["only", "ignore", "low_priority"];
    let [ObjectNamePart::Identifier(word)] = name.0.as_slice() else { return None };
    let is_word = word.quote_style.is_none() && WORDS.contains(&&*word.value.to_lowercase());
    alias.filter(|_| is_word).map(|alias| alias.name.value.to_lowercase())
}

fn last_part(name: &ObjectName) -> Option<String> {
    name.0.last().and_then(ObjectNamePart::as_ident).map(|ident| ident.value.to_lowercase())
}
