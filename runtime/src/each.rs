//! Work for each of many items, a few at a time, with progress, second tries and a report of what failed.
//!
//! ```
//! # async fn all() {
//! use cached_runtime::each;
//!
//! async fn render(page: u32) -> Result<String, std::io::Error> {
//!     Ok(format!("page {page}"))
//! }
//!
//! let report = each::of(0..1_000, render).at_once(16).retries(2).run().await;
//! for failure in &report.failures {
//!     println!("page {}: {}", failure.item, failure.cause);
//! }
//! assert_eq!(report.done, 1_000);
//! # }
//! ```
//!
//! The work runs in the task that waits for it, so it may borrow; what computes for long belongs into `spawn_blocking`. If
//! the caller goes away, all that runs ends there.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::flight::message_of;

/// So many at a time, unless it is said.
const AT_ONCE: usize = 8;
/// So long it is waited before the second try; twice as long before each further one.
const PAUSE: Duration = Duration::from_millis(100);
/// So many failures are named; the rest are counted.
const MOST_NAMED: usize = 100;

/// Work for each of these items; [`Each::run`] begins it. What is tried again gets a clone of its item.
pub fn of<I, W, F, T, E>(items: I, work: W) -> Each<I::IntoIter, W>
where
    I: IntoIterator,
    I::Item: Clone,
    W: Fn(I::Item) -> F,
    F: Future<Output = Result<T, E>>,
{
    Each { items: items.into_iter(), work, at_once: AT_ONCE, retries: 0, pause: PAUSE, deadline: None, progress: None }
}

/// Work that has not begun.
#[must_use = "it begins when it is run"]
pub struct Each<I, W> {
    items: I,
    work: W,
    at_once: usize,
    retries: u32,
    pause: Duration,
    deadline: Option<Duration>,
    progress: Option<Box<dyn FnMut(EachProgress) + Send>>,
}

/// How far it has come, told after each item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EachProgress {
    /// Items that were dealt with: done or failed.
    pub done: usize,
    /// All of them, as far as the iterator knows.
    pub total: Option<usize>,
    /// Those of the items dealt with that failed.
    pub failed: usize,
}

/// What became of all items.
#[derive(Debug)]
#[must_use = "what failed is told here and nowhere else"]
pub struct EachReport<T, E> {
    /// What there was for each, in the order of the items; `None` for what failed.
    pub values: Vec<Option<T>>,
    /// How many succeeded.
    pub done: usize,
    /// How many failed, also those that `failures` has no room for.
    pub failed: usize,
    /// Second and further tries.
    pub retried: usize,
    /// The first hundred that failed, as they did.
    pub failures: Vec<EachFailure<E>>,
    /// How long it took.
    pub elapsed: Duration,
}

/// An item that failed each time.
#[derive(Debug)]
pub struct EachFailure<E> {
    /// Its place among the items, from 0 on.
    pub item: usize,
    /// Why, the last time.
    pub cause: EachCause<E>,
}

/// Why an item failed.
#[derive(Debug, PartialEq, Eq)]
pub enum EachCause<E> {
    /// The work's own error.
    Error(E),
    /// It panicked, with this message. Not tried again.
    Panic(String),
    /// It took longer than the deadline.
    Deadline,
}

impl<I, W> Each<I, W> {
    /// How many run at a time, at least one. Default: 8.
    pub fn at_once(mut self, many: usize) -> Self {
        self.at_once = many.max(1);
        self
    }

    /// How often what fails is tried again. Default: 0.
    pub const fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// How long it is waited before the second try; twice as long before each further one. Default: 100 ms.
    pub const fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// How long one try of an item may take. Default: for ever.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Is told after each item how far it has come.
    pub fn progress(mut self, tell: impl FnMut(EachProgress) + Send + 'static) -> Self {
        self.progress = Some(Box::new(tell));
        self
    }
}

/// What one item came to, after so many further tries.
type Outcome<T, E> = (usize, u32, Result<T, EachCause<E>>);

