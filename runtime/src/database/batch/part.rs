//! A part of a batch, in a transaction: all at once, and where that fails row by row.

use std::ops::Range;
use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

use super::report::BatchReport;
use crate::database::adviser::Question;
use crate::database::connections::Held;
use crate::database::driver::{Driver, Text};
use crate::database::failure::{Fault, cause, judge};
use crate::database::values::Values;
use crate::database::values::told_apart;
use crate::error::{Error, ErrorKind, Result};
use crate::statement::OneRow;

/// A statement for several rows is no longer than this, in bytes, and has no more rows than this.
const LONGEST: usize = 1 << 20;
const MOST_ROWS: usize = 1_000;

/// How the statement of a batch is written, for values of certain types.
pub(super) struct Words<DB: Driver> {
    /// As the caller gave it.
    given: SqlStr,
    types: Vec<DB::TypeInfo>,
    one: SqlStr,
    several: Option<Several>,
    question: Option<Arc<Question>>,
}

/// The statement for so many rows, as often as there are that many.
struct Several {
    row: OneRow,
    rows: usize,
    text: SqlStr,
}

impl<DB: Driver> Words<DB> {
    /// For values of these types, in parts of so many rows.
    pub(super) fn new(given: SqlStr, part: usize, types: Vec<DB::TypeInfo>, question: Option<Arc<Question>>) -> Self {
        let several = OneRow::read(given.as_str(), DB::BACKEND).and_then(|row| {
            let by_values = DB::MOST_VALUES / row.parameters().max(1);
            let by_length = LONGEST / row.len_of(1);
            let rows = part.min(MOST_ROWS).min(by_values).min(by_length);
            let text = apart::<DB>(AssertSqlSafe(row.times(rows)).into_sql_str(), &types);
            (rows > 1).then_some(Several { row, rows, text })
        });
        Self { one: apart::<DB>(given.clone(), &types), given, types, several, question }
    }

    /// For one row, whose values may be of other types than those of the first.
    fn for_one<'q>(&self, values: &impl Values<'q, DB>) -> SqlStr {
        if self.fits(values) { self.one.clone() } else { apart::<DB>(self.given.clone(), &values.types()) }
    }

    /// Are its values of the types that this is written for?
    fn fits<'q>(&self, values: &impl Values<'q, DB>) -> bool {
        !DB::TYPES_PREPARED || values.types() == self.types
    }
}

/// As it is prepared for values of these types alone.
fn apart<DB: Driver>(text: SqlStr, types: &[DB::TypeInfo]) -> SqlStr {
    if DB::TYPES_PREPARED { told_apart::<DB>(text, types) } else { text }
}

/// The rows of one transaction, ready to be written.
pub(super) struct Part<DB: Driver> {
    question: Option<Arc<Question>>,
    rows: Vec<Row<DB>>,
    /// The same, several to a statement.
    several: Vec<(SqlStr, DB::Arguments)>,
    /// Rows that cannot be given to the driver.
    unbound: BatchReport,
}

/// One row, ready to be written.
pub(super) struct Row<DB: Driver> {
    /// Its place among all.
    pub(super) at: usize,
    text: SqlStr,
    arguments: DB::Arguments,
}

/// Why a part was not written.
pub(in crate::database) struct Failed {
    pub(in crate::database) error: Error,
    pub(in crate::database) fault: Fault,
}

