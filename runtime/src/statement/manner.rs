//! In what manner a statement writes, and whose tables it names.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{self, ObjectName, ObjectNamePart, Visit, Visitor};

/// What a statement does to the rows of the tables that it writes, as far as other tables may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Manner {
    /// It adds rows, and leaves alone those that are there.
    Adds,
    /// It may change rows or remove them.
    Changes,
    /// It empties tables, and all those that refer to them: `TRUNCATE .. CASCADE`.
    Empties,
}

/// How it writes at the worst.
pub(super) fn of(statement: &ast::Statement) -> Manner {
    let mut worst = Worst(Manner::Adds);
    let _ = statement.visit(&mut worst);
    worst.0
}

/// The schemas that its tables are named with, in small letters.
pub(super) fn schemas(statement: &ast::Statement) -> BTreeSet<String> {
    let mut named = Named::default();
    let _ = statement.visit(&mut named);
    named.0
}

struct Worst(Manner);

impl Visitor for Worst {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &ast::Statement) -> ControlFlow<()> {
        use ast::Statement as S;
        let manner = match statement {
            S::Query(_) => Manner::Adds,
            S::Insert(insert) if only_adds(insert) => Manner::Adds,
            S::Truncate(truncate) if matches!(truncate.cascade, Some(ast::CascadeOption::Cascade)) => Manner::Empties,
            _ => Manner::Changes,
        };
        self.0 = self.0.max(manner);
        ControlFlow::Continue(())
    }
}

fn only_adds(insert: &ast::Insert) -> bool {
    use ast::{OnConflictAction, OnInsert, SqliteOnConflict as Or};
    let on = match &insert.on {
        None => true,
        Some(OnInsert::OnConflict(conflict)) => matches!(conflict.action, OnConflictAction::DoNothing),
        Some(_) => false,
    };
    on && !insert.replace_into && !insert.overwrite && !matches!(insert.or, Some(Or::Replace | Or::Rollback))
}

#[derive(Default)]
struct Named(BTreeSet<String>);

impl Visitor for Named {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        if let [.., schema, _] = relation.0.as_slice() {
            let schema = ObjectNamePart::as_ident(schema).map(|ident| ident.value.to_lowercase());
            self.0.insert(schema.unwrap_or_default());
        }
        ControlFlow::Continue(())
    }
}
