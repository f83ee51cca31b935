//! When a job runs next.

use super::job::Plan;
use crate::clock::Millis;
use crate::error::{Error, Result};

/// The times of a job.
#[derive(Debug)]
pub(super) enum Schedule {
    /// Each time that so much has passed, counted from the epoch and shifted by when the warm-up began.
    Every { period: Millis, shift: Millis },
    /// As a line of cron says.
    #[cfg(feature = "cron")]
    Cron(Box<croner::Cron>),
}

impl Schedule {
    /// The times of this job, if it has any beside the start.
    ///
    /// Nodes that do a job in turns have to agree when that is: theirs are counted from the epoch alone.
    pub(super) fn of(plan: &Plan, start: Millis) -> Result<Option<Self>> {
        if let Some(line) = plan.cron {
            return cron(line, start).map(Some);
        }
        let Some(period) = plan.every.filter(|period| *period > 0) else { return Ok(None) };
        let shift = if plan.cluster { 0 } else { start % period };
        Ok(Some(Self::Every { period, shift }))
    }

    /// The first time after this one; `None` if there is none.
    pub(super) fn next(&self, after: Millis) -> Option<Millis> {
        match self {
            Self::Every { period, shift } => {
                let since = after.saturating_sub(*shift);
                Some((since / period + 1).saturating_mul(*period).saturating_add(*shift))
            }
            #[cfg(feature = "cron")]
            Self::Cron(cron) => {
                let after = chrono::DateTime::from_timestamp_millis(i64::try_from(after).ok()?)?;
                let next = cron.find_next_occurrence(&after, false).ok()?;
                u64::try_from(next.timestamp_millis()).ok()
            }
        }
    }
}

#[cfg(feature = "cron")]
fn cron(line: &str, start: Millis) -> Result<Schedule> {
    let read = croner::parser::CronParser::new().parse(line);
    let said = |error: croner::errors::CronError| Error::config("cron", error.to_string()).with("line", line);
    let schedule = Schedule::Cron(Box::new(read.map_err(said)?));
    match schedule.next(start) {
        Some(_) => Ok(schedule),
        None => Err(Error::config("cron", "there is no such time, as on 30 February").with("line", line)),
    }
}

#[cfg(not(feature = "cron"))]
fn cron(_: &str, _: Millis) -> Result<Schedule> {
    Err(Error::config("cron", "needs the feature `cron` of `cached-runtime`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(plan: &Plan, start: Millis) -> Option<Schedule> {
        Schedule::of(plan, start).expect("it can be read")
    }

    #[test]
    fn every_so_often_counts_from_the_start_and_for_all_nodes_from_the_epoch() {
        let plan = Plan { every: Some(1_000), ..Plan::DEFAULT };
        let schedule = times(&plan, 12_345).expect("it has times");
        assert_eq!(schedule.next(12_345), Some(13_345));
        assert_eq!(schedule.next(13_344), Some(13_345));
        assert_eq!(schedule.next(13_345), Some(14_345));
        assert_eq!(schedule.next(99_999), Some(100_345), "what was missed is not made up for");
        let plan = Plan { cluster: true, ..plan };
        assert_eq!(times(&plan, 12_345).and_then(|times| times.next(12_345)), Some(13_000));
        assert!(times(&Plan::DEFAULT, 0).is_none());
    }

    #[cfg(feature = "cron")]
    #[test]
    fn cron_lines_are_read_in_utc() {
        let next = |line, after| {
            let plan = Plan { cron: Some(line), ..Plan::DEFAULT };
            times(&plan, 0).and_then(|times| times.next(after))
        };
        let day = 24 * 3_600_000;
        assert_eq!(next("30 6 * * *", 0), Some(6 * 3_600_000 + 30 * 60_000));
        assert_eq!(next("30 6 * * *", 6 * 3_600_000 + 30 * 60_000), Some(day + 6 * 3_600_000 + 30 * 60_000));
        assert_eq!(next("*/5 * * * *", 299_999), Some(300_000));
        for line in ["61 * * * *", "0 0 30 2 *"] {
            let wrong = Plan { cron: Some(line), ..Plan::DEFAULT };
            assert!(Schedule::of(&wrong, 0).is_err_and(|error| error.to_string().contains(&line[..2])), "{line}");
        }
    }
}
