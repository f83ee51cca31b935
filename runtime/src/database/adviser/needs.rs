//! What a query needs of its tables: by which columns their rows are found, and in which order.

use std::ops::ControlFlow;

use sqlparser::ast::{
    self, BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, OrderByKind, Query, Select, SetExpr,
    TableFactor, Value, Visit, Visitor,
};

use super::subject::{name_of, plain};
use super::table::{Name, Table};
use crate::statement::Backend;

/// A text that may stand in an index is no longer.
const SHORT: usize = 32;

/// What is needed of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    /// What the query calls it.
    pub(super) alias: String,
    /// Its number among the tables that are known.
    pub(super) table: usize,
    /// Columns that are compared for equality.
    pub(super) equal: Vec<String>,
    /// Those of them that are equal to what stands in the statement itself, and to what: `= 'open'`, `IS NULL`.
    pub(super) fixed: Vec<(String, String)>,
    /// Columns that are compared for what is larger or smaller.
    pub(super) ranged: Vec<String>,
    /// Columns by which the answer is ordered, and whether downwards.
    pub(super) order: Vec<(String, bool)>,
    /// Are only the first rows wanted?
    pub(super) limited: bool,
}

/// The names of all relations, once each.
pub(super) fn names(query: &Query, backend: Backend) -> Vec<Name> {
    struct Found(Vec<Name>, Backend);

    impl Visitor for Found {
        type Break = ();

        fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
            if let Some(name) = name_of(relation, self.1)
                && !self.0.contains(&name)
            {
                self.0.push(name);
            }
            ControlFlow::Continue(())
        }
    }

    let mut found = Found(Vec::new(), backend);
    let _ = query.visit(&mut found);
    found.0
}

/// What a query, and those inside of it, need of these tables.
pub(super) fn of(query: &Query, tables: &[Table], backend: Backend) -> Vec<Need> {
    let mut found = Found { tables, backend, needs: Vec::new() };
    let _ = query.visit(&mut found);
    found.needs.retain(|need| !need.equal.is_empty() || !need.ranged.is_empty() || !need.order.is_empty());
    found.needs
}

struct Found<'a> {
    tables: &'a [Table],
    backend: Backend,
    needs: Vec<Need>,
}

impl Visitor for Found<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.body(&query.body, Some(query));
        ControlFlow::Continue(())
    }
}

impl Found<'_> {
    fn body(&mut self, body: &SetExpr, query: Option<&Query>) {
        match body {
            SetExpr::Select(select) => self.select(select, query),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left, None);
                self.body(right, None);
            }
            _ => {}
        }
    }

    fn select(&mut self, select: &Select, query: Option<&Query>) {
        let mut scope = Scope { found: self, needs: Vec::new() };
        for from in &select.from {
            scope.relation(&from.relation);
            from.joins.iter().for_each(|join| scope.relation(&join.relation));
        }
        for join in select.from.iter().flat_map(|from| &from.joins) {
            scope.join(&join.join_operator);
        }
        if let Some(selection) = &select.selection {
            scope.condition(selection);
        }
        if let Some(query) = query {
            scope.order(select, query);
        }
        let needs = scope.needs;
        self.needs.extend(needs);
    }
}

/// The tables of one `FROM`.
struct Scope<'a, 'b> {
    found: &'a Found<'b>,
    needs: Vec<Need>,
}

