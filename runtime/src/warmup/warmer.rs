//! A warm-up under way: its jobs at the start, and those that run again and again.

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::given::Given;
use super::hot::{self, Keeper};
use super::job::Job;
use super::purse::Purse;
use super::report::{Ended, JobReport, WarmupReport, is_named};
use super::run::{Run, Tally, Tell};
use super::schedule::Schedule;
use super::turn::{self, Slot};
use crate::cache::Cache;
use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::flight::message_of;
use crate::join::unless;
use crate::site;

/// A job at the start that takes longer no longer keeps others waiting.
const PATIENCE: Millis = 30_000;
/// For so long after one node's start no other node does a job of its start that is done for all.
const STARTED: Millis = 10 * 60_000;
/// How long calls under way may take once the warm-up is ended.
const GRACE: Duration = Duration::from_secs(5);

/// A warm-up under way.
///
/// Its scheduled jobs run until it is dropped, or [`shutdown`](Warmer::shutdown) is called, which lets calls under way come
/// to their end. It is a handle to its cache, too: a cache is not closed by dropping it while it is being warmed.
#[must_use = "a warm-up ends when this is dropped"]
pub struct Warmer {
    work: Arc<Work>,
    tasks: JoinSet<()>,
    ready: watch::Receiver<bool>,
}

/// What all jobs of a warm-up share.
pub(super) struct Work {
    pub(super) cache: Cache,
    pub(super) jobs: Vec<&'static Job>,
    pub(super) given: Arc<Given>,
    pub(super) keeper: Option<Arc<Keeper>>,
    pub(super) at_once: usize,
    pub(super) limits: Limits,
    pub(super) tell: Tell,
    pub(super) ended: Box<dyn Fn() + Send + Sync>,
    pub(super) stopping: Arc<AtomicBool>,
    pub(super) stop: Notify,
    pub(super) reports: Mutex<WarmupReport>,
    /// Held by the run of a job.
    pub(super) running: HashMap<&'static str, tokio::sync::Mutex<()>>,
}

/// What a warm-up may cost.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    pub(super) loads: Option<u64>,
    pub(super) bytes: Option<u64>,
    pub(super) time: Option<Millis>,
}

/// A task that ends with whoever waits for it.
struct Bound<T>(JoinHandle<T>);

impl<T> Drop for Bound<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Warmer {
    /// Begins: jobs at the start in the order of their priority, the others when their time comes.
    pub(super) fn begin(work: Work) -> Result<Self> {
        let mut scheduled = Vec::new();
        let now = work.cache.clock().now_assured();
        for job in &work.jobs {
            let schedule = Schedule::of(job.plan(), now);
            scheduled.extend(schedule.map_err(|error| error.with("job", job.name()))?.map(|times| (*job, times)));
        }
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Error::config("warmup", "needs a tokio runtime: call it inside of one"));
        }
        let work = Arc::new(work);
        let (done, ready) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let start = Arc::clone(&work);
        tasks.spawn(async move {
            start.at_start().await;
            // Nobody need be waiting.
            done.send_replace(true);
        });
        if let Some(keeper) = &work.keeper {
            tasks.spawn(Arc::clone(&work).keep_logs(Arc::clone(keeper)));
        }
        for (job, times) in scheduled {
            tasks.spawn(Arc::clone(&work).again_and_again(job, times, now));
        }
        Ok(Self { work, tasks, ready })
    }

    /// Waits until the jobs at the start have come to their end, well or not. `false` if they did not: on a runtime without
    /// timers none can run.
    pub async fn ready(&self) -> bool {
        self.ready.clone().wait_for(|ready| *ready).await.is_ok()
    }

    /// What the jobs came to, each in its last run that ended, and what became of what they loaded.
    #[must_use]
    pub fn report(&self) -> WarmupReport {
        let mut report = self.work.reports.lock().clone();
        self.work.follow_up(&mut report.jobs);
        report
    }

    /// The names of the jobs, those of the highest priority first.
    #[must_use]
    pub fn jobs(&self) -> Vec<&str> {
        self.work.jobs.iter().map(|job| job.name()).collect()
    }

    /// Runs a job now, whatever its times are: cached functions load anew, but for those that are warmed for what is `hot`.
    /// Its name may be the end of it after a dot.
    ///
    /// # Errors
    /// A `Config` error if there is no such job.
    pub async fn run_job(&self, name: &str) -> Result<JobReport> {
        let job = self.work.jobs.iter().find(|job| is_named(job.name(), name));
        let job = job.ok_or_else(|| Error::config("job", "there is no job of this name").with("name", name))?;
        let mut report = self.work.once(job, true, &self.work.purse()).await;
        self.work.follow_up(std::slice::from_mut(&mut report));
        Ok(report)
    }

    /// Ends it: nothing new begins, and calls under way have five seconds to come to their end.
    pub async fn shutdown(mut self) {
        self.work.stopping.store(true, Ordering::Relaxed);
        self.work.stop.notify_waiters();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        // What is left then goes with the tasks.
        let _in_time = tokio::time::timeout(GRACE, all).await;
    }
}

