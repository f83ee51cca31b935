//! What is known of statements that were met before.

use std::ops::Deref;
use std::sync::Arc;

use quick_cache::sync::Cache;

use super::adviser::{Adviser, Figures};
use crate::error::Result;
use crate::statement::{Backend, Kind, Statement, Tables};

/// So many statements are kept in mind. A program has some hundred; one that has more makes its texts from values.
const MOST: usize = 1_000;
/// A longer text is most often made for one call.
const LONGEST: usize = 4 << 10;

/// The statements that a database was given, read once each.
pub(super) struct Known {
    backend: Backend,
    adviser: Option<Arc<Adviser>>,
    statements: Cache<Arc<str>, Arc<Met>>,
}

/// A statement that was met, and what is counted of it.
pub(super) struct Met {
    statement: Statement,
    pub(super) figures: Option<Arc<Figures>>,
}

impl Met {
    /// What was counted of it was seldom enough to be counted with that of others: if it comes again it is met anew.
    fn is_folded(&self) -> bool {
        self.figures.as_ref().is_some_and(|figures| figures.is_folded())
    }
}

impl Deref for Met {
    type Target = Statement;

    fn deref(&self) -> &Statement {
        &self.statement
    }
}

impl Known {
    pub(super) fn new(backend: Backend, adviser: Option<Arc<Adviser>>) -> Self {
        Self { backend, adviser, statements: Cache::new(MOST) }
    }

    /// What this statement does. One that this crate cannot read may do anything: the database decides.
    pub(super) fn read(&self, text: &str) -> Result<Arc<Met>> {
        if let Some(known) = self.statements.get(text).filter(|known| !known.is_folded()) {
            return Ok(known);
        }
        let statement = Statement::read_or_guess(text, self.backend)?;
        let keep = text.len() <= LONGEST;
        // Of one that is not kept it would be said each time.
        if keep && statement.kind() == Kind::Select && *statement.writes() == Tables::Any {
            let shape = statement.shape();
            tracing::warn!(%shape, "this calls a function that may write: each time it runs, all is invalidated");
        }
        let figures = self.adviser.as_ref().map(|adviser| adviser.figures(&statement, text, keep));
        let statement = Arc::new(Met { statement, figures });
        if keep {
            self.statements.insert(text.into(), Arc::clone(&statement));
        }
        Ok(statement)
    }
}