impl Scope<'_, '_> {
    fn relation(&mut self, factor: &TableFactor) {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let backend = self.found.backend;
                let Some(name) = name_of(name, backend) else { return };
                let known = |table: &Table| {
                    table.name.table.eq_ignore_ascii_case(&name.table) && table.name.schema == name.schema
                };
                let Some(table) = self.found.tables.iter().position(known) else { return };
                let alias = alias.as_ref().map_or_else(|| name.table.clone(), |alias| plain(&alias.name, backend));
                let (equal, fixed, ranged, order) = Default::default();
                self.needs.push(Need { alias, table, equal, fixed, ranged, order, limited: false });
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.relation(&table_with_joins.relation);
                table_with_joins.joins.iter().for_each(|join| self.relation(&join.relation));
                table_with_joins.joins.iter().for_each(|join| self.join(&join.join_operator));
            }
            _ => {}
        }
    }

    fn join(&mut self, operator: &JoinOperator) {
        use JoinOperator as J;
        let (J::Join(constraint)
        | J::Inner(constraint)
        | J::Left(constraint)
        | J::LeftOuter(constraint)
        | J::Right(constraint)
        | J::RightOuter(constraint)
        | J::StraightJoin(constraint)) = operator
        else {
            return;
        };
        match constraint {
            JoinConstraint::On(condition) => self.condition(condition),
            JoinConstraint::Using(columns) => {
                let idents = columns.iter().filter_map(|name| name.0.last()?.as_ident()).collect::<Vec<_>>();
                for ident in idents {
                    for at in 0..self.needs.len() {
                        if let Some(name) = self.own(at, &ident.value) {
                            self.equal(at, name);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// What must hold of every row; of `a OR b` nothing is said.
    fn condition(&mut self, condition: &Expr) {
        match condition {
            Expr::Nested(condition) => self.condition(condition),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.condition(left);
                self.condition(right);
            }
            Expr::BinaryOp { left, op, right } => {
                self.comparison(left, op, right);
                self.comparison(right, op, left);
            }
            Expr::InList { expr, negated: false, .. } | Expr::InSubquery { expr, negated: false, .. } => {
                self.given(expr, None);
            }
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, .. } => self.given(left, None),
            Expr::IsNull(expr) => self.given(expr, Some("IS NULL".to_owned())),
            Expr::Between { expr, negated: false, .. } => self.ranged(expr),
            // A column that is true or not.
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) if self.found.backend == Backend::Postgres => {
                self.given(condition, Some("= TRUE".to_owned()));
            }
            _ => {}
        }
    }

    fn comparison(&mut self, column: &Expr, op: &BinaryOperator, other: &Expr) {
        match op {
            BinaryOperator::Eq => {
                let fixed = match other {
                    Expr::Value(value) => literal(&value.value).map(|literal| format!("= {literal}")),
                    _ => None,
                };
                self.given(column, fixed);
            }
            BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq => {
                self.ranged(column);
            }
            _ => {}
        }
    }

    fn given(&mut self, column: &Expr, fixed: Option<String>) {
        let Some((at, name)) = self.column(column) else { return };
        self.equal(at, name.clone());
        if let (Some(fixed), Some(need)) = (fixed, self.needs.get_mut(at))
            && !need.fixed.iter().any(|(known, _)| *known == name)
        {
            need.fixed.push((name, fixed));
        }
    }

    fn equal(&mut self, at: usize, name: String) {
        if let Some(need) = self.needs.get_mut(at)
            && !need.equal.contains(&name)
        {
            need.equal.push(name);
        }
    }

    fn ranged(&mut self, column: &Expr) {
        if let Some((at, name)) = self.column(column)
            && let Some(need) = self.needs.get_mut(at)
            && !need.ranged.contains(&name)
        {
            need.ranged.push(name);
        }
    }

    /// An index has rows in order only of one table.
    fn order(&mut self, select: &Select, query: &Query) {
        let one = select.from.len() == 1 && select.from.iter().all(|from| from.joins.is_empty());
        let limited = query.limit_clause.is_some() || query.fetch.is_some();
        let Some(OrderByKind::Expressions(by)) = query.order_by.as_ref().map(|by| &by.kind) else { return };
        if !one || self.needs.len() != 1 {
            return;
        }
        let mut order = Vec::new();
        for by in by {
            let down = matches!(by.options.sort, Some(ast::OrderBySort::Desc));
            match self.column(&by.expr) {
                Some((_, name)) if by.options.nulls_first.is_none() => order.push((name, down)),
                _ => return,
            }
        }
        // An index is read from either end.
        if order.iter().all(|(_, down)| *down) {
            order.iter_mut().for_each(|(_, down)| *down = false);
        }
        if let Some(need) = self.needs.first_mut() {
            (need.order, need.limited) = (order, limited);
        }
    }

    /// The table whose column it is, and the column's own name.
    fn column(&self, expr: &Expr) -> Option<(usize, String)> {
        match expr {
            Expr::Nested(expr) => self.column(expr),
            Expr::Identifier(name) => {
                let mut owners = (0..self.needs.len()).filter_map(|at| Some((at, self.own_of(at, name)?)));
                let first = owners.next();
                first.filter(|_| owners.next().is_none())
            }
            Expr::CompoundIdentifier(parts) => {
                let [.., table, name] = parts.as_slice() else { return None };
                let table = plain(table, self.found.backend);
                let at = self.needs.iter().position(|need| need.alias.eq_ignore_ascii_case(&table))?;
                Some((at, self.own_of(at, name)?))
            }
            _ => None,
        }
    }

    fn own_of(&self, at: usize, name: &Ident) -> Option<String> {
        self.own(at, &plain(name, self.found.backend))
    }

    fn own(&self, at: usize, name: &str) -> Option<String> {
        let table = self.found.tables.get(self.needs.get(at)?.table)?;
        table.column(name).map(|column| column.name.clone())
    }
}

/// A value that may stand in the text of an index: one that reads like a name of a state, or a number.
fn literal(value: &Value) -> Option<String> {
    match value {
        Value::Number(number, _) if number.len() <= SHORT => Some(number.clone()),
        Value::Boolean(value) => Some(if *value { "TRUE" } else { "FALSE" }.to_owned()),
        Value::SingleQuotedString(text) => {
            let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            (text.len() <= SHORT && text.chars().all(name)).then(|| format!("'{text}'"))
        }
        _ => None,
    }
}
