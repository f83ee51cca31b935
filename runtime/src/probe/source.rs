//! Where does a query's answer come from: from a `Database` that knows its name and its cache, or from somewhere else?

use crate::own::Argument;
use crate::which::{Source, Which};

/// From a database that does.
pub trait Source0<'a> {
    /// What it is called.
    fn name(&self, otherwise: &'a str) -> &'a str;
    /// Which cache its answers are kept in.
    fn which(&self, said: Which<'a>) -> Which<'a>;
}

impl<'a, T: Source + ?Sized> Source0<'a> for &Argument<'a, T> {
    fn name(&self, _: &'a str) -> &'a str {
        self.0.name()
    }

    fn which(&self, said: Which<'a>) -> Which<'a> {
        self.0.which(said)
    }
}

/// From any other.
pub trait Source1<'a> {
    /// As the attribute says.
    fn name(&self, otherwise: &'a str) -> &'a str {
        otherwise
    }
    /// As the attribute says.
    fn which(&self, said: Which<'a>) -> Which<'a> {
        said
    }
}

impl<'a, T: ?Sized> Source1<'a> for Argument<'a, T> {}

/// A database as a part of a key; all else is one as it is.
pub trait Identity0<'a> {
    /// Its name.
    fn part(&self) -> &'a str;
}

impl<'a, T: Source + ?Sized> Identity0<'a> for &&Argument<'a, T> {
    fn part(&self) -> &'a str {
        self.0.name()
    }
}

/// Who may be left out of the key of a query: no database.
#[diagnostic::on_unimplemented(
    message = "a database cannot be skipped: another one, or a transaction, would be given its answers",
    label = "is part of the key by its name",
    note = "take the argument out of `skip(..)`"
)]
pub trait Skippable {}

/// A database that was skipped.
pub trait Skipped0 {
    /// What is asked about.
    type Of: ?Sized;
    /// It may not be.
    fn skippable(&self)
    where
        Self::Of: Skippable,
    {
    }
}

impl<T: Source + ?Sized> Skipped0 for &Argument<'_, T> {
    type Of = T;
}

/// Anything else that was.
pub trait Skipped1 {
    /// It may be.
    fn skippable(&self) {}
}

impl<T: ?Sized> Skipped1 for Argument<'_, T> {}
