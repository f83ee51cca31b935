//! How each database is asked what it would do.

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use super::plan::Plan;
use super::table::{Index, Name, Table};
use crate::database::driver::Answer;

/// A statement, as a database is asked about it.
#[derive(Debug, Clone)]
pub struct Subject {
    pub(super) text: String,
    /// How many values it would be given.
    #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "for PostgreSQL"))]
    pub(super) parameters: usize,
}

/// Indexes that are to be tried.
#[derive(Debug, Clone)]
pub struct Trial {
    pub(super) subject: Subject,
    /// All tables that the statement reads.
    pub(super) tables: Vec<Table>,
    /// The one that gets the indexes.
    pub(super) table: Table,
    pub(super) candidates: Vec<Index>,
    /// May copies of the tables be made in the database itself, that go when the trial is over?
    #[cfg_attr(not(any(feature = "postgres", feature = "mysql")), allow(dead_code, reason = "for servers"))]
    pub(super) scratch: bool,
}

/// What a trial has shown.
#[derive(Debug)]
pub enum Outcome {
    /// The plan without, and with each of the candidates, if the database takes it.
    Tried {
        /// How, in a few words.
        how: &'static str,
        before: Plan,
        after: Vec<Option<Tried>>,
    },
    /// It could not be tried, and why.
    Untried(&'static str),
}

/// The plan with one of the candidates.
#[derive(Debug)]
pub struct Tried {
    pub(super) plan: Plan,
    /// About so many rows of the table are read then.
    pub(super) rows: Option<u64>,
}

/// What differs between databases when they are asked what they would do.
pub trait Planner: sqlx::Database {
    /// Is a value part of a plan? Then parameters are to be replaced by some.
    const NEEDS_VALUES: bool = false;
    /// Does it have indexes of some of the rows?
    const PARTIAL: bool = true;

    /// How it answers a statement. The statement does not run.
    fn explain<'c>(connection: &'c mut Self::Connection, subject: &'c Subject) -> Answer<'c, Plan>;

    /// A table; nothing if there is none of this name, or if it is a view.
    fn table<'c>(connection: &'c mut Self::Connection, name: &'c Name) -> Answer<'c, Option<Table>>;

    /// What it would do with other indexes.
    fn attempt<'c>(connection: &'c mut Self::Connection, trial: &'c Trial) -> Answer<'c, Outcome>;
}

/// A count that a database gives as it likes.
#[cfg(any(feature = "postgres", feature = "mysql"))]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate")]
fn whole(number: f64) -> Option<u64> {
    (number.is_finite() && number >= 0.0).then(|| number.round() as u64)
}
