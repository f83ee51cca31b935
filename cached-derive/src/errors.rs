//! Errors are collected, never returned one at a time: all mistakes of one attribute are shown together.

use std::fmt::Display;

use proc_macro2::Span;
use syn::{Error, Result};

/// The mistakes found so far.
#[derive(Debug, Default)]
#[must_use = "errors that nobody looks at are lost"]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    /// One more mistake.
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            none => *none = Some(error),
        }
    }

    /// One more mistake, at this place.
    pub(crate) fn at(&mut self, span: Span, message: impl Display) {
        self.push(Error::new(span, message));
    }

    /// The value, or nothing and its mistake is kept.
    pub(crate) fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// All mistakes, if there are any.
    pub(crate) fn finish(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
