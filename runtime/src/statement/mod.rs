//! What a statement in SQL does, as far as its answer may be kept: which tables it reads and writes, how many values it is
//! to be given, whether its answer is the same for the same rows, and what it is the same as but for its values.
//!
//! Read with `sqlparser`. What this module cannot be sure of it takes for the worse: a statement that may read or write
//! anything says so.

mod dialects;
mod functions;
mod manner;
mod one_row;
mod parameters;
mod rows;
mod shape;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod syntax;
mod tables;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use sqlparser::ast::{self, SetExpr};
use sqlparser::dialect::{self, Dialect};
use sqlparser::parser::Parser;

use crate::error::{Error, ErrorKind, Result};

pub use manner::Manner;
pub use one_row::OneRow;
pub use parameters::Parameters;
pub use rows::{Given, Rows};
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(crate) use syntax::{parse, shape as shape_of};
pub use tables::Tables;

/// The longest statement that is read, in bytes. Longer ones are refused.
pub const LONGEST: usize = 256 << 10;

/// A statement of more terms (`a OR b OR ..`, `a + b + ..`, unions) is refused: what is read of it hangs on each other, and
/// looking at it would take the stack of a thread.
pub const MOST_TERMS: usize = 1_000;

/// In which dialect a statement is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// SQLite: `?`, `?1`, `:name`.
    Sqlite,
    /// PostgreSQL: `$1`.
    Postgres,
    /// MySQL and MariaDB: `?`.
    Mysql,
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It reads rows.
    Select,
    /// It adds rows.
    Insert,
    /// It changes rows.
    Update,
    /// It removes rows.
    Delete,
    /// It changes tables, or what else there is besides rows.
    Schema,
    /// It begins or ends a transaction, or sets or makes something for one connection.
    Session,
    /// Nobody here knows.
    Other,
}

/// A statement that was read. The whole text is parsed for it: to be kept, not to be made at each call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    kind: Kind,
    reads: Tables,
    writes: Tables,
    rows_read: Vec<Rows>,
    rows_written: Option<Rows>,
    manner: Manner,
    schemas: BTreeSet<String>,
    parameters: Parameters,
    calls: BTreeSet<String>,
    fields: BTreeSet<String>,
    defined: BTreeSet<String>,
    unsteady: Option<String>,
    acts: bool,
    all_columns: bool,
    shape: String,
}

impl Statement {
    /// Reads one statement.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is longer than [`LONGEST`], does not parse, or is not one statement. The error says
    /// where, and repeats nothing of the statement, which may hold values.
    pub fn read(text: &str, backend: Backend) -> Result<Self> {
        if text.len() > LONGEST {
            return Err(Error::new(ErrorKind::Config, "the statement is too long to be read").with("bytes", text.len()));
        }
        if terms(text) > MOST_TERMS {
            let error =
                Error::new(ErrorKind::Config, "the statement has too many terms to be read: use a list, `IN (..)`");
            return Err(error.with("most", MOST_TERMS));
        }
        let mut parsed =
            Parser::parse_sql(backend.dialect(), &as_run(text, backend)).map_err(|error| unreadable(&error))?;
        let count = parsed.len();
        let (Some(statement), true) = (parsed.pop(), parsed.is_empty()) else {
            let error = Error::new(ErrorKind::Config, "this is not one statement: give each a call of its own");
            return Err(error.with("statements", count));
        };
        let kind = kind_of(&statement);
        let called = functions::of(&statement, backend);
        let (reads, writes) = tables::of(&statement, kind, called.unknown);
        let clear = backend != Backend::Mysql || !rows::are_doubtful(&statement, text);
        Ok(Self {
            parameters: parameters::of(&statement)?,
            calls: called.names,
            fields: called.fields,
            defined: tables::defined(&statement),
            unsteady: called.unsteady,
            acts: called.acts,
            all_columns: tables::all_columns(&statement),
            rows_read: if clear { rows::read(&statement) } else { Vec::new() },
            rows_written: rows::written(&statement).filter(|rows| clear && writes.is_only(&rows.table)),
            manner: manner::of(&statement),
            schemas: manner::schemas(&statement),
            shape: shape::of(statement),
            kind,
            reads,
            writes,
        })
    }

