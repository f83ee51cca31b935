//! An `INSERT` of one row, written for several.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use sqlparser::ast::{self, Expr, OnInsert, SetExpr, Value, ValueWithSpan, Visit, Visitor};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Location;

use super::{Backend, Kind, Parameters, Statement, Tables};

/// An `INSERT` of one row of parameters, of which several may be written by one statement with the same effect.
///
/// What it does to a row that is there already (`ON CONFLICT`, `ON DUPLICATE KEY UPDATE`, `OR IGNORE`) stays, if it has no
/// parameters and asks no table. No such insert is one with a `RETURNING`, one whose cells ask a table or call a function
/// that tells of the row before, as `last_insert_id`, and one that this crate cannot read.
///
/// ```
/// use cached_runtime::statement::{Backend, OneRow};
///
/// let one = OneRow::read("INSERT INTO video (id, title) VALUES ($1, lower($2))", Backend::Postgres).unwrap();
/// assert_eq!(one.times(2), "INSERT INTO video (id, title) VALUES ($1, lower($2)), ($3, lower($4))");
/// assert!(OneRow::read("INSERT INTO video SELECT * FROM song", Backend::Postgres).is_none());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneRow {
    before: String,
    /// The row, between its parameters that have a number, each with its number.
    pieces: Vec<(String, Option<usize>)>,
    /// What a number stands behind.
    sign: char,
    after: String,
    parameters: usize,
}

impl OneRow {
    /// This statement, if it is such an insert. The whole text is parsed: to be kept.
    #[must_use]
    pub fn read(text: &str, backend: Backend) -> Option<Self> {
        let known = Statement::read(text, backend).ok().filter(is_steady)?;
        let mut parsed = Parser::parse_sql(backend.dialect(), text).ok()?;
        let ast::Statement::Insert(insert) = parsed.pop()? else { return None };
        let row = only_row(&insert)?;
        let cells = Cells::of(&row.content)?;
        let (open, close) =
            (offset(text, row.opening_token.0.span.start)?, offset(text, row.closing_token.0.span.start)?);
        let after = text.get(close + 1..)?.trim_end_matches(|c: char| c.is_whitespace() || c == ';');
        // A row more in the text than the parser saw, as behind a comment, is for the database to read.
        if insert.on.is_none() && !after.is_empty() || text.get(open..=open)? != "(" || text.get(close..=close)? != ")"
        {
            return None;
        }
        let numbered = matches!(known.parameters(), Parameters::Numbered(_));
        let one = Self {
            before: text.get(..open)?.to_owned(),
            pieces: if numbered {
                pieces(text, open, close, &cells)?
            } else {
                vec![(text.get(open..=close)?.to_owned(), None)]
            },
            sign: if backend == Backend::Postgres { '$' } else { '?' },
            after: after.to_owned(),
            parameters: known.parameters().count(),
        };
        one.holds(&known, backend).then_some(one)
    }

    /// How many values a row takes.
    #[must_use]
    pub const fn parameters(&self) -> usize {
        self.parameters
    }

    /// About the length of the statement for so many rows, in bytes.
    #[must_use]
    pub fn len_of(&self, rows: usize) -> usize {
        // A number grows by a few digits.
        let row: usize = self.pieces.iter().map(|(text, _)| text.len() + 6).sum();
        self.before.len() + self.after.len() + rows.saturating_mul(row + 2)
    }

    /// The statement for so many rows: their values follow one another.
    #[must_use]
    pub fn times(&self, rows: usize) -> String {
        let mut out = String::with_capacity(self.len_of(rows));
        out.push_str(&self.before);
        for row in 0..rows {
            if row > 0 {
                out.push_str(", ");
            }
            for (text, number) in &self.pieces {
                out.push_str(text);
                if let Some(number) = number {
                    // Nothing fails that writes to a string.
                    let _ = write!(out, "{}{}", self.sign, number + row * self.parameters);
                }
            }
        }
        out.push_str(&self.after);
        out
    }

