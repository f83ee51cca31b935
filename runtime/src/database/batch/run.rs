//! A part of a batch from its `BEGIN` to its `COMMIT`, or inside a transaction that is under way.

use std::ops::Range;
use std::sync::Arc;

use super::part::{Failed, Part};
use super::report::BatchReport;
use crate::database::driver::Driver;
use crate::database::failure::Fault;
use crate::database::touch::Write;
use crate::database::transaction::{Inside, begin, refuses, spoilt};
use crate::database::undone::{Turns, was_undone};
use crate::database::{Core, TIMES};
use crate::error::{Error, ErrorKind};

/// What ends a batch: what had become of this part until then, and what may have been committed.
pub(super) struct Stopped {
    pub(super) error: Error,
    pub(super) report: BatchReport,
    pub(super) unsure: Option<Range<usize>>,
}

impl Stopped {
    pub(super) fn new(error: Error) -> Self {
        Self { error, report: BatchReport::default(), unsure: None }
    }
}

/// Why an attempt came to nothing.
enum Ended {
    /// It was rolled back.
    Back(Failed),
    /// Nobody knows.
    Unsure(Error),
}

/// In a transaction of its own, or, where a row ends that, one for each row.
pub(super) async fn apart<DB: Driver>(
    core: &Arc<Core<DB>>,
    writes: &[Write],
    part: &Part<DB>,
) -> Result<BatchReport, Stopped> {
    if part.rows().is_empty() {
        return Ok(part.unbound());
    }
    match attempts(core, writes, part).await {
        Ok(report) => Ok(report),
        Err(Ended::Back(failed)) if failed.fault == Fault::Row => alone(core, writes, part).await,
        Err(ended) => Err(ended.stopped(part, BatchReport::default())),
    }
}

/// One row, one transaction: so it is seen which of them is refused at the commit.
async fn alone<DB: Driver>(core: &Arc<Core<DB>>, writes: &[Write], part: &Part<DB>) -> Result<BatchReport, Stopped> {
    let mut report = part.unbound();
    for row in part.rows() {
        let one = part.alone(row);
        match attempts(core, writes, &one).await {
            Ok(done) => report.add(done),
            Err(Ended::Back(failed)) if failed.fault == Fault::Row => report.fail(row.at, failed.error),
            Err(ended) => return Err(ended.stopped(&one, report)),
        }
    }
    report.failures.sort_by_key(|failure| failure.row);
    Ok(report)
}

impl Ended {
    fn stopped<DB: Driver>(self, part: &Part<DB>, report: BatchReport) -> Stopped {
        match self {
            Self::Back(failed) => Stopped { error: failed.error, report, unsure: None },
            Self::Unsure(error) => Stopped { error, report, unsure: part.range() },
        }
    }
}

/// Others may stand in the way; they go on when this one has been rolled back.
async fn attempts<DB: Driver>(core: &Arc<Core<DB>>, writes: &[Write], part: &Part<DB>) -> Result<BatchReport, Ended> {
    let (mut turns, mut more) = (Turns::new(), TIMES);
    loop {
        let failed = match attempt(core, writes, part).await {
            Err(Ended::Back(failed)) if failed.fault == Fault::Again => failed,
            answer => return answer,
        };
        let anew = if was_undone(&failed.error) {
            let catalog = core.known_schema();
            if !writes.iter().all(|write| write.is_undone_whole::<DB>(catalog.as_deref())) {
                return Err(Ended::Unsure(failed.error));
            }
            turns.next().await
        } else {
            // Who did not get a lock in time has waited for long enough.
            more -= 1;
            more > 0
        };
        if !anew {
            return Err(Ended::Back(failed));
        }
    }
}

async fn attempt<DB: Driver>(core: &Arc<Core<DB>>, writes: &[Write], part: &Part<DB>) -> Result<BatchReport, Ended> {
    let inside = begin(core).await.map_err(|error| Ended::Back(Failed::stop(error)))?;
    match inside.write(writes, part).await {
        Ok(report) => match inside.commit().await {
            Ok(()) => Ok(report),
            // Seen only there, as by a database that runs transactions as if one after the other.
            Err(error) if refuses::<DB>(&error) && was_undone(&error) => {
                Err(Ended::Back(Failed { error, fault: Fault::Again }))
            }
            Err(error) if refuses::<DB>(&error) => Err(Ended::Back(Failed { error, fault: Fault::Row })),
            Err(error) => Err(Ended::Unsure(error)),
        },
        Err(failed) => {
            inside.rollback().await;
            Err(Ended::Back(failed))
        }
    }
}

impl<DB: Driver> Inside<DB> {
    /// In this transaction. After a failure that is no row's it takes nothing more.
    pub(super) async fn write(&self, writes: &[Write], part: &Part<DB>) -> Result<BatchReport, Failed> {
        let mut held = self.held.lock().await;
        let Some(connection) = held.as_mut() else {
            return Err(Failed::stop(Error::new(ErrorKind::Closed, "the transaction is over")));
        };
        if self.state.lock().spoilt {
            return Err(Failed::stop(spoilt()));
        }
        self.touch(writes);
        let written = part.write(connection).await;
        if written.is_err() {
            self.spoil();
        }
        written
    }
}
