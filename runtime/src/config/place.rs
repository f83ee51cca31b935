//! Where something was said.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Longer names are cut when they are shown.
const LONGEST: usize = 120;

/// Where a value comes from. It is shown without the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A key of a file.
    File { file: Arc<Path>, key: String },
    /// A variable of the environment.
    Variable(String),
    /// A provider of a `Figment`, and a key there.
    Figment { provider: String, key: String },
}

impl Place {
    /// Is this a variable that another program may have meant?
    pub(super) fn is_anybodys(&self) -> bool {
        matches!(self, Self::Variable(name) if !name.starts_with("CACHED_"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, key } => write!(f, "`{key}` in {}", shown(&file.display().to_string())),
            Self::Variable(name) => write!(f, "the variable {}", shown(name)),
            Self::Figment { provider, key } => write!(f, "`{key}` of {provider}"),
        }
    }
}

/// A text that somebody else wrote, short and on one line.
pub(super) fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().count() > LONGEST {
        out.push('…');
    }
    out
}

/// A path of keys as TOML writes it.
pub(super) fn written<S: AsRef<str>>(path: &[S]) -> String {
    let is_bare = |key: &str| {
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
    };
    let key = |key: &S| {
        let key = key.as_ref();
        if is_bare(key) { shown(key) } else { format!("\"{}\"", shown(key)) }
    };
    path.iter().map(key).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_strangers_are_short_and_on_one_line() {
        assert_eq!(written(&["sites", "app.video", "ttl"]), "sites.\"app.video\".ttl");
        assert_eq!(written(&["a\nb\u{1b}[31m"]), "\"a\\nb\\u{1b}[31m\"");
        assert!(shown(&"x".repeat(10_000)).len() < 2 * LONGEST);
    }
}
