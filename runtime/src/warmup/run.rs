//! One run of one job: what generated code is handed, and what it does with it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use super::given::Given;
use super::hot::Keeper;
use super::job::{Job, Plan};
use super::purse::Purse;
use crate::ahead::{Ahead, Why};
use crate::cache::Cache;
use crate::each::{self, EachCause, EachProgress};
use crate::intent;

/// So many failures of a run are told in words.
const MOST_TOLD: usize = 10;
/// So many bytes of each.
const LONGEST: usize = 256;
/// What failed is tried again after this, and twice as long after each further time.
const PAUSE: Duration = Duration::from_millis(100);

/// What generated code is handed to do a job once.
pub struct Run {
    pub(super) job: &'static Job,
    pub(super) given: Arc<Given>,
    /// Knows what is asked for most, if any function is warmed for that.
    pub(super) keeper: Option<Arc<Keeper>>,
    pub(super) purse: Arc<Purse>,
    /// Is it told to end?
    pub(super) stopping: Arc<AtomicBool>,
    /// Are values loaded anew that are there?
    pub(super) refresh: bool,
    /// Is it a run in the course of time, and not the one at the start?
    pub(super) again: bool,
    pub(super) tally: Arc<Tally>,
    pub(super) progress: Tell,
}

/// Is told how far a job has come.
pub(super) type Tell = Arc<dyn Fn(&'static Job, EachProgress) + Send + Sync>;

/// What a run has come to so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) done: AtomicUsize,
    pub(super) failed: AtomicUsize,
    /// Not begun, because the budget was spent or the warm-up ends.
    pub(super) left: AtomicUsize,
    /// Begun, and then there was nothing left to spend.
    pub(super) refused: AtomicUsize,
    /// Begun, and then nothing of them would have been kept.
    pub(super) unkept: AtomicUsize,
    pub(super) loads: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) failures: Mutex<Vec<String>>,
}

impl Tally {
    /// Was anything left out?
    pub(super) fn has_left(&self) -> bool {
        self.left.load(Relaxed) + self.refused.load(Relaxed) > 0
    }

    /// Was anything given up because it would not have been kept?
    pub(super) fn has_unkept(&self) -> bool {
        self.unkept.load(Relaxed) > 0
    }

    fn one_more(&self) {
        self.done.fetch_add(1, Relaxed);
    }
}

/// Why a job could not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unready(pub(super) String);

impl Run {
    /// What the job was given of this type.
    ///
    /// # Errors
    /// If nobody gave one.
    pub fn given<T: ?Sized + Send + Sync + 'static>(&self, argument: &str, ty: &str) -> Result<Arc<T>, Unready> {
        self.given.find::<T>().ok_or_else(|| {
            let ty = ty.replace(' ', "");
            Unready(format!("nobody gave its `{argument}`: add `.with(..)` of a `{ty}` to the warm-up"))
        })
    }

    /// What went wrong before there was anything to do.
    #[must_use]
    pub fn unready(error: &dyn fmt::Display) -> Unready {
        Unready(format!("its `args_from` failed: {}", shortened(error.to_string())))
    }

    /// Makes one call for each of these.
    ///
    /// # Errors
    /// None; a call that fails is counted.
    pub async fn each<A, I, W, F>(self, args: I, work: W) -> Result<(), Unready>
    where
        A: Clone,
        I: IntoIterator<Item = A>,
        W: Fn(A) -> F,
        F: Future<Output = Result<(), String>>,
    {
        self.each_call(args, |arg, ahead| {
            let call = work(arg);
            async {
                match ahead {
                    Some(ahead) => intent::going_ahead(self.refresh, ahead, call).await,
                    None => Some(call.await),
                }
            }
        })
        .await;
        Ok(())
    }

    /// The same for a function that blocks its thread: on threads that may be blocked.
    ///
    /// # Errors
    /// None; a call that fails is counted.
    pub async fn each_blocking<A, I, W, C>(self, args: I, work: W) -> Result<(), Unready>
    where
        A: Clone,
        I: IntoIterator<Item = A>,
        W: Fn(A) -> C,
        C: FnOnce() -> Result<(), String> + Send + 'static,
    {
        let refresh = self.refresh;
        self.each_call(args, |arg, ahead| {
            let call = work(arg);
            // Who blocks cannot give up: what all calls go by is not even begun.
            let called = move || match ahead {
                Some(_) if Cache::installed().is_paused() => None,
                Some(ahead) => Some(intent::going_ahead_sync(refresh, ahead, call)),
                None => Some(call()),
            };
            async {
                match tokio::task::spawn_blocking(called).await {
                    Ok(answer) => answer,
                    Err(gone) => match gone.try_into_panic() {
                        Ok(payload) => std::panic::resume_unwind(payload),
                        Err(gone) => Some(Err(gone.to_string())),
                    },
                }
            }
        })
        .await;
        Ok(())
    }

    /// Makes one call for so many of these at a time.
    ///
    /// # Errors
    /// None; a call that fails is counted.
    pub async fn each_batch<A, I, W, F>(self, most: usize, args: I, work: W) -> Result<(), Unready>
    where
        A: Clone,
        I: IntoIterator<Item = A>,
        W: Fn(Vec<A>) -> F,
        F: Future<Output = Result<(), String>>,
    {
        let mut args = args.into_iter();
        let chunks = std::iter::from_fn(move || {
            let chunk: Vec<A> = args.by_ref().take(most.max(1)).collect();
            (!chunk.is_empty()).then_some(chunk)
        });
        self.each(chunks, work).await
    }

    /// A call answers nothing if it was given up.
    async fn each_call<A, I, F>(&self, args: I, call: impl Fn(A, Option<Arc<Ahead>>) -> F)
    where
        A: Clone,
        I: IntoIterator<Item = A>,
        F: Future<Output = Option<Result<(), String>>>,
    {
        let Plan { concurrency, retries, .. } = *self.job.plan();
        let (job, tell, tally) = (self.job, Arc::clone(&self.progress), &self.tally);
        // Told as it goes: a run that is ended by its deadline has done something, too.
        let told = Arc::clone(tally);
        let progress = move |progress: EachProgress| {
            told.failed.store(progress.failed, Relaxed);
            tell(job, progress);
        };
        let items = Items { args: args.into_iter(), run: self };
        let report = each::of(items, |arg| self.one(arg, &call))
            .at_once(concurrency as usize)
            .retries(retries)
            .pause(PAUSE)
            .progress(progress)
            .run()
            .await;
        let mut failures = report.failures;
        failures.sort_by_key(|failure| failure.item);
        let told = failures.into_iter().take(MOST_TOLD).map(|failure| match failure.cause {
            EachCause::Error(message) => shortened(message),
            EachCause::Panic(message) => shortened(format!("it panicked: {message}")),
            EachCause::Deadline => "it took too long".to_owned(),
        });
        self.tally.failures.lock().extend(told);
    }

    /// One call: of a cached function ahead of the first who asks, and paid for.
    async fn one<A, F>(&self, arg: A, call: &impl Fn(A, Option<Arc<Ahead>>) -> F) -> Result<(), String>
    where
        F: Future<Output = Option<Result<(), String>>>,
    {
        if !self.job.plan().cached {
            return call(arg, None).await.unwrap_or(Ok(())).inspect(|()| self.tally.one_more());
        }
        let Some(spending) = self.purse.open().await else {
            self.tally.refused.fetch_add(1, Relaxed);
            return Ok(());
        };
        let spread = self.job.plan().spread;
        let ahead = Ahead { why: Why::Warmup, spread, depth: 0, bill: Some(spending.bill()) };
        let answer = call(arg, Some(Arc::new(ahead))).await;
        let (loads, bytes) = spending.end();
        self.tally.loads.fetch_add(loads, Relaxed);
        self.tally.bytes.fetch_add(bytes, Relaxed);
        match answer {
            Some(answer) => answer.inspect(|()| self.tally.one_more()),
            // What calls go by is not filled.
            None => {
                self.tally.unkept.fetch_add(1, Relaxed);
                Ok(())
            }
        }
    }
}

