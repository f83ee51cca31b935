//! The values that a statement is to be given.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{self, Value, ValueWithSpan, Visit, Visitor};

use crate::error::{Error, ErrorKind, Result};

/// How a statement's parameters are written, and how many values it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameters {
    /// `?`, in order, so many.
    InOrder(usize),
    /// `$1`, `?1`: up to this number, which may be used more than once.
    Numbered(usize),
    /// `:name`, `@name`, `$name`: these, in the order of their first use.
    Named(Vec<String>),
}

impl Parameters {
    /// How many values it takes.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::InOrder(count) | Self::Numbered(count) => *count,
            Self::Named(names) => names.len(),
        }
    }
}

pub(super) fn of(statement: &ast::Statement) -> Result<Parameters> {
    let mut found = Found::default();
    let _ = statement.visit(&mut found);
    let Found { in_order, numbers, names } = found;
    match (in_order, numbers.last(), names.is_empty()) {
        (count, None, true) => Ok(Parameters::InOrder(count)),
        (0, Some(&most), true) => {
            // A gap is most often a number that was mistyped.
            match (1..=most).find(|number| !numbers.contains(number)) {
                None => Ok(Parameters::Numbered(most)),
                Some(gap) => Err(Error::new(ErrorKind::Config, "a parameter is left out: number them from 1 on")
                    .with("missing", gap)),
            }
        }
        (0, None, false) => Ok(Parameters::Named(names)),
        _ => Err(Error::new(ErrorKind::Config, "parameters are written in two ways: use `?`, numbers or names")),
    }
}

#[derive(Default)]
struct Found {
    in_order: usize,
    numbers: BTreeSet<usize>,
    names: Vec<String>,
}

impl Visitor for Found {
    type Break = ();

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
        if let Value::Placeholder(text) = &value.value {
            let rest = text.trim_start_matches(['?', '$', ':', '@']);
            match (rest.is_empty(), rest.parse::<usize>()) {
                (true, _) => self.in_order += 1,
                (false, Ok(number)) => drop(self.numbers.insert(number)),
                (false, Err(_)) if self.names.iter().any(|name| name == rest) => {}
                (false, Err(_)) => self.names.push(rest.to_owned()),
            }
        }
        ControlFlow::Continue(())
    }
}