    /// Reads one statement; what cannot be read may do anything, and the database decides whether it can be done.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it is more than one statement.
    pub fn read_or_guess(text: &str, backend: Backend) -> Result<Self> {
        match Self::read(text, backend) {
            Err(error) if error.context("statements").is_none() => Ok(Self {
                kind: if concerns_a_session(text) { Kind::Session } else { Kind::Other },
                reads: Tables::Any,
                writes: Tables::Any,
                rows_read: Vec::new(),
                rows_written: None,
                manner: Manner::Empties,
                schemas: BTreeSet::new(),
                parameters: Parameters::InOrder(0),
                calls: BTreeSet::new(),
                fields: BTreeSet::new(),
                defined: BTreeSet::new(),
                unsteady: None,
                acts: true,
                all_columns: true,
                shape: "?".to_owned(),
            }),
            answer => answer,
        }
    }

    /// What it does.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The tables that its answer depends on.
    #[must_use]
    pub const fn reads(&self) -> &Tables {
        &self.reads
    }

    /// The tables that it changes.
    #[must_use]
    pub const fn writes(&self) -> &Tables {
        &self.writes
    }

    /// The rows that its answer can only depend on, of those tables of which its text makes that clear.
    #[must_use]
    pub fn rows_read(&self) -> &[Rows] {
        &self.rows_read
    }

    /// The rows that it can only change or add, if it writes to one table and its text makes that clear.
    #[must_use]
    pub const fn rows_written(&self) -> Option<&Rows> {
        self.rows_written.as_ref()
    }

    /// What it does to the rows of the tables that it changes.
    #[must_use]
    pub const fn manner(&self) -> Manner {
        self.manner
    }

    /// The schemas that it names tables with, in small letters: of `shop.video` it is `shop`.
    #[must_use]
    pub const fn schemas(&self) -> &BTreeSet<String> {
        &self.schemas
    }

    /// The functions that it calls and that are taken for the database's own, in small letters.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
    pub(crate) const fn calls(&self) -> &BTreeSet<String> {
        &self.calls
    }

    /// What it names as columns, and what may be functions of a row to PostgreSQL.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
    pub(crate) const fn fields(&self) -> &BTreeSet<String> {
        &self.fields
    }

    /// What it reads like tables and makes itself: `WITH` names, and functions that answer rows.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
    pub(crate) const fn defined(&self) -> &BTreeSet<String> {
        &self.defined
    }

    /// The values that it is to be given.
    #[must_use]
    pub const fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Why its answer may be another one for the same rows and values: the name of a function, as `random`. What it
    /// answers is not to be kept.
    #[must_use]
    pub fn unsteady(&self) -> Option<&str> {
        self.unsteady.as_deref()
    }

    /// Does it call a function that acts without writing to a table, as `nextval`? Then it is not to be asked again when
    /// its answer was lost.
    #[must_use]
    pub const fn acts(&self) -> bool {
        self.acts
    }

    /// Does it answer with whatever columns there are (`*`)? Then its answer changes its form with the table.
    #[must_use]
    pub const fn all_columns(&self) -> bool {
        self.all_columns
    }

    /// The statement with `?` for each value, and one for each list of them: equal for statements that are the same but
    /// for their values.
    #[must_use]
    pub fn shape(&self) -> &str {
        &self.shape
    }
}

impl Backend {
    pub(crate) fn dialect(self) -> &'static dyn Dialect {
        match self {
            Self::Sqlite => &dialect::SQLiteDialect {},
            Self::Postgres => &dialect::PostgreSqlDialect {},
            Self::Mysql => &dialect::MySqlDialect {},
        }
    }
}

/// MariaDB runs what stands in `/*M! .. */`, as both run `/*! .. */`; the parser knows the second alone. Within a text or a
/// name it makes no difference here.
fn as_run(text: &str, backend: Backend) -> Cow<'_, str> {
    if backend == Backend::Mysql && text.contains("/*M!") {
        Cow::Owned(text.replace("/*M!", "/*!"))
    } else {
        Cow::Borrowed(text)
    }
}

