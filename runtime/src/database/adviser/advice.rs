//! What the adviser has to say, as structs.

use super::plan::Plan;
use super::queries::QueryStats;
use super::slow::SlowQuery;
use crate::plain::plain;

plain! {
    /// A statement that one task or request asked again and again (the "N+1" pattern): most often a loop around what one
    /// statement could answer.
    #[derive(Debug, Clone, Default, PartialEq, Eq)]
    pub struct RepeatedQuery {
        /// The statement with `?` for its values.
        pub shape: String,
        /// `SELECT`, `INSERT`, ..
        pub kind: String,
        /// From where: `file:line:column`.
        pub location: String,
        /// The cached function whose loads ask it, if it is one: the loop is where that is called.
        pub site: Option<String>,
        /// How many tasks or requests did so.
        pub callers: u64,
        /// How often one of them asked, at least.
        pub most: u64,
        /// One statement that answers for all keys, with `?` for them; nothing where many keys are another question.
        pub batch: Option<String>,
        /// The column by which the rows of that statement are told apart.
        pub key: Option<String>,
        /// What to do, in a sentence.
        pub text: String,
    }
}

plain! {
    /// A statement for which all rows of a table are read, though it wants some of them.
    #[derive(Debug, Clone, Default, PartialEq)]
    pub struct FullScan {
        /// The statement with `?` for its values.
        pub shape: String,
        /// The table.
        pub table: String,
        /// About so many rows, if the database knows.
        pub rows: Option<u64>,
        /// How often the statement ran.
        pub count: u64,
        /// How long it took, all together, in seconds.
        pub total_seconds: f64,
        /// How the database answers it.
        pub plan: Plan,
        /// The name of the index that is suggested for it.
        pub index: Option<String>,
        /// Why none is.
        pub why: Option<String>,
    }
}

plain! {
    /// An index that a statement wants.
    #[derive(Debug, Clone, Default, PartialEq)]
    pub struct IndexAdvice {
        /// A name for it.
        pub name: String,
        /// The table.
        pub table: String,
        /// Its columns.
        pub columns: Vec<String>,
        /// The rows that it is for, if not for all: `"status" = 'open'`.
        pub only: Option<String>,
        /// `CREATE INDEX ..`.
        pub sql: String,
        /// The statements that it helps.
        pub shapes: Vec<String>,
        /// Was it tried, and did the database use it? What was tried and not used is not suggested.
        pub proved: bool,
        /// How it was tried, or why it was not.
        pub how: String,
        /// About so many rows of the table were read before.
        pub rows_before: Option<u64>,
        /// About so many are then.
        pub rows_after: Option<u64>,
        /// The plan before.
        pub plan_before: Plan,
        /// The plan with it.
        pub plan_after: Option<Plan>,
    }
}

plain! {
    /// All that the adviser has to say. Shown, it is a report in text.
    #[derive(Debug, Clone, Default, PartialEq)]
    pub struct Advice {
        /// What the database is called.
        pub database: String,
        /// `sqlite`, `postgres` or `mysql`.
        pub backend: String,
        /// The figures of each statement, with a verdict on caching it.
        pub queries: Vec<QueryStats>,
        /// Statements that took long.
        pub slow: Vec<SlowQuery>,
        /// Statements that were repeated.
        pub repeated: Vec<RepeatedQuery>,
        /// Statements that read whole tables.
        pub full_scans: Vec<FullScan>,
        /// Indexes that would help.
        pub indexes: Vec<IndexAdvice>,
        /// Statements about which the database could not be asked.
        pub unexplained: u64,
    }
}

/// How far the adviser goes.
///
/// ```
/// use cached_runtime::database::AdviceOptions;
///
/// let options = AdviceOptions::new().statements(20).least_rows(10_000);
/// ```
#[derive(Debug, Clone)]
pub struct AdviceOptions {
    pub(super) statements: usize,
    pub(super) least_rows: u64,
    pub(super) scratch: bool,
}

impl Default for AdviceOptions {
    fn default() -> Self {
        Self { statements: 100, least_rows: 1_000, scratch: false }
    }
}

impl AdviceOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The database is asked about so many statements, those that took the most time. Default: 100.
    #[must_use]
    pub fn statements(mut self, most: usize) -> Self {
        self.statements = most;
        self
    }

    /// To read all of a table with fewer rows is no matter. Default: 1,000.
    #[must_use]
    pub fn least_rows(mut self, rows: u64) -> Self {
        self.least_rows = rows;
        self
    }

    /// On PostgreSQL without HypoPG, and on MySQL and MariaDB: may indexes be tried on temporary copies of the tables, of
    /// up to 50,000 rows each, which are gone when the trial is over? It costs the database what copying them costs, and
    /// needs the right to make temporary tables. SQLite always has a copy of its own, in memory and without rows.
    /// Default: no.
    #[must_use]
    pub fn scratch(mut self, allowed: bool) -> Self {
        self.scratch = allowed;
        self
    }
}
