//! How long a model's vectors are: as said, or as the first that was seen.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::failure::Fault;

/// How long the vectors of a model are; 0 as long as nobody knows.
#[derive(Debug)]
pub(super) struct Dimensions(AtomicUsize);

impl Dimensions {
    pub(super) const fn new(said: Option<usize>) -> Self {
        Self(AtomicUsize::new(match said {
            Some(said) => said,
            None => 0,
        }))
    }

    pub(super) fn known(&self) -> Option<usize> {
        Some(self.0.load(Ordering::Acquire)).filter(|known| *known > 0)
    }

    /// Is a vector of this length one of this model? The first decides.
    pub(super) fn check(&self, given: usize) -> Result<(), Fault> {
        let decided = || self.0.compare_exchange(0, given, Ordering::AcqRel, Ordering::Acquire).err();
        match self.known().or_else(decided) {
            Some(expected) if expected != given => Err(Fault::Length { expected, given }),
            _ => Ok(()),
        }
    }
}
