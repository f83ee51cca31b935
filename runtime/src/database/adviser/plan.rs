//! How a database answers a statement, as far as it says so without quoting values.

use std::fmt;

use crate::plain::plain;

plain! {
    /// One step of a [`Plan`].
    #[derive(Debug, Clone, Default, PartialEq)]
    pub struct PlanStep {
        /// What is done, in the words of the database, without conditions: those may quote values.
        pub what: String,
        /// The table, by the name that it has in the statement.
        pub table: Option<String>,
        /// The index that is used.
        pub index: Option<String>,
        /// Is all of the table read?
        pub full_scan: bool,
        /// How many rows the database expects.
        pub rows: Option<u64>,
    }
}

plain! {
    /// How a database answers a statement, as it says when it is asked (`EXPLAIN`). No statement runs for it.
    #[derive(Debug, Clone, Default, PartialEq)]
    pub struct Plan {
        /// The steps, outermost first.
        pub steps: Vec<PlanStep>,
        /// What the database thinks that it costs, in units of its own. SQLite does not say.
        pub cost: Option<f64>,
    }
}

impl Plan {
    /// The step that reads a table, by the name that it has in the statement.
    pub(super) fn of(&self, table: &str) -> Option<&PlanStep> {
        self.steps.iter().find(|step| step.table.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(table)))
    }

    /// Does it sort rows that no index has in order?
    pub(super) fn sorts(&self) -> bool {
        self.steps
            .iter()
            .any(|step| step.what.contains("Sort") || step.what.contains("ORDER BY") || step.what == "filesort")
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            let join = if index == 0 { "" } else { "; " };
            write!(f, "{join}{}", step.what)?;
        }
        match self.cost {
            Some(cost) => write!(f, " (cost {cost:.0})"),
            None => Ok(()),
        }
    }
}
