//! What statements have in common that differ in their values only.

use std::ops::ControlFlow;

use sqlparser::ast::{self, Expr, SetExpr, Value, ValueWithSpan, VisitMut, VisitorMut};

/// The statement with `?` for each value; lists of values, and rows of an `INSERT`, are as if there were one.
pub(super) fn of(mut statement: ast::Statement) -> String {
    let _ = statement.visit(&mut Plain);
    statement.to_string()
}

struct Plain;

impl VisitorMut for Plain {
    type Break = ();

    fn post_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        if !matches!(value.value, Value::Null) {
            value.value = Value::Placeholder("?".to_owned());
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::InList { list, .. } = expr
            && list.iter().all(is_value)
        {
            list.truncate(1);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<()> {
        if let SetExpr::Values(values) = query.body.as_mut() {
            values.rows.truncate(1);
        }
        ControlFlow::Continue(())
    }
}

fn is_value(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) => true,
        Expr::UnaryOp { expr, .. } | Expr::Cast { expr, .. } => is_value(expr),
        _ => false,
    }
}
