//! The adviser: what each statement costs, which are slow, repeated or read whole tables, what would help, and the proof
//! that it does.
//!
//! Statements are told apart by their shape, in which each value is a `?`. Nothing here keeps, shows or logs a value that
//! a statement was given.

mod advice;
mod attend;
mod batch;
mod candidates;
mod figures;
mod migration;
mod needs;
mod plan;
mod planner;
mod prepared;
mod queries;
mod question;
mod repeats;
mod report;
mod request;
mod sketch;
mod slow;
mod study;
mod subject;
mod table;
mod verdict;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::RwLock;

use self::figures::Known;
use self::repeats::Repeats;
use self::slow::Ring;
use super::options::DatabaseOptions;
use crate::clock::Clock;
use crate::statement::{Kind, Statement};

pub(super) use self::attend::{attend, room};
pub(super) use self::figures::Figures;
pub(super) use self::planner::Planner;
pub(super) use self::prepared::Prepared;
pub(super) use self::question::{Counted, Question, Timing};
pub(super) use self::repeats::MANY;

pub use advice::{Advice, AdviceOptions, FullScan, IndexAdvice, RepeatedQuery};
pub use plan::{Plan, PlanStep};
pub use queries::QueryStats;
pub use slow::SlowQuery;
pub use verdict::Verdict;

/// So many statements have figures of their own.
const MOST: usize = 1_000;
/// So many of the least used lose theirs when there is no room.
const FOLDED: usize = 100;
/// Statements of a longer shape, in bytes, have none.
const LONGEST_SHAPE: usize = 8 << 10;
/// Longer shapes are cut when they are shown.
const LONGEST: usize = 2_000;

/// A plan, sooner or later, or none.
type Explained = Pin<Box<dyn Future<Output = Option<Plan>> + Send>>;
/// Asks the database how it answers a statement, on a connection that nobody else uses.
type Explain = Box<dyn Fn(&str) -> Explained + Send + Sync>;

/// The adviser of one database.
pub(super) struct Adviser {
    database: Arc<str>,
    slow: Option<Duration>,
    clock: Clock,
    figures: RwLock<HashMap<Box<str>, Arc<Figures>>>,
    /// Of all that have none of their own.
    others: Arc<Figures>,
    repeats: Repeats,
    ring: Ring,
    pub(super) prepared: Prepared,
    /// May it make connections of its own?
    apart: bool,
    /// Who asks for a plan now.
    asks: tokio::sync::Mutex<()>,
    ask: OnceLock<Explain>,
}

impl Adviser {
    /// `room`: how many prepared statements a connection keeps. `apart`: is another connection one to the same database?
    pub(super) fn new(options: &DatabaseOptions, room: Option<usize>, apart: bool) -> Option<Arc<Self>> {
        options.adviser.then(|| {
            Arc::new(Self {
                database: options.name.as_ref().into(),
                slow: options.slow,
                clock: options.clock.clone(),
                figures: RwLock::default(),
                others: Arc::new(Figures::new(None)),
                repeats: Repeats::new(options.repeated),
                ring: Ring::default(),
                prepared: Prepared::new(room),
                apart,
                asks: tokio::sync::Mutex::default(),
                ask: OnceLock::new(),
            })
        })
    }

    /// How the database is asked for plans: set once it is there.
    pub(super) fn explains_by(&self, ask: Explain) {
        // Only once.
        let _ = self.ask.set(ask);
    }

    /// The figures of a statement; one that is very long is counted with others that have none of their own. What has too long a text to be kept is counted, and cannot be explained.
    pub(super) fn figures(&self, statement: &Statement, text: &str, keep: bool) -> Arc<Figures> {
        let known = self.figures.read().get(statement.shape()).map(Arc::clone);
        if let Some(known) = known {
            if let Some(of) = known.known.as_ref().filter(|of| *of.text != *text) {
                of.varied.store(true, Relaxed);
            }
            return known;
        }
        if statement.shape().len() > LONGEST_SHAPE {
            return Arc::clone(&self.others);
        }
        let mut figures = self.figures.write();
        if figures.len() >= MOST {
            self.fold(&mut figures);
        }
        let text = if keep { text } else { "" };
        let fresh = || Known { statement: statement.clone(), text: text.into(), varied: AtomicBool::new(!keep) };
        let new = || Arc::new(Figures::new(Some(fresh())));
        Arc::clone(figures.entry(statement.shape().into()).or_insert_with(new))
    }

    /// Makes room: the least used are counted together from now on.
    fn fold(&self, figures: &mut HashMap<Box<str>, Arc<Figures>>) {
        let mut uses: Vec<(u64, Box<str>)> =
            figures.iter().map(|(shape, figures)| (figures.count.load(Relaxed), shape.clone())).collect();
        uses.sort_unstable();
        for (_, shape) in uses.into_iter().take(FOLDED) {
            if let Some(figures) = figures.remove(&shape) {
                figures.folded.store(true, Relaxed);
                self.others.add(&figures);
            }
        }
    }

    /// One call of a statement begins here.
    pub(super) fn question(self: &Arc<Self>, of: &Arc<Figures>, at: &'static Location<'static>) -> Arc<Question> {
        Arc::new(Question::new(self, of, at))
    }

    /// All that have figures of their own.
    fn all(&self) -> Vec<Arc<Figures>> {
        self.figures.read().values().map(Arc::clone).collect()
    }

    /// How the database answers a statement, if it is one that can be asked about.
    fn explain(&self, known: &Known) -> Explained {
        match self.ask.get() {
            Some(ask) if may_be_explained(known) => ask(&known.text),
            _ => Box::pin(std::future::ready(None)),
        }
    }
}

/// Only what reads: to explain does not run a statement, but what it calls may be asked for its answer.
fn may_be_explained(known: &Known) -> bool {
    let statement = &known.statement;
    let reads = statement.kind() == Kind::Select && statement.writes().is_none() && !statement.acts();
    reads && !known.text.is_empty()
}

/// A shape, as it is shown.
fn shortened(shape: &str) -> String {
    match shape.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}..", shape.get(..at).unwrap_or_default()),
        None => shape.to_owned(),
    }
}

impl fmt::Debug for Adviser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adviser").field("database", &self.database).finish_non_exhaustive()
    }
}
