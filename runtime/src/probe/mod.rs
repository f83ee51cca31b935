//! What generated code asks the compiler about a key part or a return type, so that one mistake is one error, in our
//! words, where the user's type stands.
//!
//! Every question has two answers. The first is the real one, for types that fit. The second is for all types, with a
//! bound on its method: the compiler reports the bound, once, and goes on with a stand-in of which nothing else is wrong.

mod kept;
mod open;
mod part;
mod source;

use crate::call::Options;
use crate::outcome::{Probe, Shape};

pub use kept::{Asked, Both1, Err2, Framed0, Framed1, Kept0, Kept1, None2};
pub use open::{Open0, Open1};
pub use part::{Part0, Part1};
pub use source::{Identity0, Skipped0, Skipped1, Source0, Source1};

/// Options for the values that this shape keeps.
pub fn options<R, S: Shape<R>>(_: S) -> Options<S::Kept, R> {
    Options::new()
}

/// Did the body of an `#[invalidate]` function succeed? A `Result` says so itself.
pub trait Succeeded0<R> {
    /// Is it `Ok`?
    fn succeeded(&self, result: &R) -> bool;
}

impl<T, E> Succeeded0<Result<T, E>> for &Probe<Result<T, E>> {
    fn succeeded(&self, result: &Result<T, E>) -> bool {
        result.is_ok()
    }
}

/// Everything else succeeds by returning.
pub trait Succeeded1<R> {
    /// Always.
    fn succeeded(&self, result: &R) -> bool;
}

impl<R> Succeeded1<R> for Probe<R> {
    fn succeeded(&self, _: &R) -> bool {
        true
    }
}
