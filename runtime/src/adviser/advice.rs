//! One piece of advice.

use std::fmt;

/// How grave something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Something is said that has no effect, or less than it seems to.
    Hint,
    /// It will cost more, or answer older values, than was probably meant.
    Warning,
    /// It endangers the process, or what it keeps.
    Danger,
}

/// Something in how a cache or a function is set up that is unsafe, contradictory or without effect.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advice {
    /// What it is about, in a word that stays the same: `near-over-memory`, `refresh-ahead-of-life`.
    pub id: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// The function that it is about, by its full name; none if it is about the whole cache.
    pub site: Option<String>,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl Advice {
    pub(super) fn hint(id: &'static str, message: impl Into<String>, remedy: &'static str) -> Self {
        Self { id, severity: Severity::Hint, site: None, message: message.into(), remedy }
    }

    pub(super) fn warning(id: &'static str, message: impl Into<String>, remedy: &'static str) -> Self {
        Self { severity: Severity::Warning, ..Self::hint(id, message, remedy) }
    }

    pub(super) fn danger(id: &'static str, message: impl Into<String>, remedy: &'static str) -> Self {
        Self { severity: Severity::Danger, ..Self::hint(id, message, remedy) }
    }

    pub(super) fn about(self, site: &str) -> Self {
        Self { site: Some(site.to_owned()), ..self }
    }
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Warning => "warning",
            Self::Danger => "danger",
        }
    }
}

/// On one line.
impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.severity.word(), self.id)?;
        if let Some(site) = &self.site {
            write!(f, " ({site})")?;
        }
        write!(f, ": {}; {}", self.message, self.remedy)
    }
}