/// The arguments of a run, until it is told to end or has nothing left to spend. What is left is counted, as far as it is
/// known.
struct Items<'a, I> {
    args: I,
    run: &'a Run,
}

impl<I: Iterator> Iterator for Items<'_, I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        if self.run.stopping.load(Relaxed) || self.run.purse.is_empty() {
            // At least one, though the iterator does not know how many it has.
            let known = self.args.size_hint().0;
            let left = if known == 0 { usize::from(self.args.next().is_some()) } else { known };
            self.run.tally.left.fetch_max(left, Relaxed);
            return None;
        }
        self.args.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.args.size_hint()
    }
}

/// A message of bounded length.
fn shortened(mut message: String) -> String {
    if message.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
        message.truncate(end);
        message.push('…');
    }
    message
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("job", &self.job.name()).field("refresh", &self.refresh).finish_non_exhaustive()
    }
}

/// What a call answered, about which is asked whether it failed.
#[derive(Debug)]
pub struct Answer<R>(pub R);

/// Failures that say what they are.
pub trait Told0 {
    /// The failure, in words.
    fn told(&self) -> Result<(), String>;
}

impl<T, E: fmt::Display> Told0 for &&Answer<Result<T, E>> {
    fn told(&self) -> Result<(), String> {
        self.0.as_ref().map(|_| ()).map_err(ToString::to_string)
    }
}

/// Failures that say nothing.
pub trait Told1 {
    /// That it failed.
    fn told(&self) -> Result<(), String>;
}

impl<T, E> Told1 for &Answer<Result<T, E>> {
    fn told(&self) -> Result<(), String> {
        self.0.as_ref().map(|_| ()).map_err(|_| "it failed with an error that has no `Display`".to_owned())
    }
}

/// Everything else succeeds by returning.
pub trait Told2 {
    /// Always well.
    fn told(&self) -> Result<(), String>;
}

impl<R> Told2 for Answer<R> {
    fn told(&self) -> Result<(), String> {
        Ok(())
    }
}

/// An argument as the function borrows it, out of what it was given.
pub fn borrowed<T: ?Sized, X: std::borrow::Borrow<T>>(argument: &X) -> &T {
    argument.borrow()
}

/// The same of one that may be left out.
pub fn borrowed_option<T: ?Sized, X: std::borrow::Borrow<T>>(argument: &Option<X>) -> Option<&T> {
    argument.as_ref().map(std::borrow::Borrow::borrow)
}
