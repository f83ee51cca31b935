//! How a call of a test fails: by its source, or by the cache.

use cached_runtime::{Error, ErrorKind};

use crate::rig::Down;

/// A load failed, or was not begun.
#[derive(Debug, Clone)]
pub(crate) enum Failed {
    Source,
    Cache(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Cache(error)
    }
}

impl From<Down> for Failed {
    fn from(Down: Down) -> Self {
        Self::Source
    }
}

impl Failed {
    /// Is it the cache's, of this kind?
    pub(crate) fn is(&self, kind: ErrorKind) -> bool {
        matches!(self, Self::Cache(error) if error.kind() == kind)
    }

    pub(crate) fn error(self) -> Error {
        match self {
            Self::Cache(error) => error,
            Self::Source => panic!("the source has failed, and not the budget"),
        }
    }
}

/// Cannot be cloned.
#[derive(Debug)]
pub(crate) struct Unshared(pub(crate) Failed);

impl From<Error> for Unshared {
    fn from(error: Error) -> Self {
        Self(error.into())
    }
}
