//! One statement in place of many that differ in a key.

use sqlparser::ast::{
    self, BinaryOperator, Expr, GroupByExpr, LimitClause, Select, SelectItem, SetExpr, Value, ValueWithSpan,
};

use crate::statement::{Backend, parse, shape_of};

/// A statement that answers for many keys at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// With `?` for the keys, and for all other values.
    pub(super) text: String,
    /// The column by which its rows are told apart.
    pub(super) key: String,
}

/// Nothing if the rows of one key are cut off or ordered: then many keys are another question.
pub(super) fn of(text: &str, backend: Backend) -> Option<Batch> {
    let ast::Statement::Query(mut query) = parse(text, backend)? else { return None };
    match &query.limit_clause {
        None => {}
        // The one row of a key.
        Some(LimitClause::LimitOffset { limit: Some(limit), offset: None, .. })
            if is_one(limit) && query.order_by.is_none() =>
        {
            query.limit_clause = None;
        }
        Some(_) => return None,
    }
    if query.fetch.is_some() {
        return None;
    }
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let key = among(select.selection.as_mut()?, backend)?;
    tell_apart(select, &key);
    let name = match &key {
        Expr::CompoundIdentifier(parts) => parts.last()?.value.clone(),
        other => other.to_string(),
    };
    Some(Batch { text: shape_of(ast::Statement::Query(query)), key: name })
}

fn is_one(limit: &Expr) -> bool {
    matches!(limit, Expr::Value(ValueWithSpan { value: Value::Number(number, _), .. }) if number == "1")
}

/// Makes the last comparison with a value one with many, and says of which column it is.
fn among(condition: &mut Expr, backend: Backend) -> Option<Expr> {
    match condition {
        Expr::Nested(condition) => among(condition, backend),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            among(right, backend).or_else(|| among(left, backend))
        }
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            let is_column = |expr: &Expr| matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
            let is_value = |expr: &Expr| matches!(expr, Expr::Value(value) if matches!(value.value, Value::Placeholder(_) | Value::Number(..)));
            let (key, value) = match (&**left, &**right) {
                (key, value) if is_column(key) && is_value(value) => (left.clone(), right.clone()),
                (value, key) if is_column(key) && is_value(value) => (right.clone(), left.clone()),
                _ => return None,
            };
            *condition = match backend {
                Backend::Postgres => {
                    Expr::AnyOp { left: key.clone(), compare_op: BinaryOperator::Eq, right: value, is_some: false }
                }
                Backend::Sqlite | Backend::Mysql => {
                    Expr::InList { expr: key.clone(), list: vec![*value], negated: false }
                }
            };
            Some(*key)
        }
        _ => None,
    }
}

/// Adds the key to what is answered, and counts by it.
fn tell_apart(select: &mut Select, key: &Expr) {
    let has_it = |item: &SelectItem| match item {
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => true,
        SelectItem::UnnamedExpr(expr) => expr == key,
        _ => false,
    };
    let sums = select.projection.iter().any(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => is_sum(expr),
        _ => false,
    });
    if !select.projection.iter().any(has_it) {
        select.projection.insert(0, SelectItem::UnnamedExpr(key.clone()));
    }
    if let GroupByExpr::Expressions(by, _) = &mut select.group_by
        && (sums || !by.is_empty())
        && !by.contains(key)
    {
        by.insert(0, key.clone());
    }
}

fn is_sum(expr: &Expr) -> bool {
    const SUMS: &[&str] = &["count", "sum", "min", "max", "avg", "total", "group_concat", "string_agg", "array_agg"];
    let Expr::Function(function) = expr else { return false };
    let name = function.name.to_string();
    function.over.is_none() && SUMS.iter().any(|sum| sum.eq_ignore_ascii_case(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(text: &str, backend: Backend) -> (String, String) {
        of(text, backend).map(|batch| (batch.text, batch.key)).unwrap_or_default()
    }

    #[test]
    fn a_comparison_becomes_one_with_many() {
        let is = |text: &str, backend, expected: &str, key: &str| {
            assert_eq!(batch(text, backend), (expected.to_owned(), key.to_owned()), "{text}");
        };
        is("SELECT * FROM v WHERE id = ?", Backend::Sqlite, "SELECT * FROM v WHERE id IN (?)", "id");
        is("SELECT v.a FROM v WHERE v.id = $1", Backend::Postgres, "SELECT v.id, v.a FROM v WHERE v.id = ANY(?)", "id");
        is(
            "SELECT a FROM v WHERE tenant = ? AND (id = ?) LIMIT 1",
            Backend::Mysql,
            "SELECT id, a FROM v WHERE tenant = ? AND (id IN (?))",
            "id",
        );
        is(
            "SELECT count(*) FROM v WHERE owner = 7 AND kind = 'secret'",
            Backend::Sqlite,
            "SELECT owner, count(*) FROM v WHERE owner IN (?) AND kind = ? GROUP BY owner",
            "owner",
        );
    }

    #[test]
    fn what_would_be_another_question_is_not_made() {
        for text in [
            "SELECT a FROM v WHERE id = ? ORDER BY at LIMIT 1",
            "SELECT a FROM v WHERE id = ? LIMIT 10",
            "SELECT a FROM v WHERE id = ? OR other = ?",
            "SELECT a FROM v",
            "UPDATE v SET a = 1 WHERE id = ?",
            "SELECT a FROM v WHERE id = ? UNION SELECT 1",
        ] {
            assert_eq!(of(text, Backend::Sqlite), None, "{text}");
        }
    }
}
