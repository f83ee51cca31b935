//! A statement, made so that a database can be asked about it.

use std::ops::ControlFlow;

use sqlparser::ast::{self, Expr, FromTable, ObjectName, ObjectNamePart, Value, ValueWithSpan, VisitMut, VisitorMut};

use super::planner::Subject;
use super::table::{Class, Name, Table};
use crate::database::driver::Driver;
use crate::statement::{Backend, Statement, parse};

/// Of so many tables of one statement it is found out what they are.
const TABLES: usize = 16;

/// A query; of what changes or removes rows, the one that finds them.
pub(super) struct Asked {
    pub(super) query: ast::Query,
    text: String,
    parameters: usize,
}

impl Asked {
    /// Nothing if it finds no rows, or cannot be read.
    pub(super) fn read(text: &str, backend: Backend) -> Option<Self> {
        let found = match parse(text, backend)? {
            ast::Statement::Query(query) => {
                let parameters = Statement::read(text, backend).ok()?.parameters().count();
                return Some(Self { query: *query, text: text.to_owned(), parameters });
            }
            ast::Statement::Update(update) if update.from.is_none() && update.table.joins.is_empty() => {
                format!("SELECT 1 FROM {} WHERE {}", update.table, update.selection?)
            }
            ast::Statement::Delete(delete) if delete.using.is_none() && delete.tables.is_empty() => {
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
                let [table] = from.as_slice() else { return None };
                format!("SELECT 1 FROM {table} WHERE {}", delete.selection?)
            }
            _ => return None,
        };
        let mut found = parse(&found, backend)?;
        if backend == Backend::Postgres {
            // Parameters of what was left out are missing.
            let _ = found.visit(&mut Renumbered::default());
        }
        let text = found.to_string();
        let parameters = Statement::read(&text, backend).ok()?.parameters().count();
        let ast::Statement::Query(query) = found else { return None };
        Some(Self { query: *query, text, parameters })
    }

    pub(super) fn subject(&self, tables: &[Table], backend: Backend) -> Subject {
        if backend != Backend::Mysql {
            return Subject { text: self.text.clone(), parameters: self.parameters };
        }
        let mut query = self.query.clone();
        let _ = query.visit(&mut Valued { tables });
        Subject { text: query.to_string(), parameters: 0 }
    }
}

/// The tables that a query names. Views and what a `WITH` makes are none.
pub(super) async fn tables<DB: Driver>(connection: &mut DB::Connection, asked: &Asked) -> sqlx::Result<Vec<Table>> {
    let mut tables = Vec::new();
    for name in super::needs::names(&asked.query, DB::BACKEND).into_iter().take(TABLES) {
        tables.extend(DB::table(connection, &name).await?);
    }
    Ok(tables)
}

/// As a database looks for it: PostgreSQL reads what is not quoted in small letters.
pub(super) fn name_of(name: &ObjectName, backend: Backend) -> Option<Name> {
    let part = |part: &ObjectNamePart| part.as_ident().map(|ident| plain(ident, backend));
    match name.0.as_slice() {
        [table] => Some(Name { schema: None, table: part(table)? }),
        [schema, table] => Some(Name { schema: Some(part(schema)?), table: part(table)? }),
        _ => None,
    }
}

pub(super) fn plain(ident: &ast::Ident, backend: Backend) -> String {
    if backend == Backend::Postgres && ident.quote_style.is_none() {
        return ident.value.to_lowercase();
    }
    ident.value.clone()
}

/// `$3`, `$7` become `$1`, `$2`.
#[derive(Default)]
struct Renumbered(Vec<String>);

impl VisitorMut for Renumbered {
    type Break = ();

    fn post_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        if let Value::Placeholder(name) = &mut value.value {
            let at = self.0.iter().position(|known| known == name).unwrap_or_else(|| {
                self.0.push(name.clone());
                self.0.len() - 1
            });
            *name = format!("${}", at + 1);
        }
        ControlFlow::Continue(())
    }
}

/// Parameters become values of the type of the column that they are compared with. Nobody gave those values.
struct Valued<'a> {
    tables: &'a [Table],
}

impl Valued<'_> {
    fn give(&self, column: &Expr, values: &mut [&mut Expr]) {
        let name = match column {
            Expr::Identifier(name) => name,
            Expr::CompoundIdentifier(parts) => match parts.last() {
                Some(name) => name,
                None => return,
            },
            _ => return,
        };
        let Some(column) = self.tables.iter().find_map(|table| table.column(&name.value)) else { return };
        for value in values {
            if let Expr::Value(value) = value
                && matches!(value.value, Value::Placeholder(_))
            {
                value.value = match column.class {
                    Class::Number => Value::Number("1".to_owned(), false),
                    Class::Time => Value::SingleQuotedString("2000-01-01".to_owned()),
                    Class::Other => Value::SingleQuotedString("a".to_owned()),
                };
            }
        }
    }
}

impl VisitorMut for Valued<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::BinaryOp { left, right, .. } => {
                self.give(&left.clone(), &mut [&mut **right]);
                self.give(&right.clone(), &mut [&mut **left]);
            }
            Expr::InList { expr, list, .. } => self.give(expr, &mut list.iter_mut().collect::<Vec<_>>()),
            Expr::Between { expr, low, high, .. } => self.give(expr, &mut [&mut **low, &mut **high]),
            Expr::Like { expr, pattern, .. } => self.give(expr, &mut [&mut **pattern]),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// What is compared with no column, such as a `LIMIT`.
    fn post_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        if matches!(value.value, Value::Placeholder(_)) {
            value.value = Value::Number("10".to_owned(), false);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, backend: Backend) -> String {
        Asked::read(text, backend).map(|asked| asked.subject(&[], backend).text).unwrap_or_default()
    }

    #[test]
    fn what_changes_rows_is_asked_about_as_what_finds_them() {
        let update = "UPDATE video AS v SET title = $1, at = $2 WHERE owner = $3 AND (kind = $4 OR owner = $3)";
        assert_eq!(
            text(update, Backend::Postgres),
            "SELECT 1 FROM video AS v WHERE owner = $1 AND (kind = $2 OR owner = $1)"
        );
        assert_eq!(text("DELETE FROM video WHERE id = ?", Backend::Sqlite), "SELECT 1 FROM video WHERE id = ?");
        assert_eq!(text("DELETE FROM video", Backend::Sqlite), "");
        assert_eq!(text("INSERT INTO video VALUES (1)", Backend::Sqlite), "");
    }

    #[test]
    fn parameters_become_values_of_nobody() {
        let query = "SELECT * FROM video WHERE owner = ? AND id IN (?, ?) LIMIT ?";
        assert_eq!(
            text(query, Backend::Mysql),
            "SELECT * FROM video WHERE owner = 10 AND id IN (10, 10) LIMIT 10",
            "of tables that nobody knows"
        );
    }
}
