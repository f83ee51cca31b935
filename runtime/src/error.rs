//! What can go wrong in the cache itself, said so that an operator can act on it.
//!
//! A cache failure is never the caller's failure: these errors come out of configuration, of the imperative door where
//! a caller asked for the cache and not for a value, and of tiers; a cached function only ever returns its own errors
//! (and, when it asked for a hard `timeout` or a `rate`, [`ErrorKind::Timeout`] and [`ErrorKind::Rate`] turned into its own
//! error type).

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// The result of a cache operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the cache: a kind to match on, a sentence to read, and the named things it is about.
///
/// Cheap to clone (the source is shared), because one failed load is told to everyone who waited for it.
#[derive(Clone)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    context: Vec<(&'static str, String)>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What sort of failure an [`Error`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting is wrong; the `setting` context names it.
    Config,
    /// A tier did not answer, or answered with a failure of its own.
    Tier,
    /// A tier did not answer in time.
    Deadline,
    /// A tier is left alone for now, because it failed several times in a row.
    Open,
    /// A database answered, with an error: see [`database::cause`](crate::database::cause).
    Database,
    /// A database is away, or its connection was lost.
    Connection,
    /// All connections to a database are at work.
    Busy,
    /// The part of a tier that holds this key is away; the other parts answer.
    Partial,
    /// A frame is corrupt, foreign, of another schema or of an unknown version.
    Frame,
    /// A value could not be encoded or decoded.
    Codec,
    /// A value or key is over its limit.
    TooLarge,
    /// A load did not finish within the site's hard `timeout`.
    Timeout,
    /// A load was not begun, because the site's `rate` was spent.
    Rate,
    /// A load panicked.
    Panic,
    /// A bounded queue is full.
    Full,
    /// The cache was shut down.
    Closed,
    /// The handle may not do that; the `right`, `namespace` and `rules` contexts say why.
    Denied,
}

impl ErrorKind {
    /// The word used for this kind in logs and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Tier => "tier",
            Self::Deadline => "deadline",
            Self::Open => "open",
            Self::Database => "database",
            Self::Connection => "connection",
            Self::Busy => "busy",
            Self::Partial => "partial",
            Self::Frame => "frame",
            Self::Codec => "codec",
            Self::TooLarge => "too_large",
            Self::Timeout => "timeout",
            Self::Rate => "rate",
            Self::Panic => "panic",
            Self::Full => "full",
            Self::Closed => "closed",
            Self::Denied => "denied",
        }
    }
}

impl Error {
    /// An error of this kind with a sentence that says what happened and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), context: Vec::new(), source: None }
    }

    /// A configuration error about one setting.
    pub fn config(setting: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message).with("setting", setting)
    }

    /// The same error with one more named thing it is about. Never a value, a secret or a whole key.
    #[must_use]
    pub fn with(mut self, name: &'static str, what: impl std::fmt::Display) -> Self {
        self.context.push((name, format!("{what}")));
        self
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// What sort of failure this is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The sentence alone.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The named thing, if this error is about one of that name.
    #[must_use]
    pub fn context(&self, name: &str) -> Option<&str> {
        self.context.iter().find(|(n, _)| *n == name).map(|(_, what)| what.as_str())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (i, (name, what)) in self.context.iter().enumerate() {
            write!(f, "{}{name}: {what}", if i == 0 { " (" } else { ", " })?;
        }
        if self.context.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, message, context, source } = self;
        let mut out = f.debug_struct("Error");
        out.field("kind", kind).field("message", message);
        for (name, what) in context {
            out.field(name, what);
        }
        if let Some(source) = source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|s| s as &(dyn StdError + 'static))
    }
}
