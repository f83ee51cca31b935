//! What became of the pictures of a batch.

use std::time::Duration;

use super::convert::{Kept, ratio};
use super::fault::Fault;
use crate::error::{Error, Result};

/// How far a batch has come, told after each picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchProgress {
    /// Pictures that were dealt with: converted, kept or failed.
    pub done: usize,
    /// All of them, as far as the iterator knows.
    pub total: Option<usize>,
    /// Those of the pictures dealt with that failed.
    pub failed: usize,
    /// Bytes of the originals that did not fail.
    pub bytes_in: usize,
    /// What is left of them.
    pub bytes_out: usize,
}

/// What became of all pictures.
#[derive(Debug)]
#[must_use = "pictures that failed are told here and nowhere else: see `complete`"]
#[non_exhaustive]
pub struct BatchReport<T> {
    /// One for each picture, in the order in which they were given. Errors name the `item`, its place from 0 on.
    pub results: Vec<Result<T>>,
    /// Pictures that are WebP now.
    pub converted: usize,
    /// Pictures whose original was kept, as WebP would have had no fewer bytes.
    pub kept: usize,
    /// Pictures that failed.
    pub failed: usize,
    /// Bytes of the originals that did not fail.
    pub bytes_in: usize,
    /// What is left of them.
    pub bytes_out: usize,
    /// How long it took.
    pub elapsed: Duration,
    total: Option<usize>,
    ended: usize,
}

/// What one picture weighed, and weighs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) kept: Kept,
}

impl<T> BatchReport<T> {
    pub(super) fn of((least, most): (usize, Option<usize>)) -> Self {
        Self {
            results: Vec::with_capacity(least.min(1 << 16)),
            converted: 0,
            kept: 0,
            failed: 0,
            bytes_in: 0,
            bytes_out: 0,
            elapsed: Duration::ZERO,
            total: most.filter(|most| *most == least),
            ended: 0,
        }
    }

    /// One more begins; its number.
    pub(super) fn begin(&mut self) -> usize {
        let item = self.results.len();
        // Stays only if the runtime ends before it.
        self.results
            .push(Err(Fault::GivenUp.error("the runtime ended before the picture was done").with("item", item)));
        self.failed += 1;
        item
    }

    pub(super) fn end(&mut self, item: usize, result: Result<(T, Size)>) {
        self.ended += 1;
        let result = result.map(|(value, size)| {
            self.failed -= 1;
            self.bytes_in += size.from;
            self.bytes_out += size.to;
            if size.is_new() {
                self.converted += 1;
            } else {
                self.kept += 1;
            }
            value
        });
        self.results[item] = result;
    }

    /// How many succeeded: those that are WebP now, and those whose original was kept.
    #[must_use]
    pub const fn done(&self) -> usize {
        self.converted + self.kept
    }

    /// What is left of the originals' bytes, together: 0.25 is a quarter of them. Pictures that failed do not count.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        ratio(self.bytes_in, self.bytes_out)
    }

    /// The part of the originals' bytes that is saved, `1.0 - ratio`.
    #[must_use]
    pub fn saving(&self) -> f64 {
        1.0 - self.ratio()
    }

    /// Those that failed, with their places.
    pub fn failures(&self) -> impl Iterator<Item = (usize, &Error)> {
        self.results.iter().enumerate().filter_map(|(item, result)| Some((item, result.as_ref().err()?)))
    }

    /// All pictures, if none failed.
    ///
    /// # Errors
    /// That of the first that failed.
    pub fn complete(self) -> Result<Vec<T>> {
        self.results.into_iter().collect()
    }

    pub(super) fn progress(&self) -> BatchProgress {
        BatchProgress {
            done: self.ended,
            total: self.total,
            failed: self.ended - self.done(),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
        }
    }
}
