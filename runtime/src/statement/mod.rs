//! What a statement in SQL does, as far as its answer may be kept: which tables it reads and writes, how many values it is
//! to be given, whether its answer is the same for the same rows, and what it is the same as but for its values.
//!
//! Read with `sqlparser`. What this module cannot be sure of it takes for the worse: a statement that may read or write
//! anything says so.

mod functions;
mod parameters;
mod shape;
mod tables;

use std::fmt;

use sqlparser::ast::{self, SetExpr};
use sqlparser::dialect::{self, Dialect};
use sqlparser::parser::Parser;

use crate::error::{Error, ErrorKind, Result};

pub use parameters::Parameters;
pub use tables::Tables;

/// The longest statement that is read, in bytes. Longer ones are refused.
pub const LONGEST: usize = 256 << 10;

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
    /// It begins or ends a transaction, or sets something for a connection.
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
    parameters: Parameters,
    unsteady: Option<String>,
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
        let mut parsed = Parser::parse_sql(backend.dialect(), text).map_err(|error| unreadable(&error))?;
        let (Some(statement), true) = (parsed.pop(), parsed.is_empty()) else {
            return Err(Error::new(ErrorKind::Config, "this is not one statement: give each a call of its own"));
        };
        let kind = kind_of(&statement);
        let called = functions::of(&statement);
        let (reads, writes) = tables::of(&statement, kind, called.unknown);
        Ok(Self {
            parameters: parameters::of(&statement)?,
            unsteady: called.unsteady,
            shape: shape::of(statement),
            kind,
            reads,
            writes,
        })
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

    /// The statement with `?` for each value, and one for each list of them: equal for statements that are the same but
    /// for their values.
    #[must_use]
    pub fn shape(&self) -> &str {
        &self.shape
    }
}

impl Backend {
    fn dialect(self) -> &'static dyn Dialect {
        match self {
            Self::Sqlite => &dialect::SQLiteDialect {},
            Self::Postgres => &dialect::PostgreSqlDialect {},
            Self::Mysql => &dialect::MySqlDialect {},
        }
    }
}

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
