//! A failure of an engine, and what it says about the store.

use std::error::Error as StdError;
use std::io;
#[cfg(any(feature = "disk", feature = "sqlite"))]
use std::path::Path;

use crate::error::{Error, ErrorKind};

/// What a failure says about the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Harm {
    /// It may pass: a lock, a full disk, no permission. The store stays as it is.
    Passing,
    /// The handle is of no use any more; what is stored may be sound.
    Handle,
    /// What is stored cannot be trusted.
    Damage,
}

/// A failure of an engine.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) harm: Harm,
    kind: ErrorKind,
    message: &'static str,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The engine panicked: it may have left anything behind.
#[cfg(feature = "disk")]
pub(super) const PANICKED: Fault = Fault::new(Harm::Damage, "the engine panicked; the store is set aside");

/// Something stored has a form that nobody writes.
#[cfg(any(feature = "disk", feature = "sqlite"))]
pub(super) const STRANGE: Fault = Fault::new(Harm::Damage, "the store holds something strange; it is set aside");

/// A key that the engine cannot take.
#[cfg(any(feature = "disk", feature = "_server"))]
pub(super) const LONG: Fault = Fault {
    harm: Harm::Passing,
    kind: ErrorKind::TooLarge,
    message: "the key is empty or too long for the store",
    source: None,
};

impl Fault {
    pub(super) const fn new(harm: Harm, message: &'static str) -> Self {
        Self { harm, kind: ErrorKind::Tier, message, source: None }
    }

    pub(super) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same failure as another kind of error.
    #[cfg(feature = "_server")]
    pub(super) const fn of(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// What happened, and what to do.
    pub(super) const fn message(&self) -> &'static str {
        self.message
    }

    /// The error to answer with, for a store at this path.
    #[cfg(any(feature = "disk", feature = "sqlite"))]
    pub(super) fn into_error(self, path: &Path) -> Error {
        self.at("path", path.display())
    }

    /// The error to answer with, for a store in this place.
    pub(super) fn at(self, name: &'static str, place: impl std::fmt::Display) -> Error {
        let error = Error::new(self.kind, self.message).with(name, place);
        match self.source {
            Some(source) => error.because(source),
            None => error,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(source: io::Error) -> Self {
        let (harm, message) = io_harm(&source);
        Self::new(harm, message).because(source)
    }
}

/// What a failure of the file system says about the store.
pub(super) fn io_harm(e: &io::Error) -> (Harm, &'static str) {
    use io::ErrorKind as K;
    match e.kind() {
        K::NotFound | K::UnexpectedEof | K::InvalidData | K::NotADirectory | K::IsADirectory | K::InvalidInput => {
            (Harm::Damage, "files of the store are missing or cut short; it is set aside and begun anew")
        }
        K::StorageFull | K::QuotaExceeded => (Harm::Passing, "the disk is full; make room for the store"),
        K::PermissionDenied | K::ReadOnlyFilesystem => {
            (Harm::Passing, "the store's files cannot be written; check its owner and permissions")
        }
        _ => (Harm::Passing, "the disk failed to read or write"),
    }
}
