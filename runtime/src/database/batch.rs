//! Many rows for one statement, in transactions of some hundred.

mod part;
mod report;
mod run;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use sqlx::{SqlSafeStr, SqlStr};

use self::part::{Part, Words};
use self::run::{Stopped, apart};
use super::Database;
use super::driver::Driver;
use super::touch::Write;
use super::transaction::commits_by_itself;
use super::values::Values;
use super::write::to_its_end;
use crate::error::{Error, ErrorKind, Result};
use crate::flight::withhold;
use crate::statement::{Backend, Kind, Statement};

pub use report::{BatchError, BatchProgress, BatchReport, RowFailure};

/// Rows of a transaction, if nothing else is said.
const BATCH_SIZE: usize = 100;

/// Rows to be written by one statement; made by [`Database::execute_batch`], begins when it is awaited.
#[must_use = "nothing is written before it is awaited"]
pub struct Batch<'q, DB: Driver, V> {
    db: Database<DB>,
    text: SqlStr,
    at: &'static Location<'static>,
    rows: Vec<V>,
    size: usize,
    progress: Option<Progress<'q>>,
    _values: PhantomData<fn(&'q ())>,
}

type Progress<'q> = Box<dyn FnMut(BatchProgress) + Send + 'q>;

impl<DB: Driver> Database<DB> {
    /// Runs an `INSERT`, `UPDATE` or `DELETE` for each of these rows of values, a hundred to a transaction: much faster
    /// than one [`execute`](Database::execute) after the other, for each of which the disk is waited for.
    ///
    /// An `INSERT .. VALUES` of one row is written for several rows at a time, where that does the same (see
    /// [`OneRow`](crate::statement::OneRow); a trigger for each statement runs once for them). Anything else is run row by
    /// row.
    ///
    /// **Rows that fail**, as by a constraint or a value that is too long, are told in the [`BatchReport`], and all others
    /// are written. Where all or none is wanted, await it in a [`transaction`](Database::transaction) and end that with
    /// [`BatchReport::complete`]: there it is part of that transaction, rows that fail leave no trace in it, and it may go
    /// on. Tables of engines without transactions (MySQL's `MyISAM`) keep what a failed statement did: in those a row may be
    /// told as failed that was written.
    ///
    /// **An outage stops it.** What was committed before stays, and the [`BatchError`] says how far it came. A transaction
    /// that a deadlock undid is done again, up to five times and ever later, unless something may be left of it.
    ///
    /// After each commit the entries are invalid that were read from the tables written. Whoever drops the future leaves
    /// the transaction under way to its end, invalidation included; no further one begins.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # async fn all(db: &cached_runtime::database::Database<sqlx::Sqlite>) -> cached_runtime::Result<()> {
    /// # mod indicatif {
    /// #     pub struct ProgressBar;
    /// #     impl ProgressBar {
    /// #         pub fn new(_: u64) -> Self { Self }
    /// #         pub fn set_position(&self, _: u64) {}
    /// #         pub fn finish(&self) {}
    /// #     }
    /// # }
    /// let rows: Vec<(i64, String)> = (0..10_000).map(|id| (id, format!("Part {id}"))).collect();
    /// let bar = indicatif::ProgressBar::new(rows.len() as u64);
    /// let report = db
    ///     .execute_batch("INSERT INTO video (id, title) VALUES (?, ?)", rows)
    ///     .batch_size(500)
    ///     .progress(|progress| bar.set_position(progress.done as u64))
    ///     .await?;
    /// bar.finish();
    /// for failure in &report.failures {
    ///     eprintln!("row {}: {}", failure.row, failure.error);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Before anything is written: [`Config`](ErrorKind::Config) if this is not one statement, or one that writes no rows;
    /// [`Database`](ErrorKind::Database) with the first `row` that has another number of values than the statement has
    /// parameters. Later: as [`Database::execute`], if it fails for another reason than a row's values.
    #[track_caller]
    pub fn execute_batch<'q, V>(&self, text: impl SqlSafeStr, rows: impl IntoIterator<Item = V>) -> Batch<'q, DB, V>
    where
        V: Values<'q, DB> + 'q,
    {
        Batch {
            db: self.clone(),
            text: text.into_sql_str(),
            at: Location::caller(),
            rows: rows.into_iter().collect(),
            size: BATCH_SIZE,
            progress: None,
            _values: PhantomData,
        }
    }
}

