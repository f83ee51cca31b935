//! How far a warm-up has come, in one line of a terminal.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::job::Job;
use crate::each::EachProgress;

/// Not drawn more often.
const PAUSE: Duration = Duration::from_millis(100);
/// Characters of the bar itself.
const WIDTH: usize = 24;

/// One line for all jobs.
#[derive(Debug)]
pub(super) struct Bar(Mutex<Line>);

#[derive(Debug)]
struct Line {
    jobs: BTreeMap<&'static str, EachProgress>,
    drawn: Option<Instant>,
    /// It is taken away, and not drawn again by what runs later.
    ended: bool,
}

impl Bar {
    /// A bar, if somebody looks at standard error.
    pub(super) fn in_terminal() -> Option<Self> {
        stderr().is_terminal().then(Self::new)
    }

    fn new() -> Self {
        Self(Mutex::new(Line { jobs: BTreeMap::new(), drawn: None, ended: false }))
    }

    /// A job has come further.
    pub(super) fn tell(&self, job: &'static Job, progress: EachProgress) {
        let mut line = self.0.lock();
        line.jobs.insert(job.name(), progress);
        if !line.ended && line.drawn.is_none_or(|drawn| drawn.elapsed() >= PAUSE) {
            line.drawn = Some(Instant::now());
            // A terminal that has gone is no reason to stop.
            let _ = write!(stderr(), "\r\x1b[K{}", line.text(job.name()));
        }
    }

    /// Takes the line away.
    pub(super) fn end(&self) {
        let mut line = self.0.lock();
        line.ended = true;
        if line.drawn.is_some() {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}

impl Line {
    /// `warming [######..................] 45/180, 1 failed  videos.frames`; without a total only what is done.
    fn text(&self, job: &str) -> String {
        let done: usize = self.jobs.values().map(|progress| progress.done).sum();
        let failed: usize = self.jobs.values().map(|progress| progress.failed).sum();
        let total = self.jobs.values().map(|progress| progress.total).sum::<Option<usize>>();
        let far = match total.filter(|total| *total > 0) {
            Some(total) => {
                let full = (WIDTH * done / total).min(WIDTH);
                format!("[{}{}] {done}/{total}", "#".repeat(full), ".".repeat(WIDTH - full))
            }
            None => format!("{done}"),
        };
        let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        format!("warming {far}{failed}  {job}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(jobs: &[(&'static str, usize, Option<usize>, usize)]) -> String {
        let bar = Bar::new();
        let mut line = bar.0.lock();
        for (name, done, total, failed) in jobs {
            line.jobs.insert(name, EachProgress { done: *done, total: *total, failed: *failed });
        }
        line.text("frames")
    }

    #[test]
    fn a_bar_shows_how_far_all_jobs_are() {
        let both = [("a", 30, Some(40), 1), ("b", 0, Some(80), 0)];
        assert_eq!(line(&both), "warming [######..................] 30/120, 1 failed  frames");
        assert_eq!(line(&[("a", 7, None, 0)]), "warming 7  frames");
        assert_eq!(line(&[("a", 9, Some(3), 0)]), "warming [########################] 9/3  frames");
    }
}
