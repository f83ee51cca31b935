//! One call of a statement: who asks, from where, and how long it takes.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::figures::Figures;
use super::sketch::Sketch;
use super::{Adviser, slow};
use crate::database::driver::{Done, Driver, Text};
use crate::flight::{Asker, Caller, asker};
use crate::statement::Backend;

/// A call whose figures are taken.
pub(in crate::database) struct Question {
    pub(super) adviser: Arc<Adviser>,
    pub(super) figures: Arc<Figures>,
    pub(super) at: &'static Location<'static>,
    pub(super) asker: Option<Asker>,
}

/// What an answer has rows of.
pub(in crate::database) trait Counted {
    /// How many.
    fn rows(&self) -> u64;
}

/// From the moment when a connection is given a statement until it has answered.
pub(in crate::database) struct Timing {
    question: Arc<Question>,
    start: Instant,
    /// How many statements were prepared on the connection; nothing where this one is not kept.
    prepared: Option<usize>,
    ended: bool,
}

impl Question {
    /// To be made where the caller is, not in a task of its own.
    pub(super) fn new(adviser: &Arc<Adviser>, figures: &Arc<Figures>, at: &'static Location<'static>) -> Self {
        let question = Self::of_batch(adviser, figures, at);
        let count = adviser.repeats.call(Caller::here(), Arc::as_ptr(figures) as usize, adviser.clock.now());
        let repeats = &adviser.repeats;
        if repeats.is_told(count) && figures.repeated_from(at, question.asker.as_ref(), count, repeats.is_first(count))
        {
            let shape = super::shortened(figures.shape());
            tracing::warn!(database = %adviser.database, %shape, location = %at, count, "the same statement again and again for one caller: ask once for all of them");
        }
        question
    }

    /// The same of a batch, which is what a repeat should have been.
    pub(super) fn of_batch(adviser: &Arc<Adviser>, figures: &Arc<Figures>, at: &'static Location<'static>) -> Self {
        let asker = asker();
        figures.asked_by(asker.as_ref());
        Self { adviser: Arc::clone(adviser), figures: Arc::clone(figures), at, asker }
    }
}

impl Timing {
    pub(in crate::database) fn begin<DB: Driver>(
        connection: &DB::Connection,
        text: &Text,
        values: &DB::Arguments,
    ) -> Option<Self> {
        let question = Arc::clone(text.question.as_ref()?);
        let figures = &question.figures;
        if Sketch::wants(figures.count.load(Relaxed)) {
            figures.values.add(values);
        }
        // Of SQLite those are prepared anew each time that name no columns.
        let is_kept = text.columns_named || DB::BACKEND != Backend::Sqlite;
        let prepared = is_kept.then(|| DB::prepared(connection));
        Some(Self { prepared, question, ended: false, start: Instant::now() })
    }

    /// It has answered, or failed.
    pub(in crate::database) fn end<DB: Driver>(mut self, connection: &DB::Connection, rows: Option<u64>) {
        if let (Some(before), Some(_)) = (self.prepared.take(), rows) {
            self.question.adviser.prepared.count(before, DB::prepared(connection));
        }
        self.ended = true;
        self.record(rows);
    }

    fn record(&self, rows: Option<u64>) {
        let took = self.start.elapsed();
        let Question { adviser, figures, .. } = &*self.question;
        let figures = if figures.folded.load(Relaxed) { &adviser.others } else { figures };
        figures.record(took, rows);
        if adviser.slow.is_some_and(|slow| took >= slow) {
            slow::met(&self.question, took, rows);
        }
    }
}

/// Given up half-way, which the slowest are.
impl Drop for Timing {
    fn drop(&mut self) {
        if !self.ended {
            self.record(None);
        }
    }
}

impl<T> Counted for Vec<T> {
    fn rows(&self) -> u64 {
        self.len() as u64
    }
}

impl<T> Counted for Option<T> {
    fn rows(&self) -> u64 {
        u64::from(self.is_some())
    }
}

impl Counted for Done {
    fn rows(&self) -> u64 {
        self.rows
    }
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("at", &self.at).finish_non_exhaustive()
    }
}