impl<'q, DB: Driver, V: Values<'q, DB> + 'q> Batch<'q, DB, V> {
    /// So many rows are written in one transaction, at least one. Default: 100.
    ///
    /// More make it faster, while others wait longer for the rows it has locked (in SQLite for the database). What the
    /// values of one transaction take in memory is held twice, and must not be more than MySQL takes in one packet
    /// (`max_allowed_packet`): with values of megabytes, take fewer.
    pub fn batch_size(mut self, rows: usize) -> Self {
        self.size = rows.max(1);
        self
    }

    /// Is called after each transaction, to show how far it is. Default: nobody is told. A panic in it ends the batch between two transactions.
    pub fn progress(mut self, call: impl FnMut(BatchProgress) + Send + 'q) -> Self {
        self.progress = Some(Box::new(call));
        self
    }

    async fn run(mut self) -> Result<BatchReport, BatchError> {
        let start = Instant::now();
        let mut report = BatchReport { total: self.rows.len(), ..BatchReport::default() };
        let stopped = self.parts(&mut report).await;
        report.elapsed = start.elapsed();
        match stopped {
            Ok(()) => Ok(report),
            Err(Stopped { error, unsure, .. }) => Err(BatchError::new(error, report, unsure)),
        }
    }

    async fn parts(&mut self, report: &mut BatchReport) -> Result<(), Stopped> {
        let core = Arc::clone(&self.db.core);
        let statement = core.known.read(self.text.as_str()).map_err(Stopped::new)?;
        self.check(&statement).map_err(Stopped::new)?;
        let types = self.rows.first().map_or_else(Vec::new, Values::types);
        let question = core.question_of_batch(statement.figures.as_ref(), self.at);
        let words = Words::new(self.text.clone(), self.size.min(self.rows.len()), types, question);
        for (index, rows) in self.rows.chunks(self.size).enumerate() {
            let part = Part::new(&words, index * self.size, rows);
            let writes = Write::of_rows(&statement, rows);
            let range = part.range();
            let (core, inside) = (Arc::clone(&core), self.db.inside.clone());
            if inside.is_some() {
                // A cached function that reached the transaction by a way of its own must keep nothing of it.
                withhold();
            }
            let done = to_its_end(Box::pin(async move {
                Ok(match inside {
                    None => apart(&core, &writes, &part).await,
                    Some(inside) => inside.write(&writes, &part).await.map_err(|failed| Stopped::new(failed.error)),
                })
            }));
            match done.await {
                Ok(Ok(part)) => report.add(part),
                Ok(Err(mut stopped)) => {
                    report.add(std::mem::take(&mut stopped.report));
                    return Err(stopped);
                }
                // A driver that panicked, or the end of the runtime.
                Err(error) => return Err(Stopped { unsure: range, ..Stopped::new(error) }),
            }
            if let Some(call) = &mut self.progress {
                call(report.progress());
            }
        }
        Ok(())
    }

    /// Does the statement write rows, and has each row its values?
    fn check(&self, statement: &Statement) -> Result<()> {
        let refused = |message| Err(Error::new(ErrorKind::Config, message));
        match statement.kind() {
            Kind::Select => return refused("a batch writes rows, and this reads them: use Database::fetch_all"),
            Kind::Session => {
                return refused("this concerns one connection: a batch has transactions of its own");
            }
            Kind::Schema => return refused("this changes tables, and a batch rows: use Database::execute"),
            Kind::Delete if DB::BACKEND == Backend::Mysql && commits_by_itself(statement) => {
                return refused("MySQL commits before it does this: use Database::execute");
            }
            // Nobody here knows how many values it takes.
            Kind::Other => return Ok(()),
            Kind::Insert | Kind::Update | Kind::Delete => {}
        }
        let parameters = statement.parameters().count();
        match self.rows.iter().enumerate().find(|(_, values)| values.count() != parameters) {
            None => Ok(()),
            Some((row, values)) => {
                let error =
                    Error::new(ErrorKind::Database, "a row has another number of values than the statement takes");
                Err(error.with("row", row).with("parameters", parameters).with("values", values.count()))
            }
        }
    }
}

impl<'q, DB: Driver, V: Values<'q, DB> + 'q> IntoFuture for Batch<'q, DB, V> {
    type Output = Result<BatchReport, BatchError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'q>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<DB: Driver, V> fmt::Debug for Batch<'_, DB, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Batch");
        out.field("database", &self.db.core.name).field("rows", &self.rows.len()).field("batch_size", &self.size);
        out.finish_non_exhaustive()
    }
}