impl<I, W> Each<I, W> {
    /// Does all of it, in this task, and tells what became of each.
    pub async fn run<F, T, E>(self) -> EachReport<T, E>
    where
        I: Iterator,
        I::Item: Clone,
        W: Fn(I::Item) -> F,
        F: Future<Output = Result<T, E>>,
    {
        let Self { mut items, work, at_once, retries, pause, deadline, mut progress } = self;
        let total = exact(&items);
        let (start, work) = (Instant::now(), &work);
        let mut report = EachReport::empty(total);
        let mut lanes = Vec::with_capacity(at_once);
        let mut next = 0;
        loop {
            while lanes.len() < at_once
                && let Some(item) = items.next()
            {
                let at = next;
                next += 1;
                report.values.push(None);
                lanes.push(Box::pin(one(at, item, work, retries, pause, deadline)));
            }
            if lanes.is_empty() {
                report.elapsed = start.elapsed();
                return report;
            }
            report.take(first_of(&mut lanes).await);
            if let Some(tell) = &mut progress {
                tell(EachProgress { done: report.done + report.failed, total, failed: report.failed });
            }
        }
    }
}

/// How many there are, if that is known.
fn exact(items: &impl Iterator) -> Option<usize> {
    match items.size_hint() {
        (least, Some(most)) if least == most => Some(most),
        _ => None,
    }
}

/// The first of these that is over; it leaves the list.
async fn first_of<F: Future>(lanes: &mut Vec<Pin<Box<F>>>) -> F::Output {
    poll_fn(|cx: &mut Context<'_>| {
        let over = lanes.iter_mut().enumerate().find_map(|(at, lane)| match lane.as_mut().poll(cx) {
            Poll::Ready(output) => Some((at, output)),
            Poll::Pending => None,
        });
        match over {
            Some((at, output)) => {
                // In order: else the newest would always come before those that wait longest.
                drop(lanes.remove(at));
                Poll::Ready(output)
            }
            None => Poll::Pending,
        }
    })
    .await
}

async fn one<Item, F, T, E>(
    at: usize,
    item: Item,
    work: &impl Fn(Item) -> F,
    retries: u32,
    pause: Duration,
    deadline: Option<Duration>,
) -> Outcome<T, E>
where
    Item: Clone,
    F: Future<Output = Result<T, E>>,
{
    let mut tries = 0;
    loop {
        let result = match deadline {
            None => caught(work, item.clone()).await,
            Some(limit) => {
                tokio::time::timeout(limit, caught(work, item.clone())).await.unwrap_or(Err(EachCause::Deadline))
            }
        };
        if tries == retries || matches!(result, Ok(_) | Err(EachCause::Panic(_))) {
            return (at, tries, result);
        }
        tokio::time::sleep(pause.saturating_mul(1 << tries.min(16))).await;
        tries += 1;
    }
}

/// Does the work, and turns its panic into a failure.
async fn caught<Item, F, T, E>(work: &impl Fn(Item) -> F, item: Item) -> Result<T, EachCause<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let panicked = |payload: Box<dyn std::any::Any + Send>| EachCause::Panic(message_of(&*payload).to_owned());
    let begun = catch_unwind(AssertUnwindSafe(|| work(item))).map_err(panicked)?;
    let mut begun = std::pin::pin!(begun);
    let done = poll_fn(move |cx| match catch_unwind(AssertUnwindSafe(|| begun.as_mut().poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(payload) => Poll::Ready(Err(payload)),
    });
    done.await.map_err(panicked)?.map_err(EachCause::Error)
}

impl<T, E> EachReport<T, E> {
    fn empty(total: Option<usize>) -> Self {
        let values = Vec::with_capacity(total.unwrap_or(0).min(1 << 20));
        Self { values, done: 0, failed: 0, retried: 0, failures: Vec::new(), elapsed: Duration::ZERO }
    }

    fn take(&mut self, (item, tries, result): Outcome<T, E>) {
        self.retried += tries as usize;
        match result {
            Ok(value) => {
                self.done += 1;
                self.values[item] = Some(value);
            }
            Err(cause) => {
                self.failed += 1;
                if self.failures.len() < MOST_NAMED {
                    self.failures.push(EachFailure { item, cause });
                }
            }
        }
    }
}

impl<E: fmt::Display> fmt::Display for EachCause<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => error.fmt(f),
            Self::Panic(message) => write!(f, "it panicked: {message}"),
            Self::Deadline => f.write_str("it took longer than its deadline"),
        }
    }
}

impl<I, W> fmt::Debug for Each<I, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Each").field("at_once", &self.at_once).field("retries", &self.retries).finish_non_exhaustive()
    }
}