impl<DB: Driver> Part<DB> {
    pub(super) fn new<'q>(words: &Words<DB>, first: usize, values: &[impl Values<'q, DB>]) -> Self {
        let (mut rows, mut good, mut unbound) = (Vec::with_capacity(values.len()), Vec::new(), BatchReport::default());
        for (at, values) in (first..).zip(values) {
            match values.arguments() {
                Ok(arguments) => {
                    rows.push(Row { at, text: words.for_one(values), arguments });
                    good.push(values);
                }
                Err(error) => unbound.fail(at, error),
            }
        }
        let several = words.several.as_ref().map(|several| words.chunks(several, &good)).unwrap_or_default();
        Self { question: words.question.clone(), rows, several, unbound }
    }

    /// One row of it.
    pub(super) fn alone(&self, row: &Row<DB>) -> Self {
        let rows = vec![Row { at: row.at, text: row.text.clone(), arguments: row.arguments.clone() }];
        Self { question: self.question.clone(), rows, several: Vec::new(), unbound: BatchReport::default() }
    }

    /// The text was the caller's, or is made of it without any value.
    fn text(&self, sql: SqlStr) -> Text {
        Text { sql, columns_named: true, reads: false, inside: true, question: self.question.clone() }
    }

    pub(super) fn rows(&self) -> &[Row<DB>] {
        &self.rows
    }

    /// From its first row to behind its last.
    pub(super) fn range(&self) -> Option<Range<usize>> {
        Some(self.rows.first()?.at..self.rows.last()?.at + 1)
    }

    /// What is known of it before anything is asked.
    pub(super) fn unbound(&self) -> BatchReport {
        self.unbound.clone()
    }

    /// Writes it in the transaction that is open on this connection.
    pub(in crate::database) async fn write(&self, held: &mut Held<DB>) -> Result<BatchReport, Failed> {
        let mut report = BatchReport { batches: 1, ..self.unbound() };
        if self.rows.is_empty() {
            return Ok(report);
        }
        tell(held, "SAVEPOINT cached_part").await?;
        match self.at_once(held).await {
            Ok(affected) => {
                report.written = self.rows.len();
                report.affected = affected;
            }
            Err(failed) if matches!(failed.fault, Fault::Row | Fault::Unclear) => {
                back(held, "ROLLBACK TO SAVEPOINT cached_part", failed).await?;
                self.one_by_one(held, &mut report).await?;
            }
            Err(failed) => return Err(failed),
        }
        tell(held, "RELEASE SAVEPOINT cached_part").await?;
        report.failures.sort_by_key(|failure| failure.row);
        Ok(report)
    }

    async fn at_once(&self, held: &mut Held<DB>) -> Result<u64, Failed> {
        let mut affected = 0;
        if self.several.is_empty() {
            for row in &self.rows {
                affected += run(held, self.text(row.text.clone()), row.arguments.clone()).await?;
            }
        }
        for (sql, arguments) in &self.several {
            affected += run(held, self.text(sql.clone()), arguments.clone()).await?;
        }
        Ok(affected)
    }

    /// The good ones stay, the bad ones are told.
    async fn one_by_one(&self, held: &mut Held<DB>, report: &mut BatchReport) -> Result<(), Failed> {
        let mut unclear = None;
        for row in &self.rows {
            tell(held, "SAVEPOINT cached_row").await?;
            match run(held, self.text(row.text.clone()), row.arguments.clone()).await {
                Ok(affected) => {
                    report.written += 1;
                    report.affected += affected;
                    tell(held, "RELEASE SAVEPOINT cached_row").await?;
                }
                Err(failed) if matches!(failed.fault, Fault::Row | Fault::Unclear) => {
                    let (error, fault) = (failed.error.clone(), failed.fault);
                    back(held, "ROLLBACK TO SAVEPOINT cached_row", failed).await?;
                    unclear = unclear.or((fault == Fault::Unclear).then(|| error.clone()));
                    report.fail(row.at, error);
                }
                Err(failed) => return Err(failed),
            }
        }
        match unclear {
            // None was written, and it need not be the rows: it is the statement.
            Some(error) if report.written == 0 => Err(Failed::stop(error)),
            _ => Ok(()),
        }
    }
}

impl Failed {
    /// No row's fault.
    pub(in crate::database) const fn stop(error: Error) -> Self {
        Self { error, fault: Fault::Statement }
    }

    fn told<DB: Driver>(error: Error) -> Self {
        let told = cause(&error).and_then(sqlx::Error::as_database_error);
        let fault = match (error.kind(), told) {
            (ErrorKind::Database, Some(told)) => DB::fault(told),
            _ => Fault::Statement,
        };
        Self { error, fault }
    }
}

impl<DB: Driver> Words<DB> {
    /// The statements for all rows, several to each; none, where they have to be run one by one.
    fn chunks<'q>(&self, several: &Several, rows: &[&impl Values<'q, DB>]) -> Vec<(SqlStr, DB::Arguments)> {
        let mut out = Vec::with_capacity(rows.len().div_ceil(several.rows));
        for chunk in rows.chunks(several.rows) {
            let mut arguments = DB::Arguments::default();
            // It could be bound a moment ago. One by one it is told which could not.
            if chunk.iter().any(|values| !self.fits(*values) || values.add_to(&mut arguments).is_err()) {
                return Vec::new();
            }
            let whole = chunk.len() == several.rows;
            let fewer = || apart::<DB>(AssertSqlSafe(several.row.times(chunk.len())).into_sql_str(), &self.types);
            out.push((if whole { several.text.clone() } else { fewer() }, arguments));
        }
        out
    }
}

async fn run<DB: Driver>(held: &mut Held<DB>, text: Text, arguments: DB::Arguments) -> Result<u64, Failed> {
    let asked = held.ask(DB::run, text, arguments).await;
    asked.map(|done| done.rows).map_err(|(_, error)| Failed::told::<DB>(error))
}

async fn tell<DB: Driver>(held: &mut Held<DB>, words: &'static str) -> Result<(), Failed> {
    DB::tell(held, words).await.map_err(|source| Failed::stop(judge(source, DB::outage).1))
}

/// To the savepoint. Where there is none any more, the failure has ended the whole transaction: its rows are tried alone.
async fn back<DB: Driver>(held: &mut Held<DB>, words: &'static str, failed: Failed) -> Result<(), Failed> {
    match tell(held, words).await {
        Ok(()) => Ok(()),
        Err(lost) if lost.error.kind() == ErrorKind::Connection => Err(lost),
        Err(_) => Err(Failed { fault: Fault::Row, ..failed }),
    }
}
