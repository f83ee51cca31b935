//! A statement as it was parsed, for those who look at more than what it reads and writes.

use sqlparser::ast;
use sqlparser::parser::Parser;

use super::{Backend, LONGEST, MOST_TERMS, as_run, terms};

/// One statement; nothing if it is refused or cannot be read.
pub(crate) fn parse(text: &str, backend: Backend) -> Option<ast::Statement> {
    if text.len() > LONGEST || terms(text) > MOST_TERMS {
        return None;
    }
    let mut parsed = Parser::parse_sql(backend.dialect(), &as_run(text, backend)).ok()?;
    parsed.pop().filter(|_| parsed.is_empty())
}

/// A statement with `?` for each value.
pub(crate) fn shape(statement: ast::Statement) -> String {
    super::shape::of(statement)
}
