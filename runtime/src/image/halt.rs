//! Work that may be given up between two of its steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::fault::Fault;
use crate::error::Result;

/// Whether somebody still waits.
#[derive(Debug, Clone, Default)]
pub(super) struct Halt(Arc<AtomicBool>);

/// Gives up what is going on when it is dropped: whoever waited has gone away.
pub(super) struct Watch(Halt);

impl Halt {
    /// For work that goes on to its end.
    pub(super) fn never() -> Self {
        Self::default()
    }

    /// Somebody who waits, and what the work has to ask.
    pub(super) fn watched() -> (Watch, Self) {
        let halt = Self::default();
        (Watch(halt.clone()), halt)
    }

    /// Is it still wanted?
    pub(super) fn go_on(&self) -> Result<()> {
        if self.0.load(Ordering::Acquire) {
            return Err(Fault::GivenUp.error("nobody waits for this picture any more"));
        }
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Release);
    }
}