/// By its first word, where that is all that is known: does it begin or end a transaction, or set something?
fn concerns_a_session(text: &str) -> bool {
    const FIRST: &[&str] = &[
        "begin",
        "start",
        "commit",
        "end",
        "rollback",
        "savepoint",
        "release",
        "set",
        "reset",
        "use",
        "lock",
        "unlock",
        "xa",
        "prepare",
        "deallocate",
        "discard",
        "abort",
    ];
    let mut words = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let of_one_connection = ["temp", "temporary"].iter().any(|word| word.eq_ignore_ascii_case(second));
    FIRST.iter().any(|word| word.eq_ignore_ascii_case(first)) || of_one_connection
}

/// About so many terms, or more: words and signs in texts and comments count too.
fn terms(text: &str) -> usize {
    let signs = text
        .bytes()
        .filter(|byte| matches!(byte, b'+' | b'-' | b'/' | b'%' | b'|' | b'&' | b'<' | b'>' | b'='))
        .count();
    let words = text
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| WORDS.iter().any(|joins| joins.eq_ignore_ascii_case(word)))
        .count();
    // `*` alone may be all columns.
    signs + words + text.matches(" * ").count()
}

/// What joins terms.
const WORDS: &[&str] = &[
    "or",
    "and",
    "xor",
    "union",
    "intersect",
    "except",
    "like",
    "is",
    "not",
    "in",
    "between",
    "div",
    "mod",
    "collate",
];

fn kind_of(statement: &ast::Statement) -> Kind {
    use ast::Statement as S;
    match statement {
        S::Query(query) => kind_of_query(&query.body),
        S::Insert(_) => Kind::Insert,
        S::Update(_) => Kind::Update,
        S::Delete(_) | S::Truncate(_) => Kind::Delete,
        S::StartTransaction { .. }
        | S::Commit { .. }
        | S::Rollback { .. }
        | S::Savepoint { .. }
        | S::ReleaseSavepoint { .. }
        | S::Set(_)
        | S::Use(_)
        | S::Reset(_) => Kind::Session,
        // Seen on one connection only, and there for longer than a statement.
        S::CreateTable(table) if table.temporary && !matches!(table.on_commit, Some(ast::OnCommit::Drop)) => {
            Kind::Session
        }
        S::CreateView(view) if view.temporary => Kind::Session,
        S::CreateTable(_)
        | S::CreateView(_)
        | S::CreateIndex(_)
        | S::CreateVirtualTable { .. }
        | S::CreateTrigger(_)
        | S::CreateFunction(_)
        | S::AlterTable(_)
        | S::AlterView { .. }
        | S::AlterIndex { .. }
        | S::Drop { .. }
        | S::DropTrigger(_)
        | S::DropFunction(_)
        | S::RenameTable(_) => Kind::Schema,
        _ => Kind::Other,
    }
}

/// `WITH .. INSERT` is a query whose body is no `SELECT`.
fn kind_of_query(body: &SetExpr) -> Kind {
    match body {
        SetExpr::Insert(statement)
        | SetExpr::Update(statement)
        | SetExpr::Delete(statement)
        | SetExpr::Merge(statement) => kind_of(statement),
        SetExpr::Query(query) => kind_of_query(&query.body),
        SetExpr::Select(_) | SetExpr::SetOperation { .. } | SetExpr::Values(_) | SetExpr::Table(_) => Kind::Select,
    }
}

/// Only where: what the parser found there may be a value.
fn unreadable(error: &sqlparser::parser::ParserError) -> Error {
    let text = error.to_string();
    let place = text.rsplit_once(" at Line: ").map(|(_, place)| place.to_owned());
    let unread =
        Error::new(ErrorKind::Config, "the statement cannot be read: see whether it is complete, and its dialect");
    match place {
        Some(place) => unread.with("line", place),
        None => unread,
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
        })
    }
}

#[cfg(test)]
mod tests;
