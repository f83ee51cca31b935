//! Jobs: what is to be warmed, when and how; known to the program from the moment it is linked.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;

use super::run::{Run, Unready};
use crate::clock::Millis;

/// One annotated function, as a job.
///
/// A `static` made by `#[warmup]`, which registers itself when the program is linked.
pub struct Job {
    plan: Plan,
    work: fn(Run) -> Working,
    name: OnceLock<String>,
}

/// What a job is doing.
pub type Working = Pin<Box<dyn Future<Output = Result<(), Unready>> + Send>>;

/// What the attribute says of a job.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// `module_path!()` of the function.
    pub module: &'static str,
    /// Its name.
    pub function: &'static str,
    /// `name = ".."`.
    pub name: Option<&'static str>,
    /// Does it run when the warm-up starts?
    pub on_start: bool,
    /// How often it runs after that.
    pub every: Option<Millis>,
    /// When it runs after that, in the words of cron, in UTC.
    pub cron: Option<&'static str>,
    /// Jobs with a higher one begin earlier.
    pub priority: i32,
    /// How many of its calls run at a time.
    pub concurrency: u32,
    /// How often a call that failed is made again.
    pub retries: u32,
    /// By up to so much lives are shortened at random.
    pub spread: Millis,
    /// How long it may take.
    pub deadline: Millis,
    /// Does one node do it for all that share a log?
    pub cluster: bool,
    /// Are its calls those of a cached function, which a schedule loads anew?
    pub cached: bool,
    /// For how many of the keys that were asked for most it is called, if it is for those.
    pub hot: Option<u32>,
    /// Where it stands, for messages.
    pub file: &'static str,
    /// The line in that file.
    pub line: u32,
}

impl Plan {
    /// What is not said.
    pub const DEFAULT: Self = Self {
        module: "",
        function: "",
        name: None,
        on_start: false,
        every: None,
        cron: None,
        priority: 0,
        concurrency: 8,
        retries: 0,
        spread: 0,
        deadline: 10 * 60 * 1_000,
        cluster: false,
        cached: false,
        hot: None,
        file: "",
        line: 0,
    };
}

impl Job {
    /// A job; called by generated code in a `static`.
    #[must_use]
    pub const fn new(plan: Plan, work: fn(Run) -> Working) -> Self {
        Self { plan, work, name: OnceLock::new() }
    }

    /// What is to be done, and when.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Its name: `crate.module.function`, or what `name = ".."` says.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.get_or_init(|| match self.plan.name {
            Some(name) => name.to_owned(),
            None => format!("{}.{}", self.plan.module.replace("::", "."), self.plan.function),
        })
    }

    pub(super) fn begin(&self, run: Run) -> Working {
        (self.work)(run)
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("name", &self.name()).field("plan", &self.plan).finish_non_exhaustive()
    }
}

/// A job that is linked into the program.
#[derive(Debug, Clone, Copy)]
pub struct LinkedJob(pub &'static Job);

inventory::collect!(LinkedJob);

/// All jobs that are linked into the program, those of the highest priority first.
pub(super) fn linked() -> Vec<&'static Job> {
    let mut jobs: Vec<_> = inventory::iter::<LinkedJob>.into_iter().map(|linked| linked.0).collect();
    jobs.sort_by(|a, b| b.plan.priority.cmp(&a.plan.priority).then_with(|| a.name().cmp(b.name())));
    jobs
}
