//! What a warm-up came to, as data and as a table.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::run::Tally;
use crate::stats::AheadStats;

/// What the jobs of a warm-up came to, in the order in which they began.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct WarmupReport {
    /// Each job's last run.
    pub jobs: Vec<JobReport>,
    /// From the beginning to the end of the last job that runs at the start.
    pub elapsed: Duration,
}

/// One run of one job.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct JobReport {
    /// The job's name.
    pub job: String,
    /// How it ended.
    pub ended: Ended,
    /// Calls that succeeded.
    pub done: usize,
    /// Calls that failed, each time.
    pub failed: usize,
    /// Calls that were left out because the budget was spent, the warm-up was ended, or nothing of them would have been kept,
    /// as far as they are known.
    pub left: usize,
    /// How often the source was asked, for jobs of cached functions.
    pub loads: u64,
    /// Bytes that near took for it, as weighed.
    pub bytes: u64,
    /// The first ten failures, in words: of errors that have them. They are the functions' own words.
    pub failures: Vec<String>,
    /// What became of all that this and other jobs have loaded ahead of the function, until now.
    pub warmed: AheadStats,
    /// How long it took.
    pub elapsed: Duration,
}

/// How a run of a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// All was done, failures included.
    Done,
    /// Another node of those that share the log has done it.
    Elsewhere,
    /// The budget was spent before all was done.
    Spent,
    /// Calls were left out, because nothing of them would have been kept: the function or its cache is paused, or its handle
    /// may not store.
    Unkept,
    /// It took longer than its `deadline`.
    Deadline,
    /// The warm-up was ended.
    Stopped,
    /// It could not begin, for this reason.
    Unready(String),
    /// It panicked outside its calls, with this message.
    Panicked(String),
}

impl JobReport {
    pub(super) fn new(job: &str, ended: Ended, tally: &Tally, elapsed: Duration) -> Self {
        let left = [&tally.left, &tally.refused, &tally.unkept].into_iter().map(|left| left.load(Relaxed)).sum();
        Self {
            job: job.to_owned(),
            ended,
            done: tally.done.load(Relaxed),
            failed: tally.failed.load(Relaxed),
            left,
            loads: tally.loads.load(Relaxed),
            bytes: tally.bytes.load(Relaxed),
            failures: tally.failures.lock().clone(),
            warmed: AheadStats::default(),
            elapsed,
        }
    }

    /// Did all go well? Also if another node has seen to it.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.failed == 0 && matches!(self.ended, Ended::Done | Ended::Elsewhere)
    }
}

impl WarmupReport {
    /// Did all jobs go well?
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.jobs.iter().all(JobReport::is_well)
    }

    /// The run of the job of this name, or whose name ends in it after a dot.
    #[must_use]
    pub fn job(&self, name: &str) -> Option<&JobReport> {
        self.jobs.iter().find(|report| is_named(&report.job, name))
    }
}

/// Is this the job's name, or the end of it after a dot?
pub(super) fn is_named(job: &str, name: &str) -> bool {
    job.strip_suffix(name).is_some_and(|head| head.is_empty() || head.ends_with('.'))
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Elsewhere => f.write_str("done by another node"),
            Self::Spent => f.write_str("the budget is spent"),
            Self::Unkept => f.write_str("nothing of it would be kept: it is paused, or may not store"),
            Self::Deadline => f.write_str("took longer than its deadline"),
            Self::Stopped => f.write_str("ended"),
            Self::Unready(why) => write!(f, "could not begin: {why}"),
            Self::Panicked(why) => write!(f, "panicked: {why}"),
        }
    }
}

/// A table to read in a terminal.
impl fmt::Display for WarmupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<36} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9} {:>8} {:>8}",
            "job", "done", "failed", "left", "loads", "KiB", "ms", "used", "wasted"
        )?;
        for job in &self.jobs {
            let JobReport { job, ended, done, failed, left, loads, bytes, failures, warmed, elapsed } = job;
            write!(f, "{job:<36} {done:>8} {failed:>8} {left:>8} {loads:>8} {:>9} ", bytes >> 10)?;
            write!(f, "{:>9} {:>8} {:>8}", elapsed.as_millis(), warmed.used + warmed.late, warmed.wasted)?;
            writeln!(f, "{}", if *ended == Ended::Done { String::new() } else { format!("  {ended}") })?;
            failures.iter().try_for_each(|failure| writeln!(f, "    {failure}"))?;
        }
        write!(f, "{} jobs in {:.1} s", self.jobs.len(), self.elapsed.as_secs_f64())
    }
}