impl Drop for Warmer {
    fn drop(&mut self) {
        // Also what runs elsewhere by now, such as a job that is done for all nodes, begins nothing more.
        self.work.stopping.store(true, Ordering::Relaxed);
        self.work.stop.notify_waiters();
    }
}

impl Work {
    fn purse(&self) -> Arc<Purse> {
        Arc::new(Purse::new(self.limits.loads, self.limits.bytes))
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The jobs at the start, some at a time.
    async fn at_start(self: &Arc<Self>) {
        let (began, purse) = (Instant::now(), self.purse());
        let lanes = Arc::new(Semaphore::new(self.at_once));
        let mut running = JoinSet::new();
        let all = async {
            let begins = |job: &&'static Job| job.plan().on_start && self.cache.0.settings.warming.at_start;
            for job in self.jobs.iter().copied().filter(begins) {
                let Ok(lane) = Arc::clone(&lanes).acquire_owned().await else { return };
                let (work, purse) = (Arc::clone(self), Arc::clone(&purse));
                running.spawn(async move {
                    let late = work.cache.clock().now_assured().saturating_add(PATIENCE);
                    let mut run = pin!(work.in_turn(job, Slot { at: 0, life: STARTED }, false, &purse));
                    if unless(run.as_mut(), work.cache.clock().until(late)).await.is_none() {
                        drop(lane);
                        run.await;
                    }
                });
            }
            while running.join_next().await.is_some() {}
        };
        let mut all = pin!(all);
        if let Some(limit) = self.limits.time {
            let end = self.cache.clock().now_assured().saturating_add(limit);
            if unless(all.as_mut(), self.cache.clock().until(end)).await.is_none() {
                purse.close();
                all.await;
            }
        } else {
            all.await;
        }
        self.reports.lock().elapsed = began.elapsed();
        (self.ended)();
    }

    /// Says what became of what was loaded ahead for the functions of jobs.
    fn follow_up(&self, reports: &mut [JobReport]) {
        let stats = self.cache.stats();
        for report in reports {
            let job = self.jobs.iter().find(|job| job.name() == report.job && job.plan().cached);
            let plan = job.map(|job| job.plan());
            let site = plan.and_then(|plan| site::of_function(plan.module, plan.function, plan.line));
            report.warmed = site.and_then(|site| stats.site(site.name())).map(|site| site.warmed).unwrap_or_default();
        }
    }

    /// Keeps what was noted, each minute and once more when the warm-up ends.
    async fn keep_logs(self: Arc<Self>, keeper: Arc<Keeper>) {
        while !self.is_stopping() {
            let next = self.cache.clock().now_assured().saturating_add(hot::EACH);
            unless(self.cache.clock().until(next), self.stopped()).await;
            keeper.keep().await;
        }
    }

    /// Comes when the warm-up is told to end.
    async fn stopped(&self) {
        let stop = self.stop.notified();
        if !self.is_stopping() {
            stop.await;
        }
    }

    /// A job at its times, until the warm-up ends.
    async fn again_and_again(self: Arc<Self>, job: &'static Job, times: Schedule, mut after: Millis) {
        while let Some(at) = times.next(after) {
            if unless(self.cache.clock().until(at), self.stopped()).await.is_none() {
                return;
            }
            let life = times.next(at).map_or(STARTED, |next| next.saturating_sub(at));
            self.in_turn(job, Slot { at, life }, true, &self.purse()).await;
            // A run that took longer than to the next time is not made up for.
            after = self.cache.clock().now_assured().max(at);
        }
    }

    /// A run of a job, by one node if it is one that is done for all.
    async fn in_turn(self: &Arc<Self>, job: &'static Job, slot: Slot, refresh: bool, purse: &Arc<Purse>) {
        if !job.plan().cluster || !turn::is_shared(&self.cache) {
            self.once(job, refresh, purse).await;
            return;
        }
        let began = Instant::now();
        let (work, purse) = (Arc::clone(self), Arc::clone(purse));
        let run = async move { work.once(job, refresh, &purse).await };
        if turn::in_turn(&self.cache, job, slot, run).await.is_none() {
            self.keep(JobReport::new(job.name(), Ended::Elsewhere, &Tally::default(), began.elapsed()));
        }
    }

    /// A run of a job.
    async fn once(&self, job: &'static Job, refresh: bool, purse: &Arc<Purse>) -> JobReport {
        // Never two runs of one job at a time.
        let running = self.running.get(job.name());
        let _alone = match running {
            Some(running) => Some(running.lock().await),
            None => None,
        };
        let (began, tally) = (Instant::now(), Arc::new(Tally::default()));
        if let Some(ended) = self.is_over(purse) {
            return self.told(JobReport::new(job.name(), ended, &tally, began.elapsed()));
        }
        let run = Run {
            job,
            given: Arc::clone(&self.given),
            keeper: self.keeper.clone(),
            purse: Arc::clone(purse),
            stopping: Arc::clone(&self.stopping),
            // What is hot and there is kept fresh by those who ask for it.
            refresh: refresh && job.plan().hot.is_none(),
            again: refresh,
            tally: Arc::clone(&tally),
            progress: Arc::clone(&self.tell),
        };
        // A task of its own: what panics in it, or never ends, is this job alone.
        let mut task = Bound(tokio::spawn(async move { job.begin(run).await }));
        let ended = match unless(&mut task.0, self.end_of(job)).await {
            Some(Ok(Ok(()))) if self.is_stopping() => Ended::Stopped,
            Some(Ok(Ok(()))) if purse.is_empty() && tally.has_left() => Ended::Spent,
            Some(Ok(Ok(()))) if tally.has_unkept() => Ended::Unkept,
            Some(Ok(Ok(()))) => Ended::Done,
            Some(Ok(Err(unready))) => Ended::Unready(unready.0),
            Some(Err(gone)) => match gone.try_into_panic() {
                Ok(payload) => Ended::Panicked(message_of(&*payload).to_owned()),
                Err(_) => Ended::Stopped,
            },
            None if self.is_stopping() => Ended::Stopped,
            None => Ended::Deadline,
        };
        drop(task);
        self.told(JobReport::new(job.name(), ended, &tally, began.elapsed()))
    }

    /// Is there nothing to be begun any more?
    fn is_over(&self, purse: &Purse) -> Option<Ended> {
        match (self.is_stopping(), purse.is_empty()) {
            (true, _) => Some(Ended::Stopped),
            (false, true) => Some(Ended::Spent),
            (false, false) => None,
        }
    }

    /// Comes when a run has to end that begins now: at its deadline, or some time after the warm-up was ended.
    async fn end_of(&self, job: &'static Job) {
        let end = self.cache.clock().now_assured().saturating_add(job.plan().deadline);
        let stopped = async {
            self.stopped().await;
            tokio::time::sleep(GRACE).await;
        };
        unless(self.cache.clock().until(end), stopped).await;
    }

    /// Logs how a run ended, without the words of anybody else, and keeps what it came to.
    fn told(&self, report: JobReport) -> JobReport {
        let JobReport { job, done, failed, left, .. } = &report;
        tracing::info!(job, done, failed, left, well = report.is_well(), "a warm-up job ended");
        self.keep(report.clone());
        report
    }

    fn keep(&self, report: JobReport) {
        let mut reports = self.reports.lock();
        match reports.jobs.iter_mut().find(|known| known.job == report.job) {
            Some(known) => *known = report,
            None => reports.jobs.push(report),
        }
    }
}

impl fmt::Debug for Warmer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Warmer").field("jobs", &self.jobs()).finish_non_exhaustive()
    }
}