    /// Is it the same for one row, and twice the same for two?
    fn holds(&self, known: &Statement, backend: Backend) -> bool {
        let Ok(twice) = Statement::read(&self.times(2), backend) else { return false };
        self.parameters > 0
            && twice.shape() == known.shape()
            && twice.parameters().count() == 2 * self.parameters
            && (twice.writes(), twice.reads()) == (known.writes(), known.reads())
    }
}

fn is_steady(statement: &Statement) -> bool {
    statement.kind() == Kind::Insert
        && matches!(statement.writes(), Tables::Named(_))
        && !matches!(statement.parameters(), Parameters::Named(_))
}

/// The row, if it is the only one and nothing is told of it.
fn only_row(insert: &ast::Insert) -> Option<&ast::Parens<Vec<Expr>>> {
    let plain = insert.returning.is_none()
        && insert.output.is_none()
        && insert.insert_alias.is_none()
        && insert.assignments.is_empty()
        && insert.on.as_ref().is_none_or(asks_nothing);
    let query = insert.source.as_deref().filter(|query| plain && query.with.is_none())?;
    match query.body.as_ref() {
        SetExpr::Values(values) if !values.explicit_row && values.rows.len() == 1 => values.rows.first(),
        _ => None,
    }
}

fn asks_nothing(on: &OnInsert) -> bool {
    let mut cells = Cells::default();
    on.visit(&mut cells).is_continue() && cells.placeholders.is_empty()
}

/// What there is in the cells of a row.
#[derive(Default)]
struct Cells {
    placeholders: Vec<(Location, String)>,
}

/// They tell of what was done before, on this connection: of the row before, where each row is a statement.
const TELL_OF_BEFORE: &[&str] = &[
    "changes",
    "currval",
    "found_rows",
    "last_insert_id",
    "last_insert_rowid",
    "lastval",
    "row_count",
    "total_changes",
];

impl Cells {
    /// Nothing if one asks a table.
    fn of(row: &[Expr]) -> Option<Self> {
        let mut cells = Self::default();
        row.iter().all(|cell| cell.visit(&mut cells).is_continue()).then_some(cells)
    }
}

impl Visitor for Cells {
    type Break = ();

    fn pre_visit_query(&mut self, _: &ast::Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            let name = function.name.to_string().to_lowercase();
            let last = name.rsplit('.').next().unwrap_or_default().trim_matches(['"', '`']);
            if TELL_OF_BEFORE.contains(&last) {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
        if let Value::Placeholder(text) = &value.value {
            self.placeholders.push((value.span.start, text.clone()));
        }
        ControlFlow::Continue(())
    }
}

/// The row, cut at its numbers.
fn pieces(text: &str, open: usize, close: usize, cells: &Cells) -> Option<Vec<(String, Option<usize>)>> {
    let mut found = Vec::new();
    for (location, placeholder) in &cells.placeholders {
        let start = offset(text, *location)?;
        let number = placeholder.get(1..)?.parse::<usize>().ok()?;
        found.push((start, placeholder, number));
    }
    found.sort_unstable();
    let (mut out, mut at) = (Vec::new(), open);
    for (start, placeholder, number) in found {
        // Where the parser says that it stands, it does.
        let between =
            text.get(at..start).filter(|_| text.get(start..).is_some_and(|rest| rest.starts_with(placeholder)))?;
        out.push((between.to_owned(), Some(number)));
        at = start + placeholder.len();
    }
    out.push((text.get(at..=close)?.to_owned(), None));
    Some(out)
}

/// Where the parser's lines and columns lie in the text, in bytes.
fn offset(text: &str, location: Location) -> Option<usize> {
    let (mut line, mut column) = (1, 1);
    for (offset, c) in text.char_indices() {
        if (line, column) == (location.line, location.column) {
            return Some(offset);
        }
        (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    None
}
