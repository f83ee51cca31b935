//! Loading before anybody asks: jobs at the start of a program, and again and again while it runs.

mod bar;
mod given;
mod hot;
mod job;
#[cfg(feature = "tiers")]
mod kept;
#[cfg(not(feature = "tiers"))]
#[path = "warmup/kept_absent.rs"]
mod kept;
mod purse;
mod report;
mod run;
mod schedule;
mod turn;
mod warmer;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use self::bar::Bar;
use self::given::Given;
use self::hot::Keeper;
use self::warmer::{Limits, Work};
use crate::cache::Cache;
use crate::clock::millis;
use crate::each::EachProgress;
use crate::error::{Error, Result};

pub use self::hot::read;
pub use self::job::{Job, LinkedJob, Plan, Working};
pub use self::report::{Ended, JobReport, WarmupReport};
pub use self::run::{Answer, Run, Told0, Told1, Told2, Unready, borrowed, borrowed_option};
pub use self::warmer::Warmer;

/// A warm-up to be begun: what the jobs of `#[warmup]` are given, and what they may cost.
///
/// ```no_run
/// # use cached_runtime::{Cache, Result};
/// # #[derive(Clone)] struct Db;
/// # async fn example(cache: &Cache, db: Db) -> Result<()> {
/// let warmer = cache.warmup().with(db).loads(10_000).run().await?;
/// println!("{}", warmer.report());
/// // .. serve; scheduled jobs go on ..
/// warmer.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[must_use = "it begins with `run` or `start`"]
pub struct Warmup {
    cache: Cache,
    given: Given,
    only: Option<Vec<String>>,
    at_once: usize,
    limits: Limits,
    progress: Option<Told>,
    bar: bool,
}

/// What is told of progress.
type Told = Arc<dyn Fn(&str, EachProgress) + Send + Sync>;

impl Cache {
    /// Begins what functions with `#[warmup]` ask for: all of the program's, whichever cache serves them. This one's clock,
    /// its chance and its log are theirs.
    pub fn warmup(&self) -> Warmup {
        let mut given = Given::default();
        given.put(self.clone());
        let warming = self.0.settings.warming;
        Warmup {
            cache: self.clone(),
            given,
            only: None,
            at_once: warming.at_once,
            limits: Limits { loads: warming.loads, bytes: warming.bytes, time: warming.time },
            progress: None,
            bar: true,
        }
    }
}

impl Warmup {
    /// Gives jobs what their functions take besides what is warmed: a pool, a client. Found by its type, or by what is in
    /// it if it is an `Arc`; the last one of a type counts. The cache itself is there.
    pub fn with<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.given.put(value);
        self
    }

    /// Only these jobs; a name may be the end of a job's name after a dot. Default: all.
    pub fn only<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.only = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// How many jobs run at a time at the start, at least one. A job that takes longer than 30 seconds keeps no other
    /// waiting. Default: as [`Builder::warmup_at_once`](crate::Builder::warmup_at_once) says (4).
    pub fn at_once(mut self, jobs: usize) -> Self {
        self.at_once = jobs.max(1);
        self
    }

    /// How often sources may be asked for values: at the start by all jobs of cached functions together, and by each later
    /// run of one. Values that a tier has are free. Default: as often as there is something to warm.
    pub const fn loads(mut self, loads: u64) -> Self {
        self.limits.loads = Some(loads);
        self
    }

    /// After how many bytes, as weighed in near, no further call begins, counted as [`loads`](Self::loads) are. Calls under
    /// way come to their end. Default: without a limit; near keeps its own.
    pub const fn bytes(mut self, bytes: u64) -> Self {
        self.limits.bytes = Some(bytes);
        self
    }

    /// After how long no further call begins at the start. Calls under way come to their end. Default: without a limit, but
    /// for the deadline of each job.
    pub fn time(mut self, time: Duration) -> Self {
        self.limits.time = Some(millis(time));
        self
    }

    /// Is told how far each job is, by its name. Default: nobody.
    pub fn on_progress(mut self, tell: impl Fn(&str, EachProgress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(tell));
        self
    }

    /// Draws no bar. Default: one line on standard error while the jobs of the start run, if that is a terminal.
    pub const fn silent(mut self) -> Self {
        self.bar = false;
        self
    }

    /// Begins, and waits until the jobs at the start have come to their end, well or not: [`Warmer::report`] says.
    ///
    /// # Errors
    /// As [`start`](Self::start), and on a runtime without timers. That a job fails is none.
    pub async fn run(self) -> Result<Warmer> {
        let warmer = self.start()?;
        if warmer.ready().await {
            Ok(warmer)
        } else {
            Err(Error::config("warmup", "needs a tokio runtime with timers: `enable_time`"))
        }
    }

    /// Begins, and waits for nothing.
    ///
    /// # Errors
    /// A `Config` error outside a tokio runtime, if two jobs have one name, if `only` names none, and for a `cron` without
    /// the feature.
    pub fn start(self) -> Result<Warmer> {
        let Self { cache, given, only, at_once, limits, progress, bar } = self;
        let warming = cache.0.settings.warming;
        let mut jobs = chosen(only.as_deref())?;
        jobs.retain(|job| warming.smart || job.plan().hot.is_none());
        let keeper = if warming.smart && Keeper::is_needed() { Some(Arc::new(Keeper::new(&cache)?)) } else { None };
        let bar = Arc::new(if bar { Bar::in_terminal() } else { None });
        let drawn = Arc::clone(&bar);
        let tell = move |job: &'static Job, far: EachProgress| {
            if let Some(tell) = &progress {
                tell(job.name(), far);
            }
            if let Some(bar) = &*drawn {
                bar.tell(job, far);
            }
        };
        let ended = move || {
            if let Some(bar) = &*bar {
                bar.end();
            }
        };
        Warmer::begin(Work {
            cache,
            given: Arc::new(given),
            keeper,
            at_once,
            limits,
            tell: Arc::new(tell),
            ended: Box::new(ended),
            stopping: Arc::new(AtomicBool::new(false)),
            stop: Notify::new(),
            running: jobs.iter().map(|job| (job.name(), tokio::sync::Mutex::default())).collect(),
            jobs,
            reports: Mutex::default(),
        })
    }
}

/// The jobs of these names, or all.
fn chosen(only: Option<&[String]>) -> Result<Vec<&'static Job>> {
    let mut jobs = job::linked();
    let mut names = HashSet::new();
    for job in &jobs {
        if !names.insert(job.name()) {
            let text = "two warm-up jobs have one name; give one of them `name = \"..\"`";
            return Err(Error::config("name", text).with("which", job.name()));
        }
    }
    let Some(only) = only else { return Ok(jobs) };
    for name in only {
        if !jobs.iter().any(|job| report::is_named(job.name(), name)) {
            return Err(Error::config("only", "there is no job of this name").with("name", name));
        }
    }
    jobs.retain(|job| only.iter().any(|name| report::is_named(job.name(), name)));
    Ok(jobs)
}

impl fmt::Debug for Warmup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cache: _, given, only, at_once, limits, progress: _, bar: _ } = self;
        let mut out = f.debug_struct("Warmup");
        out.field("given", given).field("only", only).field("at_once", at_once).field("limits", limits);
        out.finish_non_exhaustive()
    }
}
