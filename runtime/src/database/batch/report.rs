//! What became of the rows of a batch.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use crate::error::Error;

/// So many failed rows are named; the rest are counted.
const MOST_NAMED: usize = 100;

/// How far a batch has come, told after each transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchProgress {
    /// Rows that were dealt with: written or failed.
    pub done: usize,
    /// All rows.
    pub total: usize,
    /// Those of the rows dealt with that failed.
    pub failed: usize,
}

/// A row that was not written.
#[derive(Debug, Clone)]
pub struct RowFailure {
    /// Its place among the rows, from 0 on.
    pub row: usize,
    /// Why.
    pub error: Error,
}

/// What became of all rows.
#[derive(Debug, Clone, Default)]
#[must_use = "rows that failed are told here and nowhere else: see `complete`"]
pub struct BatchReport {
    /// How many rows there were.
    pub total: usize,
    /// Rows whose statement was run and committed; inside a transaction: run.
    pub written: usize,
    /// Rows of tables that were inserted, changed or removed: of an `UPDATE` it may be more or fewer than `written`.
    pub affected: u64,
    /// The first hundred rows that failed, in order.
    pub failures: Vec<RowFailure>,
    /// How many failed, also those that `failures` has no room for.
    pub failed: usize,
    /// Transactions that were committed; inside a transaction: parts.
    pub batches: usize,
    /// How long it took.
    pub elapsed: Duration,
}

impl BatchReport {
    /// How many rows of tables were affected, if each row was written.
    ///
    /// # Errors
    /// A [`BatchError`] with the first failure if a row failed. What was written is written all the same, unless a
    /// transaction around it is rolled back.
    pub fn complete(self) -> Result<u64, BatchError> {
        match self.failures.first() {
            None => Ok(self.affected),
            Some(first) => {
                let error = first.error.clone().with("row", first.row);
                Err(BatchError::new(error, self, None))
            }
        }
    }

    pub(super) fn fail(&mut self, row: usize, error: Error) {
        self.failed += 1;
        if self.failures.len() < MOST_NAMED {
            self.failures.push(RowFailure { row, error });
        }
    }

    pub(super) fn add(&mut self, part: Self) {
        self.written += part.written;
        self.affected += part.affected;
        self.failed += part.failed;
        self.batches += part.batches;
        let room = MOST_NAMED.saturating_sub(self.failures.len());
        self.failures.extend(part.failures.into_iter().take(room));
    }

    pub(super) const fn progress(&self) -> BatchProgress {
        BatchProgress { done: self.written + self.failed, total: self.total, failed: self.failed }
    }
}

/// Why a batch stopped, and how far it had come.
///
/// Rows of transactions that were committed before are written. As `?` turns it into an [`Error`], that one tells how many.
pub struct BatchError(Box<Stopped>);

struct Stopped {
    error: Error,
    report: BatchReport,
    unsure: Option<Range<usize>>,
}

impl BatchError {
    pub(super) fn new(error: Error, report: BatchReport, unsure: Option<Range<usize>>) -> Self {
        Self(Box::new(Stopped { error, report, unsure }))
    }

    /// What stopped it.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.0.error
    }

    /// What had become of the rows until then.
    pub fn report(&self) -> &BatchReport {
        &self.0.report
    }

    /// The rows of which nobody knows whether they are written: the connection was lost while they were committed.
    #[must_use]
    pub fn unsure(&self) -> Option<Range<usize>> {
        self.0.unsure.clone()
    }
}

impl From<BatchError> for Error {
    fn from(stopped: BatchError) -> Self {
        let Stopped { error, report, unsure } = *stopped.0;
        let error = error.with("rows", report.total).with("written", report.written).with("failed", report.failed);
        match unsure {
            Some(rows) => error.with("unsure", format_args!("rows {} to {}", rows.start, rows.end.saturating_sub(1))),
            None => error,
        }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stopped { error, report, unsure } = &*self.0;
        write!(f, "{error}; {} of {} rows were written, {} failed", report.written, report.total, report.failed)?;
        match unsure {
            Some(rows) => write!(f, ", rows {} to {} nobody knows of", rows.start, rows.end.saturating_sub(1)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stopped { error, report, unsure } = &*self.0;
        let mut out = f.debug_struct("BatchError");
        out.field("error", error).field("report", report).field("unsure", unsure).finish()
    }
}

impl StdError for BatchError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0.error)
    }
}
